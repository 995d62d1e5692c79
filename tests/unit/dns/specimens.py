"""Zones in a few lines, for the tests of lookup, updates and prepared answers."""

from __future__ import annotations

from bossa.dns import names, rdata, types
from bossa.dns.zone import Mark, Origin, RRset, Zone

STAMP = 1_700_000_000
MARK = Mark(Origin.FILE, STAMP)


def zone(apex: str, text: str) -> Zone:
    """Return a zone of the lines ``owner [ttl] TYPE rdata``, names relative to the apex; SOA and NS are added."""
    origin = names.from_text(apex).lower()
    made = Zone(origin)
    header = "@ SOA ns1 hostmaster 10 3600 600 86400 300\n@ NS ns1\n"
    for line in (header + text).splitlines():
        if not line.strip():
            continue
        owner_text, *words = line.split()
        ttl = int(words.pop(0)) if words[0].isdigit() else 600
        rtype = types.type_number(words[0])
        owner = names.from_text(owner_text, origin).lower()
        add(made, owner, rtype, rdata.parse(rtype, " ".join(words[1:]), origin), ttl)
    return made


def add(made: Zone, owner: bytes, rtype: int, data: bytes, ttl: int = 600) -> None:
    """Add one record."""
    old = made.find(owner, rtype)
    rdatas = (*(old.rdatas if old else ()), data)
    made.put(owner, rtype, RRset(rtype, ttl, rdatas, (MARK,) * len(rdatas)))
