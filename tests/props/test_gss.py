"""What was wrapped unwraps, however it was turned; what was changed does not; no token breaks an acceptor."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.crypto.enctypes import Enctype
from bossa.gss import tokens
from bossa.gss.acceptor import Acceptor
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from bossa.gss.protection import HEADER
from bossa.gss.sequence import Window
from bossa.gss.spnego import NegTokenInit, NegTokenResp, decode_init, offer
from tests.unit.gss.specimens import NOW, Source, credential, establish, service

_FREE = Wish(ContextFlags.MUTUAL)
_PAIRS = {enctype: establish(credential(enctype), _FREE) for enctype in Enctype}
_ENCTYPES = st.sampled_from(list(Enctype))


@settings(max_examples=300, deadline=None)
@given(_ENCTYPES, st.binary(max_size=300), st.booleans(), st.integers(0, 65535), st.booleans())
def test_wrapped_message_comes_back_however_it_was_turned(
    enctype: Enctype, data: bytes, sealed: bool, by: int, back: bool
) -> None:
    sender, receiver = _PAIRS[enctype][::-1] if back else _PAIRS[enctype]
    token = sender.wrap(data, sealed=sealed)
    body = token[HEADER:]
    at = len(body) - by % len(body)
    turned = token[:6] + struct.pack(">H", by) + token[8:HEADER] + body[at:] + body[:at]
    assert receiver.unwrap(turned) == (data, sealed)


def _changed(token: bytes, place: int, change: int) -> bytes:
    """The token with one octet changed; RRC, which nothing protects, may turn a short message round to itself."""
    at = place % (len(token) - 2)
    at += 2 if at >= 6 else 0
    return token[:at] + bytes((token[at] ^ change,)) + token[at + 1 :]


@settings(max_examples=400, deadline=None)
@given(_ENCTYPES, st.binary(max_size=100), st.booleans(), st.integers(0), st.integers(1, 255))
def test_changed_octet_is_noticed(enctype: Enctype, data: bytes, sealed: bool, place: int, change: int) -> None:
    sender, receiver = _PAIRS[enctype]
    for token, take in (
        (sender.wrap(data, sealed=sealed), receiver.unwrap),
        (sender.get_mic(data), lambda one: receiver.verify_mic(data, one)),
    ):
        with pytest.raises(GssError) as refused:
            take(_changed(token, place, change))
        assert refused.value.major in (Major.BAD_MIC, Major.DEFECTIVE_TOKEN)


@given(_ENCTYPES, st.binary(max_size=40), st.booleans(), st.integers(0, 65535))
def test_another_count_of_turns_gives_the_same_message_or_none(
    enctype: Enctype, data: bytes, sealed: bool, by: int
) -> None:
    sender, receiver = _PAIRS[enctype]
    token = sender.wrap(data, sealed=sealed)
    try:
        assert receiver.unwrap(token[:6] + struct.pack(">H", by) + token[8:]) == (data, sealed)
    except GssError as refused:
        assert refused.major == Major.BAD_MIC


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 120), max_size=60), st.integers(0, (1 << 64) - 1))
def test_window_takes_each_number_once_and_every_recent_one(offsets: list[int], first: int) -> None:
    window = Window(first, ContextFlags.REPLAY)
    taken: set[int] = set()
    for offset in offsets:
        fresh = offset not in taken and (not taken or offset > max(taken) - 64)
        try:
            window.take((first + offset) % (1 << 64))
        except GssError:
            assert not fresh
        else:
            assert fresh
            taken.add(offset)


_FIRST = [Initiator(credential(), Source("i"), _FREE, negotiate=one).step(None, NOW).token for one in (False, True)]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(_FIRST), st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4))
def test_first_token_with_octets_changed_is_refused_or_comes_to_the_same_client(
    token: bytes, edits: list[tuple[int, int]]
) -> None:
    """Only names and numbers outside of what is encrypted may differ, and they lead nowhere else."""
    changed = bytearray(token)
    for place, octet in edits:
        changed[place % len(token)] = octet
    try:
        step = Acceptor(service()).step(bytes(changed), NOW)
    except GssError:
        return
    assert step.context is None or step.context.principal == "alice@BOSSA.TEST"


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=80))
def test_octets_of_nobody_are_no_token(octets: bytes) -> None:
    for token in (octets, tokens.frame(tokens.SPNEGO, octets), tokens.frame(tokens.KRB5, tokens.AP_REQ + octets)):
        with pytest.raises(GssError):
            Acceptor(service()).step(token, NOW)


_MECHANISMS = st.lists(st.binary(min_size=1, max_size=12), min_size=1, max_size=5).map(tuple)
_SOME = st.none() | st.binary(max_size=40)


@given(_MECHANISMS, st.binary(max_size=40), _SOME)
def test_offers_read_back(mechanisms: tuple[bytes, ...], token: bytes, mic: bytes | None) -> None:
    init = NegTokenInit(offer(mechanisms, token).list_raw, token=token, mic=mic)
    assert decode_init(init.encode()) == init
    assert init.mechanisms == mechanisms


@given(st.none() | st.integers(0, 3), _SOME, _SOME, _SOME)
def test_responses_read_back(
    state: int | None, mechanism: bytes | None, token: bytes | None, mic: bytes | None
) -> None:
    response = NegTokenResp(state, mechanism, token, mic)
    assert NegTokenResp.decode(response.encode()) == response
