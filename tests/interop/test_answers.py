"""What a question gets back, asked over a real socket: RFC 1034's algorithm and what came after it."""

from __future__ import annotations

from typing import NamedTuple

import dns.flags
import dns.message
import dns.rrset
import pytest

from bossa.testing.domain import Domain

NOERROR, SERVFAIL, NXDOMAIN, YXDOMAIN = 0, 2, 3, 6

pytestmark = pytest.mark.usefixtures("example_zones")


def ask(domain: Domain, owner: str, rtype: str = "A") -> dns.message.Message:
    """Ask for a name of answers.test."""
    return domain.ask("answers.test." if owner == "@" else f"{owner}.answers.test.", rtype)


def lines(section: list[dns.rrset.RRset]) -> list[str]:
    """Return a section as sorted lines "owner type data" without the zone's name."""
    text = (f"{str(rrset.name).lower()} {rrset.rdtype.name} {rdata}" for rrset in section for rdata in rrset)
    return sorted(line.replace(".answers.test.", "").replace("answers.test.", "@") for line in text)


class Asked(NamedTuple):
    """A question, and the rcode and the answer section that it brings."""

    owner: str
    rtype: str
    rcode: int
    answer: list[str]


TABLE = (
    Asked("host", "A", NOERROR, ["host A 192.0.2.1"]),
    Asked("HOST", "AAAA", NOERROR, ["host AAAA 2001:db8::1"]),
    Asked("@", "MX", NOERROR, ["@ MX 10 mail"]),
    Asked("@", "NS", NOERROR, ["@ NS ns1", "@ NS ns2.elsewhere.example."]),
    Asked("type64", "TYPE65280", NOERROR, ["type64 TYPE65280 \\# 4 01020304"]),
    Asked("alias", "A", NOERROR, ["alias CNAME host", "host A 192.0.2.1"]),
    Asked("twice", "A", NOERROR, ["alias CNAME host", "host A 192.0.2.1", "twice CNAME alias"]),
    Asked("alias", "CNAME", NOERROR, ["alias CNAME host"]),
    Asked("alias", "MX", NOERROR, ["alias CNAME host"]),
    Asked("dangling", "A", NXDOMAIN, ["dangling CNAME nothing"]),
    Asked("toother", "A", NOERROR, ["host1.wild.test. A 192.0.2.1", "toother CNAME host1.wild.test."]),
    Asked("any.wild", "A", NOERROR, ["any.wild CNAME host", "host A 192.0.2.1"]),
    Asked("www.old", "A", NOERROR, ["old DNAME new", "www.new A 192.0.2.80", "www.old CNAME www.new"]),
    Asked("old", "DNAME", NOERROR, ["old DNAME new"]),
    Asked("old", "A", NOERROR, []),
    Asked("none.old", "A", NXDOMAIN, ["none.old CNAME none.new", "old DNAME new"]),
    Asked("ent", "A", NOERROR, []),
    Asked("b.ent", "A", NOERROR, []),
    Asked("x.ent", "A", NXDOMAIN, []),
    Asked("host", "MX", NOERROR, []),
    Asked("nothing", "A", NXDOMAIN, []),
    Asked("x.host", "A", NXDOMAIN, []),
)


@pytest.mark.parametrize("asked", TABLE, ids=lambda asked: f"{asked.owner} {asked.rtype}")
def test_a_question_gets_its_answer(shared_domain: Domain, asked: Asked) -> None:
    """RFC 1034 §4.3.2, with RFC 6672 §3.2 for DNAME and RFC 8020 §2 for names that have only something below."""
    answer = ask(shared_domain, asked.owner, asked.rtype)
    assert answer.rcode() == asked.rcode
    assert lines(answer.answer) == asked.answer
    assert answer.flags & dns.flags.AA


def test_the_chain_of_aliases_comes_in_its_order(shared_domain: Domain) -> None:
    """RFC 1034 §3.6.2: stub resolvers read it from the front."""
    owners = [rrset.name.to_text() for rrset in ask(shared_domain, "twice").answer]
    assert owners == ["twice.answers.test.", "alias.answers.test.", "host.answers.test."]


