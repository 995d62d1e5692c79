"""What an acceptor says no with: the KRB-ERROR in its token, bare or negotiated.  RFC 4121 §4.1, RFC 4178 §4.2.2

Nothing protects it: it is a hint for people, and no proof.
"""

from __future__ import annotations

from bossa.gss import tokens
from bossa.gss.spnego import RESPONSE, NegTokenResp
from bossa.krb.messages import KrbError
from bossa.wire import WireError


def kerberos_error(token: bytes) -> KrbError | None:
    """Return the error that a token carries; None for any other token."""
    try:
        if token[:1] == bytes((RESPONSE,)):
            token = NegTokenResp.decode(token).token or b""
        _, inner = tokens.unframe(token)
        return KrbError.decode(inner[2:]) if inner.startswith(tokens.ERROR) else None
    except WireError:
        return None
