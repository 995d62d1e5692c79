"""What two peers agree a context to do.  RFC 2744 §3.6, RFC 4121 §4.1.1.1, RFC 4757 §7.1 (the last three)"""

from __future__ import annotations

from enum import IntFlag


class ContextFlags(IntFlag):
    """GSS_C_* flags, with the numbers that the authenticator's checksum carries.  RFC 4121 §4.1.1.1"""

    DELEG = 0x1
    MUTUAL = 0x2
    REPLAY = 0x4
    SEQUENCE = 0x8
    CONF = 0x10
    INTEG = 0x20
    DCE_STYLE = 0x1000
    IDENTIFY = 0x2000
    EXTENDED_ERROR = 0x4000


ALL = ContextFlags(0x703F)
