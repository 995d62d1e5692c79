"""Master files: what is read from them, what is refused and where, and what is written."""

from __future__ import annotations

import io
import os
import time

import dns.zone
import pytest

from bossa.dns import generate, names, types, zonereader
from bossa.dns.zone import Mark, Origin, Zone
from bossa.dns.zonefile import Problem, Source, Watch, ZoneFileError, load_zone, read_zone, write_zone

APEX = names.from_text("example.org.")
MARK = Mark(Origin.FILE, 1700000000)
HEAD = "$TTL 300\n@ SOA ns1 admin 1 7200 3600 1209600 60\n@ NS ns1\n"

MIXED = r"""
$ORIGIN example.org.
$TTL 1h
@       IN SOA  ns1.example.org. host\.master.example.org. (
                2024010101      ; serial
                2h 30m 2w 300 ) ; the rest ; with ( brackets " and quotes
        IN NS   ns1
           NS   ns2.elsewhere.net.
        300 IN MX 10 mail
        IN 300 MX 20 mail2
ns1     A       192.0.2.1
        AAAA    2001:db8::1
mail    in a    192.0.2.2 ; lower case
Mail2   600     A 192.0.2.3
text    TXT     "one; two" three "four \"five\"" \; "a b"
*.wild  CNAME   mail
old     DNAME   new.example.net.
$ORIGIN sub
@       NS      ns1.sub
ns1     A       192.0.2.9
sub     A       192.0.2.10
$ORIGIN example.org.
_sip._udp SRV   0 5 5060 sip
sip     HTTPS   1 . alpn="h2,h3" port=443
sip     CAA     0 issue "ca.example; policy=ev"
new     TYPE65400 \# 5 ( 0102 03
                0405 )
num     TYPE1   192.0.2.11
hex     A       \# 4 C000020C
ds      NS      ns.ds
ds      DS      60485 8 2 EFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEFEF
loc     LOC     52 22 23.000 N 4 53 32.000 E -2.00m 2.00m 10000m 10m
naptr   NAPTR   100 10 "u" "E2U+sip" "!^.*$!sip:a@example.org!" .
a\.b\032c A     192.0.2.13
$GENERATE 1-3 host-$ A 192.0.2.$
$GENERATE 0-16/8 ${0,3,d} PTR h${1,2,x}.example.org.
"""


def load(text: str, **options):
    return Zone(APEX, load_zone(Source("zone", text.splitlines(keepends=True)), APEX, mark=MARK, **options))


def as_text(zone: Zone) -> str:
    out = io.StringIO()
    write_zone(zone, out)
    return out.getvalue()


def content(zone: Zone):
    return {(owner, rrset.type): (rrset.ttl, rrset.rdatas) for owner, rrset in zone.rrsets()}


def name(text: str) -> bytes:
    return names.from_text(text, APEX).lower()


def fails(text: str, **options) -> list[str]:
    with pytest.raises(ZoneFileError) as caught:
        load(text, **options)
    return str(caught.value).splitlines()


def test_a_mixed_zone_has_the_records_that_dnspython_reads():
    ours = {(o, t, ttl, frozenset(data)) for (o, t), (ttl, data) in content(load(MIXED)).items()}
    theirs = {
        (owner.to_wire().lower(), int(each.rdtype), each.ttl, frozenset(one.to_wire() for one in each))
        for owner, each in dns.zone.from_text(MIXED, "example.org.", relativize=False).iterate_rdatasets()
    }
    assert ours == theirs


def test_what_is_written_reads_back_equal_here_and_in_dnspython():
    zone = load(MIXED)
    text = as_text(zone)
    assert content(load(text)) == content(zone)
    original = dns.zone.from_text(MIXED, "example.org.", relativize=False)
    assert dns.zone.from_text(text, "example.org.", relativize=False) == original


