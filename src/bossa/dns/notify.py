"""NOTIFY out: whom to tell of a zone's new serial, in which words, and how often.  RFC 1996"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bossa.dns import types
from bossa.dns.lookup import Zones
from bossa.dns.message import Flag, Message, encode_question, encode_record, head
from bossa.dns.remote import Remote
from bossa.dns.shapes import IPV4, IPV6
from bossa.dns.types import Opcode
from bossa.dns.zone import RRset, Zone
from bossa.wire import Reader, WireError

# In a zone's option, "the zone's other name servers".
NAME_SERVERS = "ns"
# How long is waited for an answer, try after try, in seconds; then the secondary finds out by its own timer.  §3.6
WAITS = (1.0, 2.0, 4.0, 8.0, 16.0)
_OPCODE = Opcode.NOTIFY << 11


def targets(zone: Zone, zones: Zones, wanted: Iterable[str]) -> list[Remote]:
    """Return whom to tell: each server once, those with a key first named as the operator named them."""
    found: dict[tuple[str, int], Remote] = {}
    for one in sorted(wanted, key=lambda text: text == NAME_SERVERS):
        for remote in name_servers(zone, zones) if one == NAME_SERVERS else (Remote.parse(one),):
            found.setdefault((remote.host, remote.port), remote)
    return list(found.values())


def name_servers(zone: Zone, zones: Zones) -> Iterator[Remote]:
    """Yield the addresses, as far as our own zones know them, of the NS names but for the primary's.  §2.3"""
    rrset = zone.find(zone.apex, types.NS)
    primary = zone.soa.mname.lower()
    for name in rrset.rdatas if rrset is not None else ():
        if name.lower() != primary:
            yield from map(Remote, _addresses(name.lower(), zones))


def _addresses(name: bytes, zones: Zones) -> Iterator[str]:
    holder = zones.find(name)
    for rtype, kind in ((types.A, IPV4), (types.AAAA, IPV6)):
        rrset = holder.find(name, rtype) if holder is not None else None
        for rdata in rrset.rdatas if rrset is not None else ():
            yield kind.text("address", Reader(rdata), None)


def notify(apex: bytes, soa: RRset, message_id: int) -> bytes:
    """Return a NOTIFY that tells the zone's SOA.  §3.7, §4.5"""
    record = encode_record(apex, types.SOA, soa.ttl, soa.rdatas[0])
    return head(message_id, _OPCODE | Flag.AA, (1, 1, 0, 0)) + encode_question(apex, types.SOA) + record


def read_answer(wire: bytes, sent: bytes) -> Message | None:
    """Return the answer to a NOTIFY of ours, None for anything else.  §4.7"""
    try:
        message, asked = Message.decode(wire), Message.decode(sent)
    except WireError:
        return None
    if message.id != asked.id or not message.flags & Flag.QR or message.opcode != Opcode.NOTIFY:
        return None
    same = [(one.name.lower(), one.type, one.rclass) for one in message.questions]
    # An error may come without the question.
    if same != [(one.name.lower(), one.type, one.rclass) for one in asked.questions] and not message.rcode:
        return None
    return message
