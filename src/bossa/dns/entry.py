"""One remembered answer of another resolver: whether it may be kept, for how long, and how it is told again.

An answer is kept whole and told again only to its own question, so nothing in
it can speak for another name (RFC 5452 §6, RFC 2181 §5.4.1); one whose answer
section holds anything but the question's alias chain and its end is passed on
and not kept.  RFC 2308 §5 and §7 for negative answers and failures, RFC 8767
for what is over, RFC 9520 §3.2 for how long a failure lasts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from bossa.dns import names, relay, types
from bossa.dns.errors import Ede, Rcode
from bossa.dns.message import EDE_OPTION, HEADER, Flag, Message, RawRecord
from bossa.dns.names import read_name
from bossa.dns.relay import Answer, Asked, Records, Unanswered
from bossa.dns.remembered import Fill, key_of, prefetch_at, with_ttls_less
from bossa.dns.zone import soa_minimum
from bossa.wire import Reader, WireError

# The longest that an answer is kept, unless configured; RFC 8767 §4 recommends a week at most.
MAX_TTL = 86400
# RFC 2308 §5 finds one to three hours sensible.
MAX_NEGATIVE_TTL = 10800
# RFC 9520 §3.2: at least one second, at most five minutes.
FAILURE_TTL = 5
# What a stale answer's records get.  RFC 8767 §4
STALE_TTL = 30
# Aliases that are followed through one answer.
_MAX_ALIASES = 32
# A TTL with the highest bit counts as 0.  RFC 2181 §8
_TTL_LIMIT = 1 << 31

Option = tuple[int, bytes]


class Kind(Enum):
    """What an answer says."""

    POSITIVE = "positive"
    NXDOMAIN = "NXDOMAIN"
    NODATA = "NODATA"
    FAILURE = "SERVFAIL"


@dataclass(slots=True, eq=False)
class Entry:
    """A remembered answer: its records with where their TTLs stand, from the second ``born`` for ``life`` seconds.

    ``notes`` are the resolver's extended errors; ``dead_end`` is the name at
    which a chain of aliases ended in nothing.
    """

    kind: Kind
    rcode: int
    records: Records
    ttls: tuple[int, ...]
    born: int
    life: int
    notes: tuple[Option, ...] = ()
    dead_end: bytes | None = None
    hits: int = 0
    # Whether it was asked for anew before its end, and until when it is not asked for anew after that failed.
    refreshed: bool = False
    retry_at: float = 0.0

    @property
    def end(self) -> int:
        """The second in which the answer is over."""
        return self.born + self.life

    def is_due(self, now: float) -> bool:
        """Tell whether it is time to fetch the answer anew, before it is over."""
        return not self.refreshed and now >= prefetch_at(self.born, self.life)

    def reply(self, asked: Asked, limit: int, now: float) -> bytes:
        """Return the answer for a client, TTLs counted down."""
        octets = with_ttls_less(self.records.octets, self.ttls, min(max(0, int(now) - self.born), self.life))
        options = self.notes
        if self.kind is Kind.FAILURE:
            options = (*options, relay.ede_option(Ede.CACHED_ERROR))
        return relay.written(asked, self.rcode, Records(octets, self.records.counts), options, limit)

    def stale_reply(self, asked: Asked, limit: int) -> bytes:
        """Return the answer for a client after its end.  RFC 8767 §4, RFC 8914 §4.4 and §4.20"""
        octets = _with_ttls(self.records.octets, self.ttls, (STALE_TTL,) * len(self.ttls))
        code = Ede.STALE_NXDOMAIN_ANSWER if self.kind is Kind.NXDOMAIN else Ede.STALE_ANSWER
        options = (*self.notes, relay.ede_option(code))
        return relay.written(asked, self.rcode, Records(octets, self.records.counts), options, limit)

    def fill(self) -> Fill | None:
        """Return the entry as query workers hold it, None for one that only the owner tells."""
        if self.kind is Kind.FAILURE or self.notes or self.dead_end is not None:
            return None
        counts = b"".join(count.to_bytes(2, "big") for count in self.records.counts)
        return Flag.QR | Flag.RA | self.rcode, counts, self.records.octets, self.ttls, self.born, self.life


def asked_key(asked: Asked) -> bytes:
    """Return the key under which a client's question is remembered."""
    do = asked.edns is not None and asked.edns.do
    return key_of(asked.question, do=do, cd=bool(asked.flags & Flag.CD))


