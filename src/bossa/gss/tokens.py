"""The frame of a context's first tokens, and the names of mechanisms.  RFC 2743 §3.1, RFC 4121 §4.1, RFC 4178 §3.2

``[APPLICATION 0] { OID, inner token }``.  The inner token of Kerberos begins
with two octets that say which message follows.  Raises WireError.
"""

from __future__ import annotations

from bossa.wire import WireError
from bossa.wire.der import OBJECT_IDENTIFIER, content, span, tlv

# The contents of object identifiers, by which mechanisms are compared.
KRB5 = bytes.fromhex("2a864886f712010202")
# 1.2.840.48018.1.2.2, what Windows once made of 1.2.840.113554.1.2.2, cut to 16 bits.  [MS-SPNG] 3.1.5.1
MS_KRB5 = bytes.fromhex("2a864882f712010202")
SPNEGO = bytes.fromhex("2b0601050502")
NTLM = bytes.fromhex("2b06010401823702020a")
NEGOEX = bytes.fromhex("2b06010401823702021e")

KERBEROS = (KRB5, MS_KRB5)
NAMES = {KRB5: "krb5", MS_KRB5: "ms-krb5", SPNEGO: "spnego", NTLM: "ntlm", NEGOEX: "negoex"}

AP_REQ, AP_REP, ERROR = b"\x01\x00", b"\x02\x00", b"\x03\x00"

FRAME = 0x60
LONGEST = 1 << 17


def frame(mechanism: bytes, inner: bytes) -> bytes:
    """Put an inner token into a mechanism's frame."""
    return tlv(FRAME, tlv(OBJECT_IDENTIFIER, mechanism) + inner)


def unframe(token: bytes) -> tuple[bytes, bytes]:
    """Return the mechanism and the inner token."""
    end = len(token)
    if end > LONGEST:
        raise WireError(f"token of {end} octets")
    pos = content(token, 0, end, FRAME)
    start, stop = span(token, pos, end)
    if token[pos] != OBJECT_IDENTIFIER:
        raise WireError(f"tag {token[pos]:#x} where the mechanism should be")
    return token[start:stop], token[stop:]


def name(mechanism: bytes) -> str:
    """A mechanism's name for the log."""
    return NAMES.get(mechanism, mechanism.hex())
