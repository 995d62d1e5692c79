"""Questions passed on: what goes to another resolver, whether a reply is its answer, what the client gets.

The reply's records are passed on as the octets they are.  Only the header,
the question's case and the OPT are ours.  RFC 1035 §4.1, RFC 5452 §9.1 (what
makes a reply an answer), RFC 6891 §6.2.6 and §7 (OPT is hop by hop).

Our queries bear our mark behind the marks of those that passed the question on
to us, in an EDNS option of our own, so that a question that comes round is
known at once, however many of us it went through.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bossa.dns import types
from bossa.dns.errors import Ede, Rcode
from bossa.dns.message import EDE_OPTION, HEADER, Edns, Flag, Message, encode_edns, head, read_edns
from bossa.wire import WireError

# What fits the least MTU of IPv6.  RFC 8200 §5
EDNS_SIZE = 1232
_OPCODE = 0x7800
# Type and class behind the question's name.
_FIXED = 4
# The option with the marks, from the numbers for local use.  RFC 6891 §9
HOPS_OPTION = 65353
MARK_SIZE = 8
# More servers than any sane chain has.
_MAX_HOPS = 8


@dataclass(frozen=True, slots=True)
class Asked:
    """A client's question: ``question`` is its octets as sent, name, type and class.

    ``edns_size`` is what we take over UDP, and say so upstream and to the client.
    """

    id: int
    flags: int
    question: bytes
    edns: Edns | None
    edns_size: int = EDNS_SIZE

    @property
    def name(self) -> bytes:
        """The name asked for, as a key."""
        return self.question[:-_FIXED].lower()

    @classmethod
    def decode(cls, query: bytes, edns_size: int = EDNS_SIZE) -> Asked:
        """Read a client's query; raises WireError, also when it has not exactly one question."""
        message = Message.decode(query)
        return cls.of(message, read_edns(message), edns_size)

    @classmethod
    def of(cls, message: Message, edns: Edns | None, edns_size: int = EDNS_SIZE) -> Asked:
        """Return what a message that was read asks; raises WireError when it has not exactly one question."""
        return cls(message.id, message.flags, _question(message), edns, edns_size)


@dataclass(frozen=True, slots=True)
class Answer:
    """A resolver's reply to our question; ``rcode`` with its extended bits."""

    message: Message
    rcode: int
    edns: Edns | None

    @property
    def truncated(self) -> bool:
        """Whether the rest has to be fetched over TCP."""
        return bool(self.message.flags & Flag.TC)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """No answer of use came: the reason, for the client's extended error.  RFC 8914"""

    ede: Ede
    text: str


@dataclass(frozen=True, slots=True)
class Records:
    """What stands behind a question, without an OPT: octets, and how many records each section has."""

    octets: bytes = b""
    counts: tuple[int, int, int] = (0, 0, 0)


def upstream_query(asked: Asked, message_id: int, *, edns: bool, mark: bytes = b"") -> bytes:
    """Return our query for a resolver: recursion wanted, CD and DO as the client's.  RFC 4035 §3.2, RFC 3225 §3"""
    flags = Flag.RD | (asked.flags & Flag.CD)
    hops = ((HOPS_OPTION, _hops(asked.edns) + mark),) if mark else ()
    opt = encode_edns(Edns(asked.edns_size, 0, asked.edns is not None and asked.edns.do, hops)) if edns else b""
    return head(message_id, flags, (1, 0, 0, int(edns))) + asked.question + opt


def marks(edns: Edns | None) -> tuple[tuple[int, bytes], ...]:
    """Return the option with the marks that a question bears, for a question that is asked on its behalf."""
    return ((HOPS_OPTION, hops),) if (hops := _hops(edns)) else ()


def came_round(edns: Edns | None, mark: bytes) -> bool:
    """Tell whether a question has been passed on by the server of this mark before, or by far too many."""
    hops = _hops(edns)
    marks = [hops[at : at + MARK_SIZE] for at in range(0, len(hops), MARK_SIZE)]
    return bool(mark) and (mark in marks or len(marks) >= _MAX_HOPS)


def _hops(edns: Edns | None) -> bytes:
    """Return the marks that a question bears; what has not their shape is nobody's."""
    found = [data for code, data in edns.options if code == HOPS_OPTION] if edns else []
    return found[0][: _MAX_HOPS * MARK_SIZE] if found and len(found[0]) % MARK_SIZE == 0 else b""


def with_case(question: bytes, octets: bytes) -> bytes:
    """Return the question with the case of each letter by a bit of ``octets``, which are as many."""
    name = bytes(one ^ 0x20 if bit & 1 and _is_letter(one) else one for one, bit in zip(question, octets, strict=True))
    return name[:-_FIXED] + question[-_FIXED:]


def _is_letter(octet: int) -> bool:
    # A label's length is 63 at most, below every letter.
    return 0x41 <= octet & 0xDF <= 0x5A


