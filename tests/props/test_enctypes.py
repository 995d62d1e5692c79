"""What was encrypted decrypts, nothing else does, and a key that served before answers as a fresh one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.crypto.enctypes import SUPPORTED, BadIntegrity, Enctype, Key

_WARM = {enctype: Key(enctype, bytes(range(Enctype(enctype).size))) for enctype in SUPPORTED}
_ENCTYPES = st.sampled_from(SUPPORTED)
_CONFOUNDERS = st.binary(min_size=16, max_size=16)


def _cold(enctype: int) -> Key:
    return Key(enctype, _WARM[enctype].octets)


@settings(max_examples=400, deadline=None)
@given(_ENCTYPES, st.integers(0, 30), st.binary(max_size=200), _CONFOUNDERS)
def test_what_was_encrypted_decrypts_and_warm_equals_cold(
    enctype: int, usage: int, plain: bytes, confounder: bytes
) -> None:
    warm = _WARM[enctype]
    cipher = warm.encrypt(usage, plain, confounder)
    assert cipher == _cold(enctype).encrypt(usage, plain, confounder)
    assert warm.decrypt(usage, cipher) == plain
    assert _cold(enctype).decrypt(usage, cipher) == plain
    assert warm.checksum(usage, plain) == _cold(enctype).checksum(usage, plain)


@pytest.mark.parametrize("enctype", SUPPORTED)
def test_every_size_up_to_two_hundred_comes_back(enctype: int) -> None:
    for size in range(201):
        plain = bytes(at % 251 for at in range(size))
        assert _WARM[enctype].decrypt(7, _WARM[enctype].encrypt(7, plain, b"c" * 16)) == plain


@pytest.mark.parametrize("enctype", SUPPORTED)
@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 40])
def test_every_bit_turned_is_noticed(enctype: int, size: int) -> None:
    key = _WARM[enctype]
    cipher = key.encrypt(3, bytes(size), b"c" * 16)
    for bit in range(8 * len(cipher)):
        turned = bytearray(cipher)
        turned[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadIntegrity):
            key.decrypt(3, bytes(turned))
    assert key.decrypt(3, cipher) == bytes(size)


@settings(max_examples=200, deadline=None)
@given(_ENCTYPES, st.binary(max_size=120))
def test_octets_of_nobody_are_bad(enctype: int, cipher: bytes) -> None:
    with pytest.raises(BadIntegrity):
        _WARM[enctype].decrypt(3, cipher)
