"""The last tickets that were opened, so that one that comes again costs no decryption.

A ticket is found again by all its octets, and only for the very key object
that opened it: a version of keys that is gone opens nothing.  What is kept
says nothing of time; whoever finds a ticket here looks at its times again.
Its session key stays warm with it, and what was found in its PAC.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from bossa.crypto.enctypes import Key
from bossa.directory.sid import Sid
from bossa.krb import ticket as tickets
from bossa.krb.messages import Ticket
from bossa.krb.pac.content import PacContent
from bossa.krb.ticket import OpenTicket

_KEPT = 2048
# A ticket with the groups of five hundred; a client may well make its tickets longer, and fill the memory with them.
_LONGEST = 8192


@dataclass(slots=True)
class Kept:
    """An open ticket, the key that opened it, and its PAC once that was verified, with the SID that it had to have."""

    opened: OpenTicket
    key: Key
    pac: PacContent | None = None
    requester: Sid | None = None


class OpenTickets:
    """The tickets of one process; not for two threads."""

    def __init__(self, size: int = _KEPT) -> None:
        self._size = size
        self._kept: OrderedDict[bytes, Kept] = OrderedDict()

    def open(self, ticket: Ticket, key: Key) -> Kept:
        """Open a ticket; raises BadIntegrity or WireError."""
        kept = self._kept.get(ticket.raw)
        if kept is not None and kept.key is key:
            self._kept.move_to_end(ticket.raw)
            return kept
        kept = Kept(tickets.open(ticket, key), key)
        if len(ticket.raw) > _LONGEST:
            return kept
        self._kept[ticket.raw] = kept
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)
        return kept
