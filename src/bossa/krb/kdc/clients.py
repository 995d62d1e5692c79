"""Who a client is, by the name in its request, and whether its account may have tickets now.

RFC 4120 §3.1.3 and §6.2, RFC 6806 §5 to §7.  A name is found in exactly its
spelling; only a client that lets us put names right (the option
``canonicalize``) is found in another letter case too, and learns the
account's own name.  The state of an account is looked at before its
password is: nobody can try passwords on an account that is locked.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.directory.account import Account, Kind, RealmInfo
from bossa.directory.realm import Principal
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.bits import Option
from bossa.krb.kdc.outcome import Demand
from bossa.krb.kdc.turn import Turn
from bossa.krb.messages import KdcReqBody
from bossa.krb.names import NameType, PrincipalName


@dataclass(frozen=True, slots=True)
class Client:
    """An account that asks for itself, and the name that its ticket will say."""

    principal: Principal
    name: PrincipalName

    @property
    def account(self) -> Account:
        """The account."""
        return self.principal.account


def find_client(turn: Turn, body: KdcReqBody) -> Client | Demand:
    """Return the account that a request is from, or the realm in which it has to ask.  RFC 6806 §7"""
    if body.cname is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, "the request names no client")
    if body.cname.type == NameType.ENTERPRISE:
        return _find_enterprise(turn, body.cname)
    if is_elsewhere(turn.realm.info, body):
        return Demand(KrbCode.WRONG_REALM, f"the client is of {body.realm}, not of {turn.realm.info.realm}")
    return _client(turn, body.cname.text, body.cname, fold=folds(body))


def is_elsewhere(info: RealmInfo, body: KdcReqBody) -> bool:
    """Say whether a request is for another realm; in lower case ours is ours where names are put right."""
    if body.realm == info.realm:
        return False
    return not folds(body) or not is_ours(info, body.realm)


def folds(body: KdcReqBody) -> bool:
    """Say whether a client lets us put names right, letter case among it.  RFC 6806 §3"""
    return bool(body.kdc_options & Option.CANONICALIZE)


def is_ours(info: RealmInfo, name: str) -> bool:
    """Say whether a name, in any letter case, is one of the realm's: its own, its domain's, its short one."""
    return name.lower() in (info.realm.lower(), info.domain.lower(), info.netbios.lower())


def _find_enterprise(turn: Turn, name: PrincipalName) -> Client | Demand:
    """Return the account of ``alice@bossa.test``, or the realm of such a name.  RFC 6806 §5 and §7

    Who asks by such a name wants it put right, and libkrb5 expects it, without the option too.
    """
    user, _, place = "/".join(name.parts).rpartition("@")
    if not user:
        user, place = place, turn.realm.info.realm
    if is_ours(turn.realm.info, place):
        return _client(turn, user, None, fold=True)
    trust = turn.realm.trust(place.upper()) or turn.realm.trust_for(place)
    if trust is None:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"nobody is known for {name.text}")
    there = trust.trust.realm
    return Demand(KrbCode.WRONG_REALM, f"{name.text} is of {there}", crealm=there)


def _client(turn: Turn, text: str, asked: PrincipalName | None, *, fold: bool) -> Client:
    found = turn.realm.find(text, fold=fold)
    if found is None or found.account.kind is Kind.KRBTGT:
        raise KdcError(KrbCode.C_PRINCIPAL_UNKNOWN, f"there is no account {text!r}")
    turn.account = found.account.name
    return Client(found, asked if asked is not None and not fold else own_name(found.account))


def own_name(account: Account) -> PrincipalName:
    """Return the account's own name."""
    return PrincipalName(NameType.PRINCIPAL, tuple(account.name.split("/")))


def check_account(account: Account, now: float) -> None:
    """Refuse a client whose account is no more.  RFC 4120 §3.1.3, §3.3.3"""
    if account.disabled:
        raise KdcError(KrbCode.CLIENT_REVOKED, f"{account.name} is disabled")
    if account.expires and account.expires <= now:
        raise KdcError(KrbCode.NAME_EXP, f"the account {account.name} has expired")


def check_lock(account: Account, now: float) -> None:
    """Refuse to look at a proof of a password while the account is locked.

    Tickets that its owner has already go on: a stranger could lock it.
    """
    if account.locked_until > now:
        raise KdcError(KrbCode.CLIENT_REVOKED, f"{account.name} is locked after wrong passwords")


def check_password_age(account: Account, now: float) -> None:
    """Refuse a client whose password has to be changed before anything else.  RFC 4120 §7.5.9"""
    if account.must_change:
        raise KdcError(KrbCode.KEY_EXPIRED, f"{account.name} has to choose a new password")
    if account.password_expires and account.password_expires <= now:
        raise KdcError(KrbCode.KEY_EXPIRED, f"the password of {account.name} has expired")
