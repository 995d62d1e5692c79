"""Preauthentication data: the types by number and the values that we read and write.

RFC 4120 §5.2.7, RFC 6113 §5, RFC 6806 §11, [MS-SFU] 2.2.1 and 2.2.2,
[MS-KILE] 2.2.  Where the specification's module has an extension marker
(all of RFC 6113's, S4UUserID) unknown later fields are stepped over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from bossa.krb.messages.basic import (
    ANY_NAME,
    FLAGS,
    MICROSECONDS,
    NAME,
    PADATA,
    CheckSum,
    EncryptedData,
    EncryptionKey,
    PaData,
)
from bossa.krb.messages.exchange import NONCE, KdcReqBody
from bossa.krb.names import PrincipalName
from bossa.wire.der import BOOL, INT32, OCTETS, STRING, TIME, explicit, sequence_of
from bossa.wire.errors import WireError
from bossa.wire.layout import Field, Form, Message, lay_out

MOST_ENTRIES = 16
MORE_FIELDS = Form(extensible=True)


class PaType(IntEnum):
    """Preauthentication data by number.  RFC 4120 §7.5.2, RFC 6113 §7.1, [MS-KILE] 3.1.5.1"""

    TGS_REQ = 1
    ENC_TIMESTAMP = 2
    PW_SALT = 3
    ETYPE_INFO = 11
    PK_AS_REQ = 16
    PK_AS_REP = 17
    ETYPE_INFO2 = 19
    SVR_REFERRAL_INFO = 20
    PAC_REQUEST = 128
    FOR_USER = 129
    S4U_X509_USER = 130
    AS_CHECKSUM = 132
    FX_COOKIE = 133
    AUTHENTICATION_SET = 134
    AUTH_SET_SELECTED = 135
    FX_FAST = 136
    FX_ERROR = 137
    ENCRYPTED_CHALLENGE = 138
    EPAK_AS_REQ = 145
    REQ_ENC_PA_REP = 149
    AS_FRESHNESS = 150
    SPAKE = 151
    SUPPORTED_ENCTYPES = 165
    PAC_OPTIONS = 167


@dataclass(frozen=True, slots=True)
class PaEncTsEnc(Message):
    """The time, encrypted to prove a key.  RFC 4120 §5.2.7.2"""

    patimestamp: int
    pausec: int | None = None


lay_out(PaEncTsEnc, Field(0, "patimestamp", TIME), Field(1, "pausec", MICROSECONDS, None))


@dataclass(frozen=True, slots=True)
class EtypeInfo2Entry(Message):
    """How a password becomes a key of one type.  RFC 4120 §5.2.7.5"""

    etype: int
    salt: str | None = None
    s2kparams: bytes | None = None


lay_out(EtypeInfo2Entry, Field(0, "etype", INT32), Field(1, "salt", STRING, None), Field(2, "s2kparams", OCTETS, None))
_ETYPE_INFO2 = sequence_of(EtypeInfo2Entry.CODEC, MOST_ENTRIES, least=1)


def decode_etype_info2(data: bytes) -> tuple[EtypeInfo2Entry, ...]:
    """Read PA-ETYPE-INFO2, preferred first.  RFC 4120 §5.2.7.5"""
    return _ETYPE_INFO2.decode(data, 0, len(data))


def encode_etype_info2(entries: tuple[EtypeInfo2Entry, ...]) -> bytes:
    """Write PA-ETYPE-INFO2.  RFC 4120 §5.2.7.5"""
    return _ETYPE_INFO2.encode(entries)


@dataclass(frozen=True, slots=True)
class PaForUser(Message):
    """For whom a service wants a ticket to itself.  [MS-SFU] 2.2.1"""

    user_name: PrincipalName
    user_realm: str
    cksum: CheckSum
    auth_package: str

    def signed(self) -> bytes:
        """The octets that the checksum covers: name type, parts, realm and package without anything between."""
        head = (self.user_name.type & 0xFFFFFFFF).to_bytes(4, "little")
        return head + "".join((*self.user_name.parts, self.user_realm, self.auth_package)).encode()


lay_out(
    PaForUser,
    Field(0, "user_name", NAME),
    Field(1, "user_realm", STRING),
    Field(2, "cksum", CheckSum.CODEC),
    Field(3, "auth_package", STRING),
)


@dataclass(frozen=True, slots=True)
class S4uUserId(Message):
    """The user whom a service speaks for, by name or certificate.  [MS-SFU] 2.2.2"""

    nonce: int
    cname: PrincipalName | None
    crealm: str
    subject_certificate: bytes | None = None
    options: int | None = None
    raw: bytes = field(default=b"", compare=False, repr=False)


lay_out(
    S4uUserId,
    Field(0, "nonce", NONCE),
    Field(1, "cname", ANY_NAME, None),
    Field(2, "crealm", STRING),
    Field(3, "subject_certificate", OCTETS, None),
    Field(4, "options", FLAGS, None),
    form=Form(raw=True, extensible=True),
)


@dataclass(frozen=True, slots=True)
class PaS4uX509User(Message):
    """A user's identity under a checksum of the session.  [MS-SFU] 2.2.2"""

    user_id: S4uUserId
    cksum: CheckSum

    @property
    def user_id_raw(self) -> bytes:
        """The octets that the checksum covers, as they were received."""
        return self.user_id.encode()