def test_written_zone_starts_with_the_soa_and_sorts_names_canonically():
    text = as_text(
        load(HEAD + "z A 192.0.2.1\na.z A 192.0.2.1\n*.z A 192.0.2.1\nz.a 60 A 192.0.2.2\nns1 A 192.0.2.3\n")
    )
    assert text == (
        "$ORIGIN example.org.\n"
        "$TTL 300\n"
        "@                               IN SOA     ns1 admin (\n"
        "                        1           ; serial\n"
        "                        7200        ; refresh\n"
        "                        3600        ; retry\n"
        "                        1209600     ; expire\n"
        "                        60          ; minimum\n"
        "                        )\n"
        "                                IN NS      ns1\n"
        "z.a                     60      IN A       192.0.2.2\n"
        "ns1                             IN A       192.0.2.3\n"
        "z                               IN A       192.0.2.1\n"
        "*.z                             IN A       192.0.2.1\n"
        "a.z                             IN A       192.0.2.1\n"
    )


def test_unknown_types_are_written_in_the_form_of_rfc_3597():
    assert r"TYPE65400 \# 2 beef" in as_text(load(HEAD + r"x TYPE65400 \# 2 BEEF"))


def test_the_root_can_be_a_zone():
    text = "$TTL 9\n. SOA a. b. 1 2 3 4 5\n. NS a.\na A 192.0.2.1\n"
    zone = Zone(names.ROOT, load_zone(Source("root", text.splitlines()), names.ROOT, mark=MARK))
    again = Zone(names.ROOT, load_zone(Source("root", as_text(zone).splitlines()), names.ROOT, mark=MARK))
    assert zone.exists(names.from_text("a.")) and content(again) == content(zone)


@pytest.mark.parametrize(
    ("line", "ttl"),
    [
        ("x A 192.0.2.1", 300),
        ("x 60 A 192.0.2.1", 60),
        ("x 60 IN A 192.0.2.1", 60),
        ("x IN 60 A 192.0.2.1", 60),
        ("x CLASS1 1h30m TYPE1 192.0.2.1", 5400),
        ("x 1W A 192.0.2.1", 604800),
        ("x 0 a 192.0.2.1", 0),
        ("X.Example.ORG. A 192.0.2.1", 300),
        ("x\tA\t192.0.2.1\r", 300),
        ("x ( A ) 192.0.2.1", 300),
        (r"\120 A 192.0.2.1", 300),
    ],
)
def test_ttl_class_and_owner_are_read_in_all_their_forms(line, ttl):
    found = load(HEAD + line).find(name("x"), types.A)
    assert (found.ttl, found.rdatas) == (ttl, (b"\xc0\x00\x02\x01",))
    assert found.marks == (MARK,)


def test_without_a_default_the_soa_minimum_and_then_the_record_before_give_the_ttl():
    zone = load("@ SOA ns1 a 1 2 3 4 77\n@ NS ns1\nx 5 A 192.0.2.1\ny A 192.0.2.1\n")
    assert zone.find(APEX, types.NS).ttl == 77
    assert zone.find(name("y"), types.A).ttl == 5


def test_a_record_without_any_ttl_is_an_error():
    assert fails("x A 192.0.2.1\n" + HEAD)[0].startswith("zone:1: the record has no TTL")


def test_a_blank_owner_is_the_last_one_also_over_an_origin():
    zone = load(HEAD + "x A 192.0.2.1\n$ORIGIN sub\n TXT two\n")
    assert zone.find(name("x"), types.TXT)


def test_records_that_come_twice_are_kept_once_and_case_of_names_does_not_matter():
    zone = load(HEAD + "@ NS NS1\n@ NS ns2\nx A 192.0.2.1\nx A 192.0.2.1\nx TXT a\nx TXT A\n")
    assert zone.find(APEX, types.NS).rdatas == (names.from_text("ns1", APEX), names.from_text("ns2", APEX))
    assert len(zone.find(name("x"), types.A).rdatas) == 1
    assert len(zone.find(name("x"), types.TXT).rdatas) == 2


def test_the_soa_that_ends_a_transfer_listing_is_no_second_one():
    assert load(HEAD + HEAD.splitlines()[1]).soa.serial == 1


