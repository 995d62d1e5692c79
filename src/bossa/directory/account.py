"""What a realm knows: accounts with their keys, groups, trusts, and the realm itself.

One account has one set of keys, with versions, and many names: a user's
aliases, a service's further principal names.  Names are text without the
realm; no two in a realm are equal, in any spelling.  Times are whole seconds
since 1970, 0 for never.  Structs are arrays at rest: a field that comes later
stands behind the others and has a default.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

KRBTGT = "krbtgt"
CHANGEPW = "kadmin/changepw"
# [MS-ADTS] 6.1.1.4 and [MS-SAMR] 2.2.1.14: relative identifiers that are the same in every domain.
RID_ADMINISTRATOR = 500
RID_KRBTGT = 502
RID_ADMINS = 512
RID_USERS = 513
FIRST_RID = 1000


class Kind(IntEnum):
    """What an account stands for."""

    USER = 1
    SERVICE = 2
    HOST = 3
    KRBTGT = 4
    TRUST = 5


class KeyVersion(msgspec.Struct, frozen=True, array_like=True):
    """One version of an account's keys: (enctype, octets), the strongest preference first."""

    kvno: int
    created: int
    salt: str
    keys: tuple[tuple[int, bytes], ...]

    def __repr__(self) -> str:
        return f"KeyVersion(kvno={self.kvno}, enctypes={[enctype for enctype, _ in self.keys]})"


class Former(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a former password: one key made from it, to know it again."""

    enctype: int
    salt: str
    octets: bytes

    def __repr__(self) -> str:
        return f"Former(enctype={self.enctype})"


class KeySet(msgspec.Struct, frozen=True, array_like=True):
    """The versions of an account's keys and its former passwords, both newest first; sealed at rest."""

    versions: tuple[KeyVersion, ...] = ()
    former: tuple[Former, ...] = ()


class Account(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A user, a service, a host, or the ticket-granting service."""

    name: str
    kind: Kind
    rid: int
    created: int
    # Further names, all of them the account's own.
    names: tuple[str, ...] = ()
    display: str = ""
    disabled: bool = False
    # Never delegated, by whatever right.
    sensitive: bool = False
    preauth: bool = True
    must_change: bool = False
    expires: int = 0
    password_set: int = 0
    password_expires: int = 0
    locked_until: int = 0
    # The classic list: names of services at which this account may act for its clients.
    delegates_to: tuple[str, ...] = ()
    # The list of the target: accounts that may act for users at this one.
    allowed_from: tuple[str, ...] = ()
    # Protocol transition: tickets to itself for users who never came are good for delegation.
    any_protocol: bool = False
    # A KeySet, sealed under the master key.
    sealed: bytes = b""

    def __repr__(self) -> str:
        return f"Account({self.kind.name} {self.name!r}, rid={self.rid})"


class Group(msgspec.Struct, frozen=True, array_like=True):
    """Accounts and other groups under one name."""

    name: str
    rid: int
    members: tuple[str, ...] = ()


class Trust(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """Another realm with which keys are shared.

    ``direction`` "out": our users reach services there; "in": users from there
    reach ours; "both".  ``suffixes`` are the DNS domains of that realm.
    """

    realm: str
    direction: str = "both"
    sid: str = ""
    suffixes: tuple[str, ...] = ()
    rid: int = 0
    created: int = 0
    # KeySets: of krbtgt/THERE@HERE, under which we send users there, and of krbtgt/HERE@THERE, which we open.
    sealed: bytes = b""
    sealed_in: bytes = b""

    def __repr__(self) -> str:
        return f"Trust({self.realm!r}, {self.direction!r})"


class RealmInfo(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The realm itself; ``sid`` is the domain's in text, ``next_rid`` the next account's."""

    realm: str
    domain: str
    netbios: str
    sid: str
    next_rid: int = FIRST_RID
    created: int = 0


class Failures(msgspec.Struct, frozen=True, array_like=True):
    """Wrong passwords in a row, and the moment of the last."""

    count: int
    last: int
