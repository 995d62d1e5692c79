"""What the tester says of a negotiation, by servers whose acceptor refuses in each way."""

from __future__ import annotations

from typing import Any

import pytest

from bossa.crypto.enctypes import Enctype
from bossa.dns import tsig
from bossa.dns.errors import Rcode, TkeyError
from bossa.dns.message import Message, Reply, encode_reply
from bossa.dns.probe import negotiation
from bossa.dns.probe.anatomy import explain
from bossa.dns.probe.conversation import Cause, Fault, Setting, Way
from bossa.dns.probe.negotiation import Negotiated, Opening
from bossa.dns.tkey import ContextKey, Mode, Tkey, find, is_asked
from bossa.gss.acceptor import Acceptor
from bossa.gss.errors import GssError
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from tests.unit.dns.probe.lying import NOW, ZONE, LyingServer, carry
from tests.unit.gss.specimens import KVNO, Source, credential, service

TICKET = "DNS/ns1.bossa.test@BOSSA.TEST, key version 3"


class Negotiating(LyingServer):
    """Accepts contexts; attributes say how it lies."""

    def __init__(self, **changes: Any) -> None:
        super().__init__()
        self._service = service(**changes)
        self._acceptors: dict[bytes, Acceptor] = {}
        self.clock = float(NOW)
        self.tells_why = True
        self.proves = True
        self.answer: Tkey | None = None

    def __call__(self, way: Way, wire: bytes) -> bytes:
        message = Message.decode(wire)
        if not is_asked(message):
            return super().__call__(way, wire)
        self.asked.append((way, message))
        asked = find(message)
        if asked.mode == Mode.DELETION:
            return self._forget(message, asked)
        if self.rcode:
            return encode_reply(message, Reply(self.rcode), 65535)
        return self._accept(message, asked)

    def _accept(self, message: Message, asked: Tkey) -> bytes:
        acceptor = self._acceptors.setdefault(asked.name, Acceptor(self._service))
        try:
            step = acceptor.step(asked.key, self.clock)
        except GssError as refused:
            token = refused.token if self.tells_why else b""
            told = asked._replace(error=TkeyError.BADKEY, key=token)
            return encode_reply(message, told.reply(), 65535)
        told = self.answer or asked.granted(NOW, NOW + 600, step.token)
        reply = encode_reply(message, told.reply(), 65535)
        if step.context is None or not self.proves:
            return reply
        self.signer = ContextKey(asked.name, asked.algorithm, step.context, NOW + 600)
        return tsig.sign_request(reply, self.signer, NOW)

    def _forget(self, message: Message, asked: Tkey) -> bytes:
        raw = tsig.find(message)
        assert raw is not None
        return self.sealed(encode_reply(message, asked.reply(), 65535), raw)


def setting() -> Setting:
    return Setting(NOW + 0.5, Source("prober"))


def negotiate(server: Negotiating, *, spnego: bool = False, **ticket: Any) -> Negotiated:
    initiator = Initiator(credential(**ticket), Source("initiator"), Wish(), negotiate=spnego)
    return carry(negotiation.negotiate(Opening(initiator, TICKET, ZONE), setting()), server)


def fault(server: Negotiating, **ticket: Any) -> Fault:
    with pytest.raises(Fault) as caught:
        negotiate(server, **ticket)
    return caught.value


@pytest.mark.parametrize("spnego", [False, True])
def test_a_key_is_negotiated_over_tcp_and_proven_and_forgotten(spnego: bool) -> None:
    server = Negotiating()
    done = negotiate(server, spnego=spnego)
    assert (done.rounds, done.proven, done.expiration) == (1, True, NOW + 600)
    carry(negotiation.end(done.key, setting()), server)
    assert {way for way, _ in server.asked} == {Way.TCP}


def test_an_answer_that_is_not_signed_is_no_proof() -> None:
    server = Negotiating()
    server.proves = False
    assert not negotiate(server).proven


@pytest.mark.parametrize(("off", "words"), [(1000, "ahead of"), (-1000, "behind")])
@pytest.mark.parametrize("tells_why", [True, False])
def test_a_wrong_clock_is_found_with_the_servers_word_and_without(off: int, words: str, tells_why: bool) -> None:
    server = Negotiating()
    server.clock, server.ahead, server.tells_why = float(NOW + off), off, tells_why
    found = fault(server)
    assert found.cause is Cause.CLOCK
    assert f"1000 s {words} this one" in str(found)


def test_a_key_of_another_version_is_no_key_of_the_server() -> None:
    found = fault(Negotiating(), kvno=KVNO + 1)
    assert (found.cause, TICKET in str(found)) == (Cause.PRINCIPAL, True)


def test_without_a_word_the_ticket_is_named_and_the_clock_acquitted() -> None:
    server = Negotiating()
    server.tells_why = False
    found = fault(server, kvno=KVNO + 1)
    assert found.cause is Cause.KVNO
    assert TICKET in str(found) and "its clock is right" in str(found)


def test_the_realm_of_somebody_else_is_told() -> None:
    assert fault(Negotiating(realm="ELSE.TEST")).cause is Cause.REALM


@pytest.mark.parametrize("enctype", list(Enctype))
def test_every_type_of_key_is_negotiated_with(enctype: Enctype) -> None:
    assert negotiate(Negotiating(), enctype=enctype).proven


@pytest.mark.parametrize("rcode", [Rcode.REFUSED, Rcode.NOTIMP, Rcode.FORMERR])
def test_a_server_without_tkey_is_told_by_its_code(rcode: Rcode) -> None:
    server = Negotiating()
    server.rcode = rcode
    found = fault(server)
    assert (found.cause, rcode.name in str(found)) == (Cause.NEGOTIATION, True)


@pytest.mark.parametrize("error", [TkeyError.BADALG, TkeyError.BADMODE, TkeyError.BADNAME, 23])
def test_errors_of_tkey_are_told(error: int) -> None:
    server = Negotiating()
    server.answer = Tkey(ZONE, ZONE, error=error)
    assert fault(server).cause is Cause.NEGOTIATION


def test_a_token_of_another_context_is_not_believed() -> None:
    server = Negotiating()
    stranger = Initiator(credential(), Source("stranger"))
    token = Acceptor(service()).step(stranger.step(None, NOW).token, NOW).token
    server.answer = Tkey(ZONE, ZONE, key=token)
    assert "not to be believed" in str(fault(server))


def test_every_octet_of_a_negotiation_has_a_meaning() -> None:
    """The pieces lie one behind the other, from the first octet to the last."""
    server = Negotiating()
    heard: list[bytes] = []

    def hears(way: Way, wire: bytes) -> bytes:
        heard.extend((wire, server(way, wire)))
        return heard[-1]

    initiator = Initiator(credential(), Source("initiator"), Wish(), negotiate=True)
    carry(negotiation.negotiate(Opening(initiator, TICKET, ZONE), setting()), hears)
    for wire in heard:
        pieces = list(explain(wire, NOW))
        assert b"".join(piece.octets for piece in pieces) == wire
        assert [piece.at for piece in pieces[1:]] == [piece.at + len(piece.octets) for piece in pieces[:-1]]
    said = " ".join(piece.meaning for piece in explain(heard[0], NOW))
    assert "SPNEGO offer of krb5, with a krb5 token, AP-REQ" in said


def test_what_is_no_message_is_one_piece() -> None:
    (piece,) = explain(b"\0" * 5, NOW)
    assert piece.octets == b"\0" * 5
    assert piece.meaning.startswith("no message")
