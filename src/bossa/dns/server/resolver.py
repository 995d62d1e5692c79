"""Questions for other names: answered from memory, or asked of an upstream once for all who wait.

What is over is told again when the upstreams do not answer soon (RFC 8767),
and what is soon over is asked for anew before anybody has to wait.  After a
failure a name is left alone for a while (RFC 9520), so that upstreams that are
down slow nobody twice.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bossa.dns import entry, relay
from bossa.dns.cache import Cache
from bossa.dns.entry import MAX_TTL, Entry, Kind
from bossa.dns.errors import Ede, Rcode
from bossa.dns.relay import EDNS_SIZE, Answer, Asked, Unanswered
from bossa.dns.remembered import FORGET, Fill, Forget, is_of, key_name

# How many clients may wait for one answer, and how many answers may be fetched that nobody waits for.
_MAX_WAITING = 512
_MAX_REFRESHES = 64
# How questions end that are not for our zones.
ASKED = ("hits", "misses", "stale")

# Codes that say something about the name.  RFC 8767 §4
_ANSWERS = frozenset((Rcode.NOERROR, Rcode.NXDOMAIN, Rcode.YXDOMAIN))

Fetch = Callable[[Asked], Awaitable[Answer | Unanswered]]
PublishFill = Callable[[bytes, Fill | Forget], None]


@dataclass(frozen=True, slots=True)
class Stale:
    """An answer whose time is over, for want of a new one."""

    entry: Entry


Outcome = Entry | Stale | Answer | Unanswered


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds: how long a client waits when there is a stale answer, and how long a name rests after a failure.

    RFC 8767 §5 proposes 1.8 for the first and 30 for the second.
    """

    client: float = 1.8
    recheck: float = 30.0


class _Flight:
    """One question under way, and how many wait for its answer."""

    __slots__ = ("task", "waiting")

    def __init__(self, task: asyncio.Task[Outcome]) -> None:
        self.task = task
        self.waiting = 0


def _to_nobody(key: bytes, fill: Fill | Forget) -> None:
    """Share fills with no worker: there is none."""


