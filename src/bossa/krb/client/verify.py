"""Whether a KDC's reply is the one that was asked for.

RFC 4120 §3.1.5 and §3.3.4, RFC 6806 §6 and §11.  Only the encrypted part
is proof: client names that differ from what was asked need the checksum
over the request or an armor's finish besides.
"""

from __future__ import annotations

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.client.ask import Setting
from bossa.krb.credential import Credential, Times
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.messages import (
    CheckSum,
    EncKdcRepPart,
    EncryptionKey,
    KdcRep,
    KdcReqBody,
    KrbError,
    find_padata,
)
from bossa.krb.padata import PaType
from bossa.krb.ticket import held_key, unlock
from bossa.krb.usages import Usage

_ENC_PA_REP = int(TicketFlags.ENC_PA_REP)
_RENEW = int(KdcOptions.RENEW)
_ERROR_TAG = b"\x7e"


def read(octets: bytes, msg_type: int) -> KdcRep | KrbError:
    """Read a reply of ``msg_type``, or the error instead; raises WireError."""
    if octets[:1] == _ERROR_TAG:
        return KrbError.decode(octets)
    rep = KdcRep.decode(octets)
    if rep.msg_type != msg_type:
        raise KdcError(KrbCode.MSG_TYPE, f"the reply is a message of type {rep.msg_type}")
    return rep


def told_key(key: EncryptionKey) -> Key:
    """The key that a KDC or server chose, if it is of a type that we have."""
    try:
        return held_key(key)
    except ValueError:
        raise KdcError(KrbCode.ETYPE_NOSUPP, f"key of type {key.etype}") from None


def open_part(rep: KdcRep, key: Key, usage: int, body: KdcReqBody, setting: Setting) -> EncKdcRepPart:
    """Decrypt a reply's part and verify what every reply must hold.  RFC 4120 §3.1.5"""
    try:
        part = EncKdcRepPart.decode(unlock(key, usage, rep.enc_part))
    except BadIntegrity:
        raise KdcError(KrbCode.BAD_INTEGRITY, "the reply is under another key") from None
    if part.nonce != body.nonce:
        raise KdcError(KrbCode.MODIFIED, "the reply answers another request")
    if (part.srealm, part.sname.parts) != (rep.ticket.realm, rep.ticket.sname.parts):
        raise KdcError(KrbCode.MODIFIED, "the ticket is for another service than the reply says")
    _check_times(part, body, setting)
    return part


def _check_times(part: EncKdcRepPart, body: KdcReqBody, setting: Setting) -> None:
    """The ticket must have begun, unless a later start was asked for, and end when asked at the latest.

    A renewed ticket is good for as long as the old one was, whatever is asked (RFC 4120 §3.3.3).
    """
    start = part.authtime if part.starttime is None else part.starttime
    if body.from_ is None and start > setting.now + setting.skew:
        raise KdcError(KrbCode.SKEW, "the ticket begins after this clock's time")
    if body.till and part.endtime > body.till and not body.kdc_options & _RENEW:
        raise KdcError(KrbCode.MODIFIED, "the ticket lasts longer than was asked")


def check_request_seen(part: EncKdcRepPart, key: Key, asked: bytes) -> bool:
    """Verify the KDC's checksum over our request, where it says that it made one.  RFC 6806 §11"""
    if not part.flags & _ENC_PA_REP:
        return False
    value = find_padata(part.encrypted_pa_data, PaType.REQ_ENC_PA_REP)
    cksum = None if value is None else CheckSum.decode(value)
    if cksum is None or cksum.type != key.checksum_type:
        raise KdcError(KrbCode.MODIFIED, "the reply lacks the checksum of the request")
    if not key.verify(Usage.AS_REQ_CHECKSUM, asked, cksum.octets):
        raise KdcError(KrbCode.MODIFIED, "the KDC saw another request than was sent")
    return True


def credential(rep: KdcRep, part: EncKdcRepPart) -> Credential:
    """What the client keeps of a verified reply."""
    start = part.authtime if part.starttime is None else part.starttime
    times = Times(part.authtime, start, part.endtime, part.renew_till or 0)
    return Credential(rep.cname, rep.crealm, part.sname, part.srealm, rep.ticket.encode(), part.key, part.flags, times)
