from __future__ import annotations

import pytest

from bossa.gss.bindings import NONE
from bossa.gss.checksum import ContextRequest
from bossa.gss.flags import ContextFlags
from bossa.wire import WireError

h = bytes.fromhex
PLAIN = h("10000000") + bytes(16) + h("3e000000")
DELEGATING = h("10000000") + b"b" * 16 + h("03000000 0100 0300") + b"kcr"


def test_request_without_delegation() -> None:
    flags = ContextFlags(0x3E)
    assert ContextRequest.decode(PLAIN) == ContextRequest(flags, NONE)
    assert ContextRequest(flags).encode() == PLAIN


def test_request_with_delegation() -> None:
    asked = ContextRequest(ContextFlags.DELEG | ContextFlags.MUTUAL, b"b" * 16, b"kcr")
    assert ContextRequest.decode(DELEGATING) == asked
    assert asked.encode() == DELEGATING


def test_extensions_and_flags_that_nobody_knows_are_stepped_over() -> None:
    assert ContextRequest.decode(DELEGATING + b"extension").credential == b"kcr"
    assert ContextRequest.decode(PLAIN[:20] + h("fe8fffff") + bytes(9)).flags == ContextFlags(0x3E)
    assert ContextRequest.decode(PLAIN + b"no flag says what this is").credential == b""


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        PLAIN[:23],
        h("11000000") + PLAIN[4:],
        h("00000010") + PLAIN[4:],
        DELEGATING[:-1],
        DELEGATING[:27],
        DELEGATING[:24],
        DELEGATING[:24] + h("0200") + DELEGATING[26:],
        DELEGATING[:26] + h("ffff") + DELEGATING[28:],
    ],
)
def test_octets_of_another_shape_are_refused(octets: bytes) -> None:
    with pytest.raises(WireError):
        ContextRequest.decode(octets)


def test_credential_whose_size_cannot_be_said_is_refused() -> None:
    flags = ContextFlags.DELEG
    assert len(ContextRequest(flags, NONE, bytes(0xFFFF)).encode()) == 28 + 0xFFFF
    with pytest.raises(WireError):
        ContextRequest(flags, NONE, bytes(0x10000)).encode()
