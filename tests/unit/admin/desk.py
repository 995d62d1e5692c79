"""An office over a fake of the name service: zones in memory, edits at once, nothing stored."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bossa.admin.office import Office
from bossa.dns import names
from bossa.dns.changes import Draft
from bossa.dns.ports import KeyRow, RuleRow, ZoneOptions
from bossa.dns.tsig import Key
from bossa.dns.zone import RRset, Step, Zone

DOMAIN = names.from_text("bossa.test.")
NOW = 1_700_000_000


class FakeNames:
    """What bossa.dns.server.service.Names promises, without store and workers."""

    def __init__(self) -> None:
        self.zones: dict[bytes, Zone] = {}
        self.options: dict[bytes, ZoneOptions] = {}
        self.keys: dict[bytes, Key] = {}
        self.rows: dict[bytes, KeyRow] = {}
        self.rules: dict[bytes, tuple[RuleRow, ...]] = {}
        self.steps: list[Step] = []

    async def edit(self, apex: bytes, decide: Any) -> Step | None:
        draft = Draft(self.zones[apex])
        draft.apply(decide(draft) or ())
        step = draft.close()
        if step is not None:
            self.zones[apex].apply(step.changes)
            self.steps.append(step)
        return step

    async def create_zone(
        self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]], options: ZoneOptions | None = None
    ) -> None:
        assert apex not in self.zones
        self.zones[apex] = Zone(apex, rrsets)
        self.options[apex] = options or ZoneOptions()

    async def replace_zone(
        self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]], check: Callable[[], object]
    ) -> None:
        assert apex in self.zones
        check()
        self.zones[apex] = Zone(apex, rrsets)

    async def create_zones(
        self, contents: Mapping[bytes, Sequence[tuple[bytes, RRset]]], options: ZoneOptions | None = None
    ) -> None:
        for apex, content in contents.items():
            await self.create_zone(apex, content, options)

    async def remove_zone(self, apex: bytes) -> None:
        del self.zones[apex]
        self.options.pop(apex)
        self.rules.pop(apex, None)

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        self.options[apex] = options

    async def add_key(self, key: Key, row: KeyRow) -> None:
        self.keys[key.name] = key
        self.rows[key.name] = row

    async def remove_key(self, name: bytes) -> None:
        del self.keys[name]

    async def set_rules(self, apex: bytes, rules: Sequence[RuleRow]) -> None:
        self.rules[apex] = tuple(rules)
        if not rules:
            del self.rules[apex]


class FakeLine:
    """A caller whose stream is a list, and who keeps what it is sent."""

    def __init__(self, chunks: Iterable[bytes] = ()) -> None:
        self._chunks = list(chunks)
        self.sent: list[bytes] = []
        self.told: list[tuple[str, int, int]] = []

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    async def progress(self, what: str, done: int, total: int = 0) -> None:
        self.told.append((what, done, total))

    async def send(self, data: bytes) -> None:
        self.sent.append(data)


class Asked(FakeLine):
    """A whole call, as the control socket brings it."""

    def __init__(self, verb: str, args: bytes, chunks: Iterable[bytes] = ()) -> None:
        super().__init__(chunks)
        self.verb = verb
        self.args = args


def make_office(data: Path, **more: Any) -> Office:
    """Return an office whose random octets count up and whose seal only marks."""

    async def backup(path: Path) -> None:
        path.write_bytes(bytes(60) + (7).to_bytes(4, "big") + bytes(36))

    return Office(
        names=FakeNames(),
        data=data,
        domain=DOMAIN,
        clock=lambda: NOW + 0.5,
        random=lambda size: bytes(range(size)),
        seal=lambda purpose, plain: b"sealed:" + purpose + b":" + plain[::-1],
        backup=backup,
        **more,
    )
