"""Messages: header, question and records as they came, and the writer of answers.

Reading keeps the received bytes: records carry positions, so that a MAC can
run over exactly what the peer sent.  Writing compresses owner names and the
names inside rdata of RFC 1035's types (RFC 3597 §4).  RFC 1035 §4.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from bossa.dns import types
from bossa.dns.names import ROOT, read_name
from bossa.dns.rdata import compressible_names
from bossa.dns.zone import RRset
from bossa.wire import Reader, WireError

HEADER = 12
MAX_UDP_PLAIN = 512
MAX_MESSAGE = 65535
# The EDNS option of extended errors.  RFC 8914 §2
EDE_OPTION = 15
_HEADER = Struct("!HHHHHH")
_FIXED = Struct("!HHIH")
# A root name, and the fixed fields behind it.
_LEAST_RECORD = 1 + _FIXED.size
_POINTER_SPACE = 0x4000


class Flag:
    """The bits of the header's second word; opcode and rcode lie between them.  RFC 1035 §4.1.1, RFC 4035 §3.2

    Plain numbers: combining members of an IntFlag takes a microsecond each.
    """

    QR: Final = 0x8000
    AA: Final = 0x0400
    TC: Final = 0x0200
    RD: Final = 0x0100
    RA: Final = 0x0080
    AD: Final = 0x0020
    CD: Final = 0x0010


class Question(NamedTuple):
    """One question; ``name`` keeps the case in which it was asked."""

    name: bytes
    type: int
    rclass: int


class RawRecord(NamedTuple):
    """A record where it lies in the message: ``[start, end)`` whole, ``[rdata, end)`` its data."""

    owner: bytes
    type: int
    rclass: int
    ttl: int
    start: int
    rdata: int
    end: int


@dataclass(frozen=True, slots=True)
class Message:
    """A received message: its bytes, and where its parts are."""

    wire: bytes
    id: int
    flags: int
    questions: tuple[Question, ...]
    answer: tuple[RawRecord, ...]
    authority: tuple[RawRecord, ...]
    additional: tuple[RawRecord, ...]

    @property
    def opcode(self) -> int:
        """The four bits of the opcode."""
        return self.flags >> 11 & 0xF

    @property
    def rcode(self) -> int:
        """The four bits of the header's response code."""
        return self.flags & 0xF

    @classmethod
    def decode(cls, wire: bytes) -> Message:
        """Read a whole message; raises WireError, also for octets after its end and for two questions."""
        r = Reader(wire)
        message_id, flags, asked, *counts = _HEADER.unpack(r.octets("header", HEADER))
        # No opcode has two (RFC 9619 §4, for UPDATE RFC 2136 §3.1.1), and a count costs nothing to claim.
        if asked > 1 or sum(counts) * _LEAST_RECORD > r.left:
            raise WireError(f"{asked} questions and {sum(counts)} records in {len(wire)} octets")
        questions = (_question(r),) if asked else ()
        answer, authority, additional = [tuple([_record(r) for _ in range(count)]) for count in counts]
        r.done("message")
        return cls(wire, message_id, flags, questions, answer, authority, additional)

    def rdata(self, record: RawRecord) -> bytes:
        """Return a record's data as it lies there, compression included."""
        return self.wire[record.rdata : record.end]


def _question(r: Reader) -> Question:
    return Question(read_name(r), r.u16("QTYPE"), r.u16("QCLASS"))


def _record(r: Reader) -> RawRecord:
    start = r.pos
    owner = read_name(r)
    rtype, rclass, ttl, size = _FIXED.unpack(r.octets("record", 10))
    at = r.pos
    r.skip("RDATA", size)
    return RawRecord(owner, rtype, rclass, ttl, start, at, r.pos)


class Edns(NamedTuple):
    """An OPT pseudo-record: what the sender can take, and what it wants.  RFC 6891 §6.1"""

    size: int
    version: int
    do: bool
    options: tuple[tuple[int, bytes], ...] = ()