def test_a_dname_comes_before_the_cname_made_from_it(shared_domain: Domain) -> None:
    """RFC 6672 §3.1"""
    types = [rrset.rdtype.name for rrset in ask(shared_domain, "www.old").answer]
    assert types == ["DNAME", "CNAME", "A"]


def test_a_loop_of_aliases_ends(shared_domain: Domain) -> None:
    """RFC 1034 §3.6.2: followed, and signalled as an error or left as it stands."""
    answer = ask(shared_domain, "loop")
    assert answer.rcode() in (NOERROR, SERVFAIL)
    assert lines(answer.answer) == ["loop CNAME pool", "pool CNAME loop"]


def test_an_alias_out_of_our_zones_is_answered_as_it_stands(shared_domain: Domain) -> None:
    """RFC 1034 §4.3.2: without recursion desired the rest is the asker's work."""
    answer = ask(shared_domain, "outside")
    assert answer.rcode() == NOERROR
    assert lines(answer.answer) == ["outside CNAME www.elsewhere.example."]


def test_a_dname_that_makes_too_long_a_name_is_yxdomain(shared_domain: Domain) -> None:
    """RFC 6672 §2.2"""
    answer = ask(shared_domain, f"{'y' * 60}.long")
    assert answer.rcode() == YXDOMAIN
    assert [rrset.rdtype.name for rrset in answer.answer] == ["DNAME"]


# Wildcards


class Wild(NamedTuple):
    """An example of RFC 4592 §2.2.1."""

    qname: str
    qtype: str
    rcode: int
    answer: list[str]
    referral: bool = False


EXAMPLES = (
    Wild("host3", "MX", NOERROR, ["10 host1.wild.test."]),
    Wild("host3", "A", NOERROR, []),
    Wild("foo.bar", "TXT", NOERROR, ['"this is a wildcard"']),
    Wild("host1", "MX", NOERROR, []),
    Wild("sub.*", "MX", NOERROR, []),
    Wild("_telnet._tcp.host1", "SRV", NXDOMAIN, []),
    Wild("host.subdel", "A", NOERROR, [], referral=True),
    Wild("ghost.*", "MX", NXDOMAIN, []),
    Wild("*", "TXT", NOERROR, ['"this is a wildcard"']),
    Wild("_tcp.host2", "MX", NOERROR, []),
    Wild("host2", "MX", NOERROR, []),
    Wild("x.host2", "MX", NXDOMAIN, []),
)


@pytest.mark.parametrize("wild", EXAMPLES, ids=lambda wild: f"{wild.qname} {wild.qtype}")
def test_wildcards_answer_as_in_their_specification(shared_domain: Domain, wild: Wild) -> None:
    """RFC 4592 §2.2.1"""
    name = f"{wild.qname}.wild.test."
    answer = shared_domain.ask(name, wild.qtype)
    assert answer.rcode() == wild.rcode
    assert [rdata.to_text() for rrset in answer.answer for rdata in rrset] == wild.answer
    assert all(rrset.name == shared_domain.full(name) for rrset in answer.answer)
    assert bool(answer.flags & dns.flags.AA) is not wild.referral
    if not wild.answer:
        assert [rrset.rdtype.name for rrset in answer.authority] == (["NS"] if wild.referral else ["SOA"])


# Negative answers


@pytest.mark.parametrize("owner", ["host", "nothing", "ent"])
def test_a_negative_answer_has_the_soa_with_the_lesser_ttl(shared_domain: Domain, owner: str) -> None:
    """RFC 2308 §3: the SOA goes along; §5: its TTL is the lesser of MINIMUM (120) and its own (3600)."""
    (soa,) = ask(shared_domain, owner, "MX").authority
    assert (soa.name.to_text(), soa.rdtype.name, soa.ttl) == ("answers.test.", "SOA", 120)


def test_an_soa_that_was_asked_for_has_its_own_ttl(shared_domain: Domain) -> None:
    """RFC 2308 §5 is about negative answers only."""
    (soa,) = ask(shared_domain, "@", "SOA").answer
    assert soa.ttl == 3600


def test_the_negative_answer_of_an_alias_is_that_of_its_last_name(shared_domain: Domain) -> None:
    """RFC 6604 §3, RFC 2308 §2.1"""
    answer = ask(shared_domain, "dangling")
    assert answer.rcode() == NXDOMAIN
    assert [rrset.rdtype.name for rrset in answer.authority] == ["SOA"]


