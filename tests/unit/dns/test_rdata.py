"""Rdata: text to wire and back, the check of what came by update, and reading from messages."""

from __future__ import annotations

import subprocess
import sys

import dns.name
import dns.rdata
import dns.rdatatype
import pytest

from bossa.dns import names, rdata, types
from bossa.wire import Reader, WireError

ORIGIN = names.from_text("Example.org.")
MESSAGE_HEAD = b"\x00" * 12 + names.from_text("mail.example.org.")  # the name is at 12, its parent at 17

SPECIMENS = [
    ("A", "192.0.2.1"),
    ("AAAA", "2001:db8::1"),
    ("NS", "ns1"),
    ("NS", "ns1.elsewhere."),
    ("CNAME", "@"),
    ("PTR", r"odd\.label.with\032blank"),
    ("DNAME", "new.place."),
    ("SOA", "ns1 admin 2024010101 7200 3600 1209600 300"),
    ("MX", "10 mail"),
    ("MX", "0 ."),
    ("TXT", '"one" "two words" ""'),
    ("TXT", r'"quote \" backslash \\ octet \200 semicolon ;"'),
    ("SPF", '"v=spf1 -all"'),
    ("SRV", "0 5 5060 sip"),
    ("HINFO", '"PDP-11" "RSX"'),
    ("MINFO", "owner errors"),
    ("RP", "admin people"),
    ("AFSDB", "1 afs"),
    ("X25", '"311061700956"'),
    ("ISDN", '"150862028003217" "004"'),
    ("RT", "10 relay"),
    ("PX", "10 a b"),
    ("KX", "10 kx"),
    ("NAPTR", '100 10 "u" "E2U+sip" "!^.*$!sip:info@example.org!" .'),
    ("CAA", '0 issue "ca.example"'),
    ("SSHFP", "4 2 " + "ab" * 32),
    ("TLSA", "3 1 1 " + "cd" * 32),
    ("DS", "60485 8 2 " + "ef" * 32),
    ("URI", '10 1 "https://example.org/"'),
    ("HTTPS", '1 . alpn="h2,h3" ipv4hint="192.0.2.1"'),
    ("SVCB", "0 other.example."),
    ("LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 2.00m 10000.00m 10.00m"),
    ("APL", "1:192.0.2.0/24 !2:2001:db8::/32"),
    ("EUI48", "00-00-5e-00-53-2a"),
    ("CERT", "PGP 0 0 YQ=="),
    ("OPENPGPKEY", "YQ=="),
    ("TYPE65400", r"\# 3 010203"),
    ("TYPE65400", r"\# 0"),
    ("NULL", r"\# 2 beef"),
]


@pytest.mark.parametrize(("mnemonic", "text"), SPECIMENS)
def test_text_becomes_rdata_and_the_same_text_again(mnemonic, text):
    rtype = types.type_number(mnemonic)
    wire = rdata.parse(rtype, text, ORIGIN)
    rdata.check(rtype, wire)
    assert rdata.to_text(rtype, wire, ORIGIN) == text


@pytest.mark.parametrize(("mnemonic", "text"), [s for s in SPECIMENS if s[0] not in ("MINFO", "NULL")])
def test_rdata_has_the_octets_that_dnspython_makes(mnemonic, text):
    rtype = types.type_number(mnemonic)
    theirs = dns.rdata.from_text(
        "IN", dns.rdatatype.RdataType.make(rtype), text, dns.name.from_text("Example.org."), relativize=False
    )
    assert rdata.parse(rtype, text, ORIGIN) == theirs.to_wire()


@pytest.mark.parametrize(
    ("mnemonic", "text", "like"),
    [
        ("A", r"\# 4 c0 00 0201", "192.0.2.1"),
        ("SOA", "ns1 admin 1 2h 30m 2w 5M", "ns1 admin 1 7200 1800 1209600 300"),
        ("TXT", "plain é", '"plain" "\\195\\169"'),
        ("TXT", r"a\098c", '"abc"'),
        ("HTTPS", "1 . alpn=h2 port=443", '1 . alpn="h2" port="443"'),
        ("AAAA", "::FFFF:192.0.2.1", "::ffff:c000:201"),
        ("MX", "( 10\n mail ) ; comment", "10 mail"),
    ],
)
def test_other_spellings_are_read_too(mnemonic, text, like):
    rtype = types.type_number(mnemonic)
    assert rdata.parse(rtype, text, ORIGIN) == rdata.parse(rtype, like, ORIGIN)


@pytest.mark.parametrize(
    ("mnemonic", "text", "what"),
    [
        ("A", "192.0.2", "no IPv4 address"),
        ("A", "192.0.2.010", "no IPv4 address"),
        ("A", "192.0.2.1 x", "one field too many"),
        ("A", "", "address is missing"),
        ("A", r"\# 3 c00002", "runs past"),
        ("A", r"\# 4 c00002", "says 4 octets, but 3 follow"),
        ("A", r"\# 4 c00002zz", "hexadecimal"),
        ("A", r"\#", "wants the length"),
        ("AAAA", "fe80::1%eth0", "no IPv6 address"),
        ("MX", "65536 mail", "no number up to 65535"),
        ("MX", "10", "name is missing"),
        ("MX", "10 a..b", "a label has 1 to 63 octets"),
        ("NS", "x" * 64, "a label has 1 to 63 octets"),
        ("TXT", "x" * 256, "at most 255 octets"),
        ("TXT", r"\256", "no octet"),
        ("TXT", '"open', "quote is not closed"),
        ("TXT", "", "text is missing"),
        ("SOA", "a b 1 2 3 4", "minimum is missing"),
        ("SOA", "a b 1 2x 3 4 5", "no time"),
        ("CAA", "0 issue", "CAA: "),
        ("LOC", "nowhere", "LOC: "),
        ("TLSA", "3 1 1 zz", "TLSA: "),
        ("TYPE65400", "x", "LENGTH HEX"),
        ("NULL", "x", "LENGTH HEX"),
    ],
)
def test_wrong_text_is_a_value_error_that_says_what(mnemonic, text, what):
    with pytest.raises(ValueError, match=what):
        rdata.parse(types.type_number(mnemonic), text, ORIGIN)


