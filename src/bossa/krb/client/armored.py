"""The client's side of armored exchanges.

RFC 6113 §5.4: what is inside is what is meant, in both directions; of a
reply to an armored request nothing outside the armor is believed.
"""

from __future__ import annotations

from dataclasses import dataclass

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.ap import request
from bossa.krb.armor import ARMOR_AP_REQUEST, armor_key
from bossa.krb.client.ask import KdcSaid, Setting
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import (
    Authenticator,
    CheckSum,
    KdcRep,
    KdcReqBody,
    KrbError,
    PaData,
    decode_padata,
    find_padata,
)
from bossa.krb.padata import (
    KrbFastArmor,
    KrbFastArmoredRep,
    KrbFastArmoredReq,
    KrbFastReq,
    KrbFastResponse,
    PaType,
)
from bossa.krb.ticket import lock, unlock, wire_key
from bossa.krb.usages import Usage
from bossa.wire import WireError


@dataclass(frozen=True, slots=True)
class Armor:
    """The armor key, and what lets the KDC compute it; None where the header of a TGS-REQ does."""

    key: Key
    proof: KrbFastArmor | None = None


def make_armor(tgt: Credential, setting: Setting) -> Armor:
    """Make an armor of a ticket-granting ticket, fresh for one conversation.  RFC 6113 §5.4.1.1"""
    session = tgt.session
    subkey = setting.key(session.enctype)
    shown = Authenticator(tgt.realm, tgt.client, None, setting.microseconds, setting.seconds, wire_key(subkey))
    ap_req = request(tgt.open_ticket(), session, shown, Usage.AP_REQ_AUTHENTICATOR, setting.confounder())
    return Armor(armor_key(subkey, session), KrbFastArmor(ARMOR_AP_REQUEST, ap_req))


def arm(armor: Armor, body: KdcReqBody, padata: tuple[PaData, ...], covered: bytes, setting: Setting) -> PaData:
    """Put a request into its armor; ``covered`` is the outer body or the header's AP-REQ.  RFC 6113 §5.4.2"""
    key = armor.key
    cksum = CheckSum(key.checksum_type, key.checksum(Usage.FAST_REQ_CHECKSUM, covered))
    inner = KrbFastReq(0, padata, body).encode()
    locked = lock(key, Usage.FAST_REQ, inner, setting.confounder())
    return PaData(PaType.FX_FAST, KrbFastArmoredReq(armor.proof, cksum, locked).encode())


def open_response(armor: Armor, padata: tuple[PaData, ...], nonce: int) -> KrbFastResponse:
    """Read what is inside a reply's armor; raises KdcError or WireError.  RFC 6113 §5.4.3"""
    value = find_padata(padata, PaType.FX_FAST)
    if value is None:
        raise KdcError(KrbCode.MODIFIED, "the reply to an armored request has no armor")
    try:
        raw = unlock(armor.key, Usage.FAST_REP, KrbFastArmoredRep.decode(value).enc_fast_rep)
    except BadIntegrity:
        raise KdcError(KrbCode.MODIFIED, "the reply's armor is under another key") from None
    response = KrbFastResponse.decode(raw)
    if response.nonce != nonce:
        raise KdcError(KrbCode.MODIFIED, "the armor answers another request")
    return response


def check_finished(armor: Armor, response: KrbFastResponse, rep: KdcRep) -> KdcRep:
    """Verify that ticket and client are those that the KDC meant; the reply with the true client.  RFC 6113 §5.4.3"""
    finished = response.finished
    if finished is None:
        raise KdcError(KrbCode.MODIFIED, "the armored reply is not finished")
    cksum, key = finished.ticket_checksum, armor.key
    if cksum.type != key.checksum_type or not key.verify(Usage.FAST_FINISHED, rep.ticket.encode(), cksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the ticket is not the one that the armored reply binds")
    return KdcRep(rep.msg_type, response.padata, finished.crealm, finished.cname, rep.ticket, rep.enc_part)


def open_error(armor: Armor, error: KrbError, nonce: int) -> tuple[KrbError, tuple[PaData, ...]]:
    """The true error and its preauthentication data.  RFC 6113 §5.4.4

    A KDC that cannot open the armor says so outside it: that ends the exchange, as KdcSaid, and nothing
    that it hints at is followed.
    """
    padata = _outside(error)
    if find_padata(padata, PaType.FX_FAST) is None:
        raise KdcSaid.of(error)
    response = open_response(armor, padata, nonce)
    inner = find_padata(response.padata, PaType.FX_ERROR)
    if inner is None:
        raise KdcError(KrbCode.MODIFIED, "the armored error says nothing inside")
    return KrbError.decode(inner), response.padata


def _outside(error: KrbError) -> tuple[PaData, ...]:
    """The preauthentication data of an error, which may well hold something else."""
    try:
        return decode_padata(error.e_data or b"")
    except WireError:
        return ()
