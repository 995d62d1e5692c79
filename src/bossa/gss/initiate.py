"""The AP-REQ by which a context is asked for, and the proof that came back.  RFC 4121 §4.1, RFC 4120 §3.2.2, §3.2.5

The initiator always gives a subkey.  Without mutual authentication the context
is there with the first token; with it, when the AP-REP has shown that the
service could read our request.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from bossa.crypto.enctypes import Key, random_key
from bossa.gss import delegation, tokens
from bossa.gss.bindings import NONE, ChannelBindings
from bossa.gss.checksum import CHECKSUM_TYPE, ContextRequest
from bossa.gss.context import Context, Step
from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.protection import ACCEPTOR_SUBKEY, SEQUENCE_MASK, Protection
from bossa.gss.sequence import Window
from bossa.krb import ap
from bossa.krb.credential import Credential
from bossa.krb.errors import KdcError
from bossa.krb.flags import ApOptions
from bossa.krb.messages import Authenticator, CheckSum, KrbError, Ticket
from bossa.krb.ticket import held_key, wire_key
from bossa.krb.usages import Usage
from bossa.wire import WireError

USUAL = ContextFlags.MUTUAL | ContextFlags.REPLAY | ContextFlags.SEQUENCE | ContextFlags.CONF | ContextFlags.INTEG


@dataclass(frozen=True, slots=True)
class Wish:
    """What an initiator wants of a context; ``delegate`` is a forwarded ticket-granting ticket to hand on."""

    flags: ContextFlags = USUAL
    bindings: ChannelBindings | None = None
    delegate: Credential | None = None


class _Asked(NamedTuple):
    """What we have asked with, to compare the answer with."""

    session: Key
    subkey: Key
    authenticator: Authenticator
    flags: ContextFlags


class Initiation:
    """One context asked for with one credential."""

    def __init__(self, credential: Credential, random: Callable[[int], bytes], wish: Wish) -> None:
        self._credential = credential
        self._random = random
        self._wish = wish
        self._asked: _Asked | None = None

    def step(self, token: bytes | None, now: float) -> Step:
        """Give the first token, then take the acceptor's; raises GssError or WireError."""
        if self._asked is None:
            return self._ask(now)
        return Step(b"", self._hear(self._asked, token or b""))

    def _ask(self, now: float) -> Step:
        ticket, session = _shown(self._credential)
        asked = self._asked = self._make(session, now)
        mutual = bool(asked.flags & ContextFlags.MUTUAL)
        request = ap.request(
            ticket,
            session,
            asked.authenticator,
            Usage.AP_REQ_AUTHENTICATOR,
            self._random(16),
            options=ApOptions.MUTUAL_REQUIRED if mutual else 0,
        )
        token = tokens.frame(tokens.KRB5, tokens.AP_REQ + request)
        return Step(token, None if mutual else self._context(asked, asked.subkey, None, 0))

    def _make(self, session: Key, now: float) -> _Asked:
        """Settle the session's keys, the flags and the authenticator.  RFC 4121 §4.1.1"""
        credential, wish = self._credential, self._wish
        subkey = random_key(session.enctype, self._random)
        delegates = wish.delegate is not None
        flags = wish.flags & ~ContextFlags.DELEG | (ContextFlags.DELEG if delegates else 0)
        handed = b"" if wish.delegate is None else delegation.seal(wish.delegate, session, self._random(16))
        bound = NONE if wish.bindings is None else wish.bindings.digest
        ctime = int(now)
        authenticator = Authenticator(
            crealm=credential.realm,
            cname=credential.client,
            cksum=CheckSum(CHECKSUM_TYPE, ContextRequest(flags, bound, handed).encode()),
            cusec=int((now - ctime) * 1_000_000),
            ctime=ctime,
            subkey=wire_key(subkey),
            seq_number=int.from_bytes(self._random(4), "big") & SEQUENCE_MASK,
        )
        return _Asked(session, subkey, authenticator, flags)

    def _hear(self, asked: _Asked, token: bytes) -> Context:
        """Verify the acceptor's proof.  RFC 4120 §3.2.5"""
        mechanism, inner = tokens.unframe(token)
        if mechanism not in tokens.KERBEROS:
            raise GssError(Major.BAD_MECH, tokens.name(mechanism))
        if inner.startswith(tokens.ERROR):
            raise GssError(Major.FAILURE, f"the acceptor says error {KrbError.decode(inner[2:]).error_code}")
        if not inner.startswith(tokens.AP_REP):
            raise WireError(f"token {inner[:2].hex()} where an AP-REP should be")
        try:
            part = ap.open_reply(inner[2:], asked.session, asked.authenticator)
            subkey = None if part.subkey is None else held_key(part.subkey)
        except (KdcError, ValueError) as wrong:
            raise GssError(Major.FAILURE, str(wrong)) from wrong
        return self._context(asked, subkey or asked.subkey, part.seq_number or 0, ACCEPTOR_SUBKEY if subkey else 0)

    def _context(self, asked: _Asked, key: Key, theirs: int | None, mark: int) -> Context:
        """The context under ``key``; without a number of its own the acceptor's begin where ours do."""
        ours = asked.authenticator.seq_number or 0
        window = Window(ours if theirs is None else theirs, asked.flags)
        credential = self._credential
        return Context(
            mechanism=tokens.KRB5,
            client=credential.client.text,
            realm=credential.realm,
            server=credential.server.text,
            server_realm=credential.server_realm,
            flags=asked.flags,
            expires=credential.times.endtime,
            initiated=True,
            protection=Protection(key, self._random, mark, ours, window),
            channel_bound=self._wish.bindings is not None,
        )


def _shown(credential: Credential) -> tuple[Ticket, Key]:
    """The ticket and its key, as they are needed."""
    try:
        return credential.open_ticket(), credential.session
    except (WireError, ValueError) as useless:
        raise GssError(Major.DEFECTIVE_CREDENTIAL, str(useless)) from useless
