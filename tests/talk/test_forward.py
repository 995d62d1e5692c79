"""Conversations with other resolvers on loopback: what becomes of a question, by which rule, and when it is over."""

from __future__ import annotations

import asyncio
import socket

import dns.edns
import dns.flags
import dns.message
import dns.rcode

from bossa.dns import names
from bossa.dns.errors import Ede
from bossa.dns.relay import HOPS_OPTION, Answer, Unanswered
from bossa.dns.routes import Rules
from bossa.dns.server.forward import Forwarder, is_own
from tests.talk.upstream import (
    PLAIN,
    addresses,
    answer,
    ask,
    asked_for,
    errors,
    failing,
    good,
    passed_on,
    run,
    silent,
    upstream,
)


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
        reply = await passed_on(Forwarder([gone]))
        assert errors(reply) == [23]
        assert asyncio.get_running_loop().time() - started < 1
        none = await passed_on(Forwarder([]))
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
