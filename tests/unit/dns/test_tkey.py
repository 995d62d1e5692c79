"""TKEY records as octets, requests that are in order, and the ends of keys.  RFC 2930 §2, RFC 3645 §4.1"""

from __future__ import annotations

import pytest

from bossa.dns import names, tkey, tsig
from bossa.dns.errors import Refused, TkeyError
from bossa.dns.message import Message, encode_reply
from bossa.dns.tkey import ContextKey, Mode, Tkey, TkeyRefused
from bossa.testing import contexts, packets
from tests.unit.gss.specimens import establish

NOW = 1_700_000_000
NAME = names.from_text("Key.Test.")
RECORD = Tkey(NAME, tkey.GSS_TSIG, 1, 2, Mode.GSS_API, 0, b"token", b"other")


def request(made: contexts.Tkey, *, in_answer: bool = False) -> Message:
    return Message.decode(contexts.query("Key.Test", made, in_answer=in_answer))


@pytest.mark.parametrize("in_answer", [False, True])
def test_a_request_is_read_where_it_stands(in_answer: bool) -> None:
    made = contexts.Tkey(token=b"token", algorithm="GSS-Tsig", inception=7, expiration=9, error=5)
    found = tkey.find(request(made, in_answer=in_answer))
    assert found == Tkey(NAME, names.from_text("GSS-Tsig."), 7, 9, 3, 5, b"token", b"")


def test_a_reply_is_read_as_it_was_written() -> None:
    wire = encode_reply(request(contexts.Tkey()), RECORD.reply(), 512)
    message = Message.decode(wire)
    (record,) = message.answer
    assert (record.owner, record.rclass, record.ttl) == (NAME, packets.ANY, 0)
    assert Tkey.decode(message, record) == RECORD


def test_what_is_granted_carries_the_acceptors_token_or_else_the_clients() -> None:
    assert RECORD.granted(3, 4, b"ours") == Tkey(NAME, tkey.GSS_TSIG, 3, 4, 3, 0, b"ours", b"")
    assert RECORD.granted(3, 4, b"").key == b"token"


def test_what_is_refused_carries_the_error_and_nothing_of_the_clients_token() -> None:
    told = RECORD.refusal(TkeyRefused(TkeyError.BADKEY, "a reason for the log"))
    assert (told.error, told.key, told.other) == (TkeyError.BADKEY, b"", b"")


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (RECORD._replace(mode=2, algorithm=names.from_text("other.")), TkeyError.BADMODE),
        (RECORD._replace(algorithm=names.from_text("hmac-sha256.")), TkeyError.BADALG),
        (RECORD._replace(name=names.ROOT), TkeyError.BADNAME),
    ],
    ids=["mode", "algorithm", "name"],
)
def test_what_cannot_be_is_refused(asked: Tkey, error: TkeyError) -> None:
    with pytest.raises(TkeyRefused) as refused:
        tkey.check(asked)
    assert refused.value.error is error


def test_a_deletion_needs_no_algorithm() -> None:
    assert tkey.check(RECORD._replace(mode=5, algorithm=names.ROOT)) is Mode.DELETION


@pytest.mark.parametrize("cut", range(1, 19))
def test_a_record_that_is_cut_is_a_format_error(cut: int) -> None:
    data = tkey.GSS_TSIG + bytes(16)
    record = packets.record("a.test", 249, data[: len(data) - cut], rclass=packets.ANY)
    wire = packets.header((1, 0, 0, 1)) + packets.question("a.test", 249, packets.ANY) + record
    with pytest.raises(Refused):
        tkey.find(Message.decode(wire))


@pytest.mark.parametrize(("ticket", "expected"), [(1, 1), (3599, 3599), (3600, 3600), (3601, 3600), (10**9, 3600)])
def test_a_key_ends_with_its_ticket_or_after_an_hour(ticket: int, expected: int) -> None:
    assert tkey.end_of_life(NOW + ticket, NOW) == NOW + expected


@pytest.mark.parametrize("ticket", [0, -299])
def test_a_ticket_at_its_end_gives_no_key(ticket: int) -> None:
    with pytest.raises(TkeyRefused, match="expired"):
        tkey.end_of_life(NOW + ticket, NOW)


def test_both_ends_of_a_context_sign_for_each_other_and_not_for_themselves() -> None:
    theirs, ours = (ContextKey(NAME.lower(), tkey.GSS_TSIG, one, NOW) for one in establish())
    mac = theirs.sign(b"data")
    assert not theirs.verifies(b"data", mac)
    assert not ours.verifies(b"other", mac)
    assert not ours.verifies(b"data", b"")
    assert ours.verifies(b"data", mac)
    with pytest.raises(tsig.Repeated):
        ours.verifies(b"data", mac)


def test_a_key_does_not_show_its_context() -> None:
    shown = repr(ContextKey(NAME, tkey.GSS_TSIG, establish()[0], NOW))
    assert "mics" not in shown
    assert "Protection" not in shown


def test_a_request_and_its_answer_are_signed_and_verified_by_contexts() -> None:
    """Also an answer to what was not signed: its digest has no MAC before it.  RFC 3645 §2.2"""
    theirs, ours = (ContextKey(NAME.lower(), tkey.GSS_TSIG, one, NOW) for one in establish())
    signed_request = Message.decode(tsig.sign_request(packets.query("a.test"), theirs, NOW))
    raw = tsig.find(signed_request)
    assert raw is not None
    signed = tsig.verify(signed_request, raw, {ours.name: ours}, NOW)
    assert isinstance(signed, tsig.Signed)
    plain = packets.header((1, 0, 0, 0), flags=0x8000) + packets.question("a.test")
    reply = Message.decode(tsig.sign_reply(plain, signed, ours, NOW))
    assert isinstance(tsig.verify_reply(reply, theirs, raw.mac, NOW), tsig.Signed)
    again = tsig.verify_reply(reply, theirs, raw.mac, NOW)
    assert isinstance(again, tsig.Unverified)
    assert again.repeated
    reply = Message.decode(tsig.sign_request(plain, ours, NOW))
    assert isinstance(tsig.verify_reply(reply, theirs, None, NOW), tsig.Signed)
