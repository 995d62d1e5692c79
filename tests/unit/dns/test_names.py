"""Names between text, wire form and keys."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import names
from bossa.wire import Reader, WireError


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (".", b"\x00"),
        ("example.test.", b"\x07example\x04test\x00"),
        ("Ex.", b"\x02Ex\x00"),
        (r"a\.b.test.", b"\x03a.b\x04test\x00"),
        (r"\000\255.", b"\x02\x00\xff\x00"),
        ("bücher.test.", b"\x0dxn--bcher-kva\x04test\x00"),
    ],
)
def test_text_becomes_wire_form(text: str, wire: bytes) -> None:
    assert names.from_text(text) == wire


@pytest.mark.parametrize(
    "wire", [b"\x00", b"\x07example\x04test\x00", b"\x03a.b\x00", b"\x02\x00\xff\x00", b"\x01@\x00"]
)
def test_wire_form_to_text_and_back_is_the_same(wire: bytes) -> None:
    assert names.from_text(names.to_text(wire)) == wire


@pytest.mark.parametrize("text", ["a..b.", "x" * 64 + ".", "\\", r"\25", r"\256.", ".".join(["x" * 63] * 4) + ".", ""])
def test_bad_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        names.from_text(text)


def test_relative_name_gets_the_origin() -> None:
    assert names.from_text("www", b"\x04test\x00") == b"\x03www\x04test\x00"
    assert names.from_text("@", b"\x04test\x00") == b"\x04test\x00"


def test_pointer_back_is_followed_and_the_cursor_stands_behind_it() -> None:
    r = Reader(bytes(12) + b"\x04test\x00\x03www\xc0\x0c!", 18)
    assert names.read_name(r) == b"\x03www\x04test\x00"
    assert r.octets("rest", 1) == b"!"


@pytest.mark.parametrize(
    ("octets", "at"),
    [
        (b"\xc0\x00", 0),
        (bytes(20) + b"\xc0\x06", 20),
        (
            bytes(12)
            + b"\x01a\x00"
            + b"".join((0xC000 | 12 + (i and 1) + 2 * i).to_bytes(2, "big") for i in range(200)),
            410,
        ),
        (b"\x01a\xc0\x00", 0),
        (b"\xc0\x02\xc0\x00", 0),
        (b"\x05abc", 0),
        (b"\x40abc\x00", 0),
        (b"\xc0", 0),
        (b"\x3f" + b"x" * 63 + (b"\x3f" + b"x" * 63) * 3 + b"\x00", 0),
        (b"", 0),
    ],
)
def test_names_that_loop_or_run_out_are_wire_errors(octets: bytes, at: int) -> None:
    with pytest.raises(WireError):
        names.read_name(Reader(octets, at))


@pytest.mark.parametrize(
    ("name", "apex", "below"),
    [
        ("a.b.test.", "b.test.", True),
        ("b.test.", "b.test.", True),
        ("ab.test.", "b.test.", False),
        ("test.", "b.test.", False),
        ("test.", ".", True),
        # The octets of the apex end the name, but not at a label's start.
        (r"\001b.", "b.", False),
    ],
)
def test_is_below_looks_at_whole_labels(name: str, apex: str, below: bool) -> None:
    assert names.is_below(names.from_text(name), names.from_text(apex)) is below


def test_reverse_names() -> None:
    assert names.to_text(names.reverse("192.0.2.7")) == "7.2.0.192.in-addr.arpa."
    assert names.to_text(names.reverse("2001:db8::1")).endswith("8.b.d.0.1.0.0.2.ip6.arpa.")


@pytest.mark.parametrize("address", ["10.0.0.1", "255.255.255.255", "0.0.0.0", "2001:db8::1", "::", "::ffff:10.0.0.1"])
def test_a_reverse_name_leads_back_to_its_address(address: str) -> None:
    """RFC 1035 §3.5, RFC 3596 §2.5"""
    assert names.address(names.reverse(address)) == ipaddress.ip_address(address).packed


@pytest.mark.parametrize(
    "text",
    [
        ".",
        "arpa.",
        "in-addr.arpa.",
        "0.0.10.in-addr.arpa.",
        "9.1.0.0.10.in-addr.arpa.",
        "01.0.0.10.in-addr.arpa.",
        "256.0.0.10.in-addr.arpa.",
        r"\255.0.0.10.in-addr.arpa.",
        "1.0.0.10.in-addr.example.",
        "0." * 31 + "ip6.arpa.",
        "g." + "0." * 31 + "ip6.arpa.",
        "00." + "0." * 31 + "ip6.arpa.",
    ],
)
def test_no_other_name_is_that_of_an_address(text: str) -> None:
    assert names.address(names.from_text(text)) is None