def test_the_first_ttl_of_an_rrset_holds_and_the_others_are_reported():
    problems: list[Problem] = []
    zone = load(HEAD + "x 60 A 192.0.2.1\nx 90 A 192.0.2.2\n", watch=Watch(problem=problems.append))
    assert zone.find(name("x"), types.A).ttl == 60
    assert [str(p) for p in problems] == ["zone:5: x.example.org. A has TTL 60 above, so 90 is not taken"]


@pytest.mark.parametrize(
    ("lines", "error"),
    [
        ("x A 192.0.2", "4: '192.0.2' is no IPv4 address"),
        ("\n\nx A (\n192.0.2\n)", "6: '192.0.2' is no IPv4 address"),
        ("x FROB y", "4: 'FROB' is no record type"),
        ("x", "4: the record ends before its type"),
        ("x 60 IN", "4: the record ends before its type"),
        ("x 60 60 A 192.0.2.1", "4: '60' is no record type"),
        ("x 1y A 192.0.2.1", "4: '1y' is no time: write seconds, or 1h30m with the units s m h d w"),
        ("x 2147483648 A 192.0.2.1", "4: 2147483648 is over the limit of 2147483647 seconds"),
        ("x CH TXT y", "4: class CH is not served: only IN is"),
        ("x.example.com. A 192.0.2.1", "4: x.example.com. is outside the zone example.org."),
        ("xexample.org. A 192.0.2.1", "4: xexample.org. is outside the zone example.org."),
        ("$ORIGIN com.\nx A 192.0.2.1", "5: x.com. is outside the zone example.org."),
        ("x TXT (a\nb", "4: a parenthesis is not closed"),
        ("x TXT a)", "4: a parenthesis is closed that was not open"),
        ('x TXT "a', "4: a quote is not closed"),
        ("x TXT a\\", "4: a backslash ends the line"),
        ("x ANY y", "4: class ANY is not served: only IN is"),
        ("x AXFR y", "4: AXFR is no type for a zone"),
        ("x OPT y", "4: OPT is no type for a zone"),
        ("x SOA a b 1 2 3 4 5", "4: an SOA belongs at the zone's apex example.org. only"),
        ("@ SOA a b 1 2 3 4 5", "4: example.org. has a second SOA, one is allowed"),
        ("x CNAME a\nx CNAME b", "5: x.example.org. has a second CNAME, one is allowed"),
        ("x DNAME a\nx DNAME b", "5: x.example.org. has a second DNAME, one is allowed"),
        ("x A 192.0.2.1\nx CNAME b", "5: x.example.org. has a CNAME and so can have no other data"),
        ("x CNAME b\nx TXT b", "5: x.example.org. has a CNAME and so can have no other data"),
        ("@ CNAME b", "4: example.org. has a CNAME and so can have no other data"),
        ("$TTL", "4: $TTL with 0 words behind it"),
        ("$FROB x", "4: '$FROB' is no directive: there are $ORIGIN $TTL $INCLUDE $GENERATE"),
        ("$INCLUDE x", "4: $INCLUDE is not allowed here: no directory was given for it"),
        ("$GENERATE 1-2 x A", "4: $GENERATE wants a range, an owner, a type and rdata"),
        ("$GENERATE 1-2 x${0 A 192.0.2.$", "4: ${ is not closed"),
        ("$GENERATE 2-1 x A 192.0.2.$", "4: the range 2-1 does not go up from START to STOP"),
        ("$GENERATE 255-300 x$ A 192.0.2.$", "4: '192.0.2.256' is no IPv4 address"),
        ("$GENERATE 1-2 x${-2} A 192.0.2.$", "4: ${-2} goes below zero at 1"),
        ("x RRSIG A 8", "4: RRSIG is of a signed zone: bossa has no DNSSEC; export it unsigned"),
        ("x DNSKEY 257", "4: DNSKEY is of a signed zone: bossa has no DNSSEC; export it unsigned"),
        ("x NSEC y A", "4: NSEC is of a signed zone: bossa has no DNSSEC; export it unsigned"),
        ("x NSEC3 1", "4: NSEC3 is of a signed zone: bossa has no DNSSEC; export it unsigned"),
    ],
)
def test_an_error_has_file_line_and_reason(lines, error):
    assert fails(HEAD + lines + "\n") == ["zone:" + error]


