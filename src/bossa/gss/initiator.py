"""The side that asks: one conversation from a credential to a context.  RFC 2743 §2.2.1

With ``negotiate`` the tokens travel inside SPNEGO.  A token without shape is a
DEFECTIVE_TOKEN; after a refusal, and when the context is there, the
conversation is over.
"""

from __future__ import annotations

from collections.abc import Callable

from bossa.gss.context import Step
from bossa.gss.errors import GssError, Major
from bossa.gss.initiate import Initiation, Wish
from bossa.gss.negotiation import Asking, Mechanism
from bossa.krb.credential import Credential
from bossa.wire import WireError

_USUAL = Wish()


class Initiator:
    """One conversation with a service for which there is a credential."""

    def __init__(
        self,
        credential: Credential,
        random: Callable[[int], bytes],
        wish: Wish = _USUAL,
        *,
        negotiate: bool = False,
    ) -> None:
        initiation = Initiation(credential, random, wish)
        self._mechanism: Mechanism = Asking(initiation) if negotiate else initiation
        self._over = False

    def step(self, token: bytes | None, now: float) -> Step:
        """Give the first token (to None), then take the peer's; ``now`` is in seconds since 1970.  Raises GssError."""
        if self._over:
            raise GssError(Major.NO_CONTEXT, "the conversation is over")
        self._over = True
        try:
            step = self._mechanism.step(token, now)
        except WireError as e:
            raise GssError(Major.DEFECTIVE_TOKEN, str(e)) from e
        self._over = step.context is not None
        return step
