"""Rules: which names a pattern covers, and what a rule without types leaves out."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import names, types
from bossa.dns.policy import Caller, Rules, parse_rule
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
