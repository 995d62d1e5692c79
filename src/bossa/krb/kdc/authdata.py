"""What stands in a further ticket beside the PAC: what stood in the old one, and what the client adds.

RFC 4120 §5.2.6 and §3.3.3: a client may only narrow what its ticket is good
for.  What only a KDC says is dropped from its words, however deep it lies; a
word that the KDC would have to understand, and does not, refuses the ticket.
"""

from __future__ import annotations

from bossa.crypto.enctypes import BadIntegrity
from bossa.krb.ap import Verified
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import AuthData, EncryptedData, EncTicketPart, KdcReqBody, decode_authorization_data
from bossa.krb.pac.carry import AD_MANDATORY_FOR_KDC, from_client
from bossa.krb.ticket import unlock
from bossa.krb.usages import Usage


def carried(part: EncTicketPart, body: KdcReqBody, verified: Verified) -> tuple[AuthData, ...]:
    """Return what of an old ticket's part and of a request goes on, without the PAC; raises KdcError, WireError."""
    kept = from_client(part.authorization_data)
    if body.enc_authorization_data is None:
        return kept
    added = decode_authorization_data(_unlocked(body.enc_authorization_data, verified))
    if any(one.type == AD_MANDATORY_FOR_KDC for one in added):
        raise KdcError(KrbCode.POLICY, "the client's authorization data asks for what this KDC does not know")
    return kept + from_client(added)


def _unlocked(locked: EncryptedData, verified: Verified) -> bytes:
    """Decrypt what the client adds, under its subkey if it chose one.  RFC 4120 §5.4.1"""
    try:
        if verified.subkey is not None:
            return unlock(verified.subkey, Usage.TGS_REQ_AUTH_DATA_SUBKEY, locked)
        return unlock(verified.session, Usage.TGS_REQ_AUTH_DATA_SESSION, locked)
    except BadIntegrity:
        raise KdcError(KrbCode.BAD_INTEGRITY, "the client's authorization data is under another key") from None
