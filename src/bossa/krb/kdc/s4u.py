"""Tickets for users who are not there: what a service asks for, and what its ticket to itself will say.

[MS-SFU] 2.2.1, 2.2.2, 3.2.5.1 (S4U2Self); S4U2Proxy is `evidence`.  All is
values in, values out; `delegation` decides, these two modules check what was
sent and put together what the ticket says.  The ticket-granting exchange uses
them so, after it has opened header ticket and authenticator:

1. ``requested_user(padata, nonce, header)`` with padata and nonce of the inner
   request under FAST (RFC 6113 §5.4.2).  With a user: ``find_user`` (the
   account, None for one of another realm), the header's PAC verified (for
   `header_pac_client`), and ``self_ticket(realm, SelfCase(…), now)``.
2. With CNAME-IN-ADDL-TKT: ``evidence.check_options(body)``, then
   ``evidence.open_evidence`` for a service of ours, ``open_evidence_across``
   for one of another realm, and ``evidence.proxy_ticket(realm, ProxyCase(…), now)``.
3. The `Grant` says client, PAC, flags, times and reply padata of the ticket; a
   refusal is a KdcError whose reason is the rule that decided, in words.

Of the two forms of the padata, PA-S4U-X509-USER wins where both are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, NamedTuple

from bossa.crypto.enctypes import Checksum, Key, hmac_md5_checksum
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, S4uOptions, TicketFlags
from bossa.krb.kdc.delegation import Decision, Party, decide_self
from bossa.krb.kdc.times import account_end
from bossa.krb.messages import CheckSum, PaData, find_padata
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.info import ClientInfo
from bossa.krb.pac.make import from_directory
from bossa.krb.pac.verify import client_text
from bossa.krb.padata import PaForUser, PaS4uX509User, PaType, S4uUserId
from bossa.krb.usages import Usage

if TYPE_CHECKING:
    from bossa.directory.account import Account
    from bossa.directory.realm import Principal, Realm
    from bossa.krb.ap import Verified
    from bossa.krb.messages import EncTicketPart, Transited
    from bossa.krb.pac.content import PacContent

# What cannot be asked for together with a ticket to oneself: it is like a first ticket.  [MS-SFU] 3.2.5.1
_NOT_WITH_SELF = (
    KdcOptions.FORWARDED
    | KdcOptions.PROXY
    | KdcOptions.VALIDATE
    | KdcOptions.RENEW
    | KdcOptions.ENC_TKT_IN_SKEY
    | KdcOptions.CNAME_IN_ADDL_TKT
)


class S4uUser(NamedTuple):
    """The user whom a service speaks for, authenticated by the service's session.

    ``identity`` and ``key`` are of a PA-S4U-X509-USER, which is answered.
    """

    name: PrincipalName
    realm: str
    identity: S4uUserId | None = None
    key: Key | None = None

    @property
    def text(self) -> str:
        """The name with the realm, as CLIENT_INFO has it between realms; an enterprise name keeps its own ``@``."""
        return client_text(self.name, self.realm)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a ticket got by S4U will say, and why it is given."""

    crealm: str
    cname: PrincipalName
    pac: PacContent
    # Whether the ticket may be forwardable, if that is asked for.
    forwardable: bool
    authtime: int
    # Not after.
    endtime: int
    transited: Transited
    decision: Decision
    padata: tuple[PaData, ...] = ()


@dataclass(frozen=True, slots=True)
class SelfCase:
    """A service asks for a ticket to itself: its header ticket, with the PAC verified, and who is who.

    ``account`` is the header's client where that is ours; ``server`` what
    sname stands for, None where the ticket would lead to another realm;
    ``user`` the account of the user where that is ours; ``issuer`` the realm
    that issued the header.
    """

    asked: S4uUser
    header: EncTicketPart
    pac: PacContent
    options: int
    account: Principal | None
    server: Principal | None
    user: Principal | None
    issuer: str


