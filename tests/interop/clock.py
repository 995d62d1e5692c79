"""A clock that is wrong, in the place of a command's own."""

from __future__ import annotations

import time


class Clock:
    """What a module takes for ``time``, off by some seconds."""

    perf_counter = staticmethod(time.perf_counter)

    def __init__(self, off: float) -> None:
        self._off = off

    def time(self) -> float:
        """Return the wrong time."""
        return time.time() + self._off
