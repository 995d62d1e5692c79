"""What the operator's verbs need from the rest: names, accounts, a way back to the caller, and a few functions.

``bossa.dns.server.service.Names`` is the real :class:`Names`; the daemon hands over the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Protocol

from bossa.directory.realm import Realm
from bossa.directory.rows import Item
from bossa.dns.cache import Cache
from bossa.dns.changes import Draft
from bossa.dns.ports import KeyRow, RuleRow, ZoneOptions
from bossa.dns.secondary import Secondary
from bossa.dns.tsig import Key
from bossa.dns.zone import RRset, RRsetChange, Step, Zone

Decide = Callable[[Draft], Sequence[RRsetChange]]


class Names(Protocol):
    """The zones, keys and rules that the name server serves, and the ways to change them."""

    @property
    def zones(self) -> Mapping[bytes, Zone]:
        """All zones by apex key."""

    @property
    def options(self) -> Mapping[bytes, ZoneOptions]:
        """The zones' options by apex key."""

    @property
    def keys(self) -> Mapping[bytes, Key]:
        """The TSIG keys by name, opened."""

    @property
    def rules(self) -> Mapping[bytes, tuple[RuleRow, ...]]:
        """The policy rules in order by apex key; b"" holds those for all zones."""

    async def edit(self, apex: bytes, decide: Decide) -> Step | None:
        """Change records: decided on a draft, one serial step, stored and in force on return."""

    async def create_zone(
        self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]], options: ZoneOptions | None = None
    ) -> None:
        """Store and serve a new zone."""

    async def replace_zone(
        self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]], check: Callable[[], object]
    ) -> None:
        """Store and serve a zone in the place of the one that is there, unless ``check`` raises in that moment."""

    async def create_zones(
        self, contents: Mapping[bytes, Sequence[tuple[bytes, RRset]]], options: ZoneOptions | None = None
    ) -> None:
        """Store and serve several small new zones at once."""

    async def remove_zone(self, apex: bytes) -> None:
        """Forget a zone, its history and its rules."""

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        """Store a zone's options."""

    async def add_key(self, key: Key, row: KeyRow) -> None:
        """Store and know a TSIG key."""

    async def remove_key(self, name: bytes) -> None:
        """Forget a TSIG key."""

    async def set_rules(self, apex: bytes, rules: Sequence[RuleRow]) -> None:
        """Store the rules of one zone, or (b"") of all zones."""


class Accounts(Protocol):
    """The realm and the way to change it; :class:`bossa.krb.server.accounts.Accounts` is the real one."""

    @property
    def realm(self) -> Realm:
        """Who is there."""

    async def change(self, items: Sequence[Item]) -> None:
        """Store rows, or (None) remove them; in force everywhere on return."""


class Memory(Protocol):
    """What is remembered of others' answers; :class:`bossa.dns.server.resolver.Resolver` is the real one."""

    @property
    def cache(self) -> Cache:
        """The answers."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Questions since the start: hits, misses, stale, prefetches."""

    @property
    def now(self) -> float:
        """The present moment on the clock of the answers' times."""

    def forget(self, name: bytes, *, tree: bool) -> int:
        """Forget a name, or a tree of names, everywhere; return how many answers that were."""

    def forget_all(self) -> int:
        """Forget everything, everywhere; return how many answers that were."""


class Following(Protocol):
    """The zones that follow a primary; ``bossa.dns.server.following.Following`` is the real one."""

    @property
    def zones(self) -> Mapping[bytes, Secondary]:
        """Their states by apex key."""

    async def retransfer(self, apex: bytes, *, full: bool) -> Secondary:
        """Refresh one now, with ``full`` whole and newer or not; return its state then."""


class Line(Protocol):
    """The way to and from whoever called a verb; :class:`bossa.net.control.Call` is one."""

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the caller's stream."""

    async def progress(self, what: str, done: int, total: int = 0) -> None:
        """Tell the caller how far the verb has come."""

    async def send(self, data: bytes) -> None:
        """Send a piece of a long result, and let others have their turn."""
