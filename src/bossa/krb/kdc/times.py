"""How long a ticket lives, and until when it can be renewed.

RFC 4120 §2.3, §3.1.3 and §3.3.3.  Every ticket starts now: none is postdated.
A time of zero (``19700101000000Z``) asks for as long as there is.  No ticket
outlives the one that it was got with, nor the account of its client.
"""

from __future__ import annotations

from typing import NamedTuple

from bossa.directory.realm import Principal
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.bits import Flag, Option
from bossa.krb.kdc.turn import Turn
from bossa.krb.messages import EncTicketPart, KdcReqBody

# Later than any time of four digits a year.
FOREVER = 1 << 40


class Times(NamedTuple):
    """The times of a ticket."""

    authtime: int
    starttime: int
    endtime: int
    renew_till: int | None = None


class Bounds(NamedTuple):
    """What a ticket may not go beyond: its life in seconds, and moments."""

    life: int
    endtime: int = FOREVER
    renew_till: int = FOREVER


def first_times(turn: Turn, body: KdcReqBody, bounds: Bounds) -> Times:
    """Return the times of a ticket that begins with a proof of who the client is.  RFC 4120 §3.1.3"""
    return bounded_times(turn, body, bounds, authtime=turn.seconds)


def account_end(client: Principal | None) -> int:
    """Return when a client's account ends; another realm's ends by that realm's word."""
    return client.account.expires or FOREVER if client is not None else FOREVER


def later_times(turn: Turn, body: KdcReqBody, header: EncTicketPart, latest: int) -> Times:
    """Return the times of a ticket that is got with another, and ends at ``latest``.  RFC 4120 §3.3.3"""
    renew_till = header.renew_till if header.flags & Flag.RENEWABLE else None
    bounds = Bounds(turn.settings.max_life, min(header.endtime, latest), renew_till if renew_till is not None else 0)
    return bounded_times(turn, body, bounds, authtime=header.authtime)


def renewed_times(turn: Turn, header: EncTicketPart, latest: int) -> Times:
    """Return the times of a ticket that goes on: as long as before, till its last day or ``latest``.  RFC 4120 §2.3"""
    if not header.flags & Flag.RENEWABLE or header.renew_till is None:
        raise KdcError(KrbCode.BADOPTION, "the ticket is not renewable")
    now = turn.seconds
    if header.renew_till <= now:
        raise KdcError(KrbCode.TKT_EXPIRED, "the ticket's time of renewal is over")
    began = header.starttime if header.starttime is not None else header.authtime
    endtime = min(header.renew_till, latest, now + header.endtime - began)
    return Times(header.authtime, now, endtime, header.renew_till)


def bounded_times(turn: Turn, body: KdcReqBody, bounds: Bounds, *, authtime: int) -> Times:
    """Return what the client asks for, within bounds.  RFC 4120 §3.1.3"""
    now = turn.seconds
    if body.from_ is not None and body.from_ > turn.now + turn.settings.skew:
        raise KdcError(KrbCode.CANNOT_POSTDATE, "a ticket for later is asked for")
    wanted = body.till or FOREVER
    endtime = min(wanted, bounds.endtime, now + bounds.life)
    if endtime <= now:
        raise KdcError(KrbCode.NEVER_VALID, "the ticket would end before it starts")
    latest = min(_renewal_asked(body, wanted, endtime), bounds.renew_till, now + turn.settings.max_renew)
    return Times(authtime, now, endtime, latest if latest > endtime else None)


def _renewal_asked(body: KdcReqBody, wanted: int, endtime: int) -> int:
    """Return until when the client would renew; 0 when it would not.  RFC 4120 §5.4.1 RENEWABLE-OK"""
    if body.kdc_options & Option.RENEWABLE:
        return body.rtime or FOREVER
    if body.kdc_options & Option.RENEWABLE_OK and wanted > endtime:
        return wanted
    return 0
