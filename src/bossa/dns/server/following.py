"""The secondary role at work: refreshes when they are due, service that ends and begins again, NOTIFY in.

What is due and whom to ask is dns/secondary.py's to say; fetching.py does it.
One task looks after all zones; each refresh is a task of its own, a few at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine
from typing import Any

from bossa.dns.errors import Declined, Ede, Rcode, Refused, StoreFailed, TransferFailed
from bossa.dns.exchange import Exchange
from bossa.dns.names import to_text
from bossa.dns.remote import Remote
from bossa.dns.secondary import Secondary, Timers, is_fetched, read_notify
from bossa.dns.server import audit
from bossa.dns.server.fetching import Fetcher, reason
from bossa.dns.server.passing import Passing
from bossa.dns.server.service import Names
from bossa.observe import log

# Refreshes at a time.
_AT_A_TIME = 10
# Zones are looked after no more often than so many seconds, however many wake us.
_REST = 0.02
# What one primary may fail with; the next one is asked.
_FAILURES = (TransferFailed, Declined, StoreFailed, OSError)


class Following:
    """All zones of ours that follow a primary; ``clock`` gives seconds since 1970, ``chance`` a number from 0 to 1."""

    def __init__(
        self,
        served: Names,
        fetcher: Fetcher,
        clock: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.zones: dict[bytes, Secondary] = {}
        self._served = served
        self._fetcher = fetcher
        self._clock = clock
        self._chance = chance
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        self._passing = Passing()
        self._tasks: set[asyncio.Task[None]] = set()
        served.watchers.append(self._watch)

    def load(self) -> None:
        """Take up the zones that were loaded; those that expired meanwhile are not served."""
        now = self._clock()
        for apex in self._served.options:
            self._adopt(apex)
        for apex, zone in self.zones.items():
            if zone.has_expired(now):
                zone.expired = True
                self._served.expired.add(apex)

    async def run(self) -> None:
        """Look after the zones until cancelled."""
        while True:
            self._wake.clear()
            now = self._clock()
            for zone in list(self.zones.values()):
                self._attend(zone, now)
            await asyncio.sleep(_REST)
            wakes = (zone.wakes() for zone in self.zones.values())
            wait = min(wakes, default=float("inf")) - self._clock()
            try:
                async with asyncio.timeout(max(0.0, wait) if wait < float("inf") else None):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _attend(self, zone: Secondary, now: float) -> None:
        if zone.has_expired(now) and not zone.expired:
            zone.expired = True
            self._later(self._expire(zone))
        if zone.due <= now and not zone.under_way:
            self._later(self._refresh(zone, zone.begin(now)))

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def wake(self) -> None:
        """Look after the zones now."""
        self._wake.set()

    def stop(self) -> None:
        """End the refreshes under way; what they have not stored changes nothing."""
        for task in self._tasks:
            task.cancel()

    # Which zones there are

    def _watch(self, apex: bytes) -> None:
        """Take note of a zone that came, went, or has other primaries."""
        options = self._served.options.get(apex)
        known = self.zones.get(apex)
        wanted = tuple(map(Remote.parse, options.primaries)) if options is not None else ()
        if wanted == (known.primaries if known is not None else ()):
            return
        self.zones.pop(apex, None)
        self._adopt(apex)
        self.wake()

    def _adopt(self, apex: bytes) -> None:
        """Begin to follow the primaries of a zone, if it has any; it is refreshed at once."""
        options = self._served.options.get(apex)
        if options is None or not options.primaries:
            return
        now, zone = self._clock(), self._served.zones[apex]
        contact, timers = None, None
        if is_fetched(zone):
            # Content without a contact was ours until now.
            contact, timers = self._served.contacts.get(apex, now), Timers.of(zone.soa)
            if apex not in self._served.contacts:
                self._later(self._note(apex, int(now)))
        self.zones[apex] = Secondary(apex, tuple(map(Remote.parse, options.primaries)), contact, timers, due=now)

    # What is done with one

    async def _note(self, apex: bytes, when: int) -> None:
        try:
            await self._served.note_contact(apex, when)
        except (StoreFailed, Refused) as e:
            log.error("contact not stored", zone=to_text(apex), why=str(e))

    async def _expire(self, zone: Secondary) -> None:
        assert zone.contact is not None, "a zone without a contact does not expire"
        seconds = int(self._clock() - zone.contact)
        log.error("zone expired", zone=to_text(zone.apex), contact_seconds_ago=seconds, why=zone.failure)
        with contextlib.suppress(Refused):
            # Refused when it was removed meanwhile.
            await self._settle(zone)

    async def _settle(self, zone: Secondary) -> None:
        """Serve a zone or not, as its state says, also when that changes meanwhile; raises Refused."""
        while (zone.apex in self._served.expired) is zone.served and self.zones.get(zone.apex) is zone:
            await self._served.reserve(zone.apex, self._served.expired, reserved=not zone.served)

    async def _refresh(self, zone: Secondary, primaries: list[Remote]) -> None:
        """Ask the primaries in turn until one has what we want, or confirms what we have."""
        await self._try_each(zone, primaries, self._fetcher.refresh)

    async def _try_each(
        self, zone: Secondary, primaries: list[Remote], fetch: Callable[[bytes, Remote], Coroutine[Any, Any, None]]
    ) -> None:
        failures = []
        try:
            async with self._slots:
                for primary in primaries:
                    try:
                        await fetch(zone.apex, primary)
                        await self._confirm(zone, primary)
                        return
                    except _FAILURES as e:
                        failures.append(f"{primary.text}: {reason(e)}")
                        log.warning("refresh failed", zone=to_text(zone.apex), primary=primary.text, why=reason(e))
        finally:
            if zone.under_way:
                zone.failed("; ".join(failures) or "ended by an error of our own", self._clock(), self._chance())
            self.wake()

    async def _confirm(self, zone: Secondary, primary: Remote) -> None:
        """Note that the zone is what its primary has, on disk before it is served."""
        apex, now = zone.apex, self._clock()
        if self.zones.get(apex) is not zone:
            raise TransferFailed("the zone is gone, or has other primaries")
        await self._served.note_contact(apex, int(now))
        zone.succeeded(primary, self._served.zones[apex].soa, now, self._chance())
        if apex in self._served.expired:
            await self._settle(zone)
            log.info("zone served", zone=to_text(apex), primary=primary.text)

    async def retransfer(self, apex: bytes, *, full: bool) -> Secondary:
        """Refresh a zone now, with ``full`` whole and newer or not; return its state then."""
        zone = self.zones.get(apex)
        if zone is None:
            raise Refused(Rcode.NOTAUTH, f"{to_text(apex)} has no primary")
        while zone.under_way:
            await asyncio.sleep(_REST)
        primaries = zone.begin(self._clock())
        await self._try_each(zone, primaries, self._fetcher.whole if full else self._fetcher.refresh)
        return zone

    async def pass_on(self, wire: bytes, apex: bytes) -> bytes:
        """Return a primary's answer to an update for a zone that we follow; raises Refused."""
        return await self._passing.update(wire, apex, self.zones[apex].primaries)

    def notified(self, exchange: Exchange) -> None:
        """Take a NOTIFY; raises Refused.  RFC 1996 §3.10, §3.11"""
        apex, serial = read_notify(exchange.message)
        zone, served = self.zones.get(apex), self._served.zones.get(apex)
        if served is None:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {to_text(apex)}", Ede.NOT_AUTHORITATIVE)
        if zone is None:
            raise Refused(Rcode.REFUSED, f"{to_text(apex)} has no primary: it is ours", Ede.PROHIBITED)
        sender = zone.sender(exchange.caller)
        audit.notified(exchange, apex, serial)
        if zone.is_news(served, serial):
            zone.hurry(self._clock(), sender)
            self.wake()
