"""What the two exchanges share: the session key, the sealed ticket, and the reply around it.

RFC 4120 §3.1.3, §5.3 and §5.4.2, RFC 6113 §5.4.3, [MS-KILE] 3.3.5.6.4.  A
`Draft` is all that was decided about a ticket; from here on nothing is.  The
reply goes under armor where the request came so, with a reply key that the
armor has strengthened.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.crypto.enctypes import CONFOUNDER, Key, random_key
from bossa.krb import fast
from bossa.krb.armor import strengthened
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.pa_rep import confirmation
from bossa.krb.kdc.servers import Server
from bossa.krb.kdc.times import Times
from bossa.krb.kdc.turn import Turn
from bossa.krb.messages import (
    AuthData,
    EncKdcRepPart,
    EncTicketPart,
    HostAddress,
    KdcRep,
    LastReq,
    PaData,
    Ticket,
    Transited,
)
from bossa.krb.names import PrincipalName
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.sign import service_part, signs_ticket, tgt_part
from bossa.krb.ticket import lock, wire_key
from bossa.krb.usages import Usage

# RFC 4120 §5.4.2: "no information"; the time beside it says nothing.
NO_LAST_REQ = (LastReq(0, 0),)
DIRECT = Transited()


@dataclass(frozen=True, slots=True)
class Draft:
    """What a ticket is to say of its client; ``authorization_data`` is what stands beside the PAC.

    ``answer`` goes into the reply that brings it.
    """

    crealm: str
    cname: PrincipalName
    flags: int
    times: Times
    pac: PacContent | None
    transited: Transited = DIRECT
    caddr: tuple[HostAddress, ...] = ()
    authorization_data: tuple[AuthData, ...] = ()
    answer: tuple[PaData, ...] = ()


@dataclass(frozen=True, slots=True)
class Envelope:
    """How the client is told: the key and usage that hide its part, and what goes with it."""

    msg_type: int
    key: Key
    usage: int
    padata: tuple[PaData, ...] = ()
    encrypted_pa_data: tuple[PaData, ...] = ()
    last_req: tuple[LastReq, ...] = NO_LAST_REQ
    key_expiration: int | None = None
    kvno: int | None = None
    # Whether the client asked to learn what of its request arrived.  RFC 6806 §11
    confirm: bool = False


def session_key(turn: Turn, etypes: tuple[int, ...], server: Server) -> Key:
    """Make a key of the first type of the client's that the realm permits and the server can read.

    RFC 4120 §3.1.3
    """
    for etype in etypes:
        if etype in turn.settings.enctypes and etype in server.enctypes:
            return random_key(etype, turn.random)
    raise KdcError(KrbCode.ETYPE_NOSUPP, f"{server.name.text} reads none of the types {etypes}")


def seal(turn: Turn, draft: Draft, server: Server, session: Key) -> tuple[EncTicketPart, Ticket]:
    """Make the ticket, and return what it says beside the PAC.  RFC 4120 §5.3"""
    part = EncTicketPart(
        flags=draft.flags,
        key=wire_key(session),
        crealm=draft.crealm,
        cname=draft.cname,
        transited=draft.transited,
        authtime=draft.times.authtime,
        starttime=draft.times.starttime,
        endtime=draft.times.endtime,
        renew_till=draft.times.renew_till,
        caddr=draft.caddr,
        authorization_data=draft.authorization_data,
    )
    octets = part.encode() if draft.pac is None else _with_pac(turn, draft.pac, part, server)
    locked = lock(server.key, Usage.TICKET, octets, turn.random(CONFOUNDER), server.kvno)
    return part, Ticket(turn.realm.info.realm, server.name, locked)


def write_reply(turn: Turn, part: EncTicketPart, sealed: Ticket, server: Server, envelope: Envelope) -> bytes:
    """Write the reply that brings a ticket, armored where the request was.  RFC 4120 §5.4.2, RFC 6113 §5.4.3"""
    assert turn.body is not None
    key, padata, client = envelope.key, envelope.padata, (part.crealm, part.cname)
    if turn.armored is not None:
        strengthen = random_key(key.enctype, turn.random)
        finished = fast.finish(turn.armored, part.crealm, part.cname, sealed.encode(), turn.now)
        padata = (fast.wrap_reply(turn.armored, padata, strengthen, finished, turn.random(CONFOUNDER)),)
        key, client = strengthened(strengthen, key), turn.armored.shown(*client)
    inside = EncKdcRepPart(
        key=part.key,
        last_req=envelope.last_req,
        nonce=turn.body.nonce,
        key_expiration=envelope.key_expiration,
        flags=part.flags,
        authtime=part.authtime,
        starttime=part.starttime,
        endtime=part.endtime,
        renew_till=part.renew_till,
        srealm=sealed.realm,
        sname=server.name,
        caddr=part.caddr,
        encrypted_pa_data=envelope.encrypted_pa_data + (confirmation(turn.packet, key) if envelope.confirm else ()),
    ).encode(envelope.msg_type)
    locked = lock(key, envelope.usage, inside, turn.random(CONFOUNDER), envelope.kvno)
    return KdcRep(envelope.msg_type, padata, *client, sealed, locked).encode()


def _with_pac(turn: Turn, content: PacContent, part: EncTicketPart, server: Server) -> bytes:
    """Write a part with its PAC: two signatures in a ticket that grants tickets, four in others.  [MS-PAC] 2.8"""
    if signs_ticket(server.name):
        return service_part(content, part, server.key, _issuing_key(turn))
    return tgt_part(content, part, server.key, _issuing_key(turn))


def _issuing_key(turn: Turn) -> Key:
    """Return the key with which this realm vouches for a PAC: the newest of the ticket-granting service."""
    key = turn.realm.krbtgt.key()
    if key is None:
        raise KdcError(KrbCode.NULL_KEY, "the ticket-granting service has no key")
    return key