def read_edns(message: Message) -> Edns | None:
    """Return the message's OPT, None without one; raises WireError for two or an ill-formed one."""
    found = [r for r in message.additional if r.type == types.OPT]
    if not found:
        return None
    if len(found) > 1:
        raise WireError("two OPT records")
    opt = found[0]
    if opt.owner != ROOT:
        raise WireError("an OPT record whose owner is not the root")
    options = read_options(message.rdata(opt))
    return Edns(max(opt.rclass, MAX_UDP_PLAIN), opt.ttl >> 16 & 0xFF, bool(opt.ttl & 0x8000), options)


def read_options(data: bytes) -> tuple[tuple[int, bytes], ...]:
    """Return the options in an OPT's RDATA; raises WireError."""
    r = Reader(data)
    options = []
    while r.left:
        code = r.u16("OPTION-CODE")
        options.append((code, r.octets("OPTION-DATA", r.u16("OPTION-LENGTH"))))
    return tuple(options)


def encode_options(options: Iterable[tuple[int, bytes]]) -> bytes:
    """Return the RDATA of an OPT."""
    return b"".join(code.to_bytes(2, "big") + len(data).to_bytes(2, "big") + data for code, data in options)


def add_options(wire: bytes, data: bytes) -> bytes:
    """Return a message of ours with more options in its OPT, when that is its last record."""
    message = Message.decode(wire)
    last = message.additional[-1] if message.additional else None
    if last is None or last.type != types.OPT:
        return wire
    size = last.end - last.rdata + len(data)
    return wire[: last.rdata - 2] + size.to_bytes(2, "big") + wire[last.rdata :] + data


def encode_edns(edns: Edns, extended_rcode: int = 0) -> bytes:
    """Return an OPT record; ``extended_rcode`` is the whole code, of which the upper eight bits go here."""
    data = encode_options(edns.options)
    ttl = (extended_rcode >> 4) << 24 | edns.version << 16 | (0x8000 if edns.do else 0)
    return ROOT + _FIXED.pack(types.OPT, edns.size, ttl, len(data)) + data


Section = Iterable[tuple[bytes, RRset]]


class Writer:
    """Writes one message: octets so far, and where each name suffix lies in them."""

    def __init__(self, size: int = HEADER) -> None:
        self.octets = bytearray(size)
        # Where pointers were written; prepared answers move them.
        self.pointers: list[int] = []
        self._places: dict[bytes, int] = {}

    def name(self, name: bytes) -> None:
        """Write a name, the rest of it as a pointer where it stood before.  RFC 1035 §4.1.4"""
        places, octets = self._places, self.octets
        key = name.lower()
        pos, end = 0, len(name) - 1
        while pos < end:
            suffix = key[pos:]
            place = places.get(suffix)
            if place is not None:
                self.pointers.append(len(octets))
                octets += (0xC000 | place).to_bytes(2, "big")
                return
            if len(octets) < _POINTER_SPACE:
                places[suffix] = len(octets)
            size = name[pos] + 1
            octets += name[pos : pos + size]
            pos += size
        octets += ROOT

    def question(self, question: Question) -> None:
        """Write a question as it was asked."""
        self.name(question.name)
        self.octets += question.type.to_bytes(2, "big") + question.rclass.to_bytes(2, "big")

    def rrset(self, owner: bytes, rrset: RRset, room: int = MAX_MESSAGE) -> int:
        """Write the records of an RRset, none after the one that is past ``room``; return their number."""
        for i, rdata in enumerate(rrset.rdatas, 1):
            self.record(owner, rrset.type, rrset.ttl, rdata)
            if len(self.octets) > room:
                return i
        return len(rrset.rdatas)

    def record(self, owner: bytes, rtype: int, ttl: int, rdata: bytes) -> None:
        """Write one record of class IN, a TKEY's of class ANY."""
        self.name(owner)
        self.body(rtype, ttl, rdata)

    def body(self, rtype: int, ttl: int, rdata: bytes) -> None:
        """Write what follows a record's owner."""
        # A TKEY is no zone's.  RFC 2930 §2
        rclass = types.CLASS_ANY if rtype == types.TKEY else types.IN
        self.octets += _FIXED.pack(rtype, rclass, ttl, len(rdata))
        prefix, count = compressible_names(rtype)
        if count:
            self._compressed(rdata, prefix, count)
        else:
            self.octets += rdata

    def _compressed(self, rdata: bytes, prefix: int, count: int) -> None:
        octets = self.octets
        start = len(octets)
        octets += rdata[:prefix]
        pos = prefix
        for _ in range(count):
            end = pos
            while size := rdata[end]:
                end += size + 1
            self.name(rdata[pos : end + 1])
            pos = end + 1
        octets += rdata[pos:]
        octets[start - 2 : start] = (len(octets) - start).to_bytes(2, "big")


