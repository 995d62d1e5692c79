"""Whatever the octets, a zone file loads or raises ZoneFileError; one that loads is written and reads back equal.

Run with ``python fuzz/fuzz_zonefile.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import io
import sys

from bossa.dns import names
from bossa.dns.zone import Mark, Origin, RRset, Zone
from bossa.dns.zonefile import Source, ZoneFileError, load_zone, write_zone

APEX = names.from_text("example.org.")
HEAD = "$TTL 300\n@ SOA ns1 admin 1 7200 3600 1209600 60\n@ NS ns1\n"


def _load(text: str) -> set[tuple[bytes, RRset]]:
    return set(load_zone(Source("fuzz", io.StringIO(text)), APEX, mark=Mark(Origin.FILE, 0)))


def one_input(data: bytes) -> None:
    """Hold the invariant for one input."""
    try:
        rrsets = _load(HEAD + data.decode("utf-8", "surrogateescape"))
    except ZoneFileError:
        return
    out = io.StringIO()
    write_zone(Zone(APEX, rrsets), out)
    assert _load(out.getvalue()) == rrsets, "the written zone reads back differently"


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
