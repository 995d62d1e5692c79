"""How zones, keys and rules look as octets in the store.

Every value is msgpack and begins with the version of its form.  An RRset's key
is its owner and the two octets of its type; its value is [1, ttl, rdatas,
marks], a mark being [origin, stamp].  Most RRsets of a zone have equal marks,
and equal ones are made into tuples once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from bossa.dns import types
from bossa.dns.ports import HistoryStep, KeyRow, RuleRow, ZoneOptions
from bossa.dns.zone import Mark, Origin, Record, RRset, RRsetChange, Soa, Step
from bossa.store.errors import UnknownForm
from bossa.store.operations import HistoryRow, Item, Row

VERSION = 1

_Pairs = tuple[tuple[int, int], ...]
SharedMarks = dict[_Pairs, tuple[Mark, ...]]

_encode = msgspec.msgpack.Encoder().encode
_decode_rrset = msgspec.msgpack.Decoder(tuple[int, int, tuple[bytes, ...], _Pairs]).decode
_decode_records = msgspec.msgpack.Decoder(tuple[int, tuple[Record, ...]]).decode
_decode_options = msgspec.msgpack.Decoder(tuple[int, ZoneOptions]).decode
_decode_key = msgspec.msgpack.Decoder(tuple[int, KeyRow]).decode
_decode_contact = msgspec.msgpack.Decoder(tuple[int, int]).decode
_decode_rules = msgspec.msgpack.Decoder(tuple[int, tuple[RuleRow, ...]]).decode


def rrset_key(owner: bytes, rtype: int) -> bytes:
    """Return the key of an RRset within its zone's scope."""
    return owner + rtype.to_bytes(2, "big")


def encode_rrset(rrset: RRset) -> bytes:
    """Return the value of an RRset."""
    return _encode((VERSION, rrset.ttl, rrset.rdatas, rrset.marks))


def decode_rrsets(rows: Iterable[Row], shared: SharedMarks) -> Iterator[tuple[bytes, RRset]]:
    """Yield owners and RRsets of (key, value) rows; ``shared`` keeps the marks that were seen."""
    for key, val in rows:
        version, ttl, rdatas, pairs = _decode_rrset(val)
        if version != VERSION:
            raise _unknown("RRset", version)
        marks = shared.get(pairs)
        if marks is None:
            marks = shared[pairs] = tuple(Mark(Origin(origin), stamp) for origin, stamp in pairs)
        yield key[:-2], RRset(key[-2] << 8 | key[-1], ttl, rdatas, marks)


def soa_serial(val: bytes) -> int:
    """Return the serial in the value of an SOA RRset."""
    return Soa.decode(_decode_rrset(val)[2][0]).serial


def items_after(steps: Iterable[Step]) -> Iterator[Item]:
    """Yield what the steps of one zone leave of the items that they set or remove, each item once."""
    last = {(change.owner, change.type): change.after for step in steps for change in step.changes}
    for (owner, rtype), after in last.items():
        yield rrset_key(owner, rtype), None if after is None else encode_rrset(after)


def encode_step(step: Step) -> HistoryRow:
    """Return what a step leaves in the history: the records that went and came, the SOAs left out."""
    deleted: list[Record] = []
    added: list[Record] = []
    for change in step.changes:
        if change.type != types.SOA:
            deleted += _only_in(change, change.before, change.after)
            added += _only_in(change, change.after, change.before)
    return HistoryRow(step.serial_from, step.serial_to, _encode((VERSION, deleted)), _encode((VERSION, added)))


def decode_step(row: HistoryRow) -> HistoryStep:
    """Return a stored step."""
    parts = []
    for part in (row.deleted, row.added):
        version, records = _decode_records(part)
        if version != VERSION:
            raise _unknown("step of history", version)
        parts.append(records)
    return HistoryStep(row.serial_from, row.serial_to, *parts)


def encode_options(options: ZoneOptions) -> bytes:
    """Return the value of a zone's options."""
    return _encode((VERSION, options))


def decode_options(val: bytes) -> ZoneOptions:
    """Return a zone's options."""
    version, options = _decode_options(val)
    if version != VERSION:
        raise _unknown("options", version)
    return options


def encode_key(row: KeyRow) -> bytes:
    """Return the value of a TSIG key."""
    return _encode((VERSION, row))


def decode_key(val: bytes) -> KeyRow:
    """Return a TSIG key."""
    version, row = _decode_key(val)
    if version != VERSION:
        raise _unknown("key", version)
    return row


def encode_rules(rules: Sequence[RuleRow]) -> bytes:
    """Return the value of a policy."""
    return _encode((VERSION, rules))


def decode_rules(val: bytes) -> tuple[RuleRow, ...]:
    """Return a policy's rules in order."""
    version, rules = _decode_rules(val)
    if version != VERSION:
        raise _unknown("policy", version)
    return rules


def encode_contact(when: int) -> bytes:
    """Return the value of a contact with a primary."""
    return _encode((VERSION, when))


def decode_contact(val: bytes) -> int:
    """Return when a primary was last in contact."""
    version, when = _decode_contact(val)
    if version != VERSION:
        raise _unknown("contact", version)
    return when


def _only_in(change: RRsetChange, here: RRset | None, there: RRset | None) -> Iterator[Record]:
    """Yield the records that are on this side only; another TTL makes another record."""
    if here is None:
        return
    same = frozenset(there.rdatas) if there is not None and there.ttl == here.ttl else frozenset()
    for rdata in here.rdatas:
        if rdata not in same:
            yield Record(change.owner, change.type, here.ttl, rdata)


def _unknown(what: str, version: int) -> UnknownForm:
    return UnknownForm(f"the store has a {what} in form {version}, this bossa knows form {VERSION}; upgrade bossa")
