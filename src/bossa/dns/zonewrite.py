"""A zone as a master file: SOA first, names in canonical order (RFC 4034 §6.1), columns.

What is written reads back equal: the same RRsets with the same TTLs and the
same rdata octets in the same order.  Marks are not written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TextIO

from bossa.dns import names, rdata, types
from bossa.dns.shapes import name_text
from bossa.dns.zone import RRset, Soa, Zone

_OWNER_WIDTH, _TTL_WIDTH, _TYPE_WIDTH = 24, 8, 8
_MAX_TTL = 0x7FFFFFFF


def write_zone(zone: Zone, out: TextIO) -> None:
    """Write a zone that has an SOA."""
    out.writelines(zone_lines(zone))


def zone_lines(zone: Zone) -> Iterator[str]:
    """Yield the lines of the master file, each with its line end."""
    ttls = Counter(rrset.ttl for _, rrset in zone.rrsets())
    ttl = max(ttls, key=lambda one: (ttls[one], one), default=0)
    yield f"$ORIGIN {names.to_text(zone.apex)}\n"
    yield f"$TTL {_limited(ttl)}\n"
    for owner in sorted(zone.nodes, key=canonical_order):
        label = name_text(owner, zone.apex)
        for rrset in sorted(zone.nodes[owner], key=_type_order):
            for line in _rrset_lines(zone.apex, rrset, ttl):
                yield f"{label:<{_OWNER_WIDTH - 1}} {line}\n"
                label = ""


def canonical_order(name: bytes) -> list[bytes]:
    """Return the sorting key of a name in lower case.  RFC 4034 §6.1"""
    return names.labels(name)[::-1]


def _type_order(rrset: RRset) -> tuple[bool, bool, int]:
    return rrset.type != types.SOA, rrset.type != types.NS, rrset.type


def _limited(ttl: int) -> int:
    """Return the TTL that is meant: one with its highest bit set is zero.  RFC 2181 §8"""
    return ttl if ttl <= _MAX_TTL else 0


def _rrset_lines(apex: bytes, rrset: RRset, default: int) -> Iterator[str]:
    ttl = "" if rrset.ttl == default else str(_limited(rrset.ttl))
    start = f"{ttl:<{_TTL_WIDTH - 1}} IN {types.type_text(rrset.type):<{_TYPE_WIDTH - 1}} "
    for one in rrset.rdatas:
        text = _soa_text(one, apex) if rrset.type == types.SOA else rdata.to_text(rrset.type, one, apex)
        yield start + text


def _soa_text(data: bytes, apex: bytes) -> str:
    soa = Soa.decode(data)
    numbers = "".join(
        f"\n{'':<{_OWNER_WIDTH}}{number:<12}; {field}" for field, number in zip(Soa._fields[2:], soa[2:], strict=True)
    )
    return f"{name_text(soa.mname, apex)} {name_text(soa.rname, apex)} ({numbers}\n{'':<{_OWNER_WIDTH}})"
