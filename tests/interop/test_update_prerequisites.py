"""Prerequisites of an update, RFC 2136 §3.2: one table of conditions, each with what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey

NOERROR, FORMERR, NXDOMAIN, YXDOMAIN, YXRRSET, NXRRSET, NOTZONE = 0, 1, 3, 6, 7, 8, 10
ANY, NONE = packets.ANY, packets.NONE
TYPE_ANY = 255


class Condition(NamedTuple):
    """A prerequisite record: owner below the domain, type, class, data, TTL; and the code that it brings."""

    meaning: str
    owner: str
    rtype: str | int
    rclass: int
    expected: int
    data: str | bytes = b""
    ttl: int = 0


# In the zone: "two" owns A 192.0.2.1 and 192.0.2.2 and a TXT; "b.ent" owns an A, so that "ent" is an empty
# non-terminal; "nothing" is not there.
TABLE = (
    Condition("name in use, it is", "two", TYPE_ANY, ANY, NOERROR),
    Condition("name in use, in other capitals", "TWO", TYPE_ANY, ANY, NOERROR),
    Condition("name in use, it is not", "nothing", TYPE_ANY, ANY, NXDOMAIN),
    Condition("name in use, an empty non-terminal owns nothing", "ent", TYPE_ANY, ANY, NXDOMAIN),
    Condition("name not in use, it is not", "nothing", TYPE_ANY, NONE, NOERROR),
    Condition("name not in use, it is", "two", TYPE_ANY, NONE, YXDOMAIN),
    Condition("name not in use, an empty non-terminal", "ent", TYPE_ANY, NONE, NOERROR),
    Condition("RRset exists, it does", "two", "A", ANY, NOERROR),
    Condition("RRset exists, other type", "two", "AAAA", ANY, NXRRSET),
    Condition("RRset exists, no such name", "nothing", "A", ANY, NXRRSET),
    Condition("RRset does not exist, other type", "two", "AAAA", NONE, NOERROR),
    Condition("RRset does not exist, it does", "two", "A", NONE, YXRRSET),
    Condition("value, a subset only", "two", "A", packets.IN, NXRRSET, "192.0.2.1"),
    Condition("value, another one", "two", "A", packets.IN, NXRRSET, "192.0.2.9"),
    Condition("value, no such RRset", "two", "AAAA", packets.IN, NXRRSET, "2001:db8::1"),
    Condition("value, no such name", "nothing", "A", packets.IN, NXRRSET, "192.0.2.1"),
    Condition("value, the whole of one", "two", "TXT", packets.IN, NOERROR, "one"),
    Condition("value, text keeps its case", "two", "TXT", packets.IN, NXRRSET, "ONE"),
    Condition("value, a name in rdata has no case", "alias", "CNAME", packets.IN, NOERROR, "TWO.bossa.test."),
    Condition("TTL in class ANY", "two", TYPE_ANY, ANY, FORMERR, ttl=1),
    Condition("TTL in class NONE", "nothing", TYPE_ANY, NONE, FORMERR, ttl=1),
    Condition("TTL in the zone's class", "two", "TXT", packets.IN, FORMERR, "one", 1),
    Condition("data in class ANY", "two", "A", ANY, FORMERR, "192.0.2.1"),
    Condition("data in class NONE", "two", "A", NONE, FORMERR, "192.0.2.1"),
    Condition("class CHAOS", "two", "A", 3, FORMERR, "192.0.2.1"),
)


@pytest.fixture(scope="module", autouse=True)
def zone(shared_domain: Domain) -> None:
    """Put the names of the table into the zone."""
    update = shared_domain.update()
    update.add("two", 60, "A", "192.0.2.1", "192.0.2.2")
    update.add("two", 60, "TXT", "one")
    update.add("b.ent", 60, "A", "192.0.2.3")
    update.add("alias", 60, "CNAME", "two.bossa.test.")
    assert shared_domain.send(update).rcode() == NOERROR


def attempt(domain: Domain, admin: TsigKey, label: str, *prerequisites: bytes) -> int:
    """Send an update under these prerequisites; check that it did all or nothing; return the rcode."""
    before = domain.serial()
    addition = packets.record(f"{label}.{domain.name}", "A", "192.0.2.7", ttl=60)
    message = packets.update(domain.name, addition, prerequisites=prerequisites)
    reply = domain.exchange(packets.sign(message, admin))
    done = packets.rcode(reply) == NOERROR
    assert domain.values(label) == (["192.0.2.7"] if done else [])
    assert domain.serial() == before + done
    return packets.rcode(reply)


@pytest.mark.parametrize("condition", TABLE, ids=lambda condition: condition.meaning)
def test_a_prerequisite_holds_or_tells_what_is_wrong(
    shared_domain: Domain, admin: TsigKey, label: str, condition: Condition
) -> None:
    """RFC 2136 §3.2.1, §3.2.2 and §3.2.3"""
    owner = f"{condition.owner}.{shared_domain.name}"
    prerequisite = packets.record(owner, condition.rtype, condition.data, rclass=condition.rclass, ttl=condition.ttl)
    assert attempt(shared_domain, admin, label, prerequisite) == condition.expected


@pytest.mark.parametrize("order", [("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.1")])
def test_a_value_prerequisite_is_the_whole_rrset_in_any_order(
    shared_domain: Domain, admin: TsigKey, label: str, order: tuple[str, str]
) -> None:
    """RFC 2136 §3.2.3: same members, no more, no less; §2.4.2: the TTL is ignored."""
    both = [packets.record("two.bossa.test", "A", address) for address in order]
    assert attempt(shared_domain, admin, label, *both) == NOERROR


def test_a_value_prerequisite_with_one_member_too_many_fails(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.2.3"""
    three = [packets.record("two.bossa.test", "A", f"192.0.2.{n}") for n in (1, 2, 3)]
    assert attempt(shared_domain, admin, label, *three) == NXRRSET


