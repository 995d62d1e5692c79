"""What the name server needs of the realm to accept contexts: keys, memory, and whom a context speaks for.

Its account is ``DNS/ns1.DOMAIN`` under any of its names, with every version
of its keys that still opens tickets; no other account's keys open anything
here.  Whose names are whose is what the realm says: the hosts in the names of
the account, never what a realm or a user's name may suggest.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bossa.admin.realm import dns_service
from bossa.crypto.enctypes import Key
from bossa.directory.account import Account
from bossa.directory.realm import Realm
from bossa.dns.names import from_text
from bossa.dns.policy import Person
from bossa.dns.server.contexts import Talk
from bossa.krb.names import PrincipalName

if TYPE_CHECKING:
    from bossa.gss.accept import Service
    from bossa.gss.context import Context

_HOST = "host/"


class Accepting:
    """Accepts contexts for the name server's account in a realm; ``window`` is how long replaced keys open tickets."""

    def __init__(self, realm: Realm, skew: float, window: float) -> None:
        self._realm = realm
        self._skew = skew
        self.window = window
        self._service: Service | None = None

    def begin(self) -> Talk:
        """Begin a conversation with a client."""
        # Some 20 ms to load, for which only the first client waits.
        from bossa.gss.acceptor import Acceptor

        if self._service is None:
            self._service = self._new_service()
        return Acceptor(self._service)

    def _new_service(self) -> Service:
        from bossa.gss.accept import Service
        from bossa.gss.replay import ReplayCache

        return Service(
            realm=self._realm.info.realm,
            keys=self._keys,
            replay=ReplayCache(skew=self._skew),
            random=os.urandom,
            in_order=False,
        )

    def _keys(self, sname: PrincipalName, kvno: int | None, etype: int) -> Iterable[Key]:
        """Return our keys for one of our names; see :class:`bossa.gss.keys.Keys`."""
        found = self._realm.find(sname.text)
        if found is None or found.account.name != dns_service(self._realm.info.domain):
            return ()
        versions = found.by_kvno(kvno, time.time(), self.window)
        return [version.keys[etype] for version in versions if etype in version.keys]

    def person_of(self, context: Context) -> Person:
        """Return whom a context speaks for, and what the realm knows of him."""
        groups = context.authorization
        sids = frozenset(sid.text for sid in groups.sids) if groups is not None else frozenset[str]()
        return Person(context.principal, sids, self._own(context.client, context.realm, sids) or ())

    def stands(self, person: Person) -> bool:
        """Tell whether a person of ours still has its account, under the names that it had; others stand."""
        client, _, realm = person.principal.rpartition("@")
        return realm != self._realm.info.realm or self._own(client, realm, person.sids) == person.own

    def _own(self, client: str, realm: str, sids: frozenset[str]) -> tuple[bytes, ...] | None:
        """Return the DNS names of the account that a client has with us today, None when it has none.

        Tickets outlive the accounts that they were given to: one made anew under the name is not the one of the PAC.
        """
        info = self._realm.info
        found = self._realm.find(client) if realm == info.realm else None
        if found is None or found.account.disabled:
            return None
        is_same = not sids or f"{info.sid}-{found.account.rid}" in sids
        return tuple(_hosts(found.account)) if is_same else None


def _hosts(account: Account) -> Iterator[bytes]:
    """Yield the names of the hosts that an account is, as DNS keys."""
    for name in (account.name, *account.names):
        host = name.removeprefix(_HOST)
        if host != name and "." in host and "/" not in host:
            try:
                yield from_text(f"{host}.").lower()
            except ValueError:
                continue
