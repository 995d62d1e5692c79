"""Prepared answers: what the image has to hold for each name of our zones.

The owner makes them with :func:`bossa.dns.lookup.lookup` and sends them to
the query workers as deltas; after a change only the names are made again
whose answers can differ.  A name whose answer may hang on more than the
names noted here (an alias that leaves our zones, ends in nothing, or goes
through a wildcard) is left to the owner, and so is everything at a forward
rule or below it.
"""

from __future__ import annotations

import marshal
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from bossa.dns import types
from bossa.dns.errors import Rcode
from bossa.dns.image import ASK, Entry, Form
from bossa.dns.lookup import ADDRESSED_TYPES, Answer, Zones, is_occluded, lookup, negative_soa
from bossa.dns.message import HEADER, Flag, Writer
from bossa.dns.names import ROOT, ancestors, is_below
from bossa.dns.rdata import compressible_names
from bossa.dns.zone import RRset, Step, Zone, soa_serial, with_serial

_CLASS_IN = b"\x00\x01"
# A pointer to the question's name.
_PLAIN_OWNER = b"\xc0\x0c"
# What is asked for at an alias; other types there are for the owner.
_ALIAS_TYPES = (types.A, types.AAAA)
_CUT_TYPES = frozenset((types.NS, types.DNAME))
_ONE = b"\x00\x01\x00\x00\x00\x00"


class _Apex(NamedTuple):
    """What was made of a zone's SOA: its own answer, and a negative one; both end in the five numbers."""

    soa: RRset
    own: Entry
    negative: Form

    def at(self, serial: int) -> _Apex:
        """Return the same with another serial."""
        word, counts, tail = self.own
        negative_word, negative_counts, pieces, values, length = self.negative
        pieces = (*pieces[:-1], with_serial(pieces[-1], serial))
        return _Apex(
            self.soa,
            (word, counts, with_serial(tail, serial)),
            (negative_word, negative_counts, pieces, values, length),
        )


@dataclass(slots=True)
class Delta:
    """What to put into an image and what to take out; see :mod:`bossa.dns.image` for the tables."""

    entries: dict[bytes, Entry] = field(default_factory=dict)
    gone_entries: list[bytes] = field(default_factory=list)
    names: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    gone_names: list[bytes] = field(default_factory=list)
    forms: dict[bytes, Form | dict[bytes, bytes]] = field(default_factory=dict)
    gone_forms: list[bytes] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.entries, self.gone_entries, self.names, self.gone_names, self.forms, self.gone_forms))

    def encode(self) -> bytes:
        """Return the octets that :meth:`bossa.dns.image.Image.apply` takes; for our own processes only."""
        return marshal.dumps(
            (self.entries, self.gone_entries, self.names, self.gone_names, self.forms, self.gone_forms)
        )


