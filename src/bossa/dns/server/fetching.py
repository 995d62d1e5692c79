"""A zone fetched from one primary: its serial asked for, an increment or the whole zone received and stored.

What breaks off, is not signed as it should be, or is not a zone changes
nothing.  Messages are read in a thread, and a large difference is stored as a
new zone in slices, so that answers do not wait.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from bossa.dns import incoming, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Declined, Rcode, Refused, TransferFailed
from bossa.dns.incoming import Content, Current, Increment, SerialStep, Transfer
from bossa.dns.message import Flag, Message
from bossa.dns.names import to_text
from bossa.dns.remote import Remote
from bossa.dns.secondary import is_fetched
from bossa.dns.server import client
from bossa.dns.server.client import Patience, Sent
from bossa.dns.server.service import Names
from bossa.dns.tsigstream import StreamVerifier
from bossa.dns.zone import Mark, Origin, RRsetChange, Zone, serial_gt
from bossa.net.tcp import frame
from bossa.observe import log, metrics
from bossa.wire import WireError

# A whole zone that differs in more RRsets is stored anew: one step of so many would hold up the updates of others.
_MOST_CHANGES = 4000
# Why an increment is not had, after which the same primary is asked for the whole zone.
_FALL_BACK = (TransferFailed, Declined, ConnectionError)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches zones into ``served``; ``clock`` gives seconds since 1970."""

    served: Names
    clock: Callable[[], float]
    patience: Patience = field(default_factory=Patience)
    limits: incoming.Limits = field(default_factory=incoming.Limits)
    octets: Callable[[int], bytes] = os.urandom

    async def refresh(self, apex: bytes, primary: Remote) -> None:
        """Bring a zone up to the serial that a primary has.

        Raises TransferFailed, Declined, StoreFailed, TimeoutError or OSError.
        """
        zone = self._zone(apex, primary)
        if not is_fetched(zone):
            await self.whole(apex, primary)
            return
        serial = await self._serial(apex, primary)
        if serial == zone.serial:
            return
        if not serial_gt(serial, zone.serial):
            raise TransferFailed(f"it is behind us: its serial is {serial}, ours {zone.serial}")
        try:
            await self._transfer(apex, primary, types.IXFR)
        except _FALL_BACK as e:
            log.info("increment not taken", zone=to_text(apex), primary=primary.text, why=reason(e))
            await self.whole(apex, primary)

    async def whole(self, apex: bytes, primary: Remote) -> None:
        """Fetch the whole zone, newer or not."""
        await self._transfer(apex, primary, types.AXFR)

    def _zone(self, apex: bytes, primary: Remote) -> Zone:
        """Return the zone as it is; raises Refused when it was removed or follows others meanwhile."""
        options = self.served.options.get(apex)
        if options is None or primary.text not in options.primaries:
            raise Refused(Rcode.REFUSED, "the zone is gone, or has other primaries")
        return self.served.zones[apex]

    def _sign(self, wire: bytes, primary: Remote) -> Sent:
        return Sent.sign(wire, client.key_of(primary, self.served.keys), self.clock())

    def _id(self) -> int:
        return int.from_bytes(self.octets(2), "big")

    async def _serial(self, apex: bytes, primary: Remote) -> int:
        """Ask for the SOA over UDP, over TCP when the answer is cut short or nothing comes.  RFC 1034 §4.3.5"""
        wire = incoming.query(apex, types.SOA, self._id())
        sent = self._sign(wire, primary)
        accept = partial(self._read, Message.decode(wire), sent)
        try:
            reply: Message | None = await client.ask_udp(primary, sent.wire, accept, self.patience.tries)
        except TimeoutError:
            reply = None
        if reply is None or reply.flags & Flag.TC:
            reply = accept(await client.ask_tcp(primary, sent.wire, self.patience))
        try:
            if reply is None:
                raise TransferFailed("what came back answers something else")
            incoming.check_answer(reply, Message.decode(wire))
            return incoming.answered_serial(reply, apex)
        except WireError as e:
            raise TransferFailed(str(e)) from None

    def _read(self, asked: Message, sent: Sent, wire: bytes) -> Message | None:
        """Return a message if it may be the answer; raises TransferFailed when its signature is not good."""
        try:
            reply = Message.decode(wire)
            if reply.id != asked.id or not reply.flags & Flag.QR:
                return None
            sent.verify(reply, self.clock())
        except WireError as e:
            raise TransferFailed(str(e)) from None
        return reply

    async def _transfer(self, apex: bytes, primary: Remote, rtype: int) -> None:
        started, zone = self.clock(), self._zone(apex, primary)
        before = zone.serial if is_fetched(zone) else None
        kind = types.type_text(rtype)
        try:
            async with asyncio.timeout(self.patience.transfer):
                content = await self._receive(apex, primary, rtype)
            stored = await self._store(apex, primary, content)
        except BaseException:
            metrics.add("bossa_dns_transfers_total", ("in", kind, "failed"))
            raise
        metrics.add("bossa_dns_transfers_total", ("in", kind, "done"))
        log.info(
            "transfer in",
            zone=to_text(apex),
            primary=primary.text,
            kind=kind,
            stored=stored,
            serial_from=before,
            serial=content.serial,
            records=0 if isinstance(content, Current) else content.records,
            seconds=round(self.clock() - started, 3),
        )

    async def _receive(self, apex: bytes, primary: Remote, rtype: int) -> Content:
        """Return the whole content of a transfer; raises what ended it before."""
        zone = self._zone(apex, primary)
        incremental = rtype == types.IXFR
        wire = incoming.query(apex, rtype, self._id(), zone.soa_rrset if incremental else None)
        sent = self._sign(wire, primary)
        verifier = StreamVerifier(sent.key, sent.mac) if sent.key is not None else None
        mark = Mark(Origin.PRIMARY, int(self.clock()))
        transfer = Transfer(apex, wire, zone.serial if incremental else None, mark, self.limits)
        async with client.connection(primary, self.patience) as (reader, writer):
            writer.write(frame(sent.wire))
            while True:
                received = await client.message(reader, self.patience)
                if await asyncio.to_thread(transfer.take, received, verifier, int(self.clock())):
                    assert transfer.content is not None, "it is whole"
                    return transfer.content

    async def _store(self, apex: bytes, primary: Remote, content: Content) -> str:
        """Put a transfer's content into the zone; tell whether as steps or as a new zone."""
        if isinstance(content, Current):
            return "nothing new"
        zone = self._zone(apex, primary)
        if isinstance(content, Increment):
            await self._follow(apex, primary, content)
            return "steps"
        if is_fetched(zone) and serial_gt(content.serial, zone.serial):
            changes = await asyncio.to_thread(incoming.differences, zone, content.rrsets)
            if len(changes) <= _MOST_CHANGES:
                await self.served.edit(apex, partial(self._at_serial, primary, zone.serial, changes))
                return "difference"
        await self.served.replace_zone(apex, content.rrsets, partial(self._zone, apex, primary))
        return "new zone"

    async def _follow(self, apex: bytes, primary: Remote, increment: Increment) -> None:
        """Make each step of the primary's one of ours; queued at once, they share their commits."""
        mark = Mark(Origin.PRIMARY, int(self.clock()))
        edits = [self.served.edit(apex, partial(self._take, primary, step, mark)) for step in increment.steps]
        for result in await asyncio.gather(*edits, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    # How the edits are decided, which is later than they were queued.

    def _take(self, primary: Remote, step: SerialStep, mark: Mark, draft: Draft) -> None:
        self._zone(draft.apex, primary)
        incoming.take_step(step, draft, mark)

    def _at_serial(self, primary: Remote, serial: int, changes: list[RRsetChange], draft: Draft) -> list[RRsetChange]:
        """Make changes that were found against a serial; raises OutOfStep when the zone has moved on."""
        self._zone(draft.apex, primary)
        incoming.expect_serial(serial, draft)
        return changes


def reason(error: BaseException) -> str:
    """Say in a few words why a server gave us nothing."""
    if isinstance(error, Refused):
        return error.reason
    if isinstance(error, TimeoutError):
        return str(error) or "no answer in time"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
