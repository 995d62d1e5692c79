"""How the server is: the data of ``bossa status``, of its --json form, and of the page on the web port.

Times are seconds since 1970, sizes are octets.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from bossa.admin.ports import Memory
from bossa.dns.secondary import Secondary


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service and where it listens: ``addresses`` as people read them, ``[::1]:10053``."""

    name: str
    addresses: tuple[str, ...]


class SecondaryStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a zone follows its primaries: ``state`` is "current", "failing", "expired" or "not fetched"."""

    primaries: tuple[str, ...]
    state: str
    # The last refresh, and the last that a primary answered.
    checked: float | None = None
    contact: float | None = None
    due: float | None = None
    expires: float | None = None
    failure: str = ""

    @classmethod
    def of(cls, zone: Secondary, now: float) -> SecondaryStatus:
        """Return the state of this moment."""
        return cls(
            primaries=tuple(one.text for one in zone.primaries),
            state=_state(zone, now),
            checked=zone.checked,
            contact=zone.contact,
            due=zone.due,
            expires=zone.expires,
            failure=zone.failure,
        )

    @property
    def served(self) -> bool:
        """Whether questions for the zone are answered."""
        return self.state in ("current", "failing")


def _state(zone: Secondary, now: float) -> str:
    if zone.contact is None:
        return "not fetched"
    if zone.expired or zone.has_expired(now):
        return "expired"
    return "failing" if zone.failure else "current"


class ZoneStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One zone; ``name`` in master-file form with the final dot."""

    name: str
    serial: int
    records: int
    private_reverse: bool = False
    secondary: SecondaryStatus | None = None


# Under a stream of updates a worker is always a few changes behind.
MANY_BEHIND = 100


class WorkerStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One worker: the revision that it answers from, and how many changes it is behind."""

    number: int
    pid: int
    revision: int
    behind: int = 0
    started: float = 0.0

    @property
    def late(self) -> bool:
        """Whether the worker is further behind than one that keeps up."""
        return self.behind >= MANY_BEHIND


class UpstreamStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One resolver that questions are passed on to: ``rule`` is the domain whose it gets, "" for everything else.

    ``rtt`` is its smoothed round-trip time in seconds, None before the first answer.
    """

    rule: str
    address: str
    rtt: float | None = None
    aside: bool = False
    queries: int = 0
    failures: int = 0

    @property
    def state(self) -> str:
        """A word for people."""
        if self.aside:
            return "aside"
        return "not asked yet" if not self.queries else "no answer yet" if self.rtt is None else "healthy"

    @property
    def speed(self) -> str:
        """The round-trip time for people."""
        return "–" if self.rtt is None else f"{self.rtt * 1000:.1f} ms"


class UpdateCounts(msgspec.Struct, frozen=True, kw_only=True):
    """Dynamic updates since the start: stored, refused by key or policy, failed for another reason."""

    accepted: int = 0
    refused: int = 0
    failed: int = 0


class StoreStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The store: ``failing`` is why it cannot write just now, "" when it can."""

    size: int = 0
    free: int = 0
    last_backup: float | None = None
    failing: str = ""


class CacheStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of others' answers, and how many questions were answered from it since the start."""

    entries: int = 0
    octets: int = 0
    limit: int = 0
    hits: int = 0
    misses: int = 0
    stale: int = 0
    prefetches: int = 0

    @classmethod
    def of(cls, memory: Memory) -> CacheStatus:
        """Return the state of this moment."""
        cache, counts = memory.cache, memory.counts
        told = {what: counts.get(what, 0) for what in ("hits", "misses", "stale", "prefetches")}
        return cls(entries=len(cache), octets=cache.octets, limit=cache.limit, **told)

    @property
    def hit_rate(self) -> float | None:
        """The share of questions that were answered from memory, None before the first."""
        asked = self.hits + self.misses + self.stale
        return self.hits / asked if asked else None


class TicketStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The KDC: accounts, and since the start the tickets issued, with a password or key and with a ticket."""

    accounts: int = 0
    initial: int = 0
    further: int = 0
    refused: int = 0
    workers: tuple[WorkerStatus, ...] = ()


class StatusReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a running server that its operator wants to see first."""

    domain: str
    realm: str
    version: str
    pid: int
    started: float
    now: float
    data: str
    services: tuple[Service, ...] = ()
    zones: tuple[ZoneStatus, ...] = ()
    workers: tuple[WorkerStatus, ...] = ()
    revision: int = 0
    queries: int = 0
    updates: UpdateCounts = UpdateCounts()
    store: StoreStatus = StoreStatus()
    upstreams: tuple[UpstreamStatus, ...] = ()
    cache: CacheStatus = CacheStatus()
    # None where no tickets are given out.
    tickets: TicketStatus | None = None

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return max(0.0, self.now - self.started)

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong just now, a sentence each; empty when the server is well."""
        found = [*_late("Query", self.workers), *_late("KDC", self.tickets.workers if self.tickets else ())]
        if self.store.failing:
            found.insert(0, f"The store cannot write: {self.store.failing}.")
        for zone in self.zones:
            if zone.secondary is not None and not zone.secondary.served:
                why = f": {zone.secondary.failure}" if zone.secondary.failure else ""
                found.append(f"Zone {zone.name} is {zone.secondary.state}{why}.")
        return tuple(found)


def _late(kind: str, workers: tuple[WorkerStatus, ...]) -> list[str]:
    return [f"{kind} worker {w.number} (pid {w.pid}) is {w.behind} changes behind." for w in workers if w.late]


class Status(Protocol):
    """Whoever can tell how the server is; the daemon does."""

    async def status(self) -> StatusReport:
        """Return the state of this moment."""
