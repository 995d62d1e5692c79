"""The room of tickets: the KDC with its workers, the realm that it reads, and the server of new passwords.

What decides about tickets takes some 50 ms to load.  The workers load it for
themselves, and the owner when it has come up, or when its first request comes.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections import Counter
from collections.abc import Awaitable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from bossa import opening
from bossa.admin.locate import KDC_PORT, KPASSWD_PORT, Place, keep_realm_records, write_krb5_conf
from bossa.admin.office import Office
from bossa.admin.realm import found_realm, keep_dns_service, other_realm
from bossa.admin.words import plain
from bossa.config.settings import Settings
from bossa.directory.keys import KeyMaker
from bossa.directory.ports import DirectoryFailed
from bossa.directory.rows import Item
from bossa.dns.server.service import Names
from bossa.krb.kdc.settings import KdcSettings, Lockout
from bossa.krb.server.accounts import Accounts
from bossa.krb.server.lockouts import Lockouts
from bossa.krb.server.workers import TicketWorkers
from bossa.net import tcp, udp
from bossa.net.listen import open_stream
from bossa.net.peer import Peer
from bossa.observe import log
from bossa.opening import MASTER_KEY
from bossa.rooms.accepting import Accepting
from bossa.rooms.ground import Ground
from bossa.standing import TicketParts
from bossa.store.realm import RealmRows
from bossa.workers.doors import Datagram, Doors, Reply

if TYPE_CHECKING:
    from bossa.krb.kdc.kdc import Kdc
    from bossa.krb.server.owner import Owner
    from bossa.krb.server.passwords import PasswordRules, Passwords

# The largest request over TCP.  One with the PAC of a user of a thousand groups, as evidence too, has a fifth of that.
LONGEST = 1 << 17
# The services of the room, with their real ports.
SERVICES = {"Kerberos": KDC_PORT, "kpasswd": KPASSWD_PORT}


def kdc_settings(settings: Settings) -> KdcSettings:
    """Return what the settings say of tickets."""
    told = settings.kerberos
    return KdcSettings(
        max_life=told.ticket_lifetime,
        max_renew=told.renew_lifetime,
        skew=told.clock_skew,
        udp_limit=told.udp_limit,
        enctypes=told.enctype_numbers,
        rollover=told.rollover_window,
        lockout=Lockout(told.lockout_after, told.lockout_window, told.lockout_time),
    )


def place(settings: Settings) -> Place:
    """Return where the realm's services listen."""
    return Place(settings.listen.addresses, settings.listen.port_base)


class TicketSockets:
    """The KDC's sockets, UDP by worker, and those for new passwords; UDP, then TCP.  Raises CannotListen."""

    def __init__(self, ground: Ground) -> None:
        listen, workers = ground.settings.listen, ground.settings.kerberos.workers
        by_address: list[list[socket.socket]] = []
        self.streams: list[socket.socket] = []
        self.password_datagrams: list[socket.socket] = []
        self.password_streams: list[socket.socket] = []
        for address in listen.addresses:
            by_address.append(udp.open_sockets(address, listen.port(KDC_PORT), max(1, workers)))
            ground.close_at_end(by_address[-1])
            self.streams.append(open_stream(address, listen.port(KDC_PORT)))
            ground.close_at_end(self.streams[-1:])
            self.password_datagrams += udp.open_sockets(address, listen.port(KPASSWD_PORT))
            ground.close_at_end(self.password_datagrams[-1:])
            self.password_streams.append(open_stream(address, listen.port(KPASSWD_PORT)))
            ground.close_at_end(self.password_streams[-1:])
        self.datagrams = [list(group) for group in zip(*by_address, strict=True)]


def _load_rules() -> None:
    """Import what the first request would wait for."""
    import bossa.gss.acceptor
    import bossa.krb.server.owner
    import bossa.krb.server.passwords  # noqa: F401


