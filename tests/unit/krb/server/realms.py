"""A realm without keys, a store that can be made to wait or fail, and workers that write down what they hear."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Sequence

from bossa.directory import rows
from bossa.directory.account import Account, KeySet, Kind, RealmInfo
from bossa.directory.ports import DirectoryFailed
from bossa.directory.realm import Realm
from bossa.directory.rows import Item
from bossa.krb.server.accounts import Accounts

INFO = RealmInfo(realm="BOSSA.TEST", domain="bossa.test", netbios="BOSSA", sid="S-1-5-21-1-2-3")


def account(name: str, kind: Kind = Kind.USER, display: str = "") -> tuple[bytes, bytes]:
    """Return the row of an account without keys."""
    return rows.account_item(Account(name=name, kind=kind, rid=1000, created=0, display=display))


def gone(name: str) -> Item:
    """Return what removes an account."""
    return rows.ACCOUNT + name.encode(), None


class MemoryStore:
    """A DirectoryStore of a dictionary; while ``open`` is cleared commits wait, with ``full`` they fail."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.commits: list[list[Item]] = []
        self.full = False
        self.open = asyncio.Event()
        self.open.set()

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from self.rows.items()

    async def put(self, items: Iterable[Item]) -> None:
        batch = list(items)
        await self.open.wait()
        await asyncio.sleep(0)
        if self.full:
            raise DirectoryFailed("the disk is full")
        self.commits.append(batch)
        for key, val in batch:
            if val is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = val


class House:
    """Accounts with such a store; ``told`` is what workers were given, ``lag`` what they have to wait for."""

    def __init__(self, *items: Item, realm: Realm | None = None) -> None:
        self.store = MemoryStore()
        self.told: list[Item] = []
        self.lag: Awaitable[None] | None = None
        if realm is None:
            realm = Realm(lambda purpose, sealed: KeySet())
            realm.apply([rows.info_item(INFO), *items])
        self.accounts = Accounts(realm, self.store, self._publish)
        self.realm = realm

    def _publish(self, items: Sequence[Item]) -> Awaitable[None] | None:
        self.told += items
        return self.lag

    def display(self, name: str) -> str:
        """Return an account's display name as the realm has it."""
        found = self.realm.find(name)
        assert found is not None
        return found.account.display
