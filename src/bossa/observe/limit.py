"""How often an event of one kind is written: so many in a second, and then how many more there were."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
_MAX_KINDS = 1000


class Limit(Generic[K]):
    """Counts the events of each kind in whole seconds of the caller's clock.

    Memory is bounded: beyond a thousand kinds the counts of the quiet ones are forgotten.
    """

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._second = 0
        self._counts: dict[K, int] = {}
        self._over: dict[K, int] = {}

    def admit(self, kind: K, now: float) -> bool:
        """Tell whether this event may be written; one that may not is counted."""
        if int(now) != self._second or len(self._counts) >= _MAX_KINDS:
            self._second = int(now)
            self._counts.clear()
        self._counts[kind] = seen = self._counts.get(kind, 0) + 1
        if seen <= self.per_second or (kind not in self._over and len(self._over) >= _MAX_KINDS):
            return seen <= self.per_second
        self._over[kind] = self._over.get(kind, 0) + 1
        return False

    def held_back(self) -> list[tuple[K, int]]:
        """Return how many of each kind were not written, and begin to count anew."""
        held, self._over = list(self._over.items()), {}
        return held
