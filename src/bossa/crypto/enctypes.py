"""The AES encryption types of Kerberos: what a key can do.  RFC 3961 §3, RFC 3962, RFC 8009, RFC 6113 §5.1

A `Key` does not change for who holds it.  Inside it keeps, for each usage
that it served, the derived keys and open contexts, made when first needed;
so a key object that lives long answers fast, and none is for two threads.
No key tells its octets in its `repr`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from enum import IntEnum
from hmac import compare_digest, digest
from typing import TYPE_CHECKING, NamedTuple

from bossa.crypto.cts import BLOCK, Decryptor, Encryptor, blocks
from bossa.crypto.derivation import CHECKSUM, ENCRYPTION, INTEGRITY, constant, dk, kdf_hmac_sha2
from bossa.crypto.md5mac import hmac_md5_checksum

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import CipherContext

__all__ = [
    "CONFOUNDER",
    "SUPPORTED",
    "BadIntegrity",
    "Checksum",
    "Enctype",
    "Key",
    "fx_cf2",
    "hmac_md5_checksum",
    "random_key",
    "string_to_key",
]

CONFOUNDER = BLOCK
MAX_ITERATIONS = 1 << 20


class BadIntegrity(Exception):
    """The octets were not made under this key and usage, or were changed since."""


class Enctype(IntEnum):
    """Encryption types.  RFC 3962 §7, RFC 8009 §7"""

    AES128_SHA1 = 17
    AES256_SHA1 = 18
    AES128_SHA2 = 19
    AES256_SHA2 = 20

    @property
    def text(self) -> str:
        """The registered name."""
        return _PROFILES[self].text

    @property
    def size(self) -> int:
        """Octets of a key."""
        return _PROFILES[self].size

    @classmethod
    def from_text(cls, text: str) -> Enctype:
        """The type of a registered name; raises ValueError."""
        for enctype, profile in _PROFILES.items():
            if profile.text == text:
                return Enctype(enctype)
        raise ValueError(f"no encryption type is called {text!r}")


class Checksum(IntEnum):
    """Checksum types.  RFC 3962 §7, RFC 8009 §7, RFC 4757 §4"""

    SHA1_AES128 = 15
    SHA1_AES256 = 16
    SHA2_AES128 = 19
    SHA2_AES256 = 20
    HMAC_MD5 = -138


class _Profile(NamedTuple):
    text: str
    size: int
    digest: str
    mac: int
    """Octets of a truncated HMAC."""
    hmac_key: int
    """Octets of Kc and Ki."""
    checksum: Checksum
    iterations: int
    encrypt_then_mac: bool


_PROFILES: dict[int, _Profile] = {
    Enctype.AES128_SHA1: _Profile(
        "aes128-cts-hmac-sha1-96", 16, "sha1", 12, 16, Checksum.SHA1_AES128, 4096, encrypt_then_mac=False
    ),
    Enctype.AES256_SHA1: _Profile(
        "aes256-cts-hmac-sha1-96", 32, "sha1", 12, 32, Checksum.SHA1_AES256, 4096, encrypt_then_mac=False
    ),
    Enctype.AES128_SHA2: _Profile(
        "aes128-cts-hmac-sha256-128", 16, "sha256", 16, 16, Checksum.SHA2_AES128, 32768, encrypt_then_mac=True
    ),
    Enctype.AES256_SHA2: _Profile(
        "aes256-cts-hmac-sha384-192", 32, "sha384", 24, 24, Checksum.SHA2_AES256, 32768, encrypt_then_mac=True
    ),
}

SUPPORTED: tuple[int, ...] = (
    Enctype.AES256_SHA2,
    Enctype.AES128_SHA2,
    Enctype.AES256_SHA1,
    Enctype.AES128_SHA1,
)

_ZERO_STATE = bytes(BLOCK)


class _Use:
    """What a key derived for one usage, as far as it was needed."""

    __slots__ = ("checking", "decryptor", "encryptor", "integrity")

    def __init__(self) -> None:
        self.checking: bytes | None = None
        self.integrity = b""
        self.encryptor: Encryptor | None = None
        self.decryptor: Decryptor | None = None


class Key:
    """A protocol key with all that RFC 3961 §3 asks of its encryption type."""

    __slots__ = ("_blocks", "_prf_blocks", "_profile", "_uses", "enctype", "octets")

    def __init__(self, enctype: int, octets: bytes) -> None:
        profile = _PROFILES.get(enctype)
        if profile is None:
            raise ValueError(f"encryption type {enctype} is not supported")
        if len(octets) != profile.size:
            raise ValueError(f"a key of {profile.text} has {profile.size} octets, this one {len(octets)}")
        self.enctype = enctype
        self.octets = bytes(octets)
        self._profile: _Profile = profile
        self._uses: dict[int, _Use] = {}
        self._blocks: CipherContext | None = None
        self._prf_blocks: CipherContext | None = None

    def __repr__(self) -> str:
        return f"<Key {self._profile.text}>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Key):
            return NotImplemented
        return self.enctype == other.enctype and compare_digest(self.octets, other.octets)

    def __hash__(self) -> int:
        return hash((self.enctype, self.octets))

    @property
    def checksum_type(self) -> int:
        """The checksum type that goes with the encryption type."""
        return self._profile.checksum

    def encrypt(self, usage: int, plain: bytes, confounder: bytes) -> bytes:
        """Encrypt under 16 random octets.  RFC 3961 §5.3, RFC 8009 §5"""
        if len(confounder) != BLOCK:
            raise ValueError(f"a confounder has {BLOCK} octets, this one {len(confounder)}")
        use = self._uses.get(usage) or self._use(usage)
        encryptor = use.encryptor or self._open_encryptor(use, usage)
        whole = confounder + plain
        cipher = encryptor.encrypt(whole)
        profile = self._profile
        covered = _ZERO_STATE + cipher if profile.encrypt_then_mac else whole
        return cipher + digest(use.integrity, covered, profile.digest)[: profile.mac]

    def decrypt(self, usage: int, cipher: bytes) -> bytes:
        """Decrypt what `encrypt` made; raises BadIntegrity."""
        profile = self._profile
        size = len(cipher) - profile.mac
        if size < BLOCK:
            raise BadIntegrity(f"{len(cipher)} octets are too few")
        use = self._uses.get(usage) or self._use(usage)
        decryptor = use.decryptor or self._open_decryptor(use, usage)
        body, mac = cipher[:size], cipher[size:]
        if profile.encrypt_then_mac:
            _expect(mac, digest(use.integrity, _ZERO_STATE + body, profile.digest), profile.mac)
            return decryptor.decrypt(body)[BLOCK:]
        whole = decryptor.decrypt(body)
        _expect(mac, digest(use.integrity, whole, profile.digest), profile.mac)
        return whole[BLOCK:]

    def checksum(self, usage: int, data: bytes) -> bytes:
        """Compute the keyed checksum of the type's own kind.  RFC 3961 §5.4, RFC 8009 §6"""
        use = self._uses.get(usage) or self._use(usage)
        if use.checking is None:
            use.checking = self._derive(constant(usage, CHECKSUM), self._profile.hmac_key)
        return digest(use.checking, data, self._profile.digest)[: self._profile.mac]

    def verify(self, usage: int, data: bytes, mac: bytes) -> bool:
        """Tell in constant time whether ``mac`` is the checksum of ``data``."""
        return compare_digest(self.checksum(usage, data), mac)

    def prf(self, data: bytes) -> bytes:
        """Compute the pseudo-random function.  RFC 3961 §5.3, RFC 3962 §6, RFC 8009 §5"""
        profile = self._profile
        if profile.encrypt_then_mac:
            size = hashlib.new(profile.digest).digest_size
            return kdf_hmac_sha2(profile.digest, self.octets, b"prf", size, data)
        summed = hashlib.new(profile.digest, data, usedforsecurity=False).digest()
        if self._prf_blocks is None:
            self._prf_blocks = blocks(self._derive(b"prf", profile.size))
        return self._prf_blocks.update(summed[:BLOCK])

    def _use(self, usage: int) -> _Use:
        use = self._uses[usage] = _Use()
        return use

    def _open_encryptor(self, use: _Use, usage: int) -> Encryptor:
        use.encryptor = Encryptor(self._sealing_keys(use, usage))
        return use.encryptor

    def _open_decryptor(self, use: _Use, usage: int) -> Decryptor:
        use.decryptor = Decryptor(self._sealing_keys(use, usage))
        return use.decryptor

    def _sealing_keys(self, use: _Use, usage: int) -> bytes:
        """Derive Ki into ``use`` and return Ke."""
        use.integrity = self._derive(constant(usage, INTEGRITY), self._profile.hmac_key)
        return self._derive(constant(usage, ENCRYPTION), self._profile.size)

    def _derive(self, label: bytes, size: int) -> bytes:
        if self._profile.encrypt_then_mac:
            return kdf_hmac_sha2(self._profile.digest, self.octets, label, size)
        if self._blocks is None:
            self._blocks = blocks(self.octets)
        return dk(self._blocks, label, size)


