"""Tickets and the messages by which they are shown to a service.

RFC 4120 §5.3 and §5.5.  A ticket keeps the octets it came in, so that it
travels on and is checked as it was received; one made here has none.  What
holds its octets is written as them: a changed copy needs ``raw=b""``.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bossa.krb.messages.basic import (
    ADDRESSES,
    AUTHORIZATION_DATA,
    FLAGS,
    MICROSECONDS,
    NAME,
    REALM,
    SEQUENCE_NUMBER,
    AuthData,
    CheckSum,
    EncryptedData,
    EncryptionKey,
    HostAddress,
)
from bossa.krb.names import PrincipalName
from bossa.wire.der import INT32, OCTETS, TIME, remembered
from bossa.wire.layout import Field, Form, Message, constant, lay_out

PVNO = 5
AP_REQ, AP_REP = 14, 15


@dataclass(frozen=True, slots=True)
class Ticket(Message):
    """A ticket as anybody sees it.  RFC 4120 §5.3"""

    realm: str
    sname: PrincipalName
    enc_part: EncryptedData
    raw: bytes = field(default=b"", compare=False, repr=False)


lay_out(
    Ticket,
    constant(0, PVNO, INT32),
    Field(1, "realm", REALM),
    Field(2, "sname", NAME),
    Field(3, "enc_part", EncryptedData.CODEC),
    form=Form(application=1, raw=True),
)


@dataclass(frozen=True, slots=True)
class Transited(Message):
    """The realms between the client's and ours.  RFC 4120 §5.3 TransitedEncoding"""

    type: int = 1
    octets: bytes = b""


lay_out(Transited, Field(0, "type", INT32), Field(1, "octets", OCTETS))
Transited.CODEC = remembered(Transited.CODEC, 64, 64)


@dataclass(frozen=True, slots=True)
class EncTicketPart(Message):
    """What only the service (and the KDC) reads of a ticket.  RFC 4120 §5.3"""

    flags: int
    key: EncryptionKey
    crealm: str
    cname: PrincipalName
    transited: Transited
    authtime: int
    starttime: int | None
    endtime: int
    renew_till: int | None = None
    caddr: tuple[HostAddress, ...] = ()
    authorization_data: tuple[AuthData, ...] = ()


lay_out(
    EncTicketPart,
    Field(0, "flags", FLAGS),
    Field(1, "key", EncryptionKey.CODEC),
    Field(2, "crealm", REALM),
    Field(3, "cname", NAME),
    Field(4, "transited", Transited.CODEC),
    Field(5, "authtime", TIME),
    Field(6, "starttime", TIME, None),
    Field(7, "endtime", TIME),
    Field(8, "renew_till", TIME, None),
    Field(9, "caddr", ADDRESSES, ()),
    Field(10, "authorization_data", AUTHORIZATION_DATA, ()),
    form=Form(application=3),
)


@dataclass(frozen=True, slots=True)
class Authenticator(Message):
    """The proof that who shows a ticket knows its key.  RFC 4120 §5.5.1"""

    crealm: str
    cname: PrincipalName
    cksum: CheckSum | None
    cusec: int
    ctime: int
    subkey: EncryptionKey | None = None
    seq_number: int | None = None
    authorization_data: tuple[AuthData, ...] = ()


lay_out(
    Authenticator,
    constant(0, PVNO, INT32),
    Field(1, "crealm", REALM),
    Field(2, "cname", NAME),
    Field(3, "cksum", CheckSum.CODEC, None),
    Field(4, "cusec", MICROSECONDS),
    Field(5, "ctime", TIME),
    Field(6, "subkey", EncryptionKey.CODEC, None),
    Field(7, "seq_number", SEQUENCE_NUMBER, None),
    Field(8, "authorization_data", AUTHORIZATION_DATA, ()),
    form=Form(application=2),
)


@dataclass(frozen=True, slots=True)
class ApReq(Message):
    """Show a ticket to a service.  RFC 4120 §5.5.1"""

    ap_options: int
    ticket: Ticket
    authenticator: EncryptedData


lay_out(
    ApReq,
    constant(0, PVNO, INT32),
    constant(1, AP_REQ, INT32),
    Field(2, "ap_options", FLAGS),
    Field(3, "ticket", Ticket.CODEC),
    Field(4, "authenticator", EncryptedData.CODEC),
    form=Form(application=AP_REQ),
)


@dataclass(frozen=True, slots=True)
class ApRep(Message):
    """The service proves itself in turn.  RFC 4120 §5.5.2"""

    enc_part: EncryptedData


lay_out(
    ApRep,
    constant(0, PVNO, INT32),
    constant(1, AP_REP, INT32),
    Field(2, "enc_part", EncryptedData.CODEC),
    form=Form(application=AP_REP),
)


@dataclass(frozen=True, slots=True)
class EncApRepPart(Message):
    """What the service's proof holds.  RFC 4120 §5.5.2"""

    ctime: int
    cusec: int
    subkey: EncryptionKey | None = None
    seq_number: int | None = None


lay_out(
    EncApRepPart,
    Field(0, "ctime", TIME),
    Field(1, "cusec", MICROSECONDS),
    Field(2, "subkey", EncryptionKey.CODEC, None),
    Field(3, "seq_number", SEQUENCE_NUMBER, None),
    form=Form(application=27),
)
