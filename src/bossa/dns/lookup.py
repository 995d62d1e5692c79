"""What a question's answer is, from the zones in memory.

The algorithm of RFC 1034 §4.3.2 with DNAME (RFC 6672 §3.2), wildcards
(RFC 4592 §3.3), empty non-terminals (RFC 8020), minimal answers to ANY
(RFC 8482 §4.1) and negative answers with the zone's SOA (RFC 2308 §3).
A pure function of the zones; prepared answers are made with it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Set
from dataclasses import dataclass, field

from bossa.dns import names, types
from bossa.dns.errors import Rcode
from bossa.dns.routes import Rules
from bossa.dns.zone import RRset, Zone, soa_minimum

# A chain of aliases is followed so far inside our zones; then it is answered as it stands.
MAX_CHAIN = 16
# Where a target's name begins in rdata whose addresses go along.  RFC 1035 §3.3, RFC 2782
_TARGET_AT = {types.NS: 0, types.MX: 2, types.SRV: 6}
ADDRESSED_TYPES = frozenset(_TARGET_AT)
_ADDRESSES = (types.A, types.AAAA)

Owned = tuple[bytes, RRset]


class Zones(dict[bytes, Zone]):
    """Our zones by apex key, and what stands before them: forward ``rules``.

    ``overruled`` holds the apexes of private zones whose place a rule has taken.
    """

    def __init__(self, zones: Mapping[bytes, Zone] | None = None) -> None:
        super().__init__(zones or {})
        self.rules = Rules()
        self.overruled: set[bytes] = set()

    def find(self, name: bytes) -> Zone | None:
        """Return the zone with the longest apex at or above the key ``name``."""
        return next(self.covering(name), None)

    def covering(self, name: bytes) -> Iterator[Zone]:
        """Yield every zone whose apex is at or above the key ``name``."""
        for candidate in names.ancestors(name):
            if (zone := self.get(candidate)) is not None:
                yield zone

    def find_for(self, name: bytes, qtype: int) -> Zone | None:
        """Return the zone that answers; None when that is not for us, but for a forward rule perhaps.

        For DS at an apex it is the parent's, where we have it.  RFC 4035 §3.1.4.1
        """
        if qtype == types.DS and name in self and name != names.ROOT:
            above = self._nearest(names.parent(name))
            if above is not None and not self.rules.beats(name, above.apex):
                return above
        zone = self._nearest(name)
        return None if zone is None or self.rules.beats(name, zone.apex) else zone

    def _nearest(self, name: bytes) -> Zone | None:
        return next((zone for zone in self.covering(name) if zone.apex not in self.overruled), None)


@dataclass(frozen=True, slots=True)
class Hidden:
    """Apexes of zones that no alias and no target shows: ``closed`` to this client, or ``unserved`` to everybody."""

    closed: Set[bytes] = frozenset()
    unserved: Set[bytes] = frozenset()

    def __contains__(self, apex: object) -> bool:
        return apex in self.closed or apex in self.unserved


@dataclass(slots=True)
class Answer:
    """What goes into the sections; ``elsewhere`` is the name outside our zones where an alias chain left them."""

    rcode: Rcode = Rcode.NOERROR
    authoritative: bool = True
    answer: list[Owned] = field(default_factory=list)
    authority: list[Owned] = field(default_factory=list)
    additional: list[Owned] = field(default_factory=list)
    elsewhere: bytes | None = None
    # The name below a delegation of ours for which this is a referral.
    referred: bytes | None = None
    # Names of whose records the answer depends, beside the one asked for.
    consulted: set[bytes] = field(default_factory=set)
    # Apexes of zones that this client may not ask, so that no alias and no target shows them.
    hidden: Container[bytes] = ()


def lookup(zones: Zones, qname: bytes, qtype: int, hidden: Container[bytes] = ()) -> Answer | None:
    """Answer a question of class IN; None when the name is in no zone of ours.

    What lies in a ``hidden`` zone (by apex) is not shown where an alias or a target leads there.
    """
    key = qname.lower()
    zone = zones.find_for(key, qtype)
    if zone is None:
        return None
    answer = Answer(hidden=hidden)
    seen = {key}
    owner = qname
    while zone is not None:
        target = _step(zones, zone, owner, qtype, answer)
        if target is None:
            return answer
        key = target.lower()
        answer.consulted.add(key)
        if key in seen or len(seen) > MAX_CHAIN:
            return answer
        seen.add(key)
        owner = target
        zone = zones.find_for(key, qtype)
        if zone is not None and zone.apex in hidden:
            break
    answer.elsewhere = owner
    return answer


def _step(zones: Zones, zone: Zone, owner: bytes, qtype: int, answer: Answer) -> bytes | None:
    """Answer for one name in its zone; return where an alias leads."""
    key = owner.lower()
    for ancestor in _from_apex(zone, key) if zone.cuts else ():
        cut = zone.find(ancestor, types.NS) if ancestor != zone.apex else None
        if cut is not None and not (ancestor == key and qtype == types.DS):
            _referral(zones, zone, ancestor, cut, answer)
            answer.referred = owner
            return None
        if ancestor != key and (dname := zone.find(ancestor, types.DNAME)) is not None:
            return _substitute(ancestor, dname, owner, answer)
    if zone.exists(key):
        return _at_node(zones, zone, owner, zone.node(key), qtype, answer)
    source = b"\x01*" + closest_encloser(zone, key)
    if zone.exists(source):
        answer.consulted.add(source)
        return _at_node(zones, zone, owner, zone.node(source), qtype, answer)
    _negative(zone, Rcode.NXDOMAIN, answer)
    return None


def _from_apex(zone: Zone, key: bytes) -> Iterator[bytes]:
    """Yield the names from the apex down to the key."""
    path = []
    for name in names.ancestors(key):
        path.append(name)
        if name == zone.apex:
            break
    yield from reversed(path)


def closest_encloser(zone: Zone, key: bytes) -> bytes:
    """Return the nearest existing ancestor of a key that does not exist.  RFC 4592 §3.3.1"""
    name = key
    while not zone.exists(name) and name != zone.apex:
        name = names.parent(name)
    return name


def _at_node(
    zones: Zones, zone: Zone, owner: bytes, node: tuple[RRset, ...], qtype: int, answer: Answer
) -> bytes | None:
    """Answer from a name's RRsets, its own or a wildcard's; ``owner`` is the name to show."""
    by_type = {rrset.type: rrset for rrset in node}
    if qtype == types.ANY and node:
        # One RRset is enough for who asks for any.  RFC 8482 §4.1
        answer.answer.append((owner, _least(node)))
        return None
    found = by_type.get(qtype)
    if found is None and (alias := by_type.get(types.CNAME)) is not None:
        answer.answer.append((owner, alias))
        return alias.rdatas[0]
    if found is None:
        _negative(zone, Rcode.NOERROR, answer)
        return None
    answer.answer.append((owner, found))
    _add_addresses(zones, found, answer)
    return None


def _least(node: tuple[RRset, ...]) -> RRset:
    """Return the smallest RRset, so that a forged question gains nothing."""
    return min(node, key=lambda rrset: sum(map(len, rrset.rdatas)))


def negative_soa(zone: Zone) -> RRset:
    """Return the SOA with the TTL of negative answers: the lesser of its own and MINIMUM.  RFC 2308 §5"""
    rrset = zone.soa_rrset
    return rrset._replace(ttl=min(rrset.ttl, soa_minimum(rrset.rdatas[0])))


def _negative(zone: Zone, rcode: Rcode, answer: Answer) -> None:
    # RFC 6604 §3: the code is that of the last name of the chain.
    answer.rcode = rcode
    answer.authority.append((zone.apex, negative_soa(zone)))


def _referral(zones: Zones, zone: Zone, cut: bytes, ns: RRset, answer: Answer) -> None:
    # Only the answer section's first name decides about AA (RFC 1035 §4.1.1).
    answer.authoritative = bool(answer.answer)
    answer.authority.append((cut, ns))
    if (ds := zone.find(cut, types.DS)) is not None:
        answer.authority.append((cut, ds))
    _add_addresses(zones, ns, answer, glue=zone)


def _substitute(ancestor: bytes, dname: RRset, owner: bytes, answer: Answer) -> bytes | None:
    """Answer with a DNAME and the CNAME made from it.  RFC 6672 §3.1"""
    answer.answer.append((ancestor, dname))
    target = owner[: len(owner) - len(ancestor)] + dname.rdatas[0]
    if len(target) > names.MAX_NAME:
        answer.rcode = Rcode.YXDOMAIN
        return None
    cname = RRset(types.CNAME, dname.ttl, (target,), dname.marks[:1])
    answer.answer.append((owner, cname))
    return target


def _add_addresses(zones: Zones, rrset: RRset, answer: Answer, glue: Zone | None = None) -> None:
    """Add the addresses of the targets that we know, with ``glue`` also those below a cut of this zone."""
    at = _TARGET_AT.get(rrset.type)
    if at is None:
        return
    shown = {owner.lower() for owner, _ in answer.additional}
    for rdata in rrset.rdatas:
        target = rdata[at:].lower()
        answer.consulted.add(target)
        if target in shown:
            continue
        shown.add(target)
        answer.additional.extend((target, one) for one in _addresses(zones, target, glue, answer.hidden))


def _addresses(zones: Zones, target: bytes, glue: Zone | None, hidden: Container[bytes]) -> list[RRset]:
    zone = zones.find(target)
    if zone is None or (zone is not glue and zone.apex in hidden):
        return []
    if zone is not glue and (zones.find_for(target, types.A) is not zone or is_occluded(zone, target)):
        return []
    return [rrset for rtype in _ADDRESSES if (rrset := zone.find(target, rtype)) is not None]


def is_occluded(zone: Zone, key: bytes, *, dname_at: bool = False) -> bool:
    """Tell whether a name of the zone lies below a cut or a DNAME, or is a cut, or (``dname_at``) owns a DNAME."""
    for ancestor in _from_apex(zone, key) if zone.cuts else ():
        if ancestor != zone.apex and zone.find(ancestor, types.NS) is not None:
            return True
        if (dname_at or ancestor != key) and zone.find(ancestor, types.DNAME) is not None:
            return True
    return False
