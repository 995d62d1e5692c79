"""The memory fakes of the store: what ZoneStore and DirectoryStore mean, without a disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bossa.directory.rows import Item
from bossa.dns import types
from bossa.dns.ports import HistoryStep, KeyRow, RuleRow, ZoneOptions
from bossa.dns.zone import Record, RRset, Soa, Step


class MemoryZones:
    """A ZoneStore of dictionaries."""

    def __init__(self) -> None:
        self._options: dict[bytes, ZoneOptions] = {}
        self._rrsets: dict[bytes, dict[tuple[bytes, int], RRset]] = {}
        self._history: dict[bytes, list[HistoryStep]] = {}
        self._keys: dict[bytes, KeyRow] = {}
        self._rules: dict[bytes, tuple[RuleRow, ...]] = {}
        self._contacts: dict[bytes, int] = {}

    def zones(self) -> list[tuple[bytes, ZoneOptions]]:
        return sorted(self._options.items())

    def load(self, apex: bytes) -> Iterator[tuple[bytes, RRset]]:
        for (owner, _), rrset in self._rrsets.get(apex, {}).items():
            yield owner, rrset

    def tsig_keys(self) -> list[KeyRow]:
        return [row for _, row in sorted(self._keys.items())]

    def rules(self) -> dict[bytes, tuple[RuleRow, ...]]:
        return dict(self._rules)

    def contacts(self) -> dict[bytes, int]:
        return dict(self._contacts)

    async def commit(self, steps: Sequence[Step]) -> None:
        for step in steps:
            rrsets = self._rrsets.setdefault(step.apex, {})
            for change in step.changes:
                if change.after is None:
                    rrsets.pop((change.owner, change.type), None)
                else:
                    rrsets[change.owner, change.type] = change.after
            if step.serial_from != step.serial_to:
                self._history.setdefault(step.apex, []).append(_told(step))
                self._trim(step.apex)

    async def create(self, apex: bytes, options: ZoneOptions, rrsets: Iterable[tuple[bytes, RRset]]) -> None:
        fresh = {(owner, rrset.type): rrset for owner, rrset in rrsets}
        self._rrsets[apex], self._options[apex], self._history[apex] = fresh, options, []

    async def remove(self, apex: bytes) -> None:
        for table in (self._options, self._rrsets, self._history, self._rules, self._contacts):
            table.pop(apex, None)

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        self._options[apex] = options
        self._trim(apex)
        if not options.primaries:
            self._contacts.pop(apex, None)

    async def put_contact(self, apex: bytes, when: int | None) -> None:
        if when is None:
            self._contacts.pop(apex, None)
        else:
            self._contacts[apex] = when

    async def history(self, apex: bytes, serial: int) -> list[HistoryStep] | None:
        soa = self._rrsets.get(apex, {}).get((apex, types.SOA))
        if soa is None:
            return None
        if Soa.decode(soa.rdatas[0]).serial == serial:
            return []
        steps = self._history.get(apex, [])
        starts = [at for at, step in enumerate(steps) if step.serial_from == serial]
        return steps[starts[-1] :] if starts else None

    async def put_key(self, row: KeyRow) -> None:
        self._keys[row.name] = row

    async def remove_key(self, name: bytes) -> None:
        self._keys.pop(name, None)

    async def put_rules(self, apex: bytes, rules: Sequence[RuleRow]) -> None:
        if rules:
            self._rules[apex] = tuple(rules)
        else:
            self._rules.pop(apex, None)

    def _trim(self, apex: bytes) -> None:
        steps = self._history.get(apex, [])
        del steps[: max(0, len(steps) - self._options[apex].history)]


class MemoryRealm:
    """A DirectoryStore of one dictionary."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(sorted(self._rows.items()))

    async def put(self, items: Iterable[Item]) -> None:
        # Whatever breaks off while it is read leaves nothing.
        for key, val in list(items):
            if val is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = val


def _told(step: Step) -> HistoryStep:
    deleted: list[Record] = []
    added: list[Record] = []
    for change in step.changes:
        if change.type == types.SOA:
            continue
        before = _records(change.owner, change.before)
        after = _records(change.owner, change.after)
        deleted += [record for record in before if record not in after]
        added += [record for record in after if record not in before]
    return HistoryStep(step.serial_from, step.serial_to, tuple(deleted), tuple(added))


def _records(owner: bytes, rrset: RRset | None) -> list[Record]:
    return [] if rrset is None else [Record(owner, rrset.type, rrset.ttl, rdata) for rdata in rrset.rdatas]