class Resolver:
    """Answers from ``cache``, or by ``fetch``, which never raises for trouble with the network.

    ``clock`` is the monotonic one, which workers share; ``publish`` takes what
    their tables are to hold.  ``ours`` tells whether a name is in a zone of ours.
    """

    def __init__(
        self,
        fetch: Fetch,
        cache: Cache,
        clock: Callable[[], float],
        publish: PublishFill = _to_nobody,
        ours: Callable[[bytes], bool] = lambda name: False,
    ) -> None:
        self.cache = cache
        self.edns_size = EDNS_SIZE
        self.max_ttl = MAX_TTL
        self.patience = Patience()
        # How many answers workers gave from their tables.
        self.recalled: Callable[[], int] = lambda: 0
        self._counts: Counter[str] = Counter()
        self._fetch = fetch
        self._clock = clock
        self._publish = publish
        self._ours = ours
        self._flights: dict[bytes, _Flight] = {}

    @property
    def counts(self) -> Counter[str]:
        """How questions ended so far: ASKED; and prefetches."""
        return self._counts + Counter(hits=self.recalled())

    @property
    def now(self) -> float:
        """The present moment on the clock of the answers' times."""
        return self._clock()

    async def ask(self, query: bytes, limit: int) -> bytes:
        """Return the answer to a client's query, in at most ``limit`` octets; raises WireError for an unreadable one.

        The query is of opcode QUERY, has one question and no TSIG.
        """
        asked = Asked.decode(query, self.edns_size)
        return self.write(asked, await self.resolve(asked), limit)

    def at_once(self, asked: Asked) -> Entry | Stale | None:
        """Return what is remembered and may be told without asking anybody."""
        key, now = entry.asked_key(asked), self._clock()
        found = self.cache.find(key, now)
        if found is None or self.dead_end(found) is not None:
            return None
        if now >= found.end and now >= found.retry_at:
            return None
        return self._told(key, asked, found, now)

    async def resolve(self, asked: Asked) -> Outcome:
        """Return what is remembered, or what an upstream says."""
        key, now = entry.asked_key(asked), self._clock()
        found = self.cache.find(key, now)
        if found is not None and (now < found.end or now < found.retry_at):
            return self._told(key, asked, found, now)
        outcome = await self._join(key, asked) if found is None else await self._join_briefly(key, asked, found)
        if found is not None and (outcome is None or is_failure(outcome)):
            return self._stale(key, found)
        assert outcome is not None, "who has nothing else waits for the end"
        self._counts["misses"] += 1
        return outcome

    async def _join_briefly(self, key: bytes, asked: Asked, found: Entry) -> Outcome | None:
        """Wait for a new answer while the client has patience; then the question goes on without it."""
        try:
            async with asyncio.timeout(self.patience.client):
                return await self._join(key, asked)
        except TimeoutError:
            # Nobody else needs to wait for it.
            found.retry_at = self._clock() + self.patience.recheck
            return None

    def write(self, asked: Asked, outcome: Outcome, limit: int) -> bytes:
        """Return an outcome as a client gets it."""
        if isinstance(outcome, Entry):
            return outcome.reply(asked, limit, self._clock())
        if isinstance(outcome, Stale):
            return outcome.entry.stale_reply(asked, limit)
        if isinstance(outcome, Unanswered):
            return relay.failure(asked, outcome.ede, outcome.text)
        return relay.client_reply(asked, outcome, limit)

    def dead_end(self, outcome: Outcome) -> bytes | None:
        """Return the name of ours at which an outcome's aliases end in nothing, None for all others.

        The world's resolvers need not know what only our zones hold.
        """
        if isinstance(outcome, Answer):
            name = entry.dead_end(outcome.message)
        else:
            found = outcome.entry if isinstance(outcome, Stale) else outcome
            name = found.dead_end if isinstance(found, Entry) else None
        return name if name is not None and self._ours(name) else None

    def forget(self, name: bytes, *, tree: bool) -> int:
        """Forget a name, or all names of a tree, here and in every worker; return how many answers that were."""
        self._detach(lambda key: is_of(key, name, tree=tree))
        self._publish(FORGET, (name, tree))
        return self.cache.forget(name, tree=tree)

    def forget_all(self) -> int:
        """Forget everything, here and in every worker; return how many answers that were."""
        self._detach(lambda key: True)
        self._publish(FORGET, None)
        return self.cache.clear()

    def _detach(self, is_forgotten: Callable[[bytes], bool]) -> None:
        """Let questions that are under way end without being remembered; who asks from now on asks anew."""
        self._flights = {key: flight for key, flight in self._flights.items() if not is_forgotten(key)}

    def fills(self) -> list[tuple[bytes, Fill]]:
        """Return what a new worker's table is to hold."""
        now = self._clock()
        fresh = ((key, kept) for key, kept in self.cache.entries() if now < kept.end)
        return [(key, fill) for key, kept in fresh if (fill := self._fill(key, kept)) is not None]

    def _told(self, key: bytes, asked: Asked, found: Entry, now: float) -> Entry | Stale:
        """Count an answer from memory, and fetch it anew when it is time."""
        if now >= found.end:
            return self._stale(key, found)
        self._counts["hits"] += 1
        self.cache.hit(key, found)
        if found.is_due(now) and len(self._flights) < _MAX_REFRESHES:
            found.refreshed = True
            self._counts["prefetches"] += 1
            self._flight(key, asked)
        return found

    def _stale(self, key: bytes, found: Entry) -> Stale:
        self._counts["stale"] += 1
        self.cache.hit(key, found)
        return Stale(found)

    async def _join(self, key: bytes, asked: Asked) -> Outcome:
        """Wait for the answer to a question that is under way already, or is from now on."""
        flight = self._flight(key, asked)
        if flight.waiting >= _MAX_WAITING:
            return Unanswered(Ede.OTHER, "too many wait for this answer")
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1

    def _flight(self, key: bytes, asked: Asked) -> _Flight:
        flight = self._flights.get(key)
        if flight is None:
            task = asyncio.get_running_loop().create_task(self._fetched(key, asked))
            flight = self._flights[key] = _Flight(task)
        return flight

    async def _fetched(self, key: bytes, asked: Asked) -> Outcome:
        this = asyncio.current_task()
        try:
            outcome = await self._fetch(asked)
        finally:
            flight = self._flights.get(key)
            attached = flight is not None and flight.task is this
            if attached:
                del self._flights[key]
        return self._learned(key, outcome) if attached else outcome

    def _learned(self, key: bytes, outcome: Answer | Unanswered) -> Outcome:
        """Keep what is to be kept of an upstream's answer, and share it."""
        now = self._clock()
        if is_failure(outcome):
            self._note_failure(key, outcome, now)
            return outcome
        assert isinstance(outcome, Answer), "whoever did not answer has failed"
        kept = entry.remember(outcome, now, self.max_ttl)
        if kept is None and outcome.truncated:
            return outcome
        # A newer answer replaces the former one, which workers may hold still, even when it is not to be kept or told.
        self._publish(key, self._fill(key, kept) if kept is not None else None)
        if kept is None:
            self.cache.pop(key)
            return outcome
        self.cache.put(key, kept)
        return kept

    def _fill(self, key: bytes, kept: Entry) -> Fill | None:
        """Return what workers may tell; of a name in a zone of ours (below a delegation) the owner has to decide."""
        return None if self._ours(key_name(key)) else kept.fill()

    def _note_failure(self, key: bytes, outcome: Answer | Unanswered, now: float) -> None:
        """Leave the name alone for a while; an answer from before stays of use."""
        former = self.cache.find(key, now)
        if former is not None and former.kind is not Kind.FAILURE:
            former.retry_at = now + self.patience.recheck
            return
        failed = entry.failed(outcome, now) if isinstance(outcome, Unanswered) else entry.remember(outcome, now)
        if failed is not None:
            self.cache.put(key, failed)


def is_failure(outcome: Outcome) -> bool:
    """Tell whether an outcome is none of use."""
    if isinstance(outcome, Entry):
        return outcome.kind is Kind.FAILURE
    return isinstance(outcome, Unanswered) or (isinstance(outcome, Answer) and outcome.rcode not in _ANSWERS)