class Preparer:
    """Makes deltas from the zones, and remembers which answer hangs on which other name.

    ``restricted`` holds the apexes of zones that answer only some clients; all
    of their questions go to the owner, and no other answer shows them.
    """

    def __init__(self, zones: Zones, restricted: Container[bytes], *, recursion: bool) -> None:
        self._zones = zones
        self._restricted = restricted
        self._word = Flag.QR | (Flag.RA if recursion else 0)
        self._dependents: dict[bytes, set[bytes]] = {}
        self._consulted: dict[bytes, set[bytes]] = {}
        self._own_forms: dict[bytes, list[bytes]] = {}
        self._shapes: dict[bytes, tuple[bytes, bytes]] = {}
        # Whether a zone of ours or a forward rule lies below a zone, by apex; forgotten when these come and go.
        self._nested: dict[bytes, bool] = {}
        self._apexes: dict[bytes, _Apex] = {}

    def zone_names(self, zone: Zone) -> list[bytes]:
        """Return the names to prepare for a whole zone: those of its tree, and of forward rules in it."""
        if zone.apex in self._restricted:
            return [zone.apex]
        return zone.names() + self._zones.rules.below(zone.apex)

    def names(self, names: Iterable[bytes], zone: Zone) -> Delta:
        """Prepare names of a zone for an image that holds nothing of them."""
        delta = Delta()
        simple = self._is_simple(zone)
        for name in names:
            if not (simple and self._leaf(zone, name, delta)):
                self._prepare(name, delta)
        return delta

    def _is_simple(self, zone: Zone) -> bool:
        """Tell whether nothing in the zone hides anything: no cut, no zone or rule below, no restriction."""
        if zone.cuts or zone.apex in self._restricted:
            return False
        nested = self._nested.get(zone.apex)
        if nested is None:
            nested = any(apex != zone.apex and is_below(apex, zone.apex) for apex in self._zones)
            nested = nested or bool(self._zones.rules.below(zone.apex))
            self._nested[zone.apex] = nested
        return not nested

    def _leaf(self, zone: Zone, name: bytes, delta: Delta) -> bool:
        """Prepare a name with nothing below it and plain records only, which most names are; False for others.

        The same as :meth:`_prepare` does, in a quarter of its time.
        """
        node = zone.nodes.get(name)
        if node is None or name == zone.apex or zone.has_children(name):
            return False
        if name in self._consulted or name in self._own_forms:
            return False
        for rrset in node:
            if not _is_plain(rrset.type):
                return False
        word, entries = self._word | Flag.AA, delta.entries
        for rrset in node:
            entries[name + rrset.type.to_bytes(2, "big") + _CLASS_IN] = (word, _count(rrset), _plain(rrset))
        delta.names[name] = self._plain_shape(zone.apex)
        return True

    def _plain_shape(self, apex: bytes) -> tuple[bytes, bytes]:
        shape = self._shapes.get(apex)
        if shape is None:
            shape = self._shapes[apex] = (b"n" + apex, b"x" + apex)
        return shape

    def zone_forms(self, *zones: Zone) -> Delta:
        """Prepare the negative answers of zones."""
        delta = Delta()
        for zone in zones:
            self._negative_forms(zone, delta)
        return delta

    def refresh(self, names: Iterable[bytes], former: Zone | None = None) -> Delta:
        """Prepare names anew that showed another zone's records before: a zone's above, or those of ``former``."""
        delta = Delta()
        for name in names:
            for zone in self._zones.covering(name):
                delta.gone_entries += _keys(name, zone.node(name))
            if former is not None:
                delta.gone_entries += _keys(name, former.node(name))
            self._prepare(name, delta)
        return delta

    def arrived(self, zone: Zone) -> set[bytes]:
        """Return the names to refresh when a zone has come, beside its own: those that it hides or that hang on it."""
        self._nested.clear()
        above = self._zones.find(zone.apex[zone.apex[0] + 1 :]) if zone.apex != ROOT else None
        return {*self._consulted, *(above.below(zone.apex) if above else ())}

    def departed(self, zone: Zone) -> set[bytes]:
        """Return the names to refresh when a zone is gone: its own, those that hung on it, those that show again."""
        self._nested.clear()
        above = self._zones.find(zone.apex)
        again = {zone.apex, *(above.below(zone.apex) if above else ())}
        return {*zone.names(), *again, *self._zones.rules.below(zone.apex), *self._consulted}

    def rerouted(self, domains: Collection[bytes]) -> set[bytes]:
        """Return the names to refresh when forward rules have come or gone at ``domains``."""
        self._nested.clear()
        again: set[bytes] = set()
        for apex in {zone.apex for domain in domains if (zone := self._zones.find(domain)) and zone.apex != domain}:
            again |= {domain for domain in domains if is_below(domain, apex)}
            again |= {name for name in self._zones[apex].names() if not again.isdisjoint(ancestors(name))}
        return again | set(self._consulted) if again else again

    def without_forms(self, zone: Zone) -> Delta:
        """Take the negative answers of a zone that is gone out of the image."""
        return Delta(gone_forms=[b"n" + zone.apex, b"x" + zone.apex])

    def after(self, steps: Iterable[Step]) -> tuple[Delta, list[bytes]]:
        """Begin a delta for steps that are applied to the zones already; return with it the names to :meth:`add`."""
        delta = Delta()
        wanted: set[bytes] = set()
        touched: set[bytes] = set()
        for step in steps:
            touched.add(step.apex)
            if step.apex in self._restricted:
                continue
            zone = self._zones[step.apex]
            for change in step.changes:
                if change.type == types.SOA:
                    continue
                wanted |= self._affected(zone, change.owner, cut=change.type in _CUT_TYPES)
                delta.gone_entries += [_key(change.owner, rtype) for rtype in (change.type, *_ALIAS_TYPES)]
        for apex in touched:
            zone = self._zones[apex]
            self._negative_forms(zone, delta)
            if apex not in self._restricted:
                delta.entries[_key(apex, types.SOA)] = self._apex(zone).own
        return delta, list(wanted)

    def add(self, names: Iterable[bytes], delta: Delta) -> None:
        """Prepare names into a delta that was begun."""
        for name in names:
            zone = self._zones.find(name)
            if zone is None or not (self._is_simple(zone) and self._leaf(zone, name, delta)):
                self._prepare(name, delta)

    def _affected(self, zone: Zone, owner: bytes, *, cut: bool) -> set[bytes]:
        """Return the names whose answers can differ after a change at one."""
        names = {owner, *self._dependents.get(owner, ())}
        if cut and owner != zone.apex:
            names |= {*zone.below(owner), *self._consulted}
        name = owner
        while name not in (zone.apex, ROOT):
            wildcard = name.startswith(b"\x01*")
            name = name[name[0] + 1 :]
            if zone.node(name) and not wildcard:
                break
            names.add(name)
        return names

    def _prepare(self, name: bytes, delta: Delta) -> None:
        zone = self._zones.find(name)
        self._depend(name, set())
        delta.gone_forms += self._own_forms.pop(name, ())
        if zone is not None and self._zones.rules.beats(name, zone.apex) and zone.apex not in self._restricted:
            self._passed_on(zone, name, delta)
            return
        if zone is None or not self._shown(zone, name):
            delta.gone_names.append(name)
            delta.gone_entries += _keys(name, zone.node(name) if zone else ())
            return
        if zone.apex in self._restricted:
            delta.names[name] = (ASK, ASK)
            delta.gone_entries += _keys(name, zone.node(name))
            return
        node = zone.node(name)
        here = {rrset.type for rrset in node}
        if types.NS in here and name != zone.apex:
            self._cut(name, delta)
            delta.gone_entries += _keys(name, node)
            return
        delta.names[name] = (self._at(zone, name, here, delta), self._below(zone, name, here, delta))
        if types.CNAME in here:
            self._alias(name, delta)
        for rrset in node:
            self._entry(name, rrset, delta)

    def _passed_on(self, zone: Zone, name: bytes, delta: Delta) -> None:
        """Leave a name to the owner: the rule's own, in the tree or not, stands for all that are below it."""
        delta.gone_entries += _keys(name, zone.node(name))
        if name in self._zones.rules:
            delta.names[name] = (ASK, ASK)
        else:
            delta.gone_names.append(name)

    def _shown(self, zone: Zone, name: bytes) -> bool:
        """Tell whether the name is in the tree and above every cut."""
        if not zone.exists(name) or (zone.apex in self._restricted and name != zone.apex):
            return False
        return not zone.cuts or name == zone.apex or not is_occluded(zone, name[name[0] + 1 :], dname_at=True)

    def _at(self, zone: Zone, name: bytes, here: set[int], delta: Delta) -> bytes:
        if types.CNAME in here:
            return ASK
        nodata = b"n" + zone.apex
        if name != zone.apex or name == ROOT or self._zones.find(name[name[0] + 1 :]) is None:
            return nodata
        # DS at an apex is asked of the zone above, which is ours too.
        self._own_forms[name] = [b"d" + name]
        delta.forms[b"d" + name] = {types.DS.to_bytes(2, "big"): ASK, ASK: nodata}
        return b"d" + name

    def _below(self, zone: Zone, name: bytes, here: set[int], delta: Delta) -> bytes:
        if types.DNAME in here:
            return ASK
        wildcard = b"\x01*" + name
        if not zone.exists(wildcard):
            return b"x" + zone.apex
        node = zone.node(wildcard)
        if {rrset.type for rrset in node} & {types.CNAME, types.NS, types.DNAME}:
            return ASK
        by_type = {ASK: b"n" + zone.apex}
        for rrset in node:
            by_type[rrset.type.to_bytes(2, "big")] = self._wildcard(wildcard, rrset, delta)
        delta.forms[b"w" + name] = by_type
        own = [b"w" + name, *(key for key in by_type.values() if key[:1] == b"w")]
        self._own_forms.setdefault(name, []).extend(own)
        return b"w" + name

    def _wildcard(self, wildcard: bytes, rrset: RRset, delta: Delta) -> bytes:
        key = b"w" + rrset.type.to_bytes(2, "big") + wildcard
        if rrset.type in ADDRESSED_TYPES:
            return ASK
        w, start = _reference(wildcard[2:])
        for rdata in rrset.rdatas:
            # Whatever name was asked for owns the record.
            w.octets += _PLAIN_OWNER
            w.body(rrset.type, rrset.ttl, rdata)
        delta.forms[key] = (self._word | Flag.AA, _count(rrset), *_cut_at_pointers(w, start))
        return key

    def _cut(self, name: bytes, delta: Delta) -> None:
        """Prepare a delegation: every question at it or below gets the referral, but DS at it."""
        answer = lookup(self._zones, name, types.A, self._restricted)
        assert answer is not None, "the name is in a zone of ours"
        referral, at_cut = b"r" + name, b"d" + name
        delta.forms[referral] = self._form(name, answer)
        # Only the owner knows whether DS is asked of the parent or of the child.
        delta.forms[at_cut] = {types.DS.to_bytes(2, "big"): ASK, ASK: referral}
        delta.names[name] = (at_cut, referral)
        self._own_forms[name] = [referral, at_cut]
        self._depend(name, answer.consulted)

    def _alias(self, name: bytes, delta: Delta) -> None:
        """Prepare the addresses at the end of an alias that stays within what is noted."""
        for rtype in _ALIAS_TYPES:
            answer = lookup(self._zones, name, rtype, self._restricted)
            key = _key(name, rtype)
            if answer is None or not _settled(answer, self._zones):
                delta.gone_entries.append(key)
                continue
            delta.entries[key] = self._rendered(name, answer)
            self._depend(name, self._consulted.get(name, set()) | answer.consulted)

    def _entry(self, name: bytes, rrset: RRset, delta: Delta) -> None:
        key = _key(name, rrset.type)
        if rrset.type == types.DS and name in self._zones:
            delta.gone_entries.append(key)
            return
        if _is_plain(rrset.type):
            delta.entries[key] = (self._word | Flag.AA, _count(rrset), _plain(rrset))
            return
        answer = lookup(self._zones, name, rrset.type, self._restricted)
        assert answer is not None, "the name is in a zone of ours"
        delta.entries[key] = self._rendered(name, answer)
        self._depend(name, self._consulted.get(name, set()) | answer.consulted)

    def _rendered(self, name: bytes, answer: Answer) -> Entry:
        w, start = _question(name)
        counts = _sections(w, answer)
        return self._flags(answer), counts, bytes(w.octets[start:])

    def _form(self, base: bytes, answer: Answer) -> Form:
        """Make a form for questions that end in ``base``."""
        w, start = _reference(base)
        counts = _sections(w, answer)
        return self._flags(answer), counts, *_cut_at_pointers(w, start)

    def _flags(self, answer: Answer) -> int:
        return self._word | (Flag.AA if answer.authoritative else 0) | int(answer.rcode)

    def _negative_forms(self, zone: Zone, delta: Delta) -> None:
        word, counts, pieces, values, length = self._apex(zone).negative
        delta.forms[b"n" + zone.apex] = (word, counts, pieces, values, length)
        delta.forms[b"x" + zone.apex] = (word | Rcode.NXDOMAIN, counts, pieces, values, length)

    def _apex(self, zone: Zone) -> _Apex:
        """Return what shows a zone's SOA, which mostly differs from the last one by its serial only."""
        soa = zone.soa_rrset
        known = self._apexes.get(zone.apex)
        if known is not None and _but_for_serial(known.soa) == _but_for_serial(soa):
            return known.at(soa_serial(soa.rdatas[0]))
        own = self._rendered(zone.apex, Answer(answer=[(zone.apex, soa)]))
        negative = self._form(zone.apex, Answer(authority=[(zone.apex, negative_soa(zone))]))
        made = self._apexes[zone.apex] = _Apex(soa, own, negative)
        return made

    def _depend(self, name: bytes, consulted: set[bytes]) -> None:
        """Note on which names the answers at ``name`` hang."""
        for old in self._consulted.pop(name, set()) - consulted:
            left = self._dependents[old]
            left.discard(name)
            if not left:
                del self._dependents[old]
        if consulted:
            self._consulted[name] = consulted
            for one in consulted:
                self._dependents.setdefault(one, set()).add(name)


