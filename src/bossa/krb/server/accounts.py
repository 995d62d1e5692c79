"""The realm's one way to change: on the disk, then in force with the owner and every worker, then done.

Changes wait in one queue and are carried out in their order, those that have
gathered in one commit.  A commit that the store refuses leaves the realm as it
was.  Counts of failures are another matter: they are in force at once, and
stored a second later, many in one commit; what a crash takes of them are tries
within that second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from bossa.directory import rows
from bossa.directory.account import Failures
from bossa.directory.ports import DirectoryFailed, DirectoryStore
from bossa.directory.realm import Realm
from bossa.directory.rows import Item
from bossa.observe import log

# Changes in one commit at most.
_BATCH = 256
# Rows sent to a worker in one go before other work gets its turn.
SLICE = 1000
_NOTE_AFTER = 1.0

# Gives rows to every worker; returns None when they are in force there, else what does so when they are.
Publish = Callable[[Sequence[Item]], Awaitable[None] | None]
Send = Callable[[Sequence[Item]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Change:
    items: Sequence[Item]
    done: asyncio.Future[None]


class Accounts:
    """The realm with its store and its workers.

    ``editing`` is held by whoever reads an account, decides, and changes it.  ``publish`` hears of every change.
    """

    def __init__(self, realm: Realm, store: DirectoryStore, publish: Publish) -> None:
        self.realm = realm
        self.editing = asyncio.Lock()
        self._store = store
        self._publish = publish
        self._waiting: list[_Change] = []
        # Accounts whose failures are to be stored, and whether it is time.
        self._noted: set[str] = set()
        self._telling: set[asyncio.Future[None]] = set()
        self._due = False
        self._timer: asyncio.TimerHandle | None = None
        self._running: asyncio.Task[None] | None = None
        # What has changed since a worker that is loading was begun with, for each of these.
        self._missed: list[list[Item]] = []

    async def change(self, items: Sequence[Item]) -> None:
        """Store rows, or (None) remove them; in force everywhere on return.  Raises DirectoryFailed."""
        change = _Change(items, asyncio.get_running_loop().create_future())
        self._waiting.append(change)
        self._run_on()
        await change.done

    async def show(self, items: Sequence[Item]) -> None:
        """Put rows in force without storing them: everywhere on return."""
        told = self._show(items)
        if told is not None:
            await told

    def _show(self, items: Sequence[Item]) -> Awaitable[None] | None:
        self.realm.apply(items)
        for missed in self._missed:
            missed.extend(items)
        return self._publish(items)

    def note(self, account: str, failures: Failures | None) -> None:
        """Set an account's failures, which are stored in a moment."""
        told = self._show([_failures_item(account, failures)])
        if told is not None:
            # Nobody waits for it here, and yet a worker that takes nothing is to be replaced.
            self._telling.add(task := asyncio.ensure_future(told))
            task.add_done_callback(self._telling.discard)
        self._noted.add(account)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_NOTE_AFTER, self._store_notes)

    async def snapshot(self, send: Send) -> None:
        """Send the whole realm, slice by slice; changes meanwhile are sent again behind it."""
        items, missed = list(self.realm.items()), list[Item]()
        self._missed.append(missed)
        try:
            for part in _slices(items):
                await send(part)
                await asyncio.sleep(0)
        finally:
            # By identity: two lists of changes may be equal.
            self._missed = [one for one in self._missed if one is not missed]
        await send(missed)

    async def close(self) -> None:
        """Carry out what waits, and store what is noted."""
        if self._timer is not None:
            self._store_notes()
        while self._running is not None:
            await asyncio.wait([self._running])
            if self._noted:
                # The store takes nothing, and has said so.
                return

    def _store_notes(self) -> None:
        self._timer, self._due = None, True
        self._run_on()

    def _run_on(self) -> None:
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting or self._due:
                if self._waiting:
                    batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                    await self._carry_out(batch)
                else:
                    self._due = False
                    await self._store_noted()
        finally:
            self._running = None
            if self._waiting:
                self._run_on()

    async def _carry_out(self, batch: Sequence[_Change]) -> None:
        items = list(chain.from_iterable(change.items for change in batch))
        why: Exception = DirectoryFailed("the change was broken off")
        try:
            await self._store.put(items)
            await self.show(items)
        except DirectoryFailed as e:
            why = e
        else:
            _settle(batch, None)
        finally:
            # After a bug too nobody waits for ever.
            _settle(batch, why)

    async def _store_noted(self) -> None:
        """Store the failures as they are now, not as they were noted: an account may be unlocked, or gone."""
        names, self._noted = self._noted, set()
        try:
            await self._store.put([_failures_item(name, self.realm.failures.get(name)) for name in names])
        except DirectoryFailed as e:
            log.error("failures of accounts not stored", why=str(e))
            self._noted |= names
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(_NOTE_AFTER, self._store_notes)


def _settle(batch: Sequence[_Change], why: Exception | None) -> None:
    for change in batch:
        if change.done.done():
            continue
        if why is None:
            change.done.set_result(None)
        else:
            change.done.set_exception(why)


def _failures_item(account: str, failures: Failures | None) -> Item:
    return (rows.FAILURES + account.encode(), None) if failures is None else rows.failures_item(account, failures)


def _slices(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for at in range(0, len(items), SLICE):
        yield items[at : at + SLICE]
