"""Conversations with one resolver that is old, hostile or of few words: what is taken for an answer, by UDP and TCP."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable

import dns.flags
import dns.message
import dns.rrset
import pytest

from bossa.dns.relay import Answer
from bossa.dns.server.forward import Forwarder, Patience
from tests.talk.upstream import (
    QUERY,
    QUICK,
    addresses,
    answer,
    ask,
    asked_for,
    errors,
    good,
    known,
    passed_on,
    run,
    settled,
    silent,
    truncated,
    upstream,
)


def test_every_query_has_its_own_id_and_port() -> None:
    """RFC 5452 §9.2"""

    async def main() -> None:
        async with upstream(good) as one:
            forwarder = Forwarder([one.address])
            await asyncio.gather(*(passed_on(forwarder) for _ in range(40)))
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


def test_a_flood_of_wrong_replies_is_a_sign_of_guessing_and_leads_to_tcp() -> None:
    """RFC 5452 §9.3"""

    def flood(query: bytes) -> list[bytes]:
        return [bytes((query[0] ^ 1,)) + answer(query, "203.0.113.66")[1:]] * 50 + [answer(query, "203.0.113.67")]

    async def main() -> None:
        async with upstream(flood, good) as one:
            forwarder = Forwarder([one.address])
            reply = await passed_on(forwarder)
            assert addresses(reply) == ["192.0.2.1"]
            assert (len(one.asked), len(one.asked_over_tcp)) == (1, 1)
            assert known(forwarder, one).wrong_replies == 10

    run(main())


def test_the_case_of_the_question_is_random_and_the_client_gets_its_own() -> None:
    async def main() -> None:
        async with upstream(good) as one:
            forwarder = Forwarder([one.address])
            for _ in range(8):
                reply = await passed_on(forwarder)
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
                assert addresses(await passed_on(forwarder)) == ["192.0.2.1"]
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
