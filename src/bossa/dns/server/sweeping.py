"""Sweeps of the zones that are scavenged: when, and one edit each.

A zone is swept for the first time one refresh window after the server started,
or after the option or its windows were set: who could not reach us meanwhile
has had the time to say that it is still there.  So it is after the machine
slept or its clock was set.  Then once an hour, or as often as the window
passes.  A sweep is an edit like any other, so secondaries fetch it as one
step, and PTR records follow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from bossa.dns import scavenge
from bossa.dns.changes import Draft
from bossa.dns.errors import Declined, StoreFailed
from bossa.dns.names import to_text
from bossa.dns.scavenge import Stale, Windows
from bossa.dns.server.service import SLICE, Names
from bossa.observe import log

# Seconds to wait where no zone is scavenged; a change of options ends the wait.
_IDLE = 3600.0
# Names told in the log, of a sweep that takes more.
_TOLD = 10


class Plan(NamedTuple):
    """When a zone is swept next, on the clock that nobody sets; ``lead`` is what the other one was ahead of it."""

    windows: Windows
    due: float
    lead: float


class Sweeping:
    """Sweeps zones; ``clock`` gives seconds since 1970, ``timer`` is not moved when that is."""

    def __init__(self, served: Names, clock: Callable[[], float], timer: Callable[[], float]) -> None:
        self.plans: dict[bytes, Plan] = {}
        self._served = served
        self._clock = clock
        self._timer = timer
        self._changed = asyncio.Event()
        served.watchers.append(self.watch)

    def load(self) -> None:
        """Take note of the zones that are there at the start."""
        for apex in self._served.zones:
            self.watch(apex)

    def watch(self, apex: bytes) -> None:
        """Take note of a zone that may have come, gone, or been given other options."""
        options = self._served.options.get(apex)
        if options is None or not scavenge.is_swept(options):
            self.plans.pop(apex, None)
            return
        windows, plan = scavenge.windows(options), self.plans.get(apex)
        if plan is None or plan.windows != windows:
            self.plans[apex] = self._plan(windows, windows.refresh)
            self._changed.set()

    def _plan(self, windows: Windows, wait: int) -> Plan:
        now = self._timer()
        return Plan(windows, now + wait, self._clock() - now)

    async def run(self) -> None:
        """Sweep what is due, again and again, until cancelled."""
        while True:
            self._changed.clear()
            pause = await self.sweep_due()
            try:
                await asyncio.wait_for(self._changed.wait(), pause)
            except TimeoutError:
                continue

    async def sweep_due(self) -> float:
        """Sweep the zones whose time has come; return the seconds until the next one's."""
        for apex, plan in list(self.plans.items()):
            windows = plan.windows
            if plan.due > self._timer():
                continue
            if abs(self._clock() - self._timer() - plan.lead) > windows.pause:
                log.warning("scavenging waits, since the clock was set or stood still", zone=to_text(apex))
                self.plans[apex] = self._plan(windows, windows.refresh)
                continue
            self.plans[apex] = self._plan(windows, windows.pause)
            await self._sweep(apex, windows)
        return max(0.0, min((plan.due - self._timer() for plan in self.plans.values()), default=_IDLE))

    async def _sweep(self, apex: bytes, windows: Windows) -> None:
        now = int(self._clock())
        owners = await self._look(apex, windows, now)
        gone: list[Stale] = []

        def change(draft: Draft) -> None:
            # The option may have been taken back while others had their turn.
            plan = self.plans.get(apex)
            if plan is not None and plan.windows == windows:
                gone.extend(scavenge.sweep(draft, owners, windows, now))

        if not owners:
            return
        try:
            step = await self._served.edit(apex, change)
        except (Declined, StoreFailed) as e:
            log.warning("not scavenged", zone=to_text(apex), why=str(e))
            return
        if step is not None:
            log.info(
                "scavenged",
                zone=to_text(apex),
                serial=step.serial_to,
                records=len(gone),
                names=" ".join(to_text(owner) for owner in owners[:_TOLD]) + (" …" if len(owners) > _TOLD else ""),
            )

    async def _look(self, apex: bytes, windows: Windows, now: int) -> list[bytes]:
        """Return the names with stale records; others have their turn in between."""
        zone = self._served.zones.get(apex)
        # A copy: the zone goes on changing.
        nodes = list(zone.nodes.items()) if zone is not None else []
        found: dict[bytes, None] = {}
        for at in range(0, len(nodes), SLICE):
            found |= dict.fromkeys(one.owner for one in scavenge.find(apex, nodes[at : at + SLICE], windows, now))
            await asyncio.sleep(0)
        return list(found)
