"""The form of answers: EDNS, truncation, flags, compression, and messages that we do not take."""

from __future__ import annotations

import struct

import dns.edns
import dns.message
import dns.rcode
import dns.rdatatype
import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain

NOERROR, FORMERR, NOTIMP, REFUSED = 0, 1, 4, 5

pytestmark = pytest.mark.usefixtures("example_zones")


def ask(domain: Domain, owner: str, rtype: str = "A") -> dns.message.Message:
    """Ask for a name of answers.test."""
    return domain.ask(f"{owner}.answers.test.", rtype)


# EDNS


def test_an_answer_without_edns_has_no_opt(shared_domain: Domain) -> None:
    """RFC 6891 §7"""
    reply = shared_domain.exchange(packets.query("host.answers.test"))
    assert packets.OPT not in [rtype for _, rtype, *_ in packets.records(reply)]


def test_an_answer_with_edns_offers_1232_octets(shared_domain: Domain) -> None:
    """RFC 6891 §6.2.3; 1232 is what fits the least MTU of IPv6 (RFC 8200 §5)."""
    answer = ask(shared_domain, "host")
    assert (answer.edns, answer.payload) == (0, 1232)


@pytest.mark.parametrize("owner", ["host", "nothing", "below.sub"])
def test_every_answer_to_edns_has_edns(shared_domain: Domain, owner: str) -> None:
    """RFC 6891 §6.1.1"""
    assert ask(shared_domain, owner).edns == 0


def test_another_version_of_edns_is_badvers(shared_domain: Domain) -> None:
    """RFC 6891 §6.1.3"""
    reply = shared_domain.exchange(packets.query("host.answers.test", "A", packets.opt(version=1)))
    (ttl,) = [ttl for _, rtype, _, ttl, _ in packets.records(reply) if rtype == packets.OPT]
    assert packets.rcode(reply) | ttl >> 24 << 4 == dns.rcode.BADVERS
    assert ttl >> 16 & 255 == 0, "the highest version that we know"
    assert packets.counts(reply)[1] == 0


def test_two_opt_records_are_formerr(shared_domain: Domain) -> None:
    """RFC 6891 §6.1.1"""
    assert (
        packets.rcode(shared_domain.exchange(packets.query("host.answers.test", "A", packets.opt(), packets.opt())))
        == 1
    )


def test_an_opt_record_of_another_name_is_formerr(shared_domain: Domain) -> None:
    """RFC 6891 §6.1.2: the owner is the root."""
    named = packets.name("x.test") + packets.opt()[1:]
    assert packets.rcode(shared_domain.exchange(packets.query("host.answers.test", "A", named))) == FORMERR


def test_options_that_nobody_knows_are_ignored(shared_domain: Domain) -> None:
    """RFC 6891 §6.1.2"""
    unknown = packets.opt(options=struct.pack("!HH", 65001, 3) + b"abc")
    reply = shared_domain.exchange(packets.query("host.answers.test", "A", unknown))
    assert (packets.rcode(reply), packets.counts(reply)[1]) == (NOERROR, 1)


def test_an_option_that_runs_past_the_record_is_formerr(shared_domain: Domain) -> None:
    """RFC 6891 §6.1.2"""
    broken = packets.opt(options=struct.pack("!HH", 65001, 30) + b"abc")
    assert packets.rcode(shared_domain.exchange(packets.query("host.answers.test", "A", broken))) == FORMERR


def test_the_do_bit_comes_back(shared_domain: Domain) -> None:
    """RFC 3225 §3"""
    reply = shared_domain.exchange(packets.query("host.answers.test", "A", packets.opt(flags=0x8000)))
    (ttl,) = [ttl for _, rtype, _, ttl, _ in packets.records(reply) if rtype == packets.OPT]
    assert ttl & 0x8000


def test_a_refusal_tells_people_why_in_an_extended_error(shared_domain: Domain) -> None:
    """RFC 8914 §2: an option in the answer to a query with EDNS, never without."""
    update = packets.update(shared_domain.name, packets.record(f"x.{shared_domain.name}", "A", "192.0.2.1"))
    told = dns.message.from_wire(shared_domain.exchange(packets.append(update, packets.opt())))
    assert told.rcode() == REFUSED
    assert [option.otype for option in told.options] == [dns.edns.OptionType.EDE]
    assert packets.counts(shared_domain.exchange(update))[3] == 0


