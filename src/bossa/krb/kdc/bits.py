"""The options and flags that the exchanges look at, as plain ints.

An IntFlag costs a microsecond wherever it meets an int, and a request asks for
some twenty of them.  RFC 4120 §5.3 and §5.4.1, [MS-SFU] 2.2.3 and 2.2.5
"""

from __future__ import annotations

from typing import Final

from bossa.krb.flags import KdcOptions, PacOptions, TicketFlags


class Option:
    """What a client asks of a ticket.  RFC 4120 §5.4.1"""

    FORWARDABLE: Final = int(KdcOptions.FORWARDABLE)
    FORWARDED: Final = int(KdcOptions.FORWARDED)
    PROXIABLE: Final = int(KdcOptions.PROXIABLE)
    PROXY: Final = int(KdcOptions.PROXY)
    ANY_POSTDATING: Final = int(KdcOptions.POSTDATED | KdcOptions.ALLOW_POSTDATE)
    RENEWABLE: Final = int(KdcOptions.RENEWABLE)
    RENEWABLE_OK: Final = int(KdcOptions.RENEWABLE_OK)
    RENEW: Final = int(KdcOptions.RENEW)
    VALIDATE: Final = int(KdcOptions.VALIDATE)
    CANONICALIZE: Final = int(KdcOptions.CANONICALIZE)
    REQUEST_ANONYMOUS: Final = int(KdcOptions.REQUEST_ANONYMOUS)
    ENC_TKT_IN_SKEY: Final = int(KdcOptions.ENC_TKT_IN_SKEY)
    CNAME_IN_ADDL_TKT: Final = int(KdcOptions.CNAME_IN_ADDL_TKT)


class Flag:
    """What a ticket may be used for.  RFC 4120 §5.3"""

    FORWARDABLE: Final = int(TicketFlags.FORWARDABLE)
    FORWARDED: Final = int(TicketFlags.FORWARDED)
    PROXIABLE: Final = int(TicketFlags.PROXIABLE)
    PROXY: Final = int(TicketFlags.PROXY)
    RENEWABLE: Final = int(TicketFlags.RENEWABLE)
    INITIAL: Final = int(TicketFlags.INITIAL)
    PRE_AUTHENT: Final = int(TicketFlags.PRE_AUTHENT)
    HW_AUTHENT: Final = int(TicketFlags.HW_AUTHENT)
    TRANSITED_POLICY_CHECKED: Final = int(TicketFlags.TRANSITED_POLICY_CHECKED)
    ENC_PA_REP: Final = int(TicketFlags.ENC_PA_REP)


RESOURCE_BASED: Final = int(PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION)
