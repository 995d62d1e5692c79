"""A cursor and a writer for NDR, little-endian, as a PAC's buffers use it.  [C706] 14, [MS-RPCE] 2.2.6

Integers stand at multiples of their size, counted from the first octet after
the two headers of a serialized type.  A unique pointer is a referent number
that is zero or not; what it points to follows after the structure that holds
it, in the order of the pointers.  Every count is checked against a limit and
against what is left before anything is made of it.
"""

from __future__ import annotations

import struct
from typing import Any

from bossa.wire.errors import WireError

# Common header: version 1, little-endian, eight octets long, filler.  Private header: length, filler.
_COMMON = b"\x01\x10\x08\x00\xcc\xcc\xcc\xcc"
_HEADERS = len(_COMMON) + 8
_REFERENT = 0x00020000
_U16, _U32, _U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")

# Length and MaximumLength in octets, Buffer.  [MS-DTYP] 2.3.10
UNICODE = struct.Struct("<HHI")
# Maximum count, offset, actual count of a conformant varying array.  [C706] 14.3.3.4
_COUNTS = struct.Struct("<III")

# How many octets an RPC_UNICODE_STRING has, and whether it has a buffer.
UnicodeHead = tuple[int, bool]


def unicode_head(field: str, length: int, maximum: int, referent: int) -> UnicodeHead:
    """Check the three integers of an RPC_UNICODE_STRING.  [MS-DTYP] 2.3.10"""
    if length % 2 or length > maximum:
        raise WireError(f"{field}: length {length} of {maximum}")
    if length and not referent:
        raise WireError(f"{field}: {length} octets at no place")
    return length, referent != 0


class NdrReader:
    """Read one serialized type; positions are octets after its headers."""

    __slots__ = ("data", "pos")

    def __init__(self, data: bytes) -> None:
        """Check the headers; raises WireError.  [MS-RPCE] 2.2.6.1, 2.2.6.2"""
        if data[:4] != _COMMON[:4]:
            raise WireError("no common type header of version 1, little-endian")
        if len(data) < _HEADERS:
            raise WireError(f"type headers run past {len(data)}")
        size = _U32.unpack_from(data, 8)[0]
        if size > len(data) - _HEADERS:
            raise WireError(f"object of {size} octets runs past {len(data) - _HEADERS}")
        self.data = data[_HEADERS : _HEADERS + size]
        self.pos = 0

    def octets(self, field: str, size: int) -> bytes:
        """Read octets where the cursor stands; raises WireError past the end."""
        start = self.pos
        if size > len(self.data) - start:
            raise WireError(f"{field} {start}+{size} runs past {len(self.data)}")
        self.pos = start + size
        return self.data[start : self.pos]

    def align(self, size: int) -> None:
        """Step to the next multiple of ``size``."""
        self.pos += -self.pos % size

    def fields(self, what: str, layout: struct.Struct) -> tuple[Any, ...]:
        """Read integers that all stand at multiples of four, by one layout."""
        self.align(4)
        return layout.unpack(self.octets(what, layout.size))

    def u8(self, field: str) -> int:
        """Read one octet."""
        return self.octets(field, 1)[0]

    def u16(self, field: str) -> int:
        """Read an aligned 16-bit integer."""
        self.align(2)
        return int.from_bytes(self.octets(field, 2), "little")

    def u32(self, field: str) -> int:
        """Read an aligned 32-bit integer."""
        self.align(4)
        return int.from_bytes(self.octets(field, 4), "little")

    def time(self, field: str) -> int:
        """Read a FILETIME, two 32-bit integers, the low one first.  [MS-DTYP] 2.3.3"""
        self.align(4)
        return int.from_bytes(self.octets(field, 8), "little")

    def pointer(self, field: str) -> bool:
        """Read a unique pointer's referent number: does it point to anything?"""
        return self.u32(field) != 0

    def expect_pointer(self, field: str) -> None:
        """Read a pointer that must point to something."""
        if not self.pointer(field):
            raise WireError(f"{field} points to nothing")

    def count(self, field: str, said: int, limit: int, size: int) -> int:
        """Read a conformant array's maximum count, which must be the one said before."""
        count = self.u32(field)
        if count != said or count > limit or count * size > len(self.data) - self.pos:
            raise WireError(f"{field}: {count} elements, {said} said, {limit} at most")
        return count

    def unicode_head(self, field: str) -> UnicodeHead:
        """Read an RPC_UNICODE_STRING, which says how long it is.  [MS-DTYP] 2.3.10"""
        return unicode_head(field, *self.fields(field, UNICODE))

    def unicode_body(self, field: str, head: UnicodeHead) -> str:
        """Read what the RPC_UNICODE_STRING points to, a conformant varying string."""
        length, there = head
        if not there:
            return ""
        maximum, offset, actual = self.fields(field, _COUNTS)
        if offset or actual > maximum or actual * 2 != length:
            raise WireError(f"{field}: {actual} of {maximum} units from {offset}, {length} octets said")
        return utf16(field, self.octets(field, length))

    def done(self, what: str) -> None:
        """Raise WireError when more than padding to a multiple of eight is left."""
        if len(self.data) - self.pos >= 8:
            raise WireError(f"{what}: {len(self.data) - self.pos} octets left over")


class NdrWriter:
    """Write one serialized type."""

    __slots__ = ("_referent", "data")

    def __init__(self) -> None:
        self.data = bytearray()
        self._referent = _REFERENT

    def octets(self, octets: bytes) -> None:
        """Write octets where we stand."""
        self.data += octets

    def align(self, size: int) -> None:
        """Pad to the next multiple of ``size``."""
        self.data += bytes(-len(self.data) % size)

    def u16(self, value: int) -> None:
        """Write an aligned 16-bit integer."""
        self.align(2)
        self.data += _U16.pack(value)

    def u32(self, value: int) -> None:
        """Write an aligned 32-bit integer."""
        self.align(4)
        self.data += _U32.pack(value)

    def time(self, value: int) -> None:
        """Write a FILETIME.  [MS-DTYP] 2.3.3"""
        self.align(4)
        self.data += _U64.pack(value)

    def pointer(self, *, there: bool) -> None:
        """Write a unique pointer: a fresh referent number, or zero."""
        self.u32(self._referent if there else 0)
        if there:
            self._referent += 4

    def unicode_head(self, text: str) -> None:
        """Write an RPC_UNICODE_STRING; its buffer follows by `unicode_body`.  [MS-DTYP] 2.3.10"""
        size = len(text.encode("utf-16-le"))
        self.align(4)
        self.u16(size)
        self.u16(size)
        self.pointer(there=True)

    def unicode_body(self, text: str) -> None:
        """Write the conformant varying string that an RPC_UNICODE_STRING points to."""
        octets = text.encode("utf-16-le")
        for number in (len(octets) // 2, 0, len(octets) // 2):
            self.u32(number)
        self.data += octets

    def finish(self) -> bytes:
        """The serialized type with its headers, padded to a multiple of eight.  [MS-RPCE] 2.2.6"""
        self.align(8)
        return _COMMON + _U32.pack(len(self.data)) + bytes(4) + bytes(self.data)


def utf16(field: str, octets: bytes) -> str:
    """Read UTF-16, little-endian; raises WireError for an odd length or half a surrogate pair."""
    try:
        return octets.decode("utf-16-le")
    except UnicodeDecodeError:
        raise WireError(f"{field}: {len(octets)} octets are no UTF-16") from None