# Delegations


def test_a_name_below_a_delegation_gets_a_referral_with_glue(shared_domain: Domain) -> None:
    """RFC 1034 §4.3.2 step 3b, RFC 9471 §3.1 for the glue."""
    answer = ask(shared_domain, "below.sub")
    assert answer.rcode() == NOERROR
    assert not answer.flags & dns.flags.AA
    assert answer.answer == []
    assert lines(answer.authority) == ["sub NS far.elsewhere.example.", "sub NS ns.other", "sub NS ns.sub"]
    # The address of ns.other, which is not below the cut, may go along.
    glue = [line for line in lines(answer.additional) if not line.startswith("ns.other")]
    assert glue == ["ns.sub A 192.0.2.61", "ns.sub AAAA 2001:db8::61"]


@pytest.mark.parametrize("rtype", ["NS", "A", "ANY"])
def test_the_name_of_a_delegation_is_not_ours_to_answer(shared_domain: Domain, rtype: str) -> None:
    """RFC 1034 §4.2.1: the NS records of a cut are not authoritative."""
    answer = ask(shared_domain, "sub", rtype)
    assert not answer.flags & dns.flags.AA
    assert answer.answer == []
    assert {rrset.rdtype.name for rrset in answer.authority} == {"NS"}


def test_ds_at_a_delegation_is_ours_to_answer(shared_domain: Domain) -> None:
    """RFC 4035 §3.1.4.1"""
    answer = ask(shared_domain, "secure", "DS")
    assert answer.flags & dns.flags.AA
    assert [rrset.rdtype.name for rrset in answer.answer] == ["DS"]
    absent = ask(shared_domain, "sub", "DS")
    assert absent.flags & dns.flags.AA
    assert [rrset.rdtype.name for rrset in absent.authority] == ["SOA"]


# ANY, and records that go along


def test_any_gets_one_rrset(shared_domain: Domain) -> None:
    """RFC 8482 §4.1"""
    answer = ask(shared_domain, "host", "ANY")
    assert answer.rcode() == NOERROR
    assert len(answer.answer) == 1


def test_any_over_tcp_is_as_small(shared_domain: Domain) -> None:
    """RFC 8482 §4.4 allows more over TCP; one answer for both is simpler to know."""
    assert len(shared_domain.ask("host.answers.test.", "ANY", tcp=True).answer) == 1


@pytest.mark.parametrize(
    ("owner", "rtype", "added"), [("@", "MX", "mail A 192.0.2.25"), ("_ldap._tcp", "SRV", "host A 192.0.2.1")]
)
def test_addresses_of_targets_go_along(shared_domain: Domain, owner: str, rtype: str, added: str) -> None:
    """RFC 1035 §3.3.9 and RFC 2782"""
    assert added in lines(ask(shared_domain, owner, rtype).additional)


# The fresh domain


def test_the_fresh_domain_names_its_server(shared_domain: Domain) -> None:
    """SOA, NS and the addresses of the name server."""
    assert shared_domain.values(shared_domain.origin, "NS") == ["ns1.bossa.test."]
    assert shared_domain.values("ns1") == ["127.0.0.1"]
    assert shared_domain.values("ns1", "AAAA") == ["::1"]


@pytest.mark.parametrize(
    "name", ["1.10.in-addr.arpa.", "1.168.192.in-addr.arpa.", "1.2.0.192.in-addr.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa."]
)
def test_private_reverse_zones_are_answered_here(shared_domain: Domain, name: str) -> None:
    """RFC 6303 §4: nobody outside shall see such questions."""
    answer = shared_domain.ask(name, "PTR")
    assert answer.flags & dns.flags.AA
    assert [rrset.rdtype.name for rrset in answer.authority] == ["SOA"]


def test_localhost_has_its_reverse_names(shared_domain: Domain) -> None:
    """RFC 6303 §4.2 leaves the records to us."""
    assert shared_domain.values("1.0.0.127.in-addr.arpa.", "PTR") == ["localhost."]
    assert shared_domain.values("1." + "0." * 31 + "ip6.arpa.", "PTR") == ["localhost."]
