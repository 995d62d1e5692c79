"""Conversations with other resolvers, on loopback, that are slow, old, hostile or gone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import uvloop

from bossa.dns.server.forward import Forwarder, Patience, is_own
from bossa.net.holder import CannotListen
from bossa.net.listen import open_stream
from bossa.net.tcp import frame
from bossa.net.udp import open_sockets

QUERY = dns.message.make_query("WWW.example.org.", "A", use_edns=0, payload=1232, id=4711)
PLAIN = dns.message.make_query("www.example.org.", "A", use_edns=False, id=4712)
QUICK = Patience(one_try=0.15, total=0.5)

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
    clients: set[tuple[str, int]] = field(default_factory=set)
    address: tuple[str, int] = ("", 0)

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked.append(data)
        self.clients.add(addr)
        for reply in self.udp(data):
            self.transport.sendto(reply, addr)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        query = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        self.asked_over_tcp.append(query)
        writer.write(b"".join(map(frame, self.tcp(query))))
        writer.close()


def one_port_for_both() -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a TCP socket on one port; a port chosen for UDP may be taken for TCP."""
    while True:
        (datagrams,) = open_sockets("127.0.0.1", 0)
        try:
            return datagrams, open_stream("127.0.0.1", datagrams.getsockname()[1])
        except CannotListen:
            datagrams.close()


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


async def ask(
    *upstreams: Upstream, query: dns.message.Message = QUERY, limit: int = 1232, patience: Patience = QUICK
) -> dns.message.Message:
    forwarder = Forwarder([one.address for one in upstreams], patience=patience)
    reply = dns.message.from_wire(await forwarder.ask(query.to_wire(), limit))
    assert reply.id == query.id and reply.question == query.question
    return reply


def addresses(reply: dns.message.Message) -> list[str]:
    assert reply.rcode() == 0, reply
    return [rdata.to_text() for rrset in reply.answer for rdata in rrset]


def errors(reply: dns.message.Message) -> list[int]:
    assert reply.rcode() == dns.rcode.SERVFAIL, reply
    return [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)]


def test_a_question_is_passed_on_and_its_answer_back() -> None:
    async def main() -> None:
        async with upstream(good) as one:
            reply = await ask(one)
            assert addresses(reply) == ["192.0.2.1"]
            assert reply.flags & 0xFFFF == dns.flags.QR | dns.flags.RD | dns.flags.RA
            assert str(reply.question[0].name) == "WWW.example.org."
            plain = await ask(one, query=PLAIN)
            assert addresses(plain) == ["192.0.2.1"] and plain.edns == -1

    run(main())


def test_every_query_has_its_own_id_and_port() -> None:
    async def main() -> None:
        async with upstream(good) as one:
            forwarder = Forwarder([one.address])
            await asyncio.gather(*(forwarder.ask(QUERY.to_wire(), 1232) for _ in range(40)))
            assert len(one.clients) == 40
            assert len({query[:2] for query in one.asked}) > 35

    run(main())


@pytest.mark.parametrize(
    "forge",
    [
        lambda query: b"",
        lambda query: b"\x00" * 12,
        lambda query: b"garbage that is no message at all, but long enough",
        lambda query: bytes((query[0] ^ 1,)) + answer(query, "203.0.113.66")[1:],
        lambda query: answer(query, "203.0.113.66").replace(b"example", b"exampie"),
        lambda query: answer(query, "203.0.113.66")[:-3],
        lambda query: query,
    ],
    ids=["empty", "zeros", "garbage", "wrong ID", "wrong question", "cut", "reflected"],
)
def test_what_does_not_answer_the_query_is_waited_past(forge: Callable[[bytes], bytes]) -> None:
    async def main() -> None:
        async with upstream(lambda query: [forge(query)] * 20 + good(query)) as one:
            assert addresses(await ask(one)) == ["192.0.2.1"]
            assert len(one.asked) == 1
        async with upstream(lambda query: [forge(query)]) as one:
            assert errors(await ask(one)) == [22]

    run(main())


