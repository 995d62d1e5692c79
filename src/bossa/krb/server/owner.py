"""The owner's tickets: whatever no worker answers, over UDP and TCP.

It decides by the same :class:`bossa.krb.kdc.kdc.Kdc` as the workers do, and
beside that counts wrong passwords, writes down what was refused and delegated,
and knows a request that comes again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from bossa.krb.errors import KrbCode
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.messages import KrbError
from bossa.krb.names import krbtgt
from bossa.krb.server import audit
from bossa.krb.server.answers import Answers
from bossa.krb.server.desk import REQUESTS, tally
from bossa.krb.server.lockouts import Lockouts
from bossa.net.peer import Peer
from bossa.observe import metrics

# A client gives up long before.
_KEEP_SECONDS = 60.0
# Requests that wait for a lock; more are left to the clients' next try.
_MAX_PENDING = 1024

Send = Callable[[bytes], None]


class Answering(Protocol):
    """What :class:`bossa.krb.kdc.kdc.Kdc` does."""

    def answer(self, packet: bytes, now: float, host: str, *, limit: int | None) -> Outcome: ...


class Owner:
    """Answers requests; ``clock`` gives seconds since 1970."""

    def __init__(self, kdc: Answering, lockouts: Lockouts, counts: Counter[str], clock: Callable[[], float]) -> None:
        self.kdc = kdc
        # The largest answer over UDP.
        self.udp_limit = 1465
        # What was not refused, by desk.tally.
        self._counts = counts
        self._lockouts = lockouts
        self._clock = clock
        self._answers = Answers(clock, _KEEP_SECONDS)
        self._tasks: set[asyncio.Task[None]] = set()

    def datagram(self, packet: bytes, address: bytes, send: Send) -> None:
        """Answer a UDP request, now or when a lock that is on its way is in force.

        A bug is the loop's to log; the client gets KRB_ERR_GENERIC.
        """
        if packet[:1] not in REQUESTS:
            self._counts["dropped"] += 1
            return
        host, sound = Peer.decode(address).host, False
        try:
            answer = self._answer(packet, host, self.udp_limit)
            sound = True
        finally:
            if not sound:
                send(self.failure(KrbCode.GENERIC))
        if isinstance(answer, bytes):
            _send(answer, send)
        elif len(self._tasks) < _MAX_PENDING:
            self._later(answer, packet, host, send)
        else:
            metrics.add("bossa_krb_dropped_total", ("busy",))

    async def message(self, packet: bytes, peer: Peer) -> bytes | None:
        """Answer a TCP request."""
        answer = self._answer(packet, peer.host, None)
        while not isinstance(answer, bytes):
            await asyncio.wait([answer])
            answer = self._answer(packet, peer.host, None)
        return answer or None

    def too_long(self) -> bytes:
        """Answer a message whose length over TCP has the high bit set, or is beyond reason.  RFC 4120 §7.2.2"""
        return self.failure(KrbCode.FIELD_TOOLONG)

    def failure(self, code: KrbCode) -> bytes:
        """Return an error that is about no request in particular."""
        now, realm = self._clock(), self._lockouts.realm
        return KrbError(code, int(now), int(now % 1 * 1_000_000), realm, krbtgt(realm)).encode()

    def _answer(self, packet: bytes, host: str, limit: int | None) -> bytes | asyncio.Task[None]:
        """Answer, or return the lock that has to be in force before."""
        known = self._answers.find(packet)
        if known is not None and (limit is None or len(known) <= limit):
            return known
        outcome = self.kdc.answer(packet, self._clock(), host, limit=limit)
        lock = self._lockouts.locking(outcome.account)
        if lock is not None:
            return lock
        self._take_note(outcome, host)
        if outcome.verdict is Verdict.TURN:
            return outcome.reply
        if outcome.client:
            self._answers.keep(packet, outcome.reply)
        return outcome.reply

    def _take_note(self, outcome: Outcome, host: str) -> None:
        if outcome.verdict in (Verdict.ISSUED, Verdict.TURN):
            self._counts[tally(outcome)] += 1
        if outcome.verdict is Verdict.FAILED:
            self._lockouts.failed(outcome.account)
        elif outcome.verdict is Verdict.ISSUED and outcome.account:
            self._lockouts.succeeded(outcome.account)
        audit.decided(outcome, host)

    def _later(self, lock: asyncio.Task[None], packet: bytes, host: str, send: Send) -> None:
        task = asyncio.get_running_loop().create_task(self._after(lock, packet, host, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _after(self, lock: asyncio.Task[None], packet: bytes, host: str, send: Send) -> None:
        answer: bytes | asyncio.Task[None] = lock
        while not isinstance(answer, bytes):
            await asyncio.wait([answer])
            answer = self._answer(packet, host, self.udp_limit)
        _send(answer, send)


def _send(answer: bytes, send: Send) -> None:
    if answer:
        send(answer)
