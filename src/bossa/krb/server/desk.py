"""The desk of a KDC worker: which requests it answers itself, and which the owner has to see.

A worker holds the realm as the owner told it, and decides by the same
:class:`bossa.krb.kdc.kdc.Kdc`.  What has an effect beside its answer is the
owner's: a refusal and a wrong password (counted, logged), a delegated ticket
(logged), the success of an account that has failures (forgotten).  The
owner decides anew, so no decision is in two hands.
"""

from __future__ import annotations

import gc
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache

from bossa.crypto.sealed import Seal
from bossa.directory.realm import Realm
from bossa.directory.rows import key_opener
from bossa.krb.kdc.kdc import Kdc
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.server.orders import KdcOrder, decode_rows, decode_settings
from bossa.workers.channel import Order
from bossa.workers.desk import SILENCE

# The first octet of an AS-REQ and of a TGS-REQ: [APPLICATION 10] and [APPLICATION 12].  RFC 4120 §5.4.1
REQUESTS = frozenset((b"\x6a", b"\x6c"))
_NOTHING: Mapping[bytes, Mapping[bytes, bytes]] = {}


class KdcDesk:
    """Answers AS-REQ and TGS-REQ; ``clock`` gives seconds since 1970, ``random`` fresh octets."""

    # An answer has nothing from its request.
    kept = 0

    def __init__(self, clock: Callable[[], float], random: Callable[[int], bytes]) -> None:
        self._clock = clock
        self._random = random
        self._settings = KdcSettings()
        self._realm: Realm | None = None
        self._kdc: Kdc | None = None
        self._counts: Counter[str] = Counter()

    def take(self, order: int, payload: bytes) -> None:
        """Take in what the owner says of the realm; other orders are passed over."""
        if order == Order.DELTA and self._realm is not None:
            self._realm.apply(decode_rows(payload))
        elif order == Order.LIVE:
            # The realm is there to stay: the garbage collector need not look through it.
            gc.freeze()
        elif order == KdcOrder.MASTER_KEY:
            self._realm = Realm(key_opener(Seal(payload).open))
            self._kdc = Kdc(self._realm, self._settings, self._random)
        elif order == KdcOrder.SETTINGS:
            self._settings = decode_settings(payload)
            if self._realm is not None:
                self._kdc = Kdc(self._realm, self._settings, self._random)

    def answer(self, packet: bytes, host: bytes) -> bytes | None:
        """Return the answer to a request; None when the owner has to see it, SILENCE for what is none."""
        if packet[:1] not in REQUESTS:
            self._counts["dropped"] += 1
            return SILENCE
        outcome = self._outcome(packet, host)
        if outcome is None or not self._is_ours(outcome):
            return None
        self._counts[tally(outcome)] += 1
        return outcome.reply

    def _outcome(self, packet: bytes, host: bytes) -> Outcome | None:
        if self._kdc is None:
            return None
        try:
            return self._kdc.answer(packet, self._clock(), _text(host), limit=self._settings.udp_limit)
        except Exception:
            # A bug.  It happens to the owner too, whose it is to write down.
            return None

    def _is_ours(self, outcome: Outcome) -> bool:
        if outcome.verdict is Verdict.TURN:
            return True
        counted = self._realm is not None and outcome.account in self._realm.failures
        return outcome.verdict is Verdict.ISSUED and not outcome.delegated_by and not counted

    def known(self) -> Mapping[bytes, Mapping[bytes, bytes]]:
        """Return nothing: no two tickets are the same."""
        return _NOTHING

    def count(self, answered: int) -> None:
        """Count nothing, since nothing is known."""

    def counters(self) -> dict[str, int]:
        """Return what was done since the start, by :func:`tally`, and "dropped"."""
        return dict(self._counts)

    def notice(self) -> bytes:
        """Return nothing: whatever the owner has to hear of, he gets as a request."""
        return b""


def tally(outcome: Outcome) -> str:
    """Return under which name a request is counted that was not refused."""
    return f"{outcome.verdict.value} {outcome.exchange}"


@lru_cache(maxsize=4096)
def _text(host: bytes) -> str:
    return socket.inet_ntop(socket.AF_INET if len(host) == 4 else socket.AF_INET6, host)
