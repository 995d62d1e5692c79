"""Drafts: a zone with changes that are decided and not yet stored.

A message is decided on a draft over its batch's draft, which lies over the
zone: what is refused leaves no trace, and the next message sees what the last
one did.  A draft reads like a zone, collects changes, and ends as a
:class:`~bossa.dns.zone.Step` whose serial is one on (RFC 2136 §3.6), or as
nothing when nothing changed.  Invariant: adding or removing a record takes
the same time however many its RRset has, once the first change is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

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

# A record in a message beside its data: pointer to the owner, type, class, TTL, length.
_RECORD_HEAD = 12


class Members:
    """The records of one RRset while they change, each found by its canonical rdata."""

    __slots__ = ("_records", "_rrset", "octets", "ttl", "type")

    def __init__(self, rtype: int, old: RRset | None = None) -> None:
        self.type = rtype
        self.ttl = 0
        # What the RRset takes in a message.
        self.octets = 0
        self._records: dict[bytes, tuple[bytes, Mark]] = {}
        if old is not None:
            for rdata, mark in zip(old.rdatas, old.marks, strict=True):
                self.add(old.ttl, rdata, mark)
        # The records as they are now, None when that is yet to be put together.
        self._rrset = old

    def __len__(self) -> int:
        """Return the number of records."""
        return len(self._records)

    def __contains__(self, rdata: bytes) -> bool:
        """Tell whether there is a record equal to this one.  RFC 2136 §1.1.1"""
        return canonical(self.type, rdata) in self._records

    def add(self, ttl: int, rdata: bytes, mark: Mark) -> None:
        """Add a record, whose TTL becomes that of all.  RFC 2181 §5.2, RFC 2136 §3.4.2.2

        A record that is there already keeps its mark.
        """
        self._rrset = None
        self.ttl = ttl
        before = len(self._records)
        self._records.setdefault(canonical(self.type, rdata), (rdata, mark))
        if len(self._records) > before:
            self.octets += len(rdata) + _RECORD_HEAD

    def remove(self, rdata: bytes) -> None:
        """Take a record out, if it is there."""
        gone = self._records.pop(canonical(self.type, rdata), None)
        if gone is not None:
            self._rrset = None
            self.octets -= len(gone[0]) + _RECORD_HEAD

    def clear(self) -> None:
        """Take all records out."""
        self._records.clear()
        self._rrset = None
        self.octets = 0

    def rrset(self) -> RRset | None:
        """Return the records as they are now, None when there are none."""
        if self._records and self._rrset is None:
            rdatas, marks = zip(*self._records.values(), strict=True)
            self._rrset = RRset(self.type, self.ttl, rdatas, marks)
        return self._rrset


Beside = Callable[[bytes], "Zone | Draft | None"]


def _nowhere(name: bytes) -> None:
    """Find no zone: for drafts that are alone."""


class Draft:
    """A zone, or another draft, with changes laid over it.

    ``beside`` finds the zone of ours that a name is in, as the batch has made
    it so far; None where there is none.
    """

    __slots__ = ("_nodes", "_under", "apex", "beside")

    def __init__(self, under: Zone | Draft, beside: Beside | None = None) -> None:
        self.apex: bytes = under.apex
        self.beside: Beside = beside or _nowhere
        self._under = under
        # All that is at the names that were touched, by type.
        self._nodes: dict[bytes, dict[int, RRset | Members]] = {}

    def node(self, owner: bytes) -> tuple[RRset, ...]:
        """Return all RRsets at a name, () when it owns none."""
        mine = self._nodes.get(owner)
        if mine is None:
            return self._under.node(owner)
        return tuple(rrset for one in mine.values() if (rrset := _as_rrset(one)) is not None)

    def find(self, owner: bytes, rtype: int) -> RRset | None:
        """Return one RRset or None."""
        mine = self._nodes.get(owner)
        if mine is None:
            return self._under.find(owner, rtype)
        return _as_rrset(mine.get(rtype))

    def before(self, owner: bytes, rtype: int) -> RRset | None:
        """Return one RRset as it is in the zone below, or None."""
        return self._under.find(owner, rtype)

    def types(self, owner: bytes) -> AbstractSet[int]:
        """Return the types of the RRsets at a name."""
        mine = self._nodes.get(owner)
        if mine is None:
            return {rrset.type for rrset in self._under.node(owner)}
        return {rtype for rtype, one in mine.items() if one}

    def in_the_way(self, owner: bytes, rtype: int) -> int | None:
        """Return a type at the name beside which ``rtype`` cannot stand: a CNAME stands alone.  RFC 2136 §3.4.2.2"""
        if rtype == types.CNAME:
            return next(iter(self.types(owner) - types.BESIDE_CNAME), None)
        alias = rtype not in types.BESIDE_CNAME and self.find(owner, types.CNAME) is not None
        return types.CNAME if alias else None

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

    def members(self, owner: bytes, rtype: int) -> Members:
        """Return the records of one RRset, to be changed in place; there may be none."""
        mine = self._touch(owner)
        one = mine.get(rtype)
        if not isinstance(one, Members):
            one = mine[rtype] = Members(rtype, one)
        return one

    def put(self, owner: bytes, rtype: int, rrset: RRset | None) -> None:
        """Set or (None) remove one RRset."""
        mine = self._touch(owner)
        if rrset is None:
            mine.pop(rtype, None)
        else:
            mine[rtype] = rrset

    def _touch(self, owner: bytes) -> dict[int, RRset | Members]:
        mine = self._nodes.get(owner)
        if mine is None:
            mine = self._nodes[owner] = {rrset.type: rrset for rrset in self._under.node(owner)}
        return mine

    def apply(self, changes: Iterable[RRsetChange]) -> None:
        """Make the changes, in their order."""
        for change in changes:
            self.put(change.owner, change.type, change.after)

    def changes(self) -> Iterator[RRsetChange]:
        """Yield what differs from the zone below, one change an RRset; the order of its records is no difference."""
        for owner in self._nodes:
            before = {rrset.type: rrset for rrset in self._under.node(owner)}
            after = {rrset.type: rrset for rrset in self.node(owner)}
            for rtype in before.keys() | after.keys():
                old, new = before.get(rtype), after.get(rtype)
                if old != new and (old is None or new is None or _marked(old) != _marked(new)):
                    yield RRsetChange(owner, rtype, old, new)

    def close(self) -> Step | None:
        """Make one step of all that the draft changed; None when it changed nothing.

        The serial goes one on unless the draft itself took it further; when only
        marks changed it stays.  RFC 2136 §3.6
        """
        changes = list(self.changes())
        if not changes:
            return None
        old, new = self._under.serial, self.serial
        if not serial_gt(new, old) and any(map(_transferable, changes)):
            new = next_serial(old)
            changes = [change for change in changes if change.type != types.SOA]
            changes.append(self._set_serial(new))
        return Step(self.apex, old, new, tuple(changes))

    def _set_serial(self, serial: int) -> RRsetChange:
        """Write a serial into the SOA record, everything else kept; return how it differs from the zone below."""
        rrset = self.soa_rrset
        after = RRset(types.SOA, rrset.ttl, (with_serial(rrset.rdatas[0], serial),), rrset.marks)
        self.put(self.apex, types.SOA, after)
        return RRsetChange(self.apex, types.SOA, self._under.soa_rrset, after)


def _as_rrset(one: RRset | Members | None) -> RRset | None:
    return one.rrset() if isinstance(one, Members) else one


def _marked(rrset: RRset) -> tuple[int, frozenset[tuple[bytes, Mark]]]:
    """Return what is stored of an RRset, its order left out."""
    return rrset.ttl, frozenset(zip(rrset.rdatas, rrset.marks, strict=True))


def _transferable(change: RRsetChange) -> bool:
    """Tell whether a secondary would see the difference: the order in an RRset is none.  RFC 2136 §3.6"""
    before, after = change.before, change.after
    if before is None or after is None:
        return True
    return before.ttl != after.ttl or frozenset(before.rdatas) != frozenset(after.rdatas)


def records(owner: bytes, rrset: RRset | None) -> list[Record]:
    """Return an RRset's records one by one."""
    return [Record(owner, rrset.type, rrset.ttl, rdata) for rdata in rrset.rdatas] if rrset else []


def without_record(old: RRset, rdata: bytes) -> RRset | None:
    """Return an RRset without a record; None when none is left."""
    members = Members(old.type, old)
    members.remove(rdata)
    return members.rrset()


def system_rrset(rtype: int, ttl: int, rdatas: Sequence[bytes], stamp: int) -> RRset:
    """Return an RRset that bossa itself put there."""
    mark = Mark(Origin.SYSTEM, stamp)
    return RRset(rtype, ttl, tuple(rdatas), (mark,) * len(rdatas))
