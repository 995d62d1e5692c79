"""Requests inside an armor, as the KDC takes them off and puts its replies in.

RFC 6113 §5.4: of an armored request only what is inside counts, body and
preauthentication data both; the outer body serves the checksum alone.
The armor of an AS-REQ is a ticket of another principal (§5.4.1.1), that
of a TGS-REQ its own header ticket with the subkey (§5.4.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.ap import Verified, open_request
from bossa.krb.armor import AD_FAST_ARMOR, AD_FAST_USED, ARMOR_AP_REQUEST, armor_key
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import CRITICAL_FAST_OPTIONS, FastOptions
from bossa.krb.messages import (
    AS_REQ,
    ApReq,
    AuthData,
    CheckSum,
    KdcReq,
    KrbError,
    PaData,
    Ticket,
    encode_padata,
    find_padata,
)
from bossa.krb.names import ANONYMOUS, ANONYMOUS_REALM, PrincipalName
from bossa.krb.padata import (
    KrbFastArmor,
    KrbFastArmoredRep,
    KrbFastArmoredReq,
    KrbFastFinished,
    KrbFastReq,
    KrbFastResponse,
    PaType,
)
from bossa.krb.ticket import OpenTicket, lock, unlock, wire_key
from bossa.krb.usages import Usage

_HIDE = int(FastOptions.HIDE_CLIENT_NAMES)
# RFC 6113 §5.2: no mechanism of ours keeps a state between two requests, so every cookie is this one.
COOKIE = PaData(PaType.FX_COOKIE, b"bossa")


@dataclass(frozen=True, slots=True)
class Armored:
    """A request taken out of its armor: what was inside, and the key to answer with.  RFC 6113 §5.4.2"""

    req: KdcReq
    armor_key: Key
    options: int

    @property
    def hide_client(self) -> bool:
        """Whether replies name the client only inside the armor.  RFC 6113 §5.4.2"""
        return bool(self.options & _HIDE)

    def shown(self, crealm: str, cname: PrincipalName) -> tuple[str, PrincipalName]:
        """The client's realm and name as the reply outside the armor bears them."""
        return (ANONYMOUS_REALM, ANONYMOUS) if self.hide_client else (crealm, cname)


def unwrap(
    req: KdcReq, open_tgt: Callable[[Ticket], OpenTicket], header: Verified | None, now: float, skew: float
) -> Armored | None:
    """Take a request out of its armor; None when it has none.  RFC 6113 §5.4.2

    ``header`` is the verified PA-TGS-REQ of a TGS-REQ.  ``open_tgt`` opens tickets to our krbtgt only.
    Raises KdcError or WireError.
    """
    value = find_padata(req.padata, PaType.FX_FAST)
    if header is not None:
        _check_header(header, armored=value is not None)
    if value is None:
        return None
    outer = KrbFastArmoredReq.decode(value)
    if req.msg_type == AS_REQ or header is None:
        key = _explicit(outer.armor, open_tgt, now, skew)
    else:
        key = _implicit(outer.armor, header)
    _verify(key, outer.req_checksum, _covered(req))
    return _inside(req, key, outer)


def _holds(items: Iterable[AuthData], type: int) -> bool:
    """Whether authorization data of ``type`` is among the elements."""
    return any(item.type == type for item in items)


def _check_header(header: Verified, *, armored: bool) -> None:
    """Refuse a header that is for armor only, or that had an armor somebody took off.  RFC 6113 §5.4.2"""
    items = header.ticket.part.authorization_data + header.authenticator.authorization_data
    if _holds(items, AD_FAST_ARMOR):
        raise KdcError(KrbCode.BAD_INTEGRITY, "the header is for use as armor only")
    if not armored and _holds(items, AD_FAST_USED):
        raise KdcError(KrbCode.MODIFIED, "the request was armored when the client sent it")


def _explicit(armor: KrbFastArmor | None, open_tgt: Callable[[Ticket], OpenTicket], now: float, skew: float) -> Key:
    """The key of an armor that comes with the request.  RFC 6113 §5.4.1.1"""
    if armor is None or armor.armor_type != ARMOR_AP_REQUEST:
        raise KdcError(KrbCode.PREAUTH_FAILED, "the armor is not an AP-REQ")
    ap_req = ApReq.decode(armor.armor_value)
    shown = open_request(ap_req, open_tgt(ap_req.ticket), Usage.AP_REQ_AUTHENTICATOR, now, skew)
    if shown.subkey is None:
        raise KdcError(KrbCode.PREAUTH_FAILED, "the armor has no subkey")
    return armor_key(shown.subkey, shown.session)


