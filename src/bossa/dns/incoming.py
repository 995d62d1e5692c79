"""Zone transfers in: messages of an AXFR or IXFR to checked content, or to the reason why it is not taken.

AXFR is RFC 5936 §2.2, IXFR RFC 1995 §4, which a primary may also answer in
AXFR's form, or with its SOA alone.  The signatures come first: a record is
looked at when its message was verified, or awaits the signature behind it.
Invariants: the serials of an increment begin with ours and chain; first and
last SOA are equal; every record is of class IN, in the zone, and of a shape
that we store; what is held is bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from bossa.dns import names, types
from bossa.dns.changes import Draft
from bossa.dns.errors import OutOfStep, TransferFailed, rcode_text
from bossa.dns.message import Flag, Message, RawRecord, encode_question, encode_record, head
from bossa.dns.rdata import canonical, check, read_rdata
from bossa.dns.shapes import SHAPES
from bossa.dns.tsigstream import StreamVerifier
from bossa.dns.zone import Mark, Record, RRset, RRsetChange, Zone, serial_gt, soa_serial
from bossa.wire import Reader, WireError

_MAX_TTL = 0x7FFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a transfer may cost us; an increment beyond its records is fetched as a whole zone."""

    messages: int = 1_000_000
    records: int = 2_000_000
    octets: int = 1 << 29
    increment: int = 5_000


class Current(NamedTuple):
    """There is nothing newer than what we have."""

    serial: int


class Whole(NamedTuple):
    """A whole zone."""

    serial: int
    rrsets: list[tuple[bytes, RRset]]
    records: int


class SerialStep(NamedTuple):
    """From one serial to the next; the SOA is that of the new one."""

    serial_from: int
    soa: Record
    deleted: list[Record]
    added: list[Record]

    @property
    def serial_to(self) -> int:
        """The serial that the step leads to."""
        return soa_serial(self.soa.rdata)


class Increment(NamedTuple):
    """The steps from our serial to the primary's."""

    steps: tuple[SerialStep, ...]
    records: int

    @property
    def serial(self) -> int:
        """The serial that the last step leads to."""
        return self.steps[-1].serial_to


Content = Current | Whole | Increment


def query(apex: bytes, rtype: int, message_id: int, soa: RRset | None = None) -> bytes:
    """Return a question about a zone; an IXFR's with the SOA that we have.  RFC 1995 §3, RFC 5936 §2.1"""
    wire = head(message_id, 0, (1, 0, int(soa is not None), 0)) + encode_question(apex, rtype)
    if soa is None:
        return wire
    return wire + encode_record(apex, types.SOA, soa.ttl, soa.rdatas[0])


def check_answer(message: Message, asked: Message) -> None:
    """Raise TransferFailed unless the message answers a question that we asked, and without an error.  RFC 5936 §2.2

    Messages behind the first may leave the question out.
    """
    if message.id != asked.id or not message.flags & Flag.QR or message.opcode:
        raise TransferFailed("a message that answers something else")
    if message.rcode:
        raise TransferFailed(f"the server says {rcode_text(message.rcode)}")
    if message.flags & Flag.TC:
        raise TransferFailed("the answer is cut short")
    for mine, theirs in zip(asked.questions, message.questions, strict=False):
        if (mine.name.lower(), mine.type, mine.rclass) != (theirs.name.lower(), theirs.type, theirs.rclass):
            raise TransferFailed("an answer to another question")


def answered_serial(message: Message, apex: bytes) -> int:
    """Return the serial in the answer to a question for the SOA; raises TransferFailed, and WireError."""
    if not message.flags & Flag.AA:
        raise TransferFailed("the server is no authority for the zone")
    soas = [raw for raw in message.answer if raw.type == types.SOA and raw.owner.lower() == apex]
    if len(soas) != 1:
        raise TransferFailed("the answer has not one SOA of the zone")
    return soa_serial(_read(message, soas[0]).rdata)


def _read(message: Message, raw: RawRecord) -> Record:
    """Return a record as it is stored; raises WireError for data that is not of its type's shape."""
    r = Reader(message.wire, raw.rdata, raw.end)
    rdata = read_rdata(r, raw.type, r.left)
    if raw.type not in SHAPES:
        check(raw.type, rdata)
    return Record(raw.owner.lower(), raw.type, raw.ttl if raw.ttl <= _MAX_TTL else 0, rdata)


@dataclass(slots=True)
class _Members:
    """The records of one RRset as they come; its TTL is the least of theirs.  RFC 2181 §5.2"""

    ttl: int
    rdatas: dict[bytes, bytes] = field(default_factory=dict)


