"""Dynamic update: what one UPDATE message does to a zone, decided and not done.

The message is taken apart first (zone section, prerequisites, prescan), so
that its last record can still refuse the whole; then the policy is asked;
then the changes are made on a draft.  RFC 2136 §3; the numbers below are its.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bossa.dns import names, types
from bossa.dns.changes import Draft, with_record, without_record
from bossa.dns.errors import Rcode, Refused
from bossa.dns.message import Message, RawRecord
from bossa.dns.policy import Caller, Rules
from bossa.dns.rdata import canonical, check, read_rdata
from bossa.dns.zone import Mark, RRset, serial_gt, soa_serial
from bossa.wire import Reader, WireError

_MAX_TTL = 0x7FFFFFFF
# An RRset that no message can carry is of no use to anybody.
_MAX_RRSET = 60_000
# Types that may stand beside a CNAME.  RFC 2136 §3.4.2.2 with RFC 4034 §2.5
_BESIDE_CNAME = frozenset((types.CNAME, types.RRSIG, types.NSEC))
_SINGLE = frozenset((types.CNAME, types.DNAME))


@dataclass(frozen=True, slots=True)
class UpdateRecord:
    """One record of the prerequisite or update section, its data uncompressed."""

    owner: bytes
    type: int
    rclass: int
    ttl: int
    rdata: bytes


@dataclass(frozen=True, slots=True)
class Update:
    """An update, taken apart and found well-formed."""

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
    """Take an UPDATE apart and do its prescan; raises Refused (FORMERR, NOTZONE).  §3.2, §3.4.1"""
    apex = zone_of(message)
    try:
        prerequisites = tuple(_record(message, raw) for raw in message.answer)
        updates = tuple(_record(message, raw) for raw in message.authority)
    except WireError as e:
        raise Refused(Rcode.FORMERR, str(e)) from None
    for record in prerequisites:
        _check_prerequisite(record, apex)
    for record in updates:
        _prescan(record, apex)
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
    """§3.4.1.2 and §3.4.1.3"""
    if not names.is_below(record.owner, apex):
        raise Refused(Rcode.NOTZONE, f"update of {names.to_text(record.owner)}")
    _check_class(record)
    meta = types.is_meta(record.type) and not (record.type == types.ANY and record.rclass == types.CLASS_ANY)
    if meta:
        raise Refused(Rcode.FORMERR, f"update of type {types.type_text(record.type)}")
    if record.rclass == types.IN:
        return
    if record.ttl != 0:
        raise Refused(Rcode.FORMERR, f"deletion with TTL {record.ttl}")
    if record.rclass == types.CLASS_ANY and record.rdata:
        raise Refused(Rcode.FORMERR, "deletion of an RRset with data")


def decide(update: Update, draft: Draft, rules: Rules, caller: Caller, mark: Mark) -> None:
    """Carry an update out on a draft; raises Refused, after which the draft is to be thrown away."""
    check_prerequisites(update.prerequisites, draft)
    check_permission(update.updates, draft, rules, caller)
    for record in update.updates:
        _carry_out(record, draft, mark)


def check_prerequisites(prerequisites: Sequence[UpdateRecord], draft: Draft) -> None:
    """Raise Refused when the zone is not as the sender believes.  §3.2"""
    wanted: dict[tuple[bytes, int], set[bytes]] = {}
    for record in prerequisites:
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

    Deleting all at a name needs the right to delete each RRset there.
    """
    for record in updates:
        touched = [record.type]
        if record.type == types.ANY:
            touched = [rrset.type for rrset in draft.node(record.owner) if not _kept(record.owner, rrset, draft)]
        for rtype in touched:
            if rules.find(caller, record.owner, rtype) is None:
                what = f"{names.to_text(record.owner)} {types.type_text(rtype)}"
                raise Refused(Rcode.REFUSED, f"no rule lets {caller.text} change {what}")


def _kept(owner: bytes, rrset: RRset, draft: Draft) -> bool:
    """Tell whether deleting the whole name leaves this RRset: SOA and NS of the zone.  §3.4.2.3"""
    return owner == draft.apex and rrset.type in (types.SOA, types.NS)


def _carry_out(record: UpdateRecord, draft: Draft, mark: Mark) -> None:
    """§3.4.2.2 to §3.4.2.4"""
    if record.rclass == types.IN:
        _add(record, draft, mark)
    elif record.type == types.ANY:
        for rrset in draft.node(record.owner):
            if not _kept(record.owner, rrset, draft):
                draft.put(record.owner, rrset.type, None)
    elif record.rclass == types.CLASS_ANY:
        rrset_there = draft.find(record.owner, record.type)
        if rrset_there is not None and not _kept(record.owner, rrset_there, draft):
            draft.put(record.owner, record.type, None)
    else:
        _delete_record(record, draft)


def _delete_record(record: UpdateRecord, draft: Draft) -> None:
    old = draft.find(record.owner, record.type)
    at_apex = record.owner == draft.apex
    # A zone keeps its SOA, and its last NS.  §3.4.2.4
    if old is None or (at_apex and record.type == types.SOA):
        return
    new = without_record(old, record.rdata)
    if new is None and at_apex and record.type == types.NS:
        return
    draft.put(record.owner, record.type, new)


def _add(record: UpdateRecord, draft: Draft, mark: Mark) -> None:
    """Add or replace one record; what RFC 2136 ignores is ignored.  §3.4.2.2"""
    if record.type == types.SOA:
        _add_soa(record, draft)
        return
    there = {rrset.type for rrset in draft.node(record.owner)}
    if record.type == types.CNAME and not there <= _BESIDE_CNAME:
        return
    if types.CNAME in there and record.type not in _BESIDE_CNAME:
        return
    # RFC 2181 §8: a TTL with its highest bit set is zero.
    ttl = record.ttl if record.ttl <= _MAX_TTL else 0
    old = draft.find(record.owner, record.type)
    if (
        old is not None
        and record.type in _SINGLE
        and canonical(record.type, old.rdatas[0]) != canonical(record.type, record.rdata)
    ):
        old = None
    new = with_record(old, record.type, ttl, record.rdata, mark)
    if sum(len(rdata) + 12 for rdata in new.rdatas) > _MAX_RRSET:
        raise Refused(Rcode.REFUSED, f"{names.to_text(record.owner)} would not fit a message")
    draft.put(record.owner, record.type, new)


def _add_soa(record: UpdateRecord, draft: Draft) -> None:
    """Take a newer SOA; an older or equal one, or one that is not the zone's, is ignored."""
    old = draft.find(draft.apex, types.SOA)
    if record.owner != draft.apex or old is None:
        return
    if serial_gt(soa_serial(record.rdata), draft.serial):
        draft.put(draft.apex, types.SOA, old._replace(ttl=min(record.ttl, _MAX_TTL), rdatas=(record.rdata,)))