def test_a_zone_without_soa_or_ns_is_refused():
    assert fails("$TTL 1\nx A 192.0.2.1\n") == [
        "zone:2: the zone has no SOA record at example.org.",
        "zone:2: the zone has no NS record at example.org.",
    ]


def test_many_errors_come_together_up_to_twenty():
    found = fails(HEAD + "x A bad\n" * 30)
    assert found == [f"zone:{line}: 'bad' is no IPv4 address" for line in range(4, 24)]


def test_read_zone_yields_the_good_records_before_it_tells_the_errors():
    found = []
    with pytest.raises(ZoneFileError) as caught:
        for record in read_zone(Source("z", ["x 1 A 192.0.2.1", "x 1 A bad", "y A 192.0.2.2"]), APEX):
            found.append(record)
    assert found == [(name("x"), 1, 1, b"\xc0\x00\x02\x01"), (name("y"), 1, 1, b"\xc0\x00\x02\x02")]
    assert (caught.value.file, caught.value.line, caught.value.what) == ("z", 2, "'bad' is no IPv4 address")


def test_a_missing_file_is_a_zone_file_error(tmp_path):
    with pytest.raises(ZoneFileError, match=r"none\.zone: No such file"):
        load_zone(tmp_path / "none.zone", APEX, mark=MARK)


def test_a_file_may_start_with_a_byte_order_mark_and_hold_octets_that_are_no_utf_8(tmp_path):
    path = tmp_path / "zone"
    path.write_bytes(b"\xef\xbb\xbf" + HEAD.encode() + b'x TXT "\xff\xc3\xa9"\r\n')
    zone = Zone(APEX, load_zone(path, APEX, mark=MARK))
    assert zone.find(name("x"), types.TXT).rdatas == (b"\x03\xff\xc3\xa9",)


def test_a_stream_that_cannot_decode_its_text_is_a_zone_file_error():
    stream = io.TextIOWrapper(io.BytesIO(HEAD.encode() + b"x TXT \xff\n"), encoding="utf-8")
    with pytest.raises(ZoneFileError, match="the text is not utf-8"):
        load_zone(Source("stdin", stream), APEX, mark=MARK)


def test_progress_is_told_every_some_thousand_lines():
    heard: list[int] = []
    load(HEAD + "; nothing\n" * 25_000, watch=Watch(progress=heard.append))
    assert heard == [10_000, 20_000]


def test_limits_on_lines_records_and_counts_hold(monkeypatch):
    assert fails(HEAD + "x TXT " + "a " * (1 << 19)) == ["zone:4: the line has more than 1048576 characters"]
    assert fails(HEAD + "x TXT (\n" + ("a" * 1000 + "\n") * 1100)[0].endswith(
        "the record has more than 1048576 characters"
    )
    assert fails(HEAD + f"$GENERATE 0-{generate.MAX_COUNT} x$ TXT y")[0].endswith("1000000 are the most")
    monkeypatch.setattr(zonereader, "MAX_RECORDS", 10)
    assert fails(HEAD + "$GENERATE 1-20 x$ TXT y\n") == ["zone:4: the zone has more than 10 records"]


def test_an_include_has_its_own_origin_and_gives_ours_back(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "hosts").write_text("@ A 192.0.2.7\nwww A 192.0.2.8\n$ORIGIN x\n")
    zone = load(
        HEAD + "o A 192.0.2.1\n$INCLUDE deep/hosts sub ; why\n TXT still-o\nw A 192.0.2.2\n", include_dir=tmp_path
    )
    assert zone.find(name("sub"), types.A) and zone.find(name("www.sub"), types.A)
    assert zone.find(name("o"), types.TXT) and zone.find(name("w"), types.A)


def test_an_error_in_an_include_names_that_file(tmp_path):
    (tmp_path / "hosts").write_text("\nx A bad\n")
    assert fails(HEAD + "$INCLUDE hosts\ny A bad\n", include_dir=tmp_path) == [
        "hosts:2: 'bad' is no IPv4 address",
        "zone:5: 'bad' is no IPv4 address",
    ]


