from __future__ import annotations

import calendar
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.wire import WireError
from bossa.wire.der import (
    BOOL,
    INT32,
    OCTETS,
    RAW,
    STRING,
    TIME,
    UINT32,
    Codec,
    explicit,
    integer,
    octet_string,
    remembered,
    sequence_of,
    span,
    string,
    tlv,
)

h = bytes.fromhex


def read(codec: Codec, octets: bytes):
    return codec.decode(octets, 0, len(octets))


@pytest.mark.parametrize(
    ("octets", "value"),
    [
        ("020100", 0),
        ("02017f", 127),
        ("02020080", 128),
        ("0201ff", -1),
        ("020180", -128),
        ("0202ff7f", -129),
        ("02047fffffff", (1 << 31) - 1),
        ("020480000000", -(1 << 31)),
    ],
)
def test_an_integer_has_one_form(octets, value):
    assert read(INT32, h(octets)) == value
    assert INT32.encode(value) == h(octets)


@pytest.mark.parametrize(
    "octets",
    ["0200", "02020000", "0202007f", "0202ffff", "0202ff80", "02050080000000", "02057fffffffff", "0209" + "7f" * 9],
    ids=["empty", "zero", "padded", "padded -1", "padded -128", "five octets", "five full octets", "nine octets"],
)
def test_an_integer_of_another_form_or_size_is_refused(octets):
    with pytest.raises(WireError):
        read(INT32, h(octets))


def test_an_integer_outside_its_range_is_refused():
    assert read(UINT32, h("020500ffffffff")) == (1 << 32) - 1
    for octets in ("0201ff", "02050100000000", "0206010000000000"):
        with pytest.raises(WireError):
            read(UINT32, h(octets))
    with pytest.raises(WireError):
        read(integer(0, 999_999), INT32.encode(1_000_000))


@pytest.mark.parametrize(
    "octets",
    [
        "0480",
        "048000",
        "04800000",
        "048101" + "00",
        "04820010" + "00" * 16,
        "0483000080" + "00" * 128,
        "0485" + "00" * 5,
    ],
    ids=["indefinite", "indefinite, empty", "ended", "not minimal", "of two octets", "of three", "of five"],
)
def test_a_length_that_is_not_definite_and_minimal_is_refused(octets):
    with pytest.raises(WireError):
        read(OCTETS, h(octets))


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 257, 65535, 65536, 70000])
def test_octets_of_any_size_come_back(size):
    octets = OCTETS.encode(b"x" * size)
    assert read(OCTETS, octets) == b"x" * size
    for broken in (octets + b"\0", octets[:-1] if size else b"\x04", b"\x05" + octets[1:]):
        with pytest.raises(WireError):
            read(OCTETS, broken)


def test_more_octets_than_the_type_allows_are_refused():
    with pytest.raises(WireError):
        read(octet_string(longest=3), OCTETS.encode(b"1234"))


@pytest.mark.parametrize("octets", ["1f", "1f8100", "3f8100", "bf2003020100", ""])
def test_a_tag_number_above_30_is_refused(octets):
    with pytest.raises(WireError):
        span(h(octets), 0, len(h(octets)))


@pytest.mark.parametrize("content", [b"a\0b", b"\0", b"\xff", b"\xc3", b"\xed\xa0\x80"])
def test_a_string_with_nul_or_that_is_not_utf8_is_refused(content):
    with pytest.raises(WireError):
        read(STRING, tlv(0x1B, content))


def test_a_string_is_utf8_of_bounded_length():
    assert read(STRING, STRING.encode("Zoë")) == "Zoë"
    with pytest.raises(WireError):
        read(string(longest=4), STRING.encode("12345"))


def test_a_boolean_is_all_ones_or_none():
    assert [read(BOOL, BOOL.encode(value)) for value in (True, False)] == [True, False]
    for octets in ("010101", "0100", "0102ffff"):
        with pytest.raises(WireError):
            read(BOOL, h(octets))


