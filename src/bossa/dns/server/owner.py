"""The owner's answers: every request that no prepared answer fits, over UDP and TCP.

A request becomes an exchange (EDNS and TSIG checked), then goes by its opcode
to the zones, the updates, or the forwarder.  What is refused is one line in
the log; the client gets the code.
"""

from __future__ import annotations

import asyncio
import hashlib
import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from bossa.dns import names, query, transfer, tsig, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Ede, Rcode, Refused, StoreFailed
from bossa.dns.exchange import Exchange, Rejected, Settings, failure, format_error, open_exchange
from bossa.dns.message import Flag, Reply
from bossa.dns.secondary import why_unserved
from bossa.dns.server import audit
from bossa.dns.server.following import Following
from bossa.dns.server.service import Names
from bossa.dns.tsigstream import sign_stream
from bossa.dns.types import Opcode
from bossa.dns.update import decide, read_update, zone_of
from bossa.dns.zone import Mark, Origin, Record
from bossa.net.peer import Peer
from bossa.observe import metrics

# Requests that wait for the disk or for another server; more are left to the clients' next try.
_MAX_PENDING = 2048
# How long the first answer to an update is kept for a retransmit, and how many are.
_KEEP_ANSWERS = 30.0
_MAX_ANSWERS = 4096

# Sends an answer.
Send = Callable[[bytes], None]
Ask = Callable[[bytes, int], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Work:
    """An answer that takes a while; ``known`` tells of an update by somebody whom a rule names."""

    run: Callable[[], Awaitable[bytes | Iterable[bytes]]]
    known: bool = False


@dataclass(slots=True)
class _Kept:
    answer: asyncio.Future[bytes]
    until: float


class Owner:
    """Answers requests; ``ask(query, limit)`` passes a question on, ``clock`` gives seconds since 1970."""

    def __init__(
        self, served: Names, settings: Settings, ask: Ask, clock: Callable[[], float], following: Following
    ) -> None:
        self.settings = settings
        self._names = served
        self._ask = ask
        self._clock = clock
        self._following = following
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

    async def message(self, wire: bytes, peer: Peer) -> bytes | Iterable[bytes] | None:
        """Answer a TCP request, a transfer with many messages."""
        answer = self._begin(wire, peer.host, tcp=True)
        if answer is None or isinstance(answer, bytes):
            return answer
        return await answer.run()

    def _later(self, work: Work, packet: bytes, address: bytes, send: Send) -> None:
        """Do the work in a task of its own; a retransmit of an update gets the first one's answer."""
        key = (address, hashlib.sha256(packet).digest())
        kept = self._kept.get(key)
        if kept is not None:
            if kept.answer.done():
                send(kept.answer.result())
            return
        if self._pending >= _MAX_PENDING:
            metrics.add("bossa_dns_dropped_total", ("busy",))
            return
        first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        if work.known:
            self._keep(key, first)
        self._pending += 1
        task = asyncio.get_running_loop().create_task(self._run(work, packet, first, send))
        if work.known:
            # What failed by our own fault may go well the next time.
            first.add_done_callback(lambda answer: self._forget_failure(key, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _keep(self, key: tuple[bytes, bytes], answer: asyncio.Future[bytes]) -> None:
        now = self._clock()
        while self._kept and (len(self._kept) >= _MAX_ANSWERS or next(iter(self._kept.values())).until < now):
            self._kept.popitem(last=False)
        self._kept[key] = _Kept(answer, now + _KEEP_ANSWERS)

    def _forget_failure(self, key: tuple[bytes, bytes], answer: asyncio.Future[bytes]) -> None:
        if answer.result()[3] & 0xF == Rcode.SERVFAIL:
            self._kept.pop(key, None)

    async def _run(self, work: Work, packet: bytes, first: asyncio.Future[bytes], send: Send) -> None:
        answer = b""
        try:
            done = await work.run()
            assert isinstance(done, bytes), "only TCP carries answers of many messages"
            answer = done
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
            # A signature by a key that we do not have is the primary's to check.  RFC 8945 §5.5
            if exchange.unknown_key is not None and (work := self._for_primary(exchange.unknown_key)):
                return work
            audit.rejected(exchange, host, tcp=tcp)
            return exchange.reply
        opcode = exchange.message.opcode
        if opcode == Opcode.QUERY and transfer.is_asked(exchange.message, tcp=tcp):
            return Work(partial(self._transfer if tcp else self._increment, exchange))
        if opcode == Opcode.QUERY:
            return self._query(exchange)
        if opcode == Opcode.UPDATE:
            work = self._for_primary(exchange)
            return work or Work(partial(self._update, exchange), self._is_known(exchange))
        if opcode == Opcode.NOTIFY:
            return self._notified(exchange)
        return audit.counted(exchange, failure(exchange, Rcode.NOTIMP, Ede.NOT_SUPPORTED))

    def _is_known(self, exchange: Exchange) -> bool:
        questions = exchange.message.questions
        return bool(questions) and self._names.policy(questions[0].name.lower()).knows(exchange.caller)

    def _query(self, exchange: Exchange) -> bytes | Work:
        answer = query.answer(exchange, self._names.zones, self._names.closed, self._names.expired)
        if isinstance(answer, bytes):
            return audit.counted(exchange, answer)
        return Work(partial(self._pass_on, exchange))

    async def _pass_on(self, exchange: Exchange) -> bytes:
        answer = await self._ask(exchange.without_tsig(), exchange.limit - exchange.tsig_space())
        return audit.counted(exchange, self._later_on(exchange).sign(answer))

    async def _transfer(self, exchange: Exchange) -> bytes | Iterable[bytes]:
        try:
            content, what = await self._transferred(exchange)
        except Refused as e:
            audit.transfer_refused(exchange, e)
            return failure(exchange, e.code, e.ede)
        messages = transfer.messages(exchange.message, content)
        if isinstance(exchange.signed, tsig.Signed):
            messages = sign_stream(messages, exchange.signed, self._clock)
        return audit.given(exchange, messages, what, self._clock)

    async def _increment(self, exchange: Exchange) -> bytes:
        """Answer an IXFR over UDP.  RFC 1995 §2"""
        try:
            content, what = await self._transferred(exchange)
        except Refused as e:
            audit.transfer_refused(exchange, e)
            return failure(exchange, e.code, e.ede)
        whole_or_soa = transfer.datagram(self._later_on(exchange), content)
        (answer,) = audit.given(exchange, [whole_or_soa], what, self._clock)
        return answer

    async def _transferred(self, exchange: Exchange) -> tuple[Iterable[Record], audit.Given]:
        """Return the records that an AXFR or IXFR gets, and what they are; raises Refused."""
        question = exchange.message.questions[0]
        zone = self._names.zones.get(question.name.lower())
        if zone is None or question.rclass != types.IN:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(question.name)}", Ede.NOT_AUTHORITATIVE)
        if not transfer.may_transfer(self._names.options[zone.apex].allow_transfer, exchange.caller):
            raise Refused(Rcode.REFUSED, f"{exchange.caller.text} may not fetch the zone", Ede.PROHIBITED)
        if zone.apex in self._names.expired:
            raise Refused(Rcode.SERVFAIL, "the zone is not fetched, or has expired", why_unserved(zone))
        if question.type == types.AXFR:
            return transfer.whole(zone), audit.Given(transfer.Form.WHOLE, None, zone.serial)
        serial = transfer.wanted_serial(exchange.message)
        history = await self._names.history(zone.apex, serial)
        form = transfer.form_of(zone, serial, history)
        return transfer.increment(zone, serial, history), audit.Given(form, serial, zone.serial)

    def _notified(self, exchange: Exchange) -> bytes:
        """Take a primary's word that a zone has changed.  RFC 1996 §3.11"""
        try:
            self._following.notified(exchange)
        except Refused as e:
            audit.notify_refused(exchange, e)
            return failure(exchange, e.code, e.ede)
        return exchange.finish(Reply(flags=Flag.AA))

    def _for_primary(self, exchange: Exchange) -> Work | None:
        """Return the work of passing an update on to its zone's primary; None when the zone does not do so."""
        questions = exchange.message.questions
        apex = questions[0].name.lower() if questions else b""
        if exchange.message.opcode != Opcode.UPDATE or apex not in self._following.zones:
            return None
        if not self._names.options[apex].forward_updates:
            return None
        return Work(partial(self._pass_update_on, exchange, apex), isinstance(exchange.signed, tsig.Signed))

    async def _pass_update_on(self, exchange: Exchange, apex: bytes) -> bytes:
        """Return the primary's answer, its signature included.  RFC 2136 §6"""
        try:
            answer = await self._following.pass_on(exchange.message.wire, apex)
            if len(answer) > exchange.limit:
                raise Refused(Rcode.SERVFAIL, f"the primary's answer has {len(answer)} octets", Ede.OTHER)
        except Refused as e:
            audit.refused(exchange, apex, e)
            return failure(self._later_on(exchange), e.code, e.ede)
        audit.passed_on(exchange, apex, answer)
        return answer

    async def _update(self, exchange: Exchange) -> bytes:
        started = self._clock()
        zone = None
        try:
            zone = zone_of(exchange.message)
            await self._apply(exchange, zone)
        except Refused as e:
            audit.refused(exchange, zone, e)
            return failure(self._later_on(exchange), e.code, e.ede)
        except StoreFailed as e:
            audit.not_stored(exchange, zone, e)
            return failure(self._later_on(exchange), Rcode.SERVFAIL, Ede.NOT_READY)
        audit.accepted(self._clock() - started)
        return self._later_on(exchange).finish(Reply())

    def _later_on(self, exchange: Exchange) -> Exchange:
        """Return the exchange at the present time, which is what an answer is signed with.  RFC 8945 §5.3"""
        return replace(exchange, now=int(self._clock()))

    async def _apply(self, exchange: Exchange, apex: bytes) -> None:
        if apex not in self._names.zones:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(apex)}", Ede.NOT_AUTHORITATIVE)
        caller, rules = exchange.caller, self._names.policy(apex)
        if not rules.knows(caller):
            raise Refused(Rcode.REFUSED, f"no rule names {caller.text}", Ede.PROHIBITED)
        if apex in self._following.zones:
            raise Refused(Rcode.REFUSED, "the zone has a primary, and passes no updates on", Ede.PROHIBITED)
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
