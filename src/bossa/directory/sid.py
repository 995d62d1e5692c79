"""Security identifiers: their text, their octets, and who stands inside which domain.  [MS-DTYP] 2.4.2

A SID has one to fifteen sub-authorities of 32 bits under an authority of 48
bits, revision 1; anything else is no SID and raises WireError.  A domain's
accounts and groups are its own SID with one more number, the RID.
"""

from __future__ import annotations

import re
import struct
from enum import IntEnum
from typing import NamedTuple

from bossa.wire import WireError

MAX_PARTS = 15
_HEAD = 8
_TEXT = re.compile(r"S-1-(\d{1,10}|0x[0-9a-f]{12})((?:-\d{1,10}){1,15})", re.IGNORECASE | re.ASCII)


class Rid(IntEnum):
    """Accounts and groups that have the same RID in every domain.  [MS-DTYP] 2.4.2.4"""

    ADMINISTRATOR = 500
    GUEST = 501
    KRBTGT = 502
    DOMAIN_ADMINS = 512
    DOMAIN_USERS = 513
    DOMAIN_GUESTS = 514
    DOMAIN_COMPUTERS = 515
    DOMAIN_CONTROLLERS = 516
    CERT_PUBLISHERS = 517
    SCHEMA_ADMINS = 518
    ENTERPRISE_ADMINS = 519
    GROUP_POLICY_OWNERS = 520
    PROTECTED_USERS = 525


class Sid(NamedTuple):
    """One security identifier."""

    authority: int
    parts: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Sid:
        """Read ``S-1-5-21-…``; raises WireError.  [MS-DTYP] 2.4.2.1"""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise WireError(f"{text[:200]!r} is no SID")
        authority = int(found[1], 0) if found[1][:2].lower() == "0x" else int(found[1])
        return _checked(authority, tuple(map(int, found[2][1:].split("-"))))

    @classmethod
    def decode(cls, octets: bytes) -> Sid:
        """Read the packet form, all of it; raises WireError.  [MS-DTYP] 2.4.2.2"""
        if len(octets) < _HEAD or octets[0] != 1:
            raise WireError(f"SID of {len(octets)} octets has no revision 1")
        count = octets[1]
        if not 1 <= count <= MAX_PARTS or len(octets) != size_of(count):
            raise WireError(f"SID of {len(octets)} octets has {count} sub-authorities")
        return cls(int.from_bytes(octets[2:8], "big"), struct.unpack_from(f"<{count}I", octets, _HEAD))

    @property
    def octets(self) -> bytes:
        """The packet form.  [MS-DTYP] 2.4.2.2"""
        count = len(self.parts)
        return bytes((1, count)) + self.authority.to_bytes(6, "big") + struct.pack(f"<{count}I", *self.parts)

    @property
    def text(self) -> str:
        """The text form; an authority of more than 32 bits is written in hexadecimal.  [MS-DTYP] 2.4.2.1"""
        authority = str(self.authority) if self.authority < 1 << 32 else f"0x{self.authority:012x}"
        return "-".join(("S-1", authority, *map(str, self.parts)))

    @property
    def rid(self) -> int:
        """The last sub-authority."""
        return self.parts[-1]

    @property
    def domain(self) -> Sid | None:
        """The SID one level up; None at the top."""
        return Sid(self.authority, self.parts[:-1]) if len(self.parts) > 1 else None

    def child(self, rid: int) -> Sid:
        """The account or group with that RID in this domain."""
        return Sid(self.authority, (*self.parts, rid))

    def within(self, domain: Sid) -> bool:
        """Whether this is an account or a group of that domain, not of one that merely begins alike."""
        return self.authority == domain.authority and self.parts[:-1] == domain.parts


def size_of(count: int) -> int:
    """Octets of a SID with so many sub-authorities."""
    return _HEAD + 4 * count


def _checked(authority: int, parts: tuple[int, ...]) -> Sid:
    if authority >= 1 << 48 or any(part >= 1 << 32 for part in parts):
        raise WireError("a SID's numbers do not fit")
    return Sid(authority, parts)


def domain_sid(numbers: tuple[int, int, int]) -> Sid:
    """The SID of a domain out of three random numbers of 32 bits.  [MS-DTYP] 2.4.2.4"""
    return _checked(5, (21, *numbers))


NT_AUTHORITY = 5
ASSERTED_BY_AUTHORITY = Sid(18, (1,))  # AUTHENTICATION_AUTHORITY_ASSERTED_IDENTITY
ASSERTED_BY_SERVICE = Sid(18, (2,))  # SERVICE_ASSERTED_IDENTITY: by protocol transition
