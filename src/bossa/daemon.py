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
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bossa import __version__
from bossa.admin import banner
from bossa.admin.dispatch import answer as answer_call
from bossa.admin.errors import Exit, Failure
from bossa.admin.found import found, is_founded
from bossa.admin.keys import seal_context
from bossa.admin.office import Office
from bossa.admin.status import Service, StatusReport, StoreStatus, UpdateCounts, WorkerStatus, ZoneStatus
from bossa.config.errors import ConfigError
from bossa.config.load import find, load
from bossa.config.settings import Settings
from bossa.crypto.sealed import KEY_SIZE, Seal, Unsealable
from bossa.dns import exchange, tsig
from bossa.dns.errors import StoreFailed
from bossa.dns.names import to_text
from bossa.dns.ports import KeyRow
from bossa.dns.resolvconf import nameservers
from bossa.dns.server import nearness
from bossa.dns.server.forward import Forwarder
from bossa.dns.server.owner import Owner
from bossa.dns.server.pool import Pool
from bossa.dns.server.service import Names
from bossa.dns.tsig import Algorithm, Key
from bossa.files import atomic
from bossa.files.sqlite import DatabaseRefused
from bossa.net import control, notify, tcp, udp
from bossa.net.holder import CannotListen
from bossa.net.listen import open_stream
from bossa.net.peer import Peer
from bossa.observe import log, metrics
from bossa.store.errors import UnknownForm
from bossa.store.sqlite import SqliteEngine
from bossa.store.zones import ZoneRows

_DNS, _WEB = 53, 80
DATABASE = "bossa.db"
MASTER_KEY = "master.key"
_RESTORE = "bossa restore FILE --data DIR puts the last backup into an empty directory"
_RESOLV_CONF = Path("/etc/resolv.conf")


@dataclass(frozen=True, slots=True)
class UpFlags:
    """What ``bossa up`` was told; None where nothing was."""

    data: Path
    config: Path | None = None
    ready_fd: int | None = None
    port_base: str | None = None
    domain: str | None = None
    log_format: str | None = None

    def settings(self) -> Settings:
        """Read the settings; raises ConfigError."""
        flags = {"listen.port_base": self.port_base, "domain.name": self.domain, "log.format": self.log_format}
        return load(self.config or find(self.data, Path.cwd()), os.environ, flags)


