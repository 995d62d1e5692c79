"""What all rooms of a running server stand on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

from bossa.config.settings import Settings
from bossa.crypto.sealed import Seal
from bossa.store.sqlite import SqliteEngine


class Ground:
    """The settings of this moment, the data directory with its store and seal, and what is taken down at the end.

    ``exits`` takes down what was started, in the opposite order.
    """

    seal: Seal

    def __init__(self, settings: Settings, data: Path, exits: contextlib.AsyncExitStack) -> None:
        self.settings = settings
        self.data = data
        self.exits = exits
        self.engine: SqliteEngine
        self._tasks: set[asyncio.Task[None]] = set()

    def open_store(self, path: Path) -> None:
        """Open the store; what runs beside the rest is cancelled before it closes."""
        self.engine = SqliteEngine.open(path)
        self.exits.callback(self.engine.close)
        self.exits.callback(self._cancel_tasks)

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the rest until it ends or the server does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def close_at_end(self, sockets: Iterable[socket.socket]) -> None:
        """Close sockets when the server ends."""
        for sock in sockets:
            self.exits.callback(sock.close)
