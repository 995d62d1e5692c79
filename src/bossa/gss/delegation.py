"""The credential that a client hands to a service, to act for it everywhere.  RFC 4120 §5.8, RFC 4121 §4.1.1

A KRB-CRED inside the authenticator's checksum: a forwarded ticket-granting
ticket with its session key.  Exactly one ticket is taken.
"""

from __future__ import annotations

from collections.abc import Iterable

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.credential import Credential, Times
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import EncKrbCredPart, EncTicketPart, KrbCred, KrbCredInfo, Ticket
from bossa.krb.ticket import lock, unlock
from bossa.krb.usages import Usage


def seal(credential: Credential, key: Key, confounder: bytes) -> bytes:
    """Write the KRB-CRED that hands a credential on, under the session key; raises WireError."""
    times = credential.times
    info = KrbCredInfo(
        key=credential.key,
        prealm=credential.realm,
        pname=credential.client,
        flags=credential.flags,
        authtime=times.authtime,
        starttime=times.starttime or None,
        endtime=times.endtime,
        renew_till=times.renew_till or None,
        srealm=credential.server_realm,
        sname=credential.server,
    )
    part = EncKrbCredPart((info,)).encode()
    return KrbCred((credential.open_ticket(),), lock(key, Usage.KRB_CRED, part, confounder)).encode()


def open(octets: bytes, keys: Iterable[Key], shown: EncTicketPart) -> Credential:
    """Read a KRB-CRED with the key, of the session's, that fits; raises KdcError or WireError.

    It is for the client whose ticket was ``shown``, or refused.
    """
    message = KrbCred.decode(octets)
    part = EncKrbCredPart.decode(_plain(message, keys))
    if len(message.tickets) != 1 or len(part.ticket_info) != 1:
        raise KdcError(KrbCode.GENERIC, f"{len(message.tickets)} tickets are delegated")
    return _credential(message.tickets[0], part.ticket_info[0], shown)


def _credential(ticket: Ticket, info: KrbCredInfo, shown: EncTicketPart) -> Credential:
    client, realm = info.pname or shown.cname, info.prealm or shown.crealm
    if (client.parts, realm) != (shown.cname.parts, shown.crealm):
        raise KdcError(KrbCode.BADMATCH, f"{client.text}@{realm} is delegated by {shown.cname.text}@{shown.crealm}")
    times = Times(info.authtime or 0, info.starttime or 0, info.endtime or 0, info.renew_till or 0)
    server, server_realm = info.sname or ticket.sname, info.srealm or ticket.realm
    return Credential(client, realm, server, server_realm, ticket.encode(), info.key, info.flags or 0, times)


def _plain(message: KrbCred, keys: Iterable[Key]) -> bytes:
    for key in keys:
        try:
            return unlock(key, Usage.KRB_CRED, message.enc_part)
        except BadIntegrity:
            continue
    raise KdcError(KrbCode.MODIFIED, "the delegated credential is under none of the session's keys")
