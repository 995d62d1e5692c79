"""Messages between two who share a session: private words and passed-on credentials.

RFC 4120 §5.7 and §5.8, RFC 3244 §2 (what is said of passwords).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bossa.krb.messages.basic import (
    ADDRESSES,
    FLAGS,
    MICROSECONDS,
    NAME,
    REALM,
    SEQUENCE_NUMBER,
    EncryptedData,
    EncryptionKey,
    HostAddress,
)
from bossa.krb.messages.tickets import PVNO, Ticket
from bossa.krb.names import PrincipalName
from bossa.wire.der import INT32, OCTETS, TIME, sequence_of
from bossa.wire.layout import Field, Form, Message, constant, lay_out

KRB_PRIV, KRB_CRED = 21, 22
MOST_CREDENTIALS = 16


@dataclass(frozen=True, slots=True)
class KrbPriv(Message):
    """Words for one reader.  RFC 4120 §5.7.1"""

    enc_part: EncryptedData


lay_out(
    KrbPriv,
    constant(0, PVNO, INT32),
    constant(1, KRB_PRIV, INT32),
    Field(3, "enc_part", EncryptedData.CODEC),
    form=Form(application=KRB_PRIV),
)


@dataclass(frozen=True, slots=True)
class EncKrbPrivPart(Message):
    """What a KRB-PRIV hides.  RFC 4120 §5.7.1"""

    user_data: bytes = field(repr=False)
    timestamp: int | None
    usec: int | None
    seq_number: int | None
    s_address: HostAddress
    r_address: HostAddress | None = None


lay_out(
    EncKrbPrivPart,
    Field(0, "user_data", OCTETS),
    Field(1, "timestamp", TIME, None),
    Field(2, "usec", MICROSECONDS, None),
    Field(3, "seq_number", SEQUENCE_NUMBER, None),
    Field(4, "s_address", HostAddress.CODEC),
    Field(5, "r_address", HostAddress.CODEC, None),
    form=Form(application=28),
)


@dataclass(frozen=True, slots=True)
class KrbCred(Message):
    """Tickets for another to use.  RFC 4120 §5.8.1"""

    tickets: tuple[Ticket, ...]
    enc_part: EncryptedData


lay_out(
    KrbCred,
    constant(0, PVNO, INT32),
    constant(1, KRB_CRED, INT32),
    Field(2, "tickets", sequence_of(Ticket.CODEC, MOST_CREDENTIALS)),
    Field(3, "enc_part", EncryptedData.CODEC),
    form=Form(application=KRB_CRED),
)


@dataclass(frozen=True, slots=True)
class KrbCredInfo(Message):
    """Key and terms of one ticket that is passed on.  RFC 4120 §5.8.1"""

    key: EncryptionKey
    prealm: str | None = None
    pname: PrincipalName | None = None
    flags: int | None = None
    authtime: int | None = None
    starttime: int | None = None
    endtime: int | None = None
    renew_till: int | None = None
    srealm: str | None = None
    sname: PrincipalName | None = None
    caddr: tuple[HostAddress, ...] = ()


lay_out(
    KrbCredInfo,
    Field(0, "key", EncryptionKey.CODEC),
    Field(1, "prealm", REALM, None),
    Field(2, "pname", NAME, None),
    Field(3, "flags", FLAGS, None),
    Field(4, "authtime", TIME, None),
    Field(5, "starttime", TIME, None),
    Field(6, "endtime", TIME, None),
    Field(7, "renew_till", TIME, None),
    Field(8, "srealm", REALM, None),
    Field(9, "sname", NAME, None),
    Field(10, "caddr", ADDRESSES, ()),
)


@dataclass(frozen=True, slots=True)
class EncKrbCredPart(Message):
    """What a KRB-CRED hides.  RFC 4120 §5.8.1"""

    ticket_info: tuple[KrbCredInfo, ...]
    nonce: int | None = None
    timestamp: int | None = None
    usec: int | None = None
    s_address: HostAddress | None = None
    r_address: HostAddress | None = None


lay_out(
    EncKrbCredPart,
    Field(0, "ticket_info", sequence_of(KrbCredInfo.CODEC, MOST_CREDENTIALS)),
    Field(1, "nonce", SEQUENCE_NUMBER, None),
    Field(2, "timestamp", TIME, None),
    Field(3, "usec", MICROSECONDS, None),
    Field(4, "s_address", HostAddress.CODEC, None),
    Field(5, "r_address", HostAddress.CODEC, None),
    form=Form(application=29),
)


@dataclass(frozen=True, slots=True)
class ChangePasswdData(Message):
    """The new password, and whose.  RFC 3244 §2"""

    newpasswd: bytes = field(repr=False)
    targname: PrincipalName | None = None
    targrealm: str | None = None


lay_out(
    ChangePasswdData,
    Field(0, "newpasswd", OCTETS),
    Field(1, "targname", NAME, None),
    Field(2, "targrealm", REALM, None),
)
