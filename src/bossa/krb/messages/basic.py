"""The types that all messages of Kerberos are made of.

RFC 4120 §5.2 as far as its module says; integers, counts and strings are
bounded here.  Flags are plain ints (see bossa.krb.flags), times seconds
since 1970.  None of these types is extensible: a field that RFC 4120 does
not name is refused (§1.5.1 expects no less of everybody).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bossa.krb.names import PrincipalName
from bossa.wire.der import (
    BIT_STRING,
    INT32,
    OCTETS,
    STRING,
    UINT32,
    Codec,
    content,
    integer,
    remembered,
    sequence_of,
    string,
)
from bossa.wire.errors import WireError
from bossa.wire.layout import Field, Message, lay_out, sequence

MOST_PARTS = 16
MOST_PADATA = 64
MOST_ADDRESSES = 64
MOST_AUTHORIZATION_DATA = 64
_MOST_FLAG_OCTETS = 8

MICROSECONDS = integer(0, 999_999)
# RFC 4120 §5.5.1 and §5.6.1 have UInt32; old libraries write the upper half as negative numbers.
_SEQUENCE_NUMBER = integer(-(1 << 31), (1 << 32) - 1)
SEQUENCE_NUMBER: Codec[int] = Codec(
    lambda data, pos, end: _SEQUENCE_NUMBER.decode(data, pos, end) & 0xFFFFFFFF, UINT32.encode
)


# A BIT STRING of 32 bits.
_USUAL_FLAGS = b"\x03\x05\x00"


def _decode_flags(data: bytes, pos: int, end: int) -> int:
    """Read a KerberosFlags: the first 32 bits, absent ones are 0.  RFC 4120 §5.2.8, X.690 §11.2"""
    if end - pos == 7 and data.startswith(_USUAL_FLAGS, pos):
        return int.from_bytes(data[pos + 3 : end], "big")
    start = content(data, pos, end, BIT_STRING) + 1
    size = end - start
    if not 0 <= size <= _MOST_FLAG_OCTETS:
        raise WireError(f"bit string of {size} octets at {pos}")
    unused = data[start - 1]
    if unused > (7 if size else 0) or (unused and data[end - 1] & ((1 << unused) - 1)):
        raise WireError(f"bit string at {pos} with {unused} unused bits")
    value = int.from_bytes(data[start : start + 4], "big")
    return value if size >= 4 else value << 8 * (4 - size)


FLAGS: Codec[int] = Codec(_decode_flags, lambda value: _USUAL_FLAGS + value.to_bytes(4, "big"))
# Text for people; some KDCs write it in other character sets.
TEXT: Codec[str] = Codec(
    lambda data, pos, end: data[content(data, pos, end, 0x1B) : end].decode("utf-8", "replace"), string().encode
)

_PARTS = sequence_of(STRING, MOST_PARTS)
_NAME_FIELDS = Field(0, "type", INT32), Field(1, "parts", sequence_of(STRING, MOST_PARTS, least=1))
# Few realms and few names speak with us, and each message has some of them.
REALM: Codec[str] = remembered(STRING, 64)
NAME: Codec[PrincipalName] = remembered(sequence(PrincipalName, *_NAME_FIELDS), 128)
# [MS-SFU] 2.2.2: the name of an S4UUserID may be empty, to be refused with a code of its own.
ANY_NAME: Codec[PrincipalName] = sequence(PrincipalName, Field(0, "type", INT32), Field(1, "parts", _PARTS))


@dataclass(frozen=True, slots=True)
class HostAddress(Message):
    """Where a host may be reached.  RFC 4120 §5.2.5"""

    type: int
    octets: bytes


lay_out(HostAddress, Field(0, "type", INT32), Field(1, "octets", OCTETS))
ADDRESSES = sequence_of(HostAddress.CODEC, MOST_ADDRESSES)


@dataclass(frozen=True, slots=True)
class AuthData(Message):
    """One element of authorization data.  RFC 4120 §5.2.6"""

    type: int
    data: bytes


lay_out(AuthData, Field(0, "type", INT32), Field(1, "data", OCTETS))
AUTHORIZATION_DATA = sequence_of(AuthData.CODEC, MOST_AUTHORIZATION_DATA)


@dataclass(frozen=True, slots=True)
class PaData(Message):
    """One element of preauthentication data.  RFC 4120 §5.2.7"""

    type: int
    value: bytes


lay_out(PaData, Field(1, "type", INT32), Field(2, "value", OCTETS))
PADATA = sequence_of(PaData.CODEC, MOST_PADATA)


@dataclass(frozen=True, slots=True)
class EncryptedData(Message):
    """What a key hides, and which one.  RFC 4120 §5.2.9"""

    etype: int
    kvno: int | None
    cipher: bytes


lay_out(EncryptedData, Field(0, "etype", INT32), Field(1, "kvno", UINT32, None), Field(2, "cipher", OCTETS))


@dataclass(frozen=True, slots=True)
class EncryptionKey(Message):
    """A key as it travels inside what is encrypted.  RFC 4120 §5.2.9"""

    etype: int
    octets: bytes = field(repr=False)


lay_out(EncryptionKey, Field(0, "etype", INT32), Field(1, "octets", OCTETS))


@dataclass(frozen=True, slots=True)
class CheckSum(Message):
    """A checksum and its type.  RFC 4120 §5.2.9"""

    type: int
    octets: bytes


lay_out(CheckSum, Field(0, "type", INT32), Field(1, "octets", OCTETS))


def decode_padata(data: bytes) -> tuple[PaData, ...]:
    """Read a METHOD-DATA: the e-data of PREAUTH_REQUIRED and others.  RFC 4120 §5.9.1"""
    return PADATA.decode(data, 0, len(data))


def encode_padata(padata: tuple[PaData, ...]) -> bytes:
    """Write a METHOD-DATA.  RFC 4120 §5.9.1"""
    return PADATA.encode(padata)


def decode_authorization_data(data: bytes) -> tuple[AuthData, ...]:
    """Read AuthorizationData, as an AD-IF-RELEVANT holds it.  RFC 4120 §5.2.6"""
    return AUTHORIZATION_DATA.decode(data, 0, len(data))


def encode_authorization_data(items: tuple[AuthData, ...]) -> bytes:
    """Write AuthorizationData.  RFC 4120 §5.2.6"""
    return AUTHORIZATION_DATA.encode(items)


def find_padata(padata: tuple[PaData, ...], type: int) -> bytes | None:
    """The value of the first element of ``type``."""
    for item in padata:
        if item.type == type:
            return item.value
    return None
