from __future__ import annotations

import struct

import pytest

from bossa.crypto.enctypes import Enctype, Key
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.protection import ACCEPTOR_SUBKEY, HEADER, SENT_BY_ACCEPTOR, Protection
from bossa.gss.sequence import Window
from bossa.krb.usages import Usage
from tests.unit.gss.specimens import Source

FIRST = 7
KEY = Key(Enctype.AES128_SHA1, bytes(range(16)))
REPLAY = ContextFlags.REPLAY
ENCTYPES = pytest.mark.parametrize("enctype", list(Enctype))
Pair = tuple[Protection, Protection]


def pair(key: Key = KEY, mark: int = ACCEPTOR_SUBKEY, flags: ContextFlags = REPLAY) -> Pair:
    """Both ends of a context: the initiator's, the acceptor's."""
    initiator = Protection(key, Source("i"), mark, FIRST, Window(FIRST, flags))
    return initiator, Protection(key, Source("a"), mark | SENT_BY_ACCEPTOR, FIRST, Window(FIRST, flags))


def both_ways(ends: Pair) -> tuple[tuple[Protection, Protection], ...]:
    """Who sends, and who receives."""
    return ends, ends[::-1]


def refusal(call: object, *words: object) -> Major:
    """The major status with which a call is refused."""
    with pytest.raises(GssError) as refused:
        call(*words)  # type: ignore[operator]
    return refused.value.major


@ENCTYPES
def test_messages_go_both_ways(enctype: Enctype) -> None:
    for sender, receiver in both_ways(pair(Key(enctype, bytes(enctype.size)))):
        for size in (0, 1, 15, 16, 17, 3000):
            data = b"d" * size
            receiver.verify_mic(data, sender.get_mic(data))
            assert receiver.unwrap(sender.wrap(data)) == (data, True)
            assert receiver.unwrap(sender.wrap(data, sealed=False)) == (data, False)


def test_mic_token_is_that_of_the_specification() -> None:
    initiator, acceptor = pair()
    header = bytes.fromhex("0404 04 ffffffffff 0000000000000007")
    assert initiator.get_mic(b"data") == header + KEY.checksum(Usage.INITIATOR_SIGN, b"data" + header)
    header = bytes.fromhex("0404 05 ffffffffff 0000000000000007")
    assert acceptor.get_mic(b"data") == header + KEY.checksum(Usage.ACCEPTOR_SIGN, b"data" + header)


def test_wrap_token_is_that_of_the_specification() -> None:
    initiator, acceptor = pair(mark=0)
    sealed = initiator.wrap(b"data")
    header = bytes.fromhex("0504 02 ff 0000 0000 0000000000000007")
    assert sealed[:HEADER] == header
    assert KEY.decrypt(Usage.INITIATOR_SEAL, sealed[HEADER:]) == b"data" + header
    header = bytes.fromhex("0504 01 ff 0000 0000 0000000000000007")
    mac = KEY.checksum(Usage.ACCEPTOR_SEAL, b"data" + header)
    assert (
        acceptor.wrap(b"data", sealed=False) == bytes.fromhex("0504 01 ff 000c 0000 0000000000000007") + b"data" + mac
    )


def turned(token: bytes, by: int) -> bytes:
    """A Wrap token with what follows its header turned right, as RRC then says.  RFC 4121 §4.2.5"""
    body = token[HEADER:]
    turn = by % len(body)
    return token[:6] + struct.pack(">H", by) + token[8:HEADER] + body[len(body) - turn :] + body[: len(body) - turn]


@ENCTYPES
@pytest.mark.parametrize("by", [1, 12, 16, 28, 44, 200, 65535])
@pytest.mark.parametrize("sealed", [True, False])
def test_token_turned_by_anything_is_turned_back(enctype: Enctype, by: int, sealed: bool) -> None:
    for sender, receiver in both_ways(pair(Key(enctype, bytes(enctype.size)))):
        token = turned(sender.wrap(b"message", sealed=sealed), by)
        assert receiver.unwrap(token) == (b"message", sealed)


def test_filler_of_a_sealed_token_is_taken_off() -> None:
    """Windows' DCE contexts write sixteen octets of it.  RFC 4121 §4.2.4"""
    _, acceptor = pair(mark=0)
    for extra in (1, 16):
        header = struct.pack(">HBBHHQ", 0x0504, 2, 0xFF, extra, 0, FIRST + extra)
        body = KEY.encrypt(Usage.INITIATOR_SEAL, b"data" + b"f" * extra + header, bytes(16))
        assert acceptor.unwrap(header + body).data == b"data"


def test_filler_longer_than_the_message_is_refused() -> None:
    _, acceptor = pair(mark=0)
    header = struct.pack(">HBBHHQ", 0x0504, 2, 0xFF, 5, 0, FIRST)
    body = KEY.encrypt(Usage.INITIATOR_SEAL, b"data" + header, bytes(16))
    assert refusal(acceptor.unwrap, header + body) == Major.BAD_MIC


