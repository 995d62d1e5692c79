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
        sids = tuple(sid.text for sid in groups.sids) if groups is not None else ()
        account = self._account_of(context, sids[:1])
        return Person(context.principal, frozenset(sids), tuple(_hosts(account)) if account is not None else ())

    def _account_of(self, context: Context, sid: tuple[str, ...]) -> Account | None:
        """Return the account that the client has with us today; ``sid`` is the PAC's word on it, where there is one.

        Tickets outlive the accounts that they were given to: an account made anew under the name is another one.
        """
        info = self._realm.info
        found = self._realm.find(context.client) if context.realm == info.realm else None
        if found is None or found.account.disabled:
            return None
        return found.account if sid in ((), (f"{info.sid}-{found.account.rid}",)) else None


def _hosts(account: Account) -> Iterator[bytes]:
    """Yield the names of the hosts that an account is, as DNS keys."""
    for name in (account.name, *account.names):
        host = name.removeprefix(_HOST)
        if host != name and "." in host and "/" not in host:
            try:
                yield from_text(f"{host}.").lower()
            except ValueError:
                continue
