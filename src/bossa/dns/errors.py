"""What the name server says no with, and the codes that say it on the wire.

RFC 1035 §4.1.1, RFC 2136 §2.2, RFC 6895 §2.3, RFC 8914 for the extended codes.
"""

from __future__ import annotations

from enum import IntEnum


class Rcode(IntEnum):
    """Response codes, the extended ones of EDNS included."""

    NOERROR = 0
    FORMERR = 1
    SERVFAIL = 2
    NXDOMAIN = 3
    NOTIMP = 4
    REFUSED = 5
    YXDOMAIN = 6
    YXRRSET = 7
    NXRRSET = 8
    NOTAUTH = 9
    NOTZONE = 10
    BADVERS = 16
    BADCOOKIE = 23


def rcode_text(rcode: int) -> str:
    """Return a code's name, or its number where it has none."""
    return Rcode(rcode).name if rcode in Rcode._value2member_map_ else str(rcode)


class TsigError(IntEnum):
    """The error field of a TSIG record.  RFC 8945 §3"""

    NOERROR = 0
    BADSIG = 16
    BADKEY = 17
    BADTIME = 18
    BADTRUNC = 22


class TkeyError(IntEnum):
    """The error field of a TKEY record.  RFC 2930 §2.6, RFC 8945 §10"""

    NOERROR = 0
    BADKEY = 17
    BADMODE = 19
    BADNAME = 20
    BADALG = 21


class Ede(IntEnum):
    """Extended DNS errors that bossa sends.  RFC 8914 §4"""

    OTHER = 0
    STALE_ANSWER = 3
    CACHED_ERROR = 13
    NOT_READY = 14
    BLOCKED = 15
    PROHIBITED = 18
    STALE_NXDOMAIN_ANSWER = 19
    NOT_AUTHORITATIVE = 20
    NOT_SUPPORTED = 21
    NO_REACHABLE_AUTHORITY = 22
    NETWORK_ERROR = 23
    INVALID_DATA = 24


class Declined(Exception):
    """Whoever was asked to decide on a change said no; the base of all such words."""


class Refused(Declined):
    """We will not do it: ``code`` for the wire, ``reason`` for the log, ``ede`` as a hint for people."""

    def __init__(self, code: Rcode, reason: str, ede: Ede | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.ede = ede


class StoreFailed(Exception):
    """The store could not write (disk full, read-only, gone); nothing of the batch was stored."""


class TransferFailed(Exception):
    """What another server sent is not taken: why, for the log.  Nothing of it is stored."""


class OutOfStep(Declined):
    """The difference that a primary sent is not one to what we have."""
