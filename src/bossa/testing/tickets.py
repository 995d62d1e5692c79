"""Requests to a KDC made by hand, so that each part can be what no honest client sends, and what comes back.

RFC 4120 §5.4 and §5.5.  Nothing here checks what a client should check.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from bossa.crypto.enctypes import Enctype, Key, string_to_key
from bossa.krb import ap
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.messages import (
    AS_REQ,
    TGS_REQ,
    Authenticator,
    CheckSum,
    EncKdcRepPart,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    PaData,
    Ticket,
    decode_padata,
    find_padata,
)
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.padata import PaEncTsEnc, PaType, decode_etype_info2
from bossa.krb.ticket import held_key, lock, unlock
from bossa.krb.usages import Usage
from bossa.testing.kerberos import ADDRESS

HOUR = 3600
_TIMEOUT_SECONDS = 10.0
_ERROR_TAG = 0x7E

Proof = Callable[[Authenticator], Authenticator]


class Refused(Exception):
    """The KDC said no; ``code`` is its word."""

    def __init__(self, error: KrbError) -> None:
        super().__init__(f"{KrbCode(error.error_code).name}: {error.e_text}")
        self.error = error
        self.code = KrbCode(error.error_code)


@dataclass(frozen=True, slots=True)
class Held:
    """A ticket and what its client knows of it."""

    crealm: str
    client: PrincipalName
    ticket: Ticket
    session: Key
    part: EncKdcRepPart
    padata: tuple[PaData, ...] = ()

    def with_ticket(self, ticket: Ticket) -> Held:
        """Return the same knowledge of another ticket."""
        return replace(self, ticket=ticket)


@dataclass(frozen=True, slots=True)
class Kdc:
    """A realm's KDC at a port of the loopback address."""

    realm: str
    port: int

    def exchange(self, message: bytes, *, udp: bool = False, timeout: float = _TIMEOUT_SECONDS) -> bytes:
        """Send octets and return those that come back; raises TimeoutError."""
        if not udp:
            return self._stream(message, timeout)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(timeout)
            client.sendto(message, (ADDRESS, self.port))
            return client.recv(65535)

    def _stream(self, message: bytes, timeout: float) -> bytes:
        """Four octets of length before each message.  RFC 4120 §7.2.2"""
        with socket.create_connection((ADDRESS, self.port), timeout) as client:
            client.sendall(len(message).to_bytes(4, "big") + message)
            with client.makefile("rb") as stream:
                return stream.read(int.from_bytes(stream.read(4), "big"))

    def ask(self, message: bytes, *, udp: bool = False) -> KdcRep:
        """Send a request and return the reply; raises Refused."""
        reply = self.exchange(message, udp=udp)
        if reply[:1] == bytes((_ERROR_TAG,)):
            raise Refused(KrbError.decode(reply))
        return KdcRep.decode(reply)

    def password_key(self, name: str, password: str, enctype: int = Enctype.AES256_SHA1) -> Key:
        """Return the key of a password with the salt that the KDC tells.  RFC 4120 §5.2.7.5"""
        try:
            self.ask(as_request(self.realm, PrincipalName.parse(name), etypes=(enctype,)))
        except Refused as refused:
            offered = find_padata(decode_padata(refused.error.e_data or b"0\0"), PaType.ETYPE_INFO2)
            if offered is None:
                raise
            (entry, *_) = decode_etype_info2(offered)
            return string_to_key(enctype, password.encode(), (entry.salt or "").encode())
        raise AssertionError(f"{name} needs no preauthentication")

    def sign_in(self, name: str, key: Key, *, options: int = int(KdcOptions.FORWARDABLE), etype: int = 0) -> Held:
        """Get a ticket-granting ticket with an encrypted timestamp; ``etype`` is that of the session key."""
        padata = (timestamp(key, time.time()),)
        etypes = (etype or key.enctype, key.enctype)
        return opened(
            self.ask(as_request(self.realm, PrincipalName.parse(name), padata, options=options, etypes=etypes)),
            key,
            Usage.AS_REP,
        )

    def ticket(self, held: Held, service: str, *padata: PaData, **changes: object) -> Held:
        """Get a ticket for a service; ``changes`` are fields of the request's body."""
        reply = self.ask(tgs_request(held, body(self.realm, service, **changes), padata))
        return opened(reply, held.session, Usage.TGS_REP_SESSION)


def timestamp(key: Key, now: float) -> PaData:
    """Prove a key by the time.  RFC 4120 §5.2.7.2"""
    plain = PaEncTsEnc(int(now), int(now % 1 * 1e6)).encode()
    return PaData(PaType.ENC_TIMESTAMP, lock(key, Usage.PA_ENC_TIMESTAMP, plain, os.urandom(16)).encode())


def body(realm: str, service: str, **changes: object) -> KdcReqBody:
    """Return a request's body: a forwardable ticket for an hour, unless ``changes`` say otherwise."""
    plain = KdcReqBody(
        kdc_options=int(KdcOptions.FORWARDABLE),
        cname=None,
        realm=realm,
        sname=PrincipalName.parse(service, NameType.SRV_INST),
        from_=None,
        till=int(time.time()) + HOUR,
        rtime=None,
        nonce=int.from_bytes(os.urandom(4), "big") >> 1,
        etypes=(Enctype.AES256_SHA1, Enctype.AES128_SHA1),
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def as_request(
    realm: str,
    client: PrincipalName,
    padata: Sequence[PaData] = (),
    *,
    options: int = int(KdcOptions.FORWARDABLE),
    etypes: tuple[int, ...] = (Enctype.AES256_SHA1,),
) -> bytes:
    """Write an AS-REQ for a ticket-granting ticket.  RFC 4120 §5.4.1"""
    asked = body(realm, krbtgt(realm).text, cname=client, kdc_options=options, etypes=etypes)
    return KdcReq(AS_REQ, tuple(padata), asked).encode()


def tgs_request(
    held: Held, asked: KdcReqBody, padata: Sequence[PaData] = (), *, proof: Proof = lambda made: made
) -> bytes:
    """Write a TGS-REQ that shows a ticket; ``proof`` may change the authenticator.  RFC 4120 §3.3.2, §5.4.1"""
    now = time.time()
    summed = held.session.checksum(Usage.TGS_REQ_CHECKSUM, asked.encode())
    made = Authenticator(
        held.crealm, held.client, CheckSum(held.session.checksum_type, summed), int(now % 1 * 1e6), int(now)
    )
    shown = ap.request(held.ticket, held.session, proof(made), Usage.TGS_REQ_AUTHENTICATOR, os.urandom(16))
    return KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, shown), *padata), asked).encode()


def opened(reply: KdcRep, key: Key, usage: int) -> Held:
    """Read a reply with the key that its enc-part is under; raises BadIntegrity.  RFC 4120 §3.1.5, §3.3.4"""
    part = EncKdcRepPart.decode(unlock(key, usage, reply.enc_part))
    return Held(reply.crealm, reply.cname, reply.ticket, held_key(part.key), part, reply.padata)
