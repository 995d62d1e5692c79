"""A key negotiated with a server: TKEY with GSS-API tokens over TCP, and its end.  RFC 3645 §3, RFC 2930 §4

What the server says no with is read as far as it goes: the TKEY's error, and
the KRB-ERROR that its token may carry.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.dns import tsig, types
from bossa.dns.errors import Rcode, TkeyError, rcode_text
from bossa.dns.message import Message, encode_record
from bossa.dns.names import from_text
from bossa.dns.probe.clock import server_time
from bossa.dns.probe.conversation import Cause, Conversation, Fault, Send, Setting, Way
from bossa.dns.probe.refusals import refused_ticket, refused_without_word
from bossa.dns.probe.signature import signed
from bossa.dns.requests import question
from bossa.dns.tkey import GSS_TSIG, ContextKey, Mode, Tkey
from bossa.dns.tsig import Signer
from bossa.gss.context import Context, Step
from bossa.gss.errors import GssError
from bossa.gss.initiator import Initiator
from bossa.gss.refusal import kerberos_error
from bossa.wire import WireError

# More rounds than SPNEGO ever takes.
_MOST_ROUNDS = 8
_LIFE = 3600
_LOG = "see the server's log"
_ERRORS: dict[int, str] = {
    TkeyError.BADALG: "the server does not know the algorithm gss-tsig",
    TkeyError.BADMODE: "the server does not know the GSS-API mode of TKEY",
    TkeyError.BADNAME: "the server has a key of this name, or does not take it",
}


@dataclass(frozen=True, slots=True)
class Negotiated:
    """A key, in how many rounds, until when the server keeps it, and whether its last word proved that it has it."""

    key: ContextKey
    rounds: int
    expiration: int
    proven: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """What a context begins with: our side of it, what the ticket is for people, and the zone it is for."""

    initiator: Initiator
    ticket: str
    zone: bytes


def negotiate(opening: Opening, setting: Setting) -> Conversation[Negotiated]:
    """Establish a context under a new name; raises Fault or WireError.  RFC 3645 §3.1"""
    name = from_text(f"{setting.random(8).hex()}.probe.")
    step = _step(opening, None, setting)
    for rounds in range(1, _MOST_ROUNDS + 1):
        reply, told = yield from _round(name, step.token, opening, setting)
        # A context that is there already has had its closing word in this round.
        is_over = step.context is not None
        if not is_over:
            step = _step(opening, told.key, setting)
        if step.context is not None and (is_over or not step.token):
            return _finished(reply, told, step.context, rounds, setting)
    raise Fault(Cause.NEGOTIATION, f"no end after {_MOST_ROUNDS} rounds of TKEY", _LOG)


def end(key: ContextKey, setting: Setting) -> Conversation[None]:
    """Have the server forget a key of ours; raises Fault or WireError.  RFC 2930 §4.2"""
    asked = Tkey(key.name, key.algorithm_wire, setting.seconds, setting.seconds, Mode.DELETION)
    reply = yield from signed(_query(asked, setting), key, setting, Way.TCP)
    if reply.rcode != Rcode.NOERROR or _told(reply).error:
        raise Fault(Cause.SERVER, f"the server keeps the key: {rcode_text(reply.rcode)}", "it ends by itself")


def _query(asked: Tkey, setting: Setting) -> bytes:
    """Write a query for a key, its record in the additional section."""
    plain = question(setting.message_id(), asked.name, types.TKEY, 0)
    record = bytearray(encode_record(asked.name, types.TKEY, 0, asked.rdata))
    at = len(asked.name) + 2
    record[at : at + 2] = types.CLASS_ANY.to_bytes(2, "big")
    return plain[:10] + b"\0\1" + plain[12:] + record


def _round(name: bytes, token: bytes, opening: Opening, setting: Setting) -> Conversation[tuple[Message, Tkey]]:
    """Send a token and take the server's; raises Fault for a refusal."""
    asked = Tkey(name, GSS_TSIG, setting.seconds, setting.seconds + _LIFE, Mode.GSS_API, key=token)
    reply = Message.decode((yield Send(_query(asked, setting), Way.TCP)))
    if reply.rcode != Rcode.NOERROR:
        why = f"the server answers {rcode_text(reply.rcode)} to TKEY"
        fix = "it has no GSS-TSIG, or none is configured: BIND wants tkey-gssapi-keytab, Knot has none"
        raise Fault(Cause.NEGOTIATION, why, fix)
    told = _told(reply)
    if told.error == TkeyError.BADKEY:
        raise (yield from _refusal(told, opening, setting))
    if told.error:
        raise Fault(Cause.NEGOTIATION, _ERRORS.get(told.error, f"TKEY error {told.error}"), _LOG)
    return reply, told


def _told(reply: Message) -> Tkey:
    for record in reply.answer:
        if record.type == types.TKEY:
            return Tkey.decode(reply, record)
    raise Fault(Cause.NEGOTIATION, "the answer to TKEY has no TKEY record", _LOG)


def _refusal(told: Tkey, opening: Opening, setting: Setting) -> Conversation[Fault]:
    """Find out why the ticket is not taken."""
    if (error := kerberos_error(told.key)) is not None:
        return refused_ticket(error, opening.ticket, setting.seconds)
    theirs = yield from server_time(opening.zone, setting)
    return refused_without_word(opening.ticket, theirs, setting.seconds)


def _step(opening: Opening, token: bytes | None, setting: Setting) -> Step:
    """Take the server's token; raises Fault when it does not prove what it should."""
    try:
        return opening.initiator.step(token, setting.now)
    except GssError as wrong:
        error = kerberos_error(token or b"")
        if error is not None:
            raise refused_ticket(error, opening.ticket, setting.seconds) from wrong
        raise Fault(Cause.NEGOTIATION, f"the server's token is not to be believed: {wrong.reason}", _LOG) from wrong


def _finished(reply: Message, told: Tkey, context: Context, rounds: int, setting: Setting) -> Negotiated:
    """Make the key of the context, and see whether the last answer was under it."""
    key = ContextKey(told.name.lower(), told.algorithm.lower(), context, context.expires)
    return Negotiated(key, rounds, told.expiration, _is_proven(reply, key, setting.seconds))


def _is_proven(reply: Message, key: Signer, now: int) -> bool:
    """Tell whether an answer to an unsigned query is signed with the new key.  RFC 3645 §2.2"""
    try:
        return isinstance(tsig.verify_reply(reply, key, None, now), tsig.Signed)
    except WireError:
        return False
