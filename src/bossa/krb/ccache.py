"""Credential caches: a client's tickets in the file form that everybody reads.

MIT's credential cache file format, 0x0504 (written) and 0x0503 (read
too).  Notes that libraries keep among the tickets stay where they are, as
credentials of a realm that does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bossa.krb.counted import counted, most, signed, text, u8, write_counted, write_u32
from bossa.krb.credential import Credential, Times
from bossa.krb.messages import EncryptionKey
from bossa.krb.messages.basic import MOST_ADDRESSES, MOST_AUTHORIZATION_DATA, MOST_PARTS
from bossa.krb.names import PrincipalName
from bossa.wire import Reader, WireError

_LONGEST = 1 << 24
_MOST_CREDENTIALS = 1 << 14
NOTES_REALM = "X-CACHECONF:"
_VERSION_3, _VERSION_4 = 0x0503, 0x0504


@dataclass(frozen=True, slots=True)
class CredentialCache:
    """Whose tickets they are, and the tickets in the order of the file."""

    default_principal: PrincipalName
    realm: str
    credentials: tuple[Credential, ...]

    @classmethod
    def decode(cls, data: bytes) -> CredentialCache:
        """Read a cache; raises WireError."""
        if len(data) > _LONGEST:
            raise WireError(f"a credential cache of {len(data)} octets")
        r = Reader(data)
        version = r.u16("version")
        if version not in (_VERSION_3, _VERSION_4):
            raise WireError(f"credential cache of form {version:#06x}")
        if version == _VERSION_4:
            r.skip("header", r.u16("header length"))
        name, realm = _read_name(r)
        return cls(name, realm, tuple(_credentials(r, twice=version == _VERSION_3)))

    def encode(self) -> bytes:
        """Write the file, of form 0x0504 and without a clock's offset."""
        head = _VERSION_4.to_bytes(2, "big") + b"\0\0" + _write_name(self.default_principal, self.realm)
        return head + b"".join(map(_write_credential, self.credentials))

    @property
    def tickets(self) -> tuple[Credential, ...]:
        """The credentials that are none of the libraries' notes."""
        return tuple(item for item in self.credentials if item.server_realm != NOTES_REALM)


def _credentials(r: Reader, *, twice: bool) -> Iterator[Credential]:
    """Read credential after credential."""
    for _ in range(_MOST_CREDENTIALS):
        if not r.left:
            return
        yield _read_credential(r, twice=twice)
    raise WireError(f"more than {_MOST_CREDENTIALS} credentials")


def _read_name(r: Reader) -> tuple[PrincipalName, str]:
    """Read a principal and its realm."""
    kind = signed(r.u32("name type"))
    count = most("components", r.u32("components"), MOST_PARTS)
    realm = text(r, "realm", 4)
    return PrincipalName(kind, tuple(text(r, "component", 4) for _ in range(count))), realm


def _read_credential(r: Reader, *, twice: bool) -> Credential:
    """Read one credential; ``twice``: form 0x0503 says the key's type two times."""
    client, realm = _read_name(r)
    server, server_realm = _read_name(r)
    etype = r.u16("key type")
    if twice:
        r.skip("key type", 2)
    key = EncryptionKey(etype, counted(r, "key", 4))
    times = Times(r.u32("authtime"), r.u32("starttime"), r.u32("endtime"), r.u32("renew-till"))
    u8(r, "is-skey")
    flags = r.u32("flags")
    _skip_list(r, "addresses", MOST_ADDRESSES)
    _skip_list(r, "authorization data", MOST_AUTHORIZATION_DATA)
    ticket, second = counted(r, "ticket", 4), counted(r, "second ticket", 4)
    return Credential(client, realm, server, server_realm, ticket, key, flags, times, second)


def _skip_list(r: Reader, field: str, limit: int) -> None:
    """Step over addresses or authorization data: nothing here is bound by them."""
    for _ in range(most(field, r.u32(field), limit)):
        r.skip(field, 2)
        counted(r, field, 4)


def _write_name(name: PrincipalName, realm: str) -> bytes:
    """Write a principal and its realm."""
    parts = b"".join(write_counted(part.encode(), 4) for part in name.parts)
    return write_u32(name.type) + write_u32(len(name.parts)) + write_counted(realm.encode(), 4) + parts


def _write_credential(item: Credential) -> bytes:
    """Write one credential; a second ticket says that it is for a user's session key."""
    times = item.times
    return b"".join(
        (
            _write_name(item.client, item.realm),
            _write_name(item.server, item.server_realm),
            (item.key.etype & 0xFFFF).to_bytes(2, "big"),
            write_counted(item.key.octets, 4),
            *map(write_u32, (times.authtime, times.starttime, times.endtime, times.renew_till)),
            bytes((bool(item.second_ticket),)),
            write_u32(item.flags),
            bytes(8),
            write_counted(item.ticket, 4),
            write_counted(item.second_ticket, 4),
        )
    )
