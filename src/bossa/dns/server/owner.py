"""The owner's answers: every request that no prepared answer fits, over UDP and TCP.

A request becomes an exchange (EDNS and TSIG checked), then goes by its opcode
to the zones, the updates, or the forwarder.  What is refused is one line in
the log; the client gets the code.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from bossa.dns import names, query
from bossa.dns.changes import Draft
from bossa.dns.errors import Ede, Rcode, Refused, StoreFailed
from bossa.dns.exchange import Exchange, Rejected, Settings, failure, format_error, open_exchange
from bossa.dns.message import Reply
from bossa.dns.server import audit
from bossa.dns.server.service import Names
from bossa.dns.types import Opcode
from bossa.dns.update import decide, read_update, zone_of
from bossa.dns.zone import Mark, Origin
from bossa.net.peer import Peer
from bossa.observe import metrics

# Requests that wait for the disk or for another server; more are left to the clients' next try.
_MAX_PENDING = 2048
# How long the first answer to an update is kept for a retransmit, and how many are.
_KEEP_ANSWERS = 30.0
_MAX_ANSWERS = 4096

# Answers later; sends an answer.
Work = Callable[[], Awaitable[bytes]]
Send = Callable[[bytes], None]
Ask = Callable[[bytes, int], Awaitable[bytes]]


@dataclass(slots=True)
class _Kept:
    answer: asyncio.Future[bytes]
    until: float


class Owner:
    """Answers requests; ``ask(query, limit)`` passes a question on, ``clock`` gives seconds since 1970."""

    def __init__(self, served: Names, settings: Settings, ask: Ask, clock: Callable[[], float]) -> None:
        self.settings = settings
        self._names = served
        self._ask = ask
        self._clock = clock
        self._pending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._kept: OrderedDict[tuple[bytes, bytes], _Kept] = OrderedDict()

    def datagram(self, packet: bytes, address: bytes, send: Send) -> None:
        """Answer a UDP request, now or later; too many that wait are dropped.

        A bug is the loop's to log; the client gets SERVFAIL.
        """
        sound = False
        try:
            answer = self._begin(packet, Peer.decode(address).host, tcp=False)
            sound = True
        finally:
            if not sound:
                send(server_failure(packet))
        if isinstance(answer, bytes):
            send(answer)
        elif answer is not None:
            self._later(answer, packet, address, send)

    async def message(self, wire: bytes, peer: Peer) -> bytes | None:
        """Answer a TCP request."""
        answer = self._begin(wire, peer.host, tcp=True)
        if answer is None or isinstance(answer, bytes):
            return answer
        return await answer()

    def _later(self, work: Work, packet: bytes, address: bytes, send: Send) -> None:
        """Do the work in a task of its own; a retransmit of an update gets the first one's answer."""
        kept = self._kept.get((address, packet))
        if kept is not None:
            if kept.answer.done():
                send(kept.answer.result())
            return
        if self._pending >= _MAX_PENDING:
            metrics.add("bossa_dns_dropped_total", ("busy",))
            return
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if packet[2] >> 3 & 0xF == Opcode.UPDATE:
            self._keep((address, packet), first)
        self._pending += 1
        task = asyncio.get_running_loop().create_task(self._run(work, packet, first, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _keep(self, key: tuple[bytes, bytes], answer: asyncio.Future[bytes]) -> None:
        now = self._clock()
        while self._kept and (len(self._kept) >= _MAX_ANSWERS or next(iter(self._kept.values())).until < now):
            self._kept.popitem(last=False)
        self._kept[key] = _Kept(answer, now + _KEEP_ANSWERS)

    async def _run(self, work: Work, packet: bytes, first: asyncio.Future[bytes], send: Send) -> None:
        answer = b""
        try:
            answer = await work()
        finally:
            self._pending -= 1
            answer = answer or server_failure(packet)
            first.set_result(answer)
            send(answer)

    def _begin(self, wire: bytes, host: str, *, tcp: bool) -> bytes | Work | None:
        """Answer at once, or return the work that will."""
        address = ipaddress.ip_address(host.partition("%")[0])
        exchange = open_exchange(wire, address, self._names.keys, int(self._clock()), self.settings, tcp=tcp)
        if isinstance(exchange, Rejected):
            audit.rejected(exchange, host, tcp=tcp)
            return exchange.reply
        opcode = exchange.message.opcode
        if opcode == Opcode.QUERY:
            return self._query(exchange)
        if opcode == Opcode.UPDATE:
            return partial(self._update, exchange)
        return audit.counted(exchange, failure(exchange, Rcode.NOTIMP, Ede.NOT_SUPPORTED))

    def _query(self, exchange: Exchange) -> bytes | Work:
        answer = query.answer(exchange, self._names.zones, self._names.closed)
        if isinstance(answer, bytes):
            return audit.counted(exchange, answer)
        return partial(self._pass_on, exchange)

    async def _pass_on(self, exchange: Exchange) -> bytes:
        answer = await self._ask(exchange.without_tsig(), exchange.limit - exchange.tsig_space())
        return audit.counted(exchange, exchange.sign(answer))

    async def _update(self, exchange: Exchange) -> bytes:
        started = self._clock()
        zone = None
        try:
            zone = zone_of(exchange.message)
            await self._apply(exchange, zone)
        except Refused as e:
            audit.refused(exchange, zone, e)
            return failure(exchange, e.code, e.ede)
        except StoreFailed as e:
            audit.not_stored(exchange, zone, e)
            return failure(exchange, Rcode.SERVFAIL, Ede.NOT_READY)
        audit.accepted(self._clock() - started)
        return exchange.finish(Reply())

    async def _apply(self, exchange: Exchange, apex: bytes) -> None:
        if apex not in self._names.zones:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(apex)}", Ede.NOT_AUTHORITATIVE)
        caller, rules = exchange.caller, self._names.policy(apex)
        if not rules.knows(caller):
            raise Refused(Rcode.REFUSED, f"no rule names {caller.text}", Ede.PROHIBITED)
        update = read_update(exchange.message)
        mark = Mark(Origin.UPDATE, exchange.now)

        def change(draft: Draft) -> None:
            decide(update, draft, rules, caller, mark)

        step = await self._names.edit(apex, change)
        if step is not None:
            audit.changed(exchange, step)


def server_failure(wire: bytes) -> bytes:
    """Return SERVFAIL for a request over which we stumbled."""
    answer = format_error(wire.ljust(12, b"\x00"))
    return answer[:3] + bytes((answer[3] & 0xF0 | Rcode.SERVFAIL,)) + answer[4:]
