"""Who answers for a name: one of our zones, or the resolvers of a forward rule."""

from __future__ import annotations

import ipaddress

import dns.edns
import dns.message
import pytest

from bossa.dns import names, query, relay, types
from bossa.dns.exchange import Exchange, Settings, open_exchange
from bossa.dns.lookup import Zones, lookup
from bossa.dns.routes import Rules
from tests.unit.dns.specimens import zone

_NEAR = ipaddress.ip_address("127.0.0.1")
_FAR = ipaddress.ip_address("192.0.2.1")
_SETTINGS = Settings(recursion=(ipaddress.ip_network("127.0.0.0/8"),))
_THERE = (("192.0.2.53", 53),)
_MARK = b"ourselves"[:8]


def key(text: str) -> bytes:
    return names.from_text(text + ".")


def rules(*domains: str) -> Rules:
    return Rules({key(domain): _THERE for domain in domains})


def zones(*apexes: str, ruled: tuple[str, ...] = (), overruled: tuple[str, ...] = ()) -> Zones:
    made = Zones({key(apex): zone(apex + ".", "www A 192.0.2.1\n") for apex in apexes})
    made.rules = rules(*ruled)
    made.overruled |= {key(apex) for apex in overruled}
    return made


def answer(served: Zones, name: str, client=_NEAR, rdtype: str = "A", flags: str = "RD", options=()) -> object:
    """Return "zone", "pass on", or the code and the extended error of a refusal."""
    asked = dns.message.make_query(name, rdtype, use_edns=0, options=options)
    asked.flags = dns.flags.from_text(flags)
    exchange = open_exchange(asked.to_wire(), client, {}, 0, _SETTINGS, tcp=False)
    assert isinstance(exchange, Exchange)
    given = query.answer(exchange, query.Ground(served), _MARK)
    if isinstance(given, query.PassOn):
        return "pass on"
    reply = dns.message.from_wire(given)
    return "zone" if reply.flags & dns.flags.AA else (reply.rcode().name, *(int(one.code) for one in reply.options))


def test_the_longest_rule_is_found() -> None:
    some = rules("example", "corp.example", "x.y.corp.example")
    for name, found in (
        ("corp.example", "corp.example"),
        ("a.b.corp.example", "corp.example"),
        ("y.corp.example", "corp.example"),
        ("q.x.y.corp.example", "x.y.corp.example"),
        ("xcorp.example", "example"),
    ):
        assert some.find(key(name)) == key(found), name
    assert some.find(key("test")) is None and Rules().find(key("example")) is None
    assert sorted(some.below(key("corp.example"))) == [key("x.y.corp.example")]


@pytest.mark.parametrize(
    ("apexes", "ruled", "name", "expected"),
    [
        ("corp.example", "", "www.corp.example", "zone"),
        ("corp.example", "", "elsewhere.example", "pass on"),
        ("example", "corp.example", "www.corp.example", "pass on"),
        ("example", "corp.example", "corp.example", "pass on"),
        ("example", "corp.example", "xcorp.example", "zone"),
        ("example", "corp.example", "WWW.CORP.example", "pass on"),
        ("corp.example", "example", "www.corp.example", "zone"),
        ("corp.example", "example", "www.example", "pass on"),
        ("corp.example", "corp.example", "www.corp.example", "zone"),
        ("example lab.corp.example", "corp.example", "www.lab.corp.example", "zone"),
        ("example lab.corp.example", "corp.example", "lab.corp.example", "zone"),
        ("example lab.corp.example", "corp.example", "www.corp.example", "pass on"),
        ("example lab.corp.example", "corp.example x.lab.corp.example", "a.x.lab.corp.example", "pass on"),
    ],
)
def test_the_longest_match_of_zones_and_rules_answers(apexes, ruled, name, expected) -> None:
    served = zones(*apexes.split(), ruled=tuple(ruled.split()))
    assert answer(served, name) == expected


def test_who_may_not_recurse_is_refused_and_never_told_that_a_name_is_not_there() -> None:
    served = zones("example", ruled=("corp.example",))
    assert answer(served, "www.corp.example", _FAR) == ("REFUSED", 20)
    assert answer(served, "www.corp.example", flags="") == ("REFUSED", 20)
    assert answer(served, "nothing.example", _FAR) == "zone"


