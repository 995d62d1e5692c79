"""Reverse records that follow addresses: what a step of one zone asks of the reverse zones beside it.

An address that an update adds gets a PTR, and an address that goes takes its
PTR along, whoever takes it away.  Invariants: a PTR of an origin other than
PTR is never touched; a PTR to another name is never joined or replaced, so the
first name wins; every PTR that was put here points to a name that holds the
address, as long as its zone has the option and is changed step by step, not
replaced.  RFC 1035 §3.5, RFC 3596 §2.5.

All is decided on drafts, so that the steps of the reverse zones can be stored
in the transaction of the step that they follow.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bossa.dns import names, types
from bossa.dns.changes import Draft, without_record
from bossa.dns.lookup import Zones
from bossa.dns.zone import Mark, Origin, RRset, RRsetChange, Step, Zone

_ADDRESSES = (types.A, types.AAAA)
_WILDCARD = b"\x01*"
# What gives the names below it to somebody else.
_CUTS = (types.NS, types.DNAME)

Ground = Callable[[Zone], Draft]
Writable = Callable[[bytes], bool]


class Note(NamedTuple):
    """What became of the PTR of one address, for the log; ``zone`` is the reverse zone's apex."""

    fate: str
    name: bytes
    address: str
    zone: bytes
    why: str | None = None


class Companions(NamedTuple):
    """The steps of reverse zones that go with a step, one a zone, and what there is to tell of them."""

    steps: tuple[Step, ...] = ()
    notes: tuple[Note, ...] = ()


NOTHING = Companions()


class Claim(NamedTuple):
    """A name that wants the PTR of its address."""

    name: bytes
    address: bytes
    ttl: int
    stamp: int


def follow(step: Step, zones: Zones, ground: Ground, writable: Writable) -> Companions:
    """Decide what a step's addresses do to the reverse zones of ours.

    ``ground`` gives the draft over which the next change of a zone is decided;
    it is read and left as it is.  Zones that are not ``writable`` (by apex) are
    left alone, and so is what a reverse zone delegates.
    """
    upkeep = _Upkeep(zones, ground, writable)
    changes = [change for change in step.changes if change.type in _ADDRESSES and not _is_wildcard(change.owner)]
    # An address may go from one name to another in one message, told in any order.
    for change in changes:
        for address in _gone(change):
            upkeep.withdraw(change.owner, address)
    for change in changes:
        for claim in _claims(change):
            upkeep.claim(claim)
    return upkeep.companions()


def _is_wildcard(owner: bytes) -> bool:
    # The name that a wildcard stands for is none that an address could lead back to.
    return owner.startswith(_WILDCARD)


def _gone(change: RRsetChange) -> Iterator[bytes]:
    after = frozenset(change.after.rdatas if change.after else ())
    return (rdata for rdata in (change.before.rdatas if change.before else ()) if rdata not in after)


def _claims(change: RRsetChange) -> Iterator[Claim]:
    """Yield the records of updates that are new or have another TTL.

    A record that went and came back in one message is new by its mark: a host
    that registers again and again gets the PTR when whoever had it has gone.
    """
    before, after = change.before, change.after
    if after is None:
        return
    kept = set(zip(before.rdatas, before.marks, strict=True)) if before and before.ttl == after.ttl else set()
    for rdata, mark in zip(after.rdatas, after.marks, strict=True):
        if mark.origin == Origin.UPDATE and (rdata, mark) not in kept:
            yield Claim(change.owner, rdata, after.ttl, mark.stamp)


class _Upkeep:
    """The reverse zones while one step is followed."""

    def __init__(self, zones: Zones, ground: Ground, writable: Writable) -> None:
        self._zones = zones
        self._ground = ground
        self._writable = writable
        self._drafts: dict[bytes, Draft] = {}
        self._notes: list[Note] = []

    def companions(self) -> Companions:
        """Return what the drafts come to."""
        steps = (draft.close() for draft in self._drafts.values())
        return Companions(tuple(step for step in steps if step is not None), tuple(self._notes))

    def withdraw(self, name: bytes, address: bytes) -> None:
        """Take away the PTR of an address that a name no longer has, if we put it there for this name."""
        owner = _reverse(address)
        draft = self._draft(owner)
        rrset = draft.find(owner, types.PTR) if draft else None
        if draft is None or rrset is None or not _is_ours(rrset, name):
            return
        draft.put(owner, types.PTR, without_record(rrset, name))
        self._tell("ptr removed", name, address, draft)

    def claim(self, claim: Claim) -> None:
        """Give a name the PTR of its address, or that the address' TTL, unless something else stands there."""
        owner = _reverse(claim.address)
        draft = self._draft(owner)
        if draft is None or is_given_away(owner, draft):
            return
        rrset = draft.find(owner, types.PTR)
        if draft.in_the_way(owner, types.PTR) is not None:
            # Somebody keeps this address elsewhere: RFC 2317 §4.
            self._tell("ptr left alone", claim.name, claim.address, draft, "an alias stands at the reverse name")
        elif rrset is None:
            draft.put(owner, types.PTR, _ptr(claim))
            self._tell("ptr added", claim.name, claim.address, draft)
        elif (first := _another(rrset, claim.name)) is not None:
            self._tell("ptr left alone", claim.name, claim.address, draft, f"{names.to_text(first)} has it")
        elif _is_ours(rrset, claim.name):
            draft.put(owner, types.PTR, rrset._replace(ttl=claim.ttl))

    def _draft(self, owner: bytes) -> Draft | None:
        """Return the draft of the zone of ours that a reverse name is in, None when there is none to write to."""
        zone = self._zones.find(owner)
        if zone is None or not self._writable(zone.apex):
            return None
        if zone.apex not in self._drafts:
            self._drafts[zone.apex] = Draft(self._ground(zone))
        return self._drafts[zone.apex]

    def _tell(self, fate: str, name: bytes, address: bytes, draft: Draft, why: str | None = None) -> None:
        self._notes.append(Note(fate, name, str(ipaddress.ip_address(address)), draft.apex, why))


def _reverse(address: bytes) -> bytes:
    return names.reverse(str(ipaddress.ip_address(address)))


def _ptr(claim: Claim) -> RRset:
    return RRset(types.PTR, claim.ttl, (claim.name,), (Mark(Origin.PTR, claim.stamp),))


def _is_ours(rrset: RRset, name: bytes) -> bool:
    """Tell whether there is a PTR to the name that was put there here."""
    pairs = zip(rrset.rdatas, rrset.marks, strict=True)
    return any(mark.origin == Origin.PTR and rdata.lower() == name for rdata, mark in pairs)


def _another(rrset: RRset, name: bytes) -> bytes | None:
    return next((rdata for rdata in rrset.rdatas if rdata.lower() != name), None)


def is_given_away(owner: bytes, draft: Draft | Zone) -> bool:
    """Tell whether the zone gives a name, or one above it, to another zone.  RFC 1034 §4.2.1, RFC 6672 §2.3"""
    for name in names.ancestors(owner):
        if name == draft.apex:
            return False
        if any(draft.find(name, rtype) is not None for rtype in _CUTS):
            return True
    return False
