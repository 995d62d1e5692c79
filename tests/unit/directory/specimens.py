"""A small realm: what it is made of, and ways to look into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

from bossa.crypto.sealed import Seal
from bossa.directory import changes
from bossa.directory.account import Account, KeySet, Kind
from bossa.directory.changes import NewPassword
from bossa.directory.keys import KeyMaker
from bossa.directory.passwords import PasswordPolicy
from bossa.directory.realm import Realm
from bossa.directory.rows import Item, account_purpose, key_opener

REALM = "BOSSA.TEST"
NOW = 1_700_000_000
FREE = PasswordPolicy(min_length=1)
SEAL = Seal(bytes(range(32)))
WINDOW = 1000.0


def counting() -> Callable[[int], bytes]:
    """Return a random source whose octets never come twice."""
    count = itertools.count(1)
    return lambda size: (next(count).to_bytes(4, "big") * size)[:size]


def make_maker(enctypes: tuple[int, ...] = (18, 17)) -> KeyMaker:
    """Return a key maker with the two quick enctypes."""
    return KeyMaker(SEAL.seal, counting(), enctypes, WINDOW)


def empty_realm(size: int = 4096) -> Realm:
    """Return a realm without rows."""
    return Realm(key_opener(SEAL.open), size)


def found_realm(maker: KeyMaker | None = None) -> Realm:
    """Return a fresh realm with the users alice and bob and the services HTTP/web and DNS/ns."""
    maker, realm = maker or make_maker(), empty_realm()
    realm.apply(changes.found(maker, REALM, "bossa.test", password("first")))
    for user in ("alice", "bob"):
        realm.apply(changes.new_user(realm, maker, user, password(f"secret of {user[0]}")))
    for service in ("HTTP/web.bossa.test", "DNS/ns.bossa.test"):
        realm.apply(changes.new_service(realm, maker, service, NOW))
    return realm


def password(text: str, policy: PasswordPolicy = FREE, now: int = NOW) -> NewPassword:
    """Return a password by a policy."""
    return NewPassword(text, policy, now)


def account(realm: Realm, name: str) -> Account:
    """Return an account that is there."""
    found = realm.find(name)
    assert found is not None, name
    return found.account


def key_set(realm: Realm, name: str) -> KeySet:
    """Return the keys of an account as they are stored."""
    sealed = account(realm, name).sealed
    return key_opener(SEAL.open)(account_purpose(account(realm, name).name), sealed)


def user(name: str, **fields: object) -> Account:
    """Return a user without keys."""
    return Account(name=name, kind=Kind.USER, rid=2000, created=NOW, **fields)  # type: ignore[arg-type]


def keys_of(items: Iterable[Item]) -> list[bytes]:
    """Return the keys of rows."""
    return [key for key, _ in items]
