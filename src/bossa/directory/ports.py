"""What the realm needs from a store.

The store package implements :class:`DirectoryStore`; the memory fake of the
contract tests does too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from bossa.directory.rows import Item


class DirectoryFailed(Exception):
    """The store could not do it; nothing of the change was stored."""


class DirectoryStore(Protocol):
    """The rows of the realm, durable."""

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield every row.  Blocking; for the start only."""

    async def put(self, items: Iterable[Item]) -> None:
        """Set rows, or (None) remove them, in one transaction, on the disk on return; raises DirectoryFailed."""
