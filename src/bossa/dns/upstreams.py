"""Which resolver is asked next, and how long it is waited for.

Each one's round-trip time is smoothed as RFC 6298 §2 does it; the quickest is
asked first.  One that fails several times running is set aside, for longer
each time, and comes last until it answers again; a set of which all are aside
is still asked.  The others are asked along now and then, so that one that has
recovered, or become quicker, is found without a client waiting for it.

``now`` is in seconds of any clock that only goes forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from bossa.dns.names import ROOT, ancestors
from bossa.dns.routes import Address, Rules

# Failures one after the other that set a resolver aside, and for how long: doubled with each further one.
_ASIDE_AFTER = 2
_ASIDE = 1.0
_ASIDE_MOST = 60.0
# A resolver that was not asked for so long is asked along.
_NEGLECTED = 10.0
# Tries for one question: so often each resolver, and so many in all.
_ROUNDS = 3
_MOST_TRIES = 8
# Slower than this is as good as gone.
_SLOWEST = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, in seconds, and how much may be under way."""

    # For one try, and for all of a question's together.
    one_try: float = 2.5
    total: float = 5.0
    # Before another resolver is asked as well: for one that was never heard, and the bounds for the others.
    first: float = 0.4
    least: float = 0.2
    most: float = 1.0
    # Questions in all, and tries at one resolver; each holds a socket.
    concurrent: int = 256
    each: int = 128
    # An idle TCP connection.
    idle: float = 5.0


class Upstream:
    """One resolver: what is known of its speed and health, and its counters."""

    def __init__(self, address: Address) -> None:
        self.address = address
        # Smoothed, and its mean deviation; None before the first answer.
        self.rtt: float | None = None
        self.deviation = 0.0
        # One after the other, without an answer between them.
        self.failures = 0
        self.aside_until = 0.0
        self.asked_at: float | None = None
        # Whether its replies have the question's letters as we sent them.
        self.keeps_case = True
        self.under_way = 0
        self.queries = 0
        self.failed_queries = 0
        self.wrong_replies = 0
        self._failed_at: float | None = None
        # What it was waited for in vain, with a surcharge, since the last reply.
        self._lateness = 0.0

    @property
    def is_aside(self) -> bool:
        """Whether it is asked only when the others have failed."""
        return self.failures >= _ASIDE_AFTER

    def ask(self, now: float) -> None:
        """Note a query to it."""
        self.queries += 1
        self.asked_at = now

    def heard(self, rtt: float) -> None:
        """Take the time of a reply into account.  RFC 6298 §2.2, §2.3"""
        self._lateness = 0.0
        if self.rtt is None:
            self.rtt, self.deviation = rtt, rtt / 2
        else:
            self.deviation += (abs(self.rtt - rtt) - self.deviation) / 4
            self.rtt += (rtt - self.rtt) / 8

    def late(self, waited: float) -> None:
        """Note that nothing came within the time it is usually waited for: it is slower than thought, or gone."""
        self._lateness = min(2 * max(self._lateness, waited), _SLOWEST)

    def succeeded(self) -> None:
        """Note an answer of use."""
        self.failures = 0

    def failed(self, asked_at: float, now: float) -> None:
        """Note a failure; those of queries sent before the last one was noted say nothing new."""
        self.failed_queries += 1
        if self._failed_at is not None and asked_at < self._failed_at:
            return
        self._failed_at = now
        self.failures += 1
        if self.is_aside:
            doublings = min(self.failures - _ASIDE_AFTER, 16)
            self.aside_until = now + min(_ASIDE * 2**doublings, _ASIDE_MOST)

    def wait(self, patience: Patience) -> float:
        """Return how long to wait for it before another is asked as well."""
        usual = patience.first if self.rtt is None else self.rtt + 4 * self.deviation
        return min(max(usual, self._lateness, patience.least), patience.most)

    def rank(self) -> tuple[bool, float]:
        """Return what sorts resolvers: the quickest first, unknown ones before it, those aside last."""
        return (True, self.aside_until) if self.is_aside else (False, max(self.rtt or 0.0, self._lateness))

    def is_neglected(self, now: float) -> bool:
        """Tell whether what is known of it is old: of one aside, when its time is over and nobody has tried since."""
        if self.is_aside and now < self.aside_until:
            return False
        if self.asked_at is None or now - self.asked_at >= _NEGLECTED:
            return self.is_aside or self.asked_at is not None
        return self.is_aside and self.asked_at < self.aside_until


def plan(upstreams: Sequence[Upstream], patience: Patience) -> Iterator[tuple[Upstream, float]]:
    """Yield whom to ask, one after the other, and how long to wait for each before the next is asked as well."""
    order = [(upstream, upstream.wait(patience)) for upstream in sorted(upstreams, key=Upstream.rank)]
    tries = ((upstream, wait * 2**turn) for turn in range(_ROUNDS) for upstream, wait in order)
    return islice(tries, _MOST_TRIES)


def to_ask_along(upstreams: Sequence[Upstream], now: float) -> Upstream | None:
    """Return one of the slower ones that was not heard of for long, to be asked along with the first."""
    others = sorted(upstreams, key=Upstream.rank)[1:]
    return next((one for one in others if one.is_neglected(now)), None)


class Table:
    """All resolvers by the domain whose questions they get; those for everything else stand at the root."""

    def __init__(self) -> None:
        self.routes: dict[bytes, tuple[Upstream, ...]] = {ROOT: ()}
        self._known: dict[Address, Upstream] = {}

    def use(self, default: Iterable[Address], rules: Rules) -> None:
        """Ask these from now on; what is known of those that stay is kept."""
        wanted = {**rules, ROOT: tuple(default)}
        addresses = {address for one in wanted.values() for address in one}
        self._known = {one: self._known.get(one) or Upstream(one) for one in addresses}
        self.routes = {domain: tuple(self._known[one] for one in found) for domain, found in wanted.items()}

    def find(self, name: bytes) -> tuple[Upstream, ...]:
        """Return the resolvers for the key ``name``: those of the longest match."""
        return next(self.routes[one] for one in ancestors(name) if one in self.routes)

    def upstreams(self) -> list[Upstream]:
        """Return every resolver, once."""
        return list(self._known.values())
