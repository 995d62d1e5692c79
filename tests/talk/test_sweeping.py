"""Zones swept in their time, on clocks that the tests hold."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bossa.dns import names, rdata, types
from bossa.dns.changes import Draft
from bossa.dns.ports import ZoneOptions
from bossa.dns.server.service import Names
from bossa.dns.server.sweeping import Sweeping
from bossa.dns.zone import Mark, Origin
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

APEX = names.from_text("bossa.test.")
REVERSE = names.from_text("10.in-addr.arpa.")
WS = names.from_text("ws.bossa.test.")
BACK = names.reverse("10.0.0.1")
BEGIN = 1_800_000_000
ON = ZoneOptions(scavenge=True, no_refresh=7200, refresh=36_000, ptr=True)


class Site:
    """A zone with one record of an update, its reverse zone, and the time in seconds since the start."""

    def __init__(self) -> None:
        self.time = 0
        # By how much the clock was set.
        self.ahead = 0
        self.served = Names(MemoryZones(), lambda delta: None, recursion=False)
        self.sweeping = Sweeping(self.served, lambda: BEGIN + self.time + self.ahead, lambda: float(self.time))

    async def begin(self, options: ZoneOptions) -> None:
        """Make the zones, and the record a year ago."""
        await self.served.create_zone(APEX, fresh_zone(apex=APEX), options)
        await self.served.create_zone(REVERSE, fresh_zone(apex=REVERSE))
        mark = Mark(Origin.UPDATE, BEGIN - 365 * 86400)

        def change(draft: Draft) -> None:
            draft.members(WS, types.A).add(60, rdata.parse(types.A, "10.0.0.1"), mark)

        await self.served.edit(APEX, change)

    async def at(self, time: int) -> bool:
        """Let a moment come; tell whether the record is there then."""
        self.time = time
        await self.sweeping.sweep_due()
        return self.served.zones[APEX].exists(WS)


def play(scene: Callable[[Site], Awaitable[None]], options: ZoneOptions = ON) -> None:
    """Play a scene with edits taken as they come."""

    async def run() -> None:
        site = Site()
        running = asyncio.create_task(site.served.run())
        await site.begin(options)
        await scene(site)
        running.cancel()

    asyncio.run(run())


def test_the_first_sweep_waits_one_refresh_window_after_the_start_however_old_the_records_are() -> None:
    async def scene(site: Site) -> None:
        site.sweeping.load()
        assert await site.at(35_999)
        serial = site.served.zones[APEX].serial
        assert not await site.at(36_000)
        assert site.served.zones[APEX].serial == serial + 1
        assert await site.sweeping.sweep_due() == 3600

    play(scene)


def test_a_clock_that_is_set_or_a_machine_that_slept_begins_the_wait_anew() -> None:
    async def scene(site: Site) -> None:
        site.ahead = 3601
        assert await site.at(36_000)
        assert await site.at(71_999)
        assert not await site.at(72_000)

    play(scene)


def test_a_clock_that_is_kept_right_in_small_steps_is_no_reason_to_wait() -> None:
    async def scene(site: Site) -> None:
        site.ahead = -3600
        assert not await site.at(36_000)

    play(scene)


def test_a_sweep_brings_the_ptr_along() -> None:
    async def scene(site: Site) -> None:
        assert site.served.zones[REVERSE].exists(BACK)
        assert not await site.at(36_000)
        assert not site.served.zones[REVERSE].exists(BACK)

    play(scene)


def test_new_windows_and_switching_on_begin_the_wait_anew_and_other_options_do_not() -> None:
    async def scene(site: Site) -> None:
        assert await site.at(50_000)
        await site.served.set_options(APEX, ON)
        assert await site.at(80_000)
        await site.served.set_options(APEX, ZoneOptions(scavenge=True, no_refresh=7200, refresh=36_001, ptr=True))
        await site.served.set_options(
            APEX, ZoneOptions(scavenge=True, no_refresh=7200, refresh=36_001, ptr=True, history=7)
        )
        assert await site.at(80_000 + 36_000)
        await site.served.set_options(
            APEX, ZoneOptions(scavenge=True, no_refresh=7200, refresh=36_001, ptr=True, history=8)
        )
        assert not await site.at(80_000 + 36_001)

    play(scene, ZoneOptions(ptr=True))


def test_a_zone_that_is_switched_off_or_gone_is_not_swept() -> None:
    async def scene(site: Site) -> None:
        assert list(site.sweeping.plans) == [APEX]
        await site.served.set_options(APEX, ZoneOptions())
        assert site.sweeping.plans == {}
        assert await site.at(1_000_000)
        await site.served.set_options(APEX, ON)
        await site.served.remove_zone(APEX)
        assert site.sweeping.plans == {}
        assert await site.sweeping.sweep_due() == 3600

    play(scene)


def test_a_zone_that_is_switched_off_while_it_is_looked_through_is_not_swept() -> None:
    async def scene(site: Site) -> None:
        site.time = 36_000
        sweep = asyncio.create_task(site.sweeping.sweep_due())
        await asyncio.sleep(0)
        await site.served.set_options(APEX, ZoneOptions())
        await sweep
        assert site.served.zones[APEX].exists(WS)

    play(scene)


def test_windows_of_seconds_are_kept_in_seconds_by_the_running_sweeper() -> None:
    async def scene(site: Site) -> None:
        sweeping = asyncio.create_task(site.sweeping.run())
        await asyncio.sleep(0)
        site.time = 1
        await site.served.set_options(APEX, ZoneOptions(scavenge=True, no_refresh=0, refresh=1))
        site.time = 2
        # The wait that the change of options ended is over at once.
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while site.served.zones[APEX].exists(WS):
                await asyncio.sleep(0.01)
        sweeping.cancel()

    play(scene)
