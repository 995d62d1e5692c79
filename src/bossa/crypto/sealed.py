"""Secrets at rest, sealed under one master key with AES-256-GCM.  NIST SP 800-38D

A sealed value is one version octet, the nonce, the ciphertext with its tag.
The version and the purpose are authenticated with it, so a secret that was
sealed for one purpose does not open for another: name the row it belongs to.
Nonces are random, which is safe for 2**32 values under one key (§8.3).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_SIZE = 32
_VERSION = b"\x01"
_NONCE_SIZE = 12
_TAG_SIZE = 16


class Unsealable(Exception):
    """The value does not open: another master key, another purpose, or damaged."""


class Seal:
    """Seals and opens under one master key; ``random`` gives that many fresh octets."""

    def __init__(self, key: bytes, random: Callable[[int], bytes] = os.urandom) -> None:
        if len(key) != KEY_SIZE:
            raise Unsealable(f"a master key has {KEY_SIZE} octets, this one {len(key)}")
        self._key = key
        self._random = random
        self._cipher: AESGCM | None = None

    def seal(self, purpose: bytes, plain: bytes) -> bytes:
        """Return the sealed form of a secret; it opens only with the same purpose."""
        nonce = self._random(_NONCE_SIZE)
        return _VERSION + nonce + self._aead().encrypt(nonce, plain, _VERSION + purpose)

    def open(self, purpose: bytes, sealed: bytes) -> bytes:
        """Return the secret; raises Unsealable."""
        from cryptography.exceptions import InvalidTag

        body = len(_VERSION) + _NONCE_SIZE
        if len(sealed) < body + _TAG_SIZE:
            raise Unsealable(f"a sealed value of {len(sealed)} octets is cut short")
        if not sealed.startswith(_VERSION):
            raise Unsealable(f"sealed form {sealed[0]} is unknown to this version of bossa")
        try:
            return self._aead().decrypt(sealed[len(_VERSION) : body], sealed[body:], _VERSION + purpose)
        except InvalidTag:
            raise Unsealable("sealed under another master key, for another purpose, or damaged") from None

    def _aead(self) -> AESGCM:
        # Loading OpenSSL takes some 15 ms, which a start that opens no secret need not spend.
        if self._cipher is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._cipher = AESGCM(self._key)
        return self._cipher
