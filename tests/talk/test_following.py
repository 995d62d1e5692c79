"""Many secondary zones at work: a few refreshes at a time, service that ends and comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

from bossa.dns import names
from bossa.dns.errors import TransferFailed
from bossa.dns.ports import ZoneOptions
from bossa.dns.remote import Remote
from bossa.dns.secondary import stand_in
from bossa.dns.server.fetching import Fetcher
from bossa.dns.server.following import Following
from bossa.dns.server.service import Names
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

START = 1_700_000_000.0
ONE = Remote("192.0.2.1")


class Primaries:
    """What stands in for the fetcher: it answers, or not, and takes its time."""

    def __init__(self, served: Names) -> None:
        self.served = served
        self.gone = False
        self.now = self.most = 0
        self.asked: list[bytes] = []
        self.pause = 0.0

    async def refresh(self, apex: bytes, primary: Remote) -> None:
        self.asked.append(apex)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await asyncio.sleep(self.pause)
            if self.gone:
                raise TransferFailed("no answer in time")
            await self.served.replace_zone(apex, fresh_zone(apex=apex), lambda: None)
        finally:
            self.now -= 1


class Scene:
    """Names on the memory store, with a clock that the test moves."""

    def __init__(self, count: int) -> None:
        self.clock = START
        self.store = MemoryZones()
        self.apexes = [names.from_text(f"z{n}.test.") for n in range(count)]
        self.served = Names(self.store, self._publish, recursion=False)
        self.primaries = Primaries(self.served)
        self.following = self._following()
        self.publishing = 0.0

    def _following(self) -> Following:
        return Following(self.served, cast("Fetcher", self.primaries), lambda: self.clock, lambda: 0.0)

    async def _publish(self, delta: bytes) -> None:
        await asyncio.sleep(self.publishing)

    async def add(self) -> None:
        options = ZoneOptions(primaries=(ONE.text,))
        for apex in self.apexes:
            await self.served.create_zone(apex, stand_in(apex, 0), options)

    async def restart(self) -> None:
        """Begin again with what is stored."""
        self.served = Names(self.store, self._publish, recursion=False)
        self.primaries.served = self.served
        self.served.load(cast("Any", None))
        self.following = self._following()
        self.following.load()

    async def later(self, seconds: float, true: Callable[[], bool]) -> None:
        """Let so much time go by, and wait until something holds."""
        self.clock += seconds
        self.following.wake()
        async with asyncio.timeout(5):
            while not true():
                await asyncio.sleep(0.01)


def play(count: int, talk: Callable[[Scene], Awaitable[None]]) -> None:
    async def main() -> None:
        scene = Scene(count)
        task = asyncio.create_task(scene.following.run())
        try:
            await talk(scene)
        finally:
            task.cancel()
            scene.following.stop()

    asyncio.run(main())


def test_a_few_refreshes_at_a_time_and_each_zone_once() -> None:
    async def talk(scene: Scene) -> None:
        scene.primaries.pause = 0.02
        await scene.add()
        await scene.later(0, lambda: not scene.served.expired)
        assert scene.primaries.most == 10
        assert sorted(scene.primaries.asked) == sorted(scene.apexes)
        assert set(scene.store.contacts()) == set(scene.apexes)

    play(35, talk)


def test_service_ends_with_the_expire_time_and_begins_with_the_next_answer() -> None:
    async def talk(scene: Scene) -> None:
        apex = scene.apexes[0]
        assert not scene.served.expired
        await scene.add()
        assert scene.served.expired == {apex}
        await scene.later(0, lambda: not scene.served.expired)
        scene.primaries.gone = True
        await scene.later(3600, lambda: scene.following.zones[apex].failure != "")
        assert not scene.served.expired
        await scene.later(86400 - 3601, lambda: True)
        await asyncio.sleep(0.1)
        assert not scene.served.expired
        await scene.later(2, lambda: scene.served.expired == {apex})
        scene.primaries.gone = False
        await scene.later(600, lambda: not scene.served.expired)
        assert scene.following.zones[apex].contact == scene.clock

    play(1, talk)


def test_an_answer_that_comes_while_service_ends_begins_it_again() -> None:
    async def talk(scene: Scene) -> None:
        apex = scene.apexes[0]
        await scene.add()
        await scene.later(0, lambda: not scene.served.expired)
        scene.primaries.pause, scene.publishing = 0.0, 0.02
        await scene.later(86400, lambda: scene.following.zones[apex].contact == scene.clock)
        await scene.later(0, lambda: not scene.served.expired)
        await asyncio.sleep(0.3)
        assert not scene.served.expired
        assert scene.following.zones[apex].served

    play(1, talk)


def test_a_restart_makes_nothing_younger() -> None:
    async def talk(scene: Scene) -> None:
        apex = scene.apexes[0]
        await scene.add()
        await scene.later(0, lambda: not scene.served.expired)
        scene.clock += 86399
        await scene.restart()
        assert not scene.served.expired
        scene.clock += 1
        await scene.restart()
        assert scene.served.expired == {apex}
        assert scene.following.zones[apex].contact == START

    play(1, talk)


def test_a_zone_that_is_removed_is_followed_no_more() -> None:
    async def talk(scene: Scene) -> None:
        scene.primaries.pause = 0.05
        await scene.add()
        await scene.later(0, lambda: scene.primaries.now == 1)
        await scene.served.remove_zone(scene.apexes[0])
        await scene.later(0, lambda: scene.primaries.now == 0)
        assert scene.following.zones == {}
        assert scene.served.zones == {}
        assert scene.store.contacts() == {}

    play(1, talk)


def test_changes_of_zones_of_our_own_wake_nobody() -> None:
    async def main() -> None:
        scene, own = Scene(1), names.from_text("own.test.")
        await scene.served.create_zone(own, fresh_zone(apex=own))
        assert not scene.following._wake.is_set()
        await scene.add()
        assert scene.following._wake.is_set()

    asyncio.run(main())
