"""From a ticket-granting ticket to other tickets: services, referrals, renewal, forwarding, user-to-user.

RFC 4120 §3.3, RFC 6806 §8 (referrals), RFC 6113 §5.4.2 (a TGS-REQ's own
header is its armor).  Every request has a subkey, so every reply is under
one that nobody used before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bossa.crypto.enctypes import Key
from bossa.krb.ap import request
from bossa.krb.armor import AD_FAST_USED, armor_key, strengthened
from bossa.krb.client.armored import Armor, arm, check_finished, open_error, open_response
from bossa.krb.client.ask import Ask, Exchange, KdcSaid, Setting, Wishes
from bossa.krb.client.verify import credential, open_part, read, told_key
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.messages import (
    TGS_REP,
    TGS_REQ,
    AuthData,
    Authenticator,
    CheckSum,
    EncKdcRepPart,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    PaData,
    Ticket,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.padata import PaType
from bossa.krb.ticket import wire_key
from bossa.krb.usages import Usage

MOST_REFERRALS = 8
_CANONICALIZE = int(KdcOptions.CANONICALIZE)


@dataclass(frozen=True, slots=True)
class Want:
    """One TGS-REQ: what for, with which other tickets, and what to prove with the subkey and nonce."""

    sname: PrincipalName
    realm: str
    wishes: Wishes
    tickets: tuple[Ticket, ...] = ()
    padata: Callable[[Key, int], tuple[PaData, ...]] = lambda subkey, nonce: ()


@dataclass(frozen=True, slots=True)
class Got:
    """A verified TGS-REP."""

    rep: KdcRep
    part: EncKdcRepPart
    subkey: Key

    @property
    def credential(self) -> Credential:
        """What the client keeps."""
        return credential(self.rep, self.part)


def exchange(tgt: Credential, want: Want, setting: Setting) -> Exchange[Got]:
    """Ask once, of the realm that the ticket leads to; raises KdcSaid, KdcError or WireError.  RFC 4120 §3.3"""
    session = tgt.session
    subkey = setting.key(session.enctype)
    body = _body(want, setting)
    padata = want.padata(subkey, body.nonce)
    header = _header(tgt, subkey, body.encode(), setting, armored=want.wishes.armored)
    armor = Armor(armor_key(subkey, session)) if want.wishes.armored else None
    if armor is not None:
        padata = (arm(armor, body, padata, header, setting),)
    asked = KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, header), *padata), body).encode()
    reply = read((yield Ask(want.realm, asked)), TGS_REP)
    if isinstance(reply, KrbError):
        raise KdcSaid.of(reply if armor is None else open_error(armor, reply, body.nonce)[0])
    key, rep = _take_off(armor, reply, body.nonce, subkey)
    part = open_part(rep, key, Usage.TGS_REP_SUBKEY, body, setting)
    return Got(rep, part, subkey)


def _take_off(armor: Armor | None, rep: KdcRep, nonce: int, subkey: Key) -> tuple[Key, KdcRep]:
    """The key of a reply's part, and the reply as it is inside its armor."""
    if armor is None:
        return subkey, rep
    response = open_response(armor, rep.padata, nonce)
    strengthen = None if response.strengthen_key is None else told_key(response.strengthen_key)
    return strengthened(strengthen, subkey), check_finished(armor, response, rep)


def _body(want: Want, setting: Setting) -> KdcReqBody:
    """What is asked for.  RFC 4120 §3.3.1"""
    wishes = want.wishes
    options = wishes.options | (KdcOptions.RENEWABLE if wishes.renew_till is not None else 0)
    body = KdcReqBody(
        int(options),
        None,
        want.realm,
        want.sname,
        None,
        wishes.till,
        wishes.renew_till,
        setting.nonce(),
        wishes.etypes,
        additional_tickets=want.tickets,
    )
    return replace(body, raw=body.encode())


def _header(tgt: Credential, subkey: Key, body: bytes, setting: Setting, *, armored: bool) -> bytes:
    """The AP-REQ that a TGS-REQ begins with: it binds the body, and says so when there is an armor.  RFC 4120 §3.3.2"""
    session = tgt.session
    shown = Authenticator(
        tgt.realm,
        tgt.client,
        CheckSum(session.checksum_type, session.checksum(Usage.TGS_REQ_CHECKSUM, body)),
        setting.microseconds,
        setting.seconds,
        wire_key(subkey),
        authorization_data=(AuthData(AD_FAST_USED, b""),) if armored else (),
    )
    return request(tgt.open_ticket(), session, shown, Usage.TGS_REQ_AUTHENTICATOR, setting.confounder())


def leads_to(item: Credential) -> str | None:
    """The realm to which a ticket-granting ticket leads; None for any other ticket.  RFC 4120 §7.3"""
    parts = item.server.parts
    return parts[1] if len(parts) == 2 and parts[0] == "krbtgt" else None


