"""Which passwords are taken, and how one is made.

The rules are the settings'.  Those that hold by default are NIST SP 800-63B
§5.1.1.2's: eight characters, nothing about their classes, and not the name.
Former passwords are known again by a key made from each.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bossa.crypto.enctypes import string_to_key
from bossa.directory.account import Account, Former, KeySet, KeyVersion
from bossa.directory.errors import PasswordRefused
from bossa.directory.names import fold

MAX_PASSWORD = 1024
# No letter or digit that looks like another.
_ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 4, 5
# Names shorter than this say nothing of a password that has them in it.
_TELLING_NAME = 3


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """The rules: lengths in characters, ages in seconds; 0 is no rule.  ``history`` counts the present password."""

    min_length: int = 8
    classes: int = 1
    history: int = 0
    min_age: int = 0
    max_age: int = 0

    def check(self, account: Account, password: str) -> None:
        """Refuse a password for its form."""
        if not password or "\0" in password or len(password) > MAX_PASSWORD:
            raise PasswordRefused(f"a password has 1 to {MAX_PASSWORD} characters, none of them NUL")
        if len(password) < self.min_length:
            raise PasswordRefused(f"the password is too short: {self.min_length} characters are the least")
        if _classes(password) < self.classes:
            words = "small and capital letters, digits, others"
            raise PasswordRefused(f"the password needs characters of {self.classes} classes ({words})")
        if len(account.name) >= _TELLING_NAME and fold(account.name) in fold(password):
            raise PasswordRefused("the password has the account's name in it")

    def check_change(self, account: Account, keys: KeySet, password: str, now: int) -> None:
        """Refuse a password that somebody gives himself too soon, or had lately."""
        if self.min_age and not account.must_change and now < account.password_set + self.min_age:
            raise PasswordRefused("the password was changed a short while ago")
        if any(_is_from(former, password) for former in self.kept(keys)):
            raise PasswordRefused(f"the password is one of the last {self.history}")

    def kept(self, keys: KeySet) -> tuple[Former, ...]:
        """Return the present password and those before it, as many as the history has."""
        return (*_present(keys.versions), *keys.former)[: self.history]

    def expiry(self, now: int) -> int:
        """Return when a password that is set now expires; 0 for never."""
        return now + self.max_age if self.max_age else 0


def _present(versions: tuple[KeyVersion, ...]) -> Iterable[Former]:
    """Yield the newest version as a former password, by the enctype that is quickest to make."""
    for version in versions[:1]:
        if version.keys:
            enctype, octets = min(version.keys)
            yield Former(enctype, version.salt, octets)


def _is_from(former: Former, password: str) -> bool:
    made = string_to_key(former.enctype, octets_of(password), former.salt.encode())
    return hmac.compare_digest(made.octets, former.octets)


def octets_of(password: str) -> bytes:
    """Return a password as keys are made of it: UTF-8, as it was typed.  RFC 3962 §4"""
    return password.encode()


def _classes(password: str) -> int:
    return len({unicodedata.category(one)[:2] if one.isalnum() else "other" for one in password})


def generate(random: Callable[[int], bytes], policy: PasswordPolicy) -> str:
    """Return a password of 116 bits that is easy to type."""
    while True:
        # 256 bits, of which 116 are taken: what the remainder prefers cannot be seen.
        number, letters = int.from_bytes(random(32)), []
        for _ in range(max(_GROUPS * _GROUP, policy.min_length)):
            number, at = divmod(number, len(_ALPHABET))
            letters.append(_ALPHABET[at])
        groups = ("".join(letters[start : start + _GROUP]) for start in range(0, len(letters), _GROUP))
        password = "-".join(groups)
        if _classes(password) >= policy.classes:
            return password