def read_answer(data: bytes, asked: Asked, message_id: int) -> Answer | None:
    """Return the reply if it answers our query, None if it is anything else.  RFC 5452 §9.1

    A bare FORMERR or NOTIMP without the question counts as one: so old servers
    reject EDNS (RFC 6891 §7).
    """
    try:
        message = Message.decode(data)
        edns = read_edns(message)
        same = bool(message.questions) and _same(_question(message), asked.question)
    except WireError:
        return None
    if message.id != message_id or not message.flags & Flag.QR or message.flags & _OPCODE:
        return None
    if not same and (message.questions or message.rcode not in (Rcode.FORMERR, Rcode.NOTIMP)):
        return None
    return Answer(message, message.rcode | _extended(message), edns)


def same_case(answer: Answer, asked: Asked) -> bool:
    """Tell whether a reply has the question's letters as they were sent, or leaves the question out."""
    return not answer.message.questions or _question(answer.message) == asked.question


def in_case_of(answer: Answer, asked: Asked) -> Answer:
    """Return a reply with the question's letters as ``asked`` has them, also where names point to them."""
    if same_case(answer, asked):
        return answer
    wire, behind = answer.message.wire, HEADER + len(asked.question)
    return replace(answer, message=Message.decode(wire[:HEADER] + asked.question + wire[behind:]))


def client_reply(asked: Asked, answer: Answer, limit: int) -> bytes:
    """Return what the client gets: its ID, its question, an OPT only if it sent one, TC when it does not fit.

    Extended errors of the resolver are passed on.
    A code that only an OPT can carry becomes SERVFAIL for a client without.
    """
    options = [option for option in (answer.edns.options if answer.edns else ()) if option[0] == EDE_OPTION]
    if answer.truncated:
        return _cut(asked, answer.rcode, options, limit)
    return written(asked, answer.rcode, records(answer.message), options, limit)


def written(asked: Asked, rcode: int, found: Records, options: Sequence[tuple[int, bytes]], limit: int) -> bytes:
    """Return a reply of these records to a client, in at most ``limit`` octets; see `client_reply`."""
    opt = _opt(asked, _sayable(asked, rcode), options)
    if HEADER + len(asked.question) + len(found.octets) + len(opt) > limit:
        return _cut(asked, rcode, options, limit)
    return _joined(asked, _flags(asked, _sayable(asked, rcode)), found, opt)


def _cut(asked: Asked, rcode: int, options: Sequence[tuple[int, bytes]], limit: int) -> bytes:
    """Return a reply without records and with TC, and without options that do not fit either."""
    rcode = _sayable(asked, rcode)
    opt = _opt(asked, rcode, options)
    if HEADER + len(asked.question) + len(opt) > limit:
        opt = _opt(asked, rcode, ())
    return _joined(asked, _flags(asked, rcode) | Flag.TC, Records(), opt)


def _sayable(asked: Asked, rcode: int) -> int:
    return rcode if rcode < 16 or asked.edns else Rcode.SERVFAIL


def records(message: Message) -> Records:
    """Return all records before an OPT.

    Additional records behind the OPT are let go, since names in them may point behind it.
    """
    if not message.questions:
        return Records()
    additional, end = len(message.additional), len(message.wire)
    for i, record in enumerate(message.additional):
        if record.type == types.OPT:
            additional, end = i, record.start
            break
    start = HEADER + len(_question(message))
    return Records(message.wire[start:end], (len(message.answer), len(message.authority), additional))


def failure(asked: Asked, ede: Ede, text: str = "") -> bytes:
    """Return SERVFAIL, with the reason for clients that have EDNS.  RFC 8914"""
    opt = _opt(asked, Rcode.SERVFAIL, [ede_option(ede, text)])
    return _joined(asked, _flags(asked, Rcode.SERVFAIL), Records(), opt)


def _joined(asked: Asked, flags: int, found: Records, opt: bytes) -> bytes:
    answer, authority, additional = found.counts
    return head(asked.id, flags, (1, answer, authority, additional + bool(opt))) + asked.question + found.octets + opt


def _question(message: Message) -> bytes:
    """Return the octets of the one question; raises WireError for none, several, or a compressed name."""
    if len(message.questions) != 1:
        raise WireError(f"{len(message.questions)} questions")
    name = message.questions[0].name
    if message.wire[HEADER : HEADER + len(name)] != name:
        raise WireError("a question that points into the header")
    return message.wire[HEADER : HEADER + len(name) + _FIXED]


def _same(one: bytes, other: bytes) -> bool:
    return one[-_FIXED:] == other[-_FIXED:] and one[:-_FIXED].lower() == other[:-_FIXED].lower()


def _extended(message: Message) -> int:
    """Return the upper eight bits of the response code, in their place.  RFC 6891 §6.1.3"""
    for record in message.additional:
        if record.type == types.OPT:
            return record.ttl >> 24 << 4
    return 0


def _flags(asked: Asked, rcode: int) -> int:
    return Flag.QR | Flag.RA | (asked.flags & (Flag.RD | Flag.CD)) | (rcode & 0xF)


def ede_option(code: Ede, text: str = "") -> tuple[int, bytes]:
    """Return an extended error as an option of EDNS.  RFC 8914 §2"""
    return EDE_OPTION, code.to_bytes(2, "big") + text.encode()


def _opt(asked: Asked, rcode: int, options: Iterable[tuple[int, bytes]]) -> bytes:
    if asked.edns is None:
        return b""
    return encode_edns(Edns(asked.edns_size, 0, asked.edns.do, tuple(options)), rcode)
