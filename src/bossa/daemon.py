"""The composition root: builds the server from its parts, runs it, takes it down.  It alone knows everybody.

The order of the start: settings, the store's lock, sockets, zones, query
workers (while these load, the owner answers), the banner; only then what
nobody waits for: the libraries of the log and of the web page.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec

from bossa import __version__, opening
from bossa.admin import banner
from bossa.admin.dispatch import answer as answer_call
from bossa.admin.errors import Exit
from bossa.admin.found import found, is_founded, restore_admin_file
from bossa.admin.office import Office
from bossa.admin.status import (
    CacheStatus,
    SecondaryStatus,
    Service,
    StatusReport,
    StoreStatus,
    UpdateCounts,
    UpstreamStatus,
    WorkerStatus,
    ZoneStatus,
)
from bossa.config.errors import ConfigError
from bossa.config.settings import Difference, Settings
from bossa.crypto.sealed import Seal
from bossa.dns import exchange, types
from bossa.dns.cache import Cache
from bossa.dns.names import to_text
from bossa.dns.relay import MARK_SIZE
from bossa.dns.remembered import encode_fills
from bossa.dns.server import nearness
from bossa.dns.server.channel import Order
from bossa.dns.server.cookiefile import CookieFile
from bossa.dns.server.desk import Sizes
from bossa.dns.server.fetching import Fetcher
from bossa.dns.server.fills import Fills
from bossa.dns.server.following import Following
from bossa.dns.server.forward import Forwarder, is_own
from bossa.dns.server.notifying import Notifying
from bossa.dns.server.owner import Owner
from bossa.dns.server.pool import Pool
from bossa.dns.server.resolver import ASKED, Resolver
from bossa.dns.server.service import Names
from bossa.files import atomic
from bossa.net import control, notify, tcp, udp
from bossa.net.listen import open_stream
from bossa.net.peer import Peer
from bossa.observe import log, metrics
from bossa.opening import COOKIE_SECRET, DATABASE, DNS_PORT, UpFlags
from bossa.store.sqlite import SqliteEngine
from bossa.store.zones import ZoneRows

_WEB = 80
# Seconds between two looks at the age of the cookies' secrets.
_ROLL_EVERY = 3600


def run(flags: UpFlags) -> int:
    """Run a server until it is told to stop; return its exit code."""
    import uvloop

    _take_name()
    try:
        settings = flags.settings()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(flags, settings))
    except opening.TROUBLES as e:
        trouble = opening.trouble(e, flags.data)
        print(f"error: {trouble}", file=sys.stderr)
        for problem in e.problems[1:] if isinstance(e, ConfigError) else ():
            print(f"error: {problem}", file=sys.stderr)
        return trouble.exit


def _take_name() -> None:
    """Be "bossa" in lists of processes, and in what another bossa says of who holds a port."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text("bossa")


async def _run(flags: UpFlags, settings: Settings) -> int:
    async with contextlib.AsyncExitStack() as exits:
        server = Server(flags, settings, exits)
        await server.start()
        await server.ended.wait()
        log.info("stopping")
        notify.tell("STOPPING=1")
    log.stop()
    return Exit.OK