def _expect(mac: bytes, computed: bytes, size: int) -> None:
    if not compare_digest(mac, computed[:size]):
        raise BadIntegrity("the checksum does not match")


def string_to_key(enctype: int, password: bytes, salt: bytes, iterations: int | None = None) -> Key:
    """Make the key of a password.  RFC 3962 §4, RFC 8009 §4

    Raises ValueError for an unknown type and for a count outside 1 to 2**20: a count comes from a
    server that may not be known yet, and must not keep us busy (RFC 3962 §8).
    """
    profile = _PROFILES.get(enctype)
    if profile is None:
        raise ValueError(f"encryption type {enctype} is not supported")
    count = profile.iterations if iterations is None else iterations
    if not 1 <= count <= MAX_ITERATIONS:
        raise ValueError(f"{count} iterations are not between 1 and {MAX_ITERATIONS}")
    if profile.encrypt_then_mac:
        salt = profile.text.encode() + b"\x00" + salt
    stretched = hashlib.pbkdf2_hmac(profile.digest, password, salt, count, profile.size)
    return Key(enctype, Key(enctype, stretched)._derive(b"kerberos", profile.size))


def random_key(enctype: int, random: Callable[[int], bytes]) -> Key:
    """Make a key of random octets; random-to-key of AES is the identity."""
    return Key(enctype, random(Enctype(enctype).size))


def fx_cf2(one: Key, other: Key, pepper1: bytes, pepper2: bytes) -> Key:
    """Combine two keys into one of the first one's type.  RFC 6113 §5.1"""
    size = len(one.octets)
    left = int.from_bytes(_prf_plus(one, pepper1, size), "big")
    right = int.from_bytes(_prf_plus(other, pepper2, size), "big")
    return Key(one.enctype, (left ^ right).to_bytes(size, "big"))


def _prf_plus(key: Key, pepper: bytes, size: int) -> bytes:
    """Lengthen the PRF's output by a counter in front of its input.  RFC 6113 §5.1"""
    made, counter = b"", 0
    while len(made) < size:
        counter += 1
        made += key.prf(bytes((counter,)) + pepper)
    return made[:size]
