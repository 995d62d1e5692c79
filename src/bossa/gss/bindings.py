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


def tls_server_end_point(certificate: bytes) -> ChannelBindings:
    """The bindings of a TLS channel, by its server's certificate (DER): a hash of it.  RFC 5929 §4.1

    Raises ValueError for octets that are no certificate, and for a signature without a hash of its own (Ed25519),
    for which nothing is specified.
    """
    # Only listeners with TLS need to load this.
    from cryptography.hazmat.primitives.hashes import MD5, SHA1
    from cryptography.x509 import load_der_x509_certificate

    algorithm = load_der_x509_certificate(certificate).signature_hash_algorithm
    if algorithm is None:
        raise ValueError("the certificate's signature has no hash to bind a channel by")
    name = "sha256" if isinstance(algorithm, MD5 | SHA1) else algorithm.name
    return ChannelBindings(b"tls-server-end-point:" + hashlib.new(name.replace("-", "_"), certificate).digest())


def _counted(octets: bytes) -> bytes:
    return len(octets).to_bytes(4, "little") + octets