class Transfer:
    """Reads the messages of one answer, in their order, until :attr:`content` is there.

    ``asked`` is our question as sent, unsigned; ``serial`` the one that an
    IXFR said we have, None for an AXFR.  Not for several threads at a time.
    """

    def __init__(self, apex: bytes, asked: bytes, serial: int | None, mark: Mark, limits: Limits = Limits()) -> None:
        self.content: Content | None = None
        self.messages = 0
        self._apex = apex
        self._asked = Message.decode(asked)
        self._serial = serial
        self._mark = mark
        self._limits = limits
        self._records = 0
        self._octets = 0
        self._next: Callable[[Record], None] = self._take_first
        self._soa: Record
        self._whole: dict[tuple[bytes, int], _Members] = {}
        self._steps: list[SerialStep] = []

    def take(self, wire: bytes, verifier: StreamVerifier | None, now: int) -> bool:
        """Take one message; True when the transfer is whole.  After TransferFailed it is worth nothing."""
        try:
            message = Message.decode(wire)
            if verifier is not None:
                verifier.take(message, now)
            check_answer(message, self._asked)
            self._count(message)
            for raw in message.answer:
                self._next(self._checked(message, raw))
        except WireError as e:
            raise TransferFailed(str(e)) from None
        if self.content is None:
            self._alone()
        if self.content is not None and verifier is not None:
            verifier.finish()
        return self.content is not None

    def _count(self, message: Message) -> None:
        if not message.questions and not self.messages:
            raise TransferFailed("the first message has no question")
        self.messages += 1
        self._records += len(message.answer)
        self._octets += len(message.wire)
        most = self._limits
        if self.messages > most.messages or self._records > most.records or self._octets > most.octets:
            raise TransferFailed(
                f"too large: {self.messages} messages, {self._records} records, {self._octets} octets so far"
            )

    def _checked(self, message: Message, raw: RawRecord) -> Record:
        if raw.rclass != types.IN or types.is_meta(raw.type):
            what = f"{types.class_text(raw.rclass)} {types.type_text(raw.type)}"
            raise TransferFailed(f"{names.to_text(raw.owner)} {what} belongs into no zone of ours")
        if raw.type in types.MADE_BY_SIGNING:
            raise TransferFailed(types.signing_fault(raw.type))
        record = _read(message, raw)
        if not names.is_below(record.owner, self._apex):
            raise TransferFailed(f"{names.to_text(record.owner)} is not in the zone")
        if record.type == types.SOA and record.owner != self._apex:
            raise TransferFailed(f"an SOA at {names.to_text(record.owner)}")
        return record

    # What may come next: each takes one record and says who takes the one after it.

    def _take_first(self, record: Record) -> None:
        if record.type != types.SOA:
            raise TransferFailed("the first record is no SOA")
        self._soa = record
        self._next = self._take_content if self._serial is None else self._take_second

    def _take_second(self, record: Record) -> None:
        """An SOA as the second record begins the steps; anything else is the zone as a whole.  RFC 1995 §4"""
        if record.type == types.SOA and record.rdata != self._soa.rdata:
            self._begin_step(record, self._serial)
        else:
            self._take_content(record)

    def _take_content(self, record: Record) -> None:
        self._next = self._take_content
        if record.type == types.SOA:
            self._expect_last(record)
            self.content = self._finish_whole()
            self._next = _take_no_more
            return
        members = self._whole.setdefault((record.owner, record.type), _Members(record.ttl))
        members.ttl = min(members.ttl, record.ttl)
        members.rdatas.setdefault(canonical(record.type, record.rdata), record.rdata)

    def _begin_step(self, record: Record, serial: int | None) -> None:
        if serial is None or soa_serial(record.rdata) != serial:
            raise TransferFailed(f"a step begins with serial {soa_serial(record.rdata)} in the place of {serial}")
        self._steps.append(SerialStep(soa_serial(record.rdata), record, [], []))
        self._next = self._take_deleted

    def _take_deleted(self, record: Record) -> None:
        self._bound_increment()
        step = self._steps[-1]
        if record.type != types.SOA:
            step.deleted.append(record)
            return
        if not serial_gt(soa_serial(record.rdata), step.serial_from):
            raise TransferFailed(f"a step from {step.serial_from} to {soa_serial(record.rdata)}")
        self._steps[-1] = step._replace(soa=record)
        self._next = self._take_added

    def _take_added(self, record: Record) -> None:
        self._bound_increment()
        step = self._steps[-1]
        if record.type != types.SOA:
            step.added.append(record)
        elif step.serial_to == soa_serial(self._soa.rdata):
            self._expect_last(record)
            self.content = Increment(tuple(self._steps), sum(len(s.deleted) + len(s.added) for s in self._steps))
            self._next = _take_no_more
        else:
            self._begin_step(record, step.serial_to)

    def _bound_increment(self) -> None:
        if self._records > self._limits.increment:
            raise TransferFailed(f"an increment of more than {self._limits.increment} records")

    def _expect_last(self, record: Record) -> None:
        if record.rdata != self._soa.rdata:
            raise TransferFailed("the last SOA is not the first one")

    def _alone(self) -> None:
        """Take an SOA that stands alone and is no newer than ours as "nothing new".  RFC 1995 §2"""
        if self._next != self._take_second or self._serial is None:
            return
        serial = soa_serial(self._soa.rdata)
        if not serial_gt(serial, self._serial):
            self.content = Current(serial)

    def _finish_whole(self) -> Whole:
        if (self._apex, types.NS) not in self._whole:
            raise TransferFailed("the zone has no NS records")
        aliases = {owner for owner, rtype in self._whole if rtype == types.CNAME}
        for owner, rtype in self._whole:
            if owner in aliases and rtype not in types.BESIDE_CNAME:
                raise TransferFailed(f"{names.to_text(owner)} has {types.type_text(rtype)} beside a CNAME")
        soa = RRset(types.SOA, self._soa.ttl, (self._soa.rdata,), (self._mark,))
        rrsets = [(self._apex, soa), *((owner, self._rrset(owner, rtype)) for owner, rtype in self._whole)]
        return Whole(soa_serial(self._soa.rdata), rrsets, sum(len(rrset.rdatas) for _, rrset in rrsets))

    def _rrset(self, owner: bytes, rtype: int) -> RRset:
        members = self._whole[owner, rtype]
        if rtype in types.SINGLE and len(members.rdatas) > 1:
            raise TransferFailed(f"{names.to_text(owner)} has several {types.type_text(rtype)} records")
        return RRset(rtype, members.ttl, tuple(members.rdatas.values()), (self._mark,) * len(members.rdatas))


