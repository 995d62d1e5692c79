"""Where a zone's changes go: the zone that a name lies in, and the primary that its SOA names.  RFC 2136 §4.1

An answer without the AA flag is somebody else's, and no word of a primary.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.dns import names, types
from bossa.dns.errors import Rcode, rcode_text
from bossa.dns.message import Flag, Message, RawRecord, read_serial
from bossa.dns.names import read_name, to_text
from bossa.dns.probe.conversation import Cause, Conversation, Fault, Setting, ask
from bossa.dns.requests import question
from bossa.wire import Reader


@dataclass(frozen=True, slots=True)
class Found:
    """A zone (a key), the host that its SOA names as primary (a key), and its serial."""

    zone: bytes
    primary: bytes
    serial: int


def find_zone(name: bytes, setting: Setting) -> Conversation[Found]:
    """Find the zone that a name lies in, as this server has it; raises Fault or WireError."""
    reply = yield from ask(question(setting.message_id(), name, types.SOA, 0))
    text = to_text(name)
    if reply.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        fix = "name the server that has the zone; with bossa: bossa zone list"
        raise Fault(Cause.ZONE, f"the server answers {rcode_text(reply.rcode)} for {text}", fix)
    soa = _soa(reply)
    if soa is None or not reply.flags & Flag.AA:
        fix = "name one of the zone's own servers"
        raise Fault(Cause.ZONE, f"the server has no zone for {text}: what it answers is not its own", fix)
    if not names.is_below(name, soa.owner.lower()):
        raise Fault(Cause.ZONE, f"the answer for {text} is of the zone {to_text(soa.owner)}", "see the server's zones")
    return Found(soa.owner.lower(), _primary(reply, soa), read_serial(reply, soa))


def find_primary(zone: bytes, setting: Setting) -> Conversation[Found]:
    """Find the primary of exactly this zone; raises Fault or WireError."""
    found = yield from find_zone(zone, setting)
    if found.zone != zone:
        why = f"{to_text(zone)} is no zone of its own there, it lies in {to_text(found.zone)}"
        raise Fault(Cause.ZONE, why, f"name {to_text(found.zone)} as the zone")
    return found


def _soa(reply: Message) -> RawRecord | None:
    return next((one for one in reply.answer + reply.authority if one.type == types.SOA), None)


def _primary(reply: Message, soa: RawRecord) -> bytes:
    return read_name(Reader(reply.wire, soa.rdata, soa.end)).lower()
