"""What runs operations: the port that every database engine of the store fills."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, TypeVar

from bossa.store.feed import Feed
from bossa.store.operations import Operation

T = TypeVar("T")


class Engine(Protocol):
    """Runs operations, each all or nothing, on one consistent state of the database.

    Both running methods raise what the operation raises, and EngineFailed.
    """

    feed: Feed

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation; what it changed is on the disk on return."""

    def read(self, operation: Operation[T]) -> T:
        """Run an operation that only reads, blocking; for the start."""

    async def backup(self, path: Path) -> None:
        """Write a copy of the whole store to a file while operations go on."""

    def close(self) -> None:
        """Finish what was asked for, then let the database go."""
