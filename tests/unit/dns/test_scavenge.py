"""Scavenging: when a stamp is renewed, when a record is stale, and what a sweep takes."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import names, rdata, scavenge, types
from bossa.dns.changes import Draft
from bossa.dns.policy import Caller, Rules, parse_rule
from bossa.dns.ports import RuleRow, ZoneOptions
from bossa.dns.scavenge import Windows
from bossa.dns.update import Update, UpdateRecord, decide
from bossa.dns.zone import Mark, Origin, RRset, Step, Zone
from tests.unit.dns.specimens import zone

APEX = names.from_text("t.")
TIMES = Windows(100, 50)
BEGIN = 1_800_000_000
RULES = Rules((parse_rule(RuleRow(who="key:k", scope="zone", types=("ANY",))),))
CALLER = Caller(ipaddress.ip_address("192.0.2.1"), names.from_text("k."))


def with_record(
    owner: str, rtype: int, data: str, origin: Origin = Origin.UPDATE, stamp: int = BEGIN, text: str = ""
) -> Zone:
    """Return a zone with a record of an origin and a stamp."""
    made, key = zone("t.", text), names.from_text(owner, APEX)
    made.put(key, rtype, RRset(rtype, 60, (rdata.parse(rtype, data, APEX),), (Mark(origin, stamp),)))
    return made


def updated(ground: Zone, now: int, *lines: str) -> Step | None:
    """Have an update decided that adds (+) and deletes (-) A records of ``ws``."""
    owner, records = names.from_text("ws", APEX), []
    for line in lines:
        rclass = {"+": types.IN, "-": types.CLASS_NONE, "--": types.CLASS_ANY}[line.split()[0]]
        data = rdata.parse(types.A, line.split()[1]) if rclass != types.CLASS_ANY else b""
        records.append(UpdateRecord(owner, types.A, rclass, 60 if rclass == types.IN else 0, data))
    draft = Draft(ground)
    decide(Update(APEX, (), tuple(records)), draft, RULES, CALLER, Mark(Origin.UPDATE, now))
    scavenge.keep_stamps(records, draft, TIMES, now)
    return draft.close()


@pytest.mark.parametrize(
    ("origin", "age", "renewed", "stale"),
    [
        (Origin.UPDATE, 0, False, False),
        (Origin.UPDATE, 99, False, False),
        (Origin.UPDATE, 100, True, False),
        (Origin.UPDATE, 149, True, False),
        (Origin.UPDATE, 150, True, True),
        (Origin.UPDATE, -1, True, False),
        *((one, 1_000_000, False, False) for one in Origin if one is not Origin.UPDATE),
    ],
)
def test_the_life_of_a_stamp(origin: Origin, age: int, renewed: bool, stale: bool) -> None:
    mark = Mark(origin, BEGIN)
    assert scavenge.is_renewed(mark, TIMES, BEGIN + age) is renewed
    assert scavenge.is_stale(mark, TIMES, BEGIN + age) is stale


@pytest.mark.parametrize(
    "lines", [("+ 10.0.0.1",), ("-- all", "+ 10.0.0.1"), ("- 10.0.0.1", "+ 10.0.0.1")], ids=" ".join
)
def test_a_repeat_is_nothing_to_store_within_no_refresh_and_a_stamp_without_a_serial_after(
    lines: tuple[str, ...],
) -> None:
    ground = with_record("ws", types.A, "10.0.0.1")
    assert updated(ground, BEGIN + 99, *lines) is None
    step = updated(ground, BEGIN + 100, *lines)
    assert step is not None
    assert step.serial_from == step.serial_to
    [change] = step.changes
    assert change.after is not None
    assert change.after.marks == (Mark(Origin.UPDATE, BEGIN + 100),)


def test_only_what_is_repeated_is_renewed() -> None:
    ground, owner = zone("t.", ""), names.from_text("ws", APEX)
    rdatas = tuple(rdata.parse(types.A, one) for one in ("10.0.0.1", "10.0.0.2"))
    ground.put(owner, types.A, RRset(types.A, 60, rdatas, (Mark(Origin.UPDATE, BEGIN),) * 2))
    step = updated(ground, BEGIN + 120, "+ 10.0.0.2", "+ 10.0.0.3")
    assert step is not None
    after = next(change.after for change in step.changes if change.type == types.A)
    assert after is not None
    assert [mark.stamp - BEGIN for mark in after.marks] == [0, 120, 120]
    assert step.serial_to == step.serial_from + 1


@pytest.mark.parametrize("origin", [Origin.FILE, Origin.COMMAND, Origin.SYSTEM])
@pytest.mark.parametrize("lines", [("+ 10.0.0.1",), ("-- all", "+ 10.0.0.1")], ids=" ".join)
def test_a_repeat_makes_no_record_of_an_administrator_one_of_updates(origin: Origin, lines: tuple[str, ...]) -> None:
    assert updated(with_record("ws", types.A, "10.0.0.1", origin), BEGIN + 1000, *lines) is None


def test_a_sweep_takes_stale_records_in_one_step_and_leaves_the_rest() -> None:
    ground = with_record("old", types.A, "10.0.0.1", text="kept A 10.0.0.9\n")
    owner, fresh = names.from_text("both", APEX), Mark(Origin.UPDATE, BEGIN + 200)
    rdatas = tuple(rdata.parse(types.A, one) for one in ("10.0.0.1", "10.0.0.2"))
    ground.put(owner, types.A, RRset(types.A, 60, rdatas, (Mark(Origin.UPDATE, BEGIN), fresh)))
    now = BEGIN + 201
    stale = list(scavenge.find(APEX, ground.nodes.items(), TIMES, now))
    draft = Draft(ground)
    assert scavenge.sweep(draft, [one.owner for one in stale], TIMES, now) == stale
    step = draft.close()
    assert step is not None
    assert step.serial_to == step.serial_from + 1
    ground.apply(step.changes)
    assert not ground.exists(names.from_text("old", APEX))
    left = ground.find(owner, types.A)
    assert left is not None
    assert (left.rdatas, left.marks) == ((rdatas[1],), (fresh,))
    assert ground.find(names.from_text("kept", APEX), types.A) is not None
    assert not list(scavenge.find(APEX, ground.nodes.items(), TIMES, now))


def test_a_sweep_leaves_what_was_renewed_since_it_looked() -> None:
    ground = with_record("ws", types.A, "10.0.0.1", stamp=BEGIN)
    [stale] = scavenge.find(APEX, ground.nodes.items(), TIMES, BEGIN + 150)
    draft = Draft(ground)
    owner = stale.owner
    renewed = RRset(types.A, 60, (stale.rdata,), (Mark(Origin.UPDATE, BEGIN + 150),))
    draft.put(owner, types.A, renewed)
    assert scavenge.sweep(draft, [owner], TIMES, BEGIN + 150) == []
    assert draft.find(owner, types.A) == renewed


def test_soa_and_ns_of_the_zone_stay_whoever_put_them_there() -> None:
    ground = with_record("@", types.NS, "ns9")
    below = names.from_text("sub", APEX)
    ground.put(below, types.NS, RRset(types.NS, 60, (APEX,), (Mark(Origin.UPDATE, BEGIN),)))
    assert [one.owner for one in scavenge.find(APEX, ground.nodes.items(), TIMES, BEGIN + 1000)] == [below]


@pytest.mark.parametrize(
    ("options", "swept"),
    [
        (ZoneOptions(), False),
        (ZoneOptions(scavenge=True), True),
        (ZoneOptions(scavenge=True, primaries=("192.0.2.1",)), False),
    ],
)
def test_a_zone_is_swept_where_it_is_switched_on_and_ours(options: ZoneOptions, swept: bool) -> None:
    assert scavenge.is_swept(options) is swept


def test_both_windows_last_a_week_unless_told_and_a_sweep_comes_each_hour() -> None:
    assert scavenge.windows(ZoneOptions()) == (7 * 86400, 7 * 86400)
    assert scavenge.windows(ZoneOptions()).pause == 3600
    assert Windows(0, 5).pause == 5
