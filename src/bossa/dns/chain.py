"""A chain of aliases that runs through our zones and those of others, put together name by name.

What lies in our zones comes from our zones, wherever the chain enters them,
what they hide stays hidden, and a zone without content for anybody makes the
whole a failure.  AA is that of the first name (RFC 1035
§4.1.1), the code that of the last (RFC 6604 §3).  A loop, and a chain of too
many names, end with what is there.
"""

from __future__ import annotations

from bossa.dns import names, rdata, relay, types
from bossa.dns.entry import alias_chain
from bossa.dns.errors import Rcode
from bossa.dns.lookup import MAX_CHAIN, Answer, Hidden, Owned, Zones, lookup
from bossa.dns.message import EDE_OPTION, Edns, Flag, Message, Question, RawRecord, Reply, encode_edns, head, read_edns
from bossa.dns.secondary import why_unserved
from bossa.dns.zone import RRset, Zone
from bossa.wire import Reader, WireError

# What stands above the names that it renames.  RFC 6672 §3.1
_ABOVE = frozenset((types.DNAME, types.RRSIG))
# What of a negative answer's authority section goes along.
_PROOFS = frozenset((types.SOA, types.RRSIG, types.NSEC, types.NSEC3))


class Chain:
    """The answer so far; ``next`` is the name that somebody else has to be asked for, None at the end."""

    def __init__(self, zones: Zones, question: Question, hidden: Hidden, found: Answer | None = None) -> None:
        self.notes: tuple[tuple[int, bytes], ...] = ()
        self.next: bytes | None = question.name
        self._zones = zones
        self._question = question
        self._hidden = hidden
        self._seen = {question.name.lower()}
        self._answer = Answer(authoritative=False)
        if found is not None:
            self._answer.authoritative = found.authoritative
            self._take_ours(found)

    @property
    def reply(self) -> Reply:
        """The answer to be sent."""
        found = self._answer
        flags = Flag.AA if found.authoritative else 0
        return Reply(found.rcode, flags, found.answer, found.authority, found.additional)

    def query(self, client: Edns | None, edns_size: int, *, cd: bool) -> bytes:
        """Return the question for ``next``: type and bits are the client's, and the marks those of its question."""
        assert self.next is not None, "a chain that goes on"
        fixed = self._question.type.to_bytes(2, "big") + types.IN.to_bytes(2, "big")
        flags = Flag.RD | (Flag.CD if cd else 0)
        edns = Edns(edns_size, 0, client is not None and client.do, relay.marks(client))
        return head(0, flags, (1, 0, 0, 1)) + self.next + fixed + encode_edns(edns)

    def take(self, message: Message) -> None:
        """Take in what somebody else answered for ``next``."""
        assert self.next is not None, "a chain that goes on"
        edns = read_edns(message)
        self.notes = tuple(option for option in (edns.options if edns else ()) if option[0] == EDE_OPTION)
        sound = message.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN) and not message.flags & Flag.TC
        path = alias_chain(message) if sound else None
        try:
            if path is None:
                raise WireError("it does not answer the question")
            self._take_theirs(message, path)
        except WireError:
            self._fail()

    def _take_theirs(self, message: Message, path: list[bytes]) -> None:
        """Add the records of a path of names, up to the first that is ours."""
        entered = next((at for at, name in enumerate(path) if at and self._zone_of(name) is not None), len(path))
        theirs = set(path[:entered])
        for record in message.answer:
            owner = record.owner.lower()
            if owner in theirs or (record.type in _ABOVE and any(names.is_below(name, owner) for name in theirs)):
                self._answer.answer.append(_owned(message, record))
        if entered < len(path):
            self._seen |= theirs
            self._go_to(path[entered])
            return
        self.next = None
        self._answer.rcode = Rcode(message.rcode)
        self._answer.authority = [_owned(message, r) for r in message.authority if r.type in _PROOFS]

    def _take_ours(self, found: Answer) -> None:
        """Add what our zones hold for a name, and go on where that leads elsewhere."""
        self._answer.answer += found.answer
        self._answer.additional = found.additional
        self._answer.rcode = found.rcode
        self._seen |= {owner.lower() for owner, _ in found.answer}
        target = found.elsewhere if found.elsewhere is not None else found.referred
        if target is None:
            self._answer.authority = found.authority
            self.next = None
        else:
            self._go_to(target)

    def _go_to(self, target: bytes) -> None:
        """Go on with a name: in our zones, elsewhere, or not at all."""
        key = target.lower()
        self.next = None
        if key in self._seen or len(self._seen) > MAX_CHAIN:
            return
        self._seen.add(key)
        zone = self._zone_of(key)
        if zone is not None and zone.apex in self._hidden:
            if zone.apex in self._hidden.unserved:
                self._fail(relay.ede_option(why_unserved(zone)))
            return
        found = lookup(self._zones, target, self._question.type, self._hidden) if zone is not None else None
        if found is None or (found.referred is not None and not found.answer):
            self.next = target
            return
        self._take_ours(found)

    def _zone_of(self, key: bytes) -> Zone | None:
        return self._zones.find_for(key, self._question.type)

    def _fail(self, *notes: tuple[int, bytes]) -> None:
        self.notes += notes
        self.next = None
        self._answer = Answer(Rcode.SERVFAIL, authoritative=False)


def _owned(message: Message, record: RawRecord) -> Owned:
    """Return a record of a message on its own, its names whole; raises WireError."""
    size = record.end - record.rdata
    data = rdata.read_rdata(Reader(message.wire, record.rdata, record.end), record.type, size)
    return record.owner, RRset(record.type, record.ttl, (data,), ())
