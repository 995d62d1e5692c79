"""How a running server is: the report for commands and the page, and the readings of a scrape.

It asks the parts and keeps nothing, but for the time of the last backup.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec

from bossa import __version__
from bossa.admin.status import (
    CacheStatus,
    SecondaryStatus,
    Service,
    StatusReport,
    StoreStatus,
    TicketStatus,
    UpdateCounts,
    UpstreamStatus,
    WorkerStatus,
    ZoneStatus,
)
from bossa.config.settings import Settings
from bossa.dns.names import to_text
from bossa.dns.server.following import Following
from bossa.dns.server.forward import Forwarder
from bossa.dns.server.owner import Owner
from bossa.dns.server.resolver import ASKED, Resolver
from bossa.dns.server.service import Names
from bossa.dns.server.workers import QueryWorkers
from bossa.krb.server.accounts import Accounts
from bossa.krb.server.workers import TicketWorkers
from bossa.net.tcp import TcpServer
from bossa.observe import metrics
from bossa.store.sqlite import SqliteEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a running server that are asked."""

    names: Names
    following: Following
    forwarder: Forwarder
    resolver: Resolver
    owner: Owner
    workers: QueryWorkers
    tcp: TcpServer
    engine: SqliteEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketParts:
    """The parts of a running KDC that are asked."""

    accounts: Accounts
    workers: TicketWorkers
    tcp: TcpServer
    # What the owner answered.
    owned: Counter[str]

    def counts(self) -> Counter[str]:
        """Return what workers and owner answered, by :func:`bossa.krb.server.desk.tally`, and "dropped"."""
        return self.workers.counts() + self.owned


