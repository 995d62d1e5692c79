"""The gate that every UDP answer leaves by: the rate limit, and what is written down about it."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Callable

from bossa.dns import ratelimit
from bossa.dns.ratelimit import RateLimit, Verdict
from bossa.observe import log
from bossa.observe.limit import Limit

_PER_MINUTE = 60


class Gate:
    """Lets answers out; ``clock`` gives seconds.  Starts with no limit."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.counts = Counter(slipped=0, dropped=0)
        self._clock = clock
        self._limit: RateLimit | None = None
        self._encoded = b""
        self._said: Limit[bytes] = Limit(1)

    def use(self, encoded: bytes) -> None:
        """Take a limit as :func:`bossa.dns.ratelimit.encode` made it; accounts go on when it is the same."""
        if encoded != self._encoded:
            self._encoded, self._limit = encoded, RateLimit.decode(encoded)

    def fit(self, host: bytes, answer: bytes) -> bytes | None:
        """Return an answer as it leaves, whole or cut short; None for one that does not."""
        if self._limit is None:
            return answer
        verdict = self._limit.verdict(host, answer, self._clock())
        if verdict is Verdict.SEND:
            return answer
        self.counts["slipped" if verdict is Verdict.SLIP else "dropped"] += 1
        self.write_down(ratelimit.network(host))
        return ratelimit.slipped(answer) if verdict is Verdict.SLIP else None

    def write_down(self, limited: bytes) -> None:
        """Log, once a minute, that a network's answers are held back."""
        # Seconds of this clock are minutes: one line a network in each.
        if self._said.admit(limited, self._clock() / _PER_MINUTE):
            size = 4 if len(limited) == len(ratelimit.network(bytes(4))) else 16
            network = ipaddress.ip_network((limited.ljust(size, b"\x00"), 8 * len(limited)))
            log.warning("answers limited", network=str(network))
