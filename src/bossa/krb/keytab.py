"""Key tables: the keys of services in the file form that everybody reads.

MIT's keytab file format 0x0502: records with a signed length before them,
negative ones are holes.  A key of a type that we do not have is kept as it
is and only left out where keys are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bossa.crypto.enctypes import Key
from bossa.krb.counted import counted, most, signed, text, u8, write_counted, write_u32
from bossa.krb.messages import EncryptionKey
from bossa.krb.messages.basic import MOST_PARTS
from bossa.krb.names import PrincipalName
from bossa.krb.ticket import held_key
from bossa.wire import Reader, WireError

_VERSION = b"\x05\x02"
_LONGEST = 1 << 24
_MOST_ENTRIES = 1 << 16


@dataclass(frozen=True, slots=True)
class KeytabEntry:
    """One key of one principal; ``timestamp`` is when it was written."""

    principal: PrincipalName
    realm: str
    kvno: int
    key: EncryptionKey
    timestamp: int = 0

    @property
    def usable(self) -> Key | None:
        """The key, unless its type is none of ours or its size is wrong."""
        try:
            return held_key(self.key)
        except ValueError:
            return None


@dataclass(frozen=True, slots=True)
class Keytab:
    """The entries of a key table, in the order of the file."""

    entries: tuple[KeytabEntry, ...]

    @classmethod
    def decode(cls, data: bytes) -> Keytab:
        """Read a key table; raises WireError."""
        if len(data) > _LONGEST or data[:2] != _VERSION:
            raise WireError(f"not a key table: {len(data)} octets that begin with {data[:2].hex()}")
        return cls(tuple(_entries(Reader(data, 2))))

    def encode(self) -> bytes:
        """Write the file."""
        return _VERSION + b"".join(write_counted(_write_entry(entry), 4) for entry in self.entries)

    def keys(self, principal: PrincipalName, realm: str) -> tuple[tuple[int, Key], ...]:
        """Version and key of every entry of a principal that we can use, newest versions first."""
        found = (
            (entry.kvno, key)
            for entry in self.entries
            if entry.principal.parts == principal.parts and entry.realm == realm and (key := entry.usable)
        )
        return tuple(sorted(found, key=lambda pair: -pair[0]))


def _entries(r: Reader) -> Iterator[KeytabEntry]:
    """Read record after record, past the holes; a length of 0 ends the file early."""
    for _ in range(_MOST_ENTRIES):
        if not r.left:
            return
        size = signed(r.u32("record length"))
        if size == 0:
            return
        if size < 0:
            r.skip("hole", -size)
        else:
            yield _read_entry(r.sub("record", size))
    raise WireError(f"more than {_MOST_ENTRIES} records")


def _read_entry(r: Reader) -> KeytabEntry:
    """Read one record; what follows the key is its whole version, and then nothing that we know."""
    count = most("components", r.u16("components"), MOST_PARTS)
    realm = text(r, "realm", 2)
    parts = tuple(text(r, "component", 2) for _ in range(count))
    name = PrincipalName(signed(r.u32("name type")), parts)
    timestamp, kvno = r.u32("timestamp"), u8(r, "version")
    key = EncryptionKey(r.u16("key type"), counted(r, "key", 2))
    if r.left >= 4:
        kvno = r.u32("whole version") or kvno
    return KeytabEntry(name, realm, kvno, key, timestamp)


def _write_entry(entry: KeytabEntry) -> bytes:
    """Write one record, without its length."""
    return b"".join(
        (
            len(entry.principal.parts).to_bytes(2, "big"),
            write_counted(entry.realm.encode(), 2),
            *(write_counted(part.encode(), 2) for part in entry.principal.parts),
            write_u32(entry.principal.type),
            write_u32(entry.timestamp),
            bytes((entry.kvno & 0xFF,)),
            (entry.key.etype & 0xFFFF).to_bytes(2, "big"),
            write_counted(entry.key.octets, 2),
            write_u32(entry.kvno),
        )
    )
