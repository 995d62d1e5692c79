"""Whatever the tokens, an acceptor refuses them or has a context of the ticket's own client; no message is forged.

Run with ``python fuzz/fuzz_gss.py [CORPUS] [-runs=N]`` where atheris is installed.
"""

from __future__ import annotations

import sys

from bossa.crypto.enctypes import Key
from bossa.gss import tokens
from bossa.gss.accept import Service
from bossa.gss.acceptor import Acceptor
from bossa.gss.bindings import ChannelBindings
from bossa.gss.checksum import ContextRequest
from bossa.gss.errors import GssError
from bossa.gss.flags import ContextFlags
from bossa.gss.protection import ACCEPTOR_SUBKEY, SENT_BY_ACCEPTOR, Protection
from bossa.gss.replay import ReplayCache
from bossa.gss.sequence import Window
from bossa.krb.messages import ApReq
from bossa.wire import WireError

NOW = 1_700_000_000.0
KEY = Key(17, bytes(16))
SERVICE = Service(realm="T", keys=lambda sname, kvno, etype: (KEY,), replay=ReplayCache(), random=bytes)
PEER = Protection(KEY, bytes, ACCEPTOR_SUBKEY | SENT_BY_ACCEPTOR, 0, Window(0, ContextFlags.REPLAY))


def one_input(data: bytes) -> None:
    """Hold the invariant for one input, as a first token, as an AP-REQ in its frame, and as a message."""
    for token in (data, tokens.frame(tokens.KRB5, tokens.AP_REQ + data)):
        _refused(token)
    _request(data)
    _message(data)


def _refused(token: bytes) -> None:
    """Nobody has a ticket under the key, so there is never a context."""
    try:
        step = Acceptor(SERVICE, bindings=ChannelBindings(b"fuzz")).step(token, NOW)
    except GssError as refused:
        if refused.token and refused.token[:1] == b"\x60":
            assert tokens.unframe(refused.token)[1].startswith(tokens.ERROR)
        return
    assert step.context is None


def _request(data: bytes) -> None:
    """What reads as a request is written as the same."""
    try:
        asked = ContextRequest.decode(data)
        req = ApReq.decode(data)
    except WireError:
        return
    assert ContextRequest.decode(asked.encode()) == asked
    assert ApReq.decode(req.encode()) == req


def _message(data: bytes) -> None:
    for take in (PEER.unwrap, lambda token: PEER.verify_mic(b"message", token)):
        try:
            take(data)
        except GssError:
            continue
        raise AssertionError("forged")


if __name__ == "__main__":
    import atheris

    atheris.instrument_all()
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
