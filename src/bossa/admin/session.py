"""One client's session with a name server: it finds the primary, signs in, negotiates a key, and tells each step.

The steps are the same for whoever tests updates and for a host that registers
itself.  The sockets, clocks and random octets are given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from bossa.admin import signin, words
from bossa.admin.check import State
from bossa.admin.errors import Failure
from bossa.admin.kdcline import Carry, KdcLine
from bossa.admin.signin import Holder, SignIn
from bossa.dns.probe import negotiation
from bossa.dns.probe.anatomy import Piece, explain
from bossa.dns.probe.conversation import Cause, Conversation, Fault, Setting, Way
from bossa.dns.probe.finding import Found, find_primary, find_zone
from bossa.dns.probe.negotiation import Opening
from bossa.dns.tkey import ContextKey
from bossa.dns.tsig import Signer
from bossa.gss.flags import ContextFlags
from bossa.gss.initiate import Wish
from bossa.gss.initiator import Initiator
from bossa.krb.client import Credential
from bossa.net.ask import Address
from bossa.wire import WireError

T = TypeVar("T")

_SECONDS = 3.0
# What GSS-TSIG needs of a context: datagrams may come in another order, or not at all.  RFC 3645 §3.1.1
_WISH = Wish(ContextFlags.MUTUAL | ContextFlags.REPLAY | ContextFlags.INTEG)


class Octets(msgspec.Struct, frozen=True):
    """A message that was sent or came, and what its octets mean: (place, hexadecimal, meaning)."""

    what: str
    pieces: tuple[tuple[int, str, str], ...]


class StepLine(msgspec.Struct, frozen=True, kw_only=True):
    """How one step went: what it found, or why it failed, the likely cause in a word, and what mends it."""

    what: str
    state: State
    milliseconds: float
    found: str = ""
    cause: str = ""
    why: str = ""
    fix: str = ""
    octets: tuple[Octets, ...] = ()

    def only_a_warning(self) -> StepLine:
        """The line of a step without which it works as well."""
        return msgspec.structs.replace(self, state="warning") if self.state == "failed" else self


@dataclass(frozen=True, slots=True)
class Means:
    """The way to the server and to the KDCs, the clocks and the random source."""

    udp: Carry
    tcp: Carry
    kdc: KdcLine
    now: Callable[[], float]
    stopwatch: Callable[[], float]
    random: Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Whom:
    """Which server is asked, and with whose tickets or which shared key.

    ``service`` is the server's principal where it is not DNS/ and the primary's name; ``realm_of`` tells a host's
    realm, "" where that is for the client's KDC to say; with ``spnego`` the mechanism is negotiated.
    """

    server: Address
    holder: Holder | None = None
    key: Signer | None = None
    service: str = ""
    realm_of: Callable[[str], str] = lambda host: ""
    spnego: bool = False


@dataclass(slots=True)
class Session:
    """What one client knows so far."""

    whom: Whom
    means: Means
    found: Found | None = None
    _signer: Signer | None = None
    _tgt: Credential | None = None
    _ticket: Credential | None = None
    _octets: list[Octets] = field(default_factory=list)

    def opening(self, name: bytes, *, exactly: bool) -> Iterator[StepLine]:
        """Do what comes before the first signed message; the first step that fails ends it.

        ``name`` is a zone, or (unless ``exactly``) any name in the zone that is wanted.
        """
        for what, act in self._opening_steps(name, exactly=exactly):
            line = self.step(what, act)
            yield line
            if line.state == "failed":
                return

    def _opening_steps(self, name: bytes, *, exactly: bool) -> Iterator[tuple[str, Callable[[], str]]]:
        yield f"primary of {words.plain(name)}", lambda: self._find(name, exactly=exactly)
        if self.whom.holder is None:
            self._signer = self.whom.key
            return
        yield f"ticket of {self.whom.holder.principal}", self._sign_in
        yield f"ticket to {self._service()}", self._get_ticket
        yield "key negotiated by TKEY over TCP", self._negotiate

    @property
    def is_open(self) -> bool:
        """Whether messages can be signed."""
        return self._signer is not None

    @property
    def signer(self) -> Signer:
        """What signs."""
        assert self._signer is not None, "the session is open"
        return self._signer

    @property
    def setting(self) -> Setting:
        """The time, and the random source."""
        return Setting(self.means.now(), self.means.random)

    def closing(self) -> Iterator[StepLine]:
        """Have the server forget a negotiated key: one that does not know how lets it end."""
        if isinstance(self._signer, ContextKey):
            yield self.step("the server forgets the key", self._forget).only_a_warning()

    def step(self, what: str, act: Callable[[], str]) -> StepLine:
        """Do one step and tell how it went."""
        start, self._octets = self.means.stopwatch(), []
        try:
            line = StepLine(what=what, state="ok", milliseconds=0.0, found=act())
        except (Fault, Failure, OSError, WireError) as e:
            line = failed(what, _fault(e))
        took = round((self.means.stopwatch() - start) * 1000, 2)
        return msgspec.structs.replace(line, milliseconds=took, octets=tuple(self._octets))

    def talk(self, conversation: Conversation[T]) -> T:
        """Carry a conversation with the server through, and keep what was said."""
        try:
            sent = next(conversation)
            while True:
                carry = self.means.udp if sent.way is Way.UDP else self.means.tcp
                self._keep(f"sent over {sent.way.value}", sent.message)
                reply = carry(self.whom.server, sent.message, _SECONDS)
                self._keep(f"came over {sent.way.value}", reply)
                sent = conversation.send(reply)
        except StopIteration as e:
            result: T = e.value
            return result

    def _keep(self, what: str, wire: bytes) -> None:
        pieces = tuple(map(_shown, explain(wire, int(self.means.now()))))
        self._octets.append(Octets(f"{what}, {len(wire)} octets", pieces))

    def _find(self, name: bytes, *, exactly: bool) -> str:
        find = find_primary if exactly else find_zone
        self.found = self.talk(find(name, self.setting))
        zone = "" if self.found.zone == name else f"zone {words.plain(self.found.zone)}, "
        return f"{zone}{words.plain(self.found.primary)}, serial {self.found.serial}"

    def _service(self) -> str:
        assert self.found is not None, "the first step found it"
        return self.whom.service or f"DNS/{words.plain(self.found.primary)}"

    def _tickets(self) -> SignIn:
        assert self.whom.holder is not None, "a shared key needs none"
        return SignIn(self.whom.holder, self.means.kdc, self.means.now, self.means.random)

    def _sign_in(self) -> str:
        self._tgt = self._tickets().first()
        return f"good for {self._tgt.times.endtime - int(self.means.now())} s"

    def _get_ticket(self) -> str:
        assert self._tgt is not None, "the step before signed in"
        service = self._service()
        realm = self.whom.realm_of(service.rpartition("/")[2])
        self._ticket = self._tickets().to(self._tgt, service, realm)
        return signin.describe(self._ticket)

    def _negotiate(self) -> str:
        assert self._ticket is not None and self.found is not None, "the steps before got them"
        initiator = Initiator(self._ticket, self.means.random, _WISH, negotiate=self.whom.spnego)
        opening = Opening(initiator, signin.describe(self._ticket), self.found.zone)
        done = self.talk(negotiation.negotiate(opening, self.setting))
        self._signer = done.key
        left = done.expiration - int(self.means.now())
        proof = "its answer signed" if done.proven else "its answer not signed, as RFC 3645 §2.2 wants"
        rounds = "one round" if done.rounds == 1 else f"{done.rounds} rounds"
        return f"{words.plain(done.key.name)} in {rounds}, kept for {left} s, {proof}"

    def _forget(self) -> str:
        assert isinstance(self._signer, ContextKey), "only these are forgotten"
        self.talk(negotiation.end(self._signer, self.setting))
        return ""


def failed(what: str, fault: Fault) -> StepLine:
    """The line of a step that failed."""
    return StepLine(what=what, state="failed", milliseconds=0.0, cause=fault.cause, why=str(fault), fix=fault.fix)


def _fault(error: Exception) -> Fault:
    """Say of any trouble with a step what its cause is."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, Failure):
        return Fault(Cause.TICKET, f"{error.what}: {error.why}", error.fix)
    if isinstance(error, OSError):
        why = error.strerror or str(error) or type(error).__name__
        return Fault(Cause.UNREACHABLE, why, "see whether the server runs, and its address and port")
    return Fault(Cause.SERVER, f"the answer cannot be read: {error}", "see the server's log")


def _shown(piece: Piece) -> tuple[int, str, str]:
    return piece.at, piece.octets.hex(" "), piece.meaning
