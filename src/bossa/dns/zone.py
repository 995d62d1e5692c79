"""A zone in memory, and what changes it.

A zone is a dictionary from owner keys to their RRsets; a name that owns
nothing but has something below it is an empty non-terminal (RFC 4592 §2.2.2).
Invariants: one TTL an RRset (RFC 2181 §5.2); no RRset is empty; the order of
rdata in an RRset is the order in which it came.  Serials follow RFC 1982.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from bossa.dns import types
from bossa.dns.names import ROOT, is_below


class Origin(IntEnum):
    """Who put a record there."""

    FILE = 1
    COMMAND = 2
    UPDATE = 3
    PTR = 4
    SYSTEM = 5
    PRIMARY = 6


class Mark(NamedTuple):
    """Where one record came from, and when: ``stamp`` in seconds since 1970."""

    origin: Origin
    stamp: int


class RRset(NamedTuple):
    """All records of one type at one name; ``marks[i]`` belongs to ``rdatas[i]`` (wire form, uncompressed)."""

    type: int
    ttl: int
    rdatas: tuple[bytes, ...]
    marks: tuple[Mark, ...]


class RRsetChange(NamedTuple):
    """One RRset before and after; None is "not there"."""

    owner: bytes
    type: int
    before: RRset | None
    after: RRset | None


class Step(NamedTuple):
    """What one message or command does to one zone, the SOA's change included.

    ``serial_from == serial_to`` when the step stores marks only and no
    secondary has anything to fetch.
    """

    apex: bytes
    serial_from: int
    serial_to: int
    changes: tuple[RRsetChange, ...]


class Record(NamedTuple):
    """One record as a transfer or a listing shows it."""

    owner: bytes
    type: int
    ttl: int
    rdata: bytes


class Soa(NamedTuple):
    """The fields of an SOA record; times in seconds.  RFC 1035 §3.3.13"""

    mname: bytes
    rname: bytes
    serial: int
    refresh: int
    retry: int
    expire: int
    minimum: int

    @classmethod
    def decode(cls, rdata: bytes) -> Soa:
        """Read uncompressed SOA rdata."""
        cut = _name_end(rdata, 0)
        end = _name_end(rdata, cut)
        numbers = [int.from_bytes(rdata[at : at + 4], "big") for at in range(end, end + 20, 4)]
        return cls(rdata[:cut], rdata[cut:end], *numbers)

    def encode(self) -> bytes:
        """Return the uncompressed rdata."""
        return self.mname + self.rname + b"".join(n.to_bytes(4, "big") for n in self[2:])


def _name_end(data: bytes, pos: int) -> int:
    while size := data[pos]:
        pos += size + 1
    return pos + 1


def soa_serial(rdata: bytes) -> int:
    """Return the serial of SOA rdata: the first of the five numbers at its end."""
    return int.from_bytes(rdata[-20:-16], "big")


def soa_minimum(rdata: bytes) -> int:
    """Return the MINIMUM of SOA rdata, the last number."""
    return int.from_bytes(rdata[-4:], "big")


def with_serial(rdata: bytes, serial: int) -> bytes:
    """Return SOA rdata with another serial."""
    return rdata[:-20] + serial.to_bytes(4, "big") + rdata[-16:]


def serial_gt(a: int, b: int) -> bool:
    """Tell whether serial ``a`` is newer than ``b``; a distance of 2**31 is neither.  RFC 1982 §3.2"""
    return 0 < (a - b) & 0xFFFFFFFF < 0x80000000


def next_serial(serial: int) -> int:
    """Return the serial one step on; 0 is skipped, because some take it for "unset"."""
    return (serial + 1) & 0xFFFFFFFF or 1


class Zone:
    """The records of one zone, by owner key.

    Reading methods take keys (lower-case names).  Only :meth:`apply` and
    :meth:`put` change it.
    """

    __slots__ = ("_children", "_count", "apex", "cuts", "nodes")

    def __init__(self, apex: bytes, rrsets: Iterable[tuple[bytes, RRset]] = ()) -> None:
        self.apex = apex
        self.nodes: dict[bytes, tuple[RRset, ...]] = {}
        self._count = 0
        # Names that may hide what is below them: owners of NS, the apex left out, and of DNAME.
        self.cuts: set[bytes] = set()
        # How many children a name has, for empty non-terminals; only names with children are here.
        self._children: dict[bytes, int] = {}
        for owner, rrset in rrsets:
            self.put(owner, rrset.type, rrset)

    def node(self, owner: bytes) -> tuple[RRset, ...]:
        """Return all RRsets at a name, () when it owns none."""
        return self.nodes.get(owner, ())

    def find(self, owner: bytes, rtype: int) -> RRset | None:
        """Return one RRset or None."""
        for rrset in self.nodes.get(owner, ()):
            if rrset.type == rtype:
                return rrset
        return None

    def exists(self, name: bytes) -> bool:
        """Tell whether the name is in the tree, as an owner or as an empty non-terminal."""
        return name in self.nodes or name in self._children

    def has_children(self, name: bytes) -> bool:
        """Tell whether something lies below the name."""
        return name in self._children

    @property
    def soa(self) -> Soa:
        """The fields of the zone's SOA record."""
        return Soa.decode(self.soa_rrset.rdatas[0])

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
        if rtype in (types.NS, types.DNAME):
            self._note_cut(owner, rtype, rrset)
        old = self.nodes.get(owner)
        if rrset is not None:
            self._count += len(rrset.rdatas)
        if old is None:
            if rrset is not None:
                self._grow(owner)
                self.nodes[owner] = (rrset,)
            return
        self._count -= sum(len(one.rdatas) for one in old if one.type == rtype)
        rest = tuple(one for one in old if one.type != rtype)
        if rrset is not None:
            self.nodes[owner] = (*rest, rrset)
        elif rest:
            self.nodes[owner] = rest
        else:
            del self.nodes[owner]
            self._shrink(owner)

    def _note_cut(self, owner: bytes, rtype: int, rrset: RRset | None) -> None:
        kept = {one.type for one in self.node(owner) if one.type != rtype}
        if rrset is not None:
            kept.add(rtype)
        if types.DNAME in kept or (types.NS in kept and owner != self.apex):
            self.cuts.add(owner)
        else:
            self.cuts.discard(owner)

    def apply(self, changes: Iterable[RRsetChange]) -> None:
        """Make the changes, in their order."""
        for change in changes:
            self.put(change.owner, change.type, change.after)

    def names(self) -> list[bytes]:
        """Return every name of the tree, empty non-terminals included."""
        return [*self.nodes, *(name for name in self._children if name not in self.nodes)]

    def below(self, name: bytes) -> list[bytes]:
        """Return every name of the tree strictly below one; looks at all of them."""
        if name not in self._children:
            return []
        return [one for one in self.names() if one.endswith(name) and one != name and is_below(one, name)]

    def rrsets(self) -> Iterator[tuple[bytes, RRset]]:
        """Yield every RRset with its owner, in no order."""
        for owner, node in self.nodes.items():
            for rrset in node:
                yield owner, rrset

    def count(self) -> int:
        """Return the number of records."""
        return self._count

    def _grow(self, name: bytes) -> None:
        """Count a new node with its parent, and its parent too when that is new in the tree."""
        if name in self._children:
            return
        while name not in (self.apex, ROOT):
            above = name[name[0] + 1 :]
            known = self._children.get(above, 0)
            self._children[above] = known + 1
            if known or above in self.nodes:
                return
            name = above

    def _shrink(self, name: bytes) -> None:
        """Take a node that owns nothing any more out of its parent's count."""
        while name not in self._children and name not in self.nodes and name not in (self.apex, ROOT):
            name = name[name[0] + 1 :]
            left = self._children[name] - 1
            if left:
                self._children[name] = left
                return
            del self._children[name]