def test_the_records_of_one_value_prerequisite_may_stand_apart(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """RFC 2136 §3.2.3: an RRset is built for each name and type."""
    first, second = (packets.record("two.bossa.test", "A", f"192.0.2.{n}") for n in (1, 2))
    between = packets.record("two.bossa.test", "TXT", "one")
    assert attempt(shared_domain, admin, label, first, between, second) == NOERROR


def test_all_prerequisites_must_hold(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.2"""
    good = packets.record("two.bossa.test", TYPE_ANY, rclass=ANY)
    bad = packets.record("nothing.bossa.test", TYPE_ANY, rclass=ANY)
    assert attempt(shared_domain, admin, label, good, good) == NOERROR
    assert attempt(shared_domain, admin, f"{label}x", good, bad) == NXDOMAIN


@pytest.mark.parametrize("owner", ["elsewhere.example", "test", "notbossa.test"])
def test_a_prerequisite_outside_the_zone_is_notzone(
    shared_domain: Domain, admin: TsigKey, label: str, owner: str
) -> None:
    """RFC 2136 §3.2"""
    assert attempt(shared_domain, admin, label, packets.record(owner, TYPE_ANY, rclass=ANY)) == NOTZONE


def test_prerequisites_alone_change_nothing(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 2136 §3.6: no change, no new serial."""
    before = shared_domain.serial()
    asked = packets.update(shared_domain.name, prerequisites=[packets.record("two.bossa.test", TYPE_ANY, rclass=ANY)])
    assert packets.rcode(shared_domain.exchange(packets.sign(asked, admin))) == NOERROR
    assert shared_domain.serial() == before


def test_an_update_that_makes_its_own_prerequisite_false_is_still_done(
    shared_domain: Domain, admin: TsigKey, label: str, put: Callable[[str], None]
) -> None:
    """RFC 2136 §3.2: by the zone as it was before."""
    put(f"{label} 60 A 192.0.2.1")
    owner = f"{label}.{shared_domain.name}"
    message = packets.update(
        shared_domain.name,
        packets.record(owner, "A", rclass=ANY),
        packets.record(owner, "A", "192.0.2.2", ttl=60),
        prerequisites=[packets.record(owner, "A", "192.0.2.1")],
    )
    assert packets.rcode(shared_domain.exchange(packets.sign(message, admin))) == NOERROR
    assert shared_domain.values(label) == ["192.0.2.2"]


def test_prerequisites_are_looked_at_before_the_update_section_is_judged(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 2136 §3.2 comes before §3.4.1."""
    failing = packets.record("nothing.bossa.test", TYPE_ANY, rclass=ANY)
    outside = packets.record("elsewhere.example", "A", "192.0.2.1", ttl=60)
    message = packets.update(shared_domain.name, outside, prerequisites=[failing])
    assert packets.rcode(shared_domain.exchange(packets.sign(message, admin))) == NXDOMAIN
