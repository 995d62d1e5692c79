"""The messages between a client and the KDC, and the error message of all.

RFC 4120 §5.4 and §5.9, RFC 6806 §11 (encrypted-pa-data).  The request
body keeps the octets it came in: checksums run over them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bossa.krb.messages.basic import (
    ADDRESSES,
    FLAGS,
    MICROSECONDS,
    NAME,
    PADATA,
    REALM,
    TEXT,
    EncryptedData,
    EncryptionKey,
    HostAddress,
    PaData,
)
from bossa.krb.messages.tickets import PVNO, Ticket
from bossa.krb.names import PrincipalName
from bossa.wire.der import INT32, OCTETS, TIME, Codec, integer, remembered, sequence_of
from bossa.wire.errors import WireError
from bossa.wire.layout import Field, Form, Message, constant, lay_out, sequence

AS_REQ, AS_REP, TGS_REQ, TGS_REP, KRB_ERROR = 10, 11, 12, 13, 30
MOST_ETYPES = 64
MOST_TICKETS = 4
MOST_LAST_REQ = 16

M = TypeVar("M", bound=Message)
# A library sends the same list in every request.
ETYPES = remembered(sequence_of(INT32, MOST_ETYPES), 64)
# A UInt32, but old clients take their nonce for an Int32; it is only ever given back.
NONCE = integer(-(1 << 31), (1 << 32) - 1)


def _by_type(codecs: Mapping[int, Codec[M]]) -> Codec[M]:
    """A message whose application tag is its msg-type, one of several.  RFC 4120 §5.10"""

    def decode(data: bytes, pos: int, end: int) -> M:
        codec = codecs.get(data[pos] ^ 0x60) if pos < end else None
        if codec is None:
            raise WireError(f"no message of {sorted(codecs)} at {pos}")
        return codec.decode(data, pos, end)

    return Codec(decode, lambda value: codecs[value.msg_type].encode(value))  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class KdcReqBody(Message):
    """What a client wants.  RFC 4120 §5.4.1"""

    kdc_options: int
    cname: PrincipalName | None
    realm: str
    sname: PrincipalName | None
    from_: int | None
    till: int
    rtime: int | None
    nonce: int
    etypes: tuple[int, ...]
    addresses: tuple[HostAddress, ...] = ()
    enc_authorization_data: EncryptedData | None = None
    additional_tickets: tuple[Ticket, ...] = ()
    raw: bytes = field(default=b"", compare=False, repr=False)


lay_out(
    KdcReqBody,
    Field(0, "kdc_options", FLAGS),
    Field(1, "cname", NAME, None),
    Field(2, "realm", REALM),
    Field(3, "sname", NAME, None),
    Field(4, "from_", TIME, None),
    Field(5, "till", TIME),
    Field(6, "rtime", TIME, None),
    Field(7, "nonce", NONCE),
    Field(8, "etypes", ETYPES),
    Field(9, "addresses", ADDRESSES, ()),
    Field(10, "enc_authorization_data", EncryptedData.CODEC, None),
    Field(11, "additional_tickets", sequence_of(Ticket.CODEC, MOST_TICKETS), ()),
    form=Form(raw=True),
)


@dataclass(frozen=True, slots=True)
class KdcReq(Message):
    """AS-REQ (10) and TGS-REQ (12).  RFC 4120 §5.4.1"""

    msg_type: int
    padata: tuple[PaData, ...]
    body: KdcReqBody


def _kdc_req(msg_type: int) -> Codec[KdcReq]:
    """The codec of AS-REQ or TGS-REQ."""
    return sequence(
        KdcReq,
        constant(1, PVNO, INT32),
        Field(2, "msg_type", integer(msg_type, msg_type)),
        Field(3, "padata", PADATA, ()),
        Field(4, "body", KdcReqBody.CODEC),
        form=Form(application=msg_type),
    )


KdcReq.CODEC = _by_type({AS_REQ: _kdc_req(AS_REQ), TGS_REQ: _kdc_req(TGS_REQ)})


@dataclass(frozen=True, slots=True)
class KdcRep(Message):
    """AS-REP (11) and TGS-REP (13).  RFC 4120 §5.4.2"""

    msg_type: int
    padata: tuple[PaData, ...]
    crealm: str
    cname: PrincipalName
    ticket: Ticket
    enc_part: EncryptedData


def _kdc_rep(msg_type: int) -> Codec[KdcRep]:
    """The codec of AS-REP or TGS-REP."""
    return sequence(
        KdcRep,
        constant(0, PVNO, INT32),
        Field(1, "msg_type", integer(msg_type, msg_type)),
        Field(2, "padata", PADATA, ()),
        Field(3, "crealm", REALM),
        Field(4, "cname", NAME),
        Field(5, "ticket", Ticket.CODEC),
        Field(6, "enc_part", EncryptedData.CODEC),
        form=Form(application=msg_type),
    )


KdcRep.CODEC = _by_type({AS_REP: _kdc_rep(AS_REP), TGS_REP: _kdc_rep(TGS_REP)})


@dataclass(frozen=True, slots=True)
class LastReq(Message):
    """One time out of the client's past; type 0 says nothing.  RFC 4120 §5.4.2"""

    type: int
    value: int


