"""Wrong passwords in a row: counted, forgotten, and too many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bossa.directory.account import Failures, Kind
from bossa.krb.kdc.settings import Lockout
from bossa.krb.server.lockouts import Lockouts
from tests.unit.krb.server.realms import House, account

RULE = Lockout(after=3, window=100, duration=50)


class Guesser:
    """Somebody who tries passwords, at times that the test sets."""

    def __init__(self, *, after: int = RULE.after) -> None:
        self.now = 1000.0
        self.house = House(account("alice"), account("HTTP/web.bossa.test", Kind.SERVICE))
        rule = Lockout(after, RULE.window, RULE.duration)
        self.lockouts = Lockouts(self.house.accounts, rule, lambda: self.now)

    @property
    def failures(self) -> Failures | None:
        return self.house.realm.failures.get("alice")

    async def locked_until(self) -> int:
        """Return until when the account is locked, once every lock on its way is in force."""
        if (lock := self.lockouts.locking("alice")) is not None:
            await lock
        found = self.house.realm.find("alice")
        assert found is not None
        return found.account.locked_until


def run(talk: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(talk(), 10))


def test_the_last_wrong_password_of_the_rule_locks_the_account_and_starts_the_count_anew() -> None:
    async def talk() -> None:
        one = Guesser()
        for expected in (1, 2):
            one.lockouts.failed("alice")
            assert one.failures == Failures(expected, 1000)
        assert await one.locked_until() == 0
        one.lockouts.failed("alice")
        assert one.lockouts.locking("alice") is not None
        assert await one.locked_until() == 1050
        assert one.lockouts.locking("alice") is None
        assert one.failures is None
        assert b"a/alice" in one.house.store.rows

    run(talk)


def test_a_right_password_forgets_the_wrong_ones() -> None:
    async def talk() -> None:
        one = Guesser()
        one.lockouts.failed("alice")
        one.lockouts.succeeded("alice")
        assert one.failures is None
        told = len(one.house.told)
        one.lockouts.succeeded("alice")
        assert len(one.house.told) == told, "a success without failures changes nothing"

    run(talk)


@pytest.mark.parametrize(("pause", "expected"), [(100, 2), (101, 1)])
def test_wrong_passwords_far_apart_are_not_in_a_row(pause: int, expected: int) -> None:
    async def talk() -> None:
        one = Guesser()
        one.lockouts.failed("alice")
        one.now += pause
        one.lockouts.failed("alice")
        assert one.failures == Failures(expected, 1000 + pause)

    run(talk)


def test_only_users_are_counted() -> None:
    async def talk() -> None:
        one = Guesser(after=1)
        for name in ("HTTP/web.bossa.test", "nobody", ""):
            one.lockouts.failed(name)
        assert one.house.realm.failures == {}

    run(talk)


def test_without_a_rule_nothing_is_counted() -> None:
    async def talk() -> None:
        one = Guesser(after=0)
        one.lockouts.failed("alice")
        assert one.failures is None

    run(talk)


def test_a_lock_that_the_disk_does_not_take_is_in_force_all_the_same() -> None:
    async def talk() -> None:
        one = Guesser(after=1)
        one.house.store.full = True
        one.lockouts.failed("alice")
        assert await one.locked_until() == 1050
        assert one.house.store.rows == {}

    run(talk)


def test_a_lock_takes_an_account_as_it_is_when_its_turn_comes() -> None:
    """Whoever edits the account while the lock is on its way loses nothing."""

    async def talk() -> None:
        one = Guesser(after=1)
        async with one.house.accounts.editing:
            one.lockouts.failed("alice")
            await asyncio.sleep(0)
            await one.house.accounts.change([account("alice", display="Alice")])
        assert await one.locked_until() == 1050
        assert one.house.display("alice") == "Alice"

    run(talk)
