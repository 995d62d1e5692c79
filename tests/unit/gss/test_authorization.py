"""What a context knows of its client out of the PAC: only what the service's own key signed.  [MS-PAC] 2.8.1"""

from __future__ import annotations

from bossa.crypto.enctypes import Enctype, Key
from bossa.directory.sid import Sid
from bossa.gss.context import Authorization
from bossa.krb.credential import Credential
from bossa.krb.messages import AuthData, EncTicketPart, encode_authorization_data
from bossa.krb.pac import put_in, sign_service
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.info import ClientInfo
from bossa.krb.pac.logon import LogonInfo
from tests.unit.gss.specimens import credential, establish, service_key, ticket_part

AES = Enctype.AES256_SHA1
DOMAIN = Sid.parse("S-1-5-21-11-22-33")
KDC = Key(AES, b"kdc " * 8)
LOGON = LogonInfo(
    effective_name="alice", logon_domain_id=DOMAIN, user_id=1000, primary_group_id=513, groups=((513, 7), (1200, 7))
)


def content(authtime: int, name: str = "alice") -> PacContent:
    """What a KDC says of alice."""
    info = ClientInfo(authtime, name).encode()
    return PacContent(((BufferType.LOGON_INFO, LOGON.encode()), (BufferType.CLIENT_INFO, info)))


def authorization(said: PacContent, key: Key) -> Authorization | None:
    """What a context knows of a client whose PAC says so, signed with that key."""
    part = ticket_part(AES)
    return accepted(put_in(part, sign_service(said, part, key, KDC)))


def accepted(part: EncTicketPart) -> Authorization | None:
    """What a context knows out of a ticket."""
    shown: Credential = credential(AES, authorization_data=part.authorization_data)
    return establish(shown)[1].authorization


def authtime() -> int:
    """The moment that ticket and PAC agree on."""
    return ticket_part(AES).authtime


def test_groups_come_out_of_a_pac_that_our_key_signed() -> None:
    found = authorization(content(authtime()), service_key(AES))
    assert found is not None
    assert [sid.text for sid in found.sids] == [f"{DOMAIN.text}-{rid}" for rid in (1000, 513, 1200)]
    assert found.content.find(BufferType.LOGON_INFO) == LOGON.encode()


def test_pac_that_another_key_signed_says_nothing() -> None:
    assert authorization(content(authtime()), Key(AES, bytes(32))) is None


def test_pac_of_another_client_or_moment_says_nothing() -> None:
    assert authorization(content(authtime(), "bob"), service_key(AES)) is None
    assert authorization(content(authtime() + 1), service_key(AES)) is None


def test_pac_without_logon_info_or_of_no_shape_says_nothing() -> None:
    bare = content(authtime()).without({BufferType.LOGON_INFO})
    assert authorization(bare, service_key(AES)) is None
    broken = content(authtime()).replaced(BufferType.LOGON_INFO, b"no NDR")
    assert authorization(broken, service_key(AES)) is None
    inner = encode_authorization_data((AuthData(128, b"no PAC"),))
    assert accepted(ticket_part(AES, authorization_data=(AuthData(1, inner),))) is None
    assert accepted(ticket_part(AES, authorization_data=(AuthData(1, b"no data"),))) is None
    assert accepted(ticket_part(AES)) is None
