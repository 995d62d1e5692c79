"""AES in CBC mode with ciphertext stealing, on a library that has only CBC.  RFC 3962 §5, NIST SP 800-38A (CBC-CS3)

The initial vector is zero, and the last two blocks trade places, the last one
cut to the length of the message.  A message has at least one block; one of
exactly one block is plain CBC.

Opening a context costs more than enciphering a small message.  So each object
keeps one, whose chaining value is the last ciphertext block that went through
it; the next message's first block is put right by XOR with that block.
Between `_last` taken and `_last` put back the context is of unknown state: a
call that fails in there leaves none, and the next call opens a fresh one.
Not to be shared between threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext
    from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB

BLOCK = 16

_ZERO = bytes(BLOCK)
_number = int.from_bytes


@cache
def _library() -> tuple[Callable[[bytes], Cipher[CBC]], Callable[[bytes], Cipher[ECB]]]:
    # Loading OpenSSL takes some 15 ms, which a start that opens no key need not spend.
    from cryptography.hazmat.primitives.ciphers import Cipher, modes
    from cryptography.hazmat.primitives.ciphers.algorithms import AES

    chained, single = modes.CBC(_ZERO), modes.ECB()
    return lambda key: Cipher(AES(key), chained), lambda key: Cipher(AES(key), single)


def _xor(one: bytes, other: bytes) -> bytes:
    return (_number(one, "little") ^ _number(other, "little")).to_bytes(BLOCK, "little")


def blocks(key: bytes) -> CipherContext:
    """A context that enciphers block by block, without memory."""
    return _library()[1](key).encryptor()


class Encryptor:
    """Enciphers whole messages under one key."""

    __slots__ = ("_context", "_key", "_last")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._last: bytes | None = None

    def encrypt(self, plain: bytes) -> bytes:
        """Encipher a message of 16 octets or more."""
        size = len(plain)
        if size < BLOCK:
            raise ValueError(f"a message of {size} octets has no whole block")
        tail = size % BLOCK or BLOCK
        chained = self._chain(plain if tail == BLOCK else plain + bytes(BLOCK - tail))
        if size == BLOCK:
            return chained
        swap = len(chained) - 2 * BLOCK
        return chained[:swap] + chained[-BLOCK:] + chained[swap : swap + tail]

    def _chain(self, padded: bytes) -> bytes:
        last, self._last = self._last, None
        if last is None:
            self._context = _library()[0](self._key).encryptor()
            chained = self._context.update(padded)
        else:
            chained = self._context.update(_xor(padded[:BLOCK], last) + padded[BLOCK:])
        self._last = chained[-BLOCK:]
        return chained


class Decryptor:
    """Deciphers whole messages under one key."""

    __slots__ = ("_context", "_key", "_last")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._last: bytes | None = None

    def decrypt(self, cipher: bytes) -> bytes:
        """Decipher a message of 16 octets or more."""
        size = len(cipher)
        if size <= BLOCK:
            return self._one_block(cipher)
        tail = size % BLOCK or BLOCK
        swap = size - tail - BLOCK
        final = cipher[swap : swap + BLOCK]
        last, self._last = self._last, None
        if last is None:
            last = self._open()
        # The final block alone tells the octets that were stolen from the one before it.
        stolen = _xor(self._context.update(final), last)[tail:]
        plain = self._context.update(cipher[:swap] + cipher[swap + BLOCK :] + stolen + final)
        self._last = final
        return _xor(plain[:BLOCK], final) + plain[BLOCK:size]

    def _one_block(self, cipher: bytes) -> bytes:
        if len(cipher) != BLOCK:
            raise ValueError(f"a message of {len(cipher)} octets has no whole block")
        last, self._last = self._last, None
        if last is None:
            last = self._open()
        plain = _xor(self._context.update(cipher), last)
        self._last = cipher
        return plain

    def _open(self) -> bytes:
        """Open a fresh context, and return its chaining value."""
        self._context = _library()[0](self._key).decryptor()
        return _ZERO
