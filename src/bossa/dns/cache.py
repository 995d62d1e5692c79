"""What is remembered of others' answers: found by question, until over and a while longer, in bounded memory.

An entry serves for its life, and after it, while its resolver is out of
reach, for ``stale`` seconds more (RFC 8767).  `Shelf` decides who goes when
there is no more room.
"""

from __future__ import annotations

from collections.abc import Iterator

from bossa.dns.entry import Entry, Kind
from bossa.dns.remembered import is_of
from bossa.dns.shelf import Shelf

# The object with its numbers, and its place in a table; measured.
_OVERHEAD = 450
_PER_RECORD = 36


def size(key: bytes, entry: Entry) -> int:
    """Return the octets that an entry takes in memory."""
    notes = sum(100 + len(data) for _, data in entry.notes)
    records = len(entry.records.octets) + _PER_RECORD * len(entry.ttls)
    return _OVERHEAD + len(key) + records + notes + len(entry.dead_end or b"")


class Cache:
    """Entries by key in at most ``limit`` octets; ``stale`` is how many seconds after its end one is of use."""

    def __init__(self, limit: int, stale: int = 0) -> None:
        self.stale = stale
        self._shelf: Shelf[Entry] = Shelf(limit, size)

    def __len__(self) -> int:
        return len(self._shelf)

    @property
    def octets(self) -> int:
        """How much is held."""
        return self._shelf.octets

    @property
    def limit(self) -> int:
        """How much may be held."""
        return self._shelf.limit

    def find(self, key: bytes, now: float) -> Entry | None:
        """Return what is known, over or not; None when it is of no use any more."""
        entry = self._shelf.get(key)
        if entry is not None and now >= self.last_use(entry):
            self._shelf.pop(key)
            return None
        return entry

    def last_use(self, entry: Entry) -> int:
        """Return the second from which an entry is of no use; a failure is not told again after its time."""
        return entry.end + (self.stale if entry.kind is not Kind.FAILURE else 0)

    def hit(self, key: bytes, entry: Entry) -> None:
        """Note that an entry was of use."""
        entry.hits += 1
        self._shelf.hit(key)

    def put(self, key: bytes, entry: Entry) -> None:
        """Keep an entry in the place of the former one."""
        if (former := self._shelf.get(key)) is not None:
            entry.hits = former.hits
        self._shelf.put(key, entry)

    def pop(self, key: bytes) -> Entry | None:
        """Forget one question's answer; return it, None when there was none."""
        return self._shelf.pop(key)

    def entries(self) -> Iterator[tuple[bytes, Entry]]:
        """Yield everything; nothing may change meanwhile."""
        return self._shelf.items()

    def forget(self, name: bytes, *, tree: bool) -> int:
        """Forget a name, or a tree of names; return how many entries that were."""
        gone = [key for key, _ in self.entries() if is_of(key, name, tree=tree)]
        for key in gone:
            self._shelf.pop(key)
        return len(gone)

    def clear(self) -> int:
        """Forget everything; return how many entries that were."""
        count = len(self)
        self._shelf.clear()
        return count
