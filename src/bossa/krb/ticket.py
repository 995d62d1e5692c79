"""Tickets closed and open.

RFC 4120 §5.3: the encrypted part is read with the service's key, usage 2.
An OpenTicket exists only after its integrity was verified; it keeps the
octets of its part, over which a PAC's ticket signature runs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.messages import EncryptedData, EncryptionKey, EncTicketPart, Ticket
from bossa.krb.names import PrincipalName
from bossa.krb.usages import Usage


def lock(key: Key, usage: int, plain: bytes, confounder: bytes, kvno: int | None = None) -> EncryptedData:
    """Encrypt for ``usage``.  RFC 4120 §5.2.9"""
    return EncryptedData(key.enctype, kvno, key.encrypt(usage, plain, confounder))


def unlock(key: Key, usage: int, data: EncryptedData) -> bytes:
    """Decrypt what was encrypted for ``usage``; raises BadIntegrity.  RFC 4120 §5.2.9"""
    if data.etype != key.enctype:
        raise BadIntegrity(f"encrypted with type {data.etype}, the key is of type {key.enctype}")
    return key.decrypt(usage, data.cipher)


def wire_key(key: Key) -> EncryptionKey:
    """Return the key as messages carry it."""
    return EncryptionKey(key.enctype, key.octets)


def held_key(key: EncryptionKey) -> Key:
    """Return the key that a message carried; ValueError when its type is none of ours."""
    return Key(key.etype, key.octets)


@dataclass(frozen=True)
class OpenTicket:
    """A ticket whose part was decrypted with the service's key.  RFC 4120 §5.3"""

    ticket: Ticket
    part: EncTicketPart
    part_raw: bytes = field(repr=False)

    @cached_property
    def session(self) -> Key:
        """The session key, kept warm with the ticket; ValueError when its type is none of ours."""
        return held_key(self.part.key)


def seal(part: EncTicketPart, realm: str, sname: PrincipalName, key: Key, kvno: int, confounder: bytes) -> Ticket:
    """Make the ticket to ``sname``.  RFC 4120 §5.3"""
    return Ticket(realm, sname, lock(key, Usage.TICKET, part.encode(), confounder, kvno))


def open(ticket: Ticket, key: Key) -> OpenTicket:
    """Read a ticket with its service's key; raises BadIntegrity or WireError.  RFC 4120 §5.3"""
    raw = unlock(key, Usage.TICKET, ticket.enc_part)
    return OpenTicket(ticket, EncTicketPart.decode(raw), raw)
