"""Keys that clients negotiate with us, or give back.  RFC 2930 §4.2, RFC 3645 §4.1

One answer a request: the acceptor's next token, or the error and, in the log
alone, the reason.  When the acceptor has its context, the key is in force, and
signs the answer that says so unless the request was signed by another.  A copy
of a datagram that made a key gets the first answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from bossa.dns import tkey, tsig
from bossa.dns.errors import Rcode, Refused, TkeyError
from bossa.dns.exchange import Exchange, failure
from bossa.dns.message import Flag
from bossa.dns.policy import Person
from bossa.dns.server import audit
from bossa.dns.server.contexts import TALK_SECONDS, Contexts, Signers, Talk, Talks, always
from bossa.dns.server.once import Once
from bossa.dns.tkey import ContextKey, Mode, Tkey, TkeyRefused
from bossa.gss.context import Context, Step
from bossa.gss.errors import GssError


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What accepts contexts: a new talk, whom a context speaks for, and whether that person is still so."""

    begin: Callable[[], Talk]
    person_of: Callable[[Context], Person]
    stands: Callable[[Person], bool] = always


class Negotiations:
    """Answers requests for keys; ``clock`` gives seconds since 1970."""

    def __init__(
        self, acceptance: Acceptance, contexts: Contexts, signers: Signers, clock: Callable[[], float]
    ) -> None:
        self._acceptance = acceptance
        self._contexts = contexts
        self._signers = signers
        self._clock = clock
        # Who sends from addresses that are not his own pushes nobody else's talk out.
        self._talks, self._talks_of_strangers = Talks(), Talks()
        # Answers by which keys came to be: nobody fills this without a ticket.
        self._made = Once(clock)

    def answer(self, exchange: Exchange) -> bytes:
        """Answer a query of type TKEY."""
        heard: list[bytes] = []
        if not exchange.tcp and self._made.again(exchange.message.wire, exchange.address.packed, heard.append):
            return heard[0]
        asked = None
        try:
            asked = tkey.find(exchange.message)
            if tkey.check(asked) is Mode.DELETION:
                return self._delete(exchange, asked)
            return self._negotiate(exchange, asked)
        except Refused as e:
            audit.key_refused(exchange, asked, e.reason, e.code)
            return failure(exchange, e.code, e.ede)
        except TkeyRefused as e:
            assert asked is not None, "it was read before it was refused"
            audit.key_refused(exchange, asked, e.reason, e.error)
            return exchange.finish(asked.refusal(e).reply())

    def _negotiate(self, exchange: Exchange, asked: Tkey) -> bytes:
        """Give the acceptor the client's token.  RFC 3645 §4.1"""
        name, now = asked.name.lower(), self._clock()
        if name in self._signers:
            raise TkeyRefused(TkeyError.BADNAME, "there is a key of that name")
        talks = self._talks if exchange.proved else self._talks_of_strangers
        talk_name = name, exchange.address.packed
        talk = talks.take(talk_name, now) or self._acceptance.begin()
        step = _step(talk, asked.key, now)
        if step.context is None:
            talks.keep(talk_name, talk, now)
            return exchange.finish(asked.granted(int(now), int(now) + TALK_SECONDS, step.token).reply())
        answer = self._establish(exchange, asked, step.token, step.context)
        if not exchange.tcp:
            self._made.keep(exchange.message.wire, exchange.address.packed, answer)
        return answer

    def _establish(self, exchange: Exchange, asked: Tkey, token: bytes, context: Context) -> bytes:
        """Put the key in force, and say so under its own signature.  RFC 3645 §2.2, §4.1.3"""
        now = int(self._clock())
        expires = tkey.end_of_life(context.expires, now)
        person = self._acceptance.person_of(context)
        key = ContextKey(asked.name.lower(), asked.algorithm.lower(), context.protection, expires, person)
        self._contexts.add(key)
        reply = asked.granted(now, expires, token).reply()
        audit.key_established(exchange, asked, key, now)
        wire = replace(exchange, limit=exchange.limit - (0 if exchange.signed else key.space)).finish(reply)
        if wire[2] & Flag.TC >> 8:
            # The client comes again over TCP, with another token: this context is nobody's.
            self._contexts.remove(key.name)
        return wire if exchange.signed else tsig.sign_request(wire, key, now)

    def _delete(self, exchange: Exchange, asked: Tkey) -> bytes:
        """Forget a key, for its owner only.  RFC 2930 §4.2"""
        caller = exchange.caller
        if caller.is_unsigned:
            raise Refused(Rcode.REFUSED, "a key is deleted by a signed request only")
        key = self._contexts.get(asked.name.lower())
        if key is None or key.person is None:
            raise TkeyRefused(TkeyError.BADNAME, "there is no negotiated key of that name")
        if caller.person is None or key.person.principal != caller.person.principal:
            raise TkeyRefused(TkeyError.BADNAME, f"the key is {key.person.principal}'s, and {caller.text} asks")
        answer = exchange.finish(asked.granted(asked.inception, asked.expiration, b"").reply())
        self._contexts.remove(key.name)
        audit.key_deleted(exchange, asked)
        return answer


def _step(talk: Talk, token: bytes, now: float) -> Step:
    """Let the acceptor take a token; raises TkeyRefused for one that it does not take.  RFC 3645 §4.1.2"""
    try:
        return talk.step(token, now)
    except GssError as refused:
        raise TkeyRefused(TkeyError.BADKEY, str(refused), token=refused.token) from refused