# Truncation


@pytest.mark.parametrize(
    ("owner", "extra", "truncated"),
    [
        ("host", (), False),
        ("big", (), True),
        ("big", (packets.opt(),), False),
        ("huge", (packets.opt(),), True),
        ("huge", (packets.opt(size=4096),), True),
        ("big", (packets.opt(size=600),), True),
        ("host", (packets.opt(size=0),), False),
        ("big", (packets.opt(size=0),), True),
    ],
    ids=["small", "513 and more", "edns 1232", "1233 and more", "edns 4096", "edns 600", "edns 0", "edns 0 big"],
)
def test_an_answer_too_big_for_udp_is_truncated(
    shared_domain: Domain, owner: str, extra: tuple[bytes, ...], truncated: bool
) -> None:
    """RFC 1035 §4.2.1; RFC 6891 §6.2.3 and §6.2.5: less than 512 counts as 512; never more than our own 1232."""
    reply = shared_domain.exchange(packets.query(f"{owner}.answers.test", "TXT", *extra))
    assert bool(reply[2] & 2) is truncated
    assert len(reply) <= 1232


def test_a_truncated_answer_is_whole_over_tcp(shared_domain: Domain) -> None:
    """RFC 7766 §5"""
    reply = shared_domain.exchange(packets.query("huge.answers.test", "TXT"), tcp=True)
    assert not reply[2] & 2
    assert len(reply) > 1250


def test_additional_records_that_do_not_fit_are_left_out_without_tc(shared_domain: Domain) -> None:
    """RFC 2181 §9"""
    many = "".join(f"@ MX {n} {'m' * 40}{n:02}\n{'m' * 40}{n:02} A 192.0.2.{n}\n" for n in range(7))
    soa = "$TTL 60\n@ SOA ns1.bossa.test. h 1 2 3 4 5\n@ NS ns1.bossa.test.\n"
    shared_domain.add_zone("mx.test", soa + many)
    reply = shared_domain.exchange(packets.query("mx.test", "MX"))
    assert not reply[2] & 2
    assert packets.counts(reply)[1] == 7
    assert len(reply) <= 512
    shared_domain.remove_zone("mx.test")


# The wire form


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_the_case_of_the_question_is_kept(shared_domain: Domain, tcp: bool) -> None:
    """draft-vixie-dnsext-dns0x20: resolvers check it; RFC 4343 §4.1"""
    query = packets.query("hOsT.AnSwErS.tEsT")
    reply = shared_domain.exchange(query, tcp=tcp)
    assert reply[12 : len(query)] == query[12:]
    assert packets.counts(reply)[1] == 1


def test_the_case_of_the_question_does_not_stick(shared_domain: Domain) -> None:
    """A prepared answer serves every spelling."""
    for spelling in ("host.answers.test", "HOST.ANSWERS.TEST", "hoST.answers.TEST", "host.answers.test"):
        query = packets.query(spelling)
        assert shared_domain.exchange(query)[12 : len(query)] == query[12:]


@pytest.mark.parametrize("flags", [0, 0x0100, 0x0010, 0x0110], ids=["none", "RD", "CD", "RD CD"])
def test_rd_and_cd_come_back_and_ra_tells_that_we_pass_on(shared_domain: Domain, flags: int) -> None:
    """RFC 1035 §4.1.1, RFC 4035 §3.1.6"""
    query = packets.header(flags=flags, ident=0xFEED) + packets.question("host.answers.test")
    reply = shared_domain.exchange(query)
    got = int.from_bytes(reply[2:4], "big")
    assert reply[:2] == b"\xfe\xed"
    assert got & 0x0110 == flags
    assert got & 0x8400 == 0x8400, "QR and AA"


@pytest.mark.parametrize("owner", ["host", "nothing", "alias", "@", "twice", "below.sub", "www.old"])
@pytest.mark.parametrize("rtype", ["A", "MX", "NS"])
def test_names_are_compressed_as_the_peers_do(shared_domain: Domain, owner: str, rtype: str) -> None:
    """RFC 1035 §4.1.4: owners, and the names in the types of that document, the SOA of negative answers among them."""
    name = "answers.test" if owner == "@" else f"{owner}.answers.test"
    reply = shared_domain.exchange(packets.query(name, rtype))
    assert len(reply) <= len(dns.message.from_wire(reply).to_wire())


