from __future__ import annotations

import pytest

from bossa.crypto.cts import Decryptor, Encryptor

KEY = b"chicken teriyaki"
TEXT = b"I would like the General Gau's Chicken, please, and wonton soup."

# RFC 3962 B: the first so many octets of the text.
CIPHERS = {
    17: "c6353568f2bf8cb4d8a580362da7ff7f97",
    31: "fc00783e0efdb2c1d445d4c8eff7ed2297687268d6ecccc0c07b25e25ecfe5",
    32: "39312523a78662d5be7fcbcc98ebf5a897687268d6ecccc0c07b25e25ecfe584",
    47: "97687268d6ecccc0c07b25e25ecfe584b3fffd940c16a18c1b5549d2f838029e39312523a78662d5be7fcbcc98ebf5",
    48: "97687268d6ecccc0c07b25e25ecfe5849dad8bbb96c4cdc03bc103e1a194bbd839312523a78662d5be7fcbcc98ebf5a8",
    64: "97687268d6ecccc0c07b25e25ecfe58439312523a78662d5be7fcbcc98ebf5a8"
    "4807efe836ee89a526730dbc2f7bc8409dad8bbb96c4cdc03bc103e1a194bbd8",
}


@pytest.mark.parametrize("size", CIPHERS)
def test_messages_of_the_specification(size: int) -> None:
    cipher = bytes.fromhex(CIPHERS[size])
    assert Encryptor(KEY).encrypt(TEXT[:size]) == cipher
    assert Decryptor(KEY).decrypt(cipher) == TEXT[:size]


def test_a_context_that_served_before_gives_the_same() -> None:
    encryptor, decryptor = Encryptor(KEY), Decryptor(KEY)
    for size in [*CIPHERS, 16, *reversed(CIPHERS), 16, 16]:
        cipher = encryptor.encrypt(TEXT[:size])
        assert cipher == Encryptor(KEY).encrypt(TEXT[:size])
        assert size not in CIPHERS or cipher == bytes.fromhex(CIPHERS[size])
        assert decryptor.decrypt(cipher) == TEXT[:size]


def test_less_than_a_block_is_refused_and_harms_no_later_message() -> None:
    encryptor, decryptor = Encryptor(KEY), Decryptor(KEY)
    cipher = encryptor.encrypt(TEXT)
    assert decryptor.decrypt(cipher) == TEXT
    for short in (b"", bytes(15)):
        with pytest.raises(ValueError, match="no whole block"):
            encryptor.encrypt(short)
        with pytest.raises(ValueError, match="no whole block"):
            decryptor.decrypt(short)
    assert encryptor.encrypt(TEXT) == cipher
    assert decryptor.decrypt(cipher) == TEXT


class Failing:
    """A context whose next call fails after it took the octets in."""

    def __init__(self, context: object) -> None:
        self.context = context

    def update(self, data: bytes) -> bytes:
        self.context.update(data)  # type: ignore[attr-defined]
        raise MemoryError


def test_a_call_that_fails_half_way_harms_no_later_message() -> None:
    encryptor, decryptor = Encryptor(KEY), Decryptor(KEY)
    cipher = encryptor.encrypt(TEXT)
    decryptor.decrypt(cipher)
    for worker in (encryptor, decryptor):
        worker._context = Failing(worker._context)  # type: ignore[assignment]
    with pytest.raises(MemoryError):
        encryptor.encrypt(TEXT)
    with pytest.raises(MemoryError):
        decryptor.decrypt(cipher)
    assert encryptor.encrypt(TEXT) == cipher
    assert decryptor.decrypt(cipher) == TEXT
