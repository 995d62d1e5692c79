"""Dynamic updates over the wire, RFC 2136: what is checked before anything changes, and what each record does."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import NamedTuple

import dns.rcode
import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey

NOERROR, FORMERR, REFUSED, NOTAUTH, NOTZONE = 0, 1, 5, 9, 10
ANY, NONE, IN = packets.ANY, packets.NONE, packets.IN
AXFR, MAILB, MAILA, TYPE_ANY, OPT, TSIG = 252, 253, 254, 255, 41, 250
ZONE = """$TTL 300
@ SOA ns1.bossa.test. hostmaster {serial} 3600 900 1209600 300
@ NS ns1.bossa.test.
@ NS ns2.bossa.test.
"""


def own(domain: Domain, label: str) -> str:
    """Return a name of this test's own."""
    return f"{label}.{domain.name}"


def send(domain: Domain, key: TsigKey, message: bytes, *, tcp: bool = False) -> int:
    """Sign, send, and return the rcode."""
    return packets.rcode(domain.exchange(packets.sign(message, key), tcp=tcp))


def zone_name(domain: Domain, label: str, serial: int = 1) -> str:
    """Import a zone of this test's own with two name servers; return its name."""
    name = f"{label}.zone.test"
    domain.add_zone(name, ZONE.format(serial=serial))
    return name


# The zone section, RFC 2136 §3.1


def test_an_update_with_no_zone_is_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 2136 §3.1.1"""
    assert send(shared_domain, admin, packets.header((0, 0, 0, 0), opcode=packets.UPDATE)) == FORMERR


def test_an_update_with_two_zones_is_formerr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 2136 §3.1.1"""
    zone = packets.question(shared_domain.name, packets.SOA)
    assert send(shared_domain, admin, packets.header((2, 0, 0, 0), opcode=packets.UPDATE) + zone + zone) == FORMERR


@pytest.mark.parametrize("rtype", ["A", "NS", "ANY"])
def test_an_update_whose_zone_is_not_asked_by_soa_is_formerr(shared_domain: Domain, admin: TsigKey, rtype: str) -> None:
    """RFC 2136 §3.1.1"""
    zone = packets.question(shared_domain.name, rtype)
    assert send(shared_domain, admin, packets.header(opcode=packets.UPDATE) + zone) == FORMERR


@pytest.mark.parametrize("zone", ["elsewhere.example", "test", "below.bossa.test", "."])
def test_an_update_of_a_zone_that_is_not_ours_is_notauth(shared_domain: Domain, admin: TsigKey, zone: str) -> None:
    """RFC 2136 §3.1.1: exactly the apex, not a name above or below."""
    assert send(shared_domain, admin, packets.update(zone)) == NOTAUTH