def remember(answer: Answer, now: float, max_ttl: int = MAX_TTL) -> Entry | None:
    """Return what is to be kept of a resolver's answer, None for nothing."""
    notes = tuple(option for option in (answer.edns.options if answer.edns else ()) if option[0] == EDE_OPTION)
    if answer.rcode == Rcode.SERVFAIL:
        return Entry(Kind.FAILURE, Rcode.SERVFAIL, Records(), (), int(now), FAILURE_TTL, notes)
    message = answer.message
    if answer.truncated or not message.questions or answer.rcode not in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return None
    records = relay.records(message)
    shown = [*message.answer, *message.authority, *message.additional[: records.counts[2]]]
    chain = alias_chain(message)
    if chain is None or any(record.rclass != types.IN for record in shown):
        return None
    kind = _kind(message, answer.rcode, chain[-1])
    if kind is not Kind.POSITIVE and not _has_soa(message, chain[-1]):
        return None
    ttls = list(_ttls(message, shown, kind, max_ttl))
    if not min(ttls):
        return None
    start = HEADER + len(message.questions[0].name) + 4
    places = tuple(record.rdata - 6 - start for record in shown)
    kept = Records(_with_ttls(records.octets, places, ttls), records.counts)
    dead_end = chain[-1] if kind is not Kind.POSITIVE and len(chain) > 1 else None
    return Entry(kind, answer.rcode, kept, places, int(now), min(ttls), notes, dead_end)


def failed(unanswered: Unanswered, now: float) -> Entry | None:
    """Return the memory of a question that nobody answered; None when that was for want of room here."""
    if unanswered.ede is Ede.OTHER:
        return None
    note = relay.ede_option(unanswered.ede, unanswered.text)
    return Entry(Kind.FAILURE, Rcode.SERVFAIL, Records(), (), int(now), FAILURE_TTL, (note,))


def dead_end(message: Message) -> bytes | None:
    """Return the name at which an answer's aliases end without what was asked for; None when they do not."""
    if not message.questions or not (chain := alias_chain(message)) or len(chain) == 1:
        return None
    return None if _kind(message, Rcode.NOERROR, chain[-1]) is Kind.POSITIVE else chain[-1]


def alias_chain(message: Message) -> list[bytes] | None:
    """Return the names (keys) from the question along the aliases; None when other records are in the answer too."""
    question = message.questions[0]
    chain = [question.name.lower()]
    try:
        aliases = _aliases(message) if question.type not in (types.CNAME, types.ANY) else {}
    except WireError:
        return None
    while (target := aliases.get(chain[-1])) is not None:
        if target in chain or len(chain) > _MAX_ALIASES:
            return None
        chain.append(target)
    return chain if all(_belongs(record, question.type, chain) for record in message.answer) else None


def _aliases(message: Message) -> dict[bytes, bytes]:
    return {
        record.owner.lower(): read_name(Reader(message.wire, record.rdata, record.end)).lower()
        for record in message.answer
        if record.type == types.CNAME
    }


def _belongs(record: RawRecord, qtype: int, chain: list[bytes]) -> bool:
    owner = record.owner.lower()
    if owner == chain[-1] and (record.type in (qtype, types.RRSIG) or qtype == types.ANY):
        return True
    if owner in chain[:-1]:
        return record.type in (types.CNAME, types.RRSIG)
    # A DNAME comes before the CNAME made from it.  RFC 6672 §3.1
    return record.type in (types.DNAME, types.RRSIG) and any(names.is_below(name, owner) for name in chain)


def _kind(message: Message, rcode: int, last: bytes) -> Kind:
    if rcode == Rcode.NXDOMAIN:
        return Kind.NXDOMAIN
    qtype = message.questions[0].type
    found = any(r.owner.lower() == last and (r.type == qtype or qtype == types.ANY) for r in message.answer)
    return Kind.POSITIVE if found else Kind.NODATA


def _has_soa(message: Message, last: bytes) -> bool:
    """Tell whether a negative answer says how long it holds: without, it is not kept.  RFC 2308 §5"""
    return any(r.type == types.SOA and names.is_below(last, r.owner.lower()) for r in message.authority)


def _ttls(message: Message, shown: Sequence[RawRecord], kind: Kind, max_ttl: int) -> Iterator[int]:
    """Yield the TTL of each record as it is kept: at most ``max_ttl``, a negative answer's SOA at most its minimum."""
    for record in shown:
        ttl = min(record.ttl, max_ttl) if record.ttl < _TTL_LIMIT else 0
        if kind is not Kind.POSITIVE and record.type == types.SOA:
            ttl = min(ttl, soa_minimum(message.rdata(record)), MAX_NEGATIVE_TTL)
        yield ttl


def _with_ttls(octets: bytes, places: Sequence[int], ttls: Sequence[int]) -> bytes:
    out = bytearray(octets)
    for at, ttl in zip(places, ttls, strict=True):
        out[at : at + 4] = ttl.to_bytes(4, "big")
    return bytes(out)
