"""What is done once, however often its datagram comes: an update.

A client that asks again before it has heard, or because the answer was lost,
gets the first answer.  Answers are kept for a while, and only so many.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from bossa.dns.errors import Rcode

_KEEP_SECONDS = 30.0
_MOST = 4096

# Takes an answer.
Done = Callable[[bytes], None]


@dataclass(slots=True)
class _Kept:
    """An answer, None while it is in the making."""

    answer: bytes | None
    until: float


class Once:
    """Remembers what was done for whom; ``clock`` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[bytes, bytes], _Kept] = OrderedDict()

    def do(self, packet: bytes, address: bytes, send: Done, begin: Callable[[Done], None]) -> None:
        """Begin, unless it was begun before; the answer goes to ``send`` in either case, at once or later."""
        now = self._clock()
        self._forget(now)
        if self.again(packet, address, send):
            return
        key = _key(packet, address)
        self._kept[key] = _Kept(None, now + _KEEP_SECONDS)

        def done(answer: bytes) -> None:
            if answer[3] & 0xF == Rcode.SERVFAIL:
                # What failed by our own fault may go well the next time.
                self._kept.pop(key, None)
            elif (kept := self._kept.get(key)) is not None:
                kept.answer = answer
            send(answer)

        begin(done)

    def again(self, packet: bytes, address: bytes, send: Done) -> bool:
        """Tell whether it was begun before; then the answer goes to ``send``, unless that is still to come."""
        kept = self._kept.get(_key(packet, address))
        if kept is None or kept.until < self._clock():
            return False
        if kept.answer is not None:
            send(kept.answer)
        return True

    def keep(self, packet: bytes, address: bytes, answer: bytes) -> None:
        """Remember what was done at once."""
        now = self._clock()
        self._forget(now)
        self._kept[_key(packet, address)] = _Kept(answer, now + _KEEP_SECONDS)

    def _forget(self, now: float) -> None:
        """Let go of what was kept long enough, and make room for one more."""
        while self._kept and (len(self._kept) >= _MOST or next(iter(self._kept.values())).until < now):
            self._kept.popitem(last=False)


def _key(packet: bytes, address: bytes) -> tuple[bytes, bytes]:
    return address, hashlib.sha256(packet).digest()
