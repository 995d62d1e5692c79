"""Whatever a primary sends, a transfer is refused with a reason, awaits more, or is content that a zone takes.

Run with ``python fuzz/fuzz_transfer.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import sys

from bossa.dns import incoming, names, types
from bossa.dns.changes import Draft
from bossa.dns.errors import OutOfStep, TransferFailed
from bossa.dns.incoming import Increment, Limits, Transfer, Whole
from bossa.dns.zone import Mark, Origin, RRset, Soa, Zone

APEX = names.from_text("t.")
MARK = Mark(Origin.PRIMARY, 0)
SOA = RRset(types.SOA, 60, (Soa(APEX, APEX, 1, 1, 1, 1, 1).encode(),), (MARK,))
LIMITS = Limits(messages=50, records=1000, increment=500)


def _zone() -> Zone:
    zone = Zone(APEX)
    for rrset in (SOA, RRset(types.NS, 60, (APEX,), (MARK,)), RRset(types.A, 60, (b"\x0a\x00\x00\x01",), (MARK,))):
        zone.put(APEX, rrset.type, rrset)
    return zone


ZONE = _zone()


def one_input(data: bytes) -> None:
    """Hold the invariant for one input: messages behind their lengths, the first octet chooses the question."""
    incremental = data[:1] > b"\x7f"
    asked = incoming.query(APEX, types.IXFR if incremental else types.AXFR, 1, SOA if incremental else None)
    reading = Transfer(APEX, asked, 1 if incremental else None, MARK, LIMITS)
    rest = data[1:]
    try:
        while rest and reading.content is None:
            size = int.from_bytes(rest[:2], "big")
            reading.take(rest[2 : 2 + size], None, 0)
            rest = rest[2 + size :]
    except TransferFailed:
        return
    _carry_out(reading)


def _carry_out(reading: Transfer) -> None:
    content = reading.content
    draft = Draft(ZONE)
    try:
        if isinstance(content, Increment):
            for step in content.steps:
                incoming.take_step(step, draft, MARK)
        elif isinstance(content, Whole):
            draft.apply(incoming.differences(ZONE, content.rrsets))
    except OutOfStep:
        return
    draft.close()


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