def requested_user(padata: tuple[PaData, ...], nonce: int, header: Verified) -> S4uUser | None:
    """Return for whom a ticket is asked, if for somebody else; raises KdcError, WireError.  [MS-SFU] 3.2.5.1.1"""
    value = find_padata(padata, PaType.S4U_X509_USER)
    if value is not None:
        return _by_identity(PaS4uX509User.decode(value), nonce, header.subkey or header.session)
    value = find_padata(padata, PaType.FOR_USER)
    if value is not None:
        return _by_name(PaForUser.decode(value), header.session)
    return None


def find_user(realm: Realm, asked: S4uUser, *, fold: bool) -> Principal | None:
    """Return the account of a user of ours, None for one of another realm; raises KdcError for nobody.

    A name is taken as it is: nothing is put behind it to find another account (CVE-2021-42278).
    """
    ours = realm.info.realm
    is_enterprise = asked.name.type == NameType.ENTERPRISE
    name, place = "/".join(asked.name.parts) if is_enterprise else asked.name.text, asked.realm
    if is_enterprise and "@" in name:
        name, _, place = name.rpartition("@")
        if place.lower() in (ours.lower(), realm.info.domain.lower()):
            place, fold = ours, True
    if place != ours:
        return None
    found = realm.find(name, fold=fold)
    if found is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"there is no account {name!r}")
    return found


def header_pac_client(asked: S4uUser, user: Principal | None) -> str | None:
    """Return for whom the header's PAC has to be: its client (None), or the user whom another realm sent along."""
    return None if user is not None else asked.text


def self_ticket(realm: Realm, case: SelfCase, now: float) -> Grant:
    """Decide on a ticket for a service to itself and say what will be in it; raises KdcError.  [MS-SFU] 3.2.5.1.2"""
    _check_self(case, crossed=case.issuer != realm.info.realm)
    decision = _decide_self(case, now)
    if not decision.allowed:
        raise refusal(decision)
    user, leads_on = _user_name(case), case.server is None
    return Grant(
        # The service's as long as it leads on to another realm, the user's at last.
        crealm=case.header.crealm if leads_on else _user_realm(realm, case),
        cname=case.header.cname if leads_on else user,
        pac=_self_pac(realm, case),
        forwardable=decision.forwardable,
        authtime=case.header.authtime,
        endtime=min(case.header.endtime, account_end(case.user)),
        transited=case.header.transited,
        decision=decision,
        padata=_answer(case.asked, user),
    )


def refusal(decision: Decision) -> KdcError:
    """Return a refusal as the exception that it is."""
    return KdcError(decision.code or KrbCode.BADOPTION, decision.decisive.words)


def _by_identity(asked: PaS4uX509User, nonce: int, key: Key) -> S4uUser:
    """Check a PA-S4U-X509-USER: its octets as they came, and that it belongs to this request.  [MS-SFU] 2.2.2"""
    user = asked.user_id
    if asked.cksum.type != key.checksum_type:
        raise KdcError(KrbCode.INAPP_CKSUM, f"the user's identity is under checksum type {asked.cksum.type}")
    if not key.verify(Usage.PA_S4U_X509_USER_REQUEST, asked.user_id_raw, asked.cksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the user's identity is not the one that its checksum was made of")
    if user.nonce != nonce:
        raise KdcError(KrbCode.MODIFIED, "the user's identity belongs to another request")
    if user.cname is None or not any(user.cname.parts):
        # With a certificate it is a question for those who map certificates to accounts; nobody does here.
        what = "only a certificate" if user.subject_certificate else "neither name nor certificate"
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"the user is told by {what}")
    return S4uUser(user.cname, user.crealm, user, key)


def _answer(asked: S4uUser, cname: PrincipalName) -> tuple[PaData, ...]:
    """Confirm the identity under the same key, in the usage that was asked for.  [MS-SFU] 3.2.5.1.2

    The user's realm puts the name right; the service asks all other realms by that name.
    """
    user, key = asked.identity, asked.key
    if user is None or key is None:
        return ()
    options = (user.options or 0) & S4uOptions.USE_REPLY_KEY_USAGE
    usage = Usage.PA_S4U_X509_USER_REPLY if options else Usage.PA_S4U_X509_USER_REQUEST
    confirmed = S4uUserId(user.nonce, cname, user.crealm, None, options or None)
    cksum = CheckSum(key.checksum_type, key.checksum(usage, confirmed.encode()))
    return (PaData(PaType.S4U_X509_USER, PaS4uX509User(confirmed, cksum).encode()),)


