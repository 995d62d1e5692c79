"""The realm's one way to change: on the disk, in force everywhere, and only then done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from bossa.directory import rows
from bossa.directory.account import Failures, KeySet
from bossa.directory.ports import DirectoryFailed
from bossa.directory.realm import Realm
from bossa.directory.rows import Item
from bossa.krb.server import accounts as module
from tests.unit.krb.server.realms import House, account, gone


def run(talk: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(talk(), 10))


async def some_turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def test_a_change_is_stored_then_in_force_then_done() -> None:
    async def talk() -> None:
        house = House(account("alice", display="before"))
        house.store.open.clear()
        change = asyncio.create_task(house.accounts.change([account("alice", display="after")]))
        await some_turns()
        assert (house.display("alice"), house.told) == ("before", [])
        house.store.open.set()
        await change
        assert house.display("alice") == "after"
        assert house.told == [account("alice", display="after")]
        assert house.store.rows == dict(house.told)

    run(talk)


def test_no_change_is_done_before_every_worker_has_it() -> None:
    async def talk() -> None:
        house = House()
        house.lag = lag = asyncio.get_running_loop().create_future()
        change = asyncio.create_task(house.accounts.change([account("alice")]))
        await some_turns()
        assert house.told
        assert not change.done()
        lag.set_result(None)
        await change

    run(talk)


def test_a_store_that_is_full_leaves_everything_as_it_was_and_says_so() -> None:
    async def talk() -> None:
        house = House(account("alice", display="before"))
        house.store.full = True
        with pytest.raises(DirectoryFailed):
            await house.accounts.change([account("alice", display="after")])
        assert (house.display("alice"), house.told) == ("before", [])
        house.store.full = False
        await house.accounts.change([account("alice", display="later")])
        assert house.display("alice") == "later"

    run(talk)


def test_changes_that_gather_go_in_one_commit_in_their_order() -> None:
    async def talk() -> None:
        house = House()
        house.store.open.clear()
        first = asyncio.create_task(house.accounts.change([account("alice", display="0")]))
        await some_turns()
        others = [
            asyncio.create_task(house.accounts.change([account("alice", display=str(number))])) for number in (1, 2, 3)
        ]
        await some_turns()
        house.store.open.set()
        await asyncio.gather(first, *others)
        assert [len(commit) for commit in house.store.commits] == [1, 3]
        assert house.display("alice") == "3"

    run(talk)


def test_who_stops_waiting_for_a_change_does_not_take_it_back() -> None:
    async def talk() -> None:
        house = House()
        house.store.open.clear()
        change = asyncio.create_task(house.accounts.change([account("alice")]))
        await some_turns()
        change.cancel()
        house.store.open.set()
        await house.accounts.change([account("bob")])
        assert house.realm.find("alice") is not None

    run(talk)


def test_failures_are_in_force_at_once_and_stored_in_one_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOTE_AFTER", 0.05)

    async def talk() -> None:
        house = House(account("alice"), account("bob"))
        for count in (1, 2, 3):
            house.accounts.note("alice", Failures(count, 100))
        house.accounts.note("bob", Failures(1, 100))
        assert house.realm.failures["alice"].count == 3
        assert len(house.told) == 4
        await asyncio.sleep(0.02)
        assert house.store.commits == []
        await asyncio.sleep(0.1)
        (commit,) = house.store.commits
        assert dict(commit) == dict(
            [rows.failures_item("alice", Failures(3, 100)), rows.failures_item("bob", Failures(1, 100))]
        )

    run(talk)


def test_failures_reach_a_worker_that_has_to_be_waited_for() -> None:
    async def talk() -> None:
        house, reached = House(account("alice")), asyncio.Event()

        async def lag() -> None:
            await asyncio.sleep(0)
            reached.set()

        house.lag = lag()
        house.accounts.note("alice", Failures(1, 100))
        house.lag = None
        await asyncio.wait_for(reached.wait(), 1)

    run(talk)


def test_failures_that_were_forgotten_meanwhile_are_not_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOTE_AFTER", 0.02)

    async def talk() -> None:
        house = House(account("alice"))
        house.accounts.note("alice", Failures(1, 100))
        await house.accounts.change([(rows.FAILURES + b"alice", None)])
        await asyncio.sleep(0.1)
        assert rows.FAILURES + b"alice" not in house.store.rows

    run(talk)


def test_failures_that_were_not_stored_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NOTE_AFTER", 0.02)

    async def talk() -> None:
        house = House(account("alice"))
        house.store.full = True
        house.accounts.note("alice", Failures(7, 100))
        await asyncio.sleep(0.05)
        house.store.full = False
        await asyncio.sleep(0.05)
        assert house.store.rows == dict([rows.failures_item("alice", Failures(7, 100))])

    run(talk)


def test_closing_carries_out_what_waits_and_stores_what_is_noted() -> None:
    async def talk() -> None:
        house = House(account("alice"))
        house.accounts.note("alice", Failures(2, 100))
        change = asyncio.create_task(house.accounts.change([account("bob")]))
        await some_turns()
        await house.accounts.close()
        assert change.done()
        assert set(house.store.rows) == {b"a/bob", b"f/alice"}

    run(talk)


def test_closing_does_not_wait_for_a_disk_that_stays_full() -> None:
    async def talk() -> None:
        house = House(account("alice"))
        house.store.full = True
        house.accounts.note("alice", Failures(2, 100))
        await house.accounts.close()
        assert house.store.rows == {}

    run(talk)


def test_a_worker_that_loads_while_accounts_change_ends_up_with_the_realm_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Deltas reach it between the slices, older than what the slices behind them were made of, or newer."""
    monkeypatch.setattr(module, "SLICE", 2)

    async def talk() -> None:
        house = House(*(account(f"user{number}", display="old") for number in range(9)))
        worker = Realm(lambda purpose, sealed: KeySet())
        turn = 0

        async def send(items: Sequence[Item]) -> None:
            nonlocal turn
            turn += 1
            # The worker gets each delta when it is published, the slice behind it.
            before = len(house.told)
            if turn == 2:
                await house.accounts.change([account("user8", display="new"), account("fresh"), gone("user1")])
            if turn == 4:
                await house.accounts.change([account("user2", display="newer"), gone("user7")])
            worker.apply(house.told[before:])
            worker.apply(items)

        await house.accounts.snapshot(send)
        assert dict(worker.items()) == dict(house.realm.items())

    run(talk)
