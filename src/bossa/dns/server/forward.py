"""Questions that are not ours, passed on to other resolvers; nothing is remembered but who answered last.

Every query has its own random ID and its own connected socket, whose port the
kernel draws (RFC 5452 §9.2): what comes from elsewhere never gets in, what
does not answer the query is waited past.  RFC 5625 for what a proxy keeps.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bossa.dns.errors import Ede, Rcode
from bossa.dns.relay import (
    EDNS_SIZE,
    Answer,
    Asked,
    Unanswered,
    client_reply,
    failure,
    read_answer,
    upstream_query,
)
from bossa.net.peer import Peer
from bossa.net.tcp import frame

# Questions under way at a time; each holds one socket.
_CONCURRENT = 256
# One try, all tries together, and how many each resolver gets.
_TRY = 1.5
_TOTAL = 5.0
_ROUNDS = 2
_MAX_DATAGRAM = 65535
# Codes that say more about the resolver than about the name: another one may know better.
_NEXT = frozenset((Rcode.SERVFAIL, Rcode.REFUSED, Rcode.FORMERR, Rcode.NOTAUTH))

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited for one try and for all of them, in seconds, and how many questions may wait."""

    one_try: float = _TRY
    total: float = _TOTAL
    concurrent: int = _CONCURRENT


class Forwarder:
    """Passes questions on to ``upstreams`` in their order, the one that answered last first.

    ``own`` are the addresses we listen on; an upstream among them is left out,
    or a question would go round for ever.  ``edns_size`` is what we say, to
    both sides, that we take over UDP; ``octets`` gives random ones.
    """

    def __init__(
        self,
        upstreams: Iterable[Address],
        own: Iterable[Address] = (),
        *,
        edns_size: int = EDNS_SIZE,
        patience: Patience | None = None,
        octets: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._own = tuple(own)
        self._edns_size = edns_size
        self._patience = patience or Patience()
        self._octets = octets
        self._under_way = 0
        self.use(upstreams)

    def use(self, upstreams: Iterable[Address]) -> None:
        """Ask these from now on."""
        self.upstreams = tuple(Peer(*address[:2]) for address in upstreams if not is_own(address, self._own))
        self._first = 0

    async def fetch(self, asked: Asked) -> Answer | Unanswered:
        """Return an upstream's answer to a question, or why there is none."""
        if self._under_way >= self._patience.concurrent:
            return Unanswered(Ede.OTHER, "too many questions under way")
        if not self.upstreams:
            return Unanswered(Ede.NO_REACHABLE_AUTHORITY, "no resolver is configured")
        self._under_way += 1
        try:
            return await self._ask_all(asked)
        finally:
            self._under_way -= 1

    async def ask(self, query: bytes, limit: int) -> bytes:
        """Return the answer to a client's query, in at most ``limit`` octets; raises WireError for an unreadable one.

        The query is of opcode QUERY, has one question and no TSIG.
        """
        asked = Asked.decode(query, self._edns_size)
        found = await self.fetch(asked)
        return (
            failure(asked, found.ede, found.text)
            if isinstance(found, Unanswered)
            else client_reply(asked, found, limit)
        )

    async def _ask_all(self, asked: Asked) -> Answer | Unanswered:
        tries = _Tries(self._octets, self._patience)
        try:
            async with asyncio.timeout(self._patience.total):
                for index in self._order():
                    answer = await tries.ask(self.upstreams[index], asked)
                    if answer is not None:
                        self._first = index
                        return answer
        except TimeoutError:
            # What has come so far has to do.
            tries.silent = True
        return tries.failed or Unanswered(*tries.reason())

    def _order(self) -> Iterator[int]:
        first, count = self._first, len(self.upstreams)
        for _ in range(_ROUNDS):
            yield from ((first + i) % count for i in range(count))


class _Tries:
    """The tries for one question, and what became of them."""

    def __init__(self, octets: Callable[[int], bytes], patience: Patience) -> None:
        # The last SERVFAIL: the client gets it, extended errors included, when nobody knows better.
        self.failed: Answer | None = None
        # Whether somebody let us wait in vain.
        self.silent = False
        self._octets = octets
        self._patience = patience
        self._done: set[Peer] = set()
        self._unreachable = False

    async def ask(self, upstream: Peer, asked: Asked) -> Answer | None:
        """Return an upstream's answer, None if it has none for us; one that said no is not asked again."""
        if upstream in self._done:
            return None
        try:
            answer = await self._over_udp(upstream, asked, edns=True)
            if answer.rcode in (Rcode.FORMERR, Rcode.NOTIMP) and answer.edns is None:
                # Older than EDNS, perhaps.  RFC 6891 §7
                answer = await self._over_udp(upstream, asked, edns=False)
        except TimeoutError:
            self.silent = True
            return None
        except (OSError, asyncio.IncompleteReadError):
            self._unreachable = True
            return None
        if answer.rcode in _NEXT or answer.rcode > 15:
            self._done.add(upstream)
            self.failed = answer if answer.rcode == Rcode.SERVFAIL else self.failed
            return None
        return answer

    def reason(self) -> tuple[Ede, str]:
        """Say why there is no answer.  RFC 8914 §4.23, §4.24"""
        if self.silent:
            return Ede.NO_REACHABLE_AUTHORITY, "no resolver answered in time"
        if self._unreachable:
            return Ede.NETWORK_ERROR, "no resolver could be reached"
        return Ede.NO_REACHABLE_AUTHORITY, "every resolver refused"

    async def _over_udp(self, upstream: Peer, asked: Asked, *, edns: bool) -> Answer:
        message_id = int.from_bytes(self._octets(2), "big")
        loop = asyncio.get_running_loop()
        with _connected(upstream) as sock:
            sock.send(upstream_query(asked, message_id, edns=edns))
            async with asyncio.timeout(self._patience.one_try):
                while (answer := read_answer(await loop.sock_recv(sock, _MAX_DATAGRAM), asked, message_id)) is None:
                    pass
        return await self._over_tcp(upstream, asked, edns=edns) if answer.truncated else answer

    async def _over_tcp(self, upstream: Peer, asked: Asked, *, edns: bool) -> Answer:
        message_id = int.from_bytes(self._octets(2), "big")
        async with asyncio.timeout(self._patience.one_try):
            reader, writer = await asyncio.open_connection(upstream.host, upstream.port)
            try:
                writer.write(frame(upstream_query(asked, message_id, edns=edns)))
                while (answer := read_answer(await _message(reader), asked, message_id)) is None:
                    pass
            finally:
                writer.transport.abort()
        return answer


async def _message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))


def _connected(upstream: Peer) -> socket.socket:
    """Return a UDP socket that takes datagrams of this upstream only."""
    info = socket.getaddrinfo(*upstream, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV)
    family, kind, protocol, _, address = info[0]
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


def is_own(address: Address, own: Iterable[Address]) -> bool:
    """Tell whether an address is one we listen on: named, or any of the machine's when we listen on all."""
    host, port = ipaddress.ip_address(address[0].partition("%")[0]), address[1]
    for own_host, own_port in own:
        ours = ipaddress.ip_address(own_host.partition("%")[0])
        if port == own_port and (
            host == ours or (ours.is_unspecified and ours.version == host.version and _local(address[0]))
        ):
            return True
    return False


def _local(host: str) -> bool:
    """Tell whether the machine has the address: only then a socket can be bound to it."""
    try:
        _bind(host)
    except OSError as e:
        return e.errno != errno.EADDRNOTAVAIL
    return True


def _bind(host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
