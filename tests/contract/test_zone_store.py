"""What every ZoneStore does, the memory fake included."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bossa.dns import types
from bossa.dns.ports import HistoryStep, KeyRow, RuleRow, ZoneOptions, ZoneStore
from bossa.dns.zone import Mark, Origin, Record, RRset
from tests.contract.specimens import APEX, MARK, OTHER, a, add_host, change, fresh_zone, host, soa, step

OPTIONS = ZoneOptions(allow_transfer=("key:peer",), history=3, scavenge=True, no_refresh=0, refresh=7)


def _create(zones: ZoneStore, apex: bytes = APEX, options: ZoneOptions = OPTIONS) -> None:
    asyncio.run(zones.create(apex, options, fresh_zone(apex=apex)))


def _loaded(zones: ZoneStore, apex: bytes = APEX) -> dict[tuple[bytes, int], RRset]:
    return {(owner, rrset.type): rrset for owner, rrset in zones.load(apex)}


def test_empty_store_has_nothing(zones: ZoneStore) -> None:
    assert (zones.zones(), list(zones.load(APEX)), zones.tsig_keys(), zones.rules()) == ([], [], [], {})


def test_zone_comes_back_as_it_was_created(zones: ZoneStore) -> None:
    _create(zones)
    assert zones.zones() == [(APEX, OPTIONS)]
    assert _loaded(zones) == {(owner, rrset.type): rrset for owner, rrset in fresh_zone()}


def test_root_zone_and_odd_octets_in_names_are_stored(zones: ZoneStore) -> None:
    odd = b"\x03\x00.\xff\x00"
    for apex in (b"\x00", odd):
        _create(zones, apex)
        assert (apex, types.SOA) in _loaded(zones, apex)
    assert [apex for apex, _ in zones.zones()] == sorted([b"\x00", odd])


def test_order_of_rdata_and_each_mark_are_kept(zones: ZoneStore) -> None:
    marks = (Mark(Origin.PTR, 5), Mark(Origin.COMMAND, 2**33), Mark(Origin.SYSTEM, 0), Mark(Origin.PRIMARY, 7))
    rrset = RRset(types.TXT, 2**31 - 1, (b"\x01b", b"\x01a", b"\x00", b"\x01c"), marks)
    asyncio.run(zones.create(APEX, OPTIONS, [*fresh_zone(), (host("t"), rrset)]))
    found = _loaded(zones)[host("t"), types.TXT]
    assert found == rrset
    assert found.marks[0].origin is Origin.PTR


def test_commit_sets_changes_and_removes(zones: ZoneStore) -> None:
    _create(zones)
    old = a(b"\x7f\0\0\1")
    first = step(1, change(host("ns1"), old, a(b"\x7f\0\0\2")), change(host("new"), None, a(b"\1\1\1\1", b"\2\2\2\2")))
    asyncio.run(zones.commit([first, step(2, change(host("new"), a(b"\1\1\1\1", b"\2\2\2\2"), None))]))
    found = _loaded(zones)
    assert found[host("ns1"), types.A] == a(b"\x7f\0\0\2")
    assert (host("new"), types.A) not in found
    assert found[APEX, types.SOA] == soa(3)


def test_commit_spans_zones_and_keeps_the_order_within_each(zones: ZoneStore) -> None:
    _create(zones)
    _create(zones, OTHER)
    steps = [add_host(1, "x", OTHER), add_host(1, "x"), add_host(2, "y", OTHER), add_host(2, "x")]
    asyncio.run(zones.commit(steps))
    assert _loaded(zones)[host("x"), types.A] == a(b"\0\0\0\2")
    assert _loaded(zones, OTHER)[OTHER, types.SOA] == soa(3, OTHER)


def test_zones_do_not_see_each_other(zones: ZoneStore) -> None:
    below = host("sub")
    _create(zones)
    _create(zones, below)
    asyncio.run(zones.remove(APEX))
    assert _loaded(zones) == {}
    assert len(_loaded(zones, below)) == 3


def test_create_over_a_zone_replaces_it_and_its_history(zones: ZoneStore) -> None:
    _create(zones)
    asyncio.run(zones.commit([add_host(1, "old")]))
    asyncio.run(zones.create(APEX, ZoneOptions(), fresh_zone(7)))
    assert (host("old"), types.A) not in _loaded(zones)
    assert zones.zones() == [(APEX, ZoneOptions())]
    assert asyncio.run(zones.history(APEX, 1)) is None
    assert asyncio.run(zones.history(APEX, 7)) == []


def test_create_whose_source_breaks_off_changes_nothing(zones: ZoneStore) -> None:
    _create(zones)
    before = _loaded(zones)

    def broken() -> Iterator[tuple[bytes, RRset]]:
        yield APEX, soa(9)
        raise ValueError("line 2")

    with pytest.raises(ValueError, match="line 2"):
        asyncio.run(zones.create(APEX, ZoneOptions(), broken()))
    assert _loaded(zones) == before
    assert zones.zones() == [(APEX, OPTIONS)]


def test_history_tells_each_step_without_the_soa(zones: ZoneStore) -> None:
    _create(zones)
    both, one = a(b"\1\1\1\1", b"\2\2\2\2"), a(b"\2\2\2\2")
    asyncio.run(zones.commit([step(1, change(host("h"), None, both)), step(2, change(host("h"), both, one))]))
    first, second = (Record(host("h"), types.A, 300, rdata) for rdata in both.rdatas)
    expected = [HistoryStep(1, 2, (), (first, second)), HistoryStep(2, 3, (first,), ())]
    assert asyncio.run(zones.history(APEX, 1)) == expected
    assert asyncio.run(zones.history(APEX, 2)) == expected[1:]
    assert asyncio.run(zones.history(APEX, 3)) == []


def test_history_of_a_new_ttl_takes_the_old_records_away(zones: ZoneStore) -> None:
    _create(zones)
    asyncio.run(zones.commit([step(1, change(host("ns1"), a(b"\x7f\0\0\1"), a(b"\x7f\0\0\1", ttl=5)))]))
    old, new = (Record(host("ns1"), types.A, ttl, b"\x7f\0\0\1") for ttl in (300, 5))
    assert asyncio.run(zones.history(APEX, 1)) == [HistoryStep(1, 2, (old,), (new,))]


def test_marks_alone_leave_no_history(zones: ZoneStore) -> None:
    _create(zones)
    old, new = a(b"\x7f\0\0\1"), a(b"\x7f\0\0\1", mark=Mark(Origin.COMMAND, 7))
    asyncio.run(zones.commit([step(1, change(host("ns1"), old, new), to=1)]))
    assert _loaded(zones)[host("ns1"), types.A].marks == (Mark(Origin.COMMAND, 7),)
    assert asyncio.run(zones.history(APEX, 1)) == []


def test_history_is_trimmed_to_the_zones_limit(zones: ZoneStore) -> None:
    _create(zones)
    for serial in range(1, 6):
        asyncio.run(zones.commit([add_host(serial, f"h{serial}")]))
    assert asyncio.run(zones.history(APEX, 2)) is None
    assert [one.serial_to for one in asyncio.run(zones.history(APEX, 3)) or ()] == [4, 5, 6]


def test_a_smaller_limit_trims_at_once_and_zero_keeps_none(zones: ZoneStore) -> None:
    _create(zones)
    asyncio.run(zones.commit([add_host(serial, "h") for serial in (1, 2, 3)]))
    asyncio.run(zones.set_options(APEX, ZoneOptions(history=1)))
    assert asyncio.run(zones.history(APEX, 2)) is None
    assert len(asyncio.run(zones.history(APEX, 3)) or ()) == 1
    asyncio.run(zones.set_options(APEX, ZoneOptions(history=0)))
    asyncio.run(zones.commit([add_host(4, "i")]))
    assert asyncio.run(zones.history(APEX, 4)) is None
    assert asyncio.run(zones.history(APEX, 5)) == []


def test_history_of_a_serial_that_came_twice_begins_with_the_last(zones: ZoneStore) -> None:
    _create(zones, options=ZoneOptions())
    top = 2**32 - 1
    asyncio.run(zones.commit([step(1, to=2**31), step(2**31, to=top), step(top, to=1), add_host(1, "again")]))
    assert [one.serial_to for one in asyncio.run(zones.history(APEX, 1)) or ()] == [2]
    assert [one.serial_to for one in asyncio.run(zones.history(APEX, top)) or ()] == [1, 2]


def test_history_of_an_unknown_zone_or_serial_is_none(zones: ZoneStore) -> None:
    assert asyncio.run(zones.history(OTHER, 1)) is None
    _create(zones)
    assert asyncio.run(zones.history(APEX, 99)) is None


def test_removed_zone_takes_its_policy_along(zones: ZoneStore) -> None:
    _create(zones)
    rule = RuleRow(who="key:k", scope="zone")
    asyncio.run(zones.put_rules(APEX, [rule]))
    asyncio.run(zones.put_rules(b"", [rule]))
    asyncio.run(zones.remove(APEX))
    assert zones.zones() == []
    assert zones.rules() == {b"": (rule,)}
    assert asyncio.run(zones.history(APEX, 1)) is None


def test_rules_keep_their_order_and_none_removes_them(zones: ZoneStore) -> None:
    rules = [RuleRow(who=f"key:k{n}", scope="pattern", what="*.x", types=("A", "TYPE65280")) for n in (2, 1)]
    asyncio.run(zones.put_rules(APEX, rules))
    assert zones.rules() == {APEX: tuple(rules)}
    asyncio.run(zones.put_rules(APEX, []))
    assert zones.rules() == {}


def test_keys_are_put_replaced_and_removed(zones: ZoneStore) -> None:
    rows = [KeyRow(name=host(n), algorithm="hmac-sha256", sealed=b"\0\xff", created=MARK.stamp) for n in "ab"]
    newer = KeyRow(name=host("a"), algorithm="hmac-sha512", sealed=b"2", created=1)
    for row in (*rows, newer):
        asyncio.run(zones.put_key(row))
    assert zones.tsig_keys() == [newer, rows[1]]
    asyncio.run(zones.remove_key(host("a")))
    asyncio.run(zones.remove_key(host("never")))
    assert zones.tsig_keys() == [rows[1]]


def test_options_of_a_secondary_come_back(zones: ZoneStore) -> None:
    options = ZoneOptions(primaries=("192.0.2.1:5353@k",), notify=("ns", "192.0.2.9"), forward_updates=True)
    _create(zones, options=options)
    assert zones.zones() == [(APEX, options)]


def test_contacts_with_primaries_are_put_replaced_and_forgotten(zones: ZoneStore) -> None:
    asyncio.run(zones.put_contact(APEX, 1))
    asyncio.run(zones.put_contact(APEX, 2**33))
    asyncio.run(zones.put_contact(OTHER, 5))
    assert zones.contacts() == {APEX: 2**33, OTHER: 5}
    asyncio.run(zones.put_contact(OTHER, None))
    asyncio.run(zones.put_contact(OTHER, None))
    assert zones.contacts() == {APEX: 2**33}


def test_removed_zone_takes_its_contact_along_and_a_replaced_one_keeps_it(zones: ZoneStore) -> None:
    _create(zones)
    asyncio.run(zones.put_contact(APEX, 1))
    _create(zones)
    assert zones.contacts() == {APEX: 1}
    asyncio.run(zones.remove(APEX))
    assert zones.contacts() == {}


def test_a_zone_that_loses_its_primaries_loses_its_contact(zones: ZoneStore) -> None:
    _create(zones)
    asyncio.run(zones.put_contact(APEX, 1))
    asyncio.run(zones.put_contact(OTHER, 2))
    asyncio.run(zones.set_options(APEX, ZoneOptions(primaries=("192.0.2.1",))))
    assert zones.contacts() == {APEX: 1, OTHER: 2}
    asyncio.run(zones.set_options(APEX, ZoneOptions()))
    assert zones.contacts() == {OTHER: 2}
