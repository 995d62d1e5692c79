"""The composition root: builds the server from its parts, runs it, takes it down.  It alone knows everybody.

The order of the start: settings, the store's lock, sockets, zones, query
workers (while these load, the owner answers), the banner; only then what
nobody waits for: the libraries of the log and of the web page.  How the server
is, its :mod:`bossa.standing` tells.
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

from bossa import __version__, opening
from bossa.admin import banner
from bossa.admin.dispatch import answer as answer_call
from bossa.admin.errors import Exit
from bossa.admin.found import found, is_founded, restore_admin_file
from bossa.admin.office import Office
from bossa.admin.status import Service, StatusReport
from bossa.config.errors import ConfigError
from bossa.config.settings import Difference, Settings
from bossa.crypto.sealed import Seal
from bossa.dns import exchange, types
from bossa.dns.cache import Cache
from bossa.dns.names import to_text
from bossa.dns.relay import MARK_SIZE
from bossa.dns.remembered import encode_fills
from bossa.dns.server import nearness
from bossa.dns.server.cookiefile import CookieFile
from bossa.dns.server.desk import Sizes
from bossa.dns.server.fetching import Fetcher
from bossa.dns.server.fills import Fills
from bossa.dns.server.following import Following
from bossa.dns.server.forward import Forwarder, is_own
from bossa.dns.server.notifying import Notifying
from bossa.dns.server.orders import DnsOrder
from bossa.dns.server.owner import Owner
from bossa.dns.server.resolver import Resolver
from bossa.dns.server.service import Names
from bossa.dns.server.workers import QueryWorkers
from bossa.files import atomic
from bossa.net import control, notify, tcp, udp
from bossa.net.listen import open_stream
from bossa.net.peer import Peer
from bossa.observe import log
from bossa.opening import COOKIE_SECRET, DATABASE, DNS_PORT, UpFlags
from bossa.standing import Parts, Standing
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
        self._workers: QueryWorkers
        self._tcp: tcp.TcpServer
        self._standing: Standing

    def _new_resolver(self) -> Resolver:
        settings, zones = self._settings.dns, self._names.zones
        resolver = Resolver(
            self._forwarder.fetch,
            Cache(settings.cache_octets, settings.serve_stale),
            time.monotonic,
            Fills(lambda fills: self._workers.fill(fills)),
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
            self._standing.last_backup = time.time()

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
        self._workers = QueryWorkers(
            self._datagrams,
            settings.workers,
            self._owner.datagram,
            self._names.snapshot,
            Sizes(settings.edns_size, settings.cache_octets),
        )
        self._resolver.recalled = self._workers.recalled
        self._workers.remember_from(lambda: encode_fills(self._resolver.fills()))
        self._workers.limited = self._owner.gate.write_down
        self._know_clients()
        self._later(self._keep_editing())
        self._later(self._roll_cookies())
        await self._workers.pool.start()
        self._exits.push_async_callback(self._workers.pool.stop)
        limits = tcp.Limits(connections=settings.tcp_connections, idle=settings.tcp_idle)
        self._tcp = await tcp.serve(self._streams, self._owner.message, limits)
        self._exits.push_async_callback(self._tcp.close)
        self._standing = Standing(self._parts(), self._started)
        self._later(self._keep_following())
        self._exits.callback(self._following.stop)
        self._notifying.start()
        self._exits.callback(self._notifying.stop)

    def _parts(self) -> Parts:
        return Parts(
            names=self._names,
            following=self._following,
            forwarder=self._forwarder,
            resolver=self._resolver,
            owner=self._owner,
            workers=self._workers,
            tcp=self._tcp,
            engine=self._engine,
        )

    def _publish(self, delta: bytes) -> Coroutine[Any, Any, None] | None:
        return self._workers.pool.publish(delta)

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
        self._workers.pool.tell(DnsOrder.LIMIT, opening.rate_limit(self._settings, max(1, self._settings.dns.workers)))
        self._workers.pool.tell(DnsOrder.OPTIONS, self._owner.settings.options.encode())
        self._workers.pool.tell(DnsOrder.NEAR, nearness.encode(self._settings.dns.recursion))

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
        self._standing.read_metrics()
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

    # What the operator's verbs and the page ask of a running server.

    async def status(self) -> StatusReport:
        """Return the state of this moment."""
        return self._standing.report(self._settings, self._services())

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


def _log_bug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Write down what nobody caught; the server goes on."""
    log.error("bug", where=str(context.get("message")), exc=context.get("exception"))
