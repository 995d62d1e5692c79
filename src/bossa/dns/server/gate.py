"""The gate that every UDP answer leaves by: the rate limit, and what is written down about it."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from bossa.dns import ratelimit
from bossa.dns.ratelimit import RateLimit, Verdict
from bossa.observe import log, metrics
from bossa.observe.limit import Limit

_PER_MINUTE = 60


class Gate:
    """Lets answers out; ``clock`` gives seconds.  Starts with no limit."""

    def __init__(self, clock: Callable[[], float]) -> None:
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
        now = self._clock()
        verdict = self._limit.verdict(host, answer, now)
        if verdict is Verdict.SEND:
            return answer
        self._write_down(host, verdict, now)
        return ratelimit.slipped(answer) if verdict is Verdict.SLIP else None

    def _write_down(self, host: bytes, verdict: Verdict, now: float) -> None:
        metrics.add("bossa_dns_rate_limited_total", ("slipped" if verdict is Verdict.SLIP else "dropped",))
        limited = ratelimit.network(host)
        # Seconds of this clock are minutes: one line a network in each.
        if self._said.admit(limited, now / _PER_MINUTE):
            bits = 8 * len(limited)
            text = ipaddress.ip_network((limited.ljust(len(host), b"\x00"), bits))
            log.warning("answers limited", network=str(text))
