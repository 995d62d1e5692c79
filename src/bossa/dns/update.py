"""Dynamic update: what one UPDATE message does to a zone, decided and not done.

The order is that of RFC 2136 §3, and the numbers below are its:

- the zone section (§3.1), and whether any rule speaks of the caller: the owner
  of the zones asks both before anything else is looked at;
- all records are read: broken octets are FORMERR whatever else is wrong;
- the prerequisites, each for its form and then for its truth (§3.2);
- the policy, record by record (§3.3);
- the prescan (§3.4.1), so that the last record can still refuse the whole;
- the changes, on a draft (§3.4.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from bossa.dns import names, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Rcode, Refused
from bossa.dns.message import Message, RawRecord
from bossa.dns.pointing import fault_of_adding, fault_of_deleting
from bossa.dns.policy import Caller, Rules
from bossa.dns.rdata import canonical, check, read_rdata
from bossa.dns.zone import Mark, serial_gt, soa_serial
from bossa.wire import Reader, WireError

_MAX_TTL = 0x7FFFFFFF
# An RRset that no message can carry is of no use to anybody.
_MAX_RRSET = 60_000


class UpdateRecord(NamedTuple):
    """One record of the prerequisite or update section, its data uncompressed."""

    owner: bytes
    type: int
    rclass: int
    ttl: int
    rdata: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """An update, taken apart; no record of it is judged yet."""

    apex: bytes
    prerequisites: tuple[UpdateRecord, ...]
    updates: tuple[UpdateRecord, ...]


def zone_of(message: Message) -> bytes:
    """Return the key of the zone that the message names.  §3.1.1"""
    if len(message.questions) != 1:
        raise Refused(Rcode.FORMERR, f"{len(message.questions)} records in the zone section")
    zone = message.questions[0]
    if zone.type != types.SOA:
        raise Refused(Rcode.FORMERR, f"zone section of type {types.type_text(zone.type)}")
    if zone.rclass != types.IN:
        raise Refused(Rcode.NOTAUTH, f"zone of class {types.class_text(zone.rclass)}")
    return zone.name.lower()


def read_update(message: Message) -> Update:
    """Take an UPDATE apart; raises Refused (FORMERR) for octets that are no records.  §2"""
    apex = zone_of(message)
    try:
        prerequisites = tuple([_record(message, raw) for raw in message.answer])
        updates = tuple([_record(message, raw) for raw in message.authority])
    except WireError as e:
        raise Refused(Rcode.FORMERR, str(e)) from None
    return Update(apex, prerequisites, updates)


def _record(message: Message, raw: RawRecord) -> UpdateRecord:
    """Read a record; no data is well-formed for the classes that carry none."""
    r = Reader(message.wire, raw.rdata, raw.end)
    empty = raw.rdata == raw.end and raw.rclass != types.IN
    rdata = b"" if empty or types.is_meta(raw.type) else read_rdata(r, raw.type, r.left)
    if types.is_meta(raw.type) and r.left:
        raise WireError(f"data in a record of type {types.type_text(raw.type)}")
    if rdata and raw.rclass == types.IN:
        check(raw.type, rdata)
    return UpdateRecord(raw.owner.lower(), raw.type, raw.rclass, raw.ttl, rdata)


def _check_prerequisite(record: UpdateRecord, apex: bytes) -> None:
    """Refuse what has not the form of a prerequisite.  §3.2.5"""
    if record.ttl != 0:
        raise Refused(Rcode.FORMERR, f"prerequisite with TTL {record.ttl}")
    if not names.is_below(record.owner, apex):
        raise Refused(Rcode.NOTZONE, f"prerequisite for {names.to_text(record.owner)}")
    _check_class(record)
    if record.rclass != types.IN and record.rdata:
        raise Refused(Rcode.FORMERR, "prerequisite of class ANY or NONE with data")
    meta = types.is_meta(record.type) and not (record.type == types.ANY and record.rclass != types.IN)
    if meta:
        raise Refused(Rcode.FORMERR, f"prerequisite of type {types.type_text(record.type)}")


def _check_class(record: UpdateRecord) -> None:
    if record.rclass not in (types.IN, types.CLASS_ANY, types.CLASS_NONE):
        raise Refused(Rcode.FORMERR, f"record of class {types.class_text(record.rclass)}")


def _prescan(record: UpdateRecord, apex: bytes) -> None:
    """Refuse what no update can do, before any of it is done.  §3.4.1.2 and §3.4.1.3"""
    if not names.is_below(record.owner, apex):
        raise Refused(Rcode.NOTZONE, f"update of {names.to_text(record.owner)}")
    _check_class(record)
    meta = types.is_meta(record.type) and not (record.type == types.ANY and record.rclass == types.CLASS_ANY)
    if meta:
        raise Refused(Rcode.FORMERR, f"update of type {types.type_text(record.type)}")
    if record.rclass == types.IN:
        if record.type in types.MADE_BY_SIGNING:
            raise Refused(Rcode.REFUSED, types.signing_fault(record.type))
        return
    if record.ttl != 0:
        raise Refused(Rcode.FORMERR, f"deletion with TTL {record.ttl}")
    if record.rclass == types.CLASS_ANY and record.rdata:
        raise Refused(Rcode.FORMERR, "deletion of an RRset with data")
    if record.rclass == types.CLASS_NONE:
        _check_data(record)


def _check_data(record: UpdateRecord) -> None:
    """Refuse the deletion of a record that cannot be.  §2.5.4"""
    try:
        check(record.type, record.rdata)
    except WireError as e:
        raise Refused(Rcode.FORMERR, str(e)) from None


def decide(update: Update, draft: Draft, rules: Rules, caller: Caller, mark: Mark) -> None:
    """Carry an update out on a draft; raises Refused, after which the draft is to be thrown away."""
    check_prerequisites(update.prerequisites, draft)
    check_permission(update.updates, draft, rules, caller)
    for record in update.updates:
        _prescan(record, draft.apex)
    for record in update.updates:
        _carry_out(record, draft, mark)


def check_prerequisites(prerequisites: Sequence[UpdateRecord], draft: Draft) -> None:
    """Raise Refused when the zone is not as the sender believes.  §3.2"""
    wanted: dict[tuple[bytes, int], set[bytes]] = {}
    for record in prerequisites:
        _check_prerequisite(record, draft.apex)
        if record.rclass == types.IN:
            wanted.setdefault((record.owner, record.type), set()).add(canonical(record.type, record.rdata))
        else:
            _check_existence(record, draft)
    for (owner, rtype), rdatas in wanted.items():
        rrset = draft.find(owner, rtype)
        # The whole RRset, order and TTL left out.  §3.2.3
        if rrset is None or {canonical(rtype, one) for one in rrset.rdatas} != rdatas:
            raise Refused(Rcode.NXRRSET, f"{names.to_text(owner)} {types.type_text(rtype)} has other records")


def _check_existence(record: UpdateRecord, draft: Draft) -> None:
    """Existence of a name or an RRset, wanted or unwanted.  §3.2.4 and §3.2.5 table"""
    what = f"{names.to_text(record.owner)} {types.type_text(record.type)}"
    any_type = record.type == types.ANY
    exists = bool(draft.node(record.owner)) if any_type else draft.find(record.owner, record.type) is not None
    if record.rclass == types.CLASS_ANY and not exists:
        raise Refused(Rcode.NXDOMAIN if any_type else Rcode.NXRRSET, f"{what} is not there")
    if record.rclass == types.CLASS_NONE and exists:
        raise Refused(Rcode.YXDOMAIN if any_type else Rcode.YXRRSET, f"{what} is there")


def check_permission(updates: Sequence[UpdateRecord], draft: Draft, rules: Rules, caller: Caller) -> None:
    """Raise Refused unless the policy allows every record.  §3.3

    Deleting all at a name needs the right to delete each RRset there, and some
    right there even if it owns nothing: else the answer would tell who is there.
    """
    for record in updates:
        touched: AbstractSet[int] = {record.type}
        if record.type == types.ANY:
            touched = _all_at(record.owner, draft)
            if not rules.reach(caller, record.owner):
                raise Refused(Rcode.REFUSED, rules.why_not(caller, record.owner))
        for rtype in touched:
            if rules.find(caller, record.owner, rtype) is None:
                _check_pointing(record, rtype, draft, rules, caller)


def _check_pointing(record: UpdateRecord, rtype: int, draft: Draft, rules: Rules, caller: Caller) -> None:
    """Raise Refused unless the record is the PTR of an address that the caller may have lead back to itself."""
    why = rules.why_not(caller, record.owner, rtype)
    if rtype != types.PTR or caller.person is None or rules.find_pointing(caller, record.owner) is None:
        raise Refused(Rcode.REFUSED, why)
    own = caller.person.own
    if record.rclass == types.IN:
        fault = fault_of_adding(record.owner, record.rdata, draft, own)
    else:
        fault = fault_of_deleting(record.owner, record.rdata or None, draft, own)
    if fault is not None:
        raise Refused(Rcode.REFUSED, f"{why}: {fault}")


def _all_at(owner: bytes, draft: Draft) -> AbstractSet[int]:
    """Return the types that the deletion of a whole name deletes.  §3.4.2.3"""
    return {rtype for rtype in draft.types(owner) if not _kept(owner, rtype, draft)}


def _kept(owner: bytes, rtype: int, draft: Draft) -> bool:
    """Tell whether the RRset is one that is never deleted as a whole: SOA and NS of the zone.  §3.4.2.3"""
    return owner == draft.apex and rtype in (types.SOA, types.NS)


def _carry_out(record: UpdateRecord, draft: Draft, mark: Mark) -> None:
    """Add a record, or delete one, an RRset, or all at a name.  §3.4.2.2 to §3.4.2.4"""
    if record.rclass == types.IN:
        _add(record, draft, mark)
    elif record.type == types.ANY:
        for rtype in _all_at(record.owner, draft):
            draft.put(record.owner, rtype, None)
    elif record.rclass == types.CLASS_ANY:
        if not _kept(record.owner, record.type, draft):
            draft.put(record.owner, record.type, None)
    else:
        _delete_record(record, draft)


def _delete_record(record: UpdateRecord, draft: Draft) -> None:
    members = draft.members(record.owner, record.type)
    # A zone keeps its SOA, of which there is one, and its last NS.  §3.4.2.4
    if len(members) > 1 or not _kept(record.owner, record.type, draft):
        members.remove(record.rdata)


def _add(record: UpdateRecord, draft: Draft, mark: Mark) -> None:
    """Add or replace one record; what RFC 2136 ignores is ignored.  §3.4.2.2"""
    if record.type == types.SOA:
        _add_soa(record, draft)
        return
    if draft.in_the_way(record.owner, record.type) is not None:
        return
    members = draft.members(record.owner, record.type)
    if record.type in types.SINGLE and record.rdata not in members:
        members.clear()
    members.add(_ttl(record), record.rdata, mark)
    if members.octets > _MAX_RRSET:
        raise Refused(Rcode.REFUSED, f"{names.to_text(record.owner)} would not fit a message")


def _add_soa(record: UpdateRecord, draft: Draft) -> None:
    """Take a newer SOA; an older or equal one, or one that is not the zone's, is ignored."""
    old = draft.find(draft.apex, types.SOA)
    if record.owner != draft.apex or old is None:
        return
    if serial_gt(soa_serial(record.rdata), draft.serial):
        draft.put(draft.apex, types.SOA, old._replace(ttl=_ttl(record), rdatas=(record.rdata,)))


def _ttl(record: UpdateRecord) -> int:
    """Return the TTL that is meant: one with its highest bit set is zero.  RFC 2181 §8"""
    return record.ttl if record.ttl <= _MAX_TTL else 0