class TicketRoom:
    """The realm and who answers for it, after ``load``, ``found``, ``prepare`` and ``start``."""

    accounts: Accounts
    _lockouts: Lockouts
    _tcp: tcp.TcpServer
    _passwords_tcp: tcp.TcpServer

    def __init__(self, ground: Ground, sockets: TicketSockets) -> None:
        self._ground = ground
        self._sockets = sockets
        self._rows = RealmRows(ground.engine)
        self._counts: Counter[str] = Counter()
        # None as long as nobody has to hear of changes.
        self._told: TicketWorkers | None = None

    @property
    def _workers(self) -> TicketWorkers:
        assert self._told is not None, "it has been prepared"
        return self._told

    def load(self) -> None:
        """Read the realm; raises Unsealable when its keys are under another master key."""
        realm = opening.load_realm(self._rows, self._ground.seal)
        if realm.is_founded:
            realm.krbtgt.key_set()
        self.accounts = Accounts(realm, self._rows, self._publish)
        self._ground.exits.push_async_callback(self.accounts.close)

    def _publish(self, items: Sequence[Item]) -> Awaitable[None] | None:
        return self._told.publish(items) if self._told is not None else None

    async def found(self, office: Office) -> None:
        """Make the realm if there is none, and let clients find it."""
        settings = self._ground.settings
        await found_realm(office, settings.domain.realm)
        if warning := other_realm(office, settings.domain.realm):
            log.warning(warning)
        await keep_realm_records(office, self.realm_name, place(settings))
        await keep_dns_service(office)
        self._write_krb5_conf()

    def follow_zones(self, office: Office, served: Names) -> None:
        """Let the name server's account have the names that new zones bring."""
        known = set(served.zones)

        def arrived(apex: bytes) -> None:
            if apex in served.zones and apex not in known:
                self._ground.later(self._name_server(office))
            known.add(apex)

        served.watchers.append(arrived)

    async def _name_server(self, office: Office) -> None:
        try:
            if came := await keep_dns_service(office):
                log.info("the name server has new names", names=came)
        except DirectoryFailed as e:
            log.error("the name server's new name is not stored", why=str(e))

    @property
    def realm_name(self) -> str:
        """The realm that is stored, whatever the settings say of another."""
        return self.accounts.realm.info.realm

    def _write_krb5_conf(self) -> None:
        settings = self._ground.settings
        domain, limit = plain(settings.domain.apex), settings.kerberos.udp_limit
        write_krb5_conf(self._ground.data, domain, self.realm_name, place(settings), udp_limit=limit)

    @cached_property
    def accepting(self) -> Accepting:
        """What accepts contexts for the name server, once the realm is founded."""
        told = self._ground.settings.kerberos
        return Accepting(self.accounts.realm, told.clock_skew, told.rollover_window)

    def prepare(self) -> None:
        """Build what answers; what comes in meanwhile waits in the sockets."""
        ground = self._ground
        settings = kdc_settings(ground.settings)
        self._lockouts = Lockouts(self.accounts, settings.lockout, time.time)
        workers, count = self._sockets.datagrams, ground.settings.kerberos.workers
        self._told = TicketWorkers(workers, count, self._datagram, self.accounts)
        self._workers.trust((ground.data / MASTER_KEY).read_bytes())
        self._workers.use(settings)
        framing = tcp.Framing(4, LONGEST, lambda: self.owner.too_long())
        self._tcp = tcp.TcpServer(self._message, tcp.Limits(), framing)
        self._passwords_tcp = tcp.TcpServer(self._password_message, tcp.Limits(), framing)

    async def start(self) -> None:
        """Answer on every socket; returns while the workers load."""
        exits = self._ground.exits
        await self._workers.pool.start()
        exits.push_async_callback(self._workers.pool.stop)
        await self._tcp.start(self._sockets.streams)
        exits.push_async_callback(self._tcp.close)
        await self._passwords_tcp.start(self._sockets.password_streams)
        exits.push_async_callback(self._passwords_tcp.close)
        for sock in self._sockets.password_datagrams:
            doors = Doors(None, self._password_datagrams(sock.getsockname()[0]))
            doors.open([sock])
            exits.callback(doors.leave, [sock])
        await asyncio.to_thread(_load_rules)

    def _datagram(self, packet: bytes, address: bytes, send: Reply) -> None:
        self.owner.datagram(packet, address, send)

    async def _message(self, packet: bytes, peer: Peer) -> bytes | None:
        return await self.owner.message(packet, peer)

    def _password_datagrams(self, local: str) -> Datagram:
        """Return what takes the datagrams of a socket at an address."""

        def take(packet: bytes, address: bytes, send: Reply) -> None:
            peer = Peer.decode(address)
            self.passwords.datagram(packet, peer if peer.local else peer._replace(local=local), send)

        return take

    async def _password_message(self, packet: bytes, peer: Peer) -> bytes | None:
        return await self.passwords.message(packet, peer)

    @cached_property
    def passwords(self) -> Passwords:
        """Who changes passwords."""
        from bossa.krb.server.passwords import Passwords

        return Passwords(self.accounts, self._password_rules(), time.time)

    def _password_rules(self) -> PasswordRules:
        from bossa.krb.server.passwords import PasswordRules

        ground, rules = self._ground, opening.realm_rules(self._ground.settings)
        maker = KeyMaker(ground.seal.seal, os.urandom, rules.enctypes, rules.window)
        return PasswordRules(rules.passwords, maker, kdc_settings(ground.settings))

    @cached_property
    def owner(self) -> Owner:
        """Who answers what no worker does."""
        from bossa.krb.server.owner import Owner

        settings = kdc_settings(self._ground.settings)
        owner = Owner(self._kdc(settings), self._lockouts, self._counts, time.time)
        owner.udp_limit = settings.udp_limit
        return owner

    def _kdc(self, settings: KdcSettings) -> Kdc:
        from bossa.krb.kdc.kdc import Kdc

        return Kdc(self.accounts.realm, settings, os.urandom)

    def reload(self) -> None:
        """Take the settings of the ground, which are new, over."""
        settings = kdc_settings(self._ground.settings)
        self._lockouts.rule = settings.lockout
        self.owner.kdc, self.owner.udp_limit = self._kdc(settings), settings.udp_limit
        self.passwords.rules = self._password_rules()
        self._workers.use(settings)
        self.accepting.window = settings.rollover
        self._write_krb5_conf()

    def parts(self) -> TicketParts:
        """Return what is asked how the KDC is."""
        return TicketParts(accounts=self.accounts, workers=self._workers, tcp=self._tcp, owned=self._counts)
