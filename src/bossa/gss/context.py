"""An established context: who is at the other end, what was agreed, and the protection of messages.  RFC 2743 §1.1.3

The client's name is out of the ticket, so the KDC vouches for it.  A context
has no clock: who uses it past ``expires`` decides so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bossa.gss.flags import ContextFlags
from bossa.gss.protection import Protection, Unwrapped
from bossa.krb.messages import AuthData

if TYPE_CHECKING:
    from bossa.directory.sid import Sid
    from bossa.krb.credential import Credential
    from bossa.krb.pac.content import PacContent


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a verified PAC says of the client.  [MS-PAC]"""

    sids: tuple[Sid, ...]
    content: PacContent = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A context that both ends have; ``expires`` is when the ticket does, in seconds since 1970.

    ``client`` and ``server`` are names without their realms as people write them; ``server`` is the client's word
    among the names that share a key.  ``delegated`` is the client's own credential, to act for it everywhere.
    """

    mechanism: bytes
    client: str
    realm: str
    server: str
    server_realm: str
    flags: ContextFlags
    expires: int
    initiated: bool
    protection: Protection = field(repr=False)
    channel_bound: bool = False
    delegated: Credential | None = None
    authorization: Authorization | None = None
    authorization_data: tuple[AuthData, ...] = field(default=(), repr=False)

    @property
    def principal(self) -> str:
        """The client's name with its realm."""
        return f"{self.client}@{self.realm}"

    @property
    def session_key(self) -> bytes:
        """The context's key: the acceptor's subkey, else the initiator's, else the ticket's."""
        return self.protection.key.octets

    @property
    def enctype(self) -> int:
        """The type of the context's key."""
        return self.protection.key.enctype

    def get_mic(self, data: bytes) -> bytes:
        """Sign a message that travels apart.  RFC 2743 §2.3.1"""
        return self.protection.get_mic(data)

    def verify_mic(self, data: bytes, token: bytes) -> None:
        """Verify the peer's signature; raises GssError.  RFC 2743 §2.3.2"""
        self.protection.verify_mic(data, token)

    def wrap(self, data: bytes, *, sealed: bool = True) -> bytes:
        """Put a message into a token, encrypted or only signed.  RFC 2743 §2.3.3"""
        return self.protection.wrap(data, sealed=sealed)

    def unwrap(self, token: bytes) -> Unwrapped:
        """Take the peer's message out of its token; raises GssError.  RFC 2743 §2.3.4"""
        return self.protection.unwrap(token)


class Step(NamedTuple):
    """Our token for the peer, empty where none is due, and the context once we have it.  RFC 2743 §2.2"""

    token: bytes
    context: Context | None


class Accepted(NamedTuple):
    """A mechanism's token for the peer, empty where none is due, and the context it accepted."""

    token: bytes
    context: Context
