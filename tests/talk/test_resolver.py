"""Conversations with the resolver: a fake clock, a fake forwarder that counts, and clients who come together."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from typing import Any

import dns.edns
import dns.message
import pytest

from bossa.dns import names
from bossa.dns.cache import Cache
from bossa.dns.entry import asked_key
from bossa.dns.errors import Ede
from bossa.dns.exchange import Exchange, Settings, open_exchange
from bossa.dns.lookup import Zones
from bossa.dns.names import to_text
from bossa.dns.query import Follow, Ground
from bossa.dns.query import answer as decide
from bossa.dns.relay import HOPS_OPTION, Answer, Asked, Unanswered
from bossa.dns.remembered import FORGET, Fill, Forget
from bossa.dns.server.recursion import Recursion
from bossa.dns.server.resolver import ASKED, Patience, Resolver
from tests.unit.dns.replies import answer, asked, query
from tests.unit.dns.specimens import zone

WWW = "www.example.org."
A = f"{WWW} 300 A 192.0.2.1"
NEW = f"{WWW} 300 A 192.0.2.2"
SOA = "authority: example.org. 7200 SOA ns.example.org. host.example.org. 1 3600 600 86400 900"
DEAD = Unanswered(Ede.NO_REACHABLE_AUTHORITY, "no resolver answered in time")
BUSY = Unanswered(Ede.OTHER, "too many questions under way")

Say = Callable[[Asked], Answer | Unanswered]


class Upstream:
    """A forwarder that says what it is told to, after ``pause`` seconds, and keeps what it was asked."""

    def __init__(self, *lines: str, rcode: int = 0) -> None:
        self.asked: list[Asked] = []
        self.pause = 0.0
        self.say: Say
        self.lines(*lines, rcode=rcode)

    def lines(self, *lines: str, rcode: int = 0) -> None:
        self.say = lambda question: answer(question, *lines, rcode=rcode)

    def dies(self, how: Unanswered = DEAD) -> None:
        self.say = lambda question: how

    async def fetch(self, question: Asked) -> Answer | Unanswered:
        self.asked.append(question)
        say = self.say
        await asyncio.sleep(self.pause)
        return say(question)


class Talk:
    """A resolver over an upstream, at a time that the test sets."""

    def __init__(
        self, upstream: Upstream, *, stale: int = 86400, ours: Callable[[bytes], bool] = lambda _: False
    ) -> None:
        self.now = 1000.0
        self.upstream = upstream
        self.fills: list[tuple[bytes, Fill | Forget]] = []
        self.resolver = Resolver(
            upstream.fetch,
            Cache(1 << 20, stale),
            lambda: self.now,
            lambda key, fill: self.fills.append((key, fill)),
            ours,
        )
        self.resolver.patience = Patience(client=0.05)

    async def ask(self, name: str = WWW, rtype: str = "A", **how: bool) -> dns.message.Message:
        sent = query(name, rtype, **how)
        reply = dns.message.from_wire(await self.resolver.ask(sent.to_wire(), 1232))
        assert reply.id == sent.id and reply.question == sent.question
        assert str(reply.question[0].name) == name
        return reply

    async def settle(self) -> None:
        """Let what goes on in the background end."""
        while self.resolver._flights:
            await asyncio.sleep(0.005)


def run(main: Awaitable[None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await main

    asyncio.run(within())


def said(reply: dns.message.Message) -> tuple[str, int]:
    """Return the first record's data and TTL."""
    return reply.answer[0][0].to_text(), reply.answer[0].ttl


def errors(reply: dns.message.Message) -> list[int]:
    return [int(o.code) for o in reply.options if isinstance(o, dns.edns.EDEOption)]


def test_the_second_question_is_answered_from_memory() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        assert said(await talk.ask()) == ("192.0.2.1", 300)
        talk.now += 42.9
        assert said(await talk.ask("wWw.eXample.org.")) == ("192.0.2.1", 258)
        assert len(talk.upstream.asked) == 1
        talk.now += 258
        talk.upstream.lines(NEW)
        assert said(await talk.ask()) == ("192.0.2.2", 300)
        assert (talk.resolver.counts["hits"], talk.resolver.counts["misses"]) == (1, 2)

    run(main())


