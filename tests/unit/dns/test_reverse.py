"""What becomes of PTR records when addresses come, go, and change hands."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from bossa.dns import names
from bossa.dns.zone import Origin
from tests.unit.dns.reversal import REVERSE4, REVERSE6, change, ptr, shown, told, zones

V4, V6 = "10.1.2.3", "2001:db8::7"


class Case(NamedTuple):
    """Updates in their order, and the PTR of 10.1.2.3 that they leave."""

    meaning: str
    updates: tuple[tuple[str, ...], ...]
    left: str


ADD = f"+ ws1 60 A {V4}"
TABLE = (
    Case("an address brings its PTR", ((ADD,),), "60 ws1.t. PTR"),
    Case("and takes it along", ((ADD,), (f"- ws1 A {V4}",)), ""),
    Case("with the whole name too", ((ADD,), ("- ws1",)), ""),
    Case("another address of the name has nothing to do with it", ((ADD,), ("+ ws1 60 A 10.9.9.9",)), "60 ws1.t. PTR"),
    Case("a new TTL of the address is one of the PTR", ((ADD,), (f"+ ws1 300 A {V4}",)), "300 ws1.t. PTR"),
    Case("so is that which another address brings", ((ADD,), ("+ ws1 5 A 10.9.9.9",)), "5 ws1.t. PTR"),
    Case("the first name wins", ((ADD,), (f"+ ws2 60 A {V4}",)), "60 ws1.t. PTR"),
    Case("the second one's end is nothing to the first", ((ADD,), (f"+ ws2 5 A {V4}",), ("- ws2",)), "60 ws1.t. PTR"),
    Case("the PTR goes with the first", ((ADD,), (f"+ ws2 60 A {V4}",), ("- ws1",)), ""),
    Case("the first in a message wins", ((ADD, f"+ ws2 60 A {V4}"),), "60 ws1.t. PTR"),
    Case("a name is replaced in one message", ((ADD,), ("- ws1", f"+ ws2 60 A {V4}")), "60 ws2.t. PTR"),
    Case("in any order", ((ADD,), (f"+ ws2 60 A {V4}", "- ws1")), "60 ws2.t. PTR"),
    Case("a name's address is replaced", (("+ ws1 60 A 10.9.9.9",), ("- ws1", ADD)), "60 ws1.t. PTR"),
    Case("a name comes back in one message", ((ADD,), ("- ws1", ADD)), "60 ws1.t. PTR"),
    Case("an alias in the place of the address", ((ADD,), ("- ws1", "+ ws1 60 CNAME ws2")), ""),
    Case("a wildcard is no name", ((f"+ * 60 A {V4}",),), ""),
    Case("nor is one further down", ((f"+ *.ws1 60 A {V4}",),), ""),
    Case("a star that is no wildcard is a name", ((f"+ a.*.ws1 60 A {V4}",),), "60 a.*.ws1.t. PTR"),
    Case("the zone's own name is one", ((f"+ @ 60 A {V4}",),), "60 t. PTR"),
    Case("what is no address changes nothing", (("+ ws1 60 TXT 10.1.2.3",),), ""),
)


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.meaning)
def test_a_ptr_follows_its_address(case: Case) -> None:
    known = zones()
    for number, lines in enumerate(case.updates):
        change(known, *lines, stamp=number)
    assert shown(known, V4) == case.left


def test_an_ipv6_address_has_a_ptr_as_well() -> None:
    """RFC 3596 §2.5"""
    known = zones()
    companions = change(known, f"+ ws1 60 AAAA {V6}", ADD)
    assert shown(known, V6) == "60 ws1.t. PTR"
    assert {step.apex for step in companions.steps} == {REVERSE6, REVERSE4}
    change(known, "- ws1")
    assert (shown(known, V4), shown(known, V6)) == ("", "")


def test_each_reverse_zone_goes_one_serial_on_however_many_addresses_came() -> None:
    known = zones()
    before = known[REVERSE4].serial
    change(known, *(f"+ ws{number} 60 A 10.0.0.{number}" for number in range(1, 50)))
    assert known[REVERSE4].serial == before + 1
    assert known[REVERSE6].serial == before


def test_a_record_that_came_back_in_one_message_moves_no_serial_of_the_reverse_zone() -> None:
    known = zones()
    change(known, ADD, stamp=1)
    before = known[REVERSE4].serial
    assert change(known, "- ws1", ADD, stamp=2).steps == ()
    assert known[REVERSE4].serial == before


@pytest.mark.parametrize("origin", [Origin.COMMAND, Origin.FILE, Origin.UPDATE, Origin.SYSTEM])
def test_a_ptr_that_somebody_else_put_there_is_never_touched(origin: Origin) -> None:
    known = zones()
    change(known, "+ 3.2.1 7 PTR ws1.t.", apex=REVERSE4, origin=origin)
    before = ptr(known, V4)
    for lines in ((ADD,), (f"+ ws1 300 A {V4}",), ("- ws1", f"+ ws2 60 A {V4}"), ("- ws2",)):
        change(known, *lines)
        assert ptr(known, V4) == before


def test_a_ptr_to_another_name_that_was_added_beside_ours_stays() -> None:
    known = zones()
    change(known, ADD)
    change(known, "+ 3.2.1 60 PTR other.t.", apex=REVERSE4, origin=Origin.COMMAND)
    change(known, f"+ ws1 300 A {V4}")
    assert shown(known, V4) == "60 ws1.t. PTR, other.t. COMMAND"
    change(known, "- ws1")
    assert shown(known, V4) == "60 other.t. COMMAND"


def test_a_ptr_given_in_capitals_is_the_same_name() -> None:
    """RFC 4343 §3"""
    known = zones(reverse4="3.2.1 PTR WS1.T.")
    assert told(change(known, ADD)) == []


def test_what_became_of_each_ptr_is_told() -> None:
    known = zones(reverse4="9.9.9 CNAME 9.9.9.elsewhere.test.")
    assert told(change(known, ADD)) == [("ptr added", "ws1.t.", V4)]
    second = change(known, f"+ ws2 60 A {V4}")
    assert told(second) == [("ptr left alone", "ws2.t.", V4)]
    assert second.notes[0].why == "ws1.t. has it"
    assert second.notes[0].zone == REVERSE4
    alias = change(known, "+ ws3 60 A 10.9.9.9")
    assert told(alias) == [("ptr left alone", "ws3.t.", "10.9.9.9")]
    assert alias.notes[0].why == "an alias stands at the reverse name"
    assert told(change(known, "- ws1")) == [("ptr removed", "ws1.t.", V4)]


def test_an_alias_at_the_reverse_name_is_left_alone() -> None:
    """RFC 2317 §4"""
    known = zones(reverse4="3.2.1 CNAME 3.elsewhere.test.")
    assert change(known, ADD).steps == ()
    assert change(known, "- ws1").steps == ()


@pytest.mark.parametrize("at", ["3.2.1", "2.1", "1"])
def test_what_the_reverse_zone_delegates_is_not_ours(at: str) -> None:
    known = zones(reverse4=f"{at} NS ns.elsewhere.test.")
    assert change(known, ADD) == ((), ())


def test_a_ptr_that_a_later_delegation_hides_still_goes() -> None:
    known = zones()
    change(known, ADD)
    change(known, "+ 1 60 NS ns.elsewhere.test.", apex=REVERSE4)
    change(known, "- ws1")
    assert ptr(known, V4) is None


def test_an_address_without_a_reverse_zone_of_ours_is_no_trouble() -> None:
    assert change(zones(), "+ ws1 60 A 192.0.2.1") == ((), ())


def test_the_closest_reverse_zone_has_the_ptr() -> None:
    known = zones(reverse4="1 NS ns.t.")
    apex = names.from_text("1.10.in-addr.arpa.")
    known[apex] = type(known[REVERSE4])(apex, [(apex, rrset) for rrset in known[REVERSE4].node(REVERSE4)])
    companions = change(known, ADD)
    assert [step.apex for step in companions.steps] == [apex]


def test_a_zone_that_is_not_written_here_is_left_alone() -> None:
    assert change(zones(), ADD, writable=lambda apex: apex != REVERSE4) == ((), ())


@pytest.mark.parametrize("origin", [Origin.COMMAND, Origin.FILE, Origin.SYSTEM])
def test_only_addresses_of_updates_bring_ptrs(origin: Origin) -> None:
    assert change(zones(), ADD, origin=origin) == ((), ())


def test_a_ptr_goes_whoever_takes_the_address_away() -> None:
    known = zones()
    change(known, ADD)
    change(known, "- ws1", origin=Origin.COMMAND)
    assert ptr(known, V4) is None


def test_whoever_registers_again_gets_the_ptr_that_became_free() -> None:
    """A DHCP server deletes and adds what is there already; that the PTR is free it need not know."""
    known = zones()
    change(known, ADD, stamp=1)
    change(known, f"+ ws2 60 A {V4}", stamp=2)
    change(known, "- ws1", stamp=3)
    change(known, "- ws2", f"+ ws2 60 A {V4}", stamp=4)
    assert shown(known, V4) == "60 ws2.t. PTR"


def test_a_zone_may_be_forward_and_reverse_zone_in_one() -> None:
    known = zones()
    companions = change(known, "+ host 60 A 10.1.2.3", apex=REVERSE4)
    assert shown(known, V4) == "60 host.10.in-addr.arpa. PTR"
    assert known[REVERSE4].serial == companions.steps[0].serial_to == 12