def test_an_answer_from_another_address_or_port_is_not_heard() -> None:
    async def main() -> None:
        other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        other.bind(("127.0.0.1", 0))

        def from_elsewhere(query: bytes) -> list[bytes]:
            for client in one.clients:
                other.sendto(answer(query, "203.0.113.66"), client)
            return []

        async with upstream(from_elsewhere) as one:
            assert errors(await ask(one)) == [22]
        other.close()

    run(main())


def test_the_next_one_is_asked_when_one_is_silent_or_says_no() -> None:
    async def main() -> None:
        for bad in (silent, failing(dns.rcode.SERVFAIL), failing(dns.rcode.REFUSED), failing(dns.rcode.FORMERR)):
            async with upstream(bad) as first, upstream(good) as second:
                assert addresses(await ask(first, second)) == ["192.0.2.1"]
                assert first.asked and len(second.asked) == 1

    run(main())


def test_nxdomain_and_an_empty_answer_are_answers() -> None:
    async def main() -> None:
        async with upstream(failing(dns.rcode.NXDOMAIN)) as first, upstream(good) as second:
            assert (await ask(first, second)).rcode() == dns.rcode.NXDOMAIN
            assert not second.asked

    run(main())


def test_the_one_that_answered_last_is_asked_first() -> None:
    async def main() -> None:
        async with upstream(silent) as first, upstream(good) as second:
            forwarder = Forwarder([first.address, second.address], patience=QUICK)
            for _ in range(3):
                await forwarder.ask(QUERY.to_wire(), 1232)
            assert (len(first.asked), len(second.asked)) == (1, 3)

    run(main())


def test_a_lost_query_is_asked_again() -> None:
    async def main() -> None:
        async with upstream(lambda query: good(query) if len(one.asked) > 1 else []) as one:
            assert addresses(await ask(one)) == ["192.0.2.1"]
            assert len(one.asked) == 2 and one.asked[0][:2] != one.asked[1][:2]

    run(main())


def test_silence_everywhere_ends_in_servfail_in_time() -> None:
    async def main() -> None:
        async with upstream(silent) as first, upstream(silent) as second:
            started = asyncio.get_running_loop().time()
            assert errors(await ask(first, second)) == [22]
            assert asyncio.get_running_loop().time() - started < 1
            assert (len(first.asked), len(second.asked)) == (2, 2)
            plain = await ask(first, query=PLAIN)
            assert plain.rcode() == dns.rcode.SERVFAIL and plain.edns == -1

    run(main())


def test_a_late_answer_is_too_late_and_harms_nobody() -> None:
    async def main() -> None:
        def late(query: bytes) -> list[bytes]:
            client = next(iter(one.clients))
            asyncio.get_running_loop().call_later(0.4, one.transport.sendto, answer(query), client)
            return []

        async with upstream(late) as one:
            assert errors(await ask(one)) == [22]
            await asyncio.sleep(0.3)

    run(main())


def test_nobody_there_is_a_network_error_at_once() -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            gone = sock.getsockname()
        started = asyncio.get_running_loop().time()
        reply = dns.message.from_wire(await Forwarder([gone]).ask(QUERY.to_wire(), 1232))
        assert errors(reply) == [23]
        assert asyncio.get_running_loop().time() - started < 1
        none = dns.message.from_wire(await Forwarder([]).ask(QUERY.to_wire(), 1232))
        assert errors(none) == [22]

    run(main())


def test_servfail_of_all_is_passed_on_with_its_reason() -> None:
    def bogus(query: bytes) -> list[bytes]:
        reply = dns.message.make_response(dns.message.from_wire(query))
        reply.set_rcode(dns.rcode.SERVFAIL)
        reply.use_edns(0, options=[dns.edns.EDEOption(6)])
        return [reply.to_wire()]

    async def main() -> None:
        async with upstream(bogus) as first, upstream(failing(dns.rcode.REFUSED)) as second:
            assert errors(await ask(first, second)) == [6]
            assert (len(first.asked), len(second.asked)) == (1, 1)
            assert errors(await ask(second)) == [22]

    run(main())


