"""The side that is asked: one conversation from the first token to a context.  RFC 2743 §2.2.2

A client may speak Kerberos at once, or negotiate first.  NTLM and all other
mechanisms are refused by name.  After a refusal, and when the context is there,
a conversation is over.  A token without shape is a DEFECTIVE_TOKEN.
"""

from __future__ import annotations

from bossa.gss import tokens
from bossa.gss.accept import Service, accept
from bossa.gss.bindings import ChannelBindings
from bossa.gss.context import Accepted, Step
from bossa.gss.errors import GssError, Major
from bossa.gss.negotiation import Answering
from bossa.wire import WireError

_NTLM = b"NTLMSSP\0"


class Acceptor:
    """One client's conversation with a service; ``bindings`` are of the channel that it runs over."""

    def __init__(self, service: Service, *, bindings: ChannelBindings | None = None) -> None:
        self._service = service
        self._bindings = bindings
        self._negotiation: Answering | None = None
        self._over = False

    def step(self, token: bytes, now: float) -> Step:
        """Take the peer's next token; ``now`` is in seconds since 1970.  Raises GssError, whose token is the peer's."""
        if self._over:
            raise GssError(Major.NO_CONTEXT, "the conversation is over")
        self._over = True
        try:
            if self._negotiation is None:
                step = self._first(token, now)
            else:
                step = self._negotiation.next(token, now)
        except WireError as e:
            raise GssError(Major.DEFECTIVE_TOKEN, str(e)) from e
        self._over = step.context is not None
        return step

    def _first(self, token: bytes, now: float) -> Step:
        if token.startswith(_NTLM):
            raise GssError(Major.BAD_MECH, "NTLM")
        mechanism, inner = tokens.unframe(token)
        if mechanism == tokens.SPNEGO:
            self._negotiation = Answering(self._accept)
            return self._negotiation.first(inner, now)
        return Step(*self._accept(mechanism, inner, now))

    def _accept(self, mechanism: bytes, inner: bytes, now: float) -> Accepted:
        if mechanism not in tokens.KERBEROS:
            raise GssError(Major.BAD_MECH, tokens.name(mechanism))
        return accept(self._service, mechanism, inner, now, self._bindings)
