"""NDR: alignment, pointers, strings and counts, and what does not fit."""

from __future__ import annotations

import pytest

from bossa.wire import WireError
from bossa.wire.ndr import NdrReader, NdrWriter


def _body(raw: bytes) -> str:
    return raw[16:].hex(" ", -4)


def test_integers_stand_at_multiples_of_their_size() -> None:
    w = NdrWriter()
    w.octets(b"\x01")
    w.u16(2)
    w.octets(b"\x03")
    w.u32(4)
    w.time(5)
    raw = w.finish()
    assert _body(raw) == "01000200 03000000 04000000 05000000 00000000 00000000"
    r = NdrReader(raw)
    assert (r.u8("a"), r.u16("b"), r.u8("c"), r.u32("d"), r.time("e")) == (1, 2, 3, 4, 5)
    r.done("all")


def test_a_string_is_told_first_and_follows_later() -> None:
    w = NdrWriter()
    w.unicode_head("ab")
    w.pointer(there=False)
    w.unicode_body("ab")
    raw = w.finish()
    # [MS-DTYP] 2.3.10: Length, MaximumLength, Buffer; then maximum, offset, actual count, and the units.
    assert _body(raw) == "04000400 00000200 00000000 02000000 00000000 02000000 61006200 00000000"
    r = NdrReader(raw)
    head = r.unicode_head("name")
    assert not r.pointer("nothing")
    assert r.unicode_body("name", head) == "ab"


def test_the_headers_are_those_of_the_specification() -> None:
    w = NdrWriter()
    w.u32(7)
    # [MS-RPCE] 2.2.6.1: version 1, little-endian, length 8, filler 0xcccccccc; 2.2.6.2: length, filler.
    assert w.finish().hex() == "01100800cccccccc08000000000000000700000000000000"


def _typed(body: str) -> bytes:
    octets = bytes.fromhex(body)
    return bytes.fromhex("01100800cccccccc") + len(octets).to_bytes(4, "little") + bytes(4) + octets


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x01\x10\x08\x00",
        bytes.fromhex("01000800cccccccc") + bytes(8),  # big-endian
        bytes.fromhex("02100800cccccccc") + bytes(8),
        bytes.fromhex("01100800cccccccc") + b"\x01\0\0\0" + bytes(4),
    ],
    ids=["empty", "short", "big-endian", "version 2", "longer than it is"],
)
def test_other_headers_are_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        NdrReader(raw)


@pytest.mark.parametrize(
    "body",
    [
        "0300 0300 00000200 02000000 00000000 02000000 61006200",  # odd
        "0400 0200 00000200 02000000 00000000 02000000 61006200",  # more than its maximum
        "0400 0400 00000000 02000000 00000000 02000000 61006200",  # at no place
        "0400 0400 00000200 01000000 00000000 02000000 61006200",  # actual above maximum
        "0400 0400 00000200 02000000 01000000 02000000 61006200",  # offset
        "0400 0400 00000200 ffffffff 00000000 ffffffff 61006200",
        "0400 0400 00000200 02000000 00000000 02000000 6100",
        "0200 0200 00000200 01000000 00000000 01000000 00d8",  # half a surrogate pair
    ],
)
def test_a_string_that_does_not_fit_is_refused(body: str) -> None:
    r = NdrReader(_typed(body))
    with pytest.raises(WireError):
        r.unicode_body("name", r.unicode_head("name"))


@pytest.mark.parametrize(("count", "said"), [(2, 3), (5, 5), (4, 4), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_count_is_what_was_said_within_the_limit_and_what_is_there(count: int, said: int) -> None:
    r = NdrReader(_typed(count.to_bytes(4, "little").hex() + "00" * 24))
    with pytest.raises(WireError, match="elements"):
        r.count("list", said, 4, 8)


def test_a_pointer_that_must_point_and_octets_left_over() -> None:
    with pytest.raises(WireError, match="points to nothing"):
        NdrReader(_typed("00000000")).expect_pointer("top")
    with pytest.raises(WireError, match="left over"):
        NdrReader(_typed("00" * 8)).done("all")
