"""The room of names: the name server with its query workers, its secondary zones and what it passes on."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bossa import opening
from bossa.config.settings import Difference
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
from bossa.dns.server.negotiating import Acceptance
from bossa.dns.server.notifying import Notifying
from bossa.dns.server.orders import DnsOrder
from bossa.dns.server.owner import Owner
from bossa.dns.server.resolver import Resolver
from bossa.dns.server.service import Names
from bossa.dns.server.sweeping import Sweeping
from bossa.dns.server.workers import QueryWorkers
from bossa.net import tcp, udp
from bossa.net.listen import open_stream
from bossa.observe import log
from bossa.opening import COOKIE_SECRET, DNS_PORT
from bossa.rooms.accepting import Accepting
from bossa.rooms.ground import Ground
from bossa.standing import Parts
from bossa.store.zones import ZoneRows

# Seconds between two looks at the age of the cookies' secrets.
_ROLL_EVERY = 3600


class NameSockets:
    """The name server's sockets, opened before anything else: UDP by worker, then TCP.  Raises CannotListen."""

    def __init__(self, ground: Ground) -> None:
        listen, workers = ground.settings.listen, ground.settings.dns.workers
        by_address: list[list[socket.socket]] = []
        self.streams: list[socket.socket] = []
        for address in listen.addresses:
            by_address.append(udp.open_steered(address, listen.port(DNS_PORT), workers))
            ground.close_at_end(by_address[-1])
            self.streams.append(open_stream(address, listen.port(DNS_PORT)))
            ground.close_at_end(self.streams[-1:])
        self.datagrams = [list(group) for group in zip(*by_address, strict=True)]


