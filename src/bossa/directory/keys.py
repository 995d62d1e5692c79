"""How the keys of accounts are made, and which versions are kept.

A new version has the next number; older ones stay as long as tickets may live
that are sealed under them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from bossa.crypto.enctypes import random_key, string_to_key
from bossa.directory import rows
from bossa.directory.account import Former, KeySet, KeyVersion
from bossa.directory.passwords import PasswordPolicy, octets_of
from bossa.directory.realm import WINDOW
from bossa.directory.rows import Seal

# What keys are made for when nothing else is said: the order of MIT krb5's default_etypes.
ENCTYPES = (18, 17, 20, 19)
# So that nobody makes an account grow without end by changing its password.
_MAX_VERSIONS = 16


@dataclass(frozen=True, slots=True)
class RealmRules:
    """What the settings say of keys and passwords."""

    passwords: PasswordPolicy = field(default_factory=PasswordPolicy)
    enctypes: tuple[int, ...] = ENCTYPES
    window: float = WINDOW


@dataclass(frozen=True, slots=True)
class KeyMaker:
    """Makes keys of ``enctypes``, preferred first, and seals them; versions live on for ``window`` seconds."""

    seal: Seal
    random: Callable[[int], bytes]
    enctypes: tuple[int, ...] = ENCTYPES
    window: float = WINDOW

    def of_password(self, password: str, salt: str, now: int, kvno: int = 1) -> KeyVersion:
        """Return keys made of a password.  Slow on purpose: some 40 ms for four enctypes."""
        octets, salted = octets_of(password), salt.encode()
        made = ((enctype, string_to_key(enctype, octets, salted).octets) for enctype in self.enctypes)
        return KeyVersion(kvno, now, salt, tuple(made))

    def at_random(self, salt: str, now: int, kvno: int = 1) -> KeyVersion:
        """Return keys that nobody knows yet."""
        made = ((enctype, random_key(enctype, self.random).octets) for enctype in self.enctypes)
        return KeyVersion(kvno, now, salt, tuple(made))

    def sealed(self, purpose: str, keys: KeySet) -> bytes:
        """Return keys as they are stored."""
        return rows.seal_keys(self.seal, purpose, keys)

    def followed(self, keys: KeySet, newest: KeyVersion, former: tuple[Former, ...] | None = None) -> KeySet:
        """Return keys with a new version in front, and those before it that tickets may still be sealed under."""
        versions = (newest, *keys.versions)
        kept = [newest]
        kept += [
            version
            for version, successor in zip(versions[1:], versions, strict=False)
            if newest.created <= successor.created + self.window
        ]
        return KeySet(tuple(kept[:_MAX_VERSIONS]), keys.former if former is None else former)


def next_kvno(keys: KeySet) -> int:
    """Return the number of the version that comes next."""
    return keys.versions[0].kvno + 1 if keys.versions else 1
