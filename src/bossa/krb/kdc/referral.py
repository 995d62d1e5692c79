"""Which other realm a client of ours is sent to for a service that we do not know.

RFC 6806 §8: the answer is a ticket to the ticket-granting service of that
realm, for a client that lets us put names right.  A host's realm is the one of
the trusts whose domain ends its name.
"""

from __future__ import annotations

from bossa.directory.account import KRBTGT
from bossa.directory.realm import OpenTrust, Realm
from bossa.krb.kdc.servers import Server, to_trust
from bossa.krb.names import NameType, PrincipalName


def find_referral(realm: Realm, name: PrincipalName, *, came_over: OpenTrust | None) -> Server | None:
    """Return the way to the realm of a service on some host; nobody is sent back to where they came from."""
    if name.parts[0] == KRBTGT:
        return None
    trust = _realm_of(realm, name)
    return to_trust(trust) if trust is not None and trust is not came_over else None


def _realm_of(realm: Realm, name: PrincipalName) -> OpenTrust | None:
    """Return the trust with the realm that a name is of, by its host or by what it says itself.  RFC 6806 §5 and §8"""
    if name.type == NameType.ENTERPRISE:
        return realm.trust("/".join(name.parts).rpartition("@")[2].upper())
    return realm.trust_for(name.parts[1]) if len(name.parts) > 1 else None
