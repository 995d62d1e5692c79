"""Signatures over many messages: gaps, forgeries, and the end.  RFC 8945 §5.3.1

The signatures are made by the few lines of bossa.testing.packets, not by the code under test.
"""

from __future__ import annotations

import base64
from collections.abc import Container

import pytest

from bossa.dns import names
from bossa.dns.errors import TransferFailed
from bossa.dns.message import Message
from bossa.dns.tsig import Algorithm, Key
from bossa.dns.tsigstream import StreamVerifier
from bossa.testing import packets
from bossa.testing.domain import TsigKey

NOW = 1_700_000_000
SECRET = b"a secret of some length, as it is"
THEIRS = TsigKey("peer.", "hmac-sha256", base64.b64encode(SECRET).decode())
OURS = Key(names.from_text("peer."), Algorithm.HMAC_SHA256, SECRET)
REQUEST = packets.sign(packets.query("t.", "AXFR"), THEIRS, packets.Signature(time=NOW))


def message(number: int) -> bytes:
    text = packets.record("x.t.", "TXT", f"n{number}")
    return packets.header((1, 1, 0, 0), flags=0x8400) + packets.question("t.", "AXFR") + text


def stream(count: int, bare: Container[int] = (), moment: int = NOW) -> list[bytes]:
    return packets.sign_stream([message(n) for n in range(count)], REQUEST, THEIRS, bare=bare, moment=moment)


def verify(messages: list[bytes], *, now: int = NOW) -> None:
    verifier = StreamVerifier(OURS, packets.request_mac(REQUEST))
    for wire in messages:
        verifier.take(Message.decode(wire), now)
    verifier.finish()


@pytest.mark.parametrize(
    ("count", "bare"),
    [(1, ()), (5, ()), (5, (1, 2, 3)), (101, range(1, 100)), (203, (*range(1, 100), *range(102, 201)))],
    ids=["one", "all signed", "a gap of three", "a gap of 99", "two gaps of 99"],
)
def test_every_message_or_each_hundredth_may_be_signed(count: int, bare: Container[int]) -> None:
    verify(stream(count, bare))


def test_a_hundredth_unsigned_message_in_a_row_is_too_much() -> None:
    with pytest.raises(TransferFailed, match="more than 99 messages in a row"):
        verify(stream(102, range(1, 101)))


def test_the_first_message_has_to_be_signed() -> None:
    with pytest.raises(TransferFailed, match="not signed, and says NOERROR"):
        verify(stream(3, (0,)))


def test_the_last_message_has_to_be_signed() -> None:
    with pytest.raises(TransferFailed, match="the last message is not signed"):
        verify(stream(3, (2,)))


def test_no_message_at_all_is_no_signature() -> None:
    with pytest.raises(TransferFailed, match="the last message is not signed"):
        verify([])


@pytest.mark.parametrize("place", [0, 2, 4], ids=["first", "unsigned", "last"])
def test_an_octet_turned_anywhere_is_noticed_by_the_next_signature(place: int) -> None:
    messages = stream(5, (1, 2, 3))
    at = messages[place].index(b"\x02n%d" % place) + 1
    messages[place] = messages[place][:at] + b"N" + messages[place][at + 1 :]
    with pytest.raises(TransferFailed, match="the MAC of a message does not fit"):
        verify(messages)


def test_a_wrong_mac_in_the_middle_is_noticed() -> None:
    messages = stream(3)
    found = packets.tsig_of(messages[1])
    assert found is not None
    turned = bytes((found.mac[0] ^ 1,)) + found.mac[1:]
    messages[1] = messages[1].replace(found.mac, turned)
    with pytest.raises(TransferFailed, match="the MAC of a message does not fit"):
        verify(messages)


def test_messages_in_another_order_or_left_out_are_noticed() -> None:
    one, two, three = stream(3)
    for wrong in ([one, three], [one, three, two], [one, two, two], [two, three]):
        with pytest.raises(TransferFailed, match="the MAC of a message does not fit"):
            verify(wrong)


def test_a_message_of_long_ago_is_badtime() -> None:
    with pytest.raises(TransferFailed, match="BADTIME: a message was signed 301 s ago"):
        verify(stream(2), now=NOW + 301)
    verify(stream(2), now=NOW + 300)


def test_another_key_does_not_sign_for_this_one() -> None:
    other = TsigKey("other.", "hmac-sha256", THEIRS.secret)
    with pytest.raises(TransferFailed, match="signed by other"):
        verify(packets.sign_stream([message(0)], REQUEST, other, moment=NOW))


def test_the_answer_to_another_request_is_not_ours() -> None:
    request = packets.sign(packets.query("t.", "AXFR", ident=7), THEIRS, packets.Signature(time=NOW))
    with pytest.raises(TransferFailed, match="the MAC of a message does not fit"):
        verify(packets.sign_stream([message(0)], request, THEIRS, moment=NOW))
