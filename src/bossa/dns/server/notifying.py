"""NOTIFY out: each server that a zone names is told of its serial, until it says that it heard.  RFC 1996

A task a zone and server: it waits a moment, so that a burst of changes is one
NOTIFY, and tells the serial of then; when that has moved on at its end, the
next one begins.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial

from bossa.dns import notify
from bossa.dns.errors import TransferFailed, rcode_text
from bossa.dns.names import to_text
from bossa.dns.notify import WAITS
from bossa.dns.remote import Remote
from bossa.dns.server import client
from bossa.dns.server.client import Sent
from bossa.dns.server.fetching import reason
from bossa.dns.server.service import Names
from bossa.dns.zone import Zone
from bossa.observe import log, metrics
from bossa.wire import WireError

# How long changes are gathered, in seconds.
_GATHER = 0.25
# Servers that are told at a time; each takes a socket.
_AT_A_TIME = 256


class Notifying:
    """Tells other servers of new serials; ``own`` says which addresses are ours."""

    def __init__(
        self,
        served: Names,
        clock: Callable[[], float],
        own: Callable[[tuple[str, int]], bool],
        octets: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._served = served
        self._clock = clock
        self._own = own
        self._octets = octets
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        self._tasks: dict[tuple[bytes, Remote], asyncio.Task[None]] = {}
        # The serial that each server has acknowledged, or was told in vain, by apex.
        self._told: dict[bytes, dict[Remote, int]] = {}
        served.watchers.append(self.watch)

    def start(self) -> None:
        """Tell of every zone, since nobody knows what happened before."""
        for apex in self._served.zones:
            self.watch(apex)

    def stop(self) -> None:
        """Tell nobody any more."""
        for task in self._tasks.values():
            task.cancel()

    def watch(self, apex: bytes) -> None:
        """Take note of a zone that may have a new serial or other servers to tell."""
        targets = self._targets(apex)
        told = self._still_told(apex, targets)
        for remote in targets:
            place = apex, remote
            if place in self._tasks or told.get(remote) == self._served.zones[apex].serial:
                continue
            task = asyncio.get_running_loop().create_task(self._tell(apex, remote))
            self._tasks[place] = task
            task.add_done_callback(partial(self._ended, place))

    def _still_told(self, apex: bytes, targets: list[Remote]) -> dict[Remote, int]:
        """Return what those were told who are still to be told; of others nothing is kept."""
        told = {remote: serial for remote, serial in self._told.pop(apex, {}).items() if remote in targets}
        if told:
            self._told[apex] = told
        return told

    def _targets(self, apex: bytes) -> list[Remote]:
        """Return whom to tell of a zone now; nobody of one that is gone or not served."""
        options, zone = self._served.options.get(apex), self._served.zones.get(apex)
        if options is None or zone is None or not options.notify or apex in self._served.expired:
            return []
        found = notify.targets(zone, self._served.zones, options.notify)
        return [remote for remote in found if not self._own((remote.host, remote.port))]

    def _ended(self, place: tuple[bytes, Remote], task: asyncio.Task[None]) -> None:
        """Look once more: the serial may have moved just when the task was done."""
        self._tasks.pop(place, None)
        if not task.cancelled():
            self.watch(place[0])

    async def _tell(self, apex: bytes, remote: Remote) -> None:
        """Tell the serial of now, try after try; then it is told, or the server finds out by its own timer."""
        await asyncio.sleep(_GATHER)
        serial, why = 0, ""
        for wait in WAITS:
            if remote not in self._targets(apex):
                return
            zone = self._served.zones[apex]
            serial = zone.serial
            self._told.setdefault(apex, {})[remote] = serial
            started = self._clock()
            try:
                async with self._slots:
                    await self._try(zone, remote, wait)
            except (TransferFailed, OSError) as e:
                why = reason(e)
                await asyncio.sleep(max(0.0, started + wait - self._clock()))
                continue
            metrics.add("bossa_dns_notifies_total", ("out", "done"))
            log.debug("notify", zone=to_text(apex), to=remote.text, serial=serial)
            return
        metrics.add("bossa_dns_notifies_total", ("out", "failed"))
        log.warning("notify failed", zone=to_text(apex), to=remote.text, serial=serial, why=why)

    async def _try(self, zone: Zone, remote: Remote, wait: float) -> None:
        wire = notify.notify(zone.apex, zone.soa_rrset, int.from_bytes(self._octets(2), "big"))
        sent = Sent.sign(wire, client.key_of(remote, self._served.keys), self._clock())
        await client.ask_udp(remote, sent.wire, partial(self._read, wire, sent), (wait,))

    def _read(self, wire: bytes, sent: Sent, received: bytes) -> bool | None:
        """Take the answer; raises TransferFailed for one that says no."""
        reply = notify.read_answer(received, wire)
        if reply is None:
            return None
        try:
            sent.verify(reply, self._clock())
        except WireError as e:
            raise TransferFailed(f"{rcode_text(reply.rcode)}: {e}") from None
        if reply.rcode:
            raise TransferFailed(f"the server says {rcode_text(reply.rcode)}")
        return True
