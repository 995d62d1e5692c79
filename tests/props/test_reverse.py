"""After any history of updates, PTR records are true where bossa keeps them, and as they were where others do."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.dns import names, types
from bossa.dns.lookup import Zones
from bossa.dns.zone import Mark, Origin
from tests.unit.dns.reversal import FORWARD, REVERSE4, REVERSE6, change, zones

# Few, so that they meet.
_OWNERS = ("a", "a", "b", "b", "*", "@")
_ADDRESSES = ("A 10.0.0.1", "A 10.0.1.2", "AAAA 2001:db8::1")
# What else may stand in a reverse zone, by whom.
_FOREIGN = ("1.0.0 PTR a.t.", "2.1.0 PTR z.t.", "2.1.0 CNAME x.elsewhere.", "1.0.0 PTR z.t.", "0 NS ns.elsewhere.")
_SIXTH = "1" + ".0" * 23 + " PTR a.t."

_owner = st.sampled_from(_OWNERS)
_address = st.sampled_from(_ADDRESSES)
_ttl = st.sampled_from((60, 300))
_addition = st.builds("+ {} {} {}".format, _owner, _ttl, _address)
_deletion = st.builds("- {} {}".format, _owner, _address)
_alias = st.builds("+ {} 60 CNAME a.t.".format, _owner.filter(lambda owner: owner != "@"))
_line = _addition | _addition | _deletion | st.builds("- {}".format, _owner) | _alias
_update = st.tuples(
    st.just(FORWARD), st.sampled_from((Origin.UPDATE, Origin.COMMAND)), st.lists(_line, min_size=1, max_size=4)
)
_foreign_line = st.sampled_from(_FOREIGN).flatmap(
    lambda text: st.sampled_from(("+ " + " 7 ".join(text.split(maxsplit=1)), "- " + text))
)
_foreign = st.tuples(
    st.just(REVERSE4),
    st.sampled_from((Origin.COMMAND, Origin.FILE, Origin.UPDATE, Origin.SYSTEM)),
    st.lists(_foreign_line, max_size=2),
)
_history = st.lists(_update | _update | _update | _foreign, min_size=3, max_size=20)


def _ptrs(known: Zones) -> Iterator[tuple[bytes, bytes, Mark]]:
    for apex in (REVERSE4, REVERSE6):
        for owner, rrset in known[apex].rrsets():
            if rrset.type == types.PTR:
                yield from ((owner, target, mark) for target, mark in zip(rrset.rdatas, rrset.marks, strict=True))


def _reverse_names(known: Zones, name: bytes) -> set[bytes]:
    found = known[FORWARD].node(name)
    held = (rdata for rrset in found if rrset.type in (types.A, types.AAAA) for rdata in rrset.rdatas)
    return {names.reverse(str(ipaddress.ip_address(rdata))) for rdata in held}


@settings(max_examples=200)
@given(_history)
def test_every_ptr_of_ours_points_to_a_name_that_holds_the_address(
    history: list[tuple[bytes, Origin, list[str]]],
) -> None:
    known = zones()
    for stamp, (apex, origin, lines) in enumerate(history):
        change(known, *lines, apex=apex, origin=origin, stamp=stamp)
        for owner, target, mark in _ptrs(known):
            if mark.origin == Origin.PTR:
                assert owner in _reverse_names(known, target)


@settings(max_examples=200)
@given(_history)
def test_no_history_of_the_forward_zone_touches_what_others_put_into_a_reverse_zone(
    history: list[tuple[bytes, Origin, list[str]]],
) -> None:
    known = zones(reverse4="1.0.0 PTR a.t.\n2.1.0 PTR b.t.\n", reverse6=_SIXTH)
    for stamp, (apex, origin, lines) in enumerate(history):
        before = {one for one in _ptrs(known) if one[2].origin != Origin.PTR}
        aliases = {owner for owner, rrset in known[REVERSE4].rrsets() if rrset.type == types.CNAME}
        change(known, *lines, apex=apex, origin=origin, stamp=stamp)
        if apex == FORWARD:
            assert {one for one in _ptrs(known) if one[2].origin != Origin.PTR} == before
            assert {owner for owner, rrset in known[REVERSE4].rrsets() if rrset.type == types.CNAME} == aliases


@settings(max_examples=200)
@given(_history)
def test_no_address_has_two_names_of_ours(history: list[tuple[bytes, Origin, list[str]]]) -> None:
    known = zones()
    for stamp, (apex, origin, lines) in enumerate(history):
        change(known, *lines, apex=apex, origin=origin, stamp=stamp)
    ours = [owner for owner, _, mark in _ptrs(known) if mark.origin == Origin.PTR]
    assert len(ours) == len(set(ours))
