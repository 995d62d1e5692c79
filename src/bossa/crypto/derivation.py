"""Keys out of keys: DK of the simplified profile, and KDF-HMAC-SHA2.  RFC 3961 §5.1, §5.3, RFC 8009 §3

A constant is a key usage in four octets and one octet for the purpose.  The
n-folds of usages' constants are computed once.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import TYPE_CHECKING

from bossa.crypto.cts import BLOCK
from bossa.crypto.nfold import n_fold

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

CHECKSUM = b"\x99"
ENCRYPTION = b"\xaa"
INTEGRITY = b"\x55"

_folded = lru_cache(maxsize=1024)(n_fold)


@lru_cache(maxsize=1024)
def constant(usage: int, purpose: bytes) -> bytes:
    """The well-known constant of a usage and a purpose."""
    return usage.to_bytes(4, "big") + purpose


def dk(blocks: CipherContext, label: bytes, size: int) -> bytes:
    """Derive ``size`` octets by enciphering the folded label again and again.  RFC 3961 §5.1

    ``blocks`` enciphers single blocks under the base key; random-to-key of AES is the identity.
    """
    first = blocks.update(_folded(label, BLOCK))
    return first if size == BLOCK else first + blocks.update(first)


def kdf_hmac_sha2(digest: str, key: bytes, label: bytes, size: int, context: bytes = b"") -> bytes:
    """Derive ``size`` octets with one step of SP 800-108 in counter mode.  RFC 8009 §3"""
    text = b"\x00\x00\x00\x01" + label + b"\x00" + context + (8 * size).to_bytes(4, "big")
    return hmac.digest(key, text, digest)[:size]