def test_a_truncated_answer_is_fetched_over_tcp() -> None:
    def big(query: bytes) -> list[bytes]:
        reply = dns.message.from_wire(answer(query))
        reply.answer.append(dns.rrset.from_text("www.example.org.", 60, "IN", "TXT", *(f"{i:0250}" for i in range(20))))
        return [reply.to_wire()]

    async def main() -> None:
        async with upstream(truncated, big) as one:
            whole = await ask(one, limit=65535)
            assert len(whole.answer) == 2 and not whole.flags & dns.flags.TC
            short = await ask(one)
            assert not short.answer and short.flags & dns.flags.TC
        async with upstream(truncated, lambda query: [b"", b"\x00" * 30, *good(query)]) as one:
            assert addresses(await ask(one)) == ["192.0.2.1"]
            assert one.asked_over_tcp[0][2:] == one.asked[0][2:]

    run(main())


def test_tcp_that_fails_leads_to_the_next_one() -> None:
    async def main() -> None:
        async with upstream(truncated, silent) as first, upstream(good) as second:
            assert addresses(await ask(first, second)) == ["192.0.2.1"]
            assert errors(await ask(first)) == [23]

    run(main())


def test_a_resolver_older_than_edns_is_asked_without() -> None:
    def with_question(query: bytes) -> list[bytes]:
        return (
            good(query)
            if dns.message.from_wire(query).edns < 0
            else [query[:2] + b"\x81\x81\x00\x01" + bytes(6) + query[12:33]]
        )

    def header_only(query: bytes) -> list[bytes]:
        return good(query) if dns.message.from_wire(query).edns < 0 else [query[:2] + b"\x81\x81" + bytes(8)]

    async def main() -> None:
        for old in (with_question, header_only):
            async with upstream(old) as one:
                assert addresses(await ask(one)) == ["192.0.2.1"]
                assert len(one.asked) == 2

    run(main())


def test_too_many_questions_at_a_time_are_turned_away() -> None:
    async def main() -> None:
        async with upstream(silent) as one:
            forwarder = Forwarder([one.address], patience=Patience(one_try=0.2, total=0.3, concurrent=3))
            replies = await asyncio.gather(*(forwarder.ask(QUERY.to_wire(), 1232) for _ in range(5)))
            codes = [errors(dns.message.from_wire(reply)) for reply in replies]
            assert codes == [[22], [22], [22], [0], [0]]
            one.udp = good
            assert addresses(dns.message.from_wire(await forwarder.ask(QUERY.to_wire(), 1232))) == ["192.0.2.1"]

    run(main())


def test_we_never_ask_ourselves() -> None:
    own = [("127.0.0.1", 10053), ("::1", 10053)]
    assert Forwarder([("127.0.0.1", 10053), ("127.0.0.1", 53), ("::1", 10053)], own).upstreams == (("127.0.0.1", 53),)
    assert is_own(("127.0.0.7", 53), [("0.0.0.0", 53)])
    assert not is_own(("192.0.2.77", 53), [("0.0.0.0", 53)])
    assert not is_own(("::1", 53), [("0.0.0.0", 53)])
    assert is_own(("0:0::1", 53), [("::1", 53)])


def test_no_socket_is_left_open() -> None:
    async def main() -> None:
        import os

        async with upstream(truncated, good) as first, upstream(silent) as second:
            before = len(os.listdir("/proc/self/fd"))
            await ask(first, second)
            await ask(second, first)
            await asyncio.sleep(0.05)
            assert len(os.listdir("/proc/self/fd")) == before

    run(main())