def _implicit(armor: KrbFastArmor | None, header: Verified) -> Key:
    """The key of the armor that a TGS-REQ's own header is.  RFC 6113 §5.4.2"""
    if armor is not None:
        raise KdcError(KrbCode.PREAUTH_FAILED, "a TGS-REQ brings no armor besides its header")
    if header.subkey is None:
        raise KdcError(KrbCode.PREAUTH_FAILED, "the header has no subkey to armor the request")
    return armor_key(header.subkey, header.session)


def _covered(req: KdcReq) -> bytes:
    """What the request's checksum runs over: the outer body, or the header.  RFC 6113 §5.4.2"""
    if req.msg_type == AS_REQ:
        return req.body.encode()
    return find_padata(req.padata, PaType.TGS_REQ) or b""


def _verify(key: Key, cksum: CheckSum, covered: bytes) -> None:
    """Verify a request's checksum, which has to be of the armor key's own type.  RFC 6113 §5.4.2"""
    if cksum.type != key.checksum_type:
        raise KdcError(KrbCode.INAPP_CKSUM, f"the armored request's checksum is of type {cksum.type}")
    if not key.verify(Usage.FAST_REQ_CHECKSUM, covered, cksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the armored request's checksum does not match")


def _inside(req: KdcReq, key: Key, outer: KrbFastArmoredReq) -> Armored:
    """Decrypt the request inside; refuse options that are critical and unknown.  RFC 6113 §5.4.2"""
    try:
        inner = KrbFastReq.decode(unlock(key, Usage.FAST_REQ, outer.enc_fast_req))
    except BadIntegrity:
        raise KdcError(KrbCode.BAD_INTEGRITY, "the armored request is not under the armor key") from None
    if inner.fast_options & CRITICAL_FAST_OPTIONS & ~_HIDE:
        raise KdcError(KrbCode.UNKNOWN_CRITICAL_FAST_OPTIONS, f"FAST options {inner.fast_options:#010x}")
    return Armored(KdcReq(req.msg_type, inner.padata, inner.req_body), key, inner.fast_options)


def finish(armored: Armored, crealm: str, cname: PrincipalName, ticket: bytes, now: float) -> KrbFastFinished:
    """Bind client and ticket of a successful reply to the armor.  RFC 6113 §5.4.3"""
    key = armored.armor_key
    seconds = int(now)
    cksum = CheckSum(key.checksum_type, key.checksum(Usage.FAST_FINISHED, ticket))
    return KrbFastFinished(seconds, int((now - seconds) * 1_000_000), crealm, cname, cksum)


def wrap_reply(
    armored: Armored,
    padata: tuple[PaData, ...],
    strengthen: Key | None,
    finished: KrbFastFinished | None,
    confounder: bytes,
) -> PaData:
    """The PA-FX-FAST of a reply: its real preauthentication data and the strengthen key.  RFC 6113 §5.4.3

    The reply's encrypted part is then under :func:`bossa.krb.armor.strengthened`.
    """
    key = None if strengthen is None else wire_key(strengthen)
    inside = KrbFastResponse(padata, key, finished, armored.req.body.nonce)
    locked = lock(armored.armor_key, Usage.FAST_REP, inside.encode(), confounder)
    return PaData(PaType.FX_FAST, KrbFastArmoredRep(locked).encode())


def wrap_error(armored: Armored, error: KrbError, padata: tuple[PaData, ...], confounder: bytes) -> bytes:
    """The KRB-ERROR of an armored request: the true one and its METHOD-DATA are inside.  RFC 6113 §5.4.4"""
    inner = replace(error, e_data=None).encode()
    inside = wrap_reply(armored, (*padata, PaData(PaType.FX_ERROR, inner)), None, None, confounder)
    outer = replace(error, e_data=encode_padata((inside,)))
    if armored.hide_client and outer.cname is not None:
        outer = replace(outer, cname=ANONYMOUS, crealm=ANONYMOUS_REALM)
    return outer.encode()
