"""Questions that reach the owner: which of them are ours, and what they get.

Decides between an answer from our zones, a refusal, and passing on.
RFC 1035 §4.1.2, RFC 8482, RFC 8914; the answer itself is lookup's.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from bossa.dns import types
from bossa.dns.errors import Ede, Rcode
from bossa.dns.exchange import Exchange, failure
from bossa.dns.lookup import Answer, Zones, lookup
from bossa.dns.message import Flag, Reply
from bossa.dns.policy import Network
from bossa.dns.secondary import why_unserved

_TRANSFERS = (types.AXFR, types.IXFR)


@dataclass(frozen=True, slots=True)
class PassOn:
    """The question is not for our zones, and this client may have it passed on."""


def answer(
    exchange: Exchange, zones: Zones, closed: dict[bytes, tuple[Network, ...]], unserved: Set[bytes] = frozenset()
) -> bytes | PassOn:
    """Answer a QUERY.

    ``closed`` holds the networks of zones that do not answer everybody, ``unserved``
    the apexes of those that answer nobody: secondaries without content, or with too old a one.
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
        if exchange.recursion and message.flags & Flag.RD:
            return PassOn()
        return failure(exchange, Rcode.REFUSED, Ede.NOT_AUTHORITATIVE)
    hidden = {apex for apex, networks in closed.items() if not any(exchange.address in one for one in networks)}
    if zone.apex in hidden:
        return failure(exchange, Rcode.REFUSED, Ede.PROHIBITED)
    if zone.apex in unserved:
        return failure(exchange, Rcode.SERVFAIL, why_unserved(zone))
    found = lookup(zones, question.name, question.type, hidden | unserved)
    assert found is not None, "the name is in a zone of ours"
    return exchange.finish(_reply(found))


def _reply(found: Answer) -> Reply:
    flags = Flag.AA if found.authoritative else 0
    return Reply(found.rcode, flags, found.answer, found.authority, found.additional)
