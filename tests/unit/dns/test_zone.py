"""A zone's tree: nodes, empty non-terminals, cuts; serials."""

from __future__ import annotations

import pytest

from bossa.dns import types
from bossa.dns.names import from_text
from bossa.dns.zone import Mark, Origin, RRset, Soa, Zone, next_serial, serial_gt

_MARK = (Mark(Origin.FILE, 0),)


def _rrset(rtype: int, rdata: bytes = b"\x01\x02\x03\x04") -> RRset:
    return RRset(rtype, 60, (rdata,), _MARK)


def test_names_above_an_owner_exist_and_go_with_it() -> None:
    zone = Zone(from_text("test."))
    deep, deeper = from_text("a.b.c.test."), from_text("x.a.b.c.test.")
    zone.put(deep, types.A, _rrset(types.A))
    zone.put(deeper, types.A, _rrset(types.A))
    assert all(zone.exists(from_text(name)) for name in ("c.test.", "b.c.test.", "a.b.c.test."))
    zone.put(deep, types.A, None)
    assert zone.exists(deep), "it still has something below"
    zone.put(deeper, types.A, None)
    assert not any(zone.exists(from_text(name)) for name in ("x.a.b.c.test.", "a.b.c.test.", "b.c.test.", "c.test."))
    assert zone.names() == []


def test_siblings_keep_their_parent() -> None:
    zone = Zone(from_text("test."))
    for name in ("a.x.test.", "b.x.test."):
        zone.put(from_text(name), types.A, _rrset(types.A))
    zone.put(from_text("a.x.test."), types.A, None)
    assert zone.exists(from_text("x.test."))
    zone.put(from_text("x.test."), types.TXT, _rrset(types.TXT))
    zone.put(from_text("b.x.test."), types.A, None)
    assert zone.exists(from_text("x.test."))
    assert not zone.has_children(from_text("x.test."))


def test_cuts_are_the_owners_of_ns_and_dname() -> None:
    zone = Zone(from_text("test."))
    sub = from_text("sub.test.")
    zone.put(zone.apex, types.NS, _rrset(types.NS, b"\x02ns\x00"))
    assert zone.cuts == set()
    zone.put(sub, types.NS, _rrset(types.NS, b"\x02ns\x00"))
    zone.put(sub, types.DNAME, _rrset(types.DNAME, b"\x01x\x00"))
    zone.put(sub, types.NS, None)
    assert zone.cuts == {sub}
    zone.put(sub, types.DNAME, None)
    assert zone.cuts == set()


def test_below_lists_names_strictly_below_with_empty_ones() -> None:
    zone = Zone(from_text("test."))
    zone.put(from_text("a.b.sub.test."), types.A, _rrset(types.A))
    zone.put(from_text("xsub.test."), types.A, _rrset(types.A))
    assert set(zone.below(from_text("sub.test."))) == {from_text("b.sub.test."), from_text("a.b.sub.test.")}


@pytest.mark.parametrize(
    ("a", "b", "newer"),
    [(2, 1, True), (1, 2, False), (1, 1, False), (0, 0xFFFFFFFF, True), (0x80000000, 0, False), (0x7FFFFFFF, 0, True)],
)
def test_serials_compare_around_the_end_of_32_bits(a: int, b: int, newer: bool) -> None:
    assert serial_gt(a, b) is newer


def test_serial_after_the_last_is_one() -> None:
    assert next_serial(0xFFFFFFFF) == 1
    assert next_serial(7) == 8


def test_soa_rdata_reads_back() -> None:
    soa = Soa(from_text("ns.test."), from_text("host.test."), 5, 1, 2, 3, 4)
    assert Soa.decode(soa.encode()) == soa