def _by_name(asked: PaForUser, session: Key) -> S4uUser:
    """Check a PA-FOR-USER under the session key (CVE-2018-16860).  [MS-SFU] 2.2.1

    Its checksum is HMAC_MD5 whatever the key's type; Heimdal's clients send the type's own, which proves as much.
    """
    if asked.cksum.type == session.checksum_type:
        made = session.checksum(Usage.PA_FOR_USER, asked.signed())
    elif asked.cksum.type == Checksum.HMAC_MD5:
        made = hmac_md5_checksum(session.octets, Usage.PA_FOR_USER, asked.signed())
    else:
        raise KdcError(KrbCode.INAPP_CKSUM, f"the user's name is under checksum type {asked.cksum.type}")
    if not compare_digest(made, asked.cksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the user's name is not the one that its checksum was made of")
    if not any(asked.user_name.parts):
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, "the user's name is empty")
    return S4uUser(asked.user_name, asked.user_realm)


def _check_self(case: SelfCase, *, crossed: bool) -> None:
    """Who asks is who it asks for, and the realms stand as they can.  [MS-SFU] 3.2.5.1.2, 4.2"""
    server, account = case.server, case.account
    if server is not None and (account is None or server.account.name != account.account.name):
        raise KdcError(KrbCode.BADMATCH, f"{case.header.cname.text} asks for a ticket to {server.account.name}")
    if case.options & _NOT_WITH_SELF:
        raise KdcError(KrbCode.BADOPTION, "a ticket to oneself is asked for together with another kind of ticket")
    if not crossed and server is None:
        raise KdcError(KrbCode.S_PRINCIPAL_UNKNOWN, "the service that asks is not of this realm")
    if crossed and server is not None and case.user is not None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, "a service of ours asks by way of another realm for a user of ours")
    # Trusts are not transitive: a realm speaks for its own users, and for no others.
    if case.user is None and case.asked.realm != case.issuer:
        raise KdcError(KrbCode.POLICY, f"{case.asked.text} is of a realm that has to be asked first")


def _decide_self(case: SelfCase, now: float) -> Decision:
    forwardable = bool(case.header.flags & TicketFlags.FORWARDABLE)
    service = _party(case.header, case.account)
    user = _user_party(case.asked.text, case.user)
    return decide_self(service, user, tgt_forwardable=forwardable, now=now)


def _party(header: EncTicketPart, principal: Principal | None) -> Party:
    return service_party(header, principal.account if principal is not None else None)


def service_party(header: EncTicketPart, account: Account | None) -> Party:
    """Return the client of a header ticket as a party; without an account it is of another realm."""
    if account is not None:
        return Party.of(account)
    return Party(client_text(header.cname, header.crealm), foreign=True)


def _user_party(text: str, principal: Principal | None) -> Party:
    return Party(text, foreign=True) if principal is None else Party.of(principal.account)


def _user_realm(realm: Realm, case: SelfCase) -> str:
    return case.asked.realm if case.user is None else realm.info.realm


def _user_name(case: SelfCase) -> PrincipalName:
    """Keep the name that was asked for, unless it is none of the names of an account of ours."""
    asked = case.asked.name
    if case.user is None:
        return asked
    account = case.user.account
    if asked.type != NameType.ENTERPRISE and "/".join(asked.parts) in (account.name, *account.names):
        return asked
    return PrincipalName(NameType.PRINCIPAL, tuple(account.name.split("/")))


def _self_pac(realm: Realm, case: SelfCase) -> PacContent:
    """Say who the user is: by our directory, or as the user's realm said; named with a realm on the way there."""
    authtime = case.header.authtime
    name = client_text(_user_name(case), _user_realm(realm, case) if case.server is None else None)
    if case.user is not None:
        return from_directory(realm, case.user, authtime, client=name, transition=True)
    return case.pac.replaced(BufferType.CLIENT_INFO, ClientInfo(authtime, name).encode())
