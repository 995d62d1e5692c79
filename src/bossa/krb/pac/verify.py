"""Whether a PAC is what a KDC wrote, for this ticket and this client.  [MS-PAC] 2.8, [MS-KILE] 3.3.5.7

Nothing of a PAC is looked at before its signatures hold.  A signature that is
missing, zeroed, cut short or wrong is MODIFIED; one of another checksum type
than our keys' (unkeyed, RC4) is INAPP_CKSUM.  A service ticket must have all
four signatures, so neither flags nor times nor the client of a ticket, nor a
buffer of its PAC, can be changed by who holds the service's key
(CVE-2020-17049, CVE-2022-37967).  A ticket-granting ticket must say who asked
for it, by SID (CVE-2020-25719); one of ours without a PAC is revoked.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.pac.carry import find_in, with_placeholder
from bossa.krb.pac.container import SIGNATURE_HEAD, BufferType, Pac
from bossa.krb.pac.content import PacContent
from bossa.krb.pac.info import ClientInfo
from bossa.krb.pac.sign import USAGE
from bossa.wire import WireError

if TYPE_CHECKING:
    from bossa.crypto.enctypes import Key
    from bossa.directory.sid import Sid
    from bossa.krb.messages import EncTicketPart
    from bossa.krb.names import PrincipalName
    from bossa.krb.ticket import OpenTicket

_SERVER, _KDC, _FULL = BufferType.SERVER_SIGNATURE, BufferType.KDC_SIGNATURE, BufferType.FULL_SIGNATURE

Keys = Sequence["Key"]


def client_text(cname: PrincipalName, realm: str | None = None) -> str:
    """Return a name as CLIENT_INFO has it: parts joined, nothing quoted, with the realm in foreign S4U legs."""
    name = "/".join(cname.parts)
    return name if realm is None else f"{name}@{realm}"


def verify_tgt(opened: OpenTicket, server_key: Key, kdc_keys: Keys, *, requester: Sid | None) -> PacContent:
    """Return what the PAC of a ticket of our own ticket-granting service says; raises KdcError.

    ``kdc_keys`` are the ticket-granting service's usable ones, ``requester``
    is the SID that the client's account has today (None: client of another
    realm).
    """
    pac = _opened(opened.part, KrbCode.TGT_REVOKED)
    server, kdc = _signature(pac, _SERVER, (server_key,)), _signature(pac, _KDC, kdc_keys)
    server.cover(pac.zeroed((_SERVER, _KDC)))
    kdc.cover(server.mac)
    content = pac.content()
    check_client(content, opened.part.authtime, client_text(opened.part.cname))
    if requester is not None and content.find(BufferType.REQUESTER) != requester.octets:
        raise KdcError(KrbCode.TGT_REVOKED, "the ticket was given to another account of this name, or to nobody known")
    return content


def verify_across(opened: OpenTicket, trust_key: Key, *, client: str | None = None) -> PacContent:
    """Return what the PAC of another realm's referral says, its SIDs not yet filtered; raises KdcError.

    ``client`` is whom the PAC is for where that is not the ticket's client:
    ``name@realm`` in the legs of S4U2Self.  A realm that writes no PACs sends
    clients with a name and no groups; along with a service it can send nobody.
    """
    if client is None and find_pac(opened.part) is None:
        name = client_text(opened.part.cname)
        return PacContent(((BufferType.CLIENT_INFO, ClientInfo(opened.part.authtime, name).encode()),))
    pac = _opened(opened.part, KrbCode.TGT_REVOKED)
    _check_server(pac, trust_key)
    content = pac.content()
    check_client(content, opened.part.authtime, client or client_text(opened.part.cname))
    return content


def verify_user_across(opened: OpenTicket, trust_key: Key) -> tuple[PacContent, str]:
    """Return what a referral's PAC says, and of which user, as ``name@realm``; raises KdcError.

    The referral belongs to a service of that realm, which speaks for the user ([MS-SFU] 3.2.5.2.3).
    """
    pac = _opened(opened.part, KrbCode.MODIFIED)
    _check_server(pac, trust_key)
    content = pac.content()
    info = _client_info(content)
    if info is None or info.authtime != opened.part.authtime or "@" not in info.name:
        raise KdcError(KrbCode.BADOPTION, "the PAC names no user with a realm")
    return content, info.name


def verify_service(opened: OpenTicket, server_key: Key, kdc_keys: Keys) -> PacContent:
    """Return what the PAC of a service ticket of ours says, as evidence; raises KdcError."""
    pac = _opened(opened.part, KrbCode.MODIFIED)
    # All four are there, and of our types, before any is computed.
    ticket, full = _signature(pac, BufferType.TICKET_SIGNATURE, kdc_keys), _signature(pac, _FULL, kdc_keys)
    server, kdc = _signature(pac, _SERVER, (server_key,)), _signature(pac, _KDC, kdc_keys)
    ticket.cover(_covered(opened))
    full.cover(pac.zeroed((_SERVER, _KDC, _FULL)))
    server.cover(pac.zeroed((_SERVER, _KDC)))
    kdc.cover(server.mac)
    content = pac.content()
    check_client(content, opened.part.authtime, client_text(opened.part.cname))
    return content


def verify_accepted(opened: OpenTicket, server_key: Key) -> PacContent | None:
    """Return what a PAC says to the service itself, which has only its own key; None without a PAC; raises KdcError."""
    if find_pac(opened.part) is None:
        return None
    pac = _opened(opened.part, KrbCode.MODIFIED)
    _check_server(pac, server_key)
    content = pac.content()
    check_client(content, opened.part.authtime, client_text(opened.part.cname))
    return content


def check_client(content: PacContent, authtime: int, name: str) -> None:
    """Raise BADOPTION when a PAC is not of this client and moment.  [MS-PAC] 2.7"""
    info = _client_info(content)
    if info is None or (info.authtime, info.name) != (authtime, name):
        said = "nobody" if info is None else f"{info.name!r} at {info.authtime}"
        raise KdcError(KrbCode.BADOPTION, f"the PAC is for {said}, not for {name!r} at {authtime}")


def _client_info(content: PacContent) -> ClientInfo | None:
    raw = content.find(BufferType.CLIENT_INFO)
    try:
        return None if raw is None else ClientInfo.decode(raw)
    except WireError as e:
        raise KdcError(KrbCode.BADOPTION, f"the PAC's client cannot be read: {e}") from e


def find_pac(part: EncTicketPart) -> bytes | None:
    """Return the ticket's PAC; raises KdcError where authorization data has no shape."""
    try:
        return find_in(part)
    except WireError as e:
        raise KdcError(KrbCode.MODIFIED, f"the ticket's authorization data cannot be read: {e}") from e