class Standing:
    """Tells how a server is that runs since ``started``, in seconds since 1970; it may give out no tickets."""

    def __init__(self, parts: Parts, tickets: TicketParts | None, started: float) -> None:
        self.last_backup: float | None = None
        self._parts = parts
        self._tickets = tickets
        self._started = started

    def report(self, settings: Settings, services: tuple[Service, ...]) -> StatusReport:
        """Return the state of this moment."""
        parts, now = self._parts, time.time()
        return StatusReport(
            domain=settings.domain.name,
            realm=settings.domain.realm,
            version=__version__,
            pid=os.getpid(),
            started=self._started,
            now=now,
            data=str(parts.engine.path.parent.absolute()),
            services=services,
            zones=tuple(sorted(self._zones(now), key=lambda zone: (zone.private_reverse, zone.name))),
            workers=tuple(msgspec.convert(parts.workers.pool.report(), list[WorkerStatus])),
            revision=parts.workers.pool.revision,
            queries=self._queries(),
            updates=_update_counts(),
            store=self._store(),
            upstreams=tuple(msgspec.convert(parts.forwarder.report(), list[UpstreamStatus])),
            cache=CacheStatus.of(parts.resolver),
            tickets=self._ticket_status() if self._tickets is not None else None,
        )

    def _ticket_status(self) -> TicketStatus:
        assert self._tickets is not None, "only a KDC is asked"
        tickets, counts = self._tickets, self._tickets.counts()
        return TicketStatus(
            accounts=len(tickets.accounts.realm),
            initial=counts["issued AS"],
            further=counts["issued TGS"],
            refused=int(metrics.PROCESS.total("bossa_krb_refused_total")),
            workers=tuple(msgspec.convert(tickets.workers.pool.report(), list[WorkerStatus])),
        )

    def _queries(self) -> int:
        prepared = self._parts.workers.prepared_answers().values()
        return int(metrics.PROCESS.total("bossa_dns_queries_total") + sum(prepared))

    def _zones(self, now: float) -> Iterator[ZoneStatus]:
        served, followed = self._parts.names, self._parts.following.zones
        for apex, zone in served.zones.items():
            yield ZoneStatus(
                name=to_text(apex),
                serial=zone.serial,
                records=zone.count(),
                private_reverse=served.options[apex].private_reverse,
                secondary=SecondaryStatus.of(followed[apex], now) if apex in followed else None,
            )

    def _store(self) -> StoreStatus:
        engine = self._parts.engine
        files = [engine.path, engine.path.with_name(engine.path.name + "-wal")]
        disk = os.statvfs(engine.path.parent)
        return StoreStatus(
            size=sum(path.stat().st_size for path in files if path.exists()),
            free=disk.f_bavail * disk.f_frsize,
            last_backup=self.last_backup,
            failing=engine.failing,
        )

    def read_metrics(self) -> None:
        """Let a scrape read what is known elsewhere: workers' counters, zones, questions passed on, the store."""
        process, parts = metrics.PROCESS, self._parts
        self._read_workers()
        self._read_zones()
        self._read_passed_on()
        if self._tickets is not None:
            _read_tickets(self._tickets)
        process.read("bossa_dns_tcp_connections", lambda: {(): parts.tcp.connections})
        process.read("bossa_dns_tcp_refused_total", lambda: {(): parts.tcp.counts["refused"]})
        process.read("bossa_store_failures_total", lambda: {(): parts.engine.failures})
        process.read("bossa_store_size_bytes", lambda: {(): self._store().size})

    def _read_workers(self) -> None:
        process, workers = metrics.PROCESS, self._parts.workers
        process.read("bossa_dns_workers", lambda: {(): workers.pool.live})
        process.read("bossa_dns_prepared_answers_total", workers.prepared_answers)
        process.read("bossa_dns_rate_limited_total", self._rate_limited)
        process.read("bossa_dns_worker_lag", lambda: {(str(w["number"]),): w["behind"] for w in workers.pool.report()})

    def _read_zones(self) -> None:
        process, served, followed = metrics.PROCESS, self._parts.names, self._parts.following.zones
        process.read("bossa_zone_serial", lambda: {(to_text(a),): z.serial for a, z in served.zones.items()})
        process.read("bossa_zone_records", lambda: {(to_text(a),): z.count() for a, z in served.zones.items()})
        process.read("bossa_zone_refresh_age", self._since_refresh)
        process.read("bossa_zone_expired", lambda: {(to_text(a),): a in served.expired for a in followed})

    def _read_passed_on(self) -> None:
        process, resolver = metrics.PROCESS, self._parts.resolver
        for name, reading in self._parts.forwarder.readings().items():
            process.read(name, reading)
        process.read("bossa_dns_cache_questions_total", lambda: {(how,): resolver.counts[how] for how in ASKED})
        process.read("bossa_dns_cache_prefetches_total", lambda: {(): resolver.counts["prefetches"]})
        process.read("bossa_dns_cache_entries", lambda: {(): len(resolver.cache)})
        process.read("bossa_dns_cache_bytes", lambda: {(): resolver.cache.octets})

    def _since_refresh(self) -> dict[tuple[str, ...], float]:
        """Return by zone how long ago a primary confirmed it."""
        now, followed = time.time(), self._parts.following.zones
        return {(to_text(a),): max(0.0, now - z.contact) for a, z in followed.items() if z.contact is not None}

    def _rate_limited(self) -> dict[tuple[str, ...], float]:
        total = self._parts.workers.rate_limited() + self._parts.owner.gate.counts
        return {(how,): total[how] for how in ("slipped", "dropped")}


def _read_tickets(tickets: TicketParts) -> None:
    process, pool, exchanges = metrics.PROCESS, tickets.workers.pool, ("AS", "TGS")
    process.read("bossa_krb_tickets_total", lambda: {(one,): tickets.counts()[f"issued {one}"] for one in exchanges})
    process.read("bossa_krb_turns_total", lambda: {(one,): tickets.counts()[f"turn {one}"] for one in exchanges})
    process.read("bossa_krb_accounts", lambda: {(): len(tickets.accounts.realm)})
    process.read("bossa_krb_tcp_connections", lambda: {(): tickets.tcp.connections})
    process.read("bossa_krb_workers", lambda: {(): pool.live})
    process.read("bossa_krb_worker_lag", lambda: {(str(w["number"]),): w["behind"] for w in pool.report()})


def _update_counts() -> UpdateCounts:
    counts = metrics.PROCESS.series("bossa_dns_updates_total")
    accepted, failed = int(counts.get(("noerror",), 0)), int(counts.get(("servfail",), 0))
    return UpdateCounts(accepted=accepted, failed=failed, refused=int(sum(counts.values())) - accepted - failed)
