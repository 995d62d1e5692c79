"""A service that speaks for a user: to itself, and to other services.

[MS-SFU] 3.1.5.1 (S4U2self, within and across realms) and 3.1.5.2
(S4U2proxy).  Both user identities are sent always: KDCs that know only
the older one pass over the newer.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bossa.crypto.enctypes import Checksum, Key, hmac_md5_checksum
from bossa.krb.client.ask import Exchange, Setting, Wishes
from bossa.krb.client.service import Chase, Got, Want, check_client, exchange, ticket_to_realm
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, PacOptions, S4uOptions
from bossa.krb.messages import CheckSum, PaData, Ticket, find_padata
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.padata import PaForUser, PaPacOptions, PaS4uX509User, PaType, S4uUserId
from bossa.krb.usages import Usage

_CANONICALIZE = int(KdcOptions.CANONICALIZE)
_IN_ADDITIONAL = int(KdcOptions.CNAME_IN_ADDL_TKT)
_REPLY_USAGE = int(S4uOptions.USE_REPLY_KEY_USAGE)
_PACKAGE = "Kerberos"
_BY_RESOURCE = PaData(PaType.PAC_OPTIONS, PaPacOptions(PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION).encode())


@dataclass(frozen=True, slots=True)
class User:
    """For whom a service asks."""

    name: PrincipalName
    realm: str


def for_user(user: User, session: Key) -> PaData:
    """The user's name under the session key; HMAC-MD5 whatever its type.  [MS-SFU] 2.2.1"""
    unsigned = PaForUser(user.name, user.realm, CheckSum(Checksum.HMAC_MD5, b""), _PACKAGE)
    mac = hmac_md5_checksum(session.octets, Usage.PA_FOR_USER, unsigned.signed())
    signed = replace(unsigned, cksum=CheckSum(Checksum.HMAC_MD5, mac))
    return PaData(PaType.FOR_USER, signed.encode())


def x509_user(user: User, subkey: Key, nonce: int) -> PaData:
    """The user's name under the request's subkey and nonce.  [MS-SFU] 2.2.2"""
    user_id = S4uUserId(nonce, user.name, user.realm, None, _REPLY_USAGE)
    mac = subkey.checksum(Usage.PA_S4U_X509_USER_REQUEST, user_id.encode())
    return PaData(PaType.S4U_X509_USER, PaS4uX509User(user_id, CheckSum(subkey.checksum_type, mac)).encode())


def _identities(tgt: Credential, user: User, want: Want) -> Want:
    """The request with the user's identities proven."""

    def padata(subkey: Key, nonce: int) -> tuple[PaData, ...]:
        return x509_user(user, subkey, nonce), for_user(user, tgt.session)

    return replace(want, padata=padata)


def impersonate(tgt: Credential, user: User, wishes: Wishes, setting: Setting) -> Exchange[Credential]:
    """Get a ticket to oneself for a user, who need not be there.  [MS-SFU] 3.1.5.1.1

    For a user of another realm the way leads there first, and by referrals back, under the name that
    the user's realm put right.
    """
    service, home = tgt.client, tgt.realm
    wishes = replace(wishes, options=wishes.options | _CANONICALIZE)
    chase = Chase((yield from ticket_to_realm(tgt, user.realm, wishes, setting)))
    while True:
        sname = service if chase.realm == home else _enterprise(service, home)
        want = _identities(chase.tgt, user, Want(sname, chase.realm, wishes))
        got = yield from exchange(chase.tgt, want, setting)
        user = _put_right(got, user)
        if not chase.follow(got, service):
            return _own(got, service, home, user)
        # On its way home the ticket is the service's own; whom it is for stands in its PAC.
        check_client(got, service, home)


def _enterprise(service: PrincipalName, home: str) -> PrincipalName:
    """A service as another realm's KDC knows it.  [MS-SFU] 3.1.5.1.1.1"""
    return PrincipalName(NameType.ENTERPRISE, (f"{service.text}@{home}",))


def _own(got: Got, service: PrincipalName, home: str, user: User) -> Credential:
    """The ticket, if it is one to the service itself and for the user."""
    if user.name.type != NameType.ENTERPRISE:
        check_client(got, user.name, user.realm)
    found = got.credential
    if (found.server_realm, found.server.parts) != (home, service.parts):
        raise KdcError(KrbCode.MODIFIED, f"the ticket is to {found.server.text}@{found.server_realm}")
    return found


def _put_right(got: Got, user: User) -> User:
    """The user by the name that the KDC took it for, under the same key; old KDCs say none.  [MS-SFU] 3.1.5.1.1.2"""
    value = find_padata(got.rep.padata, PaType.S4U_X509_USER)
    if value is None:
        return user
    echo = PaS4uX509User.decode(value)
    usage = _echo_usage(echo.user_id)
    if echo.cksum.type != got.subkey.checksum_type or echo.user_id.nonce != got.part.nonce:
        raise KdcError(KrbCode.MODIFIED, "the KDC's word on the user answers another request")
    if not got.subkey.verify(usage, echo.user_id_raw, echo.cksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the KDC's word on the user is under another key")
    return replace(user, name=echo.user_id.cname or user.name)


def _echo_usage(user_id: S4uUserId) -> Usage:
    """Under which usage the KDC's word on the user is.  [MS-SFU] 2.2.2"""
    if (user_id.options or 0) & _REPLY_USAGE:
        return Usage.PA_S4U_X509_USER_REPLY
    return Usage.PA_S4U_X509_USER_REQUEST


def act_for(
    tgt: Credential, evidence: Credential, service: PrincipalName, wishes: Wishes, setting: Setting
) -> Exchange[Credential]:
    """Get a ticket to another service for the client of a ticket to oneself.  [MS-SFU] 3.1.5.2.1

    Across realms the evidence is followed by the referrals made of it, the header by one's own way there.
    A referral is the service's own, the user stands in its PAC.
    """
    wishes = replace(wishes, options=wishes.options | _CANONICALIZE | _IN_ADDITIONAL)
    chase, shown = Chase(tgt), evidence.open_ticket()
    while True:
        want = Want(service, chase.realm, wishes, (shown,), lambda subkey, nonce: (_BY_RESOURCE,))
        got = yield from exchange(chase.tgt, want, setting)
        if not chase.follow(got, service):
            check_client(got, evidence.client, evidence.realm)
            return got.credential
        check_client(got, tgt.client, tgt.realm)
        shown = Ticket.decode(chase.tgt.ticket)
        chase.tgt = yield from ticket_to_realm(tgt, chase.realm, wishes, setting)
