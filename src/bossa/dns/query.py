"""Questions that reach the owner: which of them are ours, and what they get.

Decides between an answer from our zones, a refusal, and passing on.
RFC 1035 §4.1.2, RFC 8482, RFC 8914; the answer itself is lookup's.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.dns import names, types
from bossa.dns.errors import Ede, Rcode
from bossa.dns.exchange import Exchange, failure
from bossa.dns.lookup import Answer, Zones, lookup
from bossa.dns.message import Flag, Message, Reply
from bossa.dns.options import OptionsReply, Proof
from bossa.dns.policy import Network

_TRANSFERS = (types.AXFR, types.IXFR)


@dataclass(frozen=True, slots=True)
class PassOn:
    """The question is not ours to answer, and this client may have it passed on.

    ``instead`` is what it gets when nobody answers: a referral, where the name
    is below a delegation of ours.  ``hidden`` zones are not for this client.
    """

    hidden: frozenset[bytes] = frozenset()
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
    hidden: frozenset[bytes]


def answer(exchange: Exchange, zones: Zones, closed: dict[bytes, tuple[Network, ...]]) -> bytes | PassOn | Follow:
    """Answer a QUERY; ``closed`` holds the networks of zones that do not answer everybody."""
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
    hidden = frozenset(
        apex for apex, networks in closed.items() if not any(exchange.address in one for one in networks)
    )
    recursive = exchange.recursion and bool(message.flags & Flag.RD)
    zone = zones.find_for(question.name.lower(), question.type)
    if zone is None:
        return PassOn(hidden) if recursive else failure(exchange, Rcode.REFUSED, Ede.NOT_AUTHORITATIVE)
    if zone.apex in hidden:
        return failure(exchange, Rcode.REFUSED, Ede.PROHIBITED)
    found = lookup(zones, question.name, question.type, hidden)
    assert found is not None, "the name is in a zone of ours"
    if recursive and found.referred is not None and not found.answer:
        return PassOn(hidden, _reply(found))
    if recursive and (found.referred is not None or found.elsewhere is not None):
        return Follow(found, hidden)
    return exchange.finish(_reply(found))


def _without_question(options: OptionsReply) -> Rcode:
    """Return the code for a query that asks for a cookie alone, or about one.  RFC 7873 §5.4"""
    codes = {Proof.NONE: Rcode.FORMERR, Proof.INVALID: Rcode.BADCOOKIE}
    return codes.get(Proof(options.proof), Rcode.NOERROR)


def _reply(found: Answer) -> Reply:
    flags = Flag.AA if found.authoritative else 0
    return Reply(found.rcode, flags, found.answer, found.authority, found.additional)
