"""What the name server needs from a store, and the shapes that cross this port.

The store package implements :class:`ZoneStore`; the memory fake of the
contract tests does too.  Every awaited writing method returns only after the
change is on disk, and either stores all of it or raises StoreFailed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from bossa.dns.zone import Record, RRset, Step


class ZoneOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What ``bossa zone set`` holds for a zone."""

    # Who may fetch the whole zone: "key:NAME" or "net:CIDR".  Empty: nobody.
    allow_transfer: tuple[str, ...] = ()
    # Who may ask: CIDRs.  Empty: everybody who reaches the server.
    allow_query: tuple[str, ...] = ()
    # How many steps of history are kept for IXFR.
    history: int = 1000
    # Where the content comes from, as :class:`bossa.dns.remote.Remote` reads it.  Empty: it is ours.
    primaries: tuple[str, ...] = ()
    # Whom to tell of a new serial: servers, or "ns" for those that the zone's NS records name.
    notify: tuple[str, ...] = ()
    # Whether a secondary passes updates on to its primary.
    forward_updates: bool = False
    # One of the RFC 6303 zones that every fresh domain has.
    private_reverse: bool = False
    # Whether an address that an update adds or deletes brings its PTR along.
    ptr: bool = False
    # Whether records of updates go when nobody repeats them; and the windows of dns/scavenge.py, in seconds.
    scavenge: bool = False
    no_refresh: int = 604_800
    refresh: int = 604_800


class KeyRow(msgspec.Struct, frozen=True, kw_only=True):
    """A TSIG key at rest; ``name`` in wire form and lower case, ``sealed`` opened only with the master key."""

    name: bytes
    algorithm: str
    sealed: bytes
    created: int


class RuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a policy: who may change what.  See dns/policy.py for the words.

    ``who`` is "key:NAME", "net:CIDR", "krb5:PRINCIPAL", "krb5-group:NAME" or
    "krb5-self"; ``scope`` is "self", "subdomain", "zone" or "pattern"; ``what`` the
    subdomain or pattern in master-file form; ``types`` mnemonics, empty for all
    the ordinary ones.
    """

    who: str
    scope: str
    what: str = ""
    types: tuple[str, ...] = ()


class HistoryStep(msgspec.Struct, frozen=True):
    """One step of a zone's history, as IXFR wants it: the SOAs left out."""

    serial_from: int
    serial_to: int
    deleted: tuple[Record, ...]
    added: tuple[Record, ...]


class ZoneStore(Protocol):
    """Zones, their history, the TSIG keys and the update policies, durable."""

    def zones(self) -> list[tuple[bytes, ZoneOptions]]:
        """Return every zone's apex (key) and options.  Blocking; for the start only."""

    def load(self, apex: bytes) -> Iterator[tuple[bytes, RRset]]:
        """Yield every RRset of a zone with its owner key.  Blocking; for the start only."""

    def tsig_keys(self) -> list[KeyRow]:
        """Return all TSIG keys.  Blocking; for the start only."""

    def rules(self) -> dict[bytes, tuple[RuleRow, ...]]:
        """Return the rules in order by zone apex; b"" holds those for all zones.  Blocking; for the start only."""

    def contacts(self) -> dict[bytes, int]:
        """Return by apex when a primary last confirmed a secondary zone.  Blocking; for the start only."""

    async def commit(self, steps: Sequence[Step]) -> None:
        """Store the steps of one batch in one transaction, history rows included."""

    async def create(self, apex: bytes, options: ZoneOptions, rrsets: Iterable[tuple[bytes, RRset]]) -> None:
        """Store a zone, or replace the one that is there (its history goes), in one transaction."""

    async def remove(self, apex: bytes) -> None:
        """Forget a zone with its history, its policy and its contact."""

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        """Store a zone's options; one without primaries has no contact any more."""

    async def put_contact(self, apex: bytes, when: int | None) -> None:
        """Store when a primary last confirmed a zone, in seconds since 1970; None forgets it."""

    async def history(self, apex: bytes, serial: int) -> list[HistoryStep] | None:
        """Return the steps from ``serial`` to now in order; None when they do not reach back so far."""

    async def put_key(self, row: KeyRow) -> None:
        """Store a TSIG key."""

    async def remove_key(self, name: bytes) -> None:
        """Forget a TSIG key."""

    async def put_rules(self, apex: bytes, rules: Sequence[RuleRow]) -> None:
        """Store the rules of one zone (b"": of all zones), replacing those there."""