def test_an_update_of_another_class_is_not_done(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.1.1 says NOTAUTH; BIND and Knot say NOTIMP."""
    zone = packets.question(shared_domain.name, packets.SOA, 3)
    addition = packets.record(own(shared_domain, label), "TXT", "x", rclass=3)
    message = packets.header((1, 0, 1, 0), opcode=packets.UPDATE) + zone + addition
    assert send(shared_domain, admin, message) == NOTAUTH


def test_the_name_of_the_zone_has_no_case(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 4343 §3"""
    addition = packets.record(own(shared_domain, label).upper(), "A", "192.0.2.1", ttl=60)
    assert send(shared_domain, admin, packets.update(shared_domain.name.upper(), addition)) == NOERROR
    assert shared_domain.values(label) == ["192.0.2.1"]


def test_an_answer_to_an_update_has_its_id_opcode_and_qr(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 2136 §3.8"""
    reply = shared_domain.exchange(packets.sign(packets.update(shared_domain.name, ident=0xABCD), admin))
    assert reply[:2] == b"\xab\xcd"
    assert reply[2] >> 3 == 0x10 | packets.UPDATE, "QR and the opcode"
    assert packets.counts(reply)[1:3] == (0, 0)


@pytest.mark.parametrize("opcode", [packets.QUERY, packets.UPDATE])
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_a_message_that_is_an_answer_gets_no_answer(
    shared_domain: Domain, admin: TsigKey, label: str, opcode: int, tcp: bool
) -> None:
    """RFC 1035 §4.1.1: QR set is no request; two servers would answer each other for ever."""
    zone = packets.question(shared_domain.name, packets.SOA)
    addition = packets.record(own(shared_domain, label), "A", "192.0.2.1", ttl=60)
    message = packets.header((1, 0, 1, 0), opcode=opcode, flags=0x8000) + zone + addition
    assert shared_domain.silent(packets.sign(message, admin), tcp=tcp)
    assert shared_domain.values(label) == []


# The prescan, RFC 2136 §3.4.1


class Bad(NamedTuple):
    """An update record that the prescan refuses."""

    meaning: str
    rtype: int | str
    rclass: int
    expected: int = FORMERR
    data: str | bytes = b""
    ttl: int = 0
    owner: str = ""


PRESCAN = (
    Bad("class CHAOS", "A", 3, data="192.0.2.1"),
    Bad("out of zone, added", "A", IN, NOTZONE, "192.0.2.1", owner="elsewhere.example"),
    Bad("out of zone, deleted", "A", NONE, NOTZONE, "192.0.2.1", owner="elsewhere.example"),
    Bad("out of zone, deleted wholly", TYPE_ANY, ANY, NOTZONE, owner="test"),
    Bad("add type ANY", TYPE_ANY, IN),
    Bad("add type AXFR", AXFR, IN),
    Bad("add type MAILA", MAILA, IN),
    Bad("add type MAILB", MAILB, IN),
    Bad("add type OPT", OPT, IN),
    Bad("add type TSIG", TSIG, IN),
    Bad("add a meta type without a name", 200, IN),
    Bad("delete RRset AXFR", AXFR, ANY),
    Bad("delete RRset MAILB", MAILB, ANY),
    Bad("delete record of type ANY", TYPE_ANY, NONE),
    Bad("delete record of type AXFR", AXFR, NONE),
    Bad("delete RRset with a TTL", "A", ANY, ttl=1),
    Bad("delete all with a TTL", TYPE_ANY, ANY, ttl=1),
    Bad("delete record with a TTL", "A", NONE, data="192.0.2.1", ttl=1),
    Bad("delete RRset with data", "A", ANY, data="192.0.2.1"),
    Bad("delete all with data", TYPE_ANY, ANY, data=b"\0"),
    Bad("add an address of three octets", "A", IN, data=b"\1\2\3"),
    Bad("add an address without data", "A", IN),
    Bad("add an MX with half a name", "MX", IN, data=b"\0\1\7abc"),
    Bad("add a TXT without a string", "TXT", IN),
    Bad("delete a name server without its name", "NS", NONE),
    Bad("add a signature's key", "DNSKEY", IN, REFUSED, "256 3 8 AAAA"),
)


@pytest.mark.parametrize("bad", PRESCAN, ids=lambda bad: bad.meaning)
def test_one_bad_record_at_the_end_leaves_the_zone_alone(
    shared_domain: Domain, admin: TsigKey, label: str, bad: Bad
) -> None:
    """RFC 2136 §3.4.1: everything is scanned before anything is done; §3.7: all or nothing."""
    before = shared_domain.serial()
    good = packets.record(own(shared_domain, label), "A", "192.0.2.1", ttl=60)
    last = packets.record(bad.owner or own(shared_domain, label), bad.rtype, bad.data, rclass=bad.rclass, ttl=bad.ttl)
    assert send(shared_domain, admin, packets.update(shared_domain.name, good, last)) == bad.expected
    assert shared_domain.values(label) == []
    assert shared_domain.serial() == before


def test_a_record_that_runs_past_the_message_is_formerr(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 1035 §4.1.1"""
    record = packets.record(own(shared_domain, label), "A", "192.0.2.1", ttl=60)
    assert packets.rcode(shared_domain.exchange(packets.update(shared_domain.name, record[:-2]))) == FORMERR


# Serials, RFC 2136 §3.6


def test_a_message_of_many_records_moves_the_serial_once(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §3.6"""
    before = shared_domain.serial()
    update = shared_domain.update()
    for n in range(20):
        update.add(f"{n}.{label}", 60, "A", f"192.0.2.{n}")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.serial() == before + 1


def test_an_update_that_changes_nothing_leaves_the_serial(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 2136 §3.6: adding what is there, deleting what is not."""
    put(f"{label} 60 A 192.0.2.1")
    before = shared_domain.serial()
    update = shared_domain.update()
    update.add(label, 60, "A", "192.0.2.1")
    update.delete(label, "A", "192.0.2.9")
    update.delete(label, "TXT")
    update.delete(f"not-{label}")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.serial() == before


def test_an_update_that_undoes_itself_leaves_the_serial(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §3.6"""
    before = shared_domain.serial()
    update = shared_domain.update()
    update.add(label, 60, "A", "192.0.2.1")
    update.delete(label)
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.serial() == before
    assert shared_domain.ask(label).rcode() == dns.rcode.NXDOMAIN


@pytest.mark.parametrize(
    ("given", "taken"),
    [(99, False), (100, False), (101, True), (5000, True), (100 + 2**31 + 1, False), (100 + 2**31 - 1, True)],
    ids=["lower", "equal", "one more", "more", "beyond half", "just half"],
)
def test_an_soa_is_taken_when_its_serial_is_newer(
    shared_domain: Domain, admin: TsigKey, label: str, given: int, taken: bool
) -> None:
    """RFC 2136 §3.4.2.2 and §3.6, by the arithmetic of RFC 1982 §3.2."""
    zone = zone_name(shared_domain, label, 100)
    soa = f"ns9.bossa.test. hostmaster.bossa.test. {given} 1 2 3 4"
    assert send(shared_domain, admin, packets.update(zone, packets.record(zone, "SOA", soa, ttl=300))) == NOERROR
    assert shared_domain.serial(zone) == (given if taken else 100)
    assert shared_domain.values(f"{zone}.", "SOA")[0].startswith("ns9." if taken else "ns1.")


@pytest.mark.parametrize("given", [1, 5, 2**31 - 2])
def test_a_serial_past_the_wrap_is_newer(shared_domain: Domain, admin: TsigKey, label: str, given: int) -> None:
    """RFC 1982 §3.2"""
    zone = zone_name(shared_domain, label, 2**32 - 1)
    soa = f"ns1.bossa.test. hostmaster.bossa.test. {given} 1 2 3 4"
    assert send(shared_domain, admin, packets.update(zone, packets.record(zone, "SOA", soa, ttl=300))) == NOERROR
    assert shared_domain.serial(zone) == given


def test_the_serial_after_the_highest_is_newer_by_serial_arithmetic(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """RFC 1982 §3.2; 0 is skipped, because RFC 2136 §4.2 forbids it to requestors."""
    zone = zone_name(shared_domain, label, 2**32 - 1)
    addition = packets.record(f"x.{zone}", "A", "192.0.2.1", ttl=60)
    assert send(shared_domain, admin, packets.update(zone, addition)) == NOERROR
    assert shared_domain.serial(zone) == 1


def test_an_soa_below_the_apex_is_ignored(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.4.2.2: there is no zone SOA at that name."""
    soa = "ns1.bossa.test. hostmaster.bossa.test. 4000000000 1 2 3 4"
    record = packets.record(own(shared_domain, label), "SOA", soa, ttl=300)
    assert send(shared_domain, admin, packets.update(shared_domain.name, record)) == NOERROR
    assert shared_domain.values(label, "SOA") == []


def test_records_in_another_order_leave_the_serial(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 2136 §3.6: an RRset has no order."""
    put(f"{label} 60 A 192.0.2.1")
    put(f"{label} 60 A 192.0.2.2")
    before = shared_domain.serial()
    update = shared_domain.update()
    update.delete(label, "A", "192.0.2.1")
    update.add(label, 60, "A", "192.0.2.1")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.serial() == before


# Additions, RFC 2136 §3.4.2.2


def test_a_cname_is_not_added_beside_other_data(shared_domain: Domain, put: Callable[[str], None], label: str) -> None:
    """RFC 2136 §3.4.2.2: silently ignored."""
    put(f"{label} 60 A 192.0.2.1")
    before = shared_domain.serial()
    put(f"{label} 60 CNAME elsewhere.example.")
    assert shared_domain.values(label) == ["192.0.2.1"]
    assert shared_domain.values(label, "CNAME") == []
    assert shared_domain.serial() == before


def test_other_data_is_not_added_beside_a_cname(shared_domain: Domain, put: Callable[[str], None], label: str) -> None:
    """RFC 2136 §3.4.2.2: silently ignored."""
    put(f"{label} 60 CNAME elsewhere.example.")
    put(f"{label} 60 A 192.0.2.1")
    assert shared_domain.values(label, "CNAME") == ["elsewhere.example."]
    assert shared_domain.values(label) == []


def test_a_cname_replaces_a_cname(shared_domain: Domain, put: Callable[[str], None], label: str) -> None:
    """RFC 2136 §3.4.2.2"""
    put(f"{label} 60 CNAME one.example.")
    put(f"{label} 60 CNAME two.example.")
    assert shared_domain.values(label, "CNAME") == ["two.example."]


def test_a_name_may_change_from_address_to_cname_in_one_message(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 2136 §3.4.2: in order."""
    put(f"{label} 60 A 192.0.2.1")
    update = shared_domain.update()
    update.delete(label)
    update.add(label, 60, "CNAME", "one.example.")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.values(label, "CNAME") == ["one.example."]


def test_an_rrset_has_one_ttl_after_an_addition(shared_domain: Domain, put: Callable[[str], None], label: str) -> None:
    """RFC 2181 §5.2"""
    put(f"{label} 60 A 192.0.2.1")
    put(f"{label} 600 A 192.0.2.2")
    (rrset,) = shared_domain.ask(label).answer
    assert (len(rrset), rrset.ttl) == (2, 600)


def test_adding_a_record_again_with_another_ttl_changes_the_ttl(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 2136 §3.4.2.2: the zone's record is replaced by the update's."""
    put(f"{label} 60 A 192.0.2.1")
    before = shared_domain.serial()
    put(f"{label} 61 A 192.0.2.1")
    (rrset,) = shared_domain.ask(label).answer
    assert (len(rrset), rrset.ttl) == (1, 61)
    assert shared_domain.serial() == before + 1


def test_unknown_types_are_stored_and_deleted_as_they_came(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 3597 §3"""
    put(f"{label} 60 TYPE65500 \\# 3 0a0B0c")
    assert shared_domain.values(label, "TYPE65500") == ["\\# 3 0a0b0c"]
    update = shared_domain.update()
    update.delete(label, "TYPE65500", "\\# 3 0a0b0c")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.values(label, "TYPE65500") == []


@pytest.mark.parametrize(
    ("rtype", "data"),
    [
        ("AAAA", "2001:db8::1"),
        ("MX", "10 mail.example."),
        ("SRV", "1 2 389 dc.example."),
        ("TXT", '"a b" "c"'),
        ("CAA", '0 issue "ca.example"'),
        ("SSHFP", "4 2 " + "ab" * 32),
        ("NAPTR", '1 2 "u" "E2U+sip" "!x!y!" .'),
        ("HTTPS", '1 . alpn="h2"'),
        ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 1.00m 10000.00m 10.00m"),
    ],
)
def test_every_ordinary_type_can_be_added_and_deleted(
    shared_domain: Domain, put: Callable[[str], None], label: str, rtype: str, data: str
) -> None:
    """RFC 2136 §2.5.1 and §2.5.4"""
    put(f"{label} 60 {rtype} {data}")
    assert len(shared_domain.values(label, rtype)) == 1
    update = shared_domain.update()
    update.delete(label, rtype, data)
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.values(label, rtype) == []


# Deletions, RFC 2136 §3.4.2.3 and §3.4.2.4


def test_a_deletion_has_no_case_in_owner_and_names(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 4343 §3 and, for the names in rdata, RFC 3597 §6."""
    put(f"{label} 60 PTR Host.Example.")
    update = shared_domain.update()
    update.delete(label.upper(), "PTR", "hOST.eXAMPLE.")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.values(label, "PTR") == []


def test_deleting_all_at_a_name_leaves_what_is_below(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 2136 §3.4.2.3: RRs with the same NAME."""
    for line in (f"{label} 60 A 192.0.2.1", f"{label} 60 TXT x", f"below.{label} 60 A 192.0.2.2"):
        put(line)
    update = shared_domain.update()
    update.delete(label)
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.ask(label).rcode() == dns.rcode.NOERROR, "an empty non-terminal now"
    assert shared_domain.values(f"below.{label}") == ["192.0.2.2"]


def apex_deletions(zone: str) -> tuple[bytes, ...]:
    """Return every way to take SOA and NS away."""
    soa = "ns1.bossa.test. hostmaster 7 3600 900 1209600 300"
    return (
        packets.record(zone, TYPE_ANY, rclass=ANY),
        packets.record(zone, "NS", rclass=ANY),
        packets.record(zone, "SOA", rclass=ANY),
        packets.record(zone, "SOA", soa.replace("hostmaster", f"hostmaster.{zone}."), rclass=NONE),
    )


@pytest.mark.parametrize("way", range(4), ids=["ANY", "RRset NS", "RRset SOA", "record SOA"])
def test_soa_and_ns_of_the_apex_survive_every_deletion(
    shared_domain: Domain, admin: TsigKey, label: str, way: int
) -> None:
    """RFC 2136 §3.4.2.3 and §3.4.2.4"""
    zone = zone_name(shared_domain, label, 7)
    assert send(shared_domain, admin, packets.update(zone, apex_deletions(zone)[way])) == NOERROR
    assert len(shared_domain.values(f"{zone}.", "NS")) == 2
    assert shared_domain.serial(zone) == 7


def test_deleting_all_at_the_apex_takes_everything_but_soa_and_ns(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """RFC 2136 §3.4.2.3"""
    zone = zone_name(shared_domain, label, 7)
    assert send(shared_domain, admin, packets.update(zone, packets.record(zone, "TXT", "x", ttl=60))) == NOERROR
    assert send(shared_domain, admin, packets.update(zone, packets.record(zone, TYPE_ANY, rclass=ANY))) == NOERROR
    assert shared_domain.values(f"{zone}.", "TXT") == []
    assert len(shared_domain.values(f"{zone}.", "NS")) == 2
    assert shared_domain.serial(zone) == 9


def test_the_last_ns_of_the_apex_is_never_deleted(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.4.2.4"""
    zone = zone_name(shared_domain, label, 7)
    both = [packets.record(zone, "NS", f"ns{n}.bossa.test.", rclass=NONE) for n in (1, 2)]
    assert send(shared_domain, admin, packets.update(zone, *both)) == NOERROR
    assert shared_domain.values(f"{zone}.", "NS") == ["ns2.bossa.test."]
    assert send(shared_domain, admin, packets.update(zone, both[1])) == NOERROR
    assert shared_domain.values(f"{zone}.", "NS") == ["ns2.bossa.test."]


def test_name_servers_of_the_apex_can_be_exchanged_in_one_message(
    shared_domain: Domain, admin: TsigKey, label: str
) -> None:
    """RFC 2136 §3.4.2: in order; the new one is there when the old ones go."""
    zone = zone_name(shared_domain, label, 7)
    records = [packets.record(zone, "NS", "ns3.bossa.test.", ttl=60)]
    records += [packets.record(zone, "NS", f"ns{n}.bossa.test.", rclass=NONE) for n in (1, 2)]
    assert send(shared_domain, admin, packets.update(zone, *records)) == NOERROR
    assert shared_domain.values(f"{zone}.", "NS") == ["ns3.bossa.test."]


def test_name_servers_of_a_delegation_can_all_be_deleted(
    shared_domain: Domain, put: Callable[[str], None], label: str
) -> None:
    """RFC 2136 §3.4.2.3: only the apex keeps its NS."""
    put(f"{label} 60 NS ns.elsewhere.example.")
    update = shared_domain.update()
    update.delete(label, "NS")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.ask(label).rcode() == dns.rcode.NXDOMAIN


# The whole


def test_additions_and_deletions_are_done_in_their_order(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §3.4.2"""
    update = shared_domain.update()
    update.add(label, 60, "A", "192.0.2.1")
    update.delete(label, "A")
    update.add(label, 60, "A", "192.0.2.2")
    assert shared_domain.send(update).rcode() == NOERROR
    assert shared_domain.values(label) == ["192.0.2.2"]


def test_an_update_of_sixty_kilobytes_over_tcp_is_one_step(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §2 knows no limit below that of TCP, RFC 1035 §4.2.2."""
    before = shared_domain.serial()
    update = shared_domain.update()
    for n in range(230):
        update.add(f"{n}.{label}", 60, "TXT", "x" * 220)
    assert shared_domain.send(update, tcp=True).rcode() == NOERROR
    assert shared_domain.serial() == before + 1
    assert shared_domain.values(f"229.{label}", "TXT") == [f'"{"x" * 220}"']


def test_what_was_acknowledged_is_there_after_a_power_cut(domain: Domain) -> None:
    """RFC 2136 §3.5"""
    update = domain.update()
    update.add("kept", 60, "A", "192.0.2.1")
    assert domain.send(update).rcode() == NOERROR
    serial = domain.serial()
    domain.kill()
    domain.restart()
    assert domain.values("kept") == ["192.0.2.1"]
    assert domain.serial() == serial


def test_an_unsigned_update_is_refused(shared_domain: Domain, label: str) -> None:
    """RFC 3007 §3.1 leaves it to policy; Windows tries this first, and must be told so."""
    addition = packets.record(own(shared_domain, label), "A", "192.0.2.1", ttl=60)
    assert packets.rcode(shared_domain.exchange(packets.update(shared_domain.name, addition))) == dns.rcode.REFUSED


def test_updates_from_one_socket_are_answered_each_by_its_id(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.8"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.connect((shared_domain.address, shared_domain.dns_port))
        for n in range(50):
            addition = packets.record(f"{n}.{own(shared_domain, label)}", "A", "192.0.2.1", ttl=60)
            client.send(packets.sign(packets.update(shared_domain.name, addition, ident=n), admin))
        answered = {int.from_bytes(client.recv(4096)[:2], "big") for _ in range(50)}
    assert answered == set(range(50))