def _but_for_serial(soa: RRset) -> tuple[int, bytes]:
    """Return what a negative answer shows of an SOA beside the serial."""
    return soa.ttl, with_serial(soa.rdatas[0], 0)


def _settled(answer: Answer, zones: Zones) -> bool:
    """Tell whether only the consulted names can change an alias's answer."""
    if answer.rcode or answer.authority or answer.elsewhere is not None:
        return False
    # The last owner must be a name of its own, not a wildcard's child, and no DNAME on the way.
    for owner, _ in answer.answer:
        zone = zones.find(owner.lower())
        if zone is None or not zone.node(owner.lower()):
            return False
    return answer.answer[-1][1].type != types.CNAME and all(one.type != types.DNAME for _, one in answer.answer)


def _key(name: bytes, rtype: int) -> bytes:
    return name + rtype.to_bytes(2, "big") + _CLASS_IN


def _keys(name: bytes, node: tuple[RRset, ...]) -> list[bytes]:
    """Return every key that the image can hold for a name with this node."""
    return [_key(name, rtype) for rtype in {*_ALIAS_TYPES, *(rrset.type for rrset in node)}]


def _question(name: bytes) -> tuple[Writer, int]:
    w = Writer()
    w.name(name)
    w.octets += b"\x00\x01\x00\x01"
    return w, len(w.octets)