def test_names_in_new_types_are_not_compressed(shared_domain: Domain) -> None:
    """RFC 3597 §4 and RFC 2782: a target of SRV stands whole."""
    reply = shared_domain.exchange(packets.query("_ldap._tcp.answers.test", "SRV"))
    (rdata,) = [rdata for _, rtype, _, _, rdata in packets.records(reply) if rtype == dns.rdatatype.SRV]
    assert rdata[6:] == packets.name("host.answers.test")


# What we do not do


@pytest.mark.parametrize("opcode", [1, 2, 3, 6, 7, 8, 15])
@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_an_opcode_that_we_do_not_do_is_notimp(shared_domain: Domain, opcode: int, tcp: bool) -> None:
    """RFC 1035 §4.1.1; IQUERY, 1, by RFC 3425 §3"""
    reply = shared_domain.exchange(packets.header(opcode=opcode) + packets.question("host.answers.test"), tcp=tcp)
    assert packets.rcode(reply) == NOTIMP
    assert reply[2] >> 3 & 15 == opcode


def test_iquery_with_its_answer_section_is_notimp(shared_domain: Domain) -> None:
    """RFC 3425 §3"""
    message = packets.header((0, 1, 0, 0), opcode=1) + packets.record("x.test", "A", "192.0.2.1")
    assert packets.rcode(shared_domain.exchange(message)) == NOTIMP


@pytest.mark.parametrize("count", [0, 2])
def test_a_query_with_another_number_of_questions_than_one_is_formerr(shared_domain: Domain, count: int) -> None:
    """RFC 9619 §4; none at all is allowed with a cookie only (RFC 7873 §5.4)."""
    query = packets.header((count, 0, 0, 0)) + packets.question("host.answers.test") * count
    assert packets.rcode(shared_domain.exchange(query)) == FORMERR


@pytest.mark.parametrize("rclass", [3, 4, 254, 99], ids=["CHAOS", "HESIOD", "NONE", "99"])
def test_a_class_that_is_not_ours_is_refused_and_not_passed_on(shared_domain: Domain, rclass: int) -> None:
    """RFC 1035 §3.2.4; zones are of class IN."""
    reply = shared_domain.exchange(packets.query("version.bind", "TXT", rclass=rclass))
    assert packets.rcode(reply) in (FORMERR, NOTIMP, REFUSED)
    assert packets.counts(reply)[1] == 0


def test_a_question_cut_short_is_formerr(shared_domain: Domain) -> None:
    """RFC 1035 §4.1.1"""
    query = packets.query("host.answers.test")
    for size in range(12, len(query)):
        assert packets.rcode(shared_domain.exchange(query[:size])) == FORMERR


def test_less_than_a_header_gets_no_answer(shared_domain: Domain) -> None:
    """There is no ID to answer to."""
    for size in (0, 1, 2, 11):
        assert shared_domain.silent(packets.query("host.answers.test")[:size], timeout=0.1)
    assert ask(shared_domain, "host").rcode() == NOERROR


@pytest.mark.parametrize("pointer", [b"\xc0\x0c", b"\xc0\x10", b"\xff\xff", b"\x40a", b"\x80a"])
def test_a_question_whose_name_leads_nowhere_is_formerr(shared_domain: Domain, pointer: bytes) -> None:
    """RFC 1035 §4.1.4; labels of other kinds: RFC 6891 §5"""
    query = packets.header() + pointer + struct.pack("!HH", 1, 1)
    assert packets.rcode(shared_domain.exchange(query)) == FORMERR


@pytest.mark.parametrize("rtype", ["AXFR", "IXFR"])
def test_a_transfer_is_not_for_everybody(shared_domain: Domain, rtype: str) -> None:
    """RFC 5936 §5; nobody may fetch a zone until `zone set --allow-transfer` says who."""
    reply = shared_domain.exchange(packets.query("answers.test", rtype), tcp=True)
    assert packets.rcode(reply) in (NOTIMP, REFUSED)
    assert packets.counts(reply)[1] == 0
