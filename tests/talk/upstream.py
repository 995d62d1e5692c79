"""Resolvers on loopback that do as a test says, and the questions that are passed on to them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import uvloop

from bossa.dns.relay import Asked, Unanswered, client_reply, failure
from bossa.dns.server.forward import Forwarder, Patience
from bossa.dns.upstreams import Upstream as Known
from bossa.net.tcp import frame
from bossa.testing.ports import one_port_for_both

QUERY = dns.message.make_query("WWW.example.org.", "A", use_edns=0, payload=1232, id=4711)
PLAIN = dns.message.make_query("www.example.org.", "A", use_edns=False, id=4712)
QUICK = Patience(one_try=0.3, total=0.8, first=0.1, least=0.08, most=0.2, idle=0.1)

# What an upstream sends back for a query; more than one datagram when it is hostile.
Script = Callable[[bytes], list[bytes]]


def run(main: Awaitable[None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_within(main))


async def _within(main: Awaitable[None]) -> None:
    async with asyncio.timeout(20):
        await main


@dataclass
class Upstream(asyncio.DatagramProtocol):
    """A resolver that answers by a script, over UDP and over TCP."""

    udp: Script
    tcp: Script
    asked: list[bytes] = field(default_factory=list)
    asked_over_tcp: list[bytes] = field(default_factory=list)
    connections: int = 0
    # Questions that it answers on one connection; at the next one it closes.
    each: int = 100
    clients: set[tuple[str, int]] = field(default_factory=set)
    address: tuple[str, int] = ("", 0)
    client: tuple[str, int] = ("", 0)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        self.clients.add(addr)
        self.client = addr
        for reply in self.udp(data):
            self.transport.sendto(reply, addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question after the other; a script without a reply closes the connection."""
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for number in range(self.each + 1):
                query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                self.asked_over_tcp.append(query)
                replies = self.tcp(query)
                if not replies or number == self.each:
                    break
                writer.write(b"".join(map(frame, replies)))
        writer.close()


@asynccontextmanager
async def upstream(udp: Script, tcp: Script = lambda _: []) -> AsyncIterator[Upstream]:
    datagrams, stream = one_port_for_both()
    one = Upstream(udp, tcp, address=stream.getsockname())
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: one, sock=datagrams)
    server = await asyncio.start_server(one.serve, sock=stream)
    try:
        yield one
    finally:
        transport.close()
        server.close()


def answer(query: bytes, address: str = "192.0.2.1", *, code: int = 0) -> bytes:
    reply = dns.message.make_response(dns.message.from_wire(query), our_payload=1232)
    reply.flags |= dns.flags.RA | dns.flags.AD | dns.flags.AA
    reply.set_rcode(code)
    if not code:
        reply.answer.append(dns.rrset.from_text(reply.question[0].name, 60, "IN", "A", address))
    return reply.to_wire()


def good(query: bytes) -> list[bytes]:
    return [answer(query)]


def silent(query: bytes) -> list[bytes]:
    return []


def failing(code: int) -> Script:
    return lambda query: [answer(query, code=code)]


def truncated(query: bytes) -> list[bytes]:
    reply = dns.message.make_response(dns.message.from_wire(query))
    reply.flags |= dns.flags.TC
    return [reply.to_wire()]


async def passed_on(forwarder: Forwarder, query: dns.message.Message = QUERY, limit: int = 1232) -> dns.message.Message:
    """Return what a client gets whose question is passed on."""
    asked = Asked.decode(query.to_wire())
    outcome = await forwarder.fetch(asked)
    if isinstance(outcome, Unanswered):
        return dns.message.from_wire(failure(asked, outcome.ede, outcome.text))
    return dns.message.from_wire(client_reply(asked, outcome, limit))


async def ask(
    *upstreams: Upstream, query: dns.message.Message = QUERY, limit: int = 1232, patience: Patience = QUICK
) -> dns.message.Message:
    forwarder = Forwarder([one.address for one in upstreams], patience=patience)
    reply = await passed_on(forwarder, query, limit)
    assert reply.id == query.id and reply.question == query.question
    return reply


def addresses(reply: dns.message.Message) -> list[str]:
    assert reply.rcode() == 0, reply
    return [rdata.to_text() for rrset in reply.answer for rdata in rrset]


def errors(reply: dns.message.Message) -> list[int]:
    assert reply.rcode() == dns.rcode.SERVFAIL, reply
    return [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)]


def slow(one: Upstream, seconds: float) -> Script:
    """Return a script that answers as it should, later."""

    def script(query: bytes) -> list[bytes]:
        client = one.client
        asyncio.get_running_loop().call_later(seconds, one.transport.sendto, answer(query), client)
        return []

    return script


def known(forwarder: Forwarder, one: Upstream) -> Known:
    (found,) = (known for known in forwarder.table.upstreams() if known.address == one.address)
    return found


def asked_for(name: str = "www.example.org.", **options: object) -> Asked:
    return Asked.decode(dns.message.make_query(name, "A", use_edns=0, **options).to_wire())  # type: ignore[arg-type]


async def settled(forwarder: Forwarder) -> None:
    """Wait until every try has ended, those that were overtaken too."""
    async with asyncio.timeout(5):
        while any(one.under_way for one in forwarder.table.upstreams()):
            await asyncio.sleep(0.01)
