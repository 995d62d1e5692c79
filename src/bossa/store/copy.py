"""Copies a database that is in use, page by page, through the connection that owns it.

What the owner writes meanwhile goes into the copy as well, so the copy is
never started anew.  sqlite.org/backup.html, "If another thread or process
writes to the source database while this function is sleeping".
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import apsw

from bossa.files.atomic import sync_directory

# 4 MiB, some milliseconds.
_PAGES = 1024


class Copy:
    """One copy under way to ``path``, which gets its name when it is whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._partial = path.with_name(f".{path.name}.partial")
        self._db: apsw.Connection | None = None
        self._backup: apsw.Backup | None = None

    def step(self, source: apsw.Connection) -> bool:
        """Copy some pages more; return whether the copy is whole and on the disk."""
        if self._backup is None:
            self._backup = self._begin(source)
        if not self._backup.step(_PAGES):
            return False
        self._backup.finish()
        self._close()
        self._publish()
        return True

    def abandon(self) -> None:
        """Stop, and leave nothing behind."""
        if self._backup is not None:
            self._backup.close(True)
        self._close()
        # What hindered the copy may hinder this too, and is what the caller hears of.
        with suppress(OSError):
            self._partial.unlink()

    def _begin(self, source: apsw.Connection) -> apsw.Backup:
        # What a crash left of an earlier copy is of no use.
        self._partial.unlink(missing_ok=True)
        os.close(os.open(self._partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        self._db = apsw.Connection(str(self._partial), flags=apsw.SQLITE_OPEN_READWRITE)
        # The file has no name yet that anybody would open: neither journal nor syncs until the end.
        self._db.pragma("journal_mode", "off")
        self._db.pragma("synchronous", "off")
        return self._db.backup("main", source, "main")

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()

    def _publish(self) -> None:
        with self._partial.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(self._partial, self._path)
        sync_directory(self._path.parent)
