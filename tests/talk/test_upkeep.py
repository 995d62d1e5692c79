"""Edits that bring PTR records along: one batch, one commit, all of it or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import pytest

from bossa.dns import names
from bossa.dns.changes import Draft
from bossa.dns.errors import Rcode, Refused, StoreFailed
from bossa.dns.ports import ZoneOptions
from bossa.dns.server.service import Names
from bossa.dns.zone import Origin, Step
from tests.contract.memory import MemoryZones
from tests.unit.dns.reversal import FORWARD, REVERSE4, STAMP, edit, shown, zones

OTHER = names.from_text("u.")


class Store(MemoryZones):
    """A store that tells what was committed at once, and may be full."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[tuple[bytes, int, int]]] = []
        self.full = False

    async def commit(self, steps: Sequence[Step]) -> None:
        if self.full:
            raise StoreFailed("the disk is full")
        self.commits.append([(step.apex, step.serial_from, step.serial_to) for step in steps])
        await super().commit(steps)


def running(scene: Callable[[Names, Store], Coroutine[Any, Any, None]]) -> None:
    """Play a scene with a name service that holds t. (with upkeep), u. (without), and reverse zones."""

    async def play() -> None:
        store = Store()
        served = Names(store, _to_nobody, recursion=False)
        known = zones()
        for apex, zone in known.items():
            await served.create_zone(apex, list(zone.rrsets()), ZoneOptions(ptr=apex == FORWARD))
        rrsets = [(OTHER, rrset) for owner, rrset in known[FORWARD].rrsets() if owner == FORWARD]
        await served.create_zone(OTHER, rrsets, ZoneOptions())
        task = asyncio.create_task(served.run())
        try:
            await scene(served, store)
        finally:
            task.cancel()

    asyncio.run(play())


async def _to_nobody(delta: bytes) -> None:
    """There are no workers."""


def update(served: Names, *lines: str, apex: bytes = FORWARD) -> Awaitable[Step | None]:
    """Begin an edit that makes changes, or (``!``) is refused after them."""

    def decide(draft: Draft) -> None:
        edit(draft, (line for line in lines if line != "!"), Origin.UPDATE, STAMP)
        if "!" in lines:
            raise Refused(Rcode.REFUSED, "no")

    return served.edit(apex, decide)


def test_the_ptr_is_stored_in_the_transaction_of_its_address() -> None:
    async def scene(served: Names, store: Store) -> None:
        step = await update(served, "+ ws1 60 A 10.0.0.1")
        assert step is not None
        assert step.apex == FORWARD
        assert store.commits == [[(FORWARD, 10, 11), (REVERSE4, 10, 11)]]
        assert shown(served.zones, "10.0.0.1") == "60 ws1.t. PTR"
        assert [one.added[0].rdata for one in await store.history(REVERSE4, 10) or ()] == [names.from_text("ws1.t.")]

    running(scene)


def test_edits_of_several_zones_in_one_batch_go_in_their_order() -> None:
    async def scene(served: Names, store: Store) -> None:
        await asyncio.gather(
            update(served, "+ ws1 60 A 10.0.0.1"),
            update(served, "+ 9.9.9 60 PTR x.t.", apex=REVERSE4),
            update(served, "+ ws1 60 A 10.0.0.2", apex=OTHER),
            update(served, "- ws1", "+ ws2 60 A 10.0.0.1"),
        )
        both = [(FORWARD, 10, 11), (REVERSE4, 10, 11), (REVERSE4, 11, 12), (OTHER, 10, 11)]
        assert store.commits == [[*both, (FORWARD, 11, 12), (REVERSE4, 12, 13)]]
        assert shown(served.zones, "10.0.0.1") == "60 ws2.t. PTR"
        assert shown(served.zones, "10.0.0.2") == "", "u. has no upkeep"
        assert shown(served.zones, "10.9.9.9") == "60 x.t. UPDATE"

    running(scene)


def test_a_refused_edit_leaves_nothing_in_the_reverse_zone_either() -> None:
    async def scene(served: Names, store: Store) -> None:
        results = await asyncio.gather(
            update(served, "+ ws1 60 A 10.0.0.1"),
            update(served, "+ ws2 60 A 10.0.0.2", "!"),
            update(served, "+ ws3 60 A 10.0.0.3"),
            return_exceptions=True,
        )
        assert isinstance(results[1], Refused)
        assert [shown(served.zones, f"10.0.0.{n}") for n in (1, 2, 3)] == ["60 ws1.t. PTR", "", "60 ws3.t. PTR"]

    running(scene)


def test_a_store_that_fails_leaves_both_zones_as_they_were() -> None:
    async def scene(served: Names, store: Store) -> None:
        store.full = True
        with pytest.raises(StoreFailed):
            await update(served, "+ ws1 60 A 10.0.0.1")
        assert (served.zones[FORWARD].serial, served.zones[REVERSE4].serial) == (10, 10)
        assert shown(served.zones, "10.0.0.1") == ""
        store.full = False
        await update(served, "+ ws2 60 A 10.0.0.1")
        assert shown(served.zones, "10.0.0.1") == "60 ws2.t. PTR"

    running(scene)


def test_what_became_of_the_ptr_is_logged_once_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, object]] = []
    monkeypatch.setattr("bossa.observe.log.info", lambda event, **fields: lines.append((event, fields.get("why"))))

    async def scene(served: Names, store: Store) -> None:
        store.full = True
        with pytest.raises(StoreFailed):
            await update(served, "+ ws1 60 A 10.0.0.1")
        assert lines == []
        store.full = False
        await update(served, "+ ws1 60 A 10.0.0.1")
        await update(served, "+ ws2 60 A 10.0.0.1")
        assert lines == [("ptr added", None), ("ptr left alone", "ws1.t. has it")]

    running(scene)


def test_the_option_counts_from_the_moment_that_it_is_set() -> None:
    async def scene(served: Names, store: Store) -> None:
        await update(served, "+ ws1 60 A 10.0.0.1")
        await served.set_options(FORWARD, ZoneOptions(ptr=False))
        await update(served, "- ws1")
        assert shown(served.zones, "10.0.0.1") == "60 ws1.t. PTR"

    running(scene)
