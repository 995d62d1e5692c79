"""The same messages as another library reads them: cryptography's asn1, which is written in Rust.

It knows neither application tags nor GeneralString: the former are taken off here, the latter are read as
any value (``TLV``).  Messages with an optional GeneralString cannot be said in it.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from datetime import UTC
from typing import Annotated, Any

from cryptography.hazmat import asn1

from bossa.krb import messages, padata
from bossa.krb.names import PrincipalName

E = asn1.Explicit
Flags, Time, Value = asn1.BitString, asn1.GeneralizedTime, asn1.TLV
APPLICATION = 0x60
# Of PDUs: the tag around the sequence.  [0] of RFC 6113's choices is one, too.
AROUND = {
    messages.Ticket: APPLICATION | 1,
    messages.Authenticator: APPLICATION | 2,
    messages.EncTicketPart: APPLICATION | 3,
    messages.ApReq: APPLICATION | 14,
    messages.ApRep: APPLICATION | 15,
    messages.EncApRepPart: APPLICATION | 27,
    messages.KrbPriv: APPLICATION | 21,
    messages.EncKrbPrivPart: APPLICATION | 28,
    messages.KdcReq: None,
    messages.KdcRep: None,
    messages.EncKdcRepPart: None,
    padata.KrbFastArmoredReq: 0xA0,
    padata.KrbFastArmoredRep: 0xA0,
}


def inside(octets: bytes, tag: int | None = None) -> bytes:
    """Take off the outer tag, which is ``tag`` if one is named."""
    assert tag is None or octets[0] == tag
    size = octets[1]
    start = 2 if size < 0x80 else 2 + (size & 0x7F)
    return octets[start:]


@asn1.sequence
class Name:
    type: Annotated[int, E(0)]
    parts: Annotated[list[Value], E(1)]


@asn1.sequence
class Typed:
    type: Annotated[int, E(0)]
    octets: Annotated[bytes, E(1)]


@asn1.sequence
class PaData:
    type: Annotated[int, E(1)]
    value: Annotated[bytes, E(2)]


@asn1.sequence
class EncryptedData:
    etype: Annotated[int, E(0)]
    kvno: Annotated[int | None, E(1)]
    cipher: Annotated[bytes, E(2)]


@asn1.sequence
class Ticket:
    pvno: Annotated[int, E(0)]
    realm: Annotated[Value, E(1)]
    sname: Annotated[Name, E(2)]
    enc_part: Annotated[EncryptedData, E(3)]


@asn1.sequence
class EncTicketPart:
    flags: Annotated[Flags, E(0)]
    key: Annotated[Typed, E(1)]
    crealm: Annotated[Value, E(2)]
    cname: Annotated[Name, E(3)]
    transited: Annotated[Typed, E(4)]
    authtime: Annotated[Time, E(5)]
    starttime: Annotated[Time | None, E(6)]
    endtime: Annotated[Time, E(7)]
    renew_till: Annotated[Time | None, E(8)]
    caddr: Annotated[list[Typed] | None, E(9)]
    authorization_data: Annotated[list[Typed] | None, E(10)]


@asn1.sequence
class Authenticator:
    pvno: Annotated[int, E(0)]
    crealm: Annotated[Value, E(1)]
    cname: Annotated[Name, E(2)]
    cksum: Annotated[Typed | None, E(3)]
    cusec: Annotated[int, E(4)]
    ctime: Annotated[Time, E(5)]
    subkey: Annotated[Typed | None, E(6)]
    seq_number: Annotated[int | None, E(7)]
    authorization_data: Annotated[list[Typed] | None, E(8)]


@asn1.sequence
class ApReq:
    pvno: Annotated[int, E(0)]
    msg_type: Annotated[int, E(1)]
    ap_options: Annotated[Flags, E(2)]
    ticket: Annotated[Value, E(3)]
    authenticator: Annotated[EncryptedData, E(4)]


@asn1.sequence
class ApRep:
    pvno: Annotated[int, E(0)]
    msg_type: Annotated[int, E(1)]
    enc_part: Annotated[EncryptedData, E(2)]


@asn1.sequence
class EncApRepPart:
    ctime: Annotated[Time, E(0)]
    cusec: Annotated[int, E(1)]
    subkey: Annotated[Typed | None, E(2)]
    seq_number: Annotated[int | None, E(3)]


@asn1.sequence
class KrbPriv:
    pvno: Annotated[int, E(0)]
    msg_type: Annotated[int, E(1)]
    enc_part: Annotated[EncryptedData, E(3)]


@asn1.sequence
class EncKrbPrivPart:
    user_data: Annotated[bytes, E(0)]
    timestamp: Annotated[Time | None, E(1)]
    usec: Annotated[int | None, E(2)]
    seq_number: Annotated[int | None, E(3)]
    s_address: Annotated[Typed, E(4)]
    r_address: Annotated[Typed | None, E(5)]


@asn1.sequence
class KdcReqBody:
    kdc_options: Annotated[Flags, E(0)]
    cname: Annotated[Name | None, E(1)]
    realm: Annotated[Value, E(2)]
    sname: Annotated[Name | None, E(3)]
    from_: Annotated[Time | None, E(4)]
    till: Annotated[Time, E(5)]
    rtime: Annotated[Time | None, E(6)]
    nonce: Annotated[int, E(7)]
    etypes: Annotated[list[int], E(8)]
    addresses: Annotated[list[Typed] | None, E(9)]
    enc_authorization_data: Annotated[EncryptedData | None, E(10)]
    additional_tickets: Annotated[list[Value] | None, E(11)]


@asn1.sequence
class KdcReq:
    pvno: Annotated[int, E(1)]
    kind: Annotated[int, E(2)]
    padata: Annotated[list[PaData] | None, E(3)]
    body: Annotated[KdcReqBody, E(4)]


@asn1.sequence
class KdcRep:
    pvno: Annotated[int, E(0)]
    kind: Annotated[int, E(1)]
    padata: Annotated[list[PaData] | None, E(2)]
    crealm: Annotated[Value, E(3)]
    cname: Annotated[Name, E(4)]
    ticket: Annotated[Value, E(5)]
    enc_part: Annotated[EncryptedData, E(6)]


@asn1.sequence
class LastReq:
    type: Annotated[int, E(0)]
    value: Annotated[Time, E(1)]


@asn1.sequence
class EncKdcRepPart:
    key: Annotated[Typed, E(0)]
    last_req: Annotated[list[LastReq], E(1)]
    nonce: Annotated[int, E(2)]
    key_expiration: Annotated[Time | None, E(3)]
    flags: Annotated[Flags, E(4)]
    authtime: Annotated[Time, E(5)]
    starttime: Annotated[Time | None, E(6)]
    endtime: Annotated[Time, E(7)]
    renew_till: Annotated[Time | None, E(8)]
    srealm: Annotated[Value, E(9)]
    sname: Annotated[Name, E(10)]
    caddr: Annotated[list[Typed] | None, E(11)]
    encrypted_pa_data: Annotated[list[PaData] | None, E(12)]


@asn1.sequence
class PaEncTsEnc:
    patimestamp: Annotated[Time, E(0)]
    pausec: Annotated[int | None, E(1)]


@asn1.sequence
class PaForUser:
    user_name: Annotated[Name, E(0)]
    user_realm: Annotated[Value, E(1)]
    cksum: Annotated[Typed, E(2)]
    auth_package: Annotated[Value, E(3)]


@asn1.sequence
class PaPacOptions:
    flags: Annotated[Flags, E(0)]


@asn1.sequence
class PaPacRequest:
    include: Annotated[bool, E(0)]


@asn1.sequence
class KrbFastArmoredReq:
    armor: Annotated[Typed | None, E(0)]
    req_checksum: Annotated[Typed, E(1)]
    enc_fast_req: Annotated[EncryptedData, E(2)]


@asn1.sequence
class KrbFastReq:
    fast_options: Annotated[Flags, E(0)]
    padata: Annotated[list[PaData], E(1)]
    req_body: Annotated[KdcReqBody, E(2)]


@asn1.sequence
class KrbFastArmoredRep:
    enc_fast_rep: Annotated[EncryptedData, E(0)]


@asn1.sequence
class KrbFastFinished:
    timestamp: Annotated[Time, E(0)]
    usec: Annotated[int, E(1)]
    crealm: Annotated[Value, E(2)]
    cname: Annotated[Name, E(3)]
    ticket_checksum: Annotated[Typed, E(4)]


@asn1.sequence
class KrbFastResponse:
    padata: Annotated[list[PaData], E(0)]
    strengthen_key: Annotated[Typed | None, E(1)]
    finished: Annotated[KrbFastFinished | None, E(2)]
    nonce: Annotated[int, E(3)]


TYPED = (messages.HostAddress, messages.AuthData, messages.EncryptionKey, messages.CheckSum, messages.Transited)
_SAME_NAME = (
    "PaData EncryptedData Ticket EncTicketPart Authenticator ApReq ApRep EncApRepPart KrbPriv EncKrbPrivPart KdcReqBody"
    " KdcReq KdcRep LastReq EncKdcRepPart"
)
_PADATA_NAME = (
    "PaEncTsEnc PaForUser PaPacOptions PaPacRequest KrbFastArmoredReq KrbFastReq KrbFastArmoredRep KrbFastFinished"
    " KrbFastResponse"
)
# What stands for each message of ours.
ORACLE: dict[type, type] = {
    **dict.fromkeys((*TYPED, padata.KrbFastArmor), Typed),
    **{getattr(messages, name): globals()[name] for name in _SAME_NAME.split()},
    **{getattr(padata, name): globals()[name] for name in _PADATA_NAME.split()},
}


def read(kind: type, octets: bytes) -> tuple[Any, bytes]:
    """Read ``octets`` with the oracle: the plain values, and what it writes of them."""
    inner = inside(octets, AROUND[kind]) if kind in AROUND else octets
    value = asn1.decode_der(ORACLE[kind], inner)
    return theirs(value), octets[: len(octets) - len(inner)] + asn1.encode_der(value)


def theirs(value: Any) -> Any:
    """Reduce the oracle's value to tuples, numbers, text and octets; versions and types of messages are left out."""
    if isinstance(value, asn1.BitString):
        return int.from_bytes(value.as_bytes()[:4].ljust(4, b"\0"), "big")
    if isinstance(value, asn1.GeneralizedTime):
        return int(value.as_datetime().replace(tzinfo=UTC).timestamp())
    if isinstance(value, asn1.TLV):
        data = bytes(value.data)
        return data.decode() if value.tag_bytes == b"\x1b" else theirs(asn1.decode_der(Ticket, data))
    if isinstance(value, list):
        return tuple(map(theirs, value))
    if type(value) in ORACLE.values() or isinstance(value, Name):
        kept = [name for name in type(value).__annotations__ if name not in ("pvno", "kind", "msg_type")]
        return tuple(theirs(getattr(value, name)) for name in kept)
    return plain(value)


def ours(value: Any) -> Any:
    """Reduce our value to the same."""
    if isinstance(value, PrincipalName):
        return plain(value.type), value.parts
    if is_dataclass(value):
        kept = [item.name for item in fields(value) if item.name not in ("raw", "msg_type")]
        return tuple(ours(getattr(value, name)) for name in kept)
    if isinstance(value, tuple):
        return tuple(map(ours, value)) or None
    return plain(value)


def plain(value: Any) -> Any:
    """Numbers modulo 2 to the 32nd, since some fields are read as signed and unsigned alike."""
    return value & 0xFFFFFFFF if isinstance(value, int) and not isinstance(value, bool) and value < 0 else value
