"""The container: what lies where, and offsets that lie."""

from __future__ import annotations

import struct

import pytest

from bossa.krb.pac.container import MAX_BUFFERS, BufferType, Pac, encode
from bossa.krb.pac.content import PacContent
from bossa.wire import WireError

BUFFERS = ((BufferType.CLIENT_INFO, b"client"), (BufferType.SERVER_SIGNATURE, b"\x10\0\0\0" + b"s" * 12), (99, b""))


def test_what_was_laid_out_is_found_again() -> None:
    raw, places = encode(BUFFERS)
    pac = Pac.decode(bytes(raw))
    assert pac.buffers == BUFFERS
    assert dict(pac.places) == places
    assert pac.find(BufferType.CLIENT_INFO) == b"client" and pac.find(BufferType.LOGON_INFO) is None
    assert all(at % 8 == 0 for at, _ in places.values())
    assert pac.content().buffers == (BUFFERS[0], BUFFERS[2]), "signatures are no content"


def test_zeroed_leaves_the_signatures_type() -> None:
    raw, places = encode(BUFFERS)
    at, size = places[BufferType.SERVER_SIGNATURE]
    zeroed = Pac.decode(bytes(raw)).zeroed((BufferType.SERVER_SIGNATURE, BufferType.KDC_SIGNATURE))
    assert zeroed[at : at + size] == b"\x10\0\0\0" + bytes(12)
    assert zeroed[:at] == raw[:at] and zeroed[at + size :] == raw[at + size :]


def _pac(*entries: tuple[int, int, int], body: int = 16, version: int = 0, count: int | None = None) -> bytes:
    head = struct.pack("<II", len(entries) if count is None else count, version)
    return head + b"".join(struct.pack("<IIQ", *one) for one in entries) + bytes(body)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\0\0\0\0\0\0\0",
        _pac((10, 4, 24), version=1),
        _pac((10, 4, 24), count=2, body=15),
        _pac((10, 4, 28)),
        _pac((10, 4, 16)),
        _pac((10, 17, 24)),
        _pac((10, 4, 40)),
        _pac((10, 4, 40), (10, 4, 48)),
        _pac(count=MAX_BUFFERS + 1, body=16 * (MAX_BUFFERS + 1)),
        _pac(count=0xFFFFFFFF),
        _pac((10, 4, 24), body=70_000),
    ],
    ids=[
        "empty",
        "no header",
        "version 1",
        "fewer entries than it says",
        "not at a multiple of eight",
        "in the header",
        "larger than what is left",
        "behind the end",
        "the same type twice",
        "65 buffers",
        "four thousand million buffers",
        "more than a ticket holds",
    ],
)
def test_a_container_that_lies_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        Pac.decode(raw)


@pytest.mark.parametrize(
    ("size", "offset"),
    [
        (0xFFFFFFFF, 24),
        (8, 0xFFFFFFFFFFFFFFF8),
        (16, 0xFFFFFFFFFFFFFFF8),
        (0xFFFFFFF8, 0x100000020),
        (8, 0x8000000000000018),
    ],
)
def test_cve_2022_42898_offsets_that_wrap_are_refused(size: int, offset: int) -> None:
    with pytest.raises(WireError, match="PAC buffer 10"):
        Pac.decode(_pac((10, size, offset)))


def test_a_header_whose_size_wraps_in_32_bits_is_refused() -> None:
    """CVE-2022-42898: 8 + 0x10000000 * 16 is 8 in 32 bits."""
    with pytest.raises(WireError):
        Pac.decode(_pac(count=0x10000000))


def test_content_is_replaced_in_place_or_added() -> None:
    content = PacContent(((1, b"a"), (2, b"b")))
    assert content.replaced(1, b"c").buffers == ((1, b"c"), (2, b"b"))
    assert content.replaced(3, b"c").buffers == ((1, b"a"), (2, b"b"), (3, b"c"))
    assert content.without((1, 3)).buffers == ((2, b"b"),)
