"""How far a worker has to be and how far it is: two numbers in memory that it shares with the owner.

The owner gives a worker an order and only then says that it is in force.  The
worker looks at that number after it has received questions and before it
answers them, and first takes in what it lacks.  So whoever asks after he was
told of a change sees it, and nobody waits for the worker's word.  Each number
has one writer and lies in one machine word.
"""

from __future__ import annotations

import os
from mmap import mmap

_WORD = 8
_IN_FORCE, _APPLIED = 0, 1


class Progress:
    """The numbers of one worker; ``fd`` is the memory that both sides map, and may be closed once they do."""

    __slots__ = ("_numbers", "fd")

    def __init__(self, fd: int | None = None) -> None:
        if fd is None:
            fd = os.memfd_create("bossa-worker", os.MFD_CLOEXEC)
            os.truncate(fd, 2 * _WORD)
        self.fd: int | None = fd
        self._numbers = memoryview(mmap(fd, 2 * _WORD)).cast("Q")

    def close(self) -> None:
        """Close the descriptor; the numbers stay."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    @property
    def in_force(self) -> int:
        """The order that answers have to follow; the owner sets it."""
        return self._numbers[_IN_FORCE]

    @in_force.setter
    def in_force(self, number: int) -> None:
        self._numbers[_IN_FORCE] = number

    @property
    def applied(self) -> int:
        """The last order that was taken in; the worker sets it."""
        return self._numbers[_APPLIED]

    @applied.setter
    def applied(self, number: int) -> None:
        self._numbers[_APPLIED] = number
