"""The bit strings of Kerberos: bit 0 of the specification is the highest of 32.

RFC 4120 §5.2.8, §5.3, §5.4.1 and §5.5.1, RFC 6806 §3 and §11, RFC 8062
§3.  Messages carry them as plain ints: an IntFlag remembers every
combination that it was ever asked for, and a stranger could ask for all.
"""

from __future__ import annotations

from enum import IntFlag


def bit(number: int) -> int:
    """Return the value of bit ``number`` of a KerberosFlags.  RFC 4120 §5.2.8"""
    return 1 << (31 - number)


class TicketFlags(IntFlag):
    """What a ticket may be used for and how it came about.  RFC 4120 §5.3"""

    FORWARDABLE = bit(1)
    FORWARDED = bit(2)
    PROXIABLE = bit(3)
    PROXY = bit(4)
    MAY_POSTDATE = bit(5)
    POSTDATED = bit(6)
    INVALID = bit(7)
    RENEWABLE = bit(8)
    INITIAL = bit(9)
    PRE_AUTHENT = bit(10)
    HW_AUTHENT = bit(11)
    TRANSITED_POLICY_CHECKED = bit(12)
    OK_AS_DELEGATE = bit(13)
    ENC_PA_REP = bit(15)
    ANONYMOUS = bit(16)


class KdcOptions(IntFlag):
    """What a client asks of the ticket.  RFC 4120 §5.4.1, [MS-SFU] 2.2.3 (CNAME_IN_ADDL_TKT)"""

    FORWARDABLE = bit(1)
    FORWARDED = bit(2)
    PROXIABLE = bit(3)
    PROXY = bit(4)
    ALLOW_POSTDATE = bit(5)
    POSTDATED = bit(6)
    RENEWABLE = bit(8)
    CNAME_IN_ADDL_TKT = bit(14)
    CANONICALIZE = bit(15)
    REQUEST_ANONYMOUS = bit(16)
    DISABLE_TRANSITED_CHECK = bit(26)
    RENEWABLE_OK = bit(27)
    ENC_TKT_IN_SKEY = bit(28)
    RENEW = bit(30)
    VALIDATE = bit(31)


class ApOptions(IntFlag):
    """What a client asks of the service.  RFC 4120 §5.5.1"""

    USE_SESSION_KEY = bit(1)
    MUTUAL_REQUIRED = bit(2)


class PacOptions(IntFlag):
    """What a client says of its PAC and of delegation.  [MS-KILE] 2.2.10, [MS-SFU] 2.2.5"""

    CLAIMS = bit(0)
    BRANCH_AWARE = bit(1)
    FORWARD_TO_FULL_DC = bit(2)
    RESOURCE_BASED_CONSTRAINED_DELEGATION = bit(3)


class S4uOptions(IntFlag):
    """What a PA-S4U-X509-USER asks for.  [MS-SFU] 2.2.2"""

    CHECK_LOGON_HOURS = bit(1)
    USE_REPLY_KEY_USAGE = bit(2)


class FastOptions(IntFlag):
    """What an armored request asks for; bits 0 to 15 are critical.  RFC 6113 §5.4.2"""

    HIDE_CLIENT_NAMES = bit(1)
    KDC_FOLLOW_REFERRALS = bit(16)


CRITICAL_FAST_OPTIONS = 0xFFFF0000
