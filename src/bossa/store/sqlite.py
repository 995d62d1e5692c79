"""The store's operations on SQLite: one writer thread, and one commit for all who wait.

While a commit's fsync runs, the next operations queue up; they make the next
transaction.  Each runs inside a savepoint, so one that fails takes nothing
else with it.  When the database itself fails (the table ``_FAILURES``) the
whole batch is rolled back and every caller told; the connection stays, and
the next batch tries anew.  Futures are resolved only after COMMIT.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Generic, TypeVar

import apsw

from bossa.files.sqlite import open_database
from bossa.store.copy import Copy
from bossa.store.errors import EngineFailed
from bossa.store.feed import Feed
from bossa.store.operations import SCHEMA, Bulk, Changed, Operation, Query, Row
from bossa.store.turn import Turn

T = TypeVar("T")

# No batch is larger, so that nobody waits for too many others.
_BATCH = 1000

_FAILURES: dict[type[BaseException], str] = {
    apsw.FullError: "no space left",
    apsw.IOError: "the disk failed",
    apsw.ReadOnlyError: "it is read-only",
    apsw.CantOpenError: "a file cannot be opened",
    apsw.PermissionsError: "the system does not permit it",
    apsw.NoMemError: "no memory left",
    apsw.BusyError: "it is locked",
    apsw.LockedError: "it is locked",
    apsw.ProtocolError: "it is locked",
    apsw.CorruptError: "the database is damaged",
    apsw.NotADBError: "the database is damaged",
    apsw.ConnectionClosedError: "it is closed",
}
_FAILED = tuple(_FAILURES)


class _Job(Generic[T]):
    """An operation on its way: who waits for it, and how it ended."""

    __slots__ = ("changed", "error", "future", "loop", "operation", "result")

    def __init__(self, operation: Operation[T], loop: asyncio.AbstractEventLoop) -> None:
        self.operation = operation
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: BaseException | None = None
        self.changed: list[Changed] = []

    def __enter__(self) -> None:
        """Begin the part whose exceptions are the caller's business."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        """Keep what the operation raised for the caller; the database's own failures are the batch's."""
        if error is None or isinstance(error, _FAILED):
            return False
        self.error = error
        return True


