"""Random lives of the store against dictionaries: whatever was confirmed is there, also in the files of that moment."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bossa.dns import types
from bossa.dns.ports import HistoryStep, ZoneOptions, ZoneStore
from bossa.dns.zone import RRset, Step, Zone, next_serial
from bossa.store import operations
from bossa.store.zones import ZoneRows
from tests.contract.conftest import ENGINES
from tests.contract.memory import MemoryZones
from tests.contract.specimens import APEX, OTHER, a, change, fresh_zone, host, soa

SCOPES = st.sampled_from(["share/a", "share/b"])
KEYS = st.sampled_from([b"", b"k", b"\x00", b"\xff" * 3])
VALUES = st.none() | st.binary(max_size=3)
APEXES = st.sampled_from([APEX, OTHER])
LABELS = st.sampled_from(["x", "y", "z"])
ADDRESSES = st.lists(st.sampled_from([b"\1\1\1\1", b"\2\2\2\2", b"\3\3\3\3"]), unique=True)
FEW = settings(max_examples=15, stateful_step_count=30, deadline=None)


class _Life(RuleBasedStateMachine):
    """Opens the engine in a directory of its own; one that is closed, or copied under its feet, opens again."""

    kind = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp(prefix="bossa-model-"))
        self.lives = 0
        self.engine = ENGINES[self.kind](self.place / "bossa.db")

    @rule()
    def reopen(self) -> None:
        self.engine.close()
        self.engine = ENGINES[self.kind](self.place / "bossa.db")

    @rule()
    def crash(self) -> None:
        """Go on from the files as they are on the disk now."""
        self.lives += 1
        after = self.place.with_name(f"{self.place.name}-{self.lives}")
        shutil.copytree(self.place, after)
        self.engine.close()
        shutil.rmtree(self.place)
        after.rename(self.place)
        self.engine = ENGINES[self.kind](self.place / "bossa.db")

    def teardown(self) -> None:
        self.engine.close()
        shutil.rmtree(self.place)


class ScopeLife(_Life):
    """Items of two scopes, and a follower that learns of them through ``changes``."""

    def __init__(self) -> None:
        super().__init__()
        self.truth: dict[str, dict[bytes, bytes]] = {"share/a": {}, "share/b": {}}
        self.revs = dict.fromkeys(self.truth, 0)
        self.followed: dict[str, dict[bytes, bytes]] = {"share/a": {}, "share/b": {}}
        self.seen = dict.fromkeys(self.truth, 0)
        self.patches = [patch.object(operations, "TOMBSTONES_FOR", 2), patch.object(operations, "SWEEP_EACH", 3)]
        for one in self.patches:
            one.start()

    @rule(scope=SCOPES, items=st.dictionaries(KEYS, VALUES), off=st.sampled_from([None, 0, 0, 1, -1]))
    def put(self, scope: str, items: dict[bytes, bytes | None], off: int | None) -> None:
        expect = None if off is None else self.revs[scope] + off
        try:
            rev = asyncio.run(self.engine.run(operations.put(scope, items.items(), expect)))
        except operations.Conflict:
            assert off
            return
        assert not off
        self.revs[scope] += 1
        assert rev == self.revs[scope]
        for key, val in items.items():
            if val is None:
                self.truth[scope].pop(key, None)
            else:
                self.truth[scope][key] = val

    @rule(scope=SCOPES, items=st.dictionaries(KEYS, st.binary(max_size=3)))
    def replace(self, scope: str, items: dict[bytes, bytes]) -> None:
        asyncio.run(self.engine.run(operations.replace(scope, items.items())))
        self.revs[scope] += 1
        self.truth[scope] = dict(items)

    @rule(scope=SCOPES)
    def follow(self, scope: str) -> None:
        told = self.engine.read(operations.changes(scope, self.seen[scope]))
        if told is None:
            self.followed[scope] = dict(self.engine.read(operations.page(scope, None, 100)))
            self.seen[scope] = self.engine.read(operations.revision(scope))
        else:
            self.seen[scope] = told.rev
            for key, val in told.items:
                if val is None:
                    self.followed[scope].pop(key, None)
                else:
                    self.followed[scope][key] = val
        assert self.followed[scope] == self.truth[scope]

    @invariant()
    def store_is_the_truth(self) -> None:
        for scope, truth in self.truth.items():
            assert dict(self.engine.read(operations.page(scope, None, 100))) == truth
            assert self.engine.read(operations.revision(scope)) == self.revs[scope]

    def teardown(self) -> None:
        for one in self.patches:
            one.stop()
        super().teardown()


class ZoneLife(_Life):
    """The same calls on the memory fake and on the engine; both tell the same of everything."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryZones()

    def both(self) -> tuple[ZoneStore, ZoneStore]:
        return self.memory, ZoneRows(self.engine)

    @rule(apex=APEXES, serial=st.sampled_from([1, 2**32 - 2]), keep=st.integers(0, 4))
    def create(self, apex: bytes, serial: int, keep: int) -> None:
        for store in self.both():
            asyncio.run(store.create(apex, ZoneOptions(history=keep), fresh_zone(serial, apex)))

    @rule(apex=APEXES)
    def remove(self, apex: bytes) -> None:
        for store in self.both():
            asyncio.run(store.remove(apex))

    @precondition(lambda self: self.memory.zones())
    @rule(data=st.data(), keep=st.integers(0, 4))
    def set_options(self, data: st.DataObject, keep: int) -> None:
        apex, _ = data.draw(st.sampled_from(self.memory.zones()))
        for store in self.both():
            asyncio.run(store.set_options(apex, ZoneOptions(history=keep)))

    @precondition(lambda self: self.memory.zones())
    @rule(data=st.data(), edits=st.lists(st.tuples(LABELS, ADDRESSES, st.integers(1, 2)), min_size=1, max_size=4))
    def commit(self, data: st.DataObject, edits: list[tuple[str, list[bytes], int]]) -> None:
        zones = {apex: Zone(apex, self.memory.load(apex)) for apex, _ in self.memory.zones()}
        steps = []
        for label, addresses, ttl in edits:
            zone = zones[data.draw(st.sampled_from(sorted(zones)))]
            after = a(*addresses, ttl=ttl) if addresses else None
            if step := _step(zone, host(label, zone.apex), after):
                zone.apply(step.changes)
                steps.append(step)
        for store in self.both():
            asyncio.run(store.commit(steps))

    @invariant()
    def both_tell_the_same(self) -> None:
        memory, rows = self.both()
        assert memory.zones() == rows.zones()
        for apex in (APEX, OTHER):
            assert sorted(memory.load(apex)) == sorted(rows.load(apex))
            assert asyncio.run(_histories(memory, apex)) == asyncio.run(_histories(rows, apex))


async def _histories(store: ZoneStore, apex: bytes) -> list[list[HistoryStep] | None]:
    return [await store.history(apex, serial) for serial in (1, 2, 3, 4, 5, 2**32 - 2, 2**32 - 1)]


def _step(zone: Zone, owner: bytes, after: RRset | None) -> Step | None:
    before = zone.find(owner, types.A)
    if before is None and after is None:
        return None
    old, new = zone.serial, next_serial(zone.serial)
    moved = change(zone.apex, soa(old, zone.apex), soa(new, zone.apex))
    return Step(zone.apex, old, new, (change(owner, before, after), moved))


TestScopeLife = ScopeLife.TestCase
TestScopeLife.settings = FEW
TestZoneLife = ZoneLife.TestCase
TestZoneLife.settings = FEW
