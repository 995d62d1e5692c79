"""Gives the writer thread its turn while the event loop never rests.

A thread gets Python's global lock only when it is awake at the moment another
lets go of it, or after the holder kept it for a whole switch interval.  A busy
loop lets go for microseconds, many times within that interval, so the writer
may starve for seconds.  Therefore the loop stands aside for a moment, now and
then, as long as operations are under way and it took most of the processor.
"""

from __future__ import annotations

import asyncio
import threading
import time

# A busy loop gives the writer up to _FOR seconds, each _EACH seconds.
_EACH = 0.005
_FOR = 0.002


class Turn:
    """Between one writer thread and the loops that wait for it."""

    def __init__(self) -> None:
        self._rest = threading.Event()
        self._rest.set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wall = 0.0
        self._cpu = 0.0

    def awaited(self, loop: asyncio.AbstractEventLoop) -> None:
        """Note, on the loop, that an operation is on its way."""
        self._rest.clear()
        if self._loop is not loop:
            self._watch(loop)

    def rest(self) -> None:
        """Note, in the writer thread, that there is nothing left to do."""
        self._rest.set()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._wall, self._cpu = time.monotonic(), time.thread_time()
        loop.call_later(_EACH, self._give, loop)

    def _give(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._rest.is_set():
            self._loop = None
            return
        if time.thread_time() - self._cpu > (time.monotonic() - self._wall) / 2:
            self._rest.wait(_FOR)
        self._watch(loop)