def test_a_rule_stands_before_a_private_zone_that_it_overrules() -> None:
    served = zones("10.in-addr.arpa", "7.10.in-addr.arpa", ruled=("10.in-addr.arpa",), overruled=("10.in-addr.arpa",))
    assert answer(served, "1.0.0.10.in-addr.arpa", rdtype="PTR") == "pass on"
    assert answer(served, "10.in-addr.arpa", rdtype="DS") == "pass on"
    assert answer(served, "1.0.7.10.in-addr.arpa", rdtype="PTR") == "zone"


def test_an_ordinary_zone_between_a_rule_and_the_private_zone_it_overrules_is_the_longest_match() -> None:
    served = zones("10.in-addr.arpa", "in-addr.arpa", ruled=("arpa",), overruled=("10.in-addr.arpa",))
    assert answer(served, "1.0.0.10.in-addr.arpa", rdtype="PTR") == "zone"
    assert answer(served, "1.8.b.d.ip6.arpa", rdtype="PTR") == "pass on"


def test_ds_at_an_apex_of_ours_is_asked_of_the_zone_above_unless_a_rule_lies_between() -> None:
    served = zones("example", "lab.corp.example", ruled=("corp.example",))
    assert answer(served, "corp.example", rdtype="DS") == "pass on"
    found = served.find_for(key("lab.corp.example"), types.DS)
    assert found is served[key("lab.corp.example")]
    served.rules = Rules()
    assert served.find_for(key("lab.corp.example"), types.DS) is served[key("example")]


def test_a_rule_without_resolvers_passes_its_names_on_to_nobody() -> None:
    served = zones("example", ruled=("test",))
    served.rules[key("leak.test")] = ()
    assert answer(served, "www.leak.test") == ("REFUSED", 15)
    assert answer(served, "www.leak.test", _FAR) == ("REFUSED", 20)
    assert answer(served, "www.test") == "pass on"


def test_an_alias_and_a_mail_server_under_a_rule_are_elsewhere() -> None:
    own = zone("example.", "www CNAME x.corp\nm MX 1 x.corp\nx.corp A 192.0.2.9\nsub NS x.corp\n")
    served = Zones({own.apex: own})
    for ruled in (True, False):
        served.rules = rules("corp.example") if ruled else Rules()
        alias = lookup(served, key("www.example"), types.A)
        mail = lookup(served, key("m.example"), types.MX)
        referral = lookup(served, key("a.sub.example"), types.A)
        assert alias is not None and mail is not None and referral is not None
        assert alias.elsewhere == (key("x.corp.example") if ruled else None)
        assert bool(mail.additional) is not ruled
        assert referral.additional, "a referral's glue is needed whoever answers for its name"


def test_a_rule_at_an_ordinary_zone_has_no_effect_and_is_told() -> None:
    served = zones("corp.example", "10.in-addr.arpa", overruled=("10.in-addr.arpa",))
    some = rules("corp.example", "10.in-addr.arpa", "other.example")
    assert list(some.without_effect(served, served.overruled)) == [key("corp.example")]


def hops(*marks: bytes) -> list[dns.edns.Option]:
    return [dns.edns.GenericOption(relay.HOPS_OPTION, b"".join(marks))]


def test_a_question_that_came_round_is_an_error_at_once() -> None:
    served = zones("example")
    other = [bytes([i]) * 8 for i in range(8)]
    assert answer(served, "www.test", options=hops(other[0])) == "pass on"
    assert answer(served, "www.test", options=hops(other[0], _MARK)) == ("SERVFAIL", 0)
    assert answer(served, "www.example", options=hops(_MARK)) == "zone"
    assert answer(served, "www.test", options=hops(*other[:7])) == "pass on"
    assert answer(served, "www.test", options=hops(*other)) == ("SERVFAIL", 0)
    assert answer(served, "www.test", options=hops(_MARK, b"cut")) == "pass on"
    assert answer(served, "www.test", options=[dns.edns.GenericOption(65001, _MARK)]) == "pass on"
