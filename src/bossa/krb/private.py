"""Private words between two who share a session.

RFC 4120 §3.5 and §5.7: under the subkey where there is one, usage 13.
"""

from __future__ import annotations

from bossa.crypto.enctypes import BadIntegrity, Key
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import EncKrbPrivPart, KrbPriv
from bossa.krb.ticket import lock, unlock
from bossa.krb.usages import Usage


def seal_private(part: EncKrbPrivPart, key: Key, confounder: bytes) -> bytes:
    """Write a KRB-PRIV.  RFC 4120 §3.5.1"""
    return KrbPriv(lock(key, Usage.KRB_PRIV, part.encode(), confounder)).encode()


def open_private(octets: bytes, key: Key) -> EncKrbPrivPart:
    """Read a KRB-PRIV; raises KdcError(MODIFIED) or WireError.  RFC 4120 §3.5.2"""
    try:
        return EncKrbPrivPart.decode(unlock(key, Usage.KRB_PRIV, KrbPriv.decode(octets).enc_part))
    except BadIntegrity:
        raise KdcError(KrbCode.MODIFIED, "the private words are under another key") from None