lay_out(PaS4uX509User, Field(0, "user_id", S4uUserId.CODEC), Field(1, "cksum", CheckSum.CODEC))


@dataclass(frozen=True, slots=True)
class PaPacOptions(Message):
    """What a client says of PAC and delegation.  [MS-KILE] 2.2.10"""

    flags: int


lay_out(PaPacOptions, Field(0, "flags", FLAGS))


@dataclass(frozen=True, slots=True)
class PaPacRequest(Message):
    """Whether a client wants a PAC.  [MS-KILE] 2.2.3"""

    include: bool


lay_out(PaPacRequest, Field(0, "include", BOOL))


@dataclass(frozen=True, slots=True)
class KerbErrorData(Message):
    """Windows' word on an error, in e-data.  [MS-KILE] 2.2.1"""

    data_type: int
    data_value: bytes | None = None


lay_out(KerbErrorData, Field(1, "data_type", INT32), Field(2, "data_value", OCTETS, None))
_EXTENDED = 3


def encode_ext_error(status: int) -> bytes:
    """KERB-ERROR-DATA with a KERB-EXT-ERROR of an NTSTATUS.  [MS-KILE] 2.2.2"""
    value = status.to_bytes(4, "little") + bytes(4) + (1).to_bytes(4, "little")
    return KerbErrorData(_EXTENDED, value).encode()


def decode_ext_error(e_data: bytes) -> int:
    """Read the NTSTATUS out of a KERB-ERROR-DATA.  [MS-KILE] 2.2.2"""
    found = KerbErrorData.decode(e_data)
    if found.data_type != _EXTENDED or found.data_value is None or len(found.data_value) != 12:
        raise WireError(f"error data of type {found.data_type}")
    return int.from_bytes(found.data_value[:4], "little")


@dataclass(frozen=True, slots=True)
class KrbFastArmor(Message):
    """What armors a request: type 1 is an AP-REQ.  RFC 6113 §5.4.1"""

    armor_type: int
    armor_value: bytes


lay_out(KrbFastArmor, Field(0, "armor_type", INT32), Field(1, "armor_value", OCTETS), form=MORE_FIELDS)


@dataclass(frozen=True, slots=True)
class KrbFastArmoredReq(Message):
    """PA-FX-FAST of a request.  RFC 6113 §5.4.2"""

    armor: KrbFastArmor | None
    req_checksum: CheckSum
    enc_fast_req: EncryptedData


lay_out(
    KrbFastArmoredReq,
    Field(0, "armor", KrbFastArmor.CODEC, None),
    Field(1, "req_checksum", CheckSum.CODEC),
    Field(2, "enc_fast_req", EncryptedData.CODEC),
    form=MORE_FIELDS,
)
# The CHOICE of RFC 6113 §5.4.2 and §5.4.3 has one arm, [0].
KrbFastArmoredReq.CODEC = explicit(0xA0, KrbFastArmoredReq.CODEC)


@dataclass(frozen=True, slots=True)
class KrbFastReq(Message):
    """The request inside the armor.  RFC 6113 §5.4.2"""

    fast_options: int
    padata: tuple[PaData, ...]
    req_body: KdcReqBody


lay_out(
    KrbFastReq,
    Field(0, "fast_options", FLAGS),
    Field(1, "padata", PADATA),
    Field(2, "req_body", KdcReqBody.CODEC),
    form=MORE_FIELDS,
)


@dataclass(frozen=True, slots=True)
class KrbFastArmoredRep(Message):
    """PA-FX-FAST of a reply.  RFC 6113 §5.4.3"""

    enc_fast_rep: EncryptedData


lay_out(KrbFastArmoredRep, Field(0, "enc_fast_rep", EncryptedData.CODEC), form=MORE_FIELDS)
KrbFastArmoredRep.CODEC = explicit(0xA0, KrbFastArmoredRep.CODEC)


@dataclass(frozen=True, slots=True)
class KrbFastFinished(Message):
    """That the ticket is the one that the KDC meant.  RFC 6113 §5.4.3"""

    timestamp: int
    usec: int
    crealm: str
    cname: PrincipalName
    ticket_checksum: CheckSum


lay_out(
    KrbFastFinished,
    Field(0, "timestamp", TIME),
    Field(1, "usec", MICROSECONDS),
    Field(2, "crealm", STRING),
    Field(3, "cname", NAME),
    Field(4, "ticket_checksum", CheckSum.CODEC),
    form=MORE_FIELDS,
)


@dataclass(frozen=True, slots=True)
class KrbFastResponse(Message):
    """The reply inside the armor.  RFC 6113 §5.4.3"""

    padata: tuple[PaData, ...]
    strengthen_key: EncryptionKey | None
    finished: KrbFastFinished | None
    nonce: int


lay_out(
    KrbFastResponse,
    Field(0, "padata", PADATA),
    Field(1, "strengthen_key", EncryptionKey.CODEC, None),
    Field(2, "finished", KrbFastFinished.CODEC, None),
    Field(3, "nonce", NONCE),
    form=MORE_FIELDS,
)