def test_links_inside_the_directory_may_be_included(tmp_path):
    (tmp_path / "real").write_text("x A 192.0.2.1\n")
    (tmp_path / "link").symlink_to("real")
    assert load(HEAD + "$INCLUDE link\n", include_dir=tmp_path).find(name("x"), types.A)


def test_an_include_cannot_leave_its_directory(tmp_path):
    inside, outside = tmp_path / "zones", tmp_path / "zones-secret"
    inside.mkdir(), outside.mkdir()
    (outside / "secret").write_text("x TXT secret\n")
    (inside / "link").symlink_to(outside / "secret")
    (inside / "dir").symlink_to(outside)
    os.mkfifo(inside / "pipe")
    for path in ("../zones-secret/secret", str(outside / "secret"), "link", "dir/secret", "..", ".", "/etc/hostname"):
        found = fails(HEAD + f"$INCLUDE {path}\n", include_dir=inside)
        assert len(found) == 1 and "is outside" in found[0], path
    assert "regular file" in fails(HEAD + "$INCLUDE pipe\n", include_dir=inside)[0]
    assert "No such file" in fails(HEAD + "$INCLUDE none\n", include_dir=inside)[0]
    assert "null byte" in fails(HEAD + "$INCLUDE a\\000b\n", include_dir=inside)[0]


def test_an_include_of_itself_ends_at_the_depth_limit(tmp_path):
    (tmp_path / "self").write_text("$INCLUDE self\n")
    assert "more than 16 deep" in fails(HEAD + "$INCLUDE self\n", include_dir=tmp_path)[0]


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("host$", 7, "host7"),
        ("host-${10}", 7, "host-17"),
        ("${0,4}", 7, "0007"),
        ("${0,3,x}", 255, "0ff"),
        ("${0,3,X}", 255, "0FF"),
        ("${0,0,o}", 8, "10"),
        ("${-5,2,d}", 7, "02"),
        ("${0,3,n}", 0x1, "1.0"),
        ("${0,5,N}", 0xAB, "B.A.0"),
        ("${0,0,n}", 0x12F, "f.2.1"),
        ("${0,4,n}", 0x1, "1.0."),
        ("a$$b", 7, r"a\$b"),
        (r"a\$b$", 7, r"a\$b7"),
        ("plain", 7, "plain"),
    ],
)
def test_generate_fills_its_templates_as_bind_does(template, value, text):
    assert generate.expand(generate.compile_template(template), value) == text


@pytest.mark.parametrize("template", ["${}", "${x}", "${0,1,q}", "${0,999}", "${0,1,d,2}", "${1 }"])
def test_generate_refuses_other_modifiers(template):
    with pytest.raises(ValueError, match="is no OFFSET"):
        generate.compile_template(template)


def test_generate_makes_records_of_any_type_with_quoted_rdata_cut_into_words():
    zone = load(HEAD + '$GENERATE 1-2 h$ 60 IN MX "10 mail-$"\n$GENERATE 3-3 h$ TXT a "$ b"\n')
    assert zone.find(name("h2"), types.MX).rdatas == (b"\x00\x0a" + name("mail-2"),)
    assert zone.find(name("h2"), types.MX).ttl == 60
    assert zone.find(name("h3"), types.TXT)


@pytest.mark.parametrize("start", ["x TXT ", "", "$GENERATE 1-2 x A ", "$ORIGIN ", "$TTL ", "x ", "x MX 10 "])
@pytest.mark.parametrize("part", ['"', "\\", '\\"', "a", "${", "$", "1h", "(", ";", ".", "é", "1", '"" ', "\\1"])
def test_a_long_line_takes_no_longer_than_its_length_allows(start, part):
    began = time.process_time()
    try:
        load(HEAD + start + part * (200_000 // len(part)))
    except ZoneFileError as e:
        assert len(str(e)) < 10_000
    assert time.process_time() - began < 2