def _reference(base: bytes) -> tuple[Writer, int]:
    """Begin a message whose question is one label and then ``base``; only ``base`` is there to point at."""
    w = Writer()
    w.octets += b"\x01x"
    w.name(base)
    w.octets += b"\x00\x01\x00\x01"
    return w, len(w.octets)


def _cut_at_pointers(w: Writer, start: int) -> tuple[tuple[bytes, ...], tuple[int, ...], int]:
    """Return what was written from ``start`` on in pieces, the pointers between them, and the question name's size."""
    pieces, values, at = [], [], start
    for place in w.pointers:
        pieces.append(bytes(w.octets[at:place]))
        values.append(int.from_bytes(w.octets[place : place + 2], "big") & 0x3FFF)
        at = place + 2
    pieces.append(bytes(w.octets[at:]))
    return tuple(pieces), tuple(values), start - HEADER - 4


def _sections(w: Writer, answer: Answer) -> bytes:
    """Write the three sections; return their counts."""
    return b"".join(
        sum(w.rrset(owner, rrset) for owner, rrset in section).to_bytes(2, "big")
        for section in (answer.answer, answer.authority, answer.additional)
    )


@lru_cache(maxsize=512)
def _is_plain(rtype: int) -> bool:
    """Tell whether records of the type hold no name that is compressed, and bring no addresses along."""
    return rtype not in ADDRESSED_TYPES and rtype != types.DNAME and not compressible_names(rtype)[1]


def _count(rrset: RRset) -> bytes:
    """Return the counts of an answer that holds this RRset alone."""
    return _ONE if len(rrset.rdatas) == 1 else len(rrset.rdatas).to_bytes(2, "big") + bytes(4)


def _plain(rrset: RRset) -> bytes:
    """Return the records of a type without names in its data, owned by the question's name."""
    start = _PLAIN_OWNER + rrset.type.to_bytes(2, "big") + _CLASS_IN + rrset.ttl.to_bytes(4, "big")
    if len(rrset.rdatas) == 1:
        rdata = rrset.rdatas[0]
        return start + len(rdata).to_bytes(2, "big") + rdata
    return b"".join(start + len(rdata).to_bytes(2, "big") + rdata for rdata in rrset.rdatas)