def test_that_there_is_nothing_is_remembered_too() -> None:
    async def main() -> None:
        for rcode in (3, 0):
            talk = Talk(Upstream(SOA, rcode=rcode))
            for _ in range(3):
                reply = await talk.ask()
                assert reply.rcode() == rcode and reply.authority[0].ttl == 900
            assert len(talk.upstream.asked) == 1
            talk.now += 900
            await talk.ask()
            assert len(talk.upstream.asked) == 2

    run(main())


def test_what_may_not_be_kept_is_asked_for_each_time() -> None:
    async def main() -> None:
        for lines in ([f"{WWW} 0 A 192.0.2.1"], [A, "victim.example. 300 A 203.0.113.66"]):
            talk = Talk(Upstream(*lines))
            for _ in range(2):
                assert (await talk.ask()).answer
            assert len(talk.upstream.asked) == 2 and not len(talk.resolver.cache)

    run(main())


def test_equal_questions_that_come_together_are_asked_once() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        talk.upstream.pause = 0.05
        casings = [WWW, "WWW.example.org.", "www.EXAMPLE.org.", "www.example.ORG."] * 5
        replies = await asyncio.gather(*(talk.ask(name) for name in casings))
        assert [said(reply) for reply in replies] == [("192.0.2.1", 300)] * 20
        assert len(talk.upstream.asked) == 1
        await asyncio.gather(talk.ask(do=True), talk.ask(cd=True), talk.ask(rtype="AAAA"), talk.ask())
        assert len(talk.upstream.asked) == 4

    run(main())


def test_who_comes_after_the_most_that_may_wait_is_turned_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bossa.dns.server.resolver._MAX_WAITING", 3)

    async def main() -> None:
        talk = Talk(Upstream(A))
        talk.upstream.pause = 0.05
        replies = await asyncio.gather(*(talk.ask() for _ in range(5)))
        assert sorted(reply.rcode() for reply in replies) == [0, 0, 0, 2, 2]
        assert (await talk.ask()).rcode() == 0

    run(main())


def test_a_client_that_goes_away_takes_the_question_of_the_others_with_it_not() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        talk.upstream.pause = 0.05
        first = asyncio.create_task(talk.ask())
        second = asyncio.create_task(talk.ask())
        await asyncio.sleep(0.01)
        first.cancel()
        assert said(await second) == ("192.0.2.1", 300)
        assert len(talk.upstream.asked) == 1

    run(main())


def test_a_failure_is_told_again_for_five_seconds_and_then_tried_again() -> None:
    """RFC 9520 §3.2."""

    async def main() -> None:
        talk = Talk(Upstream())
        for fails in (lambda: talk.upstream.dies(), lambda: talk.upstream.lines(rcode=2)):
            fails()
            talk.now += 100
            before = len(talk.upstream.asked)
            for _ in range(3):
                assert (await talk.ask()).rcode() == 2
                talk.now += 2
            assert len(talk.upstream.asked) == before + 1
            talk.upstream.lines(A)
            assert (await talk.ask()).rcode() == 0
            talk.resolver.forget_all()

    run(main())


def test_the_reason_of_a_failure_is_told_and_that_it_is_an_old_one() -> None:
    async def main() -> None:
        talk = Talk(Upstream())
        talk.upstream.dies()
        assert errors(await talk.ask()) == [22]
        assert errors(await talk.ask()) == [22, 13]
        talk.upstream.dies(BUSY)
        for _ in range(2):
            assert errors(await talk.ask("other.example.")) == [0]

    run(main())


def test_when_upstreams_are_dead_the_stale_answer_is_told_for_thirty_seconds() -> None:
    """RFC 8767 §4 and §5."""

    async def main() -> None:
        for rcode, lines, code in ((0, [A], 3), (3, [SOA], 19)):
            for fails in (lambda up: up.dies(), lambda up: up.lines(rcode=2)):
                talk = Talk(Upstream(*lines, rcode=rcode))
                await talk.ask()
                fails(talk.upstream)
                talk.now += 86400
                reply = await talk.ask()
                assert (reply.rcode(), errors(reply)) == (rcode, [code])
                assert (reply.answer + reply.authority)[0].ttl == 30
                assert [talk.resolver.counts[how] for how in ASKED] == [0, 1, 1]

    run(main())


def test_a_dead_upstream_is_not_asked_again_for_a_name_for_half_a_minute() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        await talk.ask()
        talk.upstream.dies()
        talk.now += 301
        for _ in range(5):
            assert errors(await talk.ask()) == [3]
            talk.now += 5
        assert len(talk.upstream.asked) == 2
        talk.now += 10
        talk.upstream.lines(NEW)
        assert said(await talk.ask()) == ("192.0.2.2", 300)

    run(main())


