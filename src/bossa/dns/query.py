"""Questions that reach the owner: which of them are ours, and what they get.

Decides between an answer from our zones, a refusal, and passing on, by the
longest match of zones and forward rules.  RFC 1035 §4.1.2, RFC 8482, RFC 8914;
the answer itself is lookup's.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.dns import relay, types
from bossa.dns.errors import Ede, Rcode
from bossa.dns.exchange import Exchange, failure
from bossa.dns.lookup import Answer, Zones, lookup
from bossa.dns.message import Flag, Reply
from bossa.dns.policy import Network
from bossa.dns.routes import Rules

_TRANSFERS = (types.AXFR, types.IXFR)


@dataclass(frozen=True, slots=True)
class PassOn:
    """The question is not for our zones, and this client may have it passed on."""


def answer(
    exchange: Exchange, zones: Zones, closed: dict[bytes, tuple[Network, ...]], mark: bytes = b""
) -> bytes | PassOn:
    """Answer a QUERY; ``closed`` holds the networks of zones that do not answer everybody.

    ``mark`` is what our own questions to other resolvers bear; see :func:`bossa.dns.relay.came_round`.
    """
    message = exchange.message
    if len(message.questions) != 1:
        return failure(exchange, Rcode.FORMERR)
    question = message.questions[0]
    if question.rclass != types.IN:
        return failure(exchange, Rcode.REFUSED, Ede.NOT_SUPPORTED)
    if question.type in _TRANSFERS or question.type == types.TKEY:
        return failure(exchange, Rcode.REFUSED, Ede.PROHIBITED)
    if types.is_meta(question.type) and question.type != types.ANY:
        return failure(exchange, Rcode.NOTIMP, Ede.NOT_SUPPORTED)
    zone = zones.find_for(question.name.lower(), question.type)
    if zone is None:
        return _elsewhere(exchange, zones.rules, mark)
    hidden = {apex for apex, networks in closed.items() if not any(exchange.address in one for one in networks)}
    if zone.apex in hidden:
        return failure(exchange, Rcode.REFUSED, Ede.PROHIBITED)
    found = lookup(zones, question.name, question.type, hidden)
    assert found is not None, "the name is in a zone of ours"
    return exchange.finish(_reply(found))


def _elsewhere(exchange: Exchange, rules: Rules, mark: bytes) -> bytes | PassOn:
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
    return PassOn()


def _reply(found: Answer) -> Reply:
    flags = Flag.AA if found.authoritative else 0
    return Reply(found.rcode, flags, found.answer, found.authority, found.additional)
