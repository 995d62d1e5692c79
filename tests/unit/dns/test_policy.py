"""Rules: which names a pattern covers, and what a rule without types leaves out."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import names, types
from bossa.dns.policy import Caller, Person, Rules, parse_rule
from bossa.dns.ports import RuleRow

CALLER = Caller(ipaddress.ip_address("192.0.2.1"), names.from_text("k."))
STRANGER = Caller(ipaddress.ip_address("192.0.2.1"), names.from_text("other."))


def covers(pattern: str, owner: str) -> bool:
    rule = parse_rule(RuleRow(who="key:k", scope="pattern", what=pattern))
    return rule.covers(CALLER, names.from_text(owner).lower(), types.A)


@pytest.mark.parametrize(
    ("pattern", "owner", "covered"),
    [
        ("*.hosts.example.test", "pc.hosts.example.test.", True),
        ("*.hosts.example.test.", "a.b.hosts.example.test.", True),
        ("*.HOSTS.example.test", "PC.hosts.Example.test.", True),
        ("*.hosts.example.test", "hosts.example.test.", False),
        ("*.hosts.example.test", "example.test.", False),
        ("*.hosts.example.test", "myhosts.example.test.", False),
        ("*.hosts.example.test", "pc.hosts.example.test.evil.", False),
        ("*.hosts.example.test", r"pc\.hosts.example.test.", False),
        ("*.hosts.example.test", r"a.pc\.hosts.example.test.", False),
        ("*.hosts.example.test", r"a\.b.hosts.example.test.", True),
        ("pc*.example.test", "pc7.example.test.", True),
        ("pc*.example.test", "pc.example.test.", True),
        ("pc*.example.test", "pc7.sub.example.test.", False),
        ("pc*.example.test", r"pc7\.sub.example.test.", True),
        ("*pc.example.test", "a.pc.example.test.", False),
        ("*pc.example.test", "apc.example.test.", True),
        ("a.*.example.test", "a.b.example.test.", True),
        ("a.*.example.test", "a.b.c.example.test.", False),
        ("a.*.example.test", "a.example.test.", False),
        ("a.*b*c.test", "a.xbyc.test.", True),
        ("a.*b*c.test", r"a.b\010c.test.", True),
        ("a.*b*c.test", "a.bcd.test.", False),
        ("*.", "anything.at.all.", True),
        ("*.", ".", False),
        (r"a\.b.test", r"a\.b.test.", True),
        (r"a\.b.test", "a.b.test.", False),
    ],
)
def test_a_pattern_is_compared_label_by_label(pattern: str, owner: str, covered: bool) -> None:
    assert covers(pattern, owner) is covered


@pytest.mark.parametrize("pattern", ["pc?.test", "pc[0-9].test", "a].test", r"\*.test", r"\042.test", r"a\063.test"])
def test_a_pattern_has_no_wildcard_but_the_star(pattern: str) -> None:
    with pytest.raises(ValueError, match="cannot stand in a pattern"):
        parse_rule(RuleRow(who="key:k", scope="pattern", what=pattern))


def test_a_rule_without_types_leaves_out_what_holds_a_zone_together() -> None:
    rule = parse_rule(RuleRow(who="key:k", scope="zone"))
    left_out = {types.type_text(one) for one in range(1, 128) if not rule.covers(CALLER, names.ROOT, one)}
    held = {"NS", "SOA", "DS", "RRSIG", "NSEC", "DNSKEY", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY", "CSYNC"}
    assert left_out == held


def test_rules_reach_a_name_where_they_cover_any_type() -> None:
    rules = Rules((parse_rule(RuleRow(who="key:k", scope="subdomain", what="a.test.", types=("TXT",))),))
    assert rules.reach(CALLER, names.from_text("x.a.test."))
    assert not rules.reach(CALLER, names.from_text("x.b.test."))
    assert not rules.reach(STRANGER, names.from_text("x.a.test."))


ADDRESS = ipaddress.ip_address("192.0.2.1")
ADMINS = "S-1-5-21-1-2-3-512"
WS1 = Person("host/ws1.a.test@A.TEST", frozenset(("S-1-5-21-1-2-3-1001",)), (names.from_text("ws1.a.test."),))
ANNA = Person("anna@A.TEST", frozenset((ADMINS,)))
GROUPS = {"admins": ADMINS, "empty": "S-1-5-21-1-2-3-1100"}
REVERSE = "1.2.0.192.in-addr.arpa."


def rules(who: str, scope: str = "zone", what: str = "", types_: tuple[str, ...] = ()) -> Rules:
    return Rules((parse_rule(RuleRow(who=who, scope=scope, what=what, types=types_), GROUPS.get),))


@pytest.mark.parametrize(
    ("who", "person", "named"),
    [
        ("krb5:host/ws1.a.test@A.TEST", WS1, True),
        ("krb5:host/WS1.a.test@A.TEST", WS1, False),
        ("krb5:host/ws1.a.test@a.test", WS1, False),
        ("krb5:host/ws1.a.test", WS1, False),
        ("krb5:ws1.a.test@A.TEST", WS1, False),
        ("krb5:anna@A.TEST", ANNA, True),
        ("krb5-self", WS1, True),
        ("krb5-self", ANNA, False),
        ("krb5-group:admins", ANNA, True),
        ("krb5-group:admins", WS1, False),
        ("krb5-group:empty", ANNA, False),
        ("krb5-group:nosuch", ANNA, False),
        ("net:192.0.2.0/24", ANNA, False),
        ("key:k", ANNA, False),
    ],
)
def test_a_rule_names_a_person_by_principal_group_or_own_name(who: str, person: Person, named: bool) -> None:
    assert rules(who).knows(Caller(ADDRESS, person=person)) is named


@pytest.mark.parametrize("who", ["krb5:anna@A.TEST", "krb5-self", "krb5-group:admins"])
def test_a_rule_for_a_person_names_nobody_else(who: str) -> None:
    assert not rules(who).knows(Caller(ADDRESS))
    assert not rules(who).knows(CALLER)


def test_a_group_that_is_made_anew_is_another_one() -> None:
    known = {"admins": ADMINS}
    made = Rules((parse_rule(RuleRow(who="krb5-group:admins", scope="zone"), known.get),))
    assert made.knows(Caller(ADDRESS, person=ANNA))
    known["admins"] = "S-1-5-21-1-2-3-1200"
    assert not made.knows(Caller(ADDRESS, person=ANNA))


@pytest.mark.parametrize(
    ("policy", "owner", "rtype", "covered"),
    [
        (("krb5-self", "self"), "ws1.a.test.", "A", True),
        (("krb5-self", "self"), "ws1.a.test.", "AAAA", True),
        (("krb5-self", "self"), "ws1.a.test.", "HTTPS", True),
        (("krb5-self", "self"), "ws1.a.test.", "SSHFP", True),
        (("krb5-self", "self"), "ws1.a.test.", "TXT", True),
        (("krb5-self", "self"), "ws1.a.test.", "CNAME", False),
        (("krb5-self", "self"), "ws1.a.test.", "MX", False),
        (("krb5-self", "self"), "ws1.a.test.", "NS", False),
        (("krb5-self", "self"), "ws2.a.test.", "A", False),
        (("krb5-self", "self"), "x.ws1.a.test.", "A", False),
        (("krb5-self", "self"), "a.test.", "A", False),
        (("krb5-self", "zone"), "ws1.a.test.", "A", True),
        (("krb5-self", "zone"), "ws2.a.test.", "A", False),
        (("krb5-self", "subdomain", "a.test."), "ws1.a.test.", "A", True),
        (("krb5-self", "subdomain", "a.test."), "ws2.a.test.", "A", False),
        (("krb5-self", "subdomain", "b.test."), "ws1.a.test.", "A", False),
        (("krb5-self", "pattern", "ws*.a.test"), "ws1.a.test.", "A", True),
        (("krb5-self", "pattern", "pc*.a.test"), "ws1.a.test.", "A", False),
        (("krb5-self", "self", "", ("A",)), "ws1.a.test.", "A", True),
        (("krb5-self", "self", "", ("A",)), "ws1.a.test.", "TXT", False),
        (("krb5-self", "self", "", ("MX",)), "ws1.a.test.", "MX", True),
        (("krb5-self", "self", "", ("ANY",)), "ws1.a.test.", "CNAME", True),
        (("krb5-self", "self", "", ("ANY",)), "ws2.a.test.", "CNAME", False),
        (("krb5:host/ws1.a.test@A.TEST", "self"), "ws1.a.test.", "MX", True),
        (("krb5:host/ws1.a.test@A.TEST", "self"), "ws2.a.test.", "MX", False),
        (("krb5:host/ws1.a.test@A.TEST", "self"), REVERSE, "A", False),
        (("krb5:host/ws1.a.test@A.TEST", "zone"), "ws2.a.test.", "A", True),
        (("krb5:host/ws1.a.test@A.TEST", "zone"), "ws2.a.test.", "NS", False),
        (("krb5:host/ws1.a.test@A.TEST", "zone", "", ("ANY",)), "ws2.a.test.", "NS", True),
    ],
)
def test_what_an_account_may_change(
    policy: tuple[str, str, str, tuple[str, ...]], owner: str, rtype: str, covered: bool
) -> None:
    found = rules(*policy).find(Caller(ADDRESS, person=WS1), names.from_text(owner), types.type_number(rtype))
    assert (found is not None) is covered


@pytest.mark.parametrize(
    ("policy", "owner", "points"),
    [
        (("krb5-self", "self"), REVERSE, True),
        (("krb5-self", "zone"), REVERSE, True),
        (("krb5-self", "zone", "", ("PTR",)), REVERSE, True),
        (("krb5-self", "zone", "", ("ANY",)), REVERSE, True),
        (("krb5-self", "zone", "", ("A",)), REVERSE, False),
        (("krb5-self", "subdomain", "a.test."), REVERSE, False),
        (("krb5-self", "subdomain", "192.in-addr.arpa."), REVERSE, True),
        (("krb5-self", "zone"), "2.0.192.in-addr.arpa.", False),
        (("krb5-self", "zone"), "ws1.a.test.", False),
        (("krb5:host/ws1.a.test@A.TEST", "self"), REVERSE, True),
        (("krb5:host/ws1.a.test@A.TEST", "zone"), REVERSE, False),
        (("krb5-group:admins", "self"), REVERSE, False),
        (("key:k", "self"), REVERSE, False),
    ],
)
def test_where_an_address_may_lead_back_to_its_host(
    policy: tuple[str, str, str, tuple[str, ...]], owner: str, points: bool
) -> None:
    made, caller = rules(*policy), Caller(ADDRESS, person=WS1)
    assert (made.find_pointing(caller, names.from_text(owner)) is not None) is points
    assert made.find_pointing(CALLER, names.from_text(owner)) is None


@pytest.mark.parametrize(
    ("who", "person", "why"),
    [
        (
            "krb5:host/WS1.a.test@A.TEST",
            WS1,
            "the rule for krb5:host/WS1.a.test@A.TEST differs in upper and lower case",
        ),
        (
            "krb5:host/ws1.a.test@a.test",
            WS1,
            "the rule for krb5:host/ws1.a.test@a.test differs in upper and lower case",
        ),
        ("krb5:host/ws1.a.test", WS1, "the rule for krb5:host/ws1.a.test lacks the realm"),
        ("krb5-self", ANNA, "krb5-self is for accounts with a DNS name, and this one has none"),
    ],
)
def test_a_refusal_says_what_is_wrong_with_the_rule_that_is_nearly_right(who: str, person: Person, why: str) -> None:
    told = rules(who).why_unknown(Caller(ADDRESS, person=person))
    assert told == f"no rule names krb5:{person.principal}: {why}"


def test_a_refusal_of_somebody_whom_no_rule_is_near_says_no_more() -> None:
    assert rules("krb5:bert@A.TEST").why_unknown(Caller(ADDRESS, person=ANNA)) == "no rule names krb5:anna@A.TEST"
    assert rules("krb5-self").why_unknown(Caller(ADDRESS)) == "no rule names net:192.0.2.1"


def test_a_refusal_of_another_name_says_which_are_the_accounts_own() -> None:
    made, caller = rules("krb5-self"), Caller(ADDRESS, person=WS1)
    told = made.why_not(caller, names.from_text("ws2.a.test."), types.A)
    assert told == ("no rule lets krb5:host/ws1.a.test@A.TEST change ws2.a.test. A: its own names are ws1.a.test.")
    told = made.why_not(caller, names.from_text("ws1.a.test."), types.MX)
    assert told == "no rule lets krb5:host/ws1.a.test@A.TEST change ws1.a.test. MX"
    told = rules("key:k").why_not(CALLER, names.from_text("ws2.a.test."))
    assert told == "no rule lets key:k. change ws2.a.test."
