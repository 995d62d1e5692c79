"""After any history of updates and sweeps, a record is there exactly as long as somebody repeats it in time."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from bossa.dns import names, rdata, scavenge, types
from bossa.dns.changes import Draft
from bossa.dns.policy import Caller, Rules, parse_rule
from bossa.dns.ports import RuleRow
from bossa.dns.scavenge import Windows
from bossa.dns.update import Update, UpdateRecord, decide
from bossa.dns.zone import Mark, Origin, Zone
from tests.unit.dns.specimens import zone

_APEX = names.from_text("t.")
_TIMES = Windows(10, 5)
_RULES = Rules((parse_rule(RuleRow(who="key:k", scope="zone")),))
_CALLER = Caller(ipaddress.ip_address("192.0.2.1"), names.from_text("k."))
# Few, so that they meet; the last stands there by a file's word.
_DATA = tuple(rdata.parse(types.A, f"10.0.0.{last}") for last in (1, 2, 9))
_OWNER = names.from_text("ws.t.")

_wait = st.tuples(st.just("wait"), st.integers(0, 20))
_add = st.tuples(st.just("add"), st.integers(0, 2))
_again = st.tuples(st.just("again"), st.integers(0, 2))
_sweep = st.just(("sweep", 0))
_history = st.lists(_wait | _add | _again | _sweep, max_size=30)


def _updated(ground: Zone, data: bytes, now: int, *, delete: bool) -> None:
    added = UpdateRecord(_OWNER, types.A, types.IN, 600, data)
    gone = UpdateRecord(_OWNER, types.A, types.CLASS_NONE, 0, data)
    records, draft = (gone, added) if delete else (added,), Draft(ground)
    decide(Update(_APEX, (), records), draft, _RULES, _CALLER, Mark(Origin.UPDATE, now))
    scavenge.keep_stamps(records, draft, _TIMES, now)
    if (step := draft.close()) is not None:
        ground.apply(step.changes)


def _swept(ground: Zone, now: int) -> None:
    owners = [one.owner for one in scavenge.find(_APEX, ground.nodes.items(), _TIMES, now)]
    draft = Draft(ground)
    scavenge.sweep(draft, owners, _TIMES, now)
    step = draft.close()
    assert (step is None) == (not owners)
    if step is not None:
        assert step.serial_to == step.serial_from + 1
        ground.apply(step.changes)


@given(_history)
def test_a_record_lives_as_long_as_its_stamp_is_kept_young(history: list[tuple[str, int]]) -> None:
    ground, now = zone("t.", "ws A 10.0.0.9\n"), 1_800_000_000
    stamps: dict[bytes, int] = {}
    for what, which in history:
        if what == "wait":
            now += which
        elif what == "sweep":
            _swept(ground, now)
            stamps = {data: stamp for data, stamp in stamps.items() if now - stamp < sum(_TIMES)}
        else:
            data = _DATA[which]
            _updated(ground, data, now, delete=what == "again")
            if data != _DATA[2] and now - stamps.get(data, 0) >= _TIMES.no_refresh:
                stamps[data] = now
        rrset = ground.find(_OWNER, types.A)
        assert rrset is not None
        found = dict(zip(rrset.rdatas, rrset.marks, strict=True))
        assert found.pop(_DATA[2]).origin is Origin.FILE
        assert found == {data: Mark(Origin.UPDATE, stamp) for data, stamp in stamps.items()}
