"""Channel bindings: what ties a context to the channel that it runs over.  RFC 2744 §3.11, RFC 4121 §4.1.1.2, RFC 5929

They travel as an MD5, whose use the specification fixes; 16 zero octets say
that the initiator gave none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from hmac import compare_digest

NONE = bytes(16)


@dataclass(frozen=True, slots=True)
class ChannelBindings:
    """What both ends know of their channel; for TLS, ``data`` is ``tls-server-end-point:`` and a hash."""

    data: bytes
    initiator_type: int = 0
    initiator: bytes = b""
    acceptor_type: int = 0
    acceptor: bytes = b""

    @property
    def digest(self) -> bytes:
        """The hash that the authenticator's checksum carries."""
        text = b"".join(
            (
                self.initiator_type.to_bytes(4, "little"),
                _counted(self.initiator),
                self.acceptor_type.to_bytes(4, "little"),
                _counted(self.acceptor),
                _counted(self.data),
            )
        )
        return hashlib.md5(text, usedforsecurity=False).digest()

    def match(self, digest: bytes) -> bool:
        """Tell in constant time whether a peer's hash is that of these bindings."""
        return compare_digest(self.digest, digest)


def _counted(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "little") + octets
