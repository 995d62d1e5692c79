"""PTR records that hosts keep themselves: who may add and delete which."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import names, rdata, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Rcode, Refused
from bossa.dns.lookup import Zones
from bossa.dns.policy import Caller, Person, Rules, parse_rule
from bossa.dns.ports import RuleRow
from bossa.dns.update import Update, UpdateRecord, decide
from bossa.dns.zone import Mark, Origin, Zone
from tests.unit.dns.specimens import zone

OWN = (names.from_text("ws1.a.test."), names.from_text("www.a.test."))
CALLER = Caller(ipaddress.ip_address("192.0.2.9"), person=Person("host/ws1.a.test@A.TEST", frozenset(), OWN))
HOLDER = Caller(CALLER.address, names.from_text("ws1.a.test."))
RULES = Rules(
    (
        parse_rule(RuleRow(who="krb5-self", scope="self")),
        parse_rule(RuleRow(who="key:ws1.a.test", scope="self")),
    )
)
MARK = Mark(Origin.UPDATE, 1_800_000_000)
FORWARD = """
ws1 A 10.0.0.1
ws1 A 10.0.0.3
ws1 A 10.0.0.4
ws1 AAAA 2001:db8::1
www A 10.0.0.3
ws2 A 10.0.0.2
cut NS ns.elsewhere.
"""
REVERSE = """
2.0.0 PTR ws2.a.test.
3.0.0 PTR WWW.a.test.
4.0.0 PTR ws1.a.test.
4.0.0 PTR ws2.a.test.
4.0.0 TXT text
7.0.0 TXT text
"""
ZONES = (
    zone("a.test.", FORWARD),
    zone("10.in-addr.arpa.", REVERSE),
    zone("8.b.d.0.1.0.0.2.ip6.arpa.", ""),
)


def change(address: str, rclass: int, target: str = "", rtype: int = types.PTR) -> UpdateRecord:
    data = rdata.parse(types.PTR, target, names.ROOT) if target else b""
    return UpdateRecord(names.reverse(address), rtype, rclass, 60 if rclass == types.IN else 0, data)


def add(address: str, target: str) -> UpdateRecord:
    return change(address, types.IN, target)


def decided(*updates: UpdateRecord, caller: Caller = CALLER) -> Draft:
    """Decide an update of a reverse zone beside the forward zone."""
    zones = Zones()
    for one in ZONES:
        zones[one.apex] = one
    ground = zones.find(updates[0].owner)
    assert isinstance(ground, Zone)
    draft = Draft(ground, zones.find)
    decide(Update(ground.apex, (), updates), draft, RULES, caller, MARK)
    return draft


def pointers(draft: Draft, address: str) -> list[str]:
    rrset = draft.find(names.reverse(address), types.PTR)
    return [names.to_text(one) for one in rrset.rdatas] if rrset else []


@pytest.mark.parametrize(
    ("updates", "left"),
    [
        ((add("10.0.0.1", "ws1.a.test."),), ["ws1.a.test."]),
        ((add("10.0.0.1", "WS1.A.test."),), ["WS1.A.test."]),
        ((add("2001:db8::1", "ws1.a.test."),), ["ws1.a.test."]),
        ((change("10.0.0.1", types.CLASS_ANY), add("10.0.0.1", "ws1.a.test.")), ["ws1.a.test."]),
        ((add("10.0.0.3", "ws1.a.test."),), ["WWW.a.test.", "ws1.a.test."]),
        ((change("10.0.0.3", types.CLASS_ANY), add("10.0.0.3", "ws1.a.test.")), ["ws1.a.test."]),
        ((change("10.0.0.3", types.CLASS_NONE, "www.a.test."),), []),
        ((change("10.0.0.3", types.CLASS_ANY, rtype=types.ANY),), []),
        ((change("10.0.0.4", types.CLASS_NONE, "ws1.a.test."),), ["ws2.a.test."]),
        ((change("10.0.0.9", types.CLASS_ANY),), []),
        ((change("10.0.0.9", types.CLASS_ANY, rtype=types.ANY),), []),
    ],
)
def test_a_host_keeps_the_ptr_of_its_addresses(updates: tuple[UpdateRecord, ...], left: list[str]) -> None:
    address = ipaddress.ip_address(names.address(updates[0].owner) or b"")
    assert pointers(decided(*updates), str(address)) == left


@pytest.mark.parametrize(
    ("update", "why"),
    [
        (add("10.0.0.1", "ws2.a.test."), "ws2.a.test. is not the caller's own name"),
        (add("10.0.0.5", "ws1.a.test."), "ws1.a.test. does not hold the address in a zone here"),
        (add("10.0.0.1", "www.a.test."), "www.a.test. does not hold the address in a zone here"),
        (add("2001:db8::2", "ws1.a.test."), "ws1.a.test. does not hold the address in a zone here"),
        (add("10.0.0.4", "ws1.a.test."), "a PTR to ws2.a.test. stands there"),
        (change("10.0.0.2", types.CLASS_ANY), "a PTR to ws2.a.test. stands there"),
        (change("10.0.0.4", types.CLASS_ANY), "a PTR to ws2.a.test. stands there"),
        (change("10.0.0.2", types.CLASS_ANY, rtype=types.ANY), "a PTR to ws2.a.test. stands there"),
        (change("10.0.0.2", types.CLASS_NONE, "ws2.a.test."), "ws2.a.test. is not the caller's own name"),
        (change("10.0.0.9", types.CLASS_NONE, "ws2.a.test."), "ws2.a.test. is not the caller's own name"),
        (change("10.0.0.7", types.CLASS_ANY, rtype=types.ANY), r"change 7.0.0.10.in-addr.arpa. TXT"),
        (change("10.0.0.1", types.CLASS_ANY, rtype=types.A), r"change 1.0.0.10.in-addr.arpa. A"),
    ],
)
def test_a_host_keeps_no_other_ptr(update: UpdateRecord, why: str) -> None:
    with pytest.raises(Refused, match=r"no rule lets krb5:host/ws1\.a\.test@A\.TEST change") as e:
        decided(update)
    assert why in e.value.reason
    assert e.value.code == Rcode.REFUSED


def test_a_name_below_a_delegation_holds_nothing_here() -> None:
    name = names.from_text("ws.cut.a.test.")
    caller = Caller(CALLER.address, person=Person("host/ws.cut.a.test@A.TEST", frozenset(), (name,)))
    with pytest.raises(Refused, match="does not hold the address"):
        decided(add("10.0.0.1", "ws.cut.a.test."), caller=caller)


def test_a_draft_that_is_alone_sees_no_address() -> None:
    draft = Draft(ZONES[1])
    with pytest.raises(Refused, match="does not hold the address"):
        decide(Update(draft.apex, (), (add("10.0.0.1", "ws1.a.test."),)), draft, RULES, CALLER, MARK)


def test_a_key_has_no_addresses() -> None:
    with pytest.raises(Refused, match=r"no rule lets key:ws1\.a\.test\. change"):
        decided(add("10.0.0.1", "ws1.a.test."), caller=HOLDER)
