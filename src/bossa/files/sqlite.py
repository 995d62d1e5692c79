"""Opens SQLite databases that one process owns.

WAL with synchronous=FULL: a commit is on the disk when it returns.
locking_mode=EXCLUSIVE is set before the first access to the WAL, so there is
no shared memory file, and a second process is refused as long as this one has
the database open (sqlite.org/wal.html §8, "Use of WAL Without Shared-Memory").
``user_version`` counts the schema steps that were taken.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import apsw

# SQLite locks octets from here on, far behind the end of most files (os.h, PENDING_BYTE).
_PENDING_BYTE = 0x40000000
_LOCK_OCTETS = 512
# Pages held in memory, in KiB; a load of a million rows in random order takes twice as long with the default 2 MiB.
_CACHE_KIB = 65536
# The WAL file shrinks to this after a checkpoint.
_WAL_KEEPS = 64 * 1024 * 1024


_RESTORE = "restore a backup into another directory"


class DatabaseRefused(Exception):
    """The database cannot be used: the text says which and why, ``fix`` what to do."""

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


class DatabaseBusy(DatabaseRefused):
    """Another process, or another part of this one, has the database; ``pid`` if it is known."""

    def __init__(self, path: Path, pid: int | None) -> None:
        super().__init__(f"{path} is in use by {_process_text(pid)}", "stop what holds it, or name another --data")
        self.path = path
        self.pid = pid


def open_database(path: Path, steps: Sequence[Sequence[str]], patience: float = 0.0) -> apsw.Connection:
    """Open a database, create it (0600) when it is not there, and bring its schema up to date.

    ``steps[n]`` are the statements that take version n to version n + 1.
    ``patience`` is how many seconds to wait for somebody who has it open.
    Raises DatabaseBusy and DatabaseRefused.
    """
    db: apsw.Connection | None = None
    try:
        _create_private(path)
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        _configure(db, patience)
        _upgrade(db, path, steps)
    except (apsw.Error, DatabaseRefused, OSError) as e:
        if db is not None:
            db.close()
        if isinstance(e, DatabaseRefused):
            raise
        raise _refusal(path, e) from e
    return db


def _create_private(path: Path) -> None:
    # Only where there is none: closing a descriptor of a file drops all locks that this process has on it.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _configure(db: apsw.Connection, patience: float) -> None:
    db.set_busy_timeout(int(patience * 1000))
    db.pragma("locking_mode", "exclusive")
    db.pragma("journal_mode", "wal")
    db.pragma("synchronous", "full")
    db.pragma("cache_size", -_CACHE_KIB)
    db.pragma("journal_size_limit", _WAL_KEEPS)


def _upgrade(db: apsw.Connection, path: Path, steps: Sequence[Sequence[str]]) -> None:
    # The transaction takes the lock for good: reading alone would leave room for a second owner.
    db.execute("begin immediate")
    version = db.pragma("user_version")
    if version > len(steps):
        raise DatabaseRefused(
            f"{path} was written by a newer bossa (schema {version}, this one knows {len(steps)})", "upgrade bossa"
        )
    for statements in steps[version:]:
        for statement in statements:
            db.execute(statement)
    if version < len(steps):
        db.pragma("user_version", len(steps))
    db.execute("commit")


def _refusal(path: Path, error: apsw.Error | OSError) -> DatabaseRefused:
    match error:
        case apsw.BusyError() | apsw.LockedError():
            return DatabaseBusy(path, _holder(path))
        case apsw.NotADBError() | apsw.CorruptError():
            return DatabaseRefused(f"{path} is damaged or no database: {error}", _RESTORE)
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return DatabaseRefused(f"{path} cannot be written: {error}", "see who owns the file and its directory")
        case apsw.FullError():
            return DatabaseRefused(f"{path} cannot be opened: the disk is full", "make room on its disk")
    return DatabaseRefused(f"{path} cannot be opened: {error}", "see the disk, and who owns the directory")


def _holder(path: Path) -> int | None:
    """Find who has SQLite's lock on a file, in Linux' table of locks; None where that does not tell."""
    try:
        inode = path.stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        fields = line.split()
        if "POSIX" in fields[:3] and len(fields) >= 8 and fields[-3].endswith(f":{inode}") and _is_ours(fields[-2]):
            return int(fields[-4])
    return None


def _is_ours(start: str) -> bool:
    return _PENDING_BYTE <= int(start) < _PENDING_BYTE + _LOCK_OCTETS


def _process_text(pid: int | None) -> str:
    if pid is None:
        return "another process"
    if pid == os.getpid():
        return "this process"
    try:
        name = Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return f"pid {pid}"
    return f"pid {pid} ({name})"