def test_a_raw_value_is_one_whole_value():
    assert read(RAW, h("a003020101")) == RAW.encode(h("a003020101"))
    with pytest.raises(WireError):
        read(RAW, h("a00302010100"))


def test_an_explicit_tag_holds_exactly_one_value():
    codec = explicit(0xA1, INT32)
    assert read(codec, codec.encode(5)) == 5 and codec.encode(5) == h("a103020105")
    for octets in ("a003020105", "a1060201050201" + "05", "a100"):
        with pytest.raises(WireError):
            read(codec, h(octets))


def test_the_values_of_a_sequence_are_counted():
    codec = sequence_of(INT32, most=3, least=1)
    assert read(codec, codec.encode((1, 2, 3))) == (1, 2, 3)
    for values in ((), (1, 2, 3, 4)):
        with pytest.raises(WireError):
            read(codec, codec.encode(values))


def test_a_sequence_whose_value_runs_past_it_is_refused():
    for octets in ("3003020201", "300202", "300102", "30050201010201"):
        with pytest.raises(WireError):
            read(sequence_of(INT32, most=9), h(octets))


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=253402300799))
def test_a_time_is_that_of_the_calendar(seconds):
    octets = TIME.encode(seconds)
    assert octets[2:] == time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds)).encode()
    assert read(TIME, octets) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "19691231235959Z",
        "20230229000000Z",
        "21000229000000Z",
        "20231301000000Z",
        "20230001000000Z",
        "20230100000000Z",
        "20230431000000Z",
        "20230101240000Z",
        "20230101006000Z",
        "20230101000060Z",
        "20230101000000",
        "20230101000000.5Z",
        "20230101000000+0100",
        "2023010100000aZ",
        "+0230101000000Z",
        "20230101000000z",
        "00000101000000Z",
    ],
)
def test_a_time_of_another_form_or_no_calendar_is_refused(text):
    with pytest.raises(WireError):
        read(TIME, tlv(0x18, text.encode()))


@pytest.mark.parametrize("seconds", [-1, 253402300800])
def test_a_time_outside_four_digits_is_not_written(seconds):
    with pytest.raises(ValueError, match="no time"):
        TIME.encode(seconds)


def test_the_29th_of_february_is_where_it_belongs():
    for day in ((2000, 2, 29), (2024, 2, 29), (2100, 3, 1), (2400, 2, 29)):
        assert read(TIME, TIME.encode(calendar.timegm((*day, 1, 2, 3)))) == calendar.timegm((*day, 1, 2, 3))


@settings(deadline=None)
@given(st.binary(max_size=40))
def test_whatever_comes_only_a_wire_error_is_raised(octets):
    for codec in (BOOL, INT32, OCTETS, STRING, TIME, sequence_of(INT32, 9), explicit(0xA0, STRING), RAW):
        try:
            value = read(codec, octets)
        except WireError:
            continue
        assert codec.encode(value) == octets


def counted(codec: Codec, calls: list) -> Codec:
    """A codec that says when it works."""
    return Codec(
        lambda data, pos, end: calls.append("read") or codec.decode(data, pos, end),
        lambda value: calls.append("written") or codec.encode(value),
    )


def test_short_values_are_remembered_until_there_are_too_many():
    calls: list = []
    codec = remembered(counted(STRING, calls), longest=6, most=2)
    for _ in range(3):
        assert [read(codec, codec.encode(text)) for text in ("a", "b")] == ["a", "b"]
    assert calls == ["written", "read"] * 2
    for text in ("c", "a"):
        assert read(codec, codec.encode(text)) == text
    assert calls[4:] == ["written", "read"] * 2


def test_long_values_are_not_remembered():
    calls: list = []
    codec = remembered(counted(STRING, calls), longest=6)
    for _ in range(2):
        assert read(codec, codec.encode("12345")) == "12345"
    assert calls == ["written", "read"] * 2


def test_what_is_refused_is_refused_again():
    codec = remembered(STRING, longest=6)
    for _ in range(2):
        with pytest.raises(WireError):
            read(codec, h("1b0100"))
