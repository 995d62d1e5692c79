"""Who may change what: every form of a rule, the order of rules, and what a refusal leaves in the log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey
from bossa.testing.packets import Signature

NOERROR, REFUSED, NXDOMAIN = 0, 5, 3
ANY, NONE = packets.ANY, packets.NONE
ZONE = """$TTL 300
@ SOA ns1.bossa.test. hostmaster 1 3600 900 1209600 300
@ NS ns1.bossa.test.
"""
NAME = "lab.test"


class Case(NamedTuple):
    """One addition, deletion or replacement by one key, and whether it is allowed."""

    meaning: str
    key: str
    owner: str
    rtype: str
    data: str
    allowed: bool


# The rules of the zone lab.test, in their order; "k-…" are keys.
RULES = (
    ("key:ws1.lab.test", "--self"),
    ("key:k-sub", "--subdomain", "hosts.lab.test"),
    ("key:k-zone", "--zone"),
    ("key:k-types", "--zone", "--types", "A,AAAA"),
    ("key:k-any", "--zone", "--types", "ANY"),
    ("key:k-pattern", "--pattern", "*.dhcp.lab.test"),
    ("key:k-two", "--subdomain", "one.lab.test", "--types", "TXT"),
    ("key:k-two", "--subdomain", "two.lab.test", "--types", "A"),
)
KEYS = ("ws1.lab.test", "k-sub", "k-zone", "k-types", "k-any", "k-pattern", "k-two", "k-none")
SOA = "ns1.bossa.test. hostmaster.lab.test. 4000000000 1 2 3 4"
TABLE = (
    Case("self: its own name", "ws1.lab.test", "ws1", "A", "192.0.2.1", True),
    Case("self: its own name in capitals", "ws1.lab.test", "WS1", "AAAA", "2001:db8::1", True),
    Case("self: another name", "ws1.lab.test", "ws2", "A", "192.0.2.1", False),
    Case("self: a name below", "ws1.lab.test", "x.ws1", "A", "192.0.2.1", False),
    Case("self: the apex", "ws1.lab.test", "@", "TXT", "x", False),
    Case("subdomain: a name below", "k-sub", "a.hosts", "A", "192.0.2.1", True),
    Case("subdomain: the name itself", "k-sub", "hosts", "TXT", "x", True),
    Case("subdomain: far below", "k-sub", "a.b.c.hosts", "TXT", "x", True),
    Case("subdomain: a name that only ends so", "k-sub", "myhosts", "A", "192.0.2.1", False),
    Case("subdomain: the name above", "k-sub", "@", "A", "192.0.2.1", False),
    Case("zone: any name", "k-zone", "anything", "TXT", "x", True),
    Case("zone: the apex", "k-zone", "@", "TXT", "x", True),
    Case("zone without types: not NS", "k-zone", "deleg", "NS", "ns.elsewhere.example.", False),
    Case("zone without types: not SOA", "k-zone", "@", "SOA", SOA, False),
    Case("types: one of them", "k-types", "typed", "A", "192.0.2.1", True),
    Case("types: another of them", "k-types", "typed", "AAAA", "2001:db8::1", True),
    Case("types: none of them", "k-types", "typed", "TXT", "x", False),
    Case("types ANY: NS too", "k-any", "deleg", "NS", "ns.elsewhere.example.", True),
    Case("types ANY: an unknown type too", "k-any", "odd", "TYPE65501", "\\# 1 00", True),
    Case("pattern: a name that matches", "k-pattern", "pc7.dhcp", "A", "192.0.2.1", True),
    Case("pattern: in capitals", "k-pattern", "PC8.DHCP", "A", "192.0.2.1", True),
    Case("pattern: a name that does not", "k-pattern", "pc7", "A", "192.0.2.1", False),
    Case("pattern: the name above", "k-pattern", "dhcp", "A", "192.0.2.1", False),
    Case("pattern: a dot inside a label", "k-pattern", "x.pc7\\.dhcp", "A", "192.0.2.1", False),
    Case("zone without types: not CDS", "k-zone", "deleg", "CDS", "0 0 0 00", False),
    Case("two rules: by the first", "k-two", "one", "TXT", "x", True),
    Case("two rules: by the second", "k-two", "two", "A", "192.0.2.1", True),
    Case("two rules: by neither", "k-two", "one", "A", "192.0.2.1", False),
    Case("no rule", "k-none", "x", "A", "192.0.2.1", False),
)


@pytest.fixture(scope="module")
def keys(shared_domain: Domain) -> Iterator[dict[str, TsigKey]]:
    """Set up the zone with its rules; yield the keys by name."""
    shared_domain.add_zone(NAME, ZONE)
    made = {name: shared_domain.add_key(name) for name in KEYS}
    for who, *scope in RULES:
        shared_domain.run("policy", "add", NAME, "--allow", who, *scope, check=True)
    yield made
    shared_domain.remove_zone(NAME)
    for name in KEYS:
        shared_domain.remove_key(name)


def owner_of(case: Case) -> str:
    """Return the case's owner as an absolute name."""
    return f"{NAME}." if case.owner == "@" else f"{case.owner}.{NAME}."


