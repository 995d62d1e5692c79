"""A secondary ends with what its primary has, whatever happened there; and no octets make it stumble."""

from __future__ import annotations

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.dns import incoming, names, transfer, types
from bossa.dns.changes import Draft, records
from bossa.dns.errors import TransferFailed
from bossa.dns.incoming import Increment, Transfer, Whole
from bossa.dns.message import Message
from bossa.dns.ports import HistoryStep
from bossa.dns.zone import Mark, Origin, Record, RRset, Step, Zone
from tests.unit.dns.specimens import MARK, zone

APEX = names.from_text("t.")
OURS = Mark(Origin.PRIMARY, 7)
OWNERS = [names.from_text(text, APEX) for text in ("a", "b", "c.b")]

# One change: an owner, a type, a TTL, and the data of its RRset afterwards.
CHANGES = st.tuples(
    st.sampled_from(OWNERS),
    st.sampled_from([types.A, types.TXT]),
    st.sampled_from([60, 300]),
    st.sets(st.sampled_from([b"\x03abc", b"\x03abd", b"\x03xyz"]), max_size=3),
)
HISTORIES = st.lists(st.lists(CHANGES, min_size=1, max_size=4), min_size=1, max_size=6)


def change(served: Zone, changes: list[tuple[bytes, int, int, set[bytes]]]) -> Step | None:
    draft = Draft(served)
    for owner, rtype, ttl, data in changes:
        rdatas = tuple(sorted(one + b"\0" * (rtype == types.TXT) for one in data))
        wire = tuple(one[:4] if rtype == types.A else one for one in rdatas)
        draft.put(owner, rtype, RRset(rtype, ttl, wire, (MARK,) * len(wire)) if wire else None)
    step = draft.close()
    if step is not None:
        served.apply(step.changes)
    return step


def told(step: Step) -> HistoryStep:
    """Return what the history keeps of a step."""
    deleted: list[Record] = []
    added: list[Record] = []
    for one in step.changes:
        if one.type != types.SOA:
            before, after = records(one.owner, one.before), records(one.owner, one.after)
            deleted += [record for record in before if record not in after]
            added += [record for record in after if record not in before]
    return HistoryStep(step.serial_from, step.serial_to, tuple(deleted), tuple(added))


def shown(served: Zone) -> set[tuple[bytes, int, int, frozenset[bytes]]]:
    return {(owner, rrset.type, rrset.ttl, frozenset(rrset.rdatas)) for owner, rrset in served.rrsets()}


@given(HISTORIES)
def test_an_increment_makes_the_old_zone_into_the_new_one(
    history: list[list[tuple[bytes, int, int, set[bytes]]]],
) -> None:
    served, copy = zone("t.", "a A 10.0.0.1"), zone("t.", "a A 10.0.0.1")
    steps = [told(step) for changes in history if (step := change(served, changes)) is not None]
    asked = incoming.query(APEX, types.IXFR, 1, copy.soa_rrset)
    reading = Transfer(APEX, asked, copy.serial, OURS)
    for wire in transfer.messages(Message.decode(asked), transfer.increment(served, copy.serial, steps)):
        reading.take(wire, None, 0)
    if not steps:
        assert reading.content == incoming.Current(copy.serial)
        return
    assert isinstance(reading.content, Increment)
    for step in reading.content.steps:
        draft = Draft(copy)
        incoming.take_step(step, draft, OURS)
        made = draft.close()
        assert made is not None
        copy.apply(made.changes)
    assert shown(copy) == shown(served)
    assert copy.serial == served.serial


@given(HISTORIES)
def test_a_whole_zone_makes_any_zone_into_the_new_one(history: list[list[tuple[bytes, int, int, set[bytes]]]]) -> None:
    served, copy = zone("t.", "a A 10.0.0.1"), zone("t.", "old A 10.0.0.1\na A 10.0.0.9")
    for changes in history:
        change(served, changes)
    asked = incoming.query(APEX, types.AXFR, 1)
    reading = Transfer(APEX, asked, None, OURS)
    for wire in transfer.messages(Message.decode(asked), transfer.whole(served)):
        reading.take(wire, None, 0)
    assert isinstance(reading.content, Whole)
    copy.apply(incoming.differences(copy, reading.content.rrsets))
    assert shown(copy) == shown(served)


@settings(max_examples=300)
@given(st.binary(max_size=80), st.integers(0, 200), st.integers(0, 255), st.booleans())
def test_no_octets_make_a_transfer_stumble(extra: bytes, place: int, octet: int, incremental: bool) -> None:
    served = zone("t.", "a A 10.0.0.1\nb MX 10 a\nc TXT text")
    asked = incoming.query(
        APEX, types.IXFR if incremental else types.AXFR, 1, served.soa_rrset if incremental else None
    )
    (wire,) = transfer.messages(Message.decode(asked), transfer.whole(served))
    place %= len(wire)
    for changed in (extra, wire[:place] + bytes((octet,)) + wire[place + 1 :], wire[:place] + extra + wire[place:]):
        with contextlib.suppress(TransferFailed):
            Transfer(APEX, asked, 9 if incremental else None, OURS).take(changed, None, 0)
