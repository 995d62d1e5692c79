"""What a service that does not take a ticket says of it, and what most likely lies behind.  RFC 4120 §7.5.9

The error is not signed, so all of it is a hint; where there is none, the
clocks are compared and the rest is listed.
"""

from __future__ import annotations

from bossa.dns.probe.conversation import Cause, Fault
from bossa.krb.errors import KrbCode
from bossa.krb.messages import KrbError

# RFC 4120 §1.6: what clocks may differ by.
SKEW = 300
_CLOCKS = "set both clocks by NTP"
_NAMES = "compare name (letter case counts), version and type with klist -k -e of the server's keytab"
_WRITE = "write the server's keytab anew; with bossa: bossa service keytab, then sign in again for a fresh ticket"

_WORDS: dict[int, tuple[Cause, str, str]] = {
    KrbCode.TKT_EXPIRED: (Cause.TICKET, "the ticket has expired", "sign in again: kinit"),
    KrbCode.TKT_NYV: (Cause.CLOCK, "the ticket is not valid yet by the server's clock", _CLOCKS),
    KrbCode.SKEW: (Cause.CLOCK, "the clocks differ too much", _CLOCKS),
    KrbCode.REPEAT: (Cause.TICKET, "the server has seen this authenticator before", "try again"),
    KrbCode.NOT_US: (Cause.REALM, "the server is of another realm than the ticket", "name its realm with --realm"),
    KrbCode.NOKEY: (Cause.PRINCIPAL, "the server has no key of this name, version and type", _NAMES),
    KrbCode.BADKEYVER: (Cause.KVNO, "the server has keys of other versions only", _WRITE),
    KrbCode.BAD_INTEGRITY: (Cause.KVNO, "the server's key is not the one that the KDC has", _WRITE),
    KrbCode.MODIFIED: (Cause.KVNO, "the server's key is not the one that the KDC has", _WRITE),
    KrbCode.ETYPE_NOSUPP: (Cause.ENCTYPE, "the server does not take this encryption type", _NAMES),
    KrbCode.BADMATCH: (Cause.PRINCIPAL, "the ticket is another client's", "sign in again: kinit"),
}


def refused_ticket(error: KrbError, ticket: str, now: int) -> Fault:
    """Say what a KRB-ERROR of the service means."""
    known = error.error_code in KrbCode.__members__.values()
    code = KrbCode(error.error_code).name if known else str(error.error_code)
    if apart(error.stime, now):
        return Fault(Cause.CLOCK, f"{code}: the server's clock is {offset(error.stime, now)} this one", _CLOCKS)
    other = (Cause.TICKET, "the server does not take the ticket", "see the server's log")
    cause, words, fix = _WORDS.get(error.error_code, other)
    return Fault(cause, f"{code}: {words} ({ticket})", fix)


def refused_without_word(ticket: str, theirs: int | None, now: int) -> Fault:
    """Say what may lie behind BADKEY alone, once the clocks were compared; ``theirs`` None: with an unknown one."""
    if theirs is not None and apart(theirs, now):
        return Fault(Cause.CLOCK, f"BADKEY: the server's clock is {offset(theirs, now)} this one", _CLOCKS)
    clock = "its clock is not known" if theirs is None else "its clock is right"
    why = f"BADKEY: the server does not take the ticket ({ticket}), and does not say why; {clock}"
    return Fault(Cause.KVNO, why, f"{_NAMES}; then see the server's log")


def apart(theirs: int, now: int) -> bool:
    """Tell whether two clocks differ by more than Kerberos lets them."""
    return abs(theirs - now) > SKEW


def offset(theirs: int, now: int) -> str:
    """Say how far another clock is from ours."""
    return f"{abs(theirs - now)} s {'behind' if theirs < now else 'ahead of'}"
