from __future__ import annotations

import pytest

from bossa.gss import tokens
from bossa.wire import WireError

FRAMED = bytes.fromhex("600f 0609 2a864886f712010202 0100 6e00")


def test_frame_is_that_of_the_specification() -> None:
    assert tokens.frame(tokens.KRB5, b"\x01\x00\x6e\x00") == FRAMED
    assert tokens.unframe(FRAMED) == (tokens.KRB5, b"\x01\x00\x6e\x00")


def test_frame_of_a_long_token_comes_back() -> None:
    for size in (0, 100, 116, 117, 127, 128, 255, 256, 70000):
        assert tokens.unframe(tokens.frame(tokens.SPNEGO, bytes(size))) == (tokens.SPNEGO, bytes(size))


@pytest.mark.parametrize("size", range(13))
def test_token_cut_short_has_no_shape(size: int) -> None:
    with pytest.raises(WireError):
        tokens.unframe(FRAMED[:size])


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("6100", "tag 0x61"),
        ("600f06092a864886f71201020201006e0000", "left over"),
        ("6002 0400", "where the mechanism should be"),
        ("600f 0680 2a864886f712010202 01006e00", "length"),
        ("60 84 01000000", "past"),
        ("6000", "past"),
    ],
)
def test_token_of_another_shape_is_refused(token: str, why: str) -> None:
    with pytest.raises(WireError, match=why):
        tokens.unframe(bytes.fromhex(token))


def test_token_too_long_is_refused_unread() -> None:
    with pytest.raises(WireError, match="octets"):
        tokens.unframe(bytes(tokens.LONGEST + 1))


def test_mechanisms_have_names_for_the_log() -> None:
    assert tokens.name(tokens.NTLM) == "ntlm"
    assert tokens.name(b"\x2a\x03") == "2a03"
