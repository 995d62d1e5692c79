"""RRsets in chunks of MessagePack, as they stream between a command and the server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from typing import NamedTuple

import msgspec

from bossa.dns.zone import Mark, RRset

# Some 30 kB and a third of a millisecond of the server's time a chunk.
SIZE = 500


class Row(NamedTuple):
    """One RRset with its owner; a command that imports a zone leaves the marks out."""

    owner: bytes
    type: int
    ttl: int
    rdatas: tuple[bytes, ...]
    marks: tuple[tuple[int, int], ...] = ()


_decoder = msgspec.msgpack.Decoder(list[Row])


def chunks(rrsets: Iterable[tuple[bytes, RRset]], *, marks: bool) -> Iterator[bytes]:
    """Encode RRsets, a few hundred a chunk."""
    rows: list[Row] = []
    for owner, rrset in rrsets:
        stamps = tuple((int(mark.origin), mark.stamp) for mark in rrset.marks) if marks else ()
        rows.append(Row(owner, rrset.type, rrset.ttl, rrset.rdatas, stamps))
        if len(rows) == SIZE:
            yield msgspec.msgpack.encode(rows)
            rows.clear()
    if rows:
        yield msgspec.msgpack.encode(rows)


def decode(chunk: bytes) -> list[Row]:
    """Read one chunk; raises msgspec.DecodeError."""
    return _decoder.decode(chunk)


async def rrsets(stream: AsyncIterator[bytes], mark: Mark) -> AsyncIterator[list[tuple[bytes, RRset]]]:
    """Decode a stream chunk by chunk, every record marked ``mark``."""
    async for chunk in stream:
        yield [(row.owner, RRset(row.type, row.ttl, row.rdatas, (mark,) * len(row.rdatas))) for row in decode(chunk)]