def send(domain: Domain, key: TsigKey, *records: bytes, prerequisites: tuple[bytes, ...] = ()) -> int:
    """Send a signed update of lab.test; return the rcode."""
    message = packets.update(NAME, *records, prerequisites=prerequisites)
    return packets.rcode(domain.exchange(packets.sign(message, key)))


@pytest.mark.parametrize("case", TABLE, ids=lambda case: case.meaning)
def test_a_rule_allows_what_it_says_and_nothing_else(
    shared_domain: Domain, keys: dict[str, TsigKey], case: Case
) -> None:
    """First match wins, default deny; RFC 2136 §3.3 leaves the rules to us."""
    owner = owner_of(case)
    before = shared_domain.serial(NAME + ".")
    addition = packets.record(owner, case.rtype, case.data, ttl=60)
    assert send(shared_domain, keys[case.key], addition) == (NOERROR if case.allowed else REFUSED)
    assert (shared_domain.serial(NAME + ".") > before) is case.allowed


@pytest.mark.parametrize(
    "deletion", [("A", ANY, b""), ("A", NONE, "192.0.2.99"), (255, ANY, b"")], ids=["RRset", "record", "all"]
)
def test_deletions_need_the_same_right_as_additions(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str, deletion: tuple[int | str, int, str | bytes]
) -> None:
    """RFC 2136 §3.3"""
    rtype, rclass, data = deletion
    owner = f"{label}.{NAME}"
    assert send(shared_domain, keys["k-any"], packets.record(owner, "A", "192.0.2.99", ttl=60)) == NOERROR
    record = packets.record(owner, rtype, data, rclass=rclass)
    assert send(shared_domain, keys["k-sub"], record) == REFUSED
    assert shared_domain.values(owner + ".") == ["192.0.2.99"]
    assert send(shared_domain, keys["k-zone"], record) == NOERROR
    assert shared_domain.values(owner + ".") == []


def test_deleting_all_at_a_name_needs_the_right_to_every_rrset_there(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str
) -> None:
    """A key for addresses may clear a name that has only addresses."""
    owner = f"{label}.{NAME}"
    everything = packets.record(owner, 255, rclass=ANY)
    assert send(shared_domain, keys["k-any"], packets.record(owner, "A", "192.0.2.1", ttl=60)) == NOERROR
    assert send(shared_domain, keys["k-any"], packets.record(owner, "TXT", "x", ttl=60)) == NOERROR
    assert send(shared_domain, keys["k-types"], everything) == REFUSED
    assert shared_domain.values(owner + ".") == ["192.0.2.1"]
    assert send(shared_domain, keys["k-any"], packets.record(owner, "TXT", rclass=ANY)) == NOERROR
    assert send(shared_domain, keys["k-types"], everything) == NOERROR
    assert shared_domain.values(owner + ".") == []


def test_deleting_all_at_a_name_where_nothing_is_needs_a_right_there(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str
) -> None:
    """The answers must not tell a key of another branch which names there are."""
    everything = packets.record(f"{label}.{NAME}", 255, rclass=ANY)
    assert send(shared_domain, keys["k-sub"], everything) == REFUSED
    assert send(shared_domain, keys["k-types"], everything) == NOERROR


def test_one_forbidden_record_refuses_the_whole_message(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str
) -> None:
    """RFC 2136 §3.3.2 and §3.7"""
    good = packets.record(f"{label}.hosts.{NAME}", "A", "192.0.2.1", ttl=60)
    bad = packets.record(f"{label}.{NAME}", "A", "192.0.2.1", ttl=60)
    assert send(shared_domain, keys["k-sub"], good, bad) == REFUSED
    assert shared_domain.values(f"{label}.hosts.{NAME}.") == []


def test_whoever_no_rule_names_is_refused_before_prerequisites_are_looked_at(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str
) -> None:
    """Otherwise prerequisites would tell a stranger what is in a zone."""
    failing = packets.record(f"{label}.{NAME}", 255, rclass=ANY)
    assert send(shared_domain, keys["k-none"], prerequisites=(failing,)) == REFUSED
    assert packets.rcode(shared_domain.exchange(packets.update(NAME, prerequisites=[failing]))) == REFUSED
    assert send(shared_domain, keys["k-zone"], prerequisites=(failing,)) == NXDOMAIN


