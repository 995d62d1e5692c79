"""Conversations with other resolvers, on loopback, that are slow, old, hostile or gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import dns.edns
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
import uvloop

from bossa.dns import names
from bossa.dns.errors import Ede
from bossa.dns.relay import HOPS_OPTION, Answer, Asked, Unanswered
from bossa.dns.routes import Rules
from bossa.dns.server.forward import Forwarder, Patience, is_own
from bossa.dns.upstreams import Upstream as Known
from bossa.net.holder import CannotListen
from bossa.net.listen import open_stream
from bossa.net.tcp import frame
from bossa.net.udp import open_sockets

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
    """RFC 5625 §3"""

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
    """RFC 5452 §9.2"""

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
        lambda query: answer(query[:14] + b"z" + query[15:], "203.0.113.66"),
        lambda query: answer(query, "203.0.113.66")[:-3],
        lambda query: query,
    ],
    ids=["empty", "zeros", "garbage", "wrong ID", "wrong question", "cut", "reflected"],
)
def test_what_does_not_answer_the_query_is_waited_past(forge: Callable[[bytes], bytes]) -> None:
    """RFC 5452 §9.1"""

    async def main() -> None:
        async with upstream(lambda query: [forge(query)] * 5 + good(query)) as one:
            assert addresses(await ask(one)) == ["192.0.2.1"]
            assert len(one.asked) == 1
        async with upstream(lambda query: [forge(query)]) as one:
            assert errors(await ask(one)) == [22]

    run(main())


def test_an_answer_from_another_address_or_port_is_not_heard() -> None:
    """RFC 5452 §9.1"""

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
    """RFC 1035 §4.2.1: other servers before the same one again."""

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


def test_silence_everywhere_ends_in_servfail_in_time() -> None:
    """RFC 8914 §4.23"""

    async def main() -> None:
        async with upstream(silent) as first, upstream(silent) as second:
            started = asyncio.get_running_loop().time()
            assert errors(await ask(first, second)) == [22]
            assert asyncio.get_running_loop().time() - started < 1.5
            assert 2 <= len(first.asked) <= 4 and 2 <= len(second.asked) <= 4
            plain = await ask(first, query=PLAIN)
            assert plain.rcode() == dns.rcode.SERVFAIL and plain.edns == -1

    run(main())


def test_a_late_answer_is_too_late_and_harms_nobody() -> None:
    async def main() -> None:
        def late(query: bytes) -> list[bytes]:
            client = next(iter(one.clients))
            asyncio.get_running_loop().call_later(1.0, one.transport.sendto, answer(query), client)
            return []

        async with upstream(late) as one:
            assert errors(await ask(one)) == [22]
            await asyncio.sleep(0.5)

    run(main())


def test_nobody_there_is_a_network_error_at_once() -> None:
    """RFC 8914 §4.24"""

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
    """RFC 7766 §5"""

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
    """RFC 6891 §7"""

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


# Time, health and choice


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


def test_a_lost_query_is_asked_again() -> None:
    """RFC 1035 §4.2.1"""

    async def main() -> None:
        async with upstream(lambda query: good(query) if len(one.asked) > 1 else []) as one:
            assert addresses(await ask(one)) == ["192.0.2.1"]
            assert len(one.asked) == 2 and one.asked[0][:2] != one.asked[1][:2]

    run(main())


def test_the_next_is_asked_before_the_first_has_used_up_its_time_and_the_first_answer_wins() -> None:
    """RFC 1035 §4.2.1"""

    async def main() -> None:
        patience = Patience(one_try=2, total=4, first=0.1, least=0.1, most=0.2)
        async with upstream(silent) as first, upstream(good) as second:
            first.udp = slow(first, 0.5)
            forwarder = Forwarder([first.address, second.address], patience=patience)
            started = asyncio.get_running_loop().time()
            assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert asyncio.get_running_loop().time() - started < 0.45
            await settled(forwarder)
            # What came late was heard all the same: it says how slow the first one is.
            assert known(forwarder, first).rtt == pytest.approx(0.5, abs=0.3)
            assert known(forwarder, first).failures == 0

    run(main())


def test_after_the_first_loss_a_dead_one_of_three_costs_nobody_time() -> None:
    async def main() -> None:
        patience = Patience(one_try=1, total=4, first=0.5, least=0.5, most=0.5)
        async with upstream(silent) as dead, upstream(good) as second, upstream(good) as third:
            forwarder = Forwarder([dead.address, second.address, third.address], patience=patience)
            times = []
            for number in range(20):
                started = asyncio.get_running_loop().time()
                assert isinstance(await forwarder.fetch(asked_for(f"n{number}.example.")), Answer)
                times.append(asyncio.get_running_loop().time() - started)
            assert times[0] >= 0.5 > max(times[1:])
            assert len(dead.asked) == 1 and len(second.asked) + len(third.asked) == 20
            await settled(forwarder)

    run(main())


def test_the_quickest_is_asked() -> None:
    async def main() -> None:
        async with upstream(silent) as first, upstream(good) as second:
            first.udp = slow(first, 0.05)
            forwarder = Forwarder([first.address, second.address])
            for _ in range(10):
                assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert (len(first.asked), len(second.asked)) == (1, 9)

    run(main())


def test_one_that_failed_twice_is_set_aside_and_found_again_when_it_recovers() -> None:
    async def main() -> None:
        async with upstream(failing(dns.rcode.REFUSED)) as lame, upstream(good) as second:
            second.udp = slow(second, 0.05)
            forwarder = Forwarder([lame.address, second.address])
            for _ in range(5):
                assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert len(lame.asked) == 2 and known(forwarder, lame).is_aside
            lame.udp = good
            # As if its time were over.
            known(forwarder, lame).aside_until, known(forwarder, lame).asked_at = 0, None
            assert isinstance(await forwarder.fetch(asked_for()), Answer)
            await settled(forwarder)
            assert len(lame.asked) == 3 and not known(forwarder, lame).is_aside
            rows = {row["address"]: row for row in forwarder.report()}
            host, port = lame.address
            assert (rows[f"{host}:{port}"]["queries"], rows[f"{host}:{port}"]["failures"]) == (3, 2)

    run(main())


def test_servfail_is_held_against_one_only_when_another_knows() -> None:
    async def main() -> None:
        for script, aside in ((failing(dns.rcode.SERVFAIL), False), (good, True)):
            async with upstream(failing(dns.rcode.SERVFAIL)) as first, upstream(script) as second:
                if aside:
                    second.udp = slow(second, 0.05)
                forwarder = Forwarder([first.address, second.address])
                for _ in range(2):
                    assert isinstance(await forwarder.fetch(asked_for()), Answer)
                assert known(forwarder, first).is_aside is aside

    run(main())


def test_when_all_are_aside_they_are_still_asked() -> None:
    async def main() -> None:
        async with upstream(failing(dns.rcode.REFUSED)) as first, upstream(failing(dns.rcode.REFUSED)) as second:
            forwarder = Forwarder([first.address, second.address])
            for _ in range(4):
                assert isinstance(await forwarder.fetch(asked_for()), Unanswered)
            assert all(one.is_aside for one in forwarder.table.upstreams())
            second.udp = good
            assert isinstance(await forwarder.fetch(asked_for()), Answer)

    run(main())


def test_what_is_known_of_resolvers_outlives_a_reload() -> None:
    async def main() -> None:
        async with upstream(good) as first, upstream(good) as second:
            forwarder = Forwarder([first.address])
            await forwarder.fetch(asked_for())
            rtt = known(forwarder, first).rtt
            assert rtt is not None
            rules = Rules({names.from_text("example."): (first.address,)})
            forwarder.use([second.address], rules)
            assert known(forwarder, first).rtt == rtt and known(forwarder, second).rtt is None
            forwarder.use([second.address], Rules())
            forwarder.use([first.address], Rules())
            assert known(forwarder, first).rtt is None

    run(main())


def test_too_many_questions_at_a_time_are_turned_away() -> None:
    async def main() -> None:
        async with upstream(silent) as one:
            patience = Patience(one_try=0.3, total=0.4, first=0.1, concurrent=3)
            forwarder = Forwarder([one.address], patience=patience)
            replies = await asyncio.gather(*(forwarder.ask(QUERY.to_wire(), 1232) for _ in range(5)))
            codes = [errors(dns.message.from_wire(reply)) for reply in replies]
            assert codes == [[22], [22], [22], [0], [0]]
            one.udp = good
            assert addresses(dns.message.from_wire(await forwarder.ask(QUERY.to_wire(), 1232))) == ["192.0.2.1"]

    run(main())


def test_a_resolver_has_no_more_tries_than_it_may_and_the_others_get_the_rest() -> None:
    async def main() -> None:
        async with upstream(silent) as first, upstream(good) as second:
            patience = Patience(one_try=0.5, total=1, first=0.2, each=2)
            forwarder = Forwarder([first.address, second.address], patience=patience)
            answers = await asyncio.gather(*(forwarder.fetch(asked_for()) for _ in range(4)))
            assert len(first.asked) == 2
            assert sum(isinstance(one, Answer) for one in answers) == 4
            forwarder.use([first.address], Rules())
            full = await asyncio.gather(*(forwarder.fetch(asked_for()) for _ in range(4)))
            assert [cast(Unanswered, one).ede for one in full].count(Ede.OTHER) == 4
            await settled(forwarder)

    run(main())


# Rules and loops


def test_a_question_goes_to_the_resolvers_of_the_longest_rule() -> None:
    async def main() -> None:
        async with upstream(good) as rest, upstream(good) as corp, upstream(good) as lab:
            rules = {"corp.example.": (corp.address,), "lab.corp.example.": (lab.address,), "leak.example.": ()}
            forwarder = Forwarder(
                [rest.address], rules=Rules({names.from_text(domain): found for domain, found in rules.items()})
            )
            for name in ("example.", "xcorp.example.", "CORP.example.", "a.corp.example.", "a.b.LAB.corp.example."):
                assert isinstance(await forwarder.fetch(asked_for(name)), Answer)
            assert (len(rest.asked), len(corp.asked), len(lab.asked)) == (2, 2, 1)
            blocked = await forwarder.fetch(asked_for("a.leak.example."))
            assert isinstance(blocked, Unanswered) and blocked.ede == Ede.BLOCKED
            assert len(rest.asked) == 2

    run(main())


def test_we_never_ask_ourselves() -> None:
    own = [("127.0.0.1", 10053), ("::1", 10053)]
    rules = Rules({names.from_text("a."): (("127.0.0.1", 10053), ("127.0.0.1", 54))})
    forwarder = Forwarder([("127.0.0.1", 10053), ("127.0.0.1", 53), ("::1", 10053)], own, rules=rules)
    assert [row["address"] for row in forwarder.report()] == ["127.0.0.1:53", "127.0.0.1:54"]
    assert is_own(("127.0.0.7", 53), [("0.0.0.0", 53)])
    assert not is_own(("192.0.2.77", 53), [("0.0.0.0", 53)])
    assert not is_own(("::1", 53), [("0.0.0.0", 53)])
    assert is_own(("0:0::1", 53), [("::1", 53)])


def test_our_queries_bear_our_mark_behind_those_they_came_with_and_ours_is_known() -> None:
    """RFC 6891 §9: an option from the numbers for local use."""

    async def main() -> None:
        async with upstream(good) as one:
            forwarder = Forwarder([one.address], mark=b"ourselfs")
            await forwarder.fetch(asked_for(options=[dns.edns.GenericOption(HOPS_OPTION, b"somebody")]))
            (option,) = dns.message.from_wire(one.asked[0]).options
            assert option.to_wire() == b"somebodyourselfs"
            back = await forwarder.fetch(asked_for(options=[option]))
            assert isinstance(back, Unanswered) and back.ede == Ede.OTHER
            assert len(one.asked) == 1

    run(main())


# Guessing, case, TCP


def test_a_flood_of_wrong_replies_is_a_sign_of_guessing_and_leads_to_tcp() -> None:
    """RFC 5452 §9.3"""

    def flood(query: bytes) -> list[bytes]:
        return [bytes((query[0] ^ 1,)) + answer(query, "203.0.113.66")[1:]] * 50 + [answer(query, "203.0.113.67")]

    async def main() -> None:
        async with upstream(flood, good) as one:
            forwarder = Forwarder([one.address])
            reply = dns.message.from_wire(await forwarder.ask(QUERY.to_wire(), 1232))
            assert addresses(reply) == ["192.0.2.1"]
            assert (len(one.asked), len(one.asked_over_tcp)) == (1, 1)
            assert known(forwarder, one).wrong_replies == 10

    run(main())


def test_the_case_of_the_question_is_random_and_the_client_gets_its_own() -> None:
    async def main() -> None:
        async with upstream(good) as one:
            forwarder = Forwarder([one.address])
            for _ in range(8):
                reply = dns.message.from_wire(await forwarder.ask(QUERY.to_wire(), 1232))
                assert str(reply.question[0].name) == str(reply.answer[0].name) == "WWW.example.org."
            fetched = await forwarder.fetch(asked_for("wWw.Example.org."))
            assert isinstance(fetched, Answer) and fetched.message.answer[0].owner == b"\x03wWw\x07Example\x03org\x00"
            spellings = {query[12:29] for query in one.asked}
            assert len(spellings) > 4 and {one.lower() for one in spellings} == {b"\x03www\x07example\x03org\x00"}

    run(main())


def test_a_reply_in_another_case_is_not_taken_unless_the_resolver_keeps_doing_so() -> None:
    """RFC 5452 §9.1; some servers write names in lower case."""

    def lower(query: bytes) -> list[bytes]:
        return [answer(query[:12] + query[12:29].lower() + query[29:])]

    async def main() -> None:
        async with upstream(lower) as one:
            forwarder = Forwarder([one.address])
            for _ in range(3):
                assert addresses(dns.message.from_wire(await forwarder.ask(QUERY.to_wire(), 1232))) == ["192.0.2.1"]
            assert len(one.asked) == 4 and not known(forwarder, one).keeps_case
            assert one.asked[-1][12:29] == QUERY.to_wire()[12:29]
        async with upstream(lambda query: (lower if len(one.asked) == 1 else good)(query)) as one:
            forwarder = Forwarder([one.address])
            assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert len(one.asked) == 2 and known(forwarder, one).keeps_case

    run(main())


def test_connections_are_used_again_until_they_are_idle_for_too_long() -> None:
    """RFC 7766 §6.2.1, §6.2.3"""

    async def main() -> None:
        async with upstream(truncated, good) as one:
            forwarder = Forwarder([one.address], patience=Patience(idle=0.3))
            for _ in range(3):
                assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert (one.connections, len(one.asked_over_tcp)) == (1, 3)
            await asyncio.sleep(0.6)
            assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert one.connections == 2
            await asyncio.gather(*(forwarder.fetch(asked_for()) for _ in range(5)))
            assert len(one.asked_over_tcp) == 9 and one.connections <= 7
            forwarder.close()

    run(main())


def test_a_connection_that_is_closed_at_the_next_question_costs_a_new_one() -> None:
    """RFC 7766 §6.2.4"""

    async def main() -> None:
        async with upstream(truncated, good) as one:
            one.each = 1
            forwarder = Forwarder([one.address])
            for _ in range(3):
                assert isinstance(await forwarder.fetch(asked_for()), Answer)
            assert (one.connections, len(one.asked), len(one.asked_over_tcp)) == (3, 3, 5)
            forwarder.close()

    run(main())


def test_tcp_that_stalls_or_answers_something_else_ends_in_time() -> None:
    def stalled(query: bytes) -> list[bytes]:
        return [bytes(7)]

    def wrong(query: bytes) -> list[bytes]:
        return [bytes((query[0] ^ 1,)) + answer(query)[1:]] * 50

    async def main() -> None:
        for script, ede in ((stalled, 22), (wrong, 23)):
            async with upstream(truncated, script) as first, upstream(good) as second:
                assert addresses(await ask(first, second)) == ["192.0.2.1"]
                started = asyncio.get_running_loop().time()
                assert errors(await ask(first)) == [ede]
                assert asyncio.get_running_loop().time() - started < 1.5

    run(main())


def test_an_endless_alias_is_passed_on_as_it_is() -> None:
    """RFC 5625 §4.3: what is in an answer is for the client to judge."""

    def chain(query: bytes) -> list[bytes]:
        reply = dns.message.from_wire(answer(query))
        reply.answer = [
            dns.rrset.from_text(f"n{i}.example.org.", 60, "IN", "CNAME", f"n{(i + 1) % 40}.example.org.")
            for i in range(40)
        ]
        return [reply.to_wire()]

    async def main() -> None:
        async with upstream(chain) as one:
            reply = await ask(one, limit=65535)
            assert reply.rcode() == 0 and len(reply.answer) == 40

    run(main())


def test_no_socket_is_left_open() -> None:
    async def main() -> None:
        async with upstream(truncated, good) as first, upstream(silent) as second:
            before = len(os.listdir("/proc/self/fd"))
            forwarder = Forwarder([first.address, second.address], patience=QUICK)
            for _ in range(3):
                await forwarder.fetch(asked_for())
            await settled(forwarder)
            await asyncio.sleep(0.3)
            assert len(os.listdir("/proc/self/fd")) == before
            await forwarder.fetch(asked_for())
            forwarder.close()
            await asyncio.sleep(0.1)
            assert len(os.listdir("/proc/self/fd")) == before

    run(main())
