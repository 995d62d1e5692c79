"""Zone files: writing and reading give the same zone, and no text does anything but load or fail with its line."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.dns import names, rdata, types
from bossa.dns.shapes import SHAPES, WIRE_ONLY
from bossa.dns.tokens import join, split
from bossa.dns.zone import Mark, Origin, RRset, Zone
from bossa.dns.zonefile import Source, ZoneFileError, load_zone, write_zone
from bossa.wire import WireError

APEX = names.from_text("Example.org.").lower()
MARK = Mark(Origin.FILE, 0)
HEAD = "$TTL 300\n@ SOA ns1 admin 1 7200 3600 1209600 60\n@ NS ns1\n"

label = st.one_of(st.sampled_from([b"a", b"B", b"*", b"@", b"$TTL", b'";.', b"\\"]), st.binary(min_size=1, max_size=12))
labels = st.lists(label, min_size=1, max_size=4)
name = st.one_of(labels.map(names.from_labels), labels.map(lambda parts: names.from_labels(parts)[:-1] + APEX))
owner = labels.map(lambda parts: (names.from_labels(parts)[:-1] + APEX).lower())
string = st.binary(max_size=40).map(lambda data: bytes((len(data),)) + data)
ttl = st.sampled_from([0, 300, 3600, 0x7FFFFFFF])
SPECIMENS = {
    types.A: st.binary(min_size=4, max_size=4),
    types.AAAA: st.binary(min_size=16, max_size=16),
    types.NS: name,
    types.PTR: name,
    types.MX: st.tuples(st.binary(min_size=2, max_size=2), name).map(b"".join),
    types.SRV: st.tuples(st.binary(min_size=6, max_size=6), name).map(b"".join),
    types.TXT: st.lists(string, min_size=1, max_size=3).map(b"".join),
    types.HINFO: st.tuples(string, string).map(b"".join),
    35: st.tuples(st.binary(min_size=4, max_size=4), string, string, string, name).map(b"".join),
    types.DS: st.binary(min_size=32, max_size=32).map(lambda digest: b"\x12\x34\x08\x02" + digest),
    65400: st.binary(max_size=40),
    10: st.binary(max_size=40),
}


@st.composite
def rrsets(draw: st.DrawFn) -> tuple[bytes, RRset]:
    rtype = draw(st.sampled_from(sorted(SPECIMENS)))
    found = draw(st.lists(SPECIMENS[rtype], min_size=1, max_size=4))
    unique = {rdata.canonical(rtype, one): one for one in found}
    return draw(owner), RRset(rtype, draw(ttl), tuple(unique.values()), (MARK,) * len(unique))


@st.composite
def zones(draw: st.DrawFn) -> Zone:
    soa = draw(name) + draw(name) + draw(st.binary(min_size=20, max_size=20))
    zone = Zone(APEX, [(APEX, RRset(types.NS, draw(ttl), (draw(name),), (MARK,)))])
    zone.put(APEX, types.SOA, RRset(types.SOA, draw(ttl), (soa,), (MARK,)))
    for at, rrset in draw(st.lists(rrsets(), max_size=8)):
        zone.put(at, rrset.type, rrset)
    return zone


def load(text: str) -> Zone:
    return Zone(APEX, load_zone(Source("zone", text.splitlines(keepends=True)), APEX, mark=MARK))


@given(zones())
@settings(max_examples=150, deadline=None)
def test_a_written_zone_reads_back_equal(zone):
    out = io.StringIO()
    write_zone(zone, out)
    # Not str.splitlines: a zone file's lines end at newlines only.
    again = Zone(APEX, load_zone(Source("zone", io.StringIO(out.getvalue())), APEX, mark=MARK))
    assert set(again.rrsets()) == set(zone.rrsets())


pieces = st.sampled_from(
    [*"\n\n\n  \t();\"\\@$.*a1é", "$ORIGIN ", "$TTL ", "$INCLUDE ", "$GENERATE 1-3 ", "${0,3,x}", "300 ", "1h",
     " IN ", " A ", " TXT ", " MX ", " SOA ", " CNAME ", " HTTPS ", " CAA ", " LOC ", " APL ", " TYPE65400 ", " TLSA ",
     " IPSECKEY ", " WKS ", " NSAP ", " HIP ", " \\# 1 00 ", "192.0.2.1", "example.org.", "ns1 ", 'alpn="h2"', "1:1/8"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=200), st.lists(pieces, max_size=40).map("".join)))
@settings(max_examples=400, deadline=None)
def test_any_text_loads_or_is_a_zone_file_error(text):
    try:
        load(HEAD + text)
    except ZoneFileError as e:
        assert 0 < len(e.problems) <= 20 and all(problem.line > 0 for problem in e.problems)


@given(st.integers(0, 300), st.binary(max_size=60))
@settings(max_examples=400, deadline=None)
def test_rdata_that_passes_the_check_survives_its_text(rtype, data):
    try:
        rdata.check(rtype, data)
    except WireError:
        return
    if rtype == 29:  # LOC has many octets for one place
        return
    assert rdata.parse(rtype, rdata.to_text(rtype, data, APEX), APEX) == data


@given(st.sampled_from(sorted(set(SHAPES) - WIRE_ONLY)), st.binary(max_size=60))
@settings(max_examples=400, deadline=None)
def test_canonical_rdata_is_its_own_canonical_form(rtype, data):
    try:
        rdata.check(rtype, data)
    except WireError:
        return
    once = rdata.canonical(rtype, data)
    assert rdata.canonical(rtype, once) == once and len(once) == len(data)


@given(st.lists(pieces, max_size=20).map("".join))
def test_words_joined_are_the_same_words(text):
    try:
        words = split(text)
    except ValueError:
        return
    assert split(join(words)) == words
