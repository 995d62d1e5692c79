"""The owner's state and its one way to change: zones, keys, rules, and the queue of edits.

Edits of all clients wait in one queue.  A batch of them is decided on drafts,
stored in one commit, applied to the zones, published to every worker, and
only then answered; the next batch is decided while workers take the last one
in.  A batch that the store refuses leaves the zones as they were.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from bossa.dns import names
from bossa.dns.changes import Draft, close
from bossa.dns.errors import Rcode, Refused, StoreFailed
from bossa.dns.lookup import Zones
from bossa.dns.policy import Network, Rules, parse_rule
from bossa.dns.ports import KeyRow, RuleRow, ZoneOptions, ZoneStore
from bossa.dns.prepare import Preparer
from bossa.dns.tsig import Key
from bossa.dns.zone import RRset, RRsetChange, Step, Zone

# Edits stored in one commit at most, and edits that may wait.
_BATCH = 256
_WAITING = 8192
# Names prepared in one go before other work gets its turn.
SLICE = 2000

Decide = Callable[[Draft], Sequence[RRsetChange] | None]
Publish = Callable[[bytes], Awaitable[None]]
OpenKey = Callable[[KeyRow], Key]


@dataclass(slots=True)
class _Edit:
    apex: bytes
    decide: Decide
    done: asyncio.Future[Step | None]
    step: Step | None = None
    refusal: Refused | None = None

    def settle(self, failed: StoreFailed | None = None) -> None:
        """Tell the waiting client how it ended."""
        if self.done.done():
            return
        if failed is not None:
            self.done.set_exception(failed)
        elif self.refusal is not None:
            self.done.set_exception(self.refusal)
        else:
            self.done.set_result(self.step)


class Names:
    """What the name server serves.

    ``publish`` hands a delta to every query worker and returns when the live
    ones have applied it.
    """

    def __init__(self, store: ZoneStore, publish: Publish, *, recursion: bool) -> None:
        self.zones = Zones()
        self.options: dict[bytes, ZoneOptions] = {}
        self.keys: dict[bytes, Key] = {}
        self.rules: dict[bytes, tuple[RuleRow, ...]] = {}
        # The networks of zones that do not answer everybody.
        self.closed: dict[bytes, tuple[Network, ...]] = {}
        self._parsed: dict[bytes, Rules] = {}
        self._store = store
        self._publish = publish
        self._preparer = Preparer(self.zones, self.closed.__contains__, recursion=recursion)
        self._edits: asyncio.Queue[_Edit] = asyncio.Queue(_WAITING)
        self._changing = asyncio.Lock()
        self._publishing: set[asyncio.Task[None]] = set()

    def load(self, open_key: OpenKey) -> None:
        """Read everything from the store.  Blocking; for the start only."""
        for apex, options in self._store.zones():
            self._set_options(apex, options)
            self.zones[apex] = Zone(apex, self._store.load(apex))
        self.keys |= {row.name: open_key(row) for row in self._store.tsig_keys()}
        self.rules |= self._store.rules()

    def zone(self, name_text: str) -> Zone:
        """Return the zone of this name; raises Refused."""
        try:
            zone = self.zones.get(names.from_text(name_text).lower())
        except ValueError as e:
            raise Refused(Rcode.FORMERR, str(e)) from None
        if zone is None:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {name_text}")
        return zone

    def policy(self, apex: bytes) -> Rules:
        """Return the rules of a zone, those of all zones after its own."""
        found = self._parsed.get(apex)
        if found is None:
            rows = (*self.rules.get(apex, ()), *self.rules.get(b"", ()))
            found = self._parsed[apex] = Rules(tuple(parse_rule(row) for row in rows))
        return found

    async def edit(self, apex: bytes, decide: Decide) -> Step | None:
        """Change a zone's records: decided on a draft, one serial step, stored and in force on return.

        ``decide`` changes the draft or returns the changes, the SOA's serial left to us.
        Raises what it raises (Refused), Refused for a full queue, and StoreFailed.
        """
        edit = _Edit(apex, decide, asyncio.get_running_loop().create_future())
        try:
            self._edits.put_nowait(edit)
        except asyncio.QueueFull:
            raise Refused(Rcode.SERVFAIL, f"{_WAITING} updates are waiting") from None
        return await edit.done

    async def run(self) -> None:
        """Take edits from the queue, batch after batch, until cancelled."""
        while True:
            batch = [await self._edits.get()]
            while len(batch) < _BATCH and not self._edits.empty():
                batch.append(self._edits.get_nowait())
            async with self._changing:
                await self._carry_out(batch)

    async def _carry_out(self, batch: list[_Edit]) -> None:
        steps = self._decide(batch)
        if steps:
            try:
                await self._store.commit(steps)
            except StoreFailed as e:
                # Refusals of this batch may rest on steps that were not stored.
                for edit in batch:
                    edit.settle(e)
                return
            for step in steps:
                self.zones[step.apex].apply(step.changes)
            delta = self._preparer.after(steps).encode()
        else:
            delta = b""
        task = asyncio.get_running_loop().create_task(self._finish(batch, delta))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _finish(self, batch: list[_Edit], delta: bytes) -> None:
        if delta:
            await self._publish(delta)
        for edit in batch:
            edit.settle()

    def _decide(self, batch: list[_Edit]) -> list[Step]:
        drafts: dict[bytes, Draft] = {}
        steps = []
        for edit in batch:
            try:
                edit.step = self._decide_one(edit, drafts)
            except Refused as e:
                edit.refusal = e
            if edit.step is not None:
                steps.append(edit.step)
        return steps

    def _decide_one(self, edit: _Edit, drafts: dict[bytes, Draft]) -> Step | None:
        zone = self.zones.get(edit.apex)
        if zone is None:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(edit.apex)}")
        ground = drafts.setdefault(edit.apex, Draft(zone))
        attempt = Draft(ground)
        changes = edit.decide(attempt)
        if changes:
            attempt.apply(changes)
        step = close(attempt)
        if step is not None:
            ground.apply(step.changes)
        return step

    async def create_zone(
        self,
        apex: bytes,
        rrsets: Iterable[tuple[bytes, RRset]],
        options: ZoneOptions | None = None,
        *,
        replace: bool = False,
    ) -> None:
        """Store and serve a zone; with ``replace`` in the place of the one that is there."""
        async with self._changing:
            old = self.zones.get(apex)
            if old is not None and not replace:
                raise Refused(Rcode.YXDOMAIN, f"there is a zone {names.to_text(apex)} already")
            content = list(rrsets)
            options = options or self.options.get(apex) or ZoneOptions()
            zone = await asyncio.to_thread(Zone, apex, content)
            await self._store.create(apex, options, content)
            hidden = self._preparer.arrived(zone)
            self.zones[apex] = zone
            self._set_options(apex, options)
            await self._publish_zone(zone, hidden | set(old.names() if old else ()), old)

    async def remove_zone(self, apex: bytes) -> None:
        """Forget a zone."""
        async with self._changing:
            if apex not in self.zones:
                raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(apex)}")
            await self._store.remove(apex)
            zone = self.zones.pop(apex)
            self.options.pop(apex, None)
            self.closed.pop(apex, None)
            self.rules.pop(apex, None)
            self._parsed.pop(apex, None)
            await self._publish(self._preparer.forget_zone(zone).encode())

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        """Store a zone's options."""
        async with self._changing:
            await self._store.set_options(apex, options)
            was_closed = self.closed.get(apex)
            self._set_options(apex, options)
            if self.closed.get(apex) != was_closed:
                zone = self.zones[apex]
                await self._publish_zone(zone, set(zone.names()))

    def _set_options(self, apex: bytes, options: ZoneOptions) -> None:
        self.options[apex] = options
        if options.allow_query:
            self.closed[apex] = tuple(ipaddress.ip_network(one) for one in options.allow_query)
        else:
            self.closed.pop(apex, None)

    async def add_key(self, key: Key, row: KeyRow) -> None:
        """Store a TSIG key and take it into use."""
        await self._store.put_key(row)
        self.keys[key.name] = key

    async def remove_key(self, name: bytes) -> None:
        """Forget a TSIG key; what it signs is unknown from now on."""
        await self._store.remove_key(name)
        self.keys.pop(name, None)

    async def set_rules(self, apex: bytes, rules: Sequence[RuleRow]) -> None:
        """Store the policy of one zone (b"": of all zones) in the place of the one that is there."""
        for row in rules:
            parse_rule(row)
        await self._store.put_rules(apex, rules)
        self.rules[apex] = tuple(rules)
        if not rules:
            del self.rules[apex]
        self._parsed.clear()

    async def _publish_zone(self, zone: Zone, again: set[bytes], former: Zone | None = None) -> None:
        """Publish a zone in slices, what is below first, so that no name seems missing meanwhile."""
        await self._publish(self._preparer.zone_forms(zone).encode())
        shown = self._preparer.zone_names(zone)
        # A name is longer than every name above it.
        order = sorted({*shown, *again}, key=len, reverse=True)
        for at in range(0, len(order), SLICE):
            await self._publish(self._preparer.refresh(order[at : at + SLICE], former).encode())
            await asyncio.sleep(0)

    async def snapshot(self, send: Publish) -> None:
        """Send everything to one new worker, in slices; what changes meanwhile reaches it as deltas in between."""
        for zone in list(self.zones.values()):
            await send(self._preparer.zone_forms(zone).encode())
            order = self._preparer.zone_names(zone)
            for at in range(0, len(order), SLICE):
                await send(self._preparer.names(order[at : at + SLICE], zone).encode())
                await asyncio.sleep(0)
