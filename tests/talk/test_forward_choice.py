"""Conversations with several resolvers that are slow, lame or gone: who is asked, and for how long."""

from __future__ import annotations

import asyncio
from typing import cast

import dns.rcode
import pytest

from bossa.dns import names
from bossa.dns.errors import Ede
from bossa.dns.relay import Answer, Unanswered
from bossa.dns.routes import Rules
from bossa.dns.server.forward import Forwarder, Patience
from tests.talk.upstream import (
    addresses,
    ask,
    asked_for,
    errors,
    failing,
    good,
    known,
    passed_on,
    run,
    settled,
    silent,
    slow,
    truncated,
    upstream,
)


def test_tcp_that_fails_leads_to_the_next_one() -> None:
    async def main() -> None:
        async with upstream(truncated, silent) as first, upstream(good) as second:
            assert addresses(await ask(first, second)) == ["192.0.2.1"]
            assert errors(await ask(first)) == [23]

    run(main())


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
            replies = await asyncio.gather(*(passed_on(forwarder) for _ in range(5)))
            codes = [errors(reply) for reply in replies]
            assert codes == [[22], [22], [22], [0], [0]]
            one.udp = good
            assert addresses(await passed_on(forwarder)) == ["192.0.2.1"]

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
