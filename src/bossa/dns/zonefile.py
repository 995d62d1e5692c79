"""Master files into records and RRsets.  RFC 1035 §5, RFC 2308 §4, RFC 3597 §5

:func:`read_zone` streams records, :func:`load_zone` groups and judges them,
:func:`write_zone` writes a zone (see zonewrite.py).
Invariants of what a load returns: one SOA and some NS at the apex, nothing
outside the zone, class IN, a CNAME alone at its name (RFC 1034 §3.6.2; KEY may
stand beside it, RFC 3007 §3.1.1), one CNAME or DNAME a name, one TTL an RRset (RFC 2181 §5.2), no record twice,
rdata of its type's shape.  A signed zone is refused: DNSSEC is left out.
Owners come out as keys (lower case); names in rdata keep their case.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from bossa.dns import names, rdata, types
from bossa.dns.zone import Mark, RRset
from bossa.dns.zonereader import Problem, Reading, Source, Watch, ZoneFileError
from bossa.dns.zonewrite import write_zone, zone_lines

__all__ = ["Problem", "Source", "Watch", "ZoneFileError", "load_zone", "read_zone", "write_zone", "zone_lines"]

_ONE = types.SINGLE | {types.SOA}


def read_zone(
    source: Path | str | Source, apex: bytes, *, include_dir: Path | None = None, watch: Watch | None = None
) -> Iterator[tuple[bytes, int, int, bytes]]:
    """Yield the records of a master file as they come (owner key, type, TTL, rdata).

    ``source`` is a path, or lines with their name.  $INCLUDE is refused without
    ``include_dir``.  Raises ZoneFileError with up to 20 problems after the
    records that were good.
    """
    reading = Reading(apex, include_dir, watch or Watch())
    yield from reading.records(source)
    reading.judge()


def load_zone(
    source: Path | str | Source,
    apex: bytes,
    *,
    mark: Mark,
    include_dir: Path | None = None,
    watch: Watch | None = None,
) -> list[tuple[bytes, RRset]]:
    """Return a zone's RRsets with their owner keys; raises ZoneFileError, see the invariants above.

    Different TTLs in an RRset are a problem for ``watch``: the first one holds.
    """
    reading = Reading(apex, include_dir, watch or Watch())
    groups = _Groups(reading, mark)
    add = groups.add
    for owner, rtype, ttl, data in reading.records(source):
        add(owner, rtype, ttl, data)
    groups.judge()
    reading.judge()
    return groups.rrsets()


class _Groups:
    """Records gathered to RRsets, and the rules between them."""

    def __init__(self, reading: Reading, mark: Mark) -> None:
        self.reading = reading
        self.marks = (mark,)
        # By type, then owner: nearly all RRsets have one record and are final at once.
        self.tables: dict[int, dict[bytes, RRset]] = {types.SOA: {}, types.NS: {}, types.CNAME: {}}
        self.cnames = self.tables[types.CNAME]
        # The RRsets with more: canonical rdata to rdata.
        self.many: dict[tuple[int, bytes], dict[bytes, bytes]] = {}

    def add(self, owner: bytes, rtype: int, ttl: int, data: bytes) -> None:
        """Take a record in."""
        table = self.tables.get(rtype)
        if table is None:
            table = self.tables[rtype] = {}
        old = table.get(owner)
        if old is not None:
            self._more(owner, old, ttl, data)
        elif (owner in self.cnames and rtype not in types.BESIDE_CNAME) or (
            rtype == types.CNAME and self._taken(owner)
        ):
            self.reading.fault(f"{names.to_text(owner)} has a CNAME and so can have no other data")
        else:
            table[owner] = RRset(rtype, ttl, (data,), self.marks)

    def _taken(self, owner: bytes) -> bool:
        return any(owner in table for rtype, table in self.tables.items() if rtype not in types.BESIDE_CNAME)

    def _more(self, owner: bytes, old: RRset, ttl: int, data: bytes) -> None:
        """Add to an RRset that is there."""
        rtype = old.type
        key = rdata.canonical(rtype, data)
        members = self.many.get((rtype, owner))
        if members is None:
            members = {rdata.canonical(rtype, old.rdatas[0]): old.rdatas[0]}
        if ttl != old.ttl:
            what = f"{names.to_text(owner)} {types.type_text(rtype)} has TTL {old.ttl} above, so {ttl} is not taken"
            self.reading.watch.problem(Problem(self.reading.file, self.reading.at, what))
        if key in members:
            return
        if rtype in _ONE:
            self.reading.fault(f"{names.to_text(owner)} has a second {types.type_text(rtype)}, one is allowed")
            return
        members[key] = data
        self.many[rtype, owner] = members

    def judge(self) -> None:
        """Note what the zone as a whole lacks."""
        apex = self.reading.apex
        for rtype in (types.SOA, types.NS):
            if apex not in self.tables[rtype]:
                self.reading.fault(f"the zone has no {types.type_text(rtype)} record at {names.to_text(apex)}")

    def rrsets(self) -> list[tuple[bytes, RRset]]:
        """Return what was gathered."""
        for (rtype, owner), members in self.many.items():
            rdatas = tuple(members.values())
            self.tables[rtype][owner] = self.tables[rtype][owner]._replace(
                rdatas=rdatas, marks=self.marks * len(rdatas)
            )
        return [(owner, rrset) for table in self.tables.values() for owner, rrset in table.items()]
