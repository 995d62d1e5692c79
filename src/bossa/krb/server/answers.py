"""Answers that were given lately, so that a request that comes again gets the same and counts once.

RFC 4120 §3.1.2 leaves it to the server to know a retransmit.  A request is known
by its octets, whatever address it comes from: it may be repeated from another
port, or over TCP.  Kept for a while, and only so many.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

_MOST = 4096


class Answers:
    """Remembers answers for ``seconds`` of a clock."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._kept: OrderedDict[bytes, tuple[float, bytes]] = OrderedDict()

    def find(self, packet: bytes) -> bytes | None:
        """Return the answer that a request got, None when there is none that is still kept."""
        found = self._kept.get(_digest(packet))
        return found[1] if found is not None and found[0] > self._clock() else None

    def keep(self, packet: bytes, answer: bytes) -> None:
        """Keep an answer, and let go of those that were kept long enough."""
        now = self._clock()
        while self._kept and (len(self._kept) >= _MOST or next(iter(self._kept.values()))[0] <= now):
            self._kept.popitem(last=False)
        key = _digest(packet)
        self._kept[key] = (now + self._seconds, answer)
        self._kept.move_to_end(key)


def _digest(packet: bytes) -> bytes:
    return hashlib.sha256(packet).digest()
