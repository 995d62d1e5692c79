"""What a service can do to a ticket that is sealed with its own key: everything but to sign as the KDC.

RFC 4120 §5.3, [MS-PAC] 2.3, 2.4 and 2.8, read here by hand and not by the code under test.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Mapping
from dataclasses import replace

from bossa.crypto.enctypes import Key
from bossa.krb.messages import AuthData, EncTicketPart, Ticket
from bossa.krb.messages.basic import decode_authorization_data, encode_authorization_data
from bossa.krb.ticket import open as open_ticket
from bossa.krb.ticket import seal

IF_RELEVANT, WIN2K_PAC = 1, 128
LOGON_INFO, SERVER, KDC, CLIENT_INFO, UPN_DNS_INFO, TICKET, FULL = 1, 6, 7, 10, 12, 16, 19
PAC_USAGE = 17
_HEAD, _ENTRY = struct.Struct("<II"), struct.Struct("<IIQ")

Buffers = dict[int, bytes]
Change = Callable[[EncTicketPart], EncTicketPart]


def opened(ticket: Ticket, key: Key) -> EncTicketPart:
    """Read a ticket with its service's key."""
    return open_ticket(ticket, key).part


def forged(ticket: Ticket, key: Key, change: Change) -> Ticket:
    """Change what is in a ticket and seal it again."""
    part = change(opened(ticket, key))
    return seal(part, ticket.realm, ticket.sname, key, ticket.enc_part.kvno or 0, os.urandom(16))


def pac(part: EncTicketPart) -> bytes:
    """Return the PAC, b"" where there is none."""
    for item in part.authorization_data:
        for inner in decode_authorization_data(item.data) if item.type == IF_RELEVANT else ():
            if inner.type == WIN2K_PAC:
                return inner.data
    return b""


def without_pac(part: EncTicketPart) -> EncTicketPart:
    """Leave the PAC out."""
    return replace(part, authorization_data=())


def with_pac(part: EncTicketPart, data: bytes) -> EncTicketPart:
    """Put another PAC in."""
    inner = encode_authorization_data((AuthData(WIN2K_PAC, data),))
    return replace(part, authorization_data=(AuthData(IF_RELEVANT, inner),))


def buffers(data: bytes) -> Buffers:
    """Take a PAC apart.  [MS-PAC] 2.3, 2.4"""
    number, _ = _HEAD.unpack_from(data)
    found: Buffers = {}
    for index in range(number):
        kind, size, offset = _ENTRY.unpack_from(data, _HEAD.size + index * _ENTRY.size)
        found[kind] = data[offset : offset + size]
    return found


def joined(parts: Mapping[int, bytes]) -> bytes:
    """Put a PAC together, each buffer at a multiple of eight octets."""
    offset = _HEAD.size + _ENTRY.size * len(parts)
    head, body = _HEAD.pack(len(parts), 0), b""
    for kind, value in parts.items():
        padding = -(offset + len(body)) % 8
        body += bytes(padding)
        head += _ENTRY.pack(kind, len(value), offset + len(body))
        body += value
    return head + body + bytes(-len(head + body) % 8)


def resigned(key: Key, change: Callable[[Buffers], Buffers]) -> Change:
    """Return a change of a ticket's PAC with the server's signature made anew.  [MS-PAC] 2.8.1"""

    def apply(part: EncTicketPart) -> EncTicketPart:
        parts = change(buffers(pac(part)))
        blank = parts | {kind: parts[kind][:4] + bytes(len(parts[kind]) - 4) for kind in (SERVER, KDC) if kind in parts}
        summed = key.checksum(PAC_USAGE, joined(blank))
        return with_pac(part, joined(parts | {SERVER: key.checksum_type.to_bytes(4, "little", signed=True) + summed}))

    return apply


def without(*kinds: int) -> Callable[[Buffers], Buffers]:
    """Return a change that leaves buffers out."""
    return lambda parts: {kind: value for kind, value in parts.items() if kind not in kinds}


def signature(kind: int, change: Callable[[bytes], bytes]) -> Callable[[Buffers], Buffers]:
    """Return a change of one signature: its type in four octets, then itself."""
    return lambda parts: parts | {kind: change(parts[kind])}


def zeroed(value: bytes) -> bytes:
    """Keep a signature's type."""
    return value[:4] + bytes(len(value) - 4)


def typed(number: int, size: int) -> Callable[[bytes], bytes]:
    """Say that a signature is of another type, with octets that somebody without our key could make."""
    return lambda _: number.to_bytes(4, "little", signed=True) + bytes(size)
