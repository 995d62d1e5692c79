"""Zone transfers out: the messages of an AXFR or IXFR, from a zone as it stood when it was asked for.

AXFR (RFC 5936 §2.2): the SOA, every record, the SOA again.  IXFR (RFC 1995
§4): for each step the old SOA, what went, the new SOA, what came; where the
history does not reach back so far, the whole zone in AXFR's form.  Every
message is signed when the request was.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import chain, islice

from bossa.dns import names, types
from bossa.dns.changes import records
from bossa.dns.errors import Rcode, Refused
from bossa.dns.exchange import Exchange
from bossa.dns.message import Flag, Message, Reply, Writer, head, read_serial
from bossa.dns.policy import Caller
from bossa.dns.ports import HistoryStep
from bossa.dns.zone import Record, RRset, Zone, serial_gt, with_serial
from bossa.wire import WireError

# Behind 16 KiB no name can be pointed at, so longer messages are not smaller.
_MESSAGE = 16_000
# A pointer to the owner, type, class, TTL, length.
_LEAST_RECORD = 12


def may_transfer(allowed: Sequence[str], caller: Caller) -> bool:
    """Tell whether a ``key:NAME``, ``krb5:PRINCIPAL`` or ``net:CIDR`` speaks of the caller; none allows nobody."""
    return any(_matches(one, caller) for one in allowed)


def _matches(rule: str, caller: Caller) -> bool:
    kind, _, value = rule.partition(":")
    if kind == "key":
        return caller.key is not None and caller.key == names.from_text(value).lower()
    if kind == "krb5":
        return caller.person is not None and caller.person.principal == value
    return kind == "net" and caller.address in ipaddress.ip_network(value)


def is_asked(query: Message, *, tcp: bool) -> bool:
    """Tell whether a message asks for a transfer: AXFR goes over TCP only.  RFC 5936 §4.2, RFC 1995 §2"""
    kinds = (types.AXFR, types.IXFR) if tcp else (types.IXFR,)
    return len(query.questions) == 1 and query.questions[0].type in kinds


def wanted_serial(query: Message) -> int:
    """Return the serial that an IXFR's client has; raises Refused without one SOA in the authority section."""
    if len(query.authority) != 1 or query.authority[0].type != types.SOA:
        raise Refused(Rcode.FORMERR, "IXFR without the SOA that the client has")
    try:
        return read_serial(query, query.authority[0])
    except WireError as e:
        raise Refused(Rcode.FORMERR, str(e)) from None


class Form(Enum):
    """What the client of a transfer gets."""

    WHOLE = "whole"
    STEPS = "steps"
    CURRENT = "nothing new"


def form_of(zone: Zone, serial: int, history: Sequence[HistoryStep] | None) -> Form:
    """Decide on the answer to an IXFR of a client with ``serial``.  RFC 1995 §4"""
    if not serial_gt(zone.serial, serial):
        return Form.CURRENT
    # The zone may have moved on since the history was read.
    if history and history[0].serial_from == serial and history[-1].serial_to == zone.serial:
        return Form.STEPS
    return Form.WHOLE


def increment(zone: Zone, serial: int, history: Sequence[HistoryStep] | None) -> Iterator[Record]:
    """Return what a client with ``serial`` gets: nothing new, the steps, or the whole zone."""
    form = form_of(zone, serial, history)
    if form is Form.STEPS:
        assert history, "there are steps"
        return steps(zone, history)
    return current(zone) if form is Form.CURRENT else whole(zone)


def whole(zone: Zone) -> Iterator[Record]:
    """Return the records of an AXFR, those of this moment, however late they are taken."""
    soa = list(records(zone.apex, zone.soa_rrset))
    return chain(soa, _content(list(zone.nodes.items())), soa)


def _content(nodes: list[tuple[bytes, tuple[RRset, ...]]]) -> Iterator[Record]:
    for owner, node in nodes:
        for rrset in node:
            if rrset.type != types.SOA:
                yield from records(owner, rrset)


def steps(zone: Zone, history: Iterable[HistoryStep]) -> Iterator[Record]:
    """Return the records of an IXFR; the SOA at both ends is that of this moment.  RFC 1995 §4"""
    soa = zone.soa_rrset
    ends = list(records(zone.apex, soa))
    return chain(ends, _differences(zone.apex, soa, history), ends)


def _differences(apex: bytes, soa: RRset, history: Iterable[HistoryStep]) -> Iterator[Record]:
    for step in history:
        yield _soa(apex, soa, step.serial_from)
        yield from step.deleted
        yield _soa(apex, soa, step.serial_to)
        yield from step.added


def _soa(apex: bytes, soa: RRset, serial: int) -> Record:
    return Record(apex, types.SOA, soa.ttl, with_serial(soa.rdatas[0], serial))


def current(zone: Zone) -> Iterator[Record]:
    """Return the answer to an IXFR of a client that has everything: the SOA alone."""
    return iter(records(zone.apex, zone.soa_rrset))


def messages(query: Message, content: Iterable[Record]) -> Iterator[bytes]:
    """Put records into messages of some 16 KiB; each repeats the question.  RFC 5936 §2.2"""
    w, count = _begin(query), 0
    for record in content:
        before = len(w.octets)
        w.record(*record)
        if len(w.octets) > _MESSAGE and count:
            del w.octets[before:]
            yield _end(query, w, count)
            w, count = _begin(query), 0
            w.record(*record)
        count += 1
    yield _end(query, w, count)


def datagram(exchange: Exchange, content: Iterable[Record], now: int) -> bytes:
    """Return an IXFR's answer over UDP: all of it when it fits the client's size, else the SOA alone.  RFC 1995 §2"""
    records = list(islice(content, exchange.limit // _LEAST_RECORD + 1))
    for part in (records, records[:1]):
        sections = [(owner, RRset(rtype, ttl, (rdata,), ())) for owner, rtype, ttl, rdata in part]
        answer = exchange.finish(Reply(flags=Flag.AA, answer=sections), now=now)
        if not answer[2] & Flag.TC >> 8:
            break
    return answer


def _begin(query: Message) -> Writer:
    w = Writer()
    for question in query.questions:
        w.question(question)
    return w


def _end(query: Message, w: Writer, count: int) -> bytes:
    flags = Flag.QR | Flag.AA | (query.flags & Flag.RD)
    w.octets[:12] = head(query.id, flags, (len(query.questions), count, 0, 0))
    return bytes(w.octets)
