"""Zones and steps to store."""

from __future__ import annotations

from bossa.dns import types
from bossa.dns.names import from_text
from bossa.dns.zone import Mark, Origin, RRset, RRsetChange, Soa, Step

APEX = from_text("example.test.")
OTHER = from_text("other.test.")
MARK = Mark(Origin.UPDATE, 1_790_000_000)


def host(label: str, apex: bytes = APEX) -> bytes:
    return from_text(label, apex)


def a(*addresses: bytes, ttl: int = 300, mark: Mark = MARK) -> RRset:
    return RRset(types.A, ttl, addresses, (mark,) * len(addresses))


def soa(serial: int, apex: bytes = APEX) -> RRset:
    return RRset(types.SOA, 3600, (Soa(apex, apex, serial, 3600, 600, 86400, 60).encode(),), (MARK,))


def fresh_zone(serial: int = 1, apex: bytes = APEX) -> list[tuple[bytes, RRset]]:
    ns = RRset(types.NS, 3600, (host("ns1", apex),), (Mark(Origin.FILE, 1_780_000_000),))
    return [(apex, soa(serial, apex)), (apex, ns), (host("ns1", apex), a(b"\x7f\0\0\1"))]


def change(owner: bytes, before: RRset | None, after: RRset | None) -> RRsetChange:
    rrset = before or after
    assert rrset is not None
    return RRsetChange(owner, rrset.type, before, after)


def step(serial: int, *changes: RRsetChange, apex: bytes = APEX, to: int | None = None) -> Step:
    """Return the step from a serial to the next (or ``to``), the SOA's change included."""
    to = serial + 1 if to is None else to
    return Step(apex, serial, to, (*changes, change(apex, soa(serial, apex), soa(to, apex))))


def add_host(serial: int, label: str, apex: bytes = APEX) -> Step:
    """Return the step that adds one address whose octets are the serial's."""
    return step(serial, change(host(label, apex), None, a(serial.to_bytes(4, "big"))), apex=apex)
