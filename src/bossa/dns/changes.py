"""Drafts: a zone with changes that are decided and not yet stored.

Deciding and storing overlap: while one batch is on its way to the disk, the
next messages are decided on a draft over it.  A draft reads like a zone,
collects changes, and ends as a :class:`~bossa.dns.zone.Step` whose serial is
one on (RFC 2136 §3.6), or as nothing when nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from bossa.dns import types
from bossa.dns.rdata import canonical
from bossa.dns.zone import (
    Mark,
    Origin,
    Record,
    RRset,
    RRsetChange,
    Step,
    Zone,
    next_serial,
    serial_gt,
    soa_serial,
    with_serial,
)


class Draft:
    """A zone, or another draft, with changes laid over it."""

    __slots__ = ("_nodes", "_under", "apex")

    def __init__(self, under: Zone | Draft) -> None:
        self.apex: bytes = under.apex
        self._under = under
        self._nodes: dict[bytes, tuple[RRset, ...]] = {}

    def node(self, owner: bytes) -> tuple[RRset, ...]:
        """Return all RRsets at a name, () when it owns none."""
        mine = self._nodes.get(owner)
        return self._under.node(owner) if mine is None else mine

    def find(self, owner: bytes, rtype: int) -> RRset | None:
        """Return one RRset or None."""
        return next((rrset for rrset in self.node(owner) if rrset.type == rtype), None)

    @property
    def soa_rrset(self) -> RRset:
        """The zone's SOA record."""
        rrset = self.find(self.apex, types.SOA)
        assert rrset is not None, "a zone has an SOA"
        return rrset

    @property
    def serial(self) -> int:
        """The zone's serial number."""
        return soa_serial(self.soa_rrset.rdatas[0])

    def put(self, owner: bytes, rtype: int, rrset: RRset | None) -> None:
        """Set or (None) remove one RRset."""
        rest = tuple(one for one in self.node(owner) if one.type != rtype)
        self._nodes[owner] = rest if rrset is None else (*rest, rrset)

    def apply(self, changes: Iterable[RRsetChange]) -> None:
        """Make the changes, in their order."""
        for change in changes:
            self.put(change.owner, change.type, change.after)

    def changes(self) -> Iterator[RRsetChange]:
        """Yield what differs from the zone below, one change an RRset."""
        for owner, node in self._nodes.items():
            before = {rrset.type: rrset for rrset in self._under.node(owner)}
            after = {rrset.type: rrset for rrset in node}
            for rtype in before.keys() | after.keys():
                old, new = before.get(rtype), after.get(rtype)
                if old != new:
                    yield RRsetChange(owner, rtype, old, new)


def close(draft: Draft) -> Step | None:
    """Make one step of all that a draft changed; None when it changed nothing.

    The serial goes one on unless the draft itself took it further; when only
    marks changed it stays.
    """
    changes = list(draft.changes())
    if not changes:
        return None
    under = draft._under
    old, new = under.serial, draft.serial
    if serial_gt(new, old) or not any(_transferable(change) for change in changes):
        return Step(draft.apex, old, new, tuple(changes))
    set_serial(draft, next_serial(old))
    return Step(draft.apex, old, draft.serial, tuple(draft.changes()))


def set_serial(draft: Draft, serial: int) -> None:
    """Write a serial into the draft's SOA record, everything else kept."""
    rrset = draft.soa_rrset
    draft.put(draft.apex, types.SOA, rrset._replace(rdatas=(with_serial(rrset.rdatas[0], serial),)))


def _transferable(change: RRsetChange) -> bool:
    """Tell whether a secondary would see the difference."""
    before, after = change.before, change.after
    return (before and (before.ttl, before.rdatas)) != (after and (after.ttl, after.rdatas))


def records(owner: bytes, rrset: RRset | None) -> list[Record]:
    """Return an RRset's records one by one."""
    return [Record(owner, rrset.type, rrset.ttl, rdata) for rdata in rrset.rdatas] if rrset else []


def with_record(old: RRset | None, rtype: int, ttl: int, rdata: bytes, mark: Mark) -> RRset:
    """Add a record to an RRset, whose TTL becomes the record's.  RFC 2181 §5.2, RFC 2136 §3.4.2.2

    A record that is there already keeps its mark.
    """
    if old is None:
        return RRset(rtype, ttl, (rdata,), (mark,))
    key = canonical(rtype, rdata)
    if any(canonical(rtype, one) == key for one in old.rdatas):
        return old._replace(ttl=ttl)
    return RRset(rtype, ttl, (*old.rdatas, rdata), (*old.marks, mark))


def without_record(old: RRset | None, rdata: bytes) -> RRset | None:
    """Take a record out of an RRset; None when none is left."""
    if old is None:
        return None
    key = canonical(old.type, rdata)
    kept = [(one, mark) for one, mark in zip(old.rdatas, old.marks, strict=True) if canonical(old.type, one) != key]
    if not kept:
        return None
    if len(kept) == len(old.rdatas):
        return old
    return old._replace(rdatas=tuple(one for one, _ in kept), marks=tuple(mark for _, mark in kept))


def system_rrset(rtype: int, ttl: int, rdatas: Sequence[bytes], stamp: int) -> RRset:
    """Return an RRset that bossa itself put there."""
    mark = Mark(Origin.SYSTEM, stamp)
    return RRset(rtype, ttl, tuple(rdatas), (mark,) * len(rdatas))
