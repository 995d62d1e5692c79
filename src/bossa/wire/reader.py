"""A cursor over received bytes, big-endian, that never reads past its end.

Every method names the field it reads, so that an error says where the
packet went wrong.  Positions are octets from the start of the buffer.
"""

from __future__ import annotations

from bossa.wire.errors import WireError


class Reader:
    """Read integers and octets from ``data`` between ``pos`` and ``end``."""

    __slots__ = ("data", "end", "pos")

    def __init__(self, data: bytes, pos: int = 0, end: int | None = None) -> None:
        self.data = data
        self.pos = pos
        self.end = len(data) if end is None else end

    @property
    def left(self) -> int:
        """Octets not yet read."""
        return self.end - self.pos

    def octets(self, field: str, size: int) -> bytes:
        """Read ``size`` octets; raises WireError past the end."""
        start = self.pos
        if size < 0 or size > self.end - start:
            raise WireError(f"{field} {start}+{size} runs past {self.end}")
        self.pos = start + size
        return self.data[start : self.pos]

    def skip(self, field: str, size: int) -> None:
        """Step over ``size`` octets; raises WireError past the end."""
        if size < 0 or size > self.end - self.pos:
            raise WireError(f"{field} {self.pos}+{size} runs past {self.end}")
        self.pos += size

    def u16(self, field: str) -> int:
        """Read two octets, network order."""
        return int.from_bytes(self.octets(field, 2), "big")

    def u32(self, field: str) -> int:
        """Read four octets, network order."""
        return int.from_bytes(self.octets(field, 4), "big")

    def u48(self, field: str) -> int:
        """Read six octets, network order."""
        return int.from_bytes(self.octets(field, 6), "big")

    def sub(self, field: str, size: int) -> Reader:
        """Return a cursor over the next ``size`` octets, and step over them."""
        start = self.pos
        self.skip(field, size)
        return Reader(self.data, start, self.pos)

    def done(self, what: str) -> None:
        """Raise WireError when octets are left over."""
        if self.pos != self.end:
            raise WireError(f"{what}: {self.end - self.pos} octets left over at {self.pos}")