def test_a_slow_upstream_makes_a_client_wait_no_longer_than_its_patience() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        await talk.ask()
        talk.now += 301
        talk.upstream.lines(NEW)
        talk.upstream.pause = 0.2
        started = asyncio.get_running_loop().time()
        assert said(await talk.ask()) == ("192.0.2.1", 30)
        assert said(await talk.ask()) == ("192.0.2.1", 30)
        assert asyncio.get_running_loop().time() - started < 0.15
        await talk.settle()
        assert said(await talk.ask()) == ("192.0.2.2", 300)
        assert len(talk.upstream.asked) == 2

    run(main())


def test_without_serve_stale_what_is_over_is_over() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A), stale=0)
        await talk.ask()
        talk.upstream.dies()
        talk.now += 300
        reply = await talk.ask()
        assert reply.rcode() == 2 and errors(reply) == [22]

    run(main())


def test_an_answer_that_may_not_be_kept_drives_the_stale_one_out() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        await talk.ask()
        talk.now += 301
        talk.upstream.lines(f"{WWW} 0 A 192.0.2.3")
        assert said(await talk.ask()) == ("192.0.2.3", 0)
        talk.upstream.dies()
        assert (await talk.ask()).rcode() == 2

    run(main())


def test_a_name_that_is_asked_for_near_its_end_is_fetched_once_before_it() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        await talk.ask()
        talk.upstream.lines(NEW)
        talk.upstream.pause = 0.02
        talk.now += 271
        for _ in range(5):
            assert said(await talk.ask()) == ("192.0.2.1", 29)
        await talk.settle()
        assert len(talk.upstream.asked) == 2
        assert said(await talk.ask()) == ("192.0.2.2", 300)
        assert talk.resolver.counts["prefetches"] == 1

    run(main())


def test_a_prefetch_that_fails_leaves_the_answer_as_it_is() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        await talk.ask()
        talk.upstream.dies()
        talk.now += 280
        for _ in range(3):
            assert said(await talk.ask()) == ("192.0.2.1", 20)
            await talk.settle()
        assert len(talk.upstream.asked) == 2

    run(main())


def test_workers_learn_what_may_be_told_again_and_forget_what_is_forgotten() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        await talk.ask()
        key = asked_key(asked(WWW))
        assert [one for one, _ in talk.fills] == [key]
        assert talk.resolver.fills() == talk.fills
        talk.upstream.lines(rcode=2)
        await talk.ask("fails.example.")
        assert len(talk.fills) == 1
        assert talk.resolver.forget(names.from_text("example.org."), tree=True) == 1
        assert talk.resolver.forget_all() == 1
        assert talk.fills[1:] == [(FORGET, (names.from_text("example.org."), True)), (FORGET, None)]
        assert talk.resolver.fills() == []

    run(main())


def test_workers_forget_what_a_newer_answer_that_they_may_not_tell_replaces() -> None:
    """Also when the owner has let go of the former one, which a worker may hold still."""
    newer = {
        "explained": lambda question: answer(question, NEW, ede=(dns.edns.EDEOption(4),)),
        "not to be kept": lambda question: answer(question, f"{WWW} 0 A 192.0.2.3"),
    }

    async def main() -> None:
        for say in newer.values():
            talk = Talk(Upstream(A))
            await talk.ask()
            talk.resolver.cache.clear()
            talk.upstream.say = say
            await talk.ask()
            assert [fill is None for _, fill in talk.fills] == [False, True]

    run(main())


def test_an_answer_that_was_under_way_when_its_name_was_forgotten_is_not_remembered() -> None:
    async def main() -> None:
        for forget in (
            lambda talk: talk.resolver.forget_all(),
            lambda talk: talk.resolver.forget(names.from_text("example.org."), tree=True),
        ):
            talk = Talk(Upstream(A))
            talk.upstream.pause = 0.05
            early = asyncio.create_task(talk.ask())
            await asyncio.sleep(0.02)
            forget(talk)
            talk.upstream.lines(NEW)
            late = asyncio.create_task(talk.ask())
            assert said(await early) == ("192.0.2.1", 300)
            assert said(await late) == said(await talk.ask()) == ("192.0.2.2", 300)
            assert len(talk.upstream.asked) == 2
            assert [key for key, _ in talk.fills] == [FORGET, asked_key(asked(WWW))]

    run(main())


