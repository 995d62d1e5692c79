"""What the store says no with."""

from __future__ import annotations


class Conflict(Exception):
    """Somebody changed the scope since the caller read it; nothing was stored."""

    def __init__(self, scope: str, expected: int, found: int) -> None:
        super().__init__(f"{scope} is at revision {found}, not {expected}")
        self.scope = scope
        self.expected = expected
        self.found = found


class EngineFailed(Exception):
    """The database could not do it (disk full, read-only, closed, gone); nothing of the batch was stored."""


class UnknownForm(Exception):
    """A stored value was written by a newer version of bossa."""
