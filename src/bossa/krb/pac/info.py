"""The small buffers of a PAC: whose it is, under which names, and who asked for it.

[MS-PAC] 2.7 CLIENT_INFO, 2.10 UPN_DNS_INFO, 2.14 ATTRIBUTES, 2.15 REQUESTER.
Each is read whole and written whole; what does not fit raises WireError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntFlag

from bossa.directory.sid import Sid
from bossa.krb.pac.times import filetime, seconds_of
from bossa.wire import WireError
from bossa.wire.ndr import utf16

_CLIENT = struct.Struct("<QH")
_UPN = struct.Struct("<HHHHI")
_UPN_MORE = struct.Struct("<HHHH")
_ATTRIBUTES = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Whose PAC it is: the ticket's authtime, and the client's name.  [MS-PAC] 2.7"""

    authtime: int
    name: str

    @classmethod
    def decode(cls, raw: bytes) -> ClientInfo:
        """Read the buffer; raises WireError."""
        if len(raw) < _CLIENT.size:
            raise WireError(f"CLIENT_INFO of {len(raw)} octets")
        time, size = _CLIENT.unpack_from(raw)
        if size > len(raw) - _CLIENT.size:
            raise WireError(f"CLIENT_INFO name of {size} octets in {len(raw)}")
        return cls(seconds_of(time), utf16("CLIENT_INFO name", raw[_CLIENT.size : _CLIENT.size + size]))

    def encode(self) -> bytes:
        """Write the buffer."""
        name = self.name.encode("utf-16-le")
        return _CLIENT.pack(filetime(self.authtime), len(name)) + name


class UpnFlags(IntFlag):
    """Flags of UPN_DNS_INFO.  [MS-PAC] 2.10"""

    CONSTRUCTED = 1  # the user has no principal name of its own; this one is made of name and domain
    EXTENDED = 2  # account name and SID follow


@dataclass(frozen=True, slots=True)
class UpnDnsInfo:
    """The user's principal name and domain, with account name and SID in the extended form.  [MS-PAC] 2.10"""

    upn: str
    dns_domain: str
    flags: int = 0
    account: str = ""
    sid: Sid | None = None

    @classmethod
    def decode(cls, raw: bytes) -> UpnDnsInfo:
        """Read the buffer; raises WireError."""
        if len(raw) < _UPN.size:
            raise WireError(f"UPN_DNS_INFO of {len(raw)} octets")
        upn, upn_at, domain, domain_at, flags = _UPN.unpack_from(raw)
        names = _text(raw, "Upn", upn_at, upn), _text(raw, "DnsDomainName", domain_at, domain)
        if not flags & UpnFlags.EXTENDED:
            return cls(*names, flags)
        if len(raw) < _UPN.size + _UPN_MORE.size:
            raise WireError(f"extended UPN_DNS_INFO of {len(raw)} octets")
        account, account_at, sid, sid_at = _UPN_MORE.unpack_from(raw, _UPN.size)
        return cls(
            *names, flags, _text(raw, "SamName", account_at, account), Sid.decode(_slice(raw, "Sid", sid_at, sid))
        )

    def encode(self) -> bytes:
        """Write the buffer, every part at a multiple of eight."""
        parts = [self.upn.encode("utf-16-le"), self.dns_domain.encode("utf-16-le")]
        flags = self.flags & ~int(UpnFlags.EXTENDED)
        if self.sid is not None:
            parts += [self.account.encode("utf-16-le"), self.sid.octets]
            flags |= UpnFlags.EXTENDED
        at = _UPN.size + _UPN_MORE.size if self.sid is not None else _UPN.size
        places, body = [], b""
        for part in parts:
            body += bytes(-(at + len(body)) % 8)
            places += [len(part), at + len(body)]
            body += part
        more = _UPN_MORE.pack(*places[4:]) if self.sid is not None else b""
        return _UPN.pack(*places[:4], flags) + more + body


class AttributeFlags(IntFlag):
    """How the PAC came into the ticket.  [MS-PAC] 2.14"""

    REQUESTED = 1
    GIVEN_IMPLICITLY = 2


def encode_attributes(flags: int) -> bytes:
    """Write PAC_ATTRIBUTES_INFO: two flags in one 32-bit word.  [MS-PAC] 2.14"""
    return _ATTRIBUTES.pack(2, flags)


def decode_attributes(raw: bytes) -> int:
    """Read PAC_ATTRIBUTES_INFO, of which the first word is known; raises WireError.  [MS-PAC] 2.14"""
    if len(raw) < _ATTRIBUTES.size:
        raise WireError(f"ATTRIBUTES of {len(raw)} octets")
    bits, flags = _ATTRIBUTES.unpack_from(raw)
    if not 1 <= bits <= (len(raw) - 4) * 8:
        raise WireError(f"ATTRIBUTES of {bits} flags in {len(raw)} octets")
    return int(flags)


def _text(raw: bytes, field: str, at: int, size: int) -> str:
    return utf16(field, _slice(raw, field, at, size))


def _slice(raw: bytes, field: str, at: int, size: int) -> bytes:
    if size > len(raw) or at > len(raw) - size:
        raise WireError(f"{field}: {at}+{size} runs past {len(raw)}")
    return raw[at : at + size]