def test_workers_do_not_tell_what_others_say_of_names_in_our_zones() -> None:
    """Below a delegation the owner decides between the answer and the referral."""

    async def main() -> None:
        talk = Talk(Upstream(A), ours=lambda name: name == names.from_text(WWW))
        assert said(await talk.ask()) == said(await talk.ask()) == ("192.0.2.1", 300)
        assert len(talk.upstream.asked) == 1
        assert talk.fills == [(asked_key(asked(WWW)), None)] and talk.resolver.fills() == []

    run(main())


def test_a_chain_that_ends_in_nothing_in_a_zone_of_ours_is_not_told_by_workers_nor_at_once() -> None:
    async def main() -> None:
        inner = names.from_text("inner.home.")
        talk = Talk(
            Upstream(f"{WWW} 300 CNAME inner.home.", SOA.replace("example.org.", ".", 1)), ours=lambda n: n == inner
        )
        outcome = await talk.resolver.resolve(asked(WWW))
        assert talk.resolver.dead_end(outcome) == inner
        assert talk.resolver.at_once(asked(WWW)) is None
        assert talk.fills == [(asked_key(asked(WWW)), None)]
        await talk.resolver.resolve(asked(WWW))
        assert len(talk.upstream.asked) == 1
        talk.upstream.lines(f"{WWW} 300 CNAME inner.home.")
        talk.resolver.forget_all()
        assert talk.resolver.dead_end(await talk.resolver.resolve(asked(WWW))) == inner

    run(main())


def test_a_bug_in_the_forwarder_reaches_every_client_and_ends_with_its_question() -> None:
    async def main() -> None:
        talk = Talk(Upstream(A))
        talk.upstream.pause = 0.02

        def stumble(question: Asked) -> Answer:
            raise ValueError("a bug")

        talk.upstream.say = stumble
        ended = await asyncio.gather(*(talk.ask() for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in ended] == [ValueError] * 3
        talk.upstream.lines(A)
        assert said(await talk.ask()) == ("192.0.2.1", 300)

    run(main())


def follow(talk: Talk, zones: Zones, question: dns.message.Message, **ground: Any) -> Awaitable[bytes]:
    """Have an alias of ours followed for a client who may recurse."""
    settings = Settings(recursion=(ipaddress.ip_network("192.0.2.0/24"),))
    exchange = open_exchange(question.to_wire(), ipaddress.ip_address("192.0.2.1"), {}, 1000, settings, tcp=False)
    assert isinstance(exchange, Exchange)
    why = decide(exchange, Ground(zones, **ground))
    assert isinstance(why, Follow)
    return Recursion(talk.resolver, zones, lambda: 1000).follow(exchange, why)


def test_a_question_that_follows_an_alias_bears_the_marks_that_it_came_with() -> None:
    """So that two servers whose aliases lead to each other know it when it comes round."""

    async def main() -> None:
        talk = Talk(Upstream(A))
        zones = Zones({one.apex: one for one in (zone("home.test.", f"out CNAME {WWW}"),)})
        question = query("out.home.test.")
        mark = dns.edns.GenericOption(HOPS_OPTION, b"8 octets")  # type: ignore[no-untyped-call]
        question.use_edns(0, payload=1232, options=[mark])
        reply = dns.message.from_wire(await follow(talk, zones, question))
        assert len(reply.answer) == 2 and not reply.options
        (passed_on,) = talk.upstream.asked
        assert passed_on.edns is not None and passed_on.edns.options == ((HOPS_OPTION, b"8 octets"),)

    run(main())


def test_a_chain_of_slow_answers_ends_in_servfail_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bossa.dns.server.recursion._CHAIN_SECONDS", 0.1)

    async def main() -> None:
        lines = "\n".join(f"n{i} CNAME n{i}.example.org." for i in range(20))
        zones = Zones({one.apex: one for one in (zone("home.test.", lines),)})
        talk = Talk(Upstream())
        talk.upstream.pause = 0.04
        talk.upstream.say = lambda question: answer(
            question, f"{to_text(question.question[:-4])} 60 CNAME n{len(talk.upstream.asked)}.home.test."
        )
        started = asyncio.get_running_loop().time()
        reply = dns.message.from_wire(await follow(talk, zones, query("n0.home.test.")))
        assert asyncio.get_running_loop().time() - started < 1
        assert (reply.rcode(), errors(reply), reply.answer) == (2, [22], [])
        await talk.settle()

    run(main())
