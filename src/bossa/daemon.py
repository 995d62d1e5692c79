"""The composition root: builds the server from its parts, runs it, takes it down.  It alone knows everybody.

The order of the start: settings, the store's lock, sockets, zones, query
workers (while these load, the owner answers), the banner; only then what
nobody waits for: the libraries of the log and of the web page.  How the server
is, its :mod:`bossa.standing` tells.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from bossa import __version__, opening
from bossa.admin import banner
from bossa.admin.errors import Exit
from bossa.admin.found import found, is_founded, restore_admin_file
from bossa.admin.locate import KDC_PORT, KPASSWD_PORT, keep_realm_records
from bossa.admin.office import Office
from bossa.admin.realm import FIRST_PASSWORD
from bossa.admin.status import Service, StatusReport
from bossa.config.errors import ConfigError
from bossa.config.settings import Settings
from bossa.directory.changes import ADMIN
from bossa.dns.names import to_text
from bossa.files import atomic
from bossa.net import control, notify
from bossa.net.frames import Reply
from bossa.net.listen import open_stream
from bossa.net.peer import Peer
from bossa.observe import log
from bossa.opening import DATABASE, DNS_PORT, UpFlags
from bossa.rooms.ground import Ground
from bossa.rooms.names import NameRoom, NameSockets
from bossa.rooms.tickets import SERVICES, TicketRoom, TicketSockets
from bossa.standing import Standing

_WEB = 80


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
        self._started = time.time()
        self._ground = ground = Ground(settings, flags.data, exits)
        # Whoever cannot have the ports leaves no data behind.
        name_sockets = NameSockets(ground)
        ticket_sockets = TicketSockets(ground) if settings.kerberos.enabled else None
        self._web = self._listen_web()
        atomic.make_private_dir(flags.data)
        ground.open_store(flags.data / DATABASE)
        self._name_room = NameRoom(ground, name_sockets)
        self._ticket_room = TicketRoom(ground, ticket_sockets) if ticket_sockets is not None else None
        self._office: Office
        self._standing: Standing

    @property
    def _settings(self) -> Settings:
        return self._ground.settings

    async def start(self) -> None:
        """Come up; returns when questions are answered and the banner is out."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_bug)
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.ended.set)
        names, tickets = self._name_room, self._ticket_room
        self._ground.seal = opening.open_seal(self._ground.data, names.rows)
        names.load()
        if tickets is not None:
            tickets.load()
            names.names.sid_of = tickets.accounts.realm.group_sid
        office = self._open_office()
        await names.start()
        if not is_founded(names.names):
            await found(office, self._settings.listen.addresses)
        restore_admin_file(office)
        await self._found_realm()
        self._standing = Standing(names.parts(), tickets.parts() if tickets is not None else None, self._started)
        names.warn_of_rules()
        calls = await control.serve(self._ground.data, self._answer_call)
        self._ground.exits.push_async_callback(calls.close)
        self._warn_of_domain()
        self._greet()
        loop.add_signal_handler(signal.SIGHUP, lambda: self._ground.later(self._reload_by_signal()))
        if tickets is not None:
            await tickets.start()
        self._ground.later(self._start_slow())

    async def _found_realm(self) -> None:
        if self._ticket_room is None:
            await keep_realm_records(self._office, self._settings.domain.realm, None)
            return
        await self._ticket_room.found(self._office)
        self._ticket_room.follow_zones(self._office, self._name_room.names)
        self._name_room.accept_contexts(self._ticket_room.accepting)
        self._ticket_room.prepare()

    def _warn_of_domain(self) -> None:
        """Tell of a data directory that was founded for another domain."""
        served = self._name_room.names
        if self._office.domain in served.zones:
            return
        holds = ", ".join(to_text(apex).rstrip(".") for apex, o in served.options.items() if not o.private_reverse)
        print(
            f"warning: there is no zone {self._settings.domain.name} in {self._ground.data}, which holds {holds}.",
            file=sys.stderr,
        )

    def _open_office(self) -> Office:
        ground, names = self._ground, self._name_room
        parts = opening.office_parts(names.names, ground.data, ground.settings, ground.seal, ground.engine)

        async def backup(path: Path) -> None:
            await parts["backup"](path)
            self._standing.last_backup = time.time()

        async def reload() -> list[str]:
            try:
                return await self.reload()
            except ConfigError as e:
                raise opening.trouble(e, ground.data) from None

        running = {
            "status": self.status,
            "reload": reload,
            "memory": names.resolver,
            "following": names.following,
        }
        if self._ticket_room is not None:
            accounts = self._ticket_room.accounts
            running |= {"accounts": accounts, "editing": accounts.editing}
        self._office = Office(**{**parts, "backup": backup, **running})
        return self._office

    def _listen_web(self) -> list[socket.socket]:
        listen = self._settings.listen
        if not self._settings.web.enabled:
            return []
        sockets = [open_stream(address, listen.port(_WEB)) for address in listen.addresses]
        self._ground.close_at_end(sockets)
        return sockets

    async def _answer_call(self, call: control.Call) -> Reply:
        """Answer on the control socket; the verbs take some 30 ms to load, for which no question of a client waits."""
        from bossa.admin.dispatch import answer

        return await answer(self._office, call)

    async def _start_slow(self) -> None:
        """Load what no answer waits for: the operator's verbs, the log's library and the web page."""
        settings = self._settings
        await asyncio.to_thread(importlib.import_module, "bossa.admin.dispatch")
        await asyncio.to_thread(log.start, settings.log.format, settings.log.level)
        self._standing.read_metrics()
        if self._web:
            from bossa.web.hosts import Hosts
            from bossa.web.server import serve_pages

            hosts = Hosts(settings.listen.addresses, (settings.domain.name, *settings.web.hosts))
            await serve_pages(self, hosts, self._web)

    def _services(self) -> tuple[Service, ...]:
        listen = self._settings.listen
        services = {"DNS": DNS_PORT} | (SERVICES if self._ticket_room is not None else {})
        services |= {"Web": _WEB} if self._settings.web.enabled else {}
        return tuple(
            Service(name=name, addresses=tuple(str(Peer(host, listen.port(real))) for host in listen.addresses))
            for name, real in services.items()
        )

    def _listening(self) -> dict[str, list[tuple[str, int]]]:
        """Return for each service where it listens: nowhere when it is switched off."""
        tickets, listen = self._ticket_room is not None, self._settings.listen
        told = {
            "dns": (DNS_PORT, True),
            "web": (_WEB, self._settings.web.enabled),
            "kdc": (KDC_PORT, tickets),
            "kpasswd": (KPASSWD_PORT, tickets),
        }
        return {
            name: [(host, listen.port(real)) for host in listen.addresses] if on else []
            for name, (real, on) in told.items()
        }

    def _administrator(self) -> str:
        """Return whose first password is in a file, "" when it is gone."""
        there = self._ticket_room is not None and (self._ground.data / FIRST_PASSWORD).exists()
        return ADMIN if there else ""

    def _greet(self) -> None:
        listen = self._settings.listen
        greeting = banner.Greeting(
            version=__version__,
            domain=self._settings.domain.name,
            realm=self._settings.domain.realm,
            data=self._ground.data,
            services=self._services(),
            dns=(listen.addresses[0], listen.port(DNS_PORT)),
            administrator=self._administrator(),
            command="./bossa" if "BOSSA_CHECKOUT" in os.environ else "bossa",
        )
        print(*banner.lines(greeting), sep="\n", flush=True)
        if self._flags.ready_fd is not None:
            with open(self._flags.ready_fd, "w") as ready:
                ready.write(json.dumps({**self._listening(), "pid": os.getpid()}) + "\n")
        notify.tell("READY=1")

    # What the operator's verbs and the page ask of a running server.

    async def status(self) -> StatusReport:
        """Return the state of this moment."""
        return self._standing.report(self._settings, self._services())

    async def reload(self) -> list[str]:
        """Read the settings again; what needs no restart is in force on return.  Raises ConfigError."""
        new = self._flags.settings()
        difference = self._settings.difference(new)
        self._ground.settings = self._settings.taking(new)
        self._office.md5 = self._settings.dns.tsig_md5
        self._office.realm_rules = opening.realm_rules(self._settings)
        await self._name_room.reload(difference)
        if self._ticket_room is not None:
            self._ticket_room.reload()
        log.start(self._settings.log.format, self._settings.log.level)
        lines = [str(change) for change in difference.now]
        lines += [f"{change} (needs a restart)" for change in difference.restart]
        log.info("settings read again", changes=lines)
        return (lines or ["nothing has changed"]) + self._name_room.warn_of_rules()

    async def _reload_by_signal(self) -> None:
        try:
            await self.reload()
        except ConfigError as e:
            log.error("settings not taken", why=str(e))


def _log_bug(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Write down what nobody caught; the server goes on."""
    log.error("bug", where=str(context.get("message")), exc=context.get("exception"))
