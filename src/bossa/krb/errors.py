"""The error codes of Kerberos and the one exception by which we refuse.

RFC 4120 §7.5.9, RFC 4556 §3.1.3, RFC 6113 §7.2, RFC 6806 §14.  The code
is for the client, the reason for the log: no reason ever goes on the wire.
"""

from __future__ import annotations

from enum import IntEnum


class KrbCode(IntEnum):
    """What a KRB-ERROR says.  RFC 4120 §7.5.9"""

    NONE = 0
    NAME_EXP = 1
    SERVICE_EXP = 2
    BAD_PVNO = 3
    C_OLD_MAST_KVNO = 4
    S_OLD_MAST_KVNO = 5
    C_PRINCIPAL_UNKNOWN = 6
    S_PRINCIPAL_UNKNOWN = 7
    PRINCIPAL_NOT_UNIQUE = 8
    NULL_KEY = 9
    CANNOT_POSTDATE = 10
    NEVER_VALID = 11
    POLICY = 12
    BADOPTION = 13
    ETYPE_NOSUPP = 14
    SUMTYPE_NOSUPP = 15
    PADATA_TYPE_NOSUPP = 16
    TRTYPE_NOSUPP = 17
    CLIENT_REVOKED = 18
    SERVICE_REVOKED = 19
    TGT_REVOKED = 20
    CLIENT_NOTYET = 21
    SERVICE_NOTYET = 22
    KEY_EXPIRED = 23
    PREAUTH_FAILED = 24
    PREAUTH_REQUIRED = 25
    SERVER_NOMATCH = 26
    MUST_USE_USER2USER = 27
    PATH_NOT_ACCEPTED = 28
    SVC_UNAVAILABLE = 29
    BAD_INTEGRITY = 31
    TKT_EXPIRED = 32
    TKT_NYV = 33
    REPEAT = 34
    NOT_US = 35
    BADMATCH = 36
    SKEW = 37
    BADADDR = 38
    BADVERSION = 39
    MSG_TYPE = 40
    MODIFIED = 41
    BADORDER = 42
    BADKEYVER = 44
    NOKEY = 45
    MUT_FAIL = 46
    BADDIRECTION = 47
    METHOD = 48
    BADSEQ = 49
    INAPP_CKSUM = 50
    PATH_NOT_PROVIDED = 51
    RESPONSE_TOO_BIG = 52
    GENERIC = 60
    FIELD_TOOLONG = 61
    CLIENT_NOT_TRUSTED = 62
    KDC_NOT_TRUSTED = 63
    INVALID_SIG = 64
    KEY_TOO_WEAK = 65
    CERTIFICATE_MISMATCH = 66
    NO_TGT = 67
    WRONG_REALM = 68
    USER_TO_USER_REQUIRED = 69
    CANT_VERIFY_CERTIFICATE = 70
    INVALID_CERTIFICATE = 71
    REVOKED_CERTIFICATE = 72
    REVOCATION_STATUS_UNKNOWN = 73
    REVOCATION_STATUS_UNAVAILABLE = 74
    CLIENT_NAME_MISMATCH = 75
    KDC_NAME_MISMATCH = 76
    PREAUTH_EXPIRED = 90
    MORE_PREAUTH_DATA_REQUIRED = 91
    PREAUTH_BAD_AUTHENTICATION_SET = 92
    UNKNOWN_CRITICAL_FAST_OPTIONS = 93


class KdcError(Exception):
    """We refuse: the code and ``e_data`` for the client, the reason for the log."""

    def __init__(self, code: KrbCode, reason: str, *, e_data: bytes = b"") -> None:
        super().__init__(f"{code.name}: {reason}")
        self.code = code
        self.reason = reason
        self.e_data = e_data
