"""What a KDC vouches for: a PAC's buffers without the signatures.

One is made out of the directory or by verification, and by nothing else; so
whoever holds one may believe it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

Buffer = tuple[int, bytes]


@dataclass(frozen=True, slots=True)
class PacContent:
    """Buffers by type, in their order, each type once."""

    buffers: tuple[Buffer, ...]

    def find(self, kind: int) -> bytes | None:
        """Return a buffer's octets."""
        return next((data for one, data in self.buffers if one == kind), None)

    def without(self, kinds: Collection[int]) -> PacContent:
        """Return the content without buffers of these types."""
        return PacContent(tuple(one for one in self.buffers if one[0] not in kinds))

    def replaced(self, kind: int, data: bytes) -> PacContent:
        """Return the content with one buffer new, in the place of the old one or at the end."""
        if self.find(kind) is None:
            return PacContent((*self.buffers, (kind, data)))
        return PacContent(tuple((one, data if one == kind else old) for one, old in self.buffers))
