"""Where a ticket is for: the account or the trust behind a name, and the key that seals tickets to it.

RFC 4120 §3.1.3, §3.3.3 and §7.3, RFC 6806 §6 and §8.  The ticket says the
name that the client asked for, in its spelling, which is all that libkrb5
takes; a client that lets us put names right finds the account in another
letter case too.  Only a realm's name is put right.  Nobody gets a ticket under a
user's key, which is made from a password and could be guessed at (user-to-user
is there for that), unless somebody gave the user a service's name.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from bossa.crypto.enctypes import Key
from bossa.directory.account import CHANGEPW, KRBTGT, Kind
from bossa.directory.realm import OpenTrust, Principal, Realm, Version
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.clients import is_ours
from bossa.krb.kdc.turn import Turn
from bossa.krb.names import NameType, PrincipalName, krbtgt


@dataclass(frozen=True, slots=True)
class Server:
    """What a ticket is for; ``trust`` stands in for the account where it leads to another realm."""

    name: PrincipalName
    # What seals tickets; user-to-user has the other user's session key here, which has no version.
    key: Key
    kvno: int | None
    # What the service can read, for the choice of a session key.
    enctypes: Collection[int]
    principal: Principal | None = None
    trust: OpenTrust | None = None

    @property
    def is_tgs(self) -> bool:
        """Whether tickets for it grant tickets, here or elsewhere."""
        return self.principal is None or self.principal.account.kind is Kind.KRBTGT

    @property
    def is_changepw(self) -> bool:
        """Whether it is the service that changes passwords.  RFC 3244 §2"""
        return self.principal is not None and self.principal.account.name == CHANGEPW


def find_server(realm: Realm, name: PrincipalName, *, fold: bool) -> Server | None:
    """Return what a name stands for; None for what this realm does not know."""
    if len(name.parts) == 2 and name.parts[0] == KRBTGT:
        return _find_tgs(realm, name, fold=fold)
    if name.type == NameType.ENTERPRISE:
        return _find_enterprise(realm, name)
    found = realm.find(name.text, fold=fold)
    if found is None or found.account.kind is Kind.KRBTGT:
        return None
    return _server(name, found.versions, principal=found)


def get_server(turn: Turn, name: PrincipalName | None, *, fold: bool) -> Server:
    """Return what a name stands for and may have tickets; raises KdcError."""
    server = find_server(turn.realm, name, fold=fold) if name is not None else None
    if server is None:
        raise KdcError(KrbCode.S_PRINCIPAL_UNKNOWN, f"there is no service {name.text if name else '(none named)'!r}")
    return server


def check_server(server: Server, now: float, *, by_session_key: bool = False) -> None:
    """Refuse tickets for what may not have any, or none under its own key.  RFC 4120 §3.3.3"""
    account = server.principal.account if server.principal is not None else None
    if account is None:
        return
    if account.disabled:
        raise KdcError(KrbCode.SERVICE_REVOKED, f"{account.name} is disabled")
    if account.expires and account.expires <= now:
        raise KdcError(KrbCode.SERVICE_EXP, f"the account {account.name} has expired")
    if account.kind is Kind.USER and len(server.name.parts) == 1 and not by_session_key:
        raise KdcError(KrbCode.MUST_USE_USER2USER, f"{account.name} is a user: no ticket is sealed under its password")


def _find_tgs(realm: Realm, name: PrincipalName, *, fold: bool) -> Server | None:
    """Return our ticket-granting service, or the way to another realm's.  RFC 4120 §7.3"""
    place, info = name.parts[1], realm.info
    if place == info.realm or (fold and is_ours(info, place)):
        return _server(krbtgt(info.realm), realm.krbtgt.versions, principal=realm.krbtgt)
    trust = realm.trust(place) or (realm.trust(place.upper()) if fold else None)
    return to_trust(trust) if trust is not None else None


def _find_enterprise(realm: Realm, name: PrincipalName) -> Server | None:
    """Return the server of a name like ``HTTP/web.bossa.test@BOSSA.TEST`` in one part.  RFC 6806 §5"""
    text, _, place = "/".join(name.parts).rpartition("@")
    if not text or not is_ours(realm.info, place):
        return None
    return find_server(realm, PrincipalName(NameType.SRV_INST, tuple(text.split("/"))), fold=True)


def to_trust(trust: OpenTrust) -> Server | None:
    """Return the way to a trusted realm; None where our users may not go.  RFC 4120 §7.3"""
    versions = trust.leaving
    return _server(krbtgt(trust.trust.realm), versions, trust=trust) if versions else None


def _server(
    name: PrincipalName,
    versions: tuple[Version, ...],
    *,
    principal: Principal | None = None,
    trust: OpenTrust | None = None,
) -> Server:
    """Put a server together with the newest of its keys; raises KdcError."""
    if not versions or not versions[0].keys:
        raise KdcError(KrbCode.NULL_KEY, f"{name.text} has no key")
    keys = versions[0].keys
    return Server(name, next(iter(keys.values())), versions[0].kvno, keys, principal, trust)
