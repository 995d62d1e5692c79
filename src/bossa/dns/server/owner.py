"""The owner's answers: every request that no prepared answer fits, over UDP and TCP.

A request becomes an exchange (EDNS and TSIG checked), then goes by its opcode
to the zones, the updates, the forwarder, or who negotiates keys.  What is refused is one line in
the log; the client gets the code.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeVar

from bossa.dns import names, query, tkey, transfer, tsig, types
from bossa.dns.errors import Ede, Rcode, Refused
from bossa.dns.exchange import Exchange, Rejected, Settings, failure, format_error, open_exchange
from bossa.dns.message import Flag, Reply
from bossa.dns.policy import Address
from bossa.dns.secondary import why_unserved
from bossa.dns.server import audit
from bossa.dns.server.contexts import Contexts, Signers
from bossa.dns.server.following import Following
from bossa.dns.server.gate import Gate
from bossa.dns.server.negotiating import Acceptance, Negotiations
from bossa.dns.server.once import Once
from bossa.dns.server.recursion import Recursion
from bossa.dns.server.resolver import Resolver
from bossa.dns.server.service import Names
from bossa.dns.server.updating import Updates
from bossa.dns.tsigstream import sign_stream
from bossa.dns.types import Opcode
from bossa.dns.zone import Record
from bossa.net.peer import Peer
from bossa.observe import metrics
from bossa.workers.desk import SILENCE

# Requests over UDP that wait for another server; more are left to the clients' next try.
_MAX_PENDING = 2048

# Sends an answer.
Send = Callable[[bytes], None]
Why = TypeVar("Why", query.PassOn, query.Follow)


# An answer that takes a while.
Work = Callable[[], Awaitable[bytes | Iterable[bytes]]]


@dataclass(frozen=True, slots=True)
class Update:
    """An UPDATE, what has it done, here or by the primary, and what keeps its answer for the next copy."""

    exchange: Exchange
    once: Once | None
    begin: Callable[[bytes, Send], None]


@dataclass(frozen=True, slots=True)
class Copy:
    """A request that came before, as its signature shows; it is refused unless the first answer is still known."""

    rejected: Rejected


class Owner:
    """Answers requests; ``resolver`` knows what is not ours, ``clock`` gives seconds since 1970."""

    def __init__(
        self, served: Names, settings: Settings, resolver: Resolver, following: Following, clock: Callable[[], float]
    ) -> None:
        self.settings = settings
        self.gate = Gate(clock)
        self._names = served
        self._signers: Mapping[bytes, tsig.Signer] = served.keys
        # None as long as no realm gives tickets for us.
        self._negotiations: Negotiations | None = None
        self._recursion = Recursion(resolver, served.zones, clock)
        self._clock = clock
        self._following = following
        self._pending = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._updates = Updates(served, clock)
        self._once = Once(clock)
        # A table of its own for those of whom only the primary knows who they are, so that they push nobody out.
        self._once_for_strangers = Once(clock)

    def accept_contexts(self, acceptance: Acceptance) -> None:
        """Let clients negotiate keys from now on."""
        contexts = Contexts(self._clock, acceptance.stands)
        self._signers = signers = Signers(self._names.keys, contexts)
        self._negotiations = Negotiations(acceptance, contexts, signers, self._clock)

    def datagram(self, packet: bytes, address: bytes, send: Send) -> None:
        """Answer a UDP request, now or later; too many that wait are dropped.

        A bug is the loop's to log; the client gets SERVFAIL.
        """
        sound = False
        try:
            host = Peer.decode(address).host
            answer = self._begin(packet, host, tcp=False)
            if isinstance(answer, Update):
                self._begin_update(answer, address, self._fitting(answer.exchange, send))
            elif isinstance(answer, Copy) and not self._once.again(packet, address, send):
                answer = self._reject(answer.rejected, host, tcp=False)
            sound = True
        finally:
            if not sound:
                send(server_failure(packet))
        if isinstance(answer, bytes):
            send(answer)
        elif callable(answer):
            self._later(answer, packet, send)

    def _begin_update(self, update: Update, address: bytes, send: Send) -> None:
        packet = update.exchange.message.wire
        if update.once is not None:
            update.once.do(packet, address, send, lambda done: update.begin(packet, done))
        else:
            # Who may not change anything has nothing kept for him.
            update.begin(packet, send)

    async def message(self, wire: bytes, peer: Peer) -> bytes | Iterable[bytes] | None:
        """Answer a TCP request, a transfer with many messages."""
        answer = self._begin(wire, peer.host, tcp=True)
        if isinstance(answer, Update):
            done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            answer.begin(wire, lambda reply: None if done.done() else done.set_result(reply))
            return await done
        if isinstance(answer, Copy):
            return self._reject(answer.rejected, peer.host, tcp=True)
        return await answer() if callable(answer) else answer

    def _later(self, work: Work, packet: bytes, send: Send) -> None:
        """Do the work in a task of its own, unless there are too many."""
        if self._pending >= _MAX_PENDING:
            metrics.add("bossa_dns_dropped_total", ("busy",))
        else:
            self._start(work, packet, send)

    def _start(self, work: Work, packet: bytes, send: Send) -> None:
        """Do the work in a task of its own; ``send`` gets an answer in any case."""
        self._pending += 1
        task = asyncio.get_running_loop().create_task(self._run(work, packet, send))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, work: Work, packet: bytes, send: Send) -> None:
        answer = None
        try:
            done = await work()
            assert isinstance(done, bytes), "only TCP carries answers of many messages"
            answer = done
        finally:
            self._pending -= 1
            if answer is None:
                answer = server_failure(packet)
            if answer != SILENCE:
                send(answer)

    def _begin(self, wire: bytes, host: str, *, tcp: bool) -> bytes | Update | Copy | Work | None:
        """Answer at once, or return what will."""
        address = _address(host)
        exchange = open_exchange(wire, address, self._signers, int(self._clock()), self.settings, tcp=tcp)
        if isinstance(exchange, Rejected):
            # A signature by a key that we do not have is the primary's to check.  RFC 8945 §5.5
            if exchange.unknown_key is not None and (update := self._for_primary(exchange.unknown_key)):
                return update
            return Copy(exchange) if exchange.is_copy else self._reject(exchange, host, tcp=tcp)
        opcode = exchange.message.opcode
        if opcode == Opcode.QUERY and transfer.is_asked(exchange.message, tcp=tcp):
            return partial(self._transfer if tcp else self._increment, exchange)
        if opcode == Opcode.QUERY and self._negotiations is not None and tkey.is_asked(exchange.message):
            return self._leave(exchange, self._negotiations.answer(exchange))
        if opcode == Opcode.QUERY:
            return self._query(exchange)
        if opcode == Opcode.UPDATE:
            return self._for_primary(exchange) or self._own_update(exchange)
        if opcode == Opcode.NOTIFY:
            answer = self._notified(exchange)
        else:
            answer = audit.counted(exchange, failure(exchange, Rcode.NOTIMP, Ede.NOT_SUPPORTED))
        return self._fit(address.packed, answer, proved=exchange.proved)

    def _reject(self, request: Rejected, host: str, *, tcp: bool) -> bytes | None:
        """Write down why a request gets no further, and return its answer as it leaves."""
        audit.rejected(request, host, tcp=tcp)
        proved = tcp or (request.exchange is not None and request.exchange.proved)
        return self._fit(_address(host).packed, request.reply, proved=proved)

    def _fit(self, host: bytes, answer: bytes | None, *, proved: bool) -> bytes | None:
        """Return an answer as it leaves; who may be somebody else has to keep to the rate limit."""
        return answer if proved or answer is None else self.gate.fit(host, answer)

    def _fitting(self, exchange: Exchange, send: Send) -> Send:
        """Return what sends an answer as it leaves."""
        if exchange.proved:
            return send

        def fit(answer: bytes) -> None:
            # To whom a primary says yes has shown to it who he is.
            fitting = self._fit(exchange.address.packed, answer, proved=not answer[3] & 0xF)
            if fitting is not None:
                send(fitting)

        return fit

    def _query(self, exchange: Exchange) -> bytes | Work | None:
        answer = query.answer(exchange, self._names.ground, self.settings.mark)
        if isinstance(answer, query.Follow):
            return partial(self._completed, exchange, self._recursion.follow, answer)
        if isinstance(answer, query.PassOn):
            known = self._recursion.at_once(exchange, answer)
            if known is None:
                return partial(self._completed, exchange, self._recursion.pass_on, answer)
            answer = known
        return self._leave(exchange, answer)

    async def _completed(self, exchange: Exchange, run: Callable[[Exchange, Why], Awaitable[bytes]], why: Why) -> bytes:
        return self._leave(exchange, await run(exchange, why)) or SILENCE

    def _leave(self, exchange: Exchange, answer: bytes) -> bytes | None:
        """Count an answer to a query, and return it as it leaves."""
        audit.counted(exchange, answer)
        return self._fit(exchange.address.packed, answer, proved=exchange.proved)

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
            answer = failure(exchange, e.code, e.ede)
        else:
            whole_or_soa = transfer.datagram(exchange, content, int(self._clock()))
            (answer,) = audit.given(exchange, [whole_or_soa], what, self._clock)
        return self._fit(exchange.address.packed, answer, proved=exchange.proved) or SILENCE

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

    def _own_update(self, exchange: Exchange) -> Update:
        once = self._once if self._updates.is_known(exchange) else None
        return Update(exchange, once, lambda packet, done: self._updates.begin(exchange, done))

    def _for_primary(self, exchange: Exchange) -> Update | None:
        """Return an update that goes to its zone's primary; None for others, and when the zone does not do so."""
        questions = exchange.message.questions
        apex = questions[0].name.lower() if questions else b""
        if exchange.message.opcode != Opcode.UPDATE or apex not in self._following.zones:
            return None
        if not self._names.options[apex].forward_updates:
            return None
        work = partial(self._pass_update_on, exchange, apex)
        once = self._once if isinstance(exchange.signed, tsig.Signed) else self._once_for_strangers
        # Started however busy we are: somebody waits for the end of it, and of these there are few.
        return Update(exchange, once, lambda packet, done: self._start(work, packet, done))

    async def _pass_update_on(self, exchange: Exchange, apex: bytes) -> bytes:
        """Return the primary's answer, its signature included.  RFC 2136 §6"""
        try:
            answer = await self._following.pass_on(exchange.message.wire, apex)
            if len(answer) > exchange.limit:
                raise Refused(Rcode.SERVFAIL, f"the primary's answer has {len(answer)} octets", Ede.OTHER)
        except Refused as e:
            audit.refused(exchange, apex, e)
            return failure(exchange, e.code, e.ede, int(self._clock()))
        audit.passed_on(exchange, apex, answer)
        return answer


@lru_cache(maxsize=1024)
def _address(host: str) -> Address:
    return ipaddress.ip_address(host.partition("%")[0])


def server_failure(wire: bytes) -> bytes:
    """Return SERVFAIL for a request over which we stumbled."""
    answer = format_error(wire.ljust(12, b"\x00"))
    return answer[:3] + bytes((answer[3] & 0xF0 | Rcode.SERVFAIL,)) + answer[4:]
