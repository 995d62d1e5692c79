"""Replies of other resolvers in a few lines, as they come in, for the tests of what is remembered."""

from __future__ import annotations

import dns.edns
import dns.flags
import dns.message
import dns.rrset

from bossa.dns import relay
from bossa.dns.relay import Asked

SECTIONS = {"": 1, "authority": 2, "additional": 3}


def query(name: str, rtype: str = "A", *, edns: bool = True, do: bool = False, cd: bool = False) -> dns.message.Message:
    """Return a client's query."""
    made = dns.message.make_query(name, rtype, use_edns=0 if edns else False, payload=1232, want_dnssec=do, id=4711)
    made.flags |= dns.flags.CD if cd else 0
    return made


def asked(name: str, rtype: str = "A", **how: bool) -> Asked:
    """Return a client's question."""
    return Asked.decode(query(name, rtype, **how).to_wire())


def answer(
    question: Asked, *lines: str, rcode: int = 0, flags: int = 0, ede: tuple[dns.edns.EDEOption, ...] = ()
) -> relay.Answer:
    """Return a resolver's answer of lines ``OWNER TTL TYPE DATA``, before which a section may stand."""
    asks = dns.message.from_wire(relay.upstream_query(question, 7, edns=True))
    made = dns.message.make_response(asks, our_payload=1232)
    made.flags |= flags | dns.flags.AA | dns.flags.AD
    made.set_rcode(rcode)
    for line in lines:
        section, _, rest = line.rpartition(": ")
        owner, ttl, rtype, data = rest.split(maxsplit=3)
        rclass, _, rtype = rtype.rpartition("/")
        rrset = dns.rrset.from_text(owner, int(ttl), rclass or "IN", rtype, data)
        made.sections[SECTIONS[section]].append(rrset)
    made.use_edns(0, payload=1232, options=list(ede))
    read = relay.read_answer(made.to_wire(max_size=65535), question, 7)
    assert read is not None, made
    return read