@ENCTYPES
def test_every_bit_turned_is_refused(enctype: Enctype) -> None:
    initiator, acceptor = pair(Key(enctype, bytes(enctype.size)))
    mic, sealed, signed = initiator.get_mic(b"m"), initiator.wrap(b"m"), initiator.wrap(b"m", sealed=False)
    for token, take in (
        (mic, lambda one: acceptor.verify_mic(b"m", one)),
        (sealed, acceptor.unwrap),
        (signed, acceptor.unwrap),
    ):
        for bit in range(8 * len(token)):
            changed = bytearray(token)
            changed[bit // 8] ^= 1 << bit % 8
            assert refusal(take, bytes(changed)) in (Major.BAD_MIC, Major.DEFECTIVE_TOKEN), bit
    acceptor.verify_mic(b"m", mic)
    assert acceptor.unwrap(sealed).data == acceptor.unwrap(signed).data == b"m"


@pytest.mark.parametrize("sealed", [True, False])
def test_token_cut_anywhere_is_refused(sealed: bool) -> None:
    initiator, acceptor = pair()
    token, mic = initiator.wrap(b"message", sealed=sealed), initiator.get_mic(b"message")
    for size in range(len(token)):
        assert refusal(acceptor.unwrap, token[:size]) in (Major.BAD_MIC, Major.DEFECTIVE_TOKEN)
    for size in range(len(mic)):
        assert refusal(acceptor.verify_mic, b"message", mic[:size]) in (Major.BAD_MIC, Major.DEFECTIVE_TOKEN)


@pytest.mark.parametrize("unknown", [0x08, 0xF8])
def test_flags_that_nobody_knows_yet_are_covered_and_say_nothing(unknown: int) -> None:
    """RFC 4121 §4.2.2"""
    initiator, acceptor = pair(mark=ACCEPTOR_SUBKEY | unknown)[0], pair()[1]
    acceptor.verify_mic(b"m", initiator.get_mic(b"m"))
    assert acceptor.unwrap(initiator.wrap(b"m")) == (b"m", True)
    token = initiator.wrap(b"m", sealed=False)
    changed = token[:2] + bytes((token[2] ^ unknown,)) + token[3:]
    assert refusal(acceptor.unwrap, changed) == Major.BAD_MIC
    assert acceptor.unwrap(token) == (b"m", False)


def test_own_token_sent_back_is_refused() -> None:
    for sender, _ in both_ways(pair()):
        assert refusal(sender.unwrap, sender.wrap(b"m")) == Major.DEFECTIVE_TOKEN
        assert refusal(sender.verify_mic, b"m", sender.get_mic(b"m")) == Major.DEFECTIVE_TOKEN


def test_token_of_another_key_or_kind_is_refused() -> None:
    initiator, acceptor = pair()
    plain, _ = pair(mark=0)
    assert refusal(acceptor.unwrap, plain.wrap(b"m")) == Major.DEFECTIVE_TOKEN
    assert refusal(acceptor.verify_mic, b"m", plain.get_mic(b"m")) == Major.DEFECTIVE_TOKEN
    assert refusal(acceptor.unwrap, initiator.get_mic(b"m")) == Major.DEFECTIVE_TOKEN
    assert refusal(acceptor.verify_mic, b"m", initiator.wrap(b"m")) == Major.DEFECTIVE_TOKEN
    other, _ = pair(Key(Enctype.AES128_SHA1, b"k" * 16))
    assert refusal(acceptor.unwrap, other.wrap(b"m")) == Major.BAD_MIC
    assert refusal(acceptor.verify_mic, b"other", initiator.get_mic(b"m")) == Major.BAD_MIC


def test_message_comes_once_whatever_its_form() -> None:
    initiator, acceptor = pair()
    for token, take in (
        (initiator.wrap(b"m"), acceptor.unwrap),
        (initiator.wrap(b"m", sealed=False), acceptor.unwrap),
        (initiator.get_mic(b"m"), lambda one: acceptor.verify_mic(b"m", one)),
    ):
        take(token)
        assert refusal(take, token) == Major.DUPLICATE_TOKEN


def test_forged_number_takes_no_place() -> None:
    initiator, acceptor = pair()
    token = initiator.wrap(b"m")
    forged = token[:8] + struct.pack(">Q", FIRST + 1000) + token[HEADER:]
    assert refusal(acceptor.unwrap, forged) == Major.BAD_MIC
    assert acceptor.unwrap(token).data == b"m"


def test_numbers_of_both_forms_are_one_count_that_wraps() -> None:
    top = (1 << 64) - 1
    sender = Protection(KEY, Source(), 0, top, Window(0, REPLAY))
    assert sender.get_mic(b"")[8:16] == b"\xff" * 8
    assert sender.wrap(b"")[8:16] == bytes(8)
    assert sender.wrap(b"", sealed=False)[8:16] == bytes(7) + b"\x01"


def test_messages_must_come_in_order_where_that_was_agreed() -> None:
    initiator, acceptor = pair(flags=ContextFlags.SEQUENCE)
    one, two = initiator.wrap(b"1"), initiator.wrap(b"2")
    assert refusal(acceptor.unwrap, two) == Major.GAP_TOKEN
    assert acceptor.unwrap(one).data == b"1"
    assert acceptor.unwrap(two).data == b"2"