class Server:
    """One running domain; what it starts is taken down by ``exits`` in the opposite order."""

    def __init__(self, flags: UpFlags, settings: Settings, exits: contextlib.AsyncExitStack) -> None:
        self.ended = asyncio.Event()
        self._flags = flags
        self._settings = settings
        self._data = flags.data
        self._started = time.time()
        self._exits = exits
        self._tasks: set[asyncio.Task[None]] = set()
        self._last_backup: float | None = None
        # Whoever cannot have the ports leaves no data behind.
        self._datagrams, self._streams = self._listen()
        self._web = self._listen_web()
        atomic.make_private_dir(self._data)
        self._engine = SqliteEngine.open(self._data / DATABASE)
        exits.callback(self._engine.close)
        exits.callback(self._cancel_tasks)
        self._rows = ZoneRows(self._engine)
        self._names = Names(self._rows, self._publish, recursion=True)
        own = [(host, settings.listen.port(DNS_PORT)) for host in settings.listen.addresses]
        self._mark = os.urandom(MARK_SIZE)
        self._forwarder = Forwarder(
            opening.upstreams(settings),
            own,
            rules=opening.forward_rules(settings),
            mark=self._mark,
        )
        exits.callback(self._forwarder.close)
        self._resolver = self._new_resolver()
        self._cookies = CookieFile(self._data / COOKIE_SECRET, os.urandom)
        self._following = Following(self._names, Fetcher(self._names, time.time), time.time)
        self._notifying = Notifying(self._names, time.time, lambda address: is_own(address, own))
        self._owner = Owner(self._names, self._answer_settings(), self._resolver, self._following, time.time)
        self._office: Office
        self._pool: Pool
        self._tcp: tcp.TcpServer

    def _new_resolver(self) -> Resolver:
        settings, zones = self._settings.dns, self._names.zones
        resolver = Resolver(
            self._forwarder.fetch,
            Cache(settings.cache_octets, settings.serve_stale),
            time.monotonic,
            Fills(lambda fills: self._pool.fill(fills)),
            ours=lambda name: zones.find_for(name, types.A) is not None,
        )
        resolver.edns_size, resolver.max_ttl = settings.edns_size, settings.cache_max_ttl
        self._names.on_arrival = lambda apex: resolver.forget(apex, tree=True)
        return resolver

    async def start(self) -> None:
        """Come up; returns when questions are answered and the banner is out."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_bug)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ended.set)
        seal = opening.open_seal(self._data, self._rows)
        self._load(seal)
        office = self._open_office(seal)
        await self._start_dns()
        if not is_founded(self._names):
            await found(office, self._settings.listen.addresses)
        restore_admin_file(office)
        self._warn_of_rules()
        calls = await control.serve(self._data, lambda call: answer_call(office, call))
        self._exits.push_async_callback(calls.close)
        if office.domain not in self._names.zones:
            holds = ", ".join(
                to_text(apex).rstrip(".") for apex, o in self._names.options.items() if not o.private_reverse
            )
            print(
                f"warning: there is no zone {self._settings.domain.name} in {self._data}, which holds {holds}.",
                file=sys.stderr,
            )
        self._greet()
        loop.add_signal_handler(signal.SIGHUP, lambda: self._later(self._reload_by_signal()))
        self._later(self._start_slow())

    def _load(self, seal: Seal) -> None:
        """Read all zones; what is there to stay is kept out of the garbage collector's rounds."""
        gc.disable()
        try:
            self._names.load(lambda row: opening.open_key(seal, row))
        finally:
            gc.enable()
        gc.freeze()
        self._names.use_rules(opening.forward_rules(self._settings))
        self._following.load()

    def _open_office(self, seal: Seal) -> Office:
        parts = opening.office_parts(self._names, self._data, self._settings, seal, self._engine)

        async def backup(path: Path) -> None:
            await parts["backup"](path)
            self._last_backup = time.time()

        async def reload() -> list[str]:
            try:
                return await self.reload()
            except ConfigError as e:
                raise opening.trouble(e, self._data) from None

        running = {
            "status": self.status,
            "reload": reload,
            "memory": self._resolver,
            "following": self._following,
        }
        self._office = Office(**{**parts, "backup": backup, **running})
        return self._office

    def _listen(self) -> tuple[list[list[socket.socket]], list[socket.socket]]:
        """Open the name server's sockets: UDP by worker, then TCP."""
        listen, workers = self._settings.listen, self._settings.dns.workers
        by_address, streams = [], []
        for address in listen.addresses:
            by_address.append(udp.open_steered(address, listen.port(DNS_PORT), workers))
            streams.append(open_stream(address, listen.port(DNS_PORT)))
        for sock in (*streams, *(one for group in by_address for one in group)):
            self._exits.callback(sock.close)
        return [list(group) for group in zip(*by_address, strict=True)], streams

    def _listen_web(self) -> list[socket.socket]:
        listen = self._settings.listen
        if not self._settings.web.enabled:
            return []
        sockets = [open_stream(address, listen.port(_WEB)) for address in listen.addresses]
        for sock in sockets:
            self._exits.callback(sock.close)
        return sockets

    async def _start_dns(self) -> None:
        settings = self._settings.dns
        self._pool = Pool(
            self._datagrams,
            settings.workers,
            self._owner.datagram,
            self._names.snapshot,
            Sizes(settings.edns_size, settings.cache_octets),
        )
        self._resolver.recalled = self._pool.recalled
        self._pool.fills = lambda: encode_fills(self._resolver.fills())
        self._pool.limited = self._owner.gate.write_down
        self._know_clients()
        self._later(self._keep_editing())
        self._later(self._roll_cookies())
        await self._pool.start()
        self._exits.push_async_callback(self._pool.stop)
        limits = tcp.Limits(connections=settings.tcp_connections, idle=settings.tcp_idle)
        self._tcp = await tcp.serve(self._streams, self._owner.message, limits)
        self._exits.push_async_callback(self._tcp.close)
        self._later(self._keep_following())
        self._exits.callback(self._following.stop)
        self._notifying.start()
        self._exits.callback(self._notifying.stop)

    def _publish(self, delta: bytes) -> Coroutine[Any, Any, None] | None:
        return self._pool.publish(delta)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the rest until it ends or the server does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _answer_settings(self) -> exchange.Settings:
        secrets = opening.cookie_secrets(self._settings, self._cookies, time.time())
        return opening.answer_settings(self._settings, secrets, self._mark)

    def _know_clients(self) -> None:
        """Take the settings of answers, with the secrets of this moment, and the rate limit over."""
        self._owner.settings = self._answer_settings()
        # What no worker answers all comes to the one owner.
        self._owner.gate.use(opening.rate_limit(self._settings, 1))
        self._pool.tell(Order.LIMIT, opening.rate_limit(self._settings, max(1, self._settings.dns.workers)))
        self._pool.tell(Order.OPTIONS, self._owner.settings.options.encode())
        self._pool.tell(Order.NEAR, nearness.encode(self._settings.dns.recursion))

    async def _roll_cookies(self) -> None:
        """Make new secrets when it is time."""
        while True:
            await asyncio.sleep(_ROLL_EVERY)
            self._know_clients()

    async def _keep_editing(self) -> None:
        """Take updates from their queue; after a bug, which costs its batch, go on with the next."""
        while True:
            try:
                await self._names.run()
            except Exception as e:
                log.error("bug while storing updates", exc=e)

    async def _keep_following(self) -> None:
        """Look after secondary zones; after a bug go on a moment later."""
        while True:
            try:
                await self._following.run()
            except Exception as e:
                log.error("bug while following primaries", exc=e)
                await asyncio.sleep(1)

    async def _start_slow(self) -> None:
        """Load what no answer waits for: the log's library and the web page."""
        settings = self._settings
        await asyncio.to_thread(log.start, settings.log.format, settings.log.level)
        self._read_metrics()
        if self._web:
            from bossa.web.hosts import Hosts
            from bossa.web.server import serve_pages

            hosts = Hosts(settings.listen.addresses, (settings.domain.name, *settings.web.hosts))
            await serve_pages(self, hosts, self._web)

    def _services(self) -> tuple[Service, ...]:
        listen = self._settings.listen
        services = {"DNS": DNS_PORT} | ({"Web": _WEB} if self._settings.web.enabled else {})
        return tuple(
            Service(name=name, addresses=tuple(str(Peer(host, listen.port(real))) for host in listen.addresses))
            for name, real in services.items()
        )

    def _greet(self) -> None:
        listen = self._settings.listen
        greeting = banner.Greeting(
            version=__version__,
            domain=self._settings.domain.name,
            realm=self._settings.domain.realm,
            data=self._data,
            services=self._services(),
            dns=(listen.addresses[0], listen.port(DNS_PORT)),
            command="./bossa" if "BOSSA_CHECKOUT" in os.environ else "bossa",
        )
        print(*banner.lines(greeting), sep="\n", flush=True)
        if self._flags.ready_fd is not None:
            dns = [[host, listen.port(DNS_PORT)] for host in listen.addresses]
            web = [[host, listen.port(_WEB)] for host in listen.addresses] if self._settings.web.enabled else []
            with open(self._flags.ready_fd, "w") as ready:
                ready.write(json.dumps({"dns": dns, "web": web, "pid": os.getpid()}) + "\n")
        notify.tell("READY=1")

    def _rate_limited(self) -> dict[tuple[str, ...], float]:
        total = self._pool.rate_limited() + self._owner.gate.counts
        return {(how,): total[how] for how in ("slipped", "dropped")}

    # What the operator's verbs and the page ask of a running server.

    async def status(self) -> StatusReport:
        """Return the state of this moment."""
        settings, served, now = self._settings, self._names, time.time()
        followed = {apex: SecondaryStatus.of(zone, now) for apex, zone in self._following.zones.items()}
        zones = [
            ZoneStatus(
                name=to_text(apex),
                serial=zone.serial,
                records=zone.count(),
                private_reverse=served.options[apex].private_reverse,
                secondary=followed.get(apex),
            )
            for apex, zone in served.zones.items()
        ]
        return StatusReport(
            domain=settings.domain.name,
            realm=settings.domain.realm,
            version=__version__,
            pid=os.getpid(),
            started=self._started,
            now=now,
            data=str(self._data.absolute()),
            services=self._services(),
            zones=tuple(sorted(zones, key=lambda zone: (zone.private_reverse, zone.name))),
            workers=tuple(msgspec.convert(self._pool.report(), list[WorkerStatus])),
            revision=self._pool.revision,
            queries=int(metrics.PROCESS.total("bossa_dns_queries_total") + sum(self._pool.prepared_answers().values())),
            updates=_update_counts(),
            store=self._store_status(),
            upstreams=tuple(msgspec.convert(self._forwarder.report(), list[UpstreamStatus])),
            cache=CacheStatus.of(self._resolver),
        )

    def _since_refresh(self) -> dict[tuple[str, ...], float]:
        """Return by zone how long ago a primary confirmed it."""
        now, followed = time.time(), self._following.zones
        return {(to_text(a),): max(0.0, now - z.contact) for a, z in followed.items() if z.contact is not None}

    def _store_status(self) -> StoreStatus:
        files = [self._data / DATABASE, self._data / (DATABASE + "-wal")]
        size = sum(path.stat().st_size for path in files if path.exists())
        disk = os.statvfs(self._data)
        return StoreStatus(
            size=size, free=disk.f_bavail * disk.f_frsize, last_backup=self._last_backup, failing=self._engine.failing
        )

    async def reload(self) -> list[str]:
        """Read the settings again; what needs no restart is in force on return.  Raises ConfigError."""
        new = self._flags.settings()
        difference = self._settings.difference(new)
        self._settings = self._settings.taking(new)
        self._know_clients()
        self._office.md5 = self._settings.dns.tsig_md5
        rules = opening.forward_rules(self._settings)
        await self._names.change_rules(rules, lambda: self._renew_forwarding(difference))
        self._tcp.limits = tcp.Limits(connections=self._settings.dns.tcp_connections, idle=self._settings.dns.tcp_idle)
        log.start(self._settings.log.format, self._settings.log.level)
        lines = [str(change) for change in difference.now]
        lines += [f"{change} (needs a restart)" for change in difference.restart]
        log.info("settings read again", changes=lines)
        return (lines or ["nothing has changed"]) + self._warn_of_rules()

    def _warn_of_rules(self) -> list[str]:
        """Tell of forward rules that one of our zones makes void."""
        zones = self._names.zones
        void = [to_text(domain).rstrip(".") for domain in zones.rules.without_effect(zones, zones.overruled)]
        for domain in void:
            log.warning("forward rule without effect, since there is a zone of that name", domain=domain)
        return [f"warning: the rule for {domain} has no effect: there is a zone of that name" for domain in void]

    def _renew_forwarding(self, difference: Difference) -> None:
        """Take what is new about questions passed on; what other upstreams said is forgotten."""
        self._forwarder.use(opening.upstreams(self._settings), self._names.zones.rules)
        self._resolver.max_ttl = self._settings.dns.cache_max_ttl
        self._resolver.cache.stale = self._settings.dns.serve_stale
        if any(change.key in ("dns.forwarders", "dns.forward") for change in difference.now):
            self._resolver.forget_all()

    async def _reload_by_signal(self) -> None:
        try:
            await self.reload()
        except ConfigError as e:
            log.error("settings not taken", why=str(e))

    def _read_metrics(self) -> None:
        """Let a scrape read what is known elsewhere: workers' counters, zones, the store."""
        process, served = metrics.PROCESS, self._names
        process.read("bossa_dns_workers", lambda: {(): self._pool.live})
        process.read("bossa_dns_prepared_answers_total", self._pool.prepared_answers)
        process.read("bossa_dns_rate_limited_total", self._rate_limited)
        process.read("bossa_zone_serial", lambda: {(to_text(a),): z.serial for a, z in served.zones.items()})
        process.read("bossa_zone_records", lambda: {(to_text(a),): z.count() for a, z in served.zones.items()})
        process.read("bossa_zone_refresh_age", self._since_refresh)
        followed = self._following.zones
        process.read("bossa_zone_expired", lambda: {(to_text(a),): a in served.expired for a in followed})
        process.read("bossa_dns_worker_lag", lambda: {(str(w["number"]),): w["behind"] for w in self._pool.report()})
        for name, reading in self._forwarder.readings().items():
            process.read(name, reading)
        process.read("bossa_dns_tcp_connections", lambda: {(): self._tcp.connections})
        process.read("bossa_dns_tcp_refused_total", lambda: {(): self._tcp.counts["refused"]})
        cache, resolver = self._resolver.cache, self._resolver
        process.read("bossa_dns_cache_questions_total", lambda: {(how,): resolver.counts[how] for how in ASKED})
        process.read("bossa_dns_cache_prefetches_total", lambda: {(): resolver.counts["prefetches"]})
        process.read("bossa_dns_cache_entries", lambda: {(): len(cache)})
        process.read("bossa_dns_cache_bytes", lambda: {(): cache.octets})
        process.read("bossa_store_failures_total", lambda: {(): self._engine.failures})
        process.read("bossa_store_size_bytes", lambda: {(): self._store_status().size})


def _update_counts() -> UpdateCounts:
    counts = metrics.PROCESS.series("bossa_dns_updates_total")
    accepted, failed = int(counts.get(("noerror",), 0)), int(counts.get(("servfail",), 0))
    return UpdateCounts(accepted=accepted, failed=failed, refused=int(sum(counts.values())) - accepted - failed)


def _log_bug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Write down what nobody caught; the server goes on."""
    log.error("bug", where=str(context.get("message")), exc=context.get("exception"))
