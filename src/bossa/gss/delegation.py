"""The credential that a client hands to a service, so that it may act for it everywhere.  RFC 4120 §5.8, RFC 4121 §4.1.1

A KRB-CRED inside the authenticator's checksum: a forwarded ticket-granting
ticket with its session key.  Exactly one ticket is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import EncKrbCredPart, KrbCred, KrbCredInfo, Ticket
from bossa.krb.ticket import held_key, lock, unlock
from bossa.krb.usages import Usage


@dataclass(frozen=True, slots=True)
class Delegated:
    """A ticket that travelled with its key and its terms."""

    ticket: Ticket
    info: KrbCredInfo
    key: Key = field(repr=False)


def seal(ticket: Ticket, info: KrbCredInfo, key: Key, confounder: bytes) -> bytes:
    """Write the KRB-CRED that hands a ticket on, under the session key."""
    part = EncKrbCredPart((info,)).encode()
    return KrbCred((ticket,), lock(key, Usage.KRB_CRED, part, confounder)).encode()


def open(octets: bytes, keys: Iterable[Key]) -> Delegated:
    """Read a KRB-CRED with the key, of the session's, that fits; raises KdcError or WireError."""
    credential = KrbCred.decode(octets)
    part = EncKrbCredPart.decode(_plain(credential, keys))
    if len(credential.tickets) != 1 or len(part.ticket_info) != 1:
        raise KdcError(KrbCode.GENERIC, f"{len(credential.tickets)} tickets are delegated")
    info = part.ticket_info[0]
    try:
        return Delegated(credential.tickets[0], info, held_key(info.key))
    except ValueError:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"delegated session key of type {info.key.etype}") from None


def _plain(credential: KrbCred, keys: Iterable[Key]) -> bytes:
    for key in keys:
        try:
            return unlock(key, Usage.KRB_CRED, credential.enc_part)
        except BadIntegrity:
            continue
    raise KdcError(KrbCode.MODIFIED, "the delegated credential is under none of the session's keys")