def _take_no_more(record: Record) -> None:
    raise TransferFailed(f"{names.to_text(record.owner)} {types.type_text(record.type)} comes after the last SOA")


def take_step(step: SerialStep, draft: Draft, mark: Mark) -> None:
    """Carry one step of an increment out on a draft; raises OutOfStep when it is not one from what we have."""
    expect_serial(step.serial_from, draft)
    for record in step.deleted:
        members = draft.members(record.owner, record.type)
        if record.rdata not in members:
            raise OutOfStep(f"{_text(record)} is to be deleted, and is not there")
        members.remove(record.rdata)
    for record in step.added:
        in_the_way = draft.in_the_way(record.owner, record.type)
        if in_the_way is not None:
            raise OutOfStep(f"{_text(record)} cannot stand beside {types.type_text(in_the_way)}")
        draft.members(record.owner, record.type).add(record.ttl, record.rdata, mark)
    if draft.find(draft.apex, types.NS) is None:
        raise OutOfStep("the step leaves the zone without NS records")
    draft.put(draft.apex, types.SOA, RRset(types.SOA, step.soa.ttl, (step.soa.rdata,), (mark,)))


def expect_serial(serial: int, draft: Draft) -> None:
    """Raise OutOfStep unless the draft has this serial."""
    if draft.serial != serial:
        raise OutOfStep(f"the change begins with serial {serial}, we have {draft.serial}")


def _text(record: Record) -> str:
    return f"{names.to_text(record.owner)} {types.type_text(record.type)}"


def differences(zone: Zone, rrsets: Iterable[tuple[bytes, RRset]]) -> list[RRsetChange]:
    """Return what makes a zone's content into another; a record that stays keeps its mark."""
    changes = []
    wanted = {(owner, rrset.type): rrset for owner, rrset in rrsets}
    for (owner, rtype), after in wanted.items():
        before = zone.find(owner, rtype)
        if before is None or (before.ttl, set(before.rdatas)) != (after.ttl, set(after.rdatas)):
            changes.append(RRsetChange(owner, rtype, before, after))
    for owner, rrset in zone.rrsets():
        if (owner, rrset.type) not in wanted:
            changes.append(RRsetChange(owner, rrset.type, rrset, None))
    return changes