def run(flags: UpFlags) -> int:
    """Run a server until it is told to stop; return its exit code."""
    import uvloop

    try:
        settings = flags.settings()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(_run(flags, settings))
    except ConfigError as e:
        print(*(f"error: {problem}" for problem in e.problems), sep="\n", file=sys.stderr)
    except CannotListen as e:
        print(f"error: {e}", file=sys.stderr)
    except (DatabaseRefused, control.AlreadyServed) as e:
        print(
            f"error: {flags.data}: {e}. Fix: stop the server that runs there, or name another --data.", file=sys.stderr
        )
        return Exit.UNREACHABLE
    except Unsealable as e:
        fix = f"put back the {MASTER_KEY} that belongs to this data directory"
        print(f"error: {flags.data / MASTER_KEY}: {e}. Fix: {fix}.", file=sys.stderr)
    except (StoreFailed, UnknownForm) as e:
        print(f"error: {flags.data / DATABASE}: {e}. Fix: {_RESTORE}.", file=sys.stderr)
        return Exit.UNREACHABLE
    except OSError as e:
        where = e.filename or flags.data
        print(f"error: {where}: {e.strerror or e}. Fix: check the disk and who owns the directory.", file=sys.stderr)
    return Exit.FAILED


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
        atomic.make_private_dir(self._data)
        self._engine = SqliteEngine.open(self._data / DATABASE)
        exits.callback(self._engine.close)
        exits.callback(self._cancel_tasks)
        self._rows = ZoneRows(self._engine)
        self._names = Names(self._rows, self._publish, recursion=True)
        own = [(host, settings.listen.port(_DNS)) for host in settings.listen.addresses]
        self._forwarder = Forwarder(upstreams(settings), own, edns_size=settings.dns.edns_size)
        self._owner = Owner(self._names, answer_settings(settings), self._forwarder.ask, time.time)
        self._pool: Pool
        self._tcp: tcp.TcpServer

    async def start(self) -> None:
        """Come up; returns when questions are answered and the banner is out."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_bug)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ended.set)
        listening = self._listen()
        web = self._listen_web()
        seal = open_seal(self._data, self._rows)
        self._load(seal)
        office = self._open_office(seal)
        await self._start_dns(*listening)
        if not is_founded(self._names):
            await found(office, self._settings.listen.addresses)
        calls = await control.serve(self._data, lambda call: answer_call(office, call))
        self._exits.push_async_callback(calls.close)
        self._greet()
        loop.add_signal_handler(signal.SIGHUP, lambda: self._later(self._reload_by_signal()))
        self._later(self._start_slow(web))

    def _load(self, seal: Seal) -> None:
        """Read all zones; what is there to stay is kept out of the garbage collector's rounds."""
        gc.disable()
        try:
            self._names.load(lambda row: open_key(seal, row))
        finally:
            gc.enable()
        gc.freeze()

    def _open_office(self, seal: Seal) -> Office:
        parts = office_parts(self._names, self._data, self._settings, seal, self._engine)

        async def backup(path: Path) -> None:
            await self._engine.backup(path)
            self._last_backup = time.time()

        async def reload() -> list[str]:
            try:
                lines = await self.reload()
            except ConfigError as e:
                problem = e.problems[0]
                raise Failure(problem.where, problem.what, problem.fix) from None
            office.md5 = self._settings.dns.tsig_md5
            return lines

        office = Office(**{**parts, "backup": backup}, status=self.status, reload=reload)
        return office

    def _listen(self) -> tuple[list[list[socket.socket]], list[socket.socket]]:
        """Open the name server's sockets: UDP by worker, then TCP."""
        listen, copies = self._settings.listen, max(1, self._settings.dns.workers)
        by_address, streams = [], []
        for address in listen.addresses:
            by_address.append(udp.open_sockets(address, listen.port(_DNS), copies))
            streams.append(open_stream(address, listen.port(_DNS)))
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

    async def _start_dns(self, datagrams: list[list[socket.socket]], streams: list[socket.socket]) -> None:
        settings = self._settings.dns
        self._pool = Pool(datagrams, settings.workers, self._owner.datagram, self._names.snapshot, settings.edns_size)
        self._pool.set_near(nearness.encode(settings.recursion))
        self._later(self._keep_editing())
        await self._pool.start()
        self._exits.push_async_callback(self._pool.stop)
        limits = tcp.Limits(connections=settings.tcp_connections, idle=settings.tcp_idle)
        self._tcp = await tcp.serve(streams, self._owner.message, limits)
        self._exits.push_async_callback(self._tcp.close)

    def _publish(self, delta: bytes) -> Coroutine[Any, Any, None]:
        return self._pool.publish(delta)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the rest until it ends or the server does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def _keep_editing(self) -> None:
        """Take updates from their queue; after a bug, which costs its batch, go on with the next."""
        while True:
            try:
                await self._names.run()
            except Exception as e:
                log.error("bug while storing updates", exc=e)

    async def _start_slow(self, web: list[socket.socket]) -> None:
        """Load what no answer waits for: the log's library and the web page."""
        settings = self._settings
        await asyncio.to_thread(log.start, settings.log.format, settings.log.level)
        self._read_metrics()
        if web:
            from bossa.web.hosts import Hosts
            from bossa.web.server import serve_pages

            hosts = Hosts(settings.listen.addresses, (settings.domain.name, *settings.web.hosts))
            await serve_pages(self, hosts, web)

    def _services(self) -> tuple[Service, ...]:
        listen = self._settings.listen
        services = {"DNS": _DNS} | ({"Web": _WEB} if self._settings.web.enabled else {})
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
            dns=(listen.addresses[0], listen.port(_DNS)),
            command="./bossa" if "BOSSA_CHECKOUT" in os.environ else "bossa",
        )
        print(*banner.lines(greeting), sep="\n", flush=True)
        if self._flags.ready_fd is not None:
            dns = [[host, listen.port(_DNS)] for host in listen.addresses]
            web = [[host, listen.port(_WEB)] for host in listen.addresses] if self._settings.web.enabled else []
            with open(self._flags.ready_fd, "w") as ready:
                ready.write(json.dumps({"dns": dns, "web": web, "pid": os.getpid()}) + "\n")
        notify.tell("READY=1")

    # What the operator's verbs and the page ask of a running server.

    async def status(self) -> StatusReport:
        """Return the state of this moment."""
        settings, served = self._settings, self._names
        zones = [
            ZoneStatus(
                name=to_text(apex),
                serial=zone.serial,
                records=zone.count(),
                private_reverse=served.options[apex].private_reverse,
            )
            for apex, zone in served.zones.items()
        ]
        return StatusReport(
            domain=settings.domain.name,
            realm=settings.domain.realm,
            version=__version__,
            pid=os.getpid(),
            started=self._started,
            now=time.time(),
            data=str(self._data.absolute()),
            services=self._services(),
            zones=tuple(sorted(zones, key=lambda zone: (zone.private_reverse, zone.name))),
            workers=tuple(msgspec.convert(self._pool.report(), list[WorkerStatus])),
            revision=self._pool.revision,
            queries=int(metrics.PROCESS.total("bossa_dns_queries_total") + sum(self._pool.prepared_answers().values())),
            updates=_update_counts(),
            store=self._store_status(),
        )

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
        self._owner.settings = answer_settings(self._settings)
        self._pool.set_near(nearness.encode(self._settings.dns.recursion))
        self._forwarder.use(upstreams(self._settings))
        self._tcp.limits = tcp.Limits(connections=self._settings.dns.tcp_connections, idle=self._settings.dns.tcp_idle)
        log.start(self._settings.log.format, self._settings.log.level)
        lines = [str(change) for change in difference.now]
        lines += [f"{change} (needs a restart)" for change in difference.restart]
        log.info("settings read again", changes=lines)
        return lines or ["nothing has changed"]

    async def _reload_by_signal(self) -> None:
        try:
            await self.reload()
        except ConfigError as e:
            log.error("settings not taken", why=str(e))

    def _read_metrics(self) -> None:
        """Let a scrape read what is known elsewhere: workers' counters, zones, the store."""
        process, served = metrics.PROCESS, self._names
        process.add("bossa_build_info", (__version__, ".".join(map(str, sys.version_info[:3]))))
        process.read("bossa_dns_workers", lambda: {(): self._pool.live})
        process.read("bossa_dns_prepared_answers_total", self._pool.prepared_answers)
        process.read("bossa_zone_serial", lambda: {(to_text(a),): z.serial for a, z in served.zones.items()})
        process.read("bossa_zone_records", lambda: {(to_text(a),): z.count() for a, z in served.zones.items()})
        process.read("bossa_store_size_bytes", lambda: {(): self._store_status().size})


