"""Whether who shows a ticket is the one it was made for, and the service's proof in turn.

RFC 4120 §3.2.3 (the checks, in its order), §3.2.4 and §3.2.5.  Replays
are the caller's: the KDC needs no memory of them, a service keeps one.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import TicketFlags
from bossa.krb.messages import (
    ApRep,
    ApReq,
    Authenticator,
    EncApRepPart,
    EncTicketPart,
    HostAddress,
    Ticket,
)
from bossa.krb.ticket import OpenTicket, held_key, lock, unlock, wire_key
from bossa.krb.usages import Usage

_INVALID = int(TicketFlags.INVALID)


@dataclass(frozen=True, slots=True)
class Verified:
    """A ticket that was shown by who holds its key.  RFC 4120 §3.2.3"""

    ticket: OpenTicket
    authenticator: Authenticator
    session: Key
    subkey: Key | None


def open_request(
    req: ApReq, opened: OpenTicket, usage: int, now: float, skew: float, *, host: HostAddress | None = None
) -> Verified:
    """Verify an AP-REQ for a ticket already open; raises KdcError, or WireError for an unreadable authenticator.

    ``usage`` is 7 in a TGS-REQ and 11 elsewhere; ``host`` is compared where the ticket is bound to addresses.
    """
    session = _key(opened)
    authenticator = Authenticator.decode(_plain(session, usage, req))
    _check_client(authenticator, opened.part)
    if abs(authenticator.ctime - now) > skew:
        raise KdcError(KrbCode.SKEW, f"the client's clock is {authenticator.ctime - now:+.0f} s from ours")
    check_times(opened.part, now, skew)
    if host is not None and opened.part.caddr and host not in opened.part.caddr:
        raise KdcError(KrbCode.BADADDR, "the ticket is bound to other addresses")
    return Verified(opened, authenticator, session, _subkey(authenticator))


def _key(opened: OpenTicket) -> Key:
    """The session key, of a type that we have."""
    try:
        return opened.session
    except ValueError:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"session key of type {opened.part.key.etype}") from None


def _plain(session: Key, usage: int, req: ApReq) -> bytes:
    """Decrypt the authenticator."""
    try:
        return unlock(session, usage, req.authenticator)
    except BadIntegrity:
        raise KdcError(KrbCode.BAD_INTEGRITY, "the authenticator is not under the session key") from None


def _subkey(authenticator: Authenticator) -> Key | None:
    """The client's subkey, of a type that we have."""
    if authenticator.subkey is None:
        return None
    try:
        return held_key(authenticator.subkey)
    except ValueError:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"subkey of type {authenticator.subkey.etype}") from None


def _check_client(authenticator: Authenticator, part: EncTicketPart) -> None:
    """Compare the client's name in both; name types are hints only (RFC 4120 §6.2)."""
    if authenticator.crealm != part.crealm or authenticator.cname.parts != part.cname.parts:
        raise KdcError(
            KrbCode.BADMATCH,
            f"{authenticator.cname.text}@{authenticator.crealm} shows the ticket of {part.cname.text}@{part.crealm}",
        )


def check_times(part: EncTicketPart, now: float, skew: float) -> None:
    """Raise KdcError for a ticket that is not valid yet, not valid any more or marked invalid.  RFC 4120 §3.2.3"""
    start = part.authtime if part.starttime is None else part.starttime
    if start > now + skew or part.flags & _INVALID:
        raise KdcError(KrbCode.TKT_NYV, "the ticket is not valid yet")
    if part.endtime < now - skew:
        raise KdcError(KrbCode.TKT_EXPIRED, "the ticket has expired")


def request(
    ticket: Ticket, session: Key, authenticator: Authenticator, usage: int, confounder: bytes, *, options: int = 0
) -> bytes:
    """Write an AP-REQ.  RFC 4120 §3.2.2"""
    locked = lock(session, usage, authenticator.encode(), confounder)
    return ApReq(options, ticket, locked).encode()


def reply(verified: Verified, confounder: bytes, *, subkey: Key | None = None, seq_number: int | None = None) -> bytes:
    """Write the AP-REP to a verified request.  RFC 4120 §3.2.4"""
    asked = verified.authenticator
    part = EncApRepPart(asked.ctime, asked.cusec, None if subkey is None else wire_key(subkey), seq_number)
    return ApRep(lock(verified.session, Usage.AP_REP, part.encode(), confounder)).encode()


def open_reply(reply: bytes, session: Key, asked: Authenticator) -> EncApRepPart:
    """Verify the service's proof; raises KdcError(MUT_FAIL) or WireError.  RFC 4120 §3.2.5"""
    try:
        part = EncApRepPart.decode(unlock(session, Usage.AP_REP, ApRep.decode(reply).enc_part))
    except BadIntegrity:
        raise KdcError(KrbCode.MUT_FAIL, "the AP-REP is not under the session key") from None
    if (part.ctime, part.cusec) != (asked.ctime, asked.cusec):
        raise KdcError(KrbCode.MUT_FAIL, "the AP-REP answers another request")
    return part
