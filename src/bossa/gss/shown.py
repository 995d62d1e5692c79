"""Tickets that were shown lately: opened once, for however many contexts.  RFC 4120 §3.2.3

A client shows the same ticket until it ends.  What is remembered of one is
what its octets and our key make of it, so the next request with the same
octets finds it as long as the key is still ours; times, the authenticator and
the replay cache are looked at each time anew.  Only tickets of whole requests
are remembered, and only so many.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from bossa.crypto.enctypes import Key
from bossa.gss.context import Authorization
from bossa.gss.keys import Keys, open_ticket
from bossa.krb.messages import Ticket
from bossa.krb.ticket import OpenTicket

# With the PAC of a user of twenty groups some 5 KB each.
MOST = 512

# All of a ticket that decides how it opens.
_Mark = tuple[str, tuple[str, ...], int | None, int, bytes]


class Shown:
    """A ticket as opened, the key that did it, and what its PAC says once that was read."""

    __slots__ = ("_authorization", "_is_read", "key", "ticket")

    def __init__(self, ticket: OpenTicket, key: Key) -> None:
        self.ticket = ticket
        self.key = key
        self._authorization: Authorization | None = None
        self._is_read = False

    def read(self, reader: Callable[[OpenTicket, Key], Authorization | None]) -> Authorization | None:
        """Return what the reader makes of the PAC, the first time and ever after."""
        if not self._is_read:
            self._authorization = reader(self.ticket, self.key)
            self._is_read = True
        return self._authorization


class ShownTickets:
    """The tickets that were shown last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[_Mark, Shown] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._kept)

    def open(self, ticket: Ticket, keys: Keys) -> Shown:
        """Open a ticket, unless that was done, with a key that is ours now; raises KdcError or WireError."""
        found = self._kept.get(_mark(ticket))
        part = ticket.enc_part
        if found is not None and found.key in keys(ticket.sname, part.kvno, part.etype):
            return found
        return Shown(*open_ticket(ticket, keys))

    def keep(self, ticket: Ticket, shown: Shown) -> None:
        """Remember a ticket of a request that was verified."""
        mark = _mark(ticket)
        self._kept[mark] = shown
        self._kept.move_to_end(mark)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)


def _mark(ticket: Ticket) -> _Mark:
    part = ticket.enc_part
    return ticket.realm, ticket.sname.parts, part.kvno, part.etype, part.cipher