def _realm_of(tgt: Credential) -> str:
    """The realm whose KDC takes this ticket."""
    realm = leads_to(tgt)
    if realm is None:
        raise KdcError(KrbCode.NO_TGT, f"{tgt.server.text} is no ticket-granting service")
    return realm


def check_client(got: Got, client: PrincipalName, realm: str) -> None:
    """The ticket is for who was meant."""
    if (got.rep.crealm, got.rep.cname.parts) != (realm, client.parts):
        raise KdcError(KrbCode.MODIFIED, f"the ticket is for {got.rep.cname.text}@{got.rep.crealm}")


def check_service(got: Got, want: Want) -> None:
    """The ticket is to the service that was meant, in the realm that was asked."""
    if (got.part.srealm, got.part.sname.parts) != (want.realm, want.sname.parts):
        raise KdcError(KrbCode.MODIFIED, f"the ticket is to {got.part.sname.text}@{got.part.srealm}")


def _own(tgt: Credential, want: Want, setting: Setting) -> Exchange[Credential]:
    """Ask once for a ticket of one's own to exactly what is wanted."""
    got = yield from exchange(tgt, want, setting)
    check_client(got, tgt.client, tgt.realm)
    check_service(got, want)
    return got.credential


def service_ticket(
    tgt: Credential, service: PrincipalName, wishes: Wishes, setting: Setting, *, realm: str = ""
) -> Exchange[Credential]:
    """Get a ticket to a service, wherever referrals lead from ``realm`` or the ticket's own.  RFC 6806 §8"""
    if realm:
        tgt = yield from ticket_to_realm(tgt, realm, wishes, setting)
    wishes = replace(wishes, options=wishes.options | _CANONICALIZE)
    chase = Chase(tgt)
    while True:
        got = yield from exchange(chase.tgt, Want(service, chase.realm, wishes), setting)
        check_client(got, tgt.client, tgt.realm)
        if not chase.follow(got, service):
            return got.credential


def ticket_to_realm(tgt: Credential, realm: str, wishes: Wishes, setting: Setting) -> Exchange[Credential]:
    """Get a ticket-granting ticket of another realm, over realms between if need be.  RFC 4120 §3.3.1"""
    if _realm_of(tgt) == realm:
        return tgt
    plain = Wishes(_CANONICALIZE, wishes.till, etypes=wishes.etypes, armored=wishes.armored)
    return (yield from service_ticket(tgt, krbtgt(realm), plain, setting))


class Chase:
    """Which realms a chase of referrals came through: each once, and not too many.  RFC 6806 §9"""

    def __init__(self, tgt: Credential) -> None:
        self.tgt = tgt
        self.realm = _realm_of(tgt)
        self._seen = [self.realm]

    def follow(self, got: Got, wanted: PrincipalName) -> bool:
        """Whether the ticket is a referral; then the next realm is its own."""
        found = got.credential
        if found.server_realm != self.realm:
            raise KdcError(KrbCode.MODIFIED, f"{self.realm} gave a ticket of {found.server_realm}")
        realm = leads_to(found)
        if found.server.parts == wanted.parts or realm is None:
            return False
        if realm in self._seen or len(self._seen) > MOST_REFERRALS:
            raise KdcError(KrbCode.PATH_NOT_ACCEPTED, f"referrals lead {' -> '.join([*self._seen, realm])}")
        self.tgt, self.realm = found, realm
        self._seen.append(realm)
        return True


def renew(tgt: Credential, wishes: Wishes, setting: Setting) -> Exchange[Credential]:
    """Get the same ticket with a later end, before the old one's.  RFC 4120 §3.3.3.1"""
    options = wishes.options | int(KdcOptions.RENEW)
    want = Want(tgt.server, tgt.server_realm, replace(wishes, options=options))
    return (yield from _own(tgt, want, setting))


def forward(tgt: Credential, wishes: Wishes, setting: Setting) -> Exchange[Credential]:
    """Get a ticket-granting ticket to give away.  RFC 4120 §2.6"""
    options = wishes.options | int(KdcOptions.FORWARDED | KdcOptions.FORWARDABLE)
    realm = _realm_of(tgt)
    return (yield from _own(tgt, Want(krbtgt(realm), realm, replace(wishes, options=options)), setting))


def user_to_user(
    tgt: Credential, service: PrincipalName, other: Ticket, wishes: Wishes, setting: Setting
) -> Exchange[Credential]:
    """Get a ticket under the session key of another user's ticket-granting ticket.  RFC 4120 §3.7"""
    options = wishes.options | int(KdcOptions.ENC_TKT_IN_SKEY)
    want = Want(service, _realm_of(tgt), replace(wishes, options=options), (other,))
    found = yield from _own(tgt, want, setting)
    return replace(found, second_ticket=other.encode())
