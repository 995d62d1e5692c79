"""Tickets from one user to another, under the session key of the other's own ticket.

RFC 4120 §3.3.3 (ENC-TKT-IN-SKEY): for those who have no key to keep in a file.
The second ticket is one that this realm gave, that grants tickets here, still
good, and of the very account that the new ticket is for: whoever knows its
session key answers for that account.
"""

from __future__ import annotations

from dataclasses import replace

from bossa.krb.ap import check_times
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.clients import folds
from bossa.krb.kdc.header import open_tgt, read_own_pac
from bossa.krb.kdc.servers import Server, check_server, get_server
from bossa.krb.kdc.turn import Turn
from bossa.krb.messages import EncTicketPart, KdcReqBody


def find_session(turn: Turn, body: KdcReqBody) -> Server:
    """Return the other user with the session key of its ticket; raises KdcError.  RFC 4120 §3.3.3"""
    if not body.additional_tickets:
        raise KdcError(KrbCode.BADOPTION, "user-to-user without the other user's ticket")
    ticket = body.additional_tickets[0]
    if ticket.realm != turn.realm.info.realm:
        raise KdcError(KrbCode.POLICY, f"{ticket.realm} says under which key a user of ours is reached")
    kept = open_tgt(turn, ticket)
    part = kept.opened.part
    check_times(part, turn.now, turn.settings.skew)
    name = body.sname if body.sname is not None else part.cname
    server = get_server(turn, name, fold=folds(body))
    if not _is_of(turn, part, server):
        raise KdcError(KrbCode.SERVER_NOMATCH, f"the other ticket is {part.cname.text}'s, not {name.text}'s")
    check_server(server, turn.now, by_session_key=True)
    read_own_pac(turn, kept, server.principal)
    return replace(server, key=kept.opened.session, kvno=None)


def _is_of(turn: Turn, part: EncTicketPart, server: Server) -> bool:
    """Say whether a ticket's client is the account of a server, under any of its names."""
    if part.crealm != turn.realm.info.realm or server.is_tgs or server.principal is None:
        return False
    owner = turn.realm.find(part.cname.text)
    return owner is not None and owner.account.name == server.principal.account.name
