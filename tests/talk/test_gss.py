"""Whole conversations of both ends: every wish, every encryption type, bare and negotiated."""

from __future__ import annotations

from itertools import product

import pytest

from bossa.crypto.enctypes import Enctype
from bossa.gss import tokens
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import ChannelBindings
from bossa.gss.context import Context
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from bossa.gss.spnego import NegTokenResp, decode_init
from tests.unit.gss.specimens import NOW, Source, converse, credential, establish, forwarded, service

ENCTYPES = pytest.mark.parametrize("enctype", list(Enctype), ids=lambda one: one.text)
NEGOTIATE = pytest.mark.parametrize("negotiate", [False, True], ids=["krb5", "spnego"])
SINGLE = [flag for flag in ContextFlags if flag not in (ContextFlags.DELEG, ContextFlags.DCE_STYLE)]
CHANNEL = ChannelBindings(b"tls-server-end-point:channel")


def wishes() -> list[ContextFlags]:
    """Every combination of flags."""
    return [
        ContextFlags(sum(flag for flag, on in zip(SINGLE, chosen, strict=True) if on))
        for chosen in product((False, True), repeat=len(SINGLE))
    ]


def shape(said: bytes) -> str:
    """What a token is."""
    if said[0] == 0xA1:
        answer = NegTokenResp.decode(said)
        state = "" if answer.state is None else f" {answer.state}"
        return f"resp{state}{' token' if answer.token else ''}{' mic' if answer.mic else ''}"
    mechanism, inner = tokens.unframe(said)
    if mechanism == tokens.SPNEGO:
        return f"init of {len(decode_init(inner).mechanisms)}"
    return {tokens.AP_REQ: "ap-req", tokens.AP_REP: "ap-rep", tokens.ERROR: "error"}[inner[:2]]


DIALOGUES = [
    (False, ContextFlags.INTEG, ["initiator ap-req"]),
    (False, ContextFlags.MUTUAL, ["initiator ap-req", "acceptor ap-rep"]),
    (True, ContextFlags.INTEG, ["initiator init of 1", "acceptor resp 0"]),
    (True, ContextFlags.MUTUAL, ["initiator init of 1", "acceptor resp 0 token"]),
]


@pytest.mark.parametrize(("negotiate", "flags", "expected"), DIALOGUES)
def test_dialogue_is_as_short_as_it_can_be(negotiate: bool, flags: ContextFlags, expected: list[str]) -> None:
    initiator = Initiator(credential(), Source("initiator"), Wish(flags), negotiate=negotiate)
    said = [f"{who} {shape(token)}" for who, token in converse(initiator, Acceptor(service()))]
    assert said == expected


def talk(one: Context, other: Context) -> None:
    """Send messages of every form both ways."""
    for sender, receiver in ((one, other), (other, one)):
        for data in (b"", b"m", bytes(1000)):
            assert receiver.unwrap(sender.wrap(data)) == (data, True)
            assert receiver.unwrap(sender.wrap(data, sealed=False)) == (data, False)
            receiver.verify_mic(data, sender.get_mic(data))


@NEGOTIATE
@ENCTYPES
def test_both_ends_agree_whatever_is_wished(enctype: Enctype, negotiate: bool) -> None:
    for flags in wishes():
        for delegate in (None, forwarded()):
            wish = Wish(flags, CHANNEL, delegate)
            asking, answering = establish(credential(enctype), wish, negotiate=negotiate, bindings=CHANNEL)
            agreed = flags | (ContextFlags.DELEG if delegate else 0)
            assert asking.flags == answering.flags == agreed
            assert asking.session_key == answering.session_key
            assert asking.expires == answering.expires
            assert (asking.principal, asking.server) == (answering.principal, answering.server)
            assert answering.channel_bound
            assert answering.delegated == delegate
            talk(asking, answering)


@ENCTYPES
def test_two_conversations_share_no_key(enctype: Enctype) -> None:
    asked = credential(enctype)
    keys = set()
    for seed in ("one", "other"):
        initiator, acceptor = Initiator(asked, Source(seed)), Acceptor(service(random=Source(seed)))
        step = acceptor.step(initiator.step(None, NOW).token, NOW)
        assert step.context is not None
        keys.add(step.context.session_key)
    assert len(keys) == 2


@NEGOTIATE
def test_message_of_one_conversation_is_none_in_another(negotiate: bool) -> None:
    one, _ = establish(negotiate=negotiate)
    _, other = establish(negotiate=negotiate, random=Source("another acceptor"))
    with pytest.raises(GssError) as refused:
        other.unwrap(one.wrap(b"m"))
    assert refused.value.major == Major.BAD_MIC


@NEGOTIATE
def test_conversation_overheard_cannot_be_held_again(negotiate: bool) -> None:
    listener = service()
    initiator = Initiator(credential(), Source("initiator"), negotiate=negotiate)
    said = initiator.step(None, NOW).token
    Acceptor(listener).step(said, NOW)
    with pytest.raises(GssError) as refused:
        Acceptor(listener).step(said, NOW + 1)
    assert refused.value.major == Major.DUPLICATE_TOKEN
    with pytest.raises(GssError) as refused:
        Acceptor(listener).step(said, NOW + 700)
    assert refused.value.major == Major.FAILURE


@NEGOTIATE
def test_acceptor_that_cannot_read_the_request_cannot_answer(negotiate: bool) -> None:
    """What another context's acceptor said does not prove this one."""
    initiator = Initiator(credential(), Source("initiator"), negotiate=negotiate)
    other = Initiator(credential(), Source("other"), negotiate=negotiate)
    initiator.step(None, NOW)
    answer = Acceptor(service()).step(other.step(None, NOW + 1).token, NOW).token
    with pytest.raises(GssError) as refused:
        initiator.step(answer, NOW)
    assert refused.value.major == Major.FAILURE