class NameRoom:
    """The name server's parts, built in their order."""

    def __init__(self, ground: Ground, sockets: NameSockets) -> None:
        self._ground = ground
        self._sockets = sockets
        settings = ground.settings
        self.rows = ZoneRows(ground.engine)
        self.names = Names(self.rows, self._publish, recursion=True)
        own = [(host, settings.listen.port(DNS_PORT)) for host in settings.listen.addresses]
        self._mark = os.urandom(MARK_SIZE)
        self.forwarder = Forwarder(
            opening.upstreams(settings),
            own,
            rules=opening.forward_rules(settings),
            mark=self._mark,
        )
        ground.exits.callback(self.forwarder.close)
        self.resolver = self._new_resolver()
        self._cookies = CookieFile(ground.data / COOKIE_SECRET, os.urandom)
        self.following = Following(self.names, Fetcher(self.names, time.time), time.time)
        self._sweeping = Sweeping(self.names, time.time, time.monotonic)
        self._notifying = Notifying(self.names, time.time, lambda address: is_own(address, own))
        self.owner = Owner(self.names, self._answer_settings(), self.resolver, self.following, time.time)
        self.workers: QueryWorkers
        self._tcp: tcp.TcpServer

    def _new_resolver(self) -> Resolver:
        settings, zones = self._ground.settings.dns, self.names.zones
        resolver = Resolver(
            self.forwarder.fetch,
            Cache(settings.cache_octets, settings.serve_stale),
            time.monotonic,
            Fills(lambda fills: self.workers.fill(fills)),
            ours=lambda name: zones.find_for(name, types.A) is not None,
        )
        resolver.edns_size, resolver.max_ttl = settings.edns_size, settings.cache_max_ttl
        self.names.on_arrival = lambda apex: resolver.forget(apex, tree=True)
        return resolver

    def load(self) -> None:
        """Read all zones; what is there to stay is kept out of the garbage collector's rounds."""
        gc.disable()
        try:
            self.names.load(lambda row: opening.open_key(self._ground.seal, row))
        finally:
            gc.enable()
        gc.freeze()
        self.names.use_rules(opening.forward_rules(self._ground.settings))
        self.following.load()
        self._sweeping.load()

    async def start(self) -> None:
        """Answer on every socket; returns while the workers load."""
        ground, settings = self._ground, self._ground.settings.dns
        self.workers = QueryWorkers(
            self._sockets.datagrams,
            settings.workers,
            self.owner.datagram,
            self.names.snapshot,
            Sizes(settings.edns_size, settings.cache_octets),
        )
        self.resolver.recalled = self.workers.recalled
        self.workers.remember_from(lambda: encode_fills(self.resolver.fills()))
        self.workers.limited = self.owner.gate.write_down
        self._know_clients()
        # Updates wait for nobody: their queue is taken up again at once.
        ground.later(self._keep("storing updates", self.names.run, pause=0))
        ground.later(self._roll_cookies())
        await self.workers.pool.start()
        ground.exits.push_async_callback(self.workers.pool.stop)
        self._tcp = await tcp.serve(self._sockets.streams, self.owner.message, self._limits())
        ground.exits.push_async_callback(self._tcp.close)
        ground.later(self._keep("following primaries", self.following.run))
        ground.exits.callback(self.following.stop)
        ground.later(self._keep("scavenging", self._sweeping.run))
        self._notifying.start()
        ground.exits.callback(self._notifying.stop)

    def accept_contexts(self, accepting: Accepting) -> None:
        """Let clients with tickets negotiate keys."""
        self.owner.accept_contexts(Acceptance(accepting.begin, accepting.person_of, accepting.stands))

    def parts(self) -> Parts:
        """Return what is asked how the server is."""
        return Parts(
            names=self.names,
            following=self.following,
            forwarder=self.forwarder,
            resolver=self.resolver,
            owner=self.owner,
            workers=self.workers,
            tcp=self._tcp,
            engine=self._ground.engine,
        )

    def _publish(self, delta: bytes) -> Coroutine[Any, Any, None] | None:
        return self.workers.pool.publish(delta)

    def _limits(self) -> tcp.Limits:
        settings = self._ground.settings.dns
        return tcp.Limits(connections=settings.tcp_connections, idle=settings.tcp_idle)

    def _answer_settings(self) -> exchange.Settings:
        settings = self._ground.settings
        secrets = opening.cookie_secrets(settings, self._cookies, time.time())
        return opening.answer_settings(settings, secrets, self._mark)

    def _know_clients(self) -> None:
        """Take the settings of answers, with the secrets of this moment, and the rate limit over."""
        settings, pool = self._ground.settings, self.workers.pool
        self.owner.settings = self._answer_settings()
        # What no worker answers all comes to the one owner.
        self.owner.gate.use(opening.rate_limit(settings, 1))
        pool.tell(DnsOrder.LIMIT, opening.rate_limit(settings, max(1, settings.dns.workers)))
        pool.tell(DnsOrder.OPTIONS, self.owner.settings.options.encode())
        pool.tell(DnsOrder.NEAR, nearness.encode(settings.dns.recursion))

    async def _roll_cookies(self) -> None:
        """Make new secrets when it is time."""
        while True:
            await asyncio.sleep(_ROLL_EVERY)
            self._know_clients()

    async def _keep(self, doing: str, run: Callable[[], Awaitable[None]], pause: float = 1.0) -> None:
        """Keep something going; after a bug, which costs what it was at, go on a moment later."""
        while True:
            try:
                await run()
            except Exception as e:
                log.error(f"bug while {doing}", exc=e)
                await asyncio.sleep(pause)

    async def reload(self, difference: Difference) -> None:
        """Take the settings of the ground, which are new, over."""
        self._know_clients()
        rules = opening.forward_rules(self._ground.settings)
        await self.names.change_rules(rules, lambda: self._renew_forwarding(difference))
        self._tcp.limits = self._limits()

    def _renew_forwarding(self, difference: Difference) -> None:
        """Take what is new about questions passed on; what other upstreams said is forgotten."""
        settings = self._ground.settings
        self.forwarder.use(opening.upstreams(settings), self.names.zones.rules)
        self.resolver.max_ttl = settings.dns.cache_max_ttl
        self.resolver.cache.stale = settings.dns.serve_stale
        if any(change.key in ("dns.forwarders", "dns.forward") for change in difference.now):
            self.resolver.forget_all()

    def warn_of_rules(self) -> list[str]:
        """Tell of forward rules that one of our zones makes void."""
        zones = self.names.zones
        void = [to_text(domain).rstrip(".") for domain in zones.rules.without_effect(zones, zones.overruled)]
        for domain in void:
            log.warning("forward rule without effect, since there is a zone of that name", domain=domain)
        return [f"warning: the rule for {domain} has no effect: there is a zone of that name" for domain in void]
