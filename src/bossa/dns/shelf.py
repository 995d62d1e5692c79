"""A bounded table in which what was asked for again outlives what was asked for once.

Two queues: ``new`` holds what came in, ``used`` what was hit since.  Room is
made from the old end of ``new``; so names that nobody asks for twice, however
many, push out each other and not what is in use.  Each step is O(1).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

V = TypeVar("V")
# The share of the room that ``used`` may fill: the rest is always there for what is new.
_USED_SHARE = 0.8


class Shelf(Generic[V]):
    """Values by key in at most ``limit`` octets, as ``size(key, value)`` counts them."""

    def __init__(self, limit: int, size: Callable[[bytes, V], int]) -> None:
        self.limit = limit
        self.octets = 0
        self.new: OrderedDict[bytes, V] = OrderedDict()
        self.used: OrderedDict[bytes, V] = OrderedDict()
        self._size = size
        self._used_octets = 0

    def __len__(self) -> int:
        return len(self.new) + len(self.used)

    def get(self, key: bytes) -> V | None:
        """Return a value, its place in the queues unchanged."""
        found = self.used.get(key)
        return found if found is not None else self.new.get(key)

    def items(self) -> Iterator[tuple[bytes, V]]:
        """Yield everything; the table must not change meanwhile."""
        yield from self.used.items()
        yield from self.new.items()

    def put(self, key: bytes, value: V) -> None:
        """Keep a value, in the place of the key's former one; one that does not fit is not kept."""
        was_used = key in self.used
        self.pop(key)
        size = self._size(key, value)
        if size > self.limit:
            return
        self.octets += size
        if was_used:
            self._used_octets += size
            self.used[key] = value
        else:
            self.new[key] = value
        self._make_room()

    def hit(self, key: bytes) -> None:
        """Note that a key was asked for again."""
        if key in self.used:
            self.used.move_to_end(key)
        elif key in self.new:
            value = self.new.pop(key)
            self.used[key] = value
            self._used_octets += self._size(key, value)
            self._settle()

    def pop(self, key: bytes) -> V | None:
        """Take a key out and return its value, None when it is not there."""
        if (found := self.used.pop(key, None)) is not None:
            self._used_octets -= self._size(key, found)
        elif (found := self.new.pop(key, None)) is None:
            return None
        self.octets -= self._size(key, found)
        return found

    def clear(self) -> None:
        """Take everything out."""
        self.new.clear()
        self.used.clear()
        self.octets = self._used_octets = 0

    def _settle(self) -> None:
        """Put what was used longest ago back among the new, behind which it has another turn."""
        while self._used_octets > self.limit * _USED_SHARE and self.used:
            key, value = self.used.popitem(last=False)
            self._used_octets -= self._size(key, value)
            self.new[key] = value

    def _make_room(self) -> None:
        while self.octets > self.limit:
            if self.new:
                key, value = self.new.popitem(last=False)
            else:
                key, value = self.used.popitem(last=False)
                self._used_octets -= self._size(key, value)
            self.octets -= self._size(key, value)
