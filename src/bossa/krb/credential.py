"""What a client holds: a ticket, its session key, and the terms that the KDC told.

RFC 4120 §3.1.5 and §5.4.2.  The key is as messages carry it, since files
hold keys of types that we do not have.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bossa.crypto.enctypes import Key
from bossa.krb.messages import EncryptionKey, Ticket
from bossa.krb.names import PrincipalName
from bossa.krb.ticket import held_key


@dataclass(frozen=True, slots=True)
class Times:
    """From when to when a ticket is good, seconds since 1970; 0 says nothing.  RFC 4120 §5.3"""

    authtime: int
    starttime: int
    endtime: int
    renew_till: int = 0


@dataclass(frozen=True, slots=True)
class Credential:
    """One ticket in its client's hands."""

    client: PrincipalName
    realm: str
    server: PrincipalName
    server_realm: str
    ticket: bytes = field(repr=False)
    key: EncryptionKey
    flags: int
    times: Times
    second_ticket: bytes = field(default=b"", repr=False)

    @property
    def session(self) -> Key:
        """The session key, ready for use; ValueError when its type is none of ours."""
        return held_key(self.key)

    def open_ticket(self) -> Ticket:
        """The ticket as a message; raises WireError."""
        return Ticket.decode(self.ticket)