@pytest.mark.parametrize(
    ("mnemonic", "hexadecimal", "what"),
    [
        ("A", "c0000201ff", "left over"),
        ("A", "", "runs past"),
        ("AAAA", "00" * 15, "runs past"),
        ("NS", "0161", "runs past"),
        ("NS", "016100ff", "left over"),
        ("NS", "40" + "61" * 64 + "00", "label type"),
        ("CNAME", "c000", "pointer"),
        ("MX", "000a0161c002", "pointer"),
        ("PTR", "0161016200c000", "left over"),
        ("PX", "000a0c" + "61" * 12 + "00c00f", "compressed name"),
        ("MX", "000a", "runs past"),
        ("TXT", "", "runs past"),
        ("TXT", "0561", "runs past"),
        ("SOA", "0000" + "00" * 19, "runs past"),
        ("SRV", "000000000000", "runs past"),
        ("CAA", "00", "CAA: "),
        ("SSHFP", "04", "SSHFP: "),
        ("HTTPS", "0001c000", "HTTPS: "),
    ],
)
def test_check_refuses_rdata_of_another_shape(mnemonic, hexadecimal, what):
    with pytest.raises(WireError, match=what):
        rdata.check(types.type_number(mnemonic), bytes.fromhex(hexadecimal))


def test_check_lets_anything_pass_for_a_type_that_nobody_knows():
    rdata.check(65400, b"\xc0\x00\xff")
    rdata.check(65400, b"")


@pytest.mark.parametrize(
    ("mnemonic", "packed", "plain"),
    [
        ("NS", b"\xc0\x0c", names.from_text("mail.example.org.")),
        ("MX", b"\x00\x0a\x03box\xc0\x11", b"\x00\x0a" + names.from_text("box.example.org.")),
        (
            "SOA",
            b"\xc0\x0c\x02me\xc0\x11" + b"\x01" * 20,
            names.from_text("mail.example.org.") + names.from_text("me.example.org.") + b"\x01" * 20,
        ),
        ("SRV", b"\x00" * 6 + b"\xc0\x0c", b"\x00" * 6 + names.from_text("mail.example.org.")),
        (
            "NAPTR",
            b"\x00" * 4 + b"\x01u\x00\x00\xc0\x11",
            b"\x00" * 4 + b"\x01u\x00\x00" + names.from_text("example.org."),
        ),
        ("TXT", b"\x02hi\x00", b"\x02hi\x00"),
        ("CAA", b"\xc0\x0c", b"\xc0\x0c"),
    ],
)
def test_compressed_names_in_a_message_are_expanded(mnemonic, packed, plain):
    r = Reader(MESSAGE_HEAD + packed + b"next", len(MESSAGE_HEAD))
    assert rdata.read_rdata(r, types.type_number(mnemonic), len(packed)) == plain
    assert r.octets("rest", 4) == b"next"


def test_a_name_in_rdata_may_not_run_into_the_next_record():
    r = Reader(MESSAGE_HEAD + b"\x03box\xc0\x11", len(MESSAGE_HEAD))
    with pytest.raises(WireError):
        rdata.read_rdata(r, types.NS, 4)


def test_only_the_types_of_rfc_1035_have_compressible_names():
    assert rdata.compressible_names(types.NS) == (0, 1)
    assert rdata.compressible_names(types.MX) == (2, 1)
    assert rdata.compressible_names(types.SOA) == (0, 2)
    assert rdata.compressible_names(types.SRV) == (0, 0)
    assert rdata.compressible_names(types.DNAME) == (0, 0)


def test_canonical_rdata_folds_names_and_nothing_else():
    assert rdata.canonical(types.MX, rdata.parse(types.MX, "10 MAIL.Example.")) == rdata.parse(
        types.MX, "10 mail.example."
    )
    text = rdata.parse(types.TXT, '"Upper"')
    assert rdata.canonical(types.TXT, text) == text
    naptr = rdata.parse(35, '1 1 "U" "E2U" "" Up.')
    assert rdata.canonical(35, naptr) == rdata.parse(35, '1 1 "U" "E2U" "" up.')


def test_text_keeps_a_name_whole_when_only_case_tells_it_from_the_origin():
    assert rdata.to_text(types.NS, names.from_text("ns.example.ORG."), ORIGIN) == "ns.example.ORG."
    assert rdata.to_text(types.NS, names.from_text("ns.Example.org."), None) == "ns.Example.org."


def test_the_usual_types_need_no_dnspython():
    program = (
        "import sys; from bossa.dns import rdata\n"
        "usual = (1, '192.0.2.1'), (28, '::1'), (15, '1 m.'), (16, 'x'), (6, 'a. b. 1 2 3 4 5'), (65400, r'\\# 0')\n"
        "for t, x in usual:\n"
        "    w = rdata.parse(t, x); rdata.check(t, w); rdata.to_text(t, w)\n"
        "assert 'dns.rdata' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
