"""The owner's state and its one way to change: zones, keys, rules, and the queue of edits.

Edits of all clients wait in one queue.  A batch of them is decided on drafts,
stored in one commit, applied to the zones, published to every worker, and
only then answered; the next batch gathers meanwhile.  A batch that the store
refuses leaves the zones as they were.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections import deque
from collections.abc import Awaitable, Callable, Container, Iterable, Mapping, Sequence

from bossa.dns import names
from bossa.dns.errors import Rcode, Refused, StoreFailed
from bossa.dns.lookup import Zones
from bossa.dns.policy import Network, Rules, SidOf, no_groups, parse_rule
from bossa.dns.ports import HistoryStep, KeyRow, RuleRow, ZoneOptions, ZoneStore
from bossa.dns.prepare import Delta, Preparer
from bossa.dns.query import Ground
from bossa.dns.routes import Rules as ForwardRules
from bossa.dns.secondary import is_fetched
from bossa.dns.server.edits import Decide, Edit, Outcome, Settled, decide, settle
from bossa.dns.tsig import Key
from bossa.dns.zone import RRset, Step, Zone

# Edits stored in one commit at most, and edits that may wait.
_BATCH = 256
_WAITING = 8192
# Names prepared in one go before other work gets its turn.
SLICE = 2000

# Takes a delta; returns None when it is in force on every worker, else what does so when it is.
Publish = Callable[[bytes], Awaitable[None] | None]
Send = Callable[[bytes], Awaitable[None]]
OpenKey = Callable[[KeyRow], Key]
Watcher = Callable[[bytes], None]


class Reserved(Container[bytes]):
    """Apexes of zones whose questions all go to the owner, for one of several reasons."""

    def __init__(self, *reasons: Container[bytes]) -> None:
        self._reasons = reasons

    def __contains__(self, apex: object) -> bool:
        return any(apex in reason for reason in self._reasons)


class Names:
    """What the name server serves.

    ``publish`` hands a delta to every query worker.
    """

    def __init__(self, store: ZoneStore, publish: Publish, *, recursion: bool) -> None:
        self.zones = Zones()
        self.options: dict[bytes, ZoneOptions] = {}
        self.keys: dict[bytes, Key] = {}
        self.rules: dict[bytes, tuple[RuleRow, ...]] = {}
        # The networks of zones that do not answer everybody.
        self.closed: dict[bytes, tuple[Network, ...]] = {}
        # Zones whose primaries were out of reach for too long, and zones in front of which a forward rule stands.
        self.expired: set[bytes] = set()
        self.overruled = self.zones.overruled
        self.reserved = Reserved(self.closed, self.expired, self.overruled)
        # Told of every zone that we begin to answer for, so that nobody remembers what others say of its names.
        self.on_arrival: Callable[[bytes], object] = lambda apex: None
        # Finds the SID of a group that a rule names.
        self.sid_of: SidOf = no_groups
        # When a primary last confirmed a secondary zone, in seconds since 1970.
        self.contacts: dict[bytes, int] = {}
        # Each is called with the apex of a zone that came, went, or has other options or records.
        self.watchers: list[Watcher] = []
        self._parsed: dict[bytes, Rules] = {}
        self._store = store
        self._publish = publish
        self._preparer = Preparer(self.zones, self.reserved, recursion=recursion)
        self._edits: deque[Edit] = deque()
        self._edited = asyncio.Event()
        # Held while edits are stored and applied, and while a zone comes or goes.
        self._changing = asyncio.Lock()
        # Held from there on until the workers have the whole of a zone.
        self._reshaping = asyncio.Lock()
        self._publishing: set[asyncio.Task[None]] = set()

    def load(self, open_key: OpenKey) -> None:
        """Read everything from the store.  Blocking; for the start only."""
        for apex, options in self._store.zones():
            self._set_options(apex, options)
            self.zones[apex] = Zone(apex, self._store.load(apex))
            self._judge(apex)
        self.keys |= {row.name: open_key(row) for row in self._store.tsig_keys()}
        self.rules |= self._store.rules()
        self.contacts |= self._store.contacts()

    @property
    def ground(self) -> Ground:
        """What questions are asked of."""
        return Ground(self.zones, self.closed, self.expired)

    def policy(self, apex: bytes) -> Rules:
        """Return the rules of a zone, those of all zones after its own; only the latter where we have no such zone."""
        # Any stranger may name a zone in an update.
        apex = apex if apex in self.zones else b""
        found = self._parsed.get(apex)
        if found is None:
            rows = (*(self.rules.get(apex, ()) if apex else ()), *self.rules.get(b"", ()))
            found = self._parsed[apex] = Rules(tuple(parse_rule(row, self._group_sid) for row in rows))
        return found

    def _group_sid(self, group: str) -> str | None:
        return self.sid_of(group)

    def submit(self, apex: bytes, change: Decide, settled: Settled) -> None:
        """Have a zone's records changed: decided on a draft, one serial step, stored and in force when settled.

        ``change`` changes the draft or returns the changes, the SOA's serial left to us, or raises Declined.
        ``settled`` must not raise.  Raises Refused for a full queue.
        """
        if len(self._edits) >= _WAITING:
            raise Refused(Rcode.SERVFAIL, f"{_WAITING} updates are waiting")
        self._edits.append(Edit(apex, change, settled))
        self._edited.set()

    async def edit(self, apex: bytes, change: Decide) -> Step | None:
        """Submit a change and wait for it; raises the Declined that ``change`` raises, Refused, and StoreFailed."""
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.submit(apex, change, lambda outcome: None if done.done() else done.set_result(outcome))
        outcome = await done
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def run(self) -> None:
        """Take edits from the queue, batch after batch, until cancelled."""
        while True:
            await self._edited.wait()
            await self._gather()
            async with self._changing:
                batch = [self._edits.popleft() for _ in range(min(_BATCH, len(self._edits)))]
                if not self._edits:
                    self._edited.clear()
                try:
                    await self._carry_out(batch)
                except BaseException:
                    # A bug, or the end: nobody is left waiting.
                    settle(batch, StoreFailed("the server met an error of its own"))
                    raise

    async def _gather(self) -> None:
        """Let more edits come in as long as each turn of the loop brings some: they share one commit."""
        seen = 1
        while seen < len(self._edits) < _BATCH:
            seen = len(self._edits)
            await asyncio.sleep(0)

    async def _carry_out(self, batch: list[Edit]) -> None:
        steps = decide(batch, self.zones, self.options)
        if steps:
            try:
                await self._store.commit(steps)
            except StoreFailed as e:
                # Refusals of this batch may rest on steps that were not stored.
                settle(batch, e)
                return
            for step in steps:
                self.zones[step.apex].apply(step.changes)
        self._make_known(batch, *self._first_delta(steps))
        self._tell(*{step.apex for step in steps})

    def _first_delta(self, steps: list[Step]) -> tuple[Delta, list[bytes]]:
        """Return the delta of a batch, and the names for which it would be too large."""
        delta, wanted = self._preparer.after(steps)
        self._preparer.add(wanted[:SLICE], delta)
        return delta, wanted[SLICE:]

    def _make_known(self, batch: list[Edit], delta: Delta, rest: list[bytes]) -> None:
        """Publish what a batch changed, and answer its clients, at once unless workers have to be waited for."""
        wait = self._publish(delta.encode()) if delta else None
        if wait is None and not rest:
            settle(batch)
            return
        task = asyncio.get_running_loop().create_task(self._finish(batch, wait, rest))
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _finish(self, batch: list[Edit], wait: Awaitable[None] | None, rest: list[bytes]) -> None:
        try:
            if wait is not None:
                await wait
            await self._publish_names(rest)
        except BaseException:
            settle(batch, StoreFailed("the change is stored and not everywhere in force"))
            raise
        settle(batch)

    async def _publish_names(self, order: Sequence[bytes], former: Zone | None = None) -> None:
        """Prepare names anew and publish them in slices, between which others have their turn."""
        for at in range(0, len(order), SLICE):
            await self._published(self._preparer.refresh(order[at : at + SLICE], former))
            await asyncio.sleep(0)

    async def _published(self, delta: Delta) -> None:
        """Publish a delta; it is in force on return."""
        if (wait := self._publish(delta.encode())) is not None:
            await wait

    async def create_zone(
        self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]], options: ZoneOptions | None = None
    ) -> None:
        """Store and serve a new zone."""
        async with self._reshaping:
            if apex in self.zones:
                raise Refused(Rcode.YXDOMAIN, f"there is a zone {names.to_text(apex)} already")
            await self._take_in(apex, list(rrsets), options or ZoneOptions())

    async def replace_zone(
        self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]], check: Callable[[], object]
    ) -> None:
        """Store and serve a zone in the place of the one that is there, whose options stay.

        ``check`` raises when that must not be; no zone comes, goes or gets other options between the two.
        """
        async with self._reshaping:
            self._expect(apex)
            check()
            await self._take_in(apex, list(rrsets), self.options[apex])

    async def _take_in(self, apex: bytes, content: Sequence[tuple[bytes, RRset]], options: ZoneOptions) -> None:
        zone = await asyncio.to_thread(Zone, apex, content)
        async with self._changing:
            old = self.zones.get(apex)
            answered = old is not None and apex not in self.overruled
            await self._store.create(apex, options, content)
            again = self._preparer.arrived(zone) | set(old.names() if old else ())
            self.zones[apex] = zone
            self._set_options(apex, options)
            self._judge(apex)
        self._tell(apex)
        if not answered:
            self.on_arrival(apex)
        await self._publish_zone(zone, again, old)

    async def create_zones(
        self, contents: Mapping[bytes, Sequence[tuple[bytes, RRset]]], options: ZoneOptions | None = None
    ) -> None:
        """Store and serve several small new zones at once, which share their commits."""
        options = options or ZoneOptions()
        async with self._reshaping:
            async with self._changing:
                creating = (self._store.create(apex, options, content) for apex, content in contents.items())
                await asyncio.gather(*creating)
                new = [Zone(apex, content) for apex, content in contents.items()]
                again = set().union(*(self._preparer.arrived(zone) for zone in new))
                for zone in new:
                    self.zones[zone.apex] = zone
                    self._set_options(zone.apex, options)
                    self.on_arrival(zone.apex)
            self._tell(*contents)
            await self._published(self._preparer.zone_forms(*new))
            names_of_all = again.union(*(self._preparer.zone_names(zone) for zone in new))
            await self._publish_names(_deepest_first(names_of_all))

    async def remove_zone(self, apex: bytes) -> None:
        """Forget a zone."""
        async with self._reshaping:
            async with self._changing:
                self._expect(apex)
                await self._store.remove(apex)
                zone = self.zones.pop(apex)
                self.options.pop(apex, None)
                for reason in (self.expired, self.overruled):
                    reason.discard(apex)
                self.closed.pop(apex, None)
                self.contacts.pop(apex, None)
                self.rules.pop(apex, None)
                self._parsed.pop(apex, None)
            self._tell(apex)
            await self._publish_names(_deepest_first(self._preparer.departed(zone)), zone)
            await self._published(self._preparer.without_forms(zone))

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        """Store a zone's options."""
        async with self._reshaping:
            async with self._changing:
                self._expect(apex)
                await self._store.set_options(apex, options)
                was_closed, was_reserved = self.closed.get(apex), apex in self.reserved
                self._set_options(apex, options)
                if not options.primaries:
                    # It is as if it never had one.
                    self.expired.discard(apex)
                    self.contacts.pop(apex, None)
            self._tell(apex)
            if self.closed.get(apex) != was_closed or (apex in self.reserved) != was_reserved:
                zone = self.zones[apex]
                await self._publish_zone(zone, self._preparer.arrived(zone) | set(zone.names()))

    async def reserve(self, apex: bytes, reason: set[bytes], *, reserved: bool) -> None:
        """Put a zone into one of ``expired`` and ``overruled``, or take it out; in force everywhere on return."""
        async with self._reshaping:
            async with self._changing:
                self._expect(apex)
                if (apex in reason) is reserved:
                    return
                (reason.add if reserved else reason.discard)(apex)
            self._tell(apex)
            self.on_arrival(apex)
            zone = self.zones[apex]
            await self._publish_zone(zone, self._preparer.arrived(zone) | set(zone.names()))

    async def note_contact(self, apex: bytes, when: int) -> None:
        """Store when a primary confirmed a zone."""
        self._expect(apex)
        await self._store.put_contact(apex, when)
        options = self.options.get(apex)
        if options is None or not options.primaries:
            # It went, or became ours, while the disk took that in.
            await self._store.put_contact(apex, None)
            raise Refused(Rcode.NOTAUTH, f"{names.to_text(apex)} has no primary any more")
        self.contacts[apex] = when

    def _judge(self, apex: bytes) -> None:
        """Keep a secondary zone that came from being served while it is yet to be fetched for the first time."""
        if self.options[apex].primaries and not is_fetched(self.zones[apex]):
            self.expired.add(apex)

    def _tell(self, *apexes: bytes) -> None:
        for apex in apexes:
            for watcher in self.watchers:
                watcher(apex)

    def _expect(self, apex: bytes) -> None:
        if apex not in self.zones:
            raise Refused(Rcode.NOTAUTH, f"there is no zone {names.to_text(apex)}")

    def use_rules(self, rules: ForwardRules) -> tuple[set[bytes], set[bytes]]:
        """Take forward rules into use, before anything was published.

        Return the domains at which a rule came or went, and the zones that were overruled or are no more.
        """
        changed, before = rules.keys() ^ self.zones.rules.keys(), set(self.overruled)
        self.zones.rules = rules
        for apex in self.zones:
            self._overrule(apex)
        return set(changed), before ^ self.overruled

    async def change_rules(self, rules: ForwardRules, also: Callable[[], None]) -> None:
        """Take other forward rules into use, and do what has to happen in the same moment; in force on return.

        Between the two nobody asks, so that no question goes to the resolvers of another rule.
        """
        async with self._reshaping:
            async with self._changing:
                changed, overruled = self.use_rules(rules)
                also()
                again = self._preparer.rerouted(changed)
            for apex in overruled:
                zone = self.zones[apex]
                await self._publish_zone(zone, self._preparer.arrived(zone) | set(zone.names()))
            # A new rule's own name comes before what is below it goes, so that no name seems missing meanwhile.
            await self._publish_names([*(changed & rules.keys()), *_deepest_first(again)])

    def _overrule(self, apex: bytes) -> None:
        """Let a forward rule at a private zone or above it have its place."""
        beaten = self.options[apex].private_reverse and self.zones.rules.find(apex) is not None
        (self.overruled.add if beaten else self.overruled.discard)(apex)

    def _set_options(self, apex: bytes, options: ZoneOptions) -> None:
        self.options[apex] = options
        self._overrule(apex)
        if options.allow_query:
            self.closed[apex] = tuple(ipaddress.ip_network(one) for one in options.allow_query)
        else:
            self.closed.pop(apex, None)

    async def history(self, apex: bytes, serial: int) -> list[HistoryStep] | None:
        """Return the steps of a zone from a serial to now; None when they do not reach back so far."""
        return await self._store.history(apex, serial)

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
        async with self._changing:
            if apex:
                self._expect(apex)
            await self._store.put_rules(apex, rules)
            self.rules[apex] = tuple(rules)
            if not rules:
                del self.rules[apex]
            self._parsed.clear()

    async def _publish_zone(self, zone: Zone, again: set[bytes], former: Zone | None = None) -> None:
        """Publish a zone in slices, what is below first, so that no name seems missing meanwhile."""
        await self._published(self._preparer.zone_forms(zone))
        await self._publish_names(_deepest_first({*self._preparer.zone_names(zone), *again}), former)

    async def snapshot(self, send: Send) -> None:
        """Send everything to one new worker, in slices; what changes meanwhile reaches it as deltas in between."""
        for zone in list(self.zones.values()):
            if self.zones.get(zone.apex) is not zone:
                continue
            await send(self._preparer.zone_forms(zone).encode())
            order = self._preparer.zone_names(zone)
            for at in range(0, len(order), SLICE):
                # A zone that was replaced or removed meanwhile has reached the worker as deltas.
                if self.zones.get(zone.apex) is not zone:
                    break
                await send(self._preparer.names(order[at : at + SLICE], zone).encode())
                await asyncio.sleep(0)


def _deepest_first(found: set[bytes]) -> list[bytes]:
    """Order names so that what is below comes first: a name is longer than every name above it."""
    return sorted(found, key=len, reverse=True)
