"""What MIT's programs said in contexts: read whole, cut and prolonged, and as protected as ever."""

from __future__ import annotations

from pathlib import Path

import pytest

from bossa.gss.acceptor import Acceptor
from bossa.gss.context import Context
from bossa.gss.errors import GssError
from bossa.gss.flags import ContextFlags
from bossa.gss.initiator import Initiator
from tests.unit.gss.specimens import Source, credential, service

GOLDEN = Path(__file__).parent / "golden" / "gss"
MESSAGE = b"Sing, goddess, of tickets."
CLIENTS = ("client-krb5", "client-spnego")
SERVERS = ("server-krb5", "server-spnego")


def golden(case: str) -> dict[str, str]:
    lines = (GOLDEN / f"{case}.hex").read_text().splitlines()
    return {name: value for name, _, value in (line.partition(": ") for line in lines if line[0] != "#")}


def octets(case: str, name: str) -> bytes:
    return bytes.fromhex(golden(case)[name])


def accepted(case: str, token: bytes) -> Context:
    """The context that our acceptor had."""
    step = Acceptor(service(random=Source("golden"))).step(token, float(golden(case)["now"]))
    assert step.context is not None
    return step.context


def established(case: str, token: bytes) -> Context:
    """The context that our initiator had."""
    found = golden(case)
    initiator = Initiator(credential(int(found["enctype"])), Source("golden"), negotiate="spnego" in case)
    initiator.step(None, float(found["now"]))
    context = initiator.step(token, float(found["now"])).context
    assert context is not None
    return context


@pytest.mark.parametrize("case", CLIENTS)
def test_mits_client_is_accepted_and_its_message_unwraps(case: str) -> None:
    context = accepted(case, octets(case, "token"))
    assert context.principal == "alice@BOSSA.TEST"
    assert context.enctype == int(golden(case)["enctype"])
    assert context.flags & ContextFlags.MUTUAL
    assert context.unwrap(octets(case, "wrap")) == (MESSAGE, case == "client-krb5")


@pytest.mark.parametrize("case", SERVERS)
def test_mits_server_proves_itself_and_its_signature_holds(case: str) -> None:
    context = established(case, octets(case, "token"))
    assert context.enctype == int(golden(case)["enctype"])
    context.verify_mic(MESSAGE, octets(case, "mic"))


@pytest.mark.parametrize("case", CLIENTS + SERVERS)
def test_token_cut_anywhere_or_prolonged_is_refused(case: str) -> None:
    take = accepted if case in CLIENTS else established
    token = octets(case, "token")
    for end in range(len(token)):
        with pytest.raises(GssError):
            take(case, token[:end])
    with pytest.raises(GssError):
        take(case, token + b"\0")


@pytest.mark.parametrize("case", CLIENTS)
def test_message_cut_anywhere_or_prolonged_is_refused(case: str) -> None:
    context, token = accepted(case, octets(case, "token")), octets(case, "wrap")
    for changed in (*(token[:end] for end in range(len(token))), token + b"\0"):
        with pytest.raises(GssError):
            context.unwrap(changed)
    assert context.unwrap(token).data == MESSAGE