class _CopyJob(_Job[None]):
    """A backup that was asked for."""

    __slots__ = ("copy",)

    def __init__(self, copy: Copy, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(_nothing(), loop)
        self.copy = copy


class SqliteEngine:
    """Owns the database file; see :class:`bossa.store.engine.Engine`.

    Open it with :meth:`open`.  It binds to no event loop: every ``run`` is
    answered on the loop that it was called on.
    """

    def __init__(self, db: apsw.Connection, path: Path) -> None:
        self.feed = Feed()
        self.path = path
        self.failing = ""
        # Commits that the disk did not take, since the start.
        self.failures = 0
        self._db = db
        # Held by whoever uses the connection.
        self._using = threading.Lock()
        self._queue: SimpleQueue[_Job[Any] | None] = SimpleQueue()
        self._copies: list[_CopyJob] = []
        self._turn = Turn()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="store", daemon=True)
        self._thread.start()

    @classmethod
    def open(cls, path: Path, patience: float = 0.0) -> SqliteEngine:
        """Open the store's file, or create it; raises DatabaseBusy and DatabaseRefused of files.sqlite."""
        return cls(open_database(path, SCHEMA, patience), path)

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation; what it changed is on the disk on return.

        Raises what the operation raises, and EngineFailed.  A caller that is
        cancelled meanwhile does not know whether it was stored.
        """
        return await self._submit(_Job(operation, asyncio.get_running_loop()))

    def read(self, operation: Operation[T]) -> T:
        """Run an operation that only reads, blocking; for the start."""
        with self._using:
            try:
                return self._drive(operation, [])
            except _FAILED as e:
                raise self._failure(e) from e

    async def backup(self, path: Path) -> None:
        """Write a copy of the whole store to a file (0600), a few megabytes between two batches.

        The copy is the state at its end.  Raises EngineFailed and OSError; then no file is left.
        """
        await self._submit(_CopyJob(Copy(path), asyncio.get_running_loop()))

    def close(self) -> None:
        """Finish what was asked for, then let the database go; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._db.close()

    async def _submit(self, job: _Job[T]) -> T:
        if self._closed:
            raise EngineFailed(f"{self.path}: it is closed")
        self._turn.awaited(job.loop)
        self._queue.put(job)
        return await job.future

    # The writer thread.

    def _work(self) -> None:
        going = True
        try:
            while going:
                batch, going = self._next_batch()
                if batch:
                    with self._using:
                        self._store(batch)
                    _deliver(batch, self.feed)
                self._copy_on()
                if self._queue.empty() and not self._copies:
                    self._turn.rest()
        finally:
            self._closed = True
            self._abandon_rest()

    def _next_batch(self) -> tuple[list[_Job[Any]], bool]:
        """Collect the operations that wait, or wait for one; also tell whether to go on after them."""
        batch: list[_Job[Any]] = []
        while len(batch) < _BATCH:
            try:
                # A backup under way is something to do besides waiting.
                job = self._queue.get(block=not batch and not self._copies)
            except Empty:
                break
            if job is None:
                return batch, False
            if isinstance(job, _CopyJob):
                self._copies.append(job)
            else:
                batch.append(job)
        return batch, True

    def _store(self, batch: Sequence[_Job[Any]]) -> None:
        try:
            self._db.execute("begin immediate")
            if len(batch) == 1:
                self._attempt_alone(batch[0])
            else:
                for job in batch:
                    self._attempt(job)
            self._db.execute("commit")
            self.failing = ""
        except apsw.Error as e:
            failed = self._failure(e)
            self.failing = str(failed)
            self.failures += 1
            # SQLite may have rolled back by itself already (lang_transaction.html §3.1).
            if not self._db.get_autocommit():
                with suppress(apsw.Error):
                    self._db.execute("rollback")
            for job in batch:
                job.error = failed
                job.changed.clear()

    def _attempt_alone(self, job: _Job[Any]) -> None:
        """Run the only operation of a transaction, which needs no savepoint."""
        with job:
            job.result = self._drive(job.operation, job.changed)
        if job.error is not None:
            job.changed.clear()
            self._db.execute("rollback")
            self._db.execute("begin immediate")

    def _attempt(self, job: _Job[Any]) -> None:
        self._db.execute("savepoint operation")
        with job:
            job.result = self._drive(job.operation, job.changed)
        if job.error is not None:
            job.changed.clear()
            self._db.execute("rollback to operation")
        self._db.execute("release operation")

    def _drive(self, operation: Operation[T], changed: list[Changed]) -> T:
        """Run an operation's statements as it yields them."""
        try:
            want = next(operation)
            while True:
                rows: list[Row] = []
                if isinstance(want, Query):
                    rows = self._db.execute(want.sql, want.args).fetchall()
                elif isinstance(want, Bulk):
                    self._db.executemany(want.sql, want.rows)
                else:
                    changed.append(want)
                want = operation.send(rows)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            operation.close()

    def _copy_on(self) -> None:
        """Take every backup one step further."""
        for job in tuple(self._copies):
            done = False
            with self._using, job:
                try:
                    done = job.copy.step(self._db)
                except _FAILED as e:
                    job.error = self._failure(e)
            if done or job.error is not None:
                if job.error is not None:
                    job.copy.abandon()
                self._copies.remove(job)
                _deliver([job], self.feed)

    def _abandon_rest(self) -> None:
        """Tell those who can no longer be served."""
        rest: list[_Job[Any]] = [*self._copies]
        with suppress(Empty):
            while True:
                rest += filter(None, [self._queue.get_nowait()])
        for job in rest:
            if isinstance(job, _CopyJob):
                job.copy.abandon()
            job.error = EngineFailed(f"{self.path}: it is closed")
        _deliver(rest, self.feed)

    def _failure(self, error: BaseException) -> EngineFailed:
        why = next((text for kind, text in _FAILURES.items() if isinstance(error, kind)), "it does not work")
        errno = self._db.system_errno if isinstance(error, apsw.IOError) else 0
        return EngineFailed(f"{self.path}: {why} ({os.strerror(errno) if errno else error})")


def _nothing() -> Operation[None]:
    yield from ()


def _deliver(batch: Sequence[_Job[Any]], feed: Feed) -> None:
    for loop in {job.loop: None for job in batch}:
        mine = [job for job in batch if job.loop is loop]
        try:
            loop.call_soon_threadsafe(_resolve, mine, feed)
        except RuntimeError:
            # The loop was closed, nobody waits any more.
            continue


def _resolve(jobs: Sequence[_Job[Any]], feed: Feed) -> None:
    # Whoever waits for a future runs after this function, so the feed is told before.
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)
    feed.publish(changed for job in jobs for changed in job.changed)
