from __future__ import annotations

import pytest

from bossa.gss import tokens
from bossa.gss.spnego import NegState, NegTokenInit, NegTokenResp, decode_init, hints, offer
from bossa.wire import WireError

h = bytes.fromhex

# What a Windows server offers in the reply to an SMB2 NEGOTIATE, without the frame.
WINDOWS_HINTS = h(
    "a06c306aa03c303a060a2b06010401823702021e06092a864882f71201020206092a864886f712010202"
    "060a2a864886f71201020203060a2b06010401823702020aa32a3028a0261b24"
) + (b"not_defined_in_RFC4178@please_ignore")
KRB5_LIST = h("300b06092a864886f712010202")


def test_offer_is_that_of_the_specification() -> None:
    init = offer((tokens.KRB5,), b"token")
    assert init.encode() == h("a01a 3018 a00d") + KRB5_LIST + h("a207 0405") + b"token"
    assert init.list_raw == KRB5_LIST
    assert decode_init(init.encode()) == init


def test_windows_hints_are_stepped_over() -> None:
    init = decode_init(WINDOWS_HINTS)
    user_to_user = h("2a864886f71201020203")
    assert init.mechanisms == (tokens.NEGOEX, tokens.MS_KRB5, tokens.KRB5, user_to_user, tokens.NTLM)
    assert (init.token, init.mic, init.mic_after_hints) == (None, None, None)


def test_mic_stands_where_either_specification_has_it() -> None:
    fields = h("a00d") + KRB5_LIST
    for places in (h("a3050403 6d6963"), h("a3023000 a4050403 6d6963")):
        body = fields + places
        init = decode_init(h("a0") + bytes((len(body) + 2,)) + h("30") + bytes((len(body),)) + body)
        assert (init.mic or init.mic_after_hints) == b"mic"


def test_hints_of_ours_are_read_like_windows_own() -> None:
    mechanism, inner = tokens.unframe(hints())
    assert mechanism == tokens.SPNEGO
    assert decode_init(inner).mechanisms == (tokens.MS_KRB5, tokens.KRB5)
    assert inner.endswith(WINDOWS_HINTS[-44:])


RESPONSES = [
    (NegTokenResp(NegState.ACCEPT_COMPLETED), "a107 3005 a003 0a0100"),
    (NegTokenResp(NegState.REQUEST_MIC, tokens.KRB5), "a114 3012 a003 0a0103 a10b 0609 2a864886f712010202"),
    (NegTokenResp(None, None, b"t", b"m"), "a10c 300a a203 040174 a303 04016d"),
    (NegTokenResp(), "a102 3000"),
]


@pytest.mark.parametrize(("response", "octets"), RESPONSES)
def test_responses(response: NegTokenResp, octets: str) -> None:
    assert response.encode() == h(octets)
    assert NegTokenResp.decode(h(octets)) == response


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "a000",
        "a0023000",
        "a006 3004 a002 3000",
        "a006 3004 a002 0400",
        "a1023000",
        "a004 3002 a000",
        "a015 3013 a00d 300b06092a864886f712010202 a302 3001",
    ],
)
def test_offer_of_no_shape_is_refused(octets: str) -> None:
    with pytest.raises(WireError):
        decode_init(h(octets))


@pytest.mark.parametrize("octets", ["", "a0023000", "a107 3005 a003 0a0104", "a107 3005 a003 020100", "a1023000 00"])
def test_response_of_no_shape_is_refused(octets: str) -> None:
    with pytest.raises(WireError):
        NegTokenResp.decode(h(octets))


def test_offers_are_bounded() -> None:
    with pytest.raises(WireError, match="more than 32"):
        decode_init(offer((tokens.KRB5,) * 33, b"").encode())


def test_fields_that_nobody_knows_yet_are_stepped_over() -> None:
    """Both types end in an extension marker.  RFC 4178 §4.2"""
    assert NegTokenResp.decode(h("a109 3007 a003 0a0100 a900")) == NegTokenResp(NegState.ACCEPT_COMPLETED)
    body = h("a00d") + KRB5_LIST + h("a900")
    assert NegTokenInit.decode(h("a013 3011") + body).mechanisms == (tokens.KRB5,)
