"""Which keys may open a ticket that is shown to us.  RFC 4120 §3.2.3

Whoever gives keys decides for whom we answer: no key for a name means that the
name is not ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Protocol

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb import ticket as tickets
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.keytab import Keytab
from bossa.krb.messages import Ticket
from bossa.krb.names import PrincipalName
from bossa.krb.ticket import OpenTicket

# Old versions of one key are few; a ticket without a version must not cost us more than these.
MOST_TRIES = 16


class Keys(Protocol):
    """The keys of the services that a listener stands for."""

    def __call__(self, sname: PrincipalName, kvno: int | None, etype: int) -> Iterable[Key]:
        """Return the keys of a name, those of the version (or, without one, all) and type, newest first."""
        ...


def of_keytab(keytab: Keytab, realm: str) -> Keys:
    """The keys that a key table has for a realm's services, of the types that we have.

    A service is found in any letter case: its ticket says its name as the client wrote it.
    """
    found: dict[tuple[str, int], list[tuple[int, Key]]] = {}
    for entry in keytab.entries:
        if entry.realm == realm and (key := entry.usable):
            found.setdefault((entry.principal.text.lower(), key.enctype), []).append((entry.kvno, key))
    for pairs in found.values():
        pairs.sort(key=itemgetter(0), reverse=True)

    def keys(sname: PrincipalName, kvno: int | None, etype: int) -> Iterator[Key]:
        pairs = found.get((sname.text.lower(), etype), ())
        return (key for version, key in pairs if kvno in (None, version))

    return keys


def open_ticket(ticket: Ticket, keys: Keys) -> tuple[OpenTicket, Key]:
    """Open a ticket with the key that fits, and return that too; raises KdcError or WireError."""
    part = ticket.enc_part
    tried = False
    for key in islice(keys(ticket.sname, part.kvno, part.etype), MOST_TRIES):
        tried = True
        try:
            return tickets.open(ticket, key), key
        except BadIntegrity:
            continue
    which = f"{ticket.sname.text}@{ticket.realm}, version {part.kvno}, type {part.etype}"
    if not tried:
        raise KdcError(KrbCode.NOKEY, f"no key for {which}")
    raise KdcError(KrbCode.BAD_INTEGRITY, f"no key opens the ticket for {which}")
