"""One try at one resolver: over UDP from a port of its own, over TCP where that is needed.

Every query has its own random ID, its own letter case and its own connected
socket, whose port the kernel draws (RFC 5452 §9.2): what comes from elsewhere
never gets in, and a reply that does not answer the query is waited past.  Too
many of those are a sign of somebody guessing, who has no say over TCP.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from bossa.dns.errors import Rcode
from bossa.dns.relay import Answer, Asked, in_case_of, read_answer, same_case, upstream_query, with_case
from bossa.dns.routes import Address
from bossa.dns.server.streams import Streams
from bossa.dns.upstreams import Upstream
from bossa.net.peer import Peer, SocketAddress
from bossa.observe import log

_MAX_DATAGRAM = 65535
# Replies to one query that answer something else.
_MOST_WRONG = 10

Octets = Callable[[int], bytes]


class Line:
    """Asks resolvers; ``octets`` gives random ones, ``mark`` is what our queries bear."""

    def __init__(self, octets: Octets, mark: bytes, idle: float) -> None:
        self.streams = Streams(idle)
        self._octets = octets
        self._mark = mark

    async def ask(self, upstream: Upstream, asked: Asked) -> Answer:
        """Return a resolver's reply, whatever its code; raises OSError and EOFError.  Waits for ever."""
        answer = await self._ask(upstream, asked, edns=True)
        if answer.rcode in (Rcode.FORMERR, Rcode.NOTIMP):
            # Older than EDNS, perhaps.  RFC 6891 §7
            answer = await self._ask(upstream, asked, edns=False)
        return in_case_of(answer, asked)

    async def _ask(self, upstream: Upstream, asked: Asked, *, edns: bool) -> Answer:
        sent = self._in_random_case(asked) if upstream.keeps_case else asked
        answer = await self._over_udp(upstream, sent, edns=edns)
        if answer is not None and upstream.keeps_case and not same_case(answer, sent):
            # Who guesses the ID and the port twice running could guess the case as well: it does not keep it.
            sent = self._in_random_case(asked)
            answer = await self._over_udp(upstream, sent, edns=edns)
            upstream.keeps_case = answer is None or same_case(answer, sent)
        if answer is None:
            log.warning("replies that answer nothing we asked, so TCP is used", address=str(Peer(*upstream.address)))
        if answer is None or answer.truncated:
            return await self._over_tcp(upstream, sent, edns=edns)
        return answer

    def _in_random_case(self, asked: Asked) -> Asked:
        return replace(asked, question=with_case(asked.question, self._octets(len(asked.question))))

    def _id(self) -> int:
        return int.from_bytes(self._octets(2), "big")

    async def _over_udp(self, upstream: Upstream, asked: Asked, *, edns: bool) -> Answer | None:
        """Return the reply; None after too many that answer something else."""
        message_id, loop = self._id(), asyncio.get_running_loop()
        # The loop's own time stands still between two of its rounds.
        started = time.monotonic()
        with _connected(upstream.address) as sock:
            sock.send(upstream_query(asked, message_id, edns=edns, mark=self._mark))
            for _ in range(_MOST_WRONG):
                answer = read_answer(await loop.sock_recv(sock, _MAX_DATAGRAM), asked, message_id)
                if answer is not None:
                    upstream.heard(time.monotonic() - started)
                    return answer
                upstream.wrong_replies += 1
        return None

    async def _over_tcp(self, upstream: Upstream, asked: Asked, *, edns: bool) -> Answer:
        message_id = self._id()
        query = upstream_query(asked, message_id, edns=edns, mark=self._mark)
        return await self.streams.ask(upstream.address, query, lambda wire: read_answer(wire, asked, message_id))


def _connected(upstream: Address) -> socket.socket:
    """Return a UDP socket that takes datagrams of this resolver only."""
    family, address = _resolved(upstream)
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock


@lru_cache(maxsize=256)
def _resolved(upstream: Address) -> tuple[socket.AddressFamily, SocketAddress]:
    """Return the numbers of an address, the interface of a link-local one included."""
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, _, _, _, address = socket.getaddrinfo(*upstream, type=socket.SOCK_DGRAM, flags=flags)[0]
    return family, address  # type: ignore[return-value]  # an address of these two families
