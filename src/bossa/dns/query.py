"""Questions that reach the owner: which of them are ours, and what they get.

Decides between an answer from our zones, a refusal, and passing on, by the
longest match of zones and forward rules.  RFC 1035 §4.1.2, RFC 8482, RFC 8914;
the answer itself is lookup's.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from bossa.dns import names, relay, types
from bossa.dns.errors import Ede, Rcode
from bossa.dns.exchange import Exchange, failure
from bossa.dns.lookup import Answer, Hidden, Zones, lookup
from bossa.dns.message import Flag, Message, Reply
from bossa.dns.options import OptionsReply, Proof
from bossa.dns.policy import Address, Network
from bossa.dns.routes import Rules
from bossa.dns.secondary import why_unserved

_TRANSFERS = (types.AXFR, types.IXFR)


@dataclass(frozen=True, slots=True)
class PassOn:
    """The question is not ours to answer, and this client may have it passed on.

    ``instead`` is what it gets when nobody answers: a referral, where the name
    is below a delegation of ours.  ``hidden`` zones are not shown to this client.
    """

    hidden: Hidden = field(default_factory=Hidden)
    instead: Reply | None = None

    def is_answered(self, message: Message) -> bool:
        """Tell whether what another resolver says is an answer.

        That a name below our delegation does not exist is not, where it has
        this from above the delegation, of which it does not know then.
        """
        if self.instead is None or message.rcode == Rcode.NOERROR:
            return True
        cut = self.instead.authority[0][0]
        knows = any(r.type == types.SOA and names.is_below(r.owner.lower(), cut) for r in message.authority)
        return message.rcode == Rcode.NXDOMAIN and knows


@dataclass(frozen=True, slots=True)
class Follow:
    """What our zones say ends with an alias that leads elsewhere, where this client may have us ask."""

    found: Answer
    hidden: Hidden


@dataclass(frozen=True, slots=True)
class Ground:
    """What a question is asked of: our zones, and which of them do not answer everybody or anybody.

    ``closed`` holds the networks of those that answer some clients only, ``unserved``
    the apexes of secondaries without content, or with too old a one.
    """

    zones: Zones
    closed: Mapping[bytes, tuple[Network, ...]] = field(default_factory=dict)
    unserved: Set[bytes] = frozenset()

    def hidden_from(self, address: Address) -> Hidden:
        """Return the zones that a client is not shown."""
        closed = (apex for apex, networks in self.closed.items() if not any(address in one for one in networks))
        return Hidden(frozenset(closed), self.unserved)


def answer(exchange: Exchange, ground: Ground, mark: bytes = b"") -> bytes | PassOn | Follow:
    """Answer a QUERY; ``mark`` is what our own questions to other resolvers bear (see relay.came_round)."""
    zones = ground.zones
    message = exchange.message
    if len(message.questions) != 1:
        return failure(exchange, _without_question(exchange.options))
    question = message.questions[0]
    if question.rclass != types.IN:
        return failure(exchange, Rcode.REFUSED, Ede.NOT_SUPPORTED)
    if question.type in _TRANSFERS or question.type == types.TKEY:
        return failure(exchange, Rcode.REFUSED, Ede.PROHIBITED)
    if types.is_meta(question.type) and question.type != types.ANY:
        return failure(exchange, Rcode.NOTIMP, Ede.NOT_SUPPORTED)
    hidden = ground.hidden_from(exchange.address)
    recursive = exchange.recursion and bool(message.flags & Flag.RD)
    zone = zones.find_for(question.name.lower(), question.type)
    if zone is None:
        return _elsewhere(exchange, zones.rules, mark, hidden)
    if zone.apex in hidden.closed:
        return failure(exchange, Rcode.REFUSED, Ede.PROHIBITED)
    if zone.apex in hidden.unserved:
        return failure(exchange, Rcode.SERVFAIL, why_unserved(zone))
    found = lookup(zones, question.name, question.type, hidden)
    assert found is not None, "the name is in a zone of ours"
    # A question that came round gets what our zones say, and is not passed on again.
    recursive = recursive and not relay.came_round(exchange.edns, mark)
    if recursive and found.referred is not None and not found.answer:
        return PassOn(hidden, _reply(found))
    if recursive and (found.referred is not None or found.elsewhere is not None):
        return Follow(found, hidden)
    return exchange.finish(_reply(found))


def _without_question(options: OptionsReply) -> Rcode:
    """Return the code for a query that asks for a cookie alone, or about one.  RFC 7873 §5.4"""
    codes = {Proof.NONE: Rcode.FORMERR, Proof.INVALID: Rcode.BADCOOKIE}
    return codes.get(Proof(options.proof), Rcode.NOERROR)


def _elsewhere(exchange: Exchange, rules: Rules, mark: bytes, hidden: Hidden) -> bytes | PassOn:
    """Decide on a question that is not for our zones."""
    message = exchange.message
    if not (exchange.recursion and message.flags & Flag.RD):
        return failure(exchange, Rcode.REFUSED, Ede.NOT_AUTHORITATIVE)
    rule = rules.find(message.questions[0].name.lower())
    if rule is not None and not rules[rule]:
        return failure(exchange, Rcode.REFUSED, Ede.BLOCKED)
    if relay.came_round(exchange.edns, mark):
        # Not REFUSED: whoever asks us has done nothing wrong, and may know somebody else.
        return failure(exchange, Rcode.SERVFAIL, Ede.OTHER)
    return PassOn(hidden)


def _reply(found: Answer) -> Reply:
    flags = Flag.AA if found.authoritative else 0
    return Reply(found.rcode, flags, found.answer, found.authority, found.additional)
