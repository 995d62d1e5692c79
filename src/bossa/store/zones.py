"""The name server's port ZoneStore on any engine of the store.

Scopes: "zone/NAME" holds the RRsets of one zone and its history, "zones" the
options of all zones by apex, "keys" the TSIG keys by name, "policy" the rules
by apex, "contacts" when a primary last confirmed a zone.  They are taken in the order of their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import TypeVar

from bossa.dns import types
from bossa.dns.errors import StoreFailed
from bossa.dns.names import to_text
from bossa.dns.ports import HistoryStep, KeyRow, RuleRow, ZoneOptions
from bossa.dns.zone import RRset, Step
from bossa.store import operations, rows
from bossa.store.engine import Engine
from bossa.store.errors import EngineFailed
from bossa.store.operations import Operation, Row

T = TypeVar("T")

ZONES = "zones"
KEYS = "keys"
POLICY = "policy"
CONTACTS = "contacts"

# Rows fetched at once by the blocking reads.
_PAGE = 20_000


@lru_cache(maxsize=1024)
def zone_scope(apex: bytes) -> str:
    """Return the scope of a zone's records."""
    return f"zone/{to_text(apex)}"


class ZoneRows:
    """Implements :class:`bossa.dns.ports.ZoneStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def zones(self) -> list[tuple[bytes, ZoneOptions]]:
        """Return every zone's apex and options."""
        return [(apex, rows.decode_options(val)) for apex, val in self._all(ZONES)]

    def load(self, apex: bytes) -> Iterator[tuple[bytes, RRset]]:
        """Yield every RRset of a zone with its owner, in the order of the owners' octets."""
        return rows.decode_rrsets(self._all(zone_scope(apex)), {})

    def tsig_keys(self) -> list[KeyRow]:
        """Return all TSIG keys."""
        return [rows.decode_key(val) for _, val in self._all(KEYS)]

    def rules(self) -> dict[bytes, tuple[RuleRow, ...]]:
        """Return the policy rules by apex."""
        return {apex: rows.decode_rules(val) for apex, val in self._all(POLICY)}

    def contacts(self) -> dict[bytes, int]:
        """Return by apex when a primary last confirmed a zone."""
        return {apex: rows.decode_contact(val) for apex, val in self._all(CONTACTS)}

    async def commit(self, steps: Sequence[Step]) -> None:
        """Store steps and their history in one transaction; those of one zone in their order."""
        await self._run(_commit(steps))

    async def create(self, apex: bytes, options: ZoneOptions, rrsets: Iterable[tuple[bytes, RRset]]) -> None:
        """Store a zone or replace it; ``rrsets`` is consumed on the store's thread, so it must not change meanwhile."""
        await self._run(_create(apex, options, rrsets))

    async def remove(self, apex: bytes) -> None:
        """Forget a zone with its history, its policy and its contact."""
        await self._run(_remove(apex))

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        """Store a zone's options; history beyond the new limit goes, and the contact of a zone without primaries."""
        await self._run(_set_options(apex, options))

    async def put_contact(self, apex: bytes, when: int | None) -> None:
        """Store when a primary last confirmed a zone; None forgets it."""
        val = None if when is None else rows.encode_contact(when)
        await self._run(operations.put(CONTACTS, [(apex, val)]))

    async def history(self, apex: bytes, serial: int) -> list[HistoryStep] | None:
        """Return the steps from ``serial`` to now in order; None when they do not reach back so far."""
        return await self._run(_history(apex, serial))

    async def put_key(self, row: KeyRow) -> None:
        """Store a TSIG key."""
        await self._run(operations.put(KEYS, [(row.name, rows.encode_key(row))]))

    async def remove_key(self, name: bytes) -> None:
        """Forget a TSIG key."""
        await self._run(operations.put(KEYS, [(name, None)]))

    async def put_rules(self, apex: bytes, rules: Sequence[RuleRow]) -> None:
        """Store the rules of a zone, or (b"") of all zones."""
        await self._run(operations.put(POLICY, [(apex, rows.encode_rules(rules) if rules else None)]))

    async def _run(self, operation: Operation[T]) -> T:
        try:
            return await self._engine.run(operation)
        except EngineFailed as e:
            raise StoreFailed(str(e)) from e

    def _all(self, scope: str) -> Iterator[Row]:
        last: bytes | None = None
        while True:
            try:
                page = self._engine.read(operations.page(scope, last, _PAGE))
            except EngineFailed as e:
                raise StoreFailed(str(e)) from e
            yield from page
            if len(page) < _PAGE:
                return
            last = page[-1][0]


def _commit(steps: Sequence[Step]) -> Operation[None]:
    by_scope: dict[str, list[Step]] = {}
    for step in steps:
        by_scope.setdefault(zone_scope(step.apex), []).append(step)
    for scope, mine in sorted(by_scope.items()):
        yield from operations.steps(scope, rows.items_after(mine), [rows.encode_step(step) for step in mine])


def _create(apex: bytes, options: ZoneOptions, rrsets: Iterable[tuple[bytes, RRset]]) -> Operation[None]:
    # In the order of the keys, because that is written, and read at the next start, in half the time.
    ordered = sorted(((rows.rrset_key(owner, rrset.type), rrset) for owner, rrset in rrsets), key=itemgetter(0))
    items = ((key, rows.encode_rrset(rrset)) for key, rrset in ordered)
    yield from operations.replace(zone_scope(apex), items, options.history)
    yield from operations.put(ZONES, [(apex, rows.encode_options(options))])


def _remove(apex: bytes) -> Operation[None]:
    yield from operations.put(CONTACTS, [(apex, None)])
    yield from operations.put(POLICY, [(apex, None)])
    yield from operations.replace(zone_scope(apex), ())
    yield from operations.put(ZONES, [(apex, None)])


def _set_options(apex: bytes, options: ZoneOptions) -> Operation[None]:
    if not options.primaries:
        yield from operations.put(CONTACTS, [(apex, None)])
    yield from operations.keep_history(zone_scope(apex), options.history)
    yield from operations.put(ZONES, [(apex, rows.encode_options(options))])


def _history(apex: bytes, serial: int) -> Operation[list[HistoryStep] | None]:
    scope = zone_scope(apex)
    val = yield from operations.get(scope, rows.rrset_key(apex, types.SOA))
    if val is None:
        return None
    if serial == rows.soa_serial(val):
        return []
    found = yield from operations.history(scope, serial)
    return [rows.decode_step(row) for row in found] or None
