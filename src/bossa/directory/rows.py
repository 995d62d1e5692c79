"""How accounts, groups, trusts and the realm look as octets in the store, and sealed.

A key is one letter, a slash and the name: ``a/alice``, ``g/admins``,
``t/OTHER.TEST``, ``f/alice`` (failures); ``r`` is the realm.  A value is
msgpack and begins with the version of its form.  Keys are sealed for one
purpose each, so one account's do not open as another's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import msgspec

from bossa.directory.account import Account, Failures, Group, KeySet, Kind, RealmInfo, Trust

Item = tuple[bytes, bytes | None]
Seal = Callable[[bytes, bytes], bytes]
OpenKeys = Callable[[str, bytes], KeySet]
T = TypeVar("T")

FORM = 1
INFO = b"r"
ACCOUNT, GROUP, TRUST, FAILURES = b"a/", b"g/", b"t/", b"f/"

_encode = msgspec.msgpack.Encoder().encode


class UnknownRow(Exception):
    """A stored value is damaged, or was written by a newer version of bossa."""


class Head(msgspec.Struct, frozen=True, array_like=True):
    """The first fields of an account, which are all that the index of names needs."""

    name: str
    kind: Kind
    rid: int
    created: int
    names: tuple[str, ...] = ()


class Named(NamedTuple):
    """A row's key taken apart."""

    room: bytes
    name: str


_head = msgspec.msgpack.Decoder(tuple[int, Head]).decode
_account = msgspec.msgpack.Decoder(tuple[int, Account]).decode
_group = msgspec.msgpack.Decoder(tuple[int, Group]).decode
_trust = msgspec.msgpack.Decoder(tuple[int, Trust]).decode
_info = msgspec.msgpack.Decoder(tuple[int, RealmInfo]).decode
_failures = msgspec.msgpack.Decoder(tuple[int, Failures]).decode
_keys = msgspec.msgpack.Decoder(tuple[int, KeySet]).decode


def split_key(key: bytes) -> Named:
    """Return the room of a row, such as ``a/``, and the name in it."""
    return Named(key, "") if key == INFO else Named(key[:2], key[2:].decode())


def account_item(account: Account) -> tuple[bytes, bytes]:
    """Return the row of an account."""
    return ACCOUNT + account.name.encode(), _encode((FORM, account))


def group_item(group: Group) -> tuple[bytes, bytes]:
    """Return the row of a group."""
    return GROUP + group.name.encode(), _encode((FORM, group))


def trust_item(trust: Trust) -> tuple[bytes, bytes]:
    """Return the row of a trust."""
    return TRUST + trust.realm.encode(), _encode((FORM, trust))


def info_item(info: RealmInfo) -> tuple[bytes, bytes]:
    """Return the row of the realm."""
    return INFO, _encode((FORM, info))


def failures_item(account: str, failures: Failures) -> tuple[bytes, bytes]:
    """Return the row of an account's failures."""
    return FAILURES + account.encode(), _encode((FORM, failures))


def decode_head(val: bytes) -> Head:
    """Return the first fields of an account."""
    return _checked(_head, val)


def decode_account(val: bytes) -> Account:
    """Return an account."""
    return _checked(_account, val)


def decode_group(val: bytes) -> Group:
    """Return a group."""
    return _checked(_group, val)


def decode_trust(val: bytes) -> Trust:
    """Return a trust."""
    return _checked(_trust, val)


def decode_info(val: bytes) -> RealmInfo:
    """Return the realm."""
    return _checked(_info, val)


def decode_failures(val: bytes) -> Failures:
    """Return an account's failures."""
    return _checked(_failures, val)


def _checked(decode: Callable[[bytes], tuple[int, T]], val: bytes) -> T:
    try:
        form, found = decode(val)
    except msgspec.MsgspecError as e:
        raise UnknownRow(f"a row of the realm is not understood: {e}") from e
    if form != FORM:
        raise UnknownRow(f"the store has a row of the realm in form {form}, this bossa knows form {FORM}")
    return found


def account_purpose(name: str) -> str:
    """Return what an account's keys are sealed for."""
    return f"account:{name}"


def leaving_purpose(realm: str) -> str:
    """Return what the keys are sealed for under which our users go to another realm."""
    return f"trust-out:{realm}"


def coming_purpose(realm: str) -> str:
    """Return what the keys are sealed for under which another realm's users come."""
    return f"trust-in:{realm}"


def seal_keys(seal: Seal, purpose: str, keys: KeySet) -> bytes:
    """Return a key set, sealed for one purpose."""
    return seal(purpose.encode(), _encode((FORM, keys)))


def key_opener(open_sealed: Callable[[bytes, bytes], bytes]) -> OpenKeys:
    """Return what opens key sets; ``open_sealed(purpose, sealed)`` is a master key's ``Seal.open``."""

    def open_keys(purpose: str, sealed: bytes) -> KeySet:
        return _checked(_keys, open_sealed(purpose.encode(), sealed)) if sealed else KeySet()

    return open_keys
