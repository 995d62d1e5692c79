"""Named messages, tickets and keys for the tests of Kerberos; random octets that are none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from bossa.crypto.enctypes import Key
from bossa.krb.ap import Verified, open_request, request
from bossa.krb.messages import (
    AS_REQ,
    TGS_REQ,
    ApReq,
    AuthData,
    Authenticator,
    CheckSum,
    EncTicketPart,
    KdcReq,
    KdcReqBody,
    PaData,
    Ticket,
    Transited,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.ticket import OpenTicket, open, seal, wire_key
from bossa.krb.usages import Usage

REALM = "BOSSA.TEST"
NOW = 1_800_000_000.25
SKEW = 300
ALICE, BOB = PrincipalName.parse("alice"), PrincipalName.parse("bob")
WEB = PrincipalName.parse("HTTP/web.bossa.test", 2)
TGS = krbtgt(REALM)
KDC_KEY, SESSION, SUBKEY, LONG_TERM = (
    Key(18, sha256(what).digest()) for what in (b"kdc", b"session", b"subkey", b"long")
)
OTHER = Key(18, b"o" * 32)
CONFOUNDER = b"c" * 16
BODY = KdcReqBody(0x40810000, ALICE, REALM, TGS, None, 1_800_036_000, 1_800_090_000, 0x7EADBEEF, (18, 17, 20, 19))


def counting() -> Callable[[int], bytes]:
    """Return a source of octets that are never the same."""
    state = [0]

    def random(size: int) -> bytes:
        state[0] += 1
        return state[0].to_bytes(4, "big") * (size // 4) + b"r" * (size % 4)

    return random


@dataclass(frozen=True)
class Terms:
    """What a test's ticket says."""

    start: int = int(NOW) - 100
    end: int = int(NOW) + 36_000
    flags: int = 0x40E10000
    data: tuple[AuthData, ...] = ()


def part(terms: Terms = Terms(), session: Key = SESSION, client: PrincipalName = ALICE) -> EncTicketPart:
    """Return the inside of a ticket."""
    return EncTicketPart(
        terms.flags, wire_key(session), REALM, client, Transited(), terms.start, terms.start, terms.end,
        authorization_data=terms.data,
    )  # fmt: skip


def ticket(terms: Terms = Terms(), service: PrincipalName = TGS, client: PrincipalName = ALICE) -> Ticket:
    """Return a ticket under the KDC's key."""
    return Ticket.decode(seal(part(terms, client=client), REALM, service, KDC_KEY, 1, CONFOUNDER).encode())


def open_tgt(closed: Ticket) -> OpenTicket:
    """Open what `ticket` made."""
    return open(closed, KDC_KEY)


@dataclass(frozen=True)
class Shown:
    """How a test's client shows its ticket."""

    client: PrincipalName = ALICE
    realm: str = REALM
    at: float = NOW
    subkey: Key | None = SUBKEY
    cksum: CheckSum | None = None
    data: tuple[AuthData, ...] = ()
    session: Key = SESSION

    @property
    def authenticator(self) -> Authenticator:
        """The authenticator of it."""
        subkey = None if self.subkey is None else wire_key(self.subkey)
        return Authenticator(self.realm, self.client, self.cksum, 250_000, int(self.at), subkey, 7, self.data)


def ap_req(shown: Shown = Shown(), terms: Terms = Terms(), usage: int = Usage.AP_REQ_AUTHENTICATOR) -> bytes:
    """Return an AP-REQ with a ticket to the KDC."""
    return request(ticket(terms), shown.session, shown.authenticator, usage, CONFOUNDER)


def header(shown: Shown = Shown(), terms: Terms = Terms()) -> Verified:
    """Return the verified header of a TGS-REQ."""
    octets = ApReq.decode(ap_req(shown, terms, Usage.TGS_REQ_AUTHENTICATOR))
    return open_request(octets, open_tgt(octets.ticket), Usage.TGS_REQ_AUTHENTICATOR, NOW, SKEW)


def as_req(*padata: PaData, body: KdcReqBody = BODY) -> KdcReq:
    """Return an AS-REQ as it was received."""
    return KdcReq.decode(KdcReq(AS_REQ, padata, body).encode())


def tgs_req(*padata: PaData, body: KdcReqBody = BODY) -> KdcReq:
    """Return a TGS-REQ as it was received."""
    return KdcReq.decode(KdcReq(TGS_REQ, padata, body).encode())
