"""How two peers come to a mechanism, and make sure that nobody else chose it.  RFC 4178 §3, §4.2, §5

There is one mechanism, under two names.  If the initiator's first choice is
taken, both may leave the MICs over its list away; otherwise, and when one side
sends its own, both are due.  Who sent its MIC before the peer's came has no
more to say.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from bossa.gss import tokens
from bossa.gss.context import Accepted, Context, Step
from bossa.gss.errors import GssError, Major
from bossa.gss.spnego import NegState, NegTokenInit, NegTokenResp, decode_init, offer
from bossa.wire import WireError

# A step of the mechanism's own acceptor: mechanism, inner token, now.
Accept = Callable[[bytes, bytes, float], Accepted]


class Answering:
    """The acceptor's side of one negotiation."""

    def __init__(self, accept: Accept) -> None:
        self._accept = accept
        self._list = b""
        self._mic_due = False
        # Named in our first word only.
        self._chosen: bytes | None = None
        self._context: Context | None = None

    def first(self, inner: bytes, now: float) -> Step:
        """Answer the offer; raises GssError or WireError."""
        init = decode_init(inner)
        offered = init.mechanisms
        self._list = init.list_raw
        self._chosen = next((one for one in offered if one in tokens.KERBEROS), None)
        if self._chosen is None:
            reject = NegTokenResp(NegState.REJECT).encode()
            raise GssError(Major.BAD_MECH, "only " + ", ".join(map(tokens.name, offered)), token=reject)
        self._mic_due = self._chosen != offered[0]
        if self._mic_due or init.token is None:
            return self._say(NegState.REQUEST_MIC if self._mic_due else NegState.ACCEPT_INCOMPLETE)
        return self._establish(init.token, init.mic or init.mic_after_hints, now)

    def next(self, token: bytes, now: float) -> Step:
        """Take the initiator's next word; raises GssError or WireError."""
        said = NegTokenResp.decode(token)
        if said.state == NegState.REJECT:
            raise GssError(Major.FAILURE, "the initiator rejects the mechanism")
        if self._context is not None:
            if said.mic is None:
                raise WireError("no MIC where it is due")
            self._verify(self._context, said.mic)
            return Step(b"", self._context)
        if said.token is None:
            raise WireError("no token of the mechanism")
        return self._establish(said.token, said.mic, now)

    def _establish(self, token: bytes, mic: bytes | None, now: float) -> Step:
        """Give the mechanism its token, and settle the MICs."""
        try:
            reply, context = self._accept(*tokens.unframe(token), now)
        except GssError as refused:
            said = NegTokenResp(NegState.REJECT, self._chosen, refused.token or None)
            raise GssError(refused.major, refused.reason, token=said.encode()) from refused
        if mic is not None:
            self._verify(context, mic)
            return self._say(NegState.ACCEPT_COMPLETED, reply, context, mic=context.get_mic(self._list))
        if self._mic_due:
            self._context = context
            return self._say(NegState.ACCEPT_INCOMPLETE, reply, mic=context.get_mic(self._list))
        return self._say(NegState.ACCEPT_COMPLETED, reply, context)

    def _verify(self, context: Context, mic: bytes) -> None:
        try:
            context.verify_mic(self._list, mic)
        except GssError as wrong:
            reject = NegTokenResp(NegState.REJECT).encode()
            raise GssError(wrong.major, f"the list of mechanisms: {wrong.reason}", token=reject) from wrong

    def _say(
        self, state: NegState, token: bytes = b"", context: Context | None = None, *, mic: bytes | None = None
    ) -> Step:
        said = NegTokenResp(state, self._chosen, token or None, mic)
        self._chosen = None
        return Step(said.encode(), context)


class Mechanism(Protocol):
    """The initiator of the mechanism that is offered."""

    def step(self, token: bytes | None, now: float) -> Step:
        """Give the next token; raises GssError or WireError."""
        ...


class Asking:
    """The initiator's side of one negotiation, with one mechanism to offer."""

    def __init__(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._init: NegTokenInit | None = None
        self._context: Context | None = None
        self._mic_verified = False
        self._mic_sent = False

    def step(self, token: bytes | None, now: float) -> Step:
        """Make the offer, then take the acceptor's words; raises GssError or WireError."""
        if self._init is None:
            first, self._context = self._mechanism.step(None, now)
            self._init = offer((tokens.KRB5,), first)
            return Step(tokens.frame(tokens.SPNEGO, self._init.encode()), None)
        return self._hear(NegTokenResp.decode(token or b""), self._init.list_raw, now)

    def _hear(self, said: NegTokenResp, offered: bytes, now: float) -> Step:
        if said.mechanism not in (None, tokens.KRB5):
            raise GssError(Major.BAD_MECH, f"{tokens.name(said.mechanism or b'')} was not offered")
        # A refusal's token is the mechanism's own word on why.
        if said.token is not None and self._context is None:
            _, self._context = self._mechanism.step(said.token, now)
        if said.state == NegState.REJECT:
            raise GssError(Major.FAILURE, "the acceptor rejects")
        if self._context is None:
            raise WireError("no token of the mechanism")
        if said.mic is not None:
            self._context.verify_mic(offered, said.mic)
            self._mic_verified = True
        return self._settle(said, self._context, offered)

    def _settle(self, said: NegTokenResp, context: Context, offered: bytes) -> Step:
        """Send our MIC where the acceptor sent or wants one, and say whether that is all."""
        if said.state == NegState.ACCEPT_COMPLETED:
            return Step(b"", context)
        if self._mic_sent:
            raise WireError("the acceptor has no end")
        self._mic_sent = True
        state = NegState.ACCEPT_COMPLETED if self._mic_verified else NegState.ACCEPT_INCOMPLETE
        word = NegTokenResp(state, mic=context.get_mic(offered)).encode()
        return Step(word, context if self._mic_verified else None)
