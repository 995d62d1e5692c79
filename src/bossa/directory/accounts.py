"""The realm with its store: a change is on the disk, then in force, then done."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from bossa.directory.ports import DirectoryStore
from bossa.directory.realm import Realm
from bossa.directory.rows import Item

# Tells the workers; what it returns, if anything, ends when the change is in force at all of them.
Publish = Callable[[Sequence[Item]], Awaitable[None] | None]


class Accounts:
    """Implements ``bossa.admin.ports.Accounts``; ``publish`` hears of every change that is on the disk."""

    def __init__(self, realm: Realm, store: DirectoryStore, publish: Publish) -> None:
        self.realm = realm
        self._store = store
        self._publish = publish

    async def change(self, items: Sequence[Item]) -> None:
        """Store rows, or (None) remove them; in force on return.  Raises DirectoryFailed."""
        await self._store.put(items)
        self.realm.apply(items)
        told = self._publish(items)
        if told is not None:
            await told
