from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Key, random_key
from bossa.gss import tokens
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import NONE, ChannelBindings
from bossa.gss.checksum import CHECKSUM_TYPE, ContextRequest
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import USUAL, Wish
from bossa.gss.initiator import Initiator
from bossa.krb.messages import ApReq, Authenticator, EncApRepPart, EncryptionKey, KrbError
from bossa.krb.messages.tickets import ApRep
from bossa.krb.ticket import lock, unlock, wire_key
from bossa.krb.usages import Usage
from tests.unit.gss.specimens import ALICE, NOW, REALM, WEB, Source, credential, service

SUBKEY = random_key(18, Source("acceptor's"))


def started(wish: Wish | None = None) -> tuple[Initiator, Authenticator]:
    """An initiator that has asked, and what it said."""
    initiator = Initiator(credential(), Source("initiator"), wish or Wish())
    req = ApReq.decode(tokens.unframe(initiator.step(None, NOW).token)[1][2:])
    return initiator, Authenticator.decode(unlock(credential().session, Usage.AP_REQ_AUTHENTICATOR, req.authenticator))


def proof(asked: Authenticator, key: Key | None = None, **changes: Any) -> bytes:
    """The acceptor's token, perhaps changed."""
    part = replace(EncApRepPart(asked.ctime, asked.cusec, wire_key(SUBKEY), 77), **changes)
    locked = lock(key or credential().session, Usage.AP_REP, part.encode(), bytes(16))
    return tokens.frame(tokens.KRB5, tokens.AP_REP + ApRep(locked).encode())


def refusal(initiator: Initiator, token: bytes) -> GssError:
    """How an answer is refused."""
    with pytest.raises(GssError) as refused:
        initiator.step(token, NOW)
    return refused.value


def test_authenticator_says_who_asks_when_and_for_what() -> None:
    _, asked = started()
    assert (asked.cname, asked.crealm, asked.ctime, asked.cusec) == (ALICE, REALM, int(NOW), 250_000)
    assert asked.cksum is not None
    assert asked.cksum.type == CHECKSUM_TYPE
    assert ContextRequest.decode(asked.cksum.octets) == ContextRequest(USUAL, NONE)
    assert asked.subkey is not None
    assert asked.subkey.etype == 18
    assert asked.seq_number is not None
    assert 0 <= asked.seq_number < 1 << 30


def test_authenticator_carries_the_channels_hash() -> None:
    bindings = ChannelBindings(b"tls-server-end-point:x")
    _, asked = started(Wish(bindings=bindings))
    assert asked.cksum is not None
    assert ContextRequest.decode(asked.cksum.octets).bindings == bindings.digest


def test_proof_gives_the_context() -> None:
    initiator, asked = started()
    step = initiator.step(proof(asked), NOW)
    assert step.token == b""
    context = step.context
    assert context is not None
    assert context.session_key == SUBKEY.octets
    assert (context.principal, context.server) == ("alice@BOSSA.TEST", WEB.text)
    assert context.initiated
    assert context.get_mic(b"")[2] == 0x04


def test_proof_without_a_subkey_leaves_ours() -> None:
    initiator, asked = started()
    context = initiator.step(proof(asked, subkey=None, seq_number=None), NOW).context
    assert context is not None
    assert asked.subkey is not None
    assert context.session_key == asked.subkey.octets
    assert context.get_mic(b"")[2] == 0x00


def test_one_way_context_is_there_at_once() -> None:
    step = Initiator(credential(), Source("initiator"), Wish(ContextFlags.INTEG)).step(None, NOW)
    assert step.context is not None
    answering = Acceptor(service()).step(step.token, NOW)
    assert answering.token == b""
    assert answering.context is not None
    answering.context.verify_mic(b"m", step.context.get_mic(b"m"))
    step.context.verify_mic(b"m", answering.context.get_mic(b"m"))


def test_proof_of_another_time_key_or_type_is_refused() -> None:
    for changes in ({"ctime": int(NOW) + 1}, {"cusec": 1}, {"key": SUBKEY}, {"subkey": EncryptionKey(23, bytes(16))}):
        initiator, asked = started()
        assert refusal(initiator, proof(asked, **changes)).major == Major.FAILURE  # type: ignore[arg-type]


def test_answer_of_another_shape_is_refused() -> None:
    _, asked = started()
    whole = proof(asked)
    for token, major in (
        (b"", Major.DEFECTIVE_TOKEN),
        (whole[:-1], Major.DEFECTIVE_TOKEN),
        (tokens.frame(tokens.KRB5, tokens.AP_REQ), Major.DEFECTIVE_TOKEN),
        (tokens.frame(tokens.NTLM, b""), Major.BAD_MECH),
    ):
        initiator, _ = started()
        assert refusal(initiator, token).major == major


def test_acceptors_error_is_told() -> None:
    initiator, _ = started()
    error = KrbError(37, int(NOW), 0, REALM, WEB)
    refused = refusal(initiator, tokens.frame(tokens.KRB5, tokens.ERROR + error.encode()))
    assert (refused.major, refused.reason) == (Major.FAILURE, "the acceptor says error 37")


def test_initiator_is_over_with_the_context() -> None:
    initiator, asked = started()
    initiator.step(proof(asked), NOW)
    assert refusal(initiator, proof(asked)).major == Major.NO_CONTEXT


@pytest.mark.parametrize("changes", [{"key": EncryptionKey(23, bytes(16))}, {"ticket": b"no ticket"}])
def test_credential_that_nobody_can_use_is_defective(changes: dict[str, Any]) -> None:
    with pytest.raises(GssError) as refused:
        Initiator(replace(credential(), **changes), Source()).step(None, NOW)
    assert refused.value.major == Major.DEFECTIVE_CREDENTIAL
