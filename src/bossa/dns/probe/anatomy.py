"""What the octets of a message mean, piece by piece: for people who look for the one that is wrong.

RFC 1035 §4.1, RFC 2136 §2, RFC 8945 §4.2, RFC 2930 §2, RFC 4121 §4.1 and
§4.2.6.1.  Nothing here judges; what cannot be read is a piece that says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bossa.dns import tsig, types
from bossa.dns.errors import TkeyError, TsigError, rcode_text
from bossa.dns.message import HEADER, Message, RawRecord
from bossa.dns.names import to_text
from bossa.dns.tkey import Mode, Tkey
from bossa.gss import spnego, tokens
from bossa.gss.refusal import kerberos_error
from bossa.wire import WireError

_FLAGS = (("QR", 0x8000), ("AA", 0x0400), ("TC", 0x0200), ("RD", 0x0100), ("RA", 0x0080))
_SECTIONS = ("answer", "authority", "additional")
_UPDATE_SECTIONS = ("prerequisite", "update", "additional")
_KINDS = {tokens.AP_REQ: "AP-REQ: the ticket and proof of its key", tokens.AP_REP: "AP-REP: the service's proof"}
_MIC = b"\x04\x04"


class Piece(NamedTuple):
    """Octets of a message from ``at`` on, and what they mean."""

    at: int
    octets: bytes
    meaning: str


def explain(wire: bytes, now: int) -> Iterator[Piece]:
    """Yield the pieces of a message in their order; times are told from ``now``."""
    try:
        message = Message.decode(wire)
    except WireError as e:
        yield Piece(0, wire, f"no message: {e}")
        return
    yield from _header(message)
    for one in message.questions:
        what = f"zone {to_text(one.name)}" if _is_update(message) else f"question {to_text(one.name)}"
        text = f"{what} {types.type_text(one.type)} {types.class_text(one.rclass)}"
        yield Piece(HEADER, wire[HEADER : _first(message, len(wire))], text)
    names = _UPDATE_SECTIONS if _is_update(message) else _SECTIONS
    for section, records in zip(names, (message.answer, message.authority, message.additional), strict=True):
        yield from _section(message, section, records, now)


def _is_update(message: Message) -> bool:
    return message.opcode == types.Opcode.UPDATE


def _first(message: Message, end: int) -> int:
    """Where the first record begins, or the message ends."""
    return next((one.start for one in (*message.answer, *message.authority, *message.additional)), end)


def _header(message: Message) -> Iterator[Piece]:
    wire = message.wire
    yield Piece(0, wire[:2], f"ID {message.id}")
    known = message.opcode in types.Opcode._value2member_map_
    opcode = types.Opcode(message.opcode).name if known else f"opcode {message.opcode}"
    flags = " ".join(name for name, bit in _FLAGS if message.flags & bit)
    rcode = f", {rcode_text(message.rcode)}" if message.flags & 0x8000 else ""
    yield Piece(2, wire[2:4], f"{opcode}{rcode}{', flags ' + flags if flags else ''}")
    counts = [int.from_bytes(wire[at : at + 2], "big") for at in range(4, HEADER, 2)]
    names = ("zone", *_UPDATE_SECTIONS) if _is_update(message) else ("question", *_SECTIONS)
    yield Piece(4, wire[4:HEADER], ", ".join(f"{name} {count}" for count, name in zip(counts, names, strict=True)))


def _section(message: Message, section: str, records: Sequence[RawRecord], now: int) -> Iterator[Piece]:
    for one in records:
        head = f"{section}: {to_text(one.owner)} {types.type_text(one.type)}"
        rclass = f"{types.class_text(one.rclass)}, TTL {one.ttl}"
        yield Piece(one.start, message.wire[one.start : one.rdata], f"{head} {rclass}{_asked(message, section, one)}")
        yield from _data(message, one, now)


def _asked(message: Message, section: str, one: RawRecord) -> str:
    """What a record of an update asks for.  RFC 2136 §2.5"""
    if not _is_update(message) or section != "update":
        return ""
    words = {types.IN: "add it", types.CLASS_NONE: "delete this record", types.CLASS_ANY: "delete all of the type"}
    return f": {words[one.rclass]}" if one.rclass in words else ""


def _data(message: Message, one: RawRecord, now: int) -> Iterator[Piece]:
    try:
        if one.type == types.TSIG:
            yield from _tsig(message, one, now)
            return
        if one.type == types.TKEY:
            yield from _tkey(message, one, now)
            return
    except WireError as e:
        yield Piece(one.rdata, message.rdata(one), f"cannot be read: {e}")
        return
    if one.end > one.rdata:
        yield Piece(one.rdata, message.rdata(one), f"its data, {one.end - one.rdata} octets")


def _tsig(message: Message, one: RawRecord, now: int) -> Iterator[Piece]:
    """The fields of a TSIG.  RFC 8945 §4.2"""
    raw = tsig.find(message)
    assert raw is not None, "there is one"
    wire, at = message.wire, one.end - len(raw.mac) - len(raw.other) - 16
    yield Piece(one.rdata, wire[one.rdata : at], f"algorithm {tsig.algorithm_text(raw.algorithm)}")
    yield Piece(at, wire[at : at + 8], f"signed {_moment(raw.time, now)}, good for {raw.fudge} s to both sides")
    mac = at + 10
    yield Piece(at + 8, wire[at + 8 : mac], f"a MAC of {len(raw.mac)} octets")
    if raw.mac:
        yield Piece(mac, raw.mac, _mac(raw.mac))
    rest = mac + len(raw.mac)
    error = TsigError(raw.error).name if raw.error in TsigError._value2member_map_ else str(raw.error)
    other = f", the server's time {_moment(int.from_bytes(raw.other, 'big'), now)}" if len(raw.other) == 6 else ""
    yield Piece(rest, wire[rest : one.end], f"original ID {raw.original_id}, error {error}{other}")


def _mac(mac: bytes) -> str:
    """What a MAC is; a MIC token tells its sender and number.  RFC 4121 §4.2.6.1"""
    if mac[:2] != _MIC or len(mac) < 16:
        return "the MAC"
    sender = "acceptor" if mac[2] & 1 else "initiator"
    subkey = ", under the acceptor's subkey" if mac[2] & 4 else ""
    return f"MIC token of the {sender}{subkey}, number {int.from_bytes(mac[8:16], 'big')}"


def _tkey(message: Message, one: RawRecord, now: int) -> Iterator[Piece]:
    """The fields of a TKEY.  RFC 2930 §2"""
    told = Tkey.decode(message, one)
    wire, at = message.wire, one.end - len(told.key) - len(told.other) - 16
    yield Piece(one.rdata, wire[one.rdata : at], f"algorithm {to_text(told.algorithm)}")
    yield Piece(at, wire[at : at + 8], f"from {_moment(told.inception, now)} to {_moment(told.expiration, now)}")
    mode = Mode(told.mode).name if told.mode in Mode._value2member_map_ else str(told.mode)
    error = TkeyError(told.error).name if told.error in TkeyError._value2member_map_ else str(told.error)
    yield Piece(at + 8, wire[at + 8 : at + 14], f"mode {mode}, error {error}, a token of {len(told.key)} octets")
    if told.key:
        yield Piece(at + 14, told.key, token_text(told.key, now))
    yield Piece(at + 14 + len(told.key), wire[at + 14 + len(told.key) : one.end], f"{len(told.other)} octets besides")


def token_text(token: bytes, now: int) -> str:
    """Say what a GSS-API token is."""
    if (error := kerberos_error(token)) is not None:
        return f"KRB-ERROR {error.error_code}, the service's time {_moment(error.stime, now)}"
    try:
        if token[:1] == bytes((spnego.RESPONSE,)):
            said = spnego.NegTokenResp.decode(token)
            state = "" if said.state is None else f" {spnego.NegState(said.state).name.lower().replace('_', '-')}"
            return f"SPNEGO response{state}{_inside(said.token, now)}"
        mechanism, inner = tokens.unframe(token)
        if mechanism == tokens.SPNEGO:
            init = spnego.decode_init(inner)
            return f"SPNEGO offer of {', '.join(map(tokens.name, init.mechanisms))}{_inside(init.token, now)}"
        return f"{tokens.name(mechanism)} token, {_KINDS.get(inner[:2], inner[:2].hex())}"
    except WireError as e:
        return f"a token that cannot be read: {e}"


def _inside(token: bytes | None, now: int) -> str:
    return f", with a {token_text(token, now)}" if token else ""


def _moment(when: int, now: int) -> str:
    """A moment by our clock; 0 is none."""
    return f"{when} ({when - now:+} s from now)" if when else "0"