def test_the_administrators_rule_covers_every_zone(
    shared_domain: Domain, keys: dict[str, TsigKey], admin: TsigKey, label: str
) -> None:
    """The fresh domain's key may change all zones, those made later too."""
    assert send(shared_domain, admin, packets.record(f"{label}.{NAME}", "A", "192.0.2.1", ttl=60)) == NOERROR


def test_a_rule_of_one_zone_says_nothing_of_another(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str
) -> None:
    """Rules belong to a zone."""
    addition = packets.record(f"{label}.{shared_domain.name}", "A", "192.0.2.1", ttl=60)
    message = packets.sign(packets.update(shared_domain.name, addition), keys["k-any"])
    assert packets.rcode(shared_domain.exchange(message)) == REFUSED


def test_unsigned_updates_are_taken_from_a_network_only_where_a_rule_says_so(domain: Domain) -> None:
    """net:CIDR is for a lab, never by default."""
    unsigned = packets.update(domain.name, packets.record(f"x.{domain.name}", "A", "192.0.2.1", ttl=60))
    assert packets.rcode(domain.exchange(unsigned)) == REFUSED
    domain.run("policy", "add", domain.name, "--allow", "net:192.0.2.0/24", "--zone", check=True)
    assert packets.rcode(domain.exchange(unsigned)) == REFUSED
    domain.allow(domain.name, "net:127.0.0.0/8", "subdomain", domain.name, ["A"])
    assert packets.rcode(domain.exchange(unsigned)) == NOERROR
    assert domain.values("x") == ["192.0.2.1"]


def test_a_rule_that_was_removed_allows_nothing_more(domain: Domain) -> None:
    """`bossa policy remove` takes effect while the server runs."""
    key = domain.add_key("k")
    domain.allow(domain.name, "key:k")
    update = domain.update(key=key)
    update.add("x", 60, "A", "192.0.2.1")
    assert domain.send(update).rcode() == NOERROR
    domain.run("policy", "remove", domain.name, "1", check=True)
    update.add("y", 60, "A", "192.0.2.1")
    update.id += 1
    assert domain.send(update).rcode() == REFUSED


# One line a refusal


def refusal(domain: Domain, since: int, *words: str) -> str:
    """Return the log line of a refusal that has all the words; check that it is the only one."""
    line = domain.wait_for_log("(?i)refused", since=since)
    lines = [one for one in domain.log[since:].splitlines() if "refused" in one.lower()]
    assert len(lines) == 1, lines
    for word in words:
        assert word in line, f"{word!r} is not in {line!r}"
    return line


def test_a_refusal_by_policy_is_one_line_with_client_key_algorithm_offset_and_rule(
    shared_domain: Domain, keys: dict[str, TsigKey], label: str
) -> None:
    """reference: opaque failures are what people complain of most."""
    since = len(shared_domain.log)
    addition = packets.record(f"{label}.{NAME}", "A", "192.0.2.1", ttl=60)
    how = Signature(time=int(time.time()) - 42)
    request = packets.sign(packets.update(NAME, addition), keys["k-sub"], how)
    assert packets.rcode(shared_domain.exchange(request)) == REFUSED
    line = refusal(shared_domain, since, "127.0.0.1", "k-sub", "hmac-sha256", f"{label}.{NAME}")
    assert "-42" in line or "-43" in line, "the clock's offset in seconds"
    assert "rule" in line


def test_an_unsigned_refusal_is_one_line_with_the_client(shared_domain: Domain, label: str) -> None:
    """The address is all there is to know of it."""
    since = len(shared_domain.log)
    addition = packets.record(f"{label}.{shared_domain.name}", "A", "192.0.2.1", ttl=60)
    assert packets.rcode(shared_domain.exchange(packets.update(shared_domain.name, addition))) == REFUSED
    refusal(shared_domain, since, "127.0.0.1")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (Signature(time=1_000_000), ("BADTIME", "hmac-sha256")),
        (Signature(spoiled=True), ("BADSIG", "hmac-sha256")),
        (Signature(mac_size=16), ("BADTRUNC", "hmac-sha256")),
        (Signature(owner=packets.name("ghost")), ("BADKEY", "ghost")),
    ],
    ids=["BADTIME", "BADSIG", "BADTRUNC", "BADKEY"],
)
def test_a_signature_that_does_not_hold_is_one_line_with_the_error(
    shared_domain: Domain, admin: TsigKey, how: Signature, words: tuple[str, ...]
) -> None:
    """The TSIG error, the key and the algorithm, as the client sent them."""
    since = len(shared_domain.log)
    shared_domain.exchange(packets.sign(packets.update(shared_domain.name), admin, how))
    line = shared_domain.wait_for_log(words[0], since=since)
    assert len([one for one in shared_domain.log[since:].splitlines() if words[0] in one]) == 1
    for word in ("127.0.0.1", *words):
        assert word in line