lay_out(LastReq, Field(0, "type", INT32), Field(1, "value", TIME))


@dataclass(frozen=True, slots=True)
class EncKdcRepPart(Message):
    """What only the client reads of a reply.  RFC 4120 §5.4.2, RFC 6806 §11"""

    key: EncryptionKey
    last_req: tuple[LastReq, ...]
    nonce: int
    key_expiration: int | None
    flags: int
    authtime: int
    starttime: int | None
    endtime: int
    renew_till: int | None
    srealm: str
    sname: PrincipalName
    caddr: tuple[HostAddress, ...] = ()
    encrypted_pa_data: tuple[PaData, ...] = ()

    def encode(self, msg_type: int = AS_REP) -> bytes:
        """Return the part as ``msg_type`` carries it: [APPLICATION 25] in an AS-REP, 26 in a TGS-REP."""
        return _ENC_PARTS[msg_type].encode(self)


_ENC_PART_FIELDS = (
    Field(0, "key", EncryptionKey.CODEC),
    Field(1, "last_req", sequence_of(LastReq.CODEC, MOST_LAST_REQ)),
    Field(2, "nonce", NONCE),
    Field(3, "key_expiration", TIME, None),
    Field(4, "flags", FLAGS),
    Field(5, "authtime", TIME),
    Field(6, "starttime", TIME, None),
    Field(7, "endtime", TIME),
    Field(8, "renew_till", TIME, None),
    Field(9, "srealm", REALM),
    Field(10, "sname", NAME),
    Field(11, "caddr", ADDRESSES, ()),
    Field(12, "encrypted_pa_data", PADATA, ()),
)
_ENC_PARTS = {
    AS_REP: sequence(EncKdcRepPart, *_ENC_PART_FIELDS, form=Form(application=25)),
    TGS_REP: sequence(EncKdcRepPart, *_ENC_PART_FIELDS, form=Form(application=26)),
}


def _decode_enc_part(data: bytes, pos: int, end: int) -> EncKdcRepPart:
    """Read either part: RFC 4120 §5.4.2 lets clients take tag 26 in an AS-REP, and some KDCs never write 25."""
    return _ENC_PARTS[TGS_REP if data[pos : pos + 1] == b"\x7a" else AS_REP].decode(data, pos, end)


EncKdcRepPart.CODEC = Codec(_decode_enc_part, _ENC_PARTS[AS_REP].encode)


@dataclass(frozen=True, slots=True)
class KrbError(Message):
    """Anything but the answer hoped for.  RFC 4120 §5.9.1"""

    error_code: int
    stime: int
    susec: int
    realm: str
    sname: PrincipalName
    cname: PrincipalName | None = None
    crealm: str | None = None
    ctime: int | None = None
    cusec: int | None = None
    e_text: str | None = None
    e_data: bytes | None = None


def _krb_error(*fields: Any) -> KrbError:
    """Put the fields from the order of their numbers into that of their weight."""
    ctime, cusec, stime, susec, error_code, crealm, cname, realm, sname, e_text, e_data = fields
    return KrbError(error_code, stime, susec, realm, sname, cname, crealm, ctime, cusec, e_text, e_data)


KrbError.CODEC = sequence(
    _krb_error,
    constant(0, PVNO, INT32),
    constant(1, KRB_ERROR, INT32),
    Field(2, "ctime", TIME, None),
    Field(3, "cusec", MICROSECONDS, None),
    Field(4, "stime", TIME),
    Field(5, "susec", MICROSECONDS),
    Field(6, "error_code", INT32),
    Field(7, "crealm", REALM, None),
    Field(8, "cname", NAME, None),
    Field(9, "realm", REALM),
    Field(10, "sname", NAME),
    Field(11, "e_text", TEXT, None),
    Field(12, "e_data", OCTETS, None),
    form=Form(application=KRB_ERROR),
)
