"""Which of a peer's messages came before, and which came out of turn.  RFC 2743 §1.2.3, RFC 4121 §4.2.3

Numbers have 64 bits and wrap.  The last 64 are remembered; what is older
counts as old.  Without REPLAY and SEQUENCE nothing is checked; with SEQUENCE
a gap is refused, so no number comes late.  A refused number leaves the window
as it was.
"""

from __future__ import annotations

from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags

_MODULUS = (1 << 64) - 1
_HALF = 1 << 63
WIDTH = 64
_FULL = (1 << WIDTH) - 1


class Window:
    """The numbers that a peer used, from ``first`` on."""

    __slots__ = ("_next", "_ordered", "_seen", "_watching")

    def __init__(self, first: int, flags: ContextFlags) -> None:
        self._next = first
        # Numbers before the first were nobody's: as good as used.
        self._seen = _FULL
        self._ordered = bool(flags & ContextFlags.SEQUENCE)
        self._watching = bool(flags & (ContextFlags.REPLAY | ContextFlags.SEQUENCE))

    def take(self, number: int) -> None:
        """Take the number of a message whose integrity was verified; raises GssError."""
        if not self._watching:
            return
        ahead = (number - self._next) & _MODULUS
        if ahead >= _HALF:
            self._take_late(_MODULUS - ahead)
            return
        if ahead and self._ordered:
            raise GssError(Major.GAP_TOKEN, f"{ahead} messages are missing")
        self._seen = (self._seen << min(ahead + 1, WIDTH) | 1) & _FULL
        self._next = (number + 1) & _MODULUS

    def _take_late(self, behind: int) -> None:
        """Take a number that is ``behind`` the last one."""
        if behind >= WIDTH:
            raise GssError(Major.OLD_TOKEN, f"{behind} messages behind")
        if self._seen >> behind & 1:
            raise GssError(Major.DUPLICATE_TOKEN, f"{behind} messages behind")
        self._seen |= 1 << behind