@dataclass(frozen=True, slots=True)
class Reply:
    """What is to be sent, before it has a size limit."""

    rcode: int = 0
    flags: int = 0
    answer: Sequence[tuple[bytes, RRset]] = ()
    authority: Sequence[tuple[bytes, RRset]] = ()
    additional: Sequence[tuple[bytes, RRset]] = ()


def head(message_id: int, flags: int, counts: Sequence[int]) -> bytes:
    """Return the twelve octets of a header; ``counts`` are QD, AN, NS, AR."""
    return _HEADER.pack(message_id, flags, *counts)


def read_serial(message: Message, soa: RawRecord) -> int:
    """Return the serial of an SOA record in a message; raises WireError."""
    r = Reader(message.wire, soa.rdata, soa.end)
    read_name(r)
    read_name(r)
    return r.u32("SERIAL")


def encode_record(owner: bytes, rtype: int, ttl: int, rdata: bytes) -> bytes:
    """Return one record of class IN, nothing of it compressed."""
    return owner + _FIXED.pack(rtype, types.IN, ttl, len(rdata)) + rdata


def encode_question(name: bytes, rtype: int) -> bytes:
    """Return one question of class IN."""
    return name + rtype.to_bytes(2, "big") + types.IN.to_bytes(2, "big")


def encode_reply(query: Message, reply: Reply, limit: int, edns: Edns | None = None, *, flags: int = 0) -> bytes:
    """Write the reply to a query within ``limit`` octets, from which a TSIG's are taken off already.

    What does not fit in answer or authority sets TC and leaves all of the
    records out (RFC 2181 §9); additional records that do not fit are left
    out silently, but for referral glue, of which at least one has to fit
    (RFC 9471 §3.1).
    """
    opt = encode_edns(edns, reply.rcode) if edns else b""
    room = limit - len(opt)
    w = Writer()
    for question in query.questions:
        w.question(question)
    bare = len(w.octets)
    counts = [len(query.questions), _section(w, reply.answer, room), _section(w, reply.authority, room), 0]
    truncated = len(w.octets) > room
    if not truncated:
        counts[3], truncated = _additional(w, reply, room)
    if truncated:
        del w.octets[bare:]
        counts[1:] = [0, 0, 0]
        flags |= Flag.TC
    w.octets += opt
    counts[3] += bool(opt)
    word = reply.flags | flags | Flag.QR | (query.flags & (0x7800 | Flag.RD | Flag.CD)) | (reply.rcode & 0xF)
    w.octets[:HEADER] = head(query.id, word, counts)
    return bytes(w.octets)


def _section(w: Writer, section: Section, room: int) -> int:
    """Write a section's records, none after the one that is past the room; return their number."""
    count = 0
    for owner, rrset in section:
        if len(w.octets) > room:
            break
        count += w.rrset(owner, rrset, room)
    return count


def _additional(w: Writer, reply: Reply, room: int) -> tuple[int, bool]:
    """Write whole RRsets while they fit; tell how many records, and whether all needed glue was left out."""
    count = 0
    for owner, rrset in reply.additional:
        before = len(w.octets)
        added = w.rrset(owner, rrset, room)
        if len(w.octets) > room:
            del w.octets[before:]
            return count, not count and not reply.answer
        count += added
    return count, False
