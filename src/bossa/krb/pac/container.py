"""The container of a PAC: typed buffers, and where each of them lies.  [MS-PAC] 2.3, 2.4

A `Pac` is what came, unverified, with the octets that the signatures run
over.  Every buffer lies behind the header, at a multiple of
eight, inside the octets, and no type comes twice (CVE-2022-42898: offset and
size are compared without a sum that could wrap).
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum

from bossa.krb.pac.content import Buffer, PacContent
from bossa.wire import WireError

MAX_BUFFERS = 64
MAX_SIZE = 65535
_HEAD = struct.Struct("<II")
_ENTRY = struct.Struct("<IIQ")
_ALIGN = 8
# The four octets before a signature are the type of its checksum.
SIGNATURE_HEAD = 4

Place = tuple[int, int]


class BufferType(IntEnum):
    """What a buffer holds.  [MS-PAC] 2.4"""

    LOGON_INFO = 1
    CREDENTIALS_INFO = 2
    SERVER_SIGNATURE = 6
    KDC_SIGNATURE = 7
    CLIENT_INFO = 10
    DELEGATION_INFO = 11
    UPN_DNS_INFO = 12
    CLIENT_CLAIMS = 13
    DEVICE_INFO = 14
    DEVICE_CLAIMS = 15
    TICKET_SIGNATURE = 16
    ATTRIBUTES = 17
    REQUESTER = 18
    FULL_SIGNATURE = 19


SIGNATURES = frozenset(
    (
        BufferType.SERVER_SIGNATURE,
        BufferType.KDC_SIGNATURE,
        BufferType.TICKET_SIGNATURE,
        BufferType.FULL_SIGNATURE,
    )
)


@dataclass(frozen=True, slots=True)
class Pac:
    """A PAC as it came: its octets, and place and size of each buffer.  [MS-PAC] 2.3"""

    raw: bytes
    places: Mapping[int, Place]

    @classmethod
    def decode(cls, raw: bytes) -> Pac:
        """Find the buffers; raises WireError."""
        count = _count(raw)
        header = _HEAD.size + count * _ENTRY.size
        places: dict[int, Place] = {}
        for kind, size, offset in _ENTRY.iter_unpack(raw[_HEAD.size : header]):
            if offset % _ALIGN or offset < header or size > len(raw) or offset > len(raw) - size:
                raise WireError(f"PAC buffer {kind}: {offset}+{size} of {len(raw)}")
            places[kind] = offset, size
        if len(places) != count:
            raise WireError("a PAC buffer's type comes twice")
        return cls(raw, places)

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """All buffers in their order."""
        return tuple((kind, self.raw[at : at + size]) for kind, (at, size) in self.places.items())

    def find(self, kind: int) -> bytes | None:
        """Return a buffer's octets."""
        place = self.places.get(kind)
        return None if place is None else self.raw[place[0] : place[0] + place[1]]

    def zeroed(self, kinds: Collection[int]) -> bytes:
        """Return the octets with those signatures as zeros, their types kept.  [MS-PAC] 2.8"""
        copy = bytearray(self.raw)
        for kind in kinds:
            at, size = self.places.get(kind, (0, 0))
            if size > SIGNATURE_HEAD:
                copy[at + SIGNATURE_HEAD : at + size] = bytes(size - SIGNATURE_HEAD)
        return bytes(copy)

    def content(self) -> PacContent:
        """Return the buffers without signatures; only verification calls this."""
        return PacContent(tuple(one for one in self.buffers if one[0] not in SIGNATURES))


def _count(raw: bytes) -> int:
    """Check the header and return the number of buffers."""
    if not _HEAD.size <= len(raw) <= MAX_SIZE:
        raise WireError(f"PAC of {len(raw)} octets")
    count, version = _HEAD.unpack_from(raw)
    if version:
        raise WireError(f"PAC of version {version}")
    if count > MAX_BUFFERS or _HEAD.size + count * _ENTRY.size > len(raw):
        raise WireError(f"{count} PAC buffers in {len(raw)} octets")
    return int(count)


def encode(buffers: Iterable[Buffer]) -> tuple[bytearray, dict[int, Place]]:
    """Lay buffers out; returns the octets, for signatures to be filled in, and the places.  [MS-PAC] 2.3"""
    buffers = tuple(buffers)
    at = _HEAD.size + len(buffers) * _ENTRY.size
    head = [_HEAD.pack(len(buffers), 0)]
    body: list[bytes] = []
    places: dict[int, Place] = {}
    for kind, data in buffers:
        size = len(data)
        head.append(_ENTRY.pack(kind, size, at))
        places[kind] = at, size
        pad = -size % _ALIGN
        body.append(data + bytes(pad) if pad else data)
        at += size + pad
    return bytearray(b"".join(head + body)), places
