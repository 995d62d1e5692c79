"""Fills of the query workers' tables, gathered for a moment so that a burst of them is one message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bossa.dns.remembered import FORGET, Fill, Forget, encode_fills

_MOMENT = 0.004
# So many go out without waiting for the moment's end.
_MANY = 256


class Fills:
    """Gathers what ``send`` gives to every worker; call it with a key and an entry, or None for one to forget."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._pairs: list[tuple[bytes, Fill | Forget]] = []
        self._timer: asyncio.TimerHandle | None = None

    def __call__(self, key: bytes, fill: Fill | Forget) -> None:
        """Take one in; order is kept.  What is to be forgotten goes out before whatever is told to the workers next."""
        self._pairs.append((key, fill))
        if key == FORGET or len(self._pairs) >= _MANY:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_MOMENT, self.flush)

    def flush(self) -> None:
        """Send what has been gathered."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        pairs, self._pairs = self._pairs, []
        if pairs:
            self._send(encode_fills(pairs))