def _opened(part: EncTicketPart, absent: KrbCode) -> Pac:
    raw = find_pac(part)
    if raw is None:
        raise KdcError(absent, "the ticket has no PAC")
    try:
        return Pac.decode(raw)
    except WireError as e:
        raise KdcError(KrbCode.MODIFIED, f"the PAC cannot be read: {e}") from e


def _covered(opened: OpenTicket) -> bytes:
    try:
        return with_placeholder(opened.part_raw)
    except WireError as e:
        raise KdcError(KrbCode.MODIFIED, f"the PAC's place cannot be found: {e}") from e


def _check_server(pac: Pac, key: Key) -> None:
    _signature(pac, _SERVER, (key,)).cover(pac.zeroed((_SERVER, _KDC)))


class _Signature(NamedTuple):
    """A signature of a type that one of our keys makes, not yet verified."""

    kind: BufferType
    keys: Keys
    mac: bytes

    def cover(self, octets: bytes) -> None:
        """Raise KdcError unless one of the keys made it over these octets."""
        if not any(key.verify(USAGE, octets, self.mac) for key in self.keys):
            raise KdcError(KrbCode.MODIFIED, f"the PAC's {_words(self.kind)} does not match")


def _signature(pac: Pac, kind: BufferType, keys: Keys) -> _Signature:
    raw = pac.find(kind)
    if raw is None or len(raw) <= SIGNATURE_HEAD:
        raise KdcError(KrbCode.MODIFIED, f"the PAC has no {_words(kind)}")
    checksum_type = int.from_bytes(raw[:SIGNATURE_HEAD], "little", signed=True)
    fitting = [key for key in keys if key.checksum_type == checksum_type]
    if not fitting:
        raise KdcError(KrbCode.INAPP_CKSUM, f"the PAC's {_words(kind)} is of checksum type {checksum_type}")
    return _Signature(kind, fitting, raw[SIGNATURE_HEAD:])


def _words(kind: BufferType) -> str:
    return kind.name.lower().replace("_", " ")
