"""Whatever is said in a negotiation, either end refuses it or answers with what reads back.

What reads, writes the same.

Run with ``python fuzz/fuzz_spnego.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import sys
from dataclasses import replace

import small_realm

from bossa.crypto.enctypes import Key
from bossa.gss import tokens
from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.errors import GssError
from bossa.gss.initiator import Initiator
from bossa.gss.replay import ReplayCache
from bossa.gss.spnego import NegState, NegTokenInit, NegTokenResp, decode_init, hints, offer
from bossa.krb.credential import Credential, Times
from bossa.krb.messages import EncryptedData, EncryptionKey, Ticket
from bossa.krb.names import PrincipalName
from bossa.wire import WireError

NOW = 1_700_000_000.0
NAME = PrincipalName(1, ("a",))
TICKET = Ticket("T", NAME, EncryptedData(17, 1, bytes(44))).encode()
CREDENTIAL = Credential(NAME, "T", NAME, "T", TICKET, EncryptionKey(17, bytes(16)), 0, Times(0, 0, 0))
SERVICE = Service(realm="T", keys=lambda sname, kvno, etype: (Key(17, bytes(16)),), replay=ReplayCache(), random=bytes)
# Kerberos is the second choice, so the acceptor waits for its token.
SECOND = tokens.frame(tokens.SPNEGO, offer((tokens.NTLM, tokens.KRB5), b"").encode())
SEEDS = (
    offer((tokens.KRB5,), b"token").encode(),
    replace(offer((tokens.NTLM, tokens.MS_KRB5, tokens.KRB5), b"token"), mic_after_hints=b"mic").encode(),
    tokens.unframe(hints())[1],
    tokens.unframe(Initiator(CREDENTIAL, bytes, negotiate=True).step(None, NOW).token)[1],
    NegTokenResp(NegState.REQUEST_MIC, tokens.KRB5, b"token", b"mic").encode(),
    NegTokenResp(NegState.REJECT).encode(),
)


def one_input(data: bytes) -> None:
    """Hold the invariant for one input, as the first word, as a later one, and as the acceptor's."""
    _codecs(data)
    _acceptor(tokens.frame(tokens.SPNEGO, data))
    _acceptor(SECOND, data)
    initiator = Initiator(CREDENTIAL, bytes, negotiate=True)
    initiator.step(None, NOW)
    try:
        step = initiator.step(data, NOW)
    except GssError:
        return
    raise AssertionError(f"an acceptor without the key is believed: {step}")


def _codecs(data: bytes) -> None:
    for decode in (decode_init, NegTokenResp.decode):
        try:
            said = decode(data)
        except WireError:
            continue
        assert type(said).decode(said.encode()) == said
        assert not isinstance(said, NegTokenInit) or said.mechanisms


def _acceptor(*words: bytes) -> None:
    acceptor = Acceptor(SERVICE)
    for word in words:
        try:
            step = acceptor.step(word, NOW)
        except GssError as refused:
            assert not refused.token or NegTokenResp.decode(refused.token)
            return
        assert step.context is None
        NegTokenResp.decode(step.token)


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    small_realm.sow(sys.argv[1:], SEEDS)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