def _update_counts() -> UpdateCounts:
    counts = metrics.PROCESS.series("bossa_dns_updates_total")
    accepted, failed = int(counts.get(("noerror",), 0)), int(counts.get(("servfail",), 0))
    return UpdateCounts(accepted=accepted, failed=failed, refused=int(sum(counts.values())) - accepted - failed)


def _log_bug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Write down what nobody caught; the server goes on."""
    log.error("bug", where=str(context.get("message")), exc=context.get("exception"))


# What the server and a command without a server build alike.


def answer_settings(settings: Settings) -> exchange.Settings:
    """Return what answers depend on beside the zones."""
    dns = settings.dns
    policy = tsig.Policy(md5=dns.tsig_md5, min_mac=dns.min_mac)
    return exchange.Settings(edns_size=dns.edns_size, tsig=policy, recursion=dns.recursion)


def upstreams(settings: Settings) -> list[tuple[str, int]]:
    """Return whom questions are passed on to: the settings' forwarders, or the system's resolvers."""
    if settings.dns.forwarders:
        return [(one.host, one.port) for one in settings.dns.forwarders]
    try:
        return [(host, _DNS) for host in nameservers(_RESOLV_CONF.read_text(errors="replace"))]
    except OSError:
        return []


def open_seal(data: Path, rows: ZoneRows) -> Seal:
    """Return the seal of a data directory, whose master key is made when there is none.

    Raises Unsealable for a master key that got lost: a new one would open nothing.
    """
    if not (data / MASTER_KEY).exists() and rows.tsig_keys():
        raise Unsealable("it is gone, and the store holds keys that are sealed under it")
    return Seal(atomic.create_once(data / MASTER_KEY, os.urandom(KEY_SIZE)))


def open_key(seal: Seal, row: KeyRow) -> Key:
    """Return a TSIG key as it is used; raises Unsealable."""
    return Key(row.name, Algorithm.from_text(row.algorithm), seal.open(seal_context(row.name), row.sealed))


def office_parts(served: Names, data: Path, settings: Settings, seal: Seal, engine: SqliteEngine) -> dict[str, Any]:
    """Return what an Office is made of, with or without a server."""
    return {
        "names": served,
        "data": data,
        "domain": settings.domain.apex,
        "clock": time.time,
        "random": os.urandom,
        "seal": seal.seal,
        "backup": engine.backup,
        "md5": settings.dns.tsig_md5,
    }


@asynccontextmanager
async def offline(data: Path) -> AsyncIterator[Office]:
    """Open a data directory without a server, for one command; raises Failure when a server holds it."""
    settings = UpFlags(data).settings()
    try:
        engine = SqliteEngine.open(data / DATABASE)
    except DatabaseRefused as e:
        raise Failure(str(data), str(e), "ask again in a moment, or stop what holds it", Exit.UNREACHABLE) from e
    rows = ZoneRows(engine)
    served = Names(rows, _to_nobody, recursion=False)
    editing: asyncio.Task[None] | None = None
    try:
        seal = open_seal(data, rows)
        served.load(lambda row: open_key(seal, row))
        editing = asyncio.get_running_loop().create_task(served.run())
        yield Office(**office_parts(served, data, settings, seal, engine))
    finally:
        if editing is not None:
            editing.cancel()
        engine.close()


async def _to_nobody(delta: bytes) -> None:
    """Publish to no worker: there is none."""
