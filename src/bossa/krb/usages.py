"""For what a key is used: the numbers that keep one use from passing for another.

RFC 4120 §7.5.1, RFC 6113 §5.4, RFC 6806 §11, [MS-SFU] 2.2.1 and 2.2.2.
"""

from __future__ import annotations

from enum import IntEnum


class Usage(IntEnum):
    """Key usage numbers.  RFC 4120 §7.5.1"""

    PA_ENC_TIMESTAMP = 1
    TICKET = 2
    AS_REP = 3
    TGS_REQ_AUTH_DATA_SESSION = 4
    TGS_REQ_AUTH_DATA_SUBKEY = 5
    TGS_REQ_CHECKSUM = 6
    TGS_REQ_AUTHENTICATOR = 7
    TGS_REP_SESSION = 8
    TGS_REP_SUBKEY = 9
    AP_REQ_CHECKSUM = 10
    AP_REQ_AUTHENTICATOR = 11
    AP_REP = 12
    KRB_PRIV = 13
    KRB_CRED = 14
    KRB_SAFE_CHECKSUM = 15
    PA_FOR_USER = 17
    AD_SIGNED = 19
    ACCEPTOR_SEAL = 22
    ACCEPTOR_SIGN = 23
    INITIATOR_SEAL = 24
    INITIATOR_SIGN = 25
    PA_S4U_X509_USER_REQUEST = 26
    PA_S4U_X509_USER_REPLY = 27
    FAST_REQ_CHECKSUM = 50
    FAST_REQ = 51
    FAST_REP = 52
    FAST_FINISHED = 53
    ENC_CHALLENGE_CLIENT = 54
    ENC_CHALLENGE_KDC = 55
    AS_REQ_CHECKSUM = 56
