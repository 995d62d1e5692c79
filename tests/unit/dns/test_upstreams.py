"""Which resolver is asked next, on a clock that the test holds."""

from __future__ import annotations

import pytest

from bossa.dns import names
from bossa.dns.routes import Rules
from bossa.dns.upstreams import Patience, Table, Upstream, plan, to_ask_along

PATIENCE = Patience(first=0.4, least=0.2, most=1.0)


def some(*rtts: float | None) -> list[Upstream]:
    """Return resolvers, numbered by their ports, which have answered in so many seconds."""
    found = [Upstream(("192.0.2.1", number)) for number in range(len(rtts))]
    for one, rtt in zip(found, rtts, strict=True):
        if rtt is not None:
            one.ask(0.0)
            one.heard(rtt)
            one.succeeded()
    return found


def order(upstreams: list[Upstream]) -> list[int]:
    """Return the numbers of the first round."""
    return [one.address[1] for one, _ in plan(upstreams, PATIENCE)][: len(upstreams)]


@pytest.mark.parametrize(
    ("rtts", "expected"),
    [
        ((0.02, 0.01), [1, 0]),
        ((0.01, 0.02, 0.005), [2, 0, 1]),
        ((None, None, None), [0, 1, 2]),
        ((0.01, None, 0.02), [1, 0, 2]),
    ],
)
def test_unknown_ones_come_first_then_the_quickest(rtts, expected) -> None:
    assert order(some(*rtts)) == expected


def test_the_round_trip_time_is_smoothed_as_tcp_does_it() -> None:
    (one,) = some(0.08)
    assert (one.rtt, one.deviation) == (0.08, 0.04)
    one.heard(0.16)
    assert one.rtt == pytest.approx(0.09) and one.deviation == pytest.approx(0.05)
    for _ in range(200):
        one.heard(0.02)
    assert one.rtt == pytest.approx(0.02) and one.deviation == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("rtt", "expected"),
    [(None, 0.4), (0.001, 0.2), (0.1, 0.3), (0.2, 0.6), (3.0, 1.0)],
)
def test_the_wait_follows_the_round_trip_time_within_bounds(rtt, expected) -> None:
    (one,) = some(rtt)
    assert one.wait(PATIENCE) == pytest.approx(expected)


def test_each_round_waits_twice_as_long_and_the_tries_are_bounded() -> None:
    (one,) = some(None)
    assert [wait for _, wait in plan([one], PATIENCE)] == [0.4, 0.8, 1.6]
    two = some(None, 0.001)
    assert [(u.address[1], wait) for u, wait in plan(two, PATIENCE)] == [
        (0, 0.4), (1, 0.2), (0, 0.8), (1, 0.4), (0, 1.6), (1, 0.8),
    ]  # fmt: skip
    assert len(list(plan(some(*[None] * 20), PATIENCE))) == 8


def test_one_that_lets_us_wait_comes_behind_those_that_answer_and_its_next_reply_settles_it() -> None:
    upstreams = some(0.01, 0.3)
    upstreams[0].late(0.2)
    assert order(upstreams) == [1, 0] and not upstreams[0].is_aside
    upstreams[0].heard(0.01)
    assert order(upstreams) == [0, 1]
    for _ in range(100):
        upstreams[0].late(0.2)
    assert upstreams[0].rank() == (False, 5.0) and upstreams[0].wait(PATIENCE) == 1.0


def test_failures_one_after_the_other_set_one_aside_for_longer_each_time() -> None:
    one, _ = some(0.001, 0.5)
    now, times = 100.0, []
    one.failed(now, now)
    assert not one.is_aside
    for _ in range(9):
        one.failed(now, now)
        assert one.is_aside and not one.is_neglected(now)
        times.append(one.aside_until - now)
        now = one.aside_until
        assert one.is_neglected(now)
    assert times == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    one.succeeded()
    assert not one.is_aside
    one.failed(now, now)
    assert not one.is_aside, "an answer between two failures"


def test_many_losses_at_the_same_time_are_one_failure() -> None:
    (one,) = some(0.001)
    for _ in range(50):
        one.failed(asked_at=10.0, now=12.5)
    assert one.failures == 1 and one.failed_queries == 50
    one.failed(asked_at=12.6, now=15.0)
    assert one.failures == 2


def test_those_aside_are_last_and_a_set_of_which_all_are_is_asked_in_the_order_of_their_return() -> None:
    upstreams = some(0.001, 0.5, 0.01)
    for at in (1.0, 2.0, 3.0):
        upstreams[0].failed(at, at)
    assert order(upstreams) == [2, 1, 0]
    for at in (1.0, 2.0):
        upstreams[1].failed(at, at)
        upstreams[2].failed(at + 1, at + 1)
    assert order(upstreams) == [1, 2, 0]


def test_a_slower_one_is_asked_along_when_it_was_not_heard_of_for_long() -> None:
    quick, slow = some(0.01, 0.1)
    assert to_ask_along([quick, slow], 9.9) is None
    assert to_ask_along([quick, slow], 10.0) is slow
    slow.ask(10.0)
    assert to_ask_along([quick, slow], 11.0) is None
    assert to_ask_along([quick], 100.0) is None
    assert to_ask_along(some(None, None), 100.0) is None


def test_one_aside_is_asked_along_when_its_time_is_over_and_comes_back_by_an_answer() -> None:
    quick, lost = some(0.03, 0.02)
    lost.failed(100.0, 100.0)
    lost.failed(101.0, 101.0)
    quick.ask(101.0)
    assert to_ask_along([quick, lost], 101.9) is None
    assert to_ask_along([quick, lost], 102.0) is lost
    lost.ask(102.0)
    assert to_ask_along([quick, lost], 102.4) is None, "one try tells enough"
    assert to_ask_along([quick, lost], 112.0) is lost
    lost.failed(102.0, 102.5)
    assert to_ask_along([quick, lost], 104.0) is None
    assert to_ask_along([quick, lost], 104.5) is lost
    lost.heard(0.001)
    lost.succeeded()
    assert order([quick, lost]) == [1, 0]


def test_the_table_finds_by_the_longest_domain_and_keeps_what_it_knows() -> None:
    table = Table()
    a, b, c = (("192.0.2.1", port) for port in (1, 2, 3))
    table.use([a], Rules({names.from_text("example."): (b, c), names.from_text("x.example."): (c,)}))

    def ports(name: str) -> list[int]:
        return [one.address[1] for one in table.find(names.from_text(name))]

    assert (ports("test."), ports("."), ports("example."), ports("a.x.example.")) == ([1], [1], [2, 3], [3])
    (kept,) = table.find(names.from_text("x.example."))
    kept.heard(0.5)
    table.use([c], Rules())
    assert table.find(names.from_text("x.example.")) == (kept,)
    assert table.upstreams() == [kept]
