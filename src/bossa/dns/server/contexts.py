"""The keys that clients negotiated: those that sign, and talks that are not at their end.  RFC 3645 §4.1, §5

A key counts once its talk is at its end and its client known.  Keys are
bounded in all and for each principal; no newcomer takes another principal's
place, and of its own only the one that was idle for longest, if that was
longer than any message is good for.  Talks that are not at their end are
bounded apart, and short.  What has expired is not there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bossa.dns.errors import TkeyError
from bossa.dns.tkey import ContextKey, TkeyRefused
from bossa.dns.tsig import Signer
from bossa.gss.context import Step

MOST_KEYS = 8192
# One client's keys; a script that calls nsupdate for each change leaves one of an hour's life at each call.
MOST_OF_ONE = 512
# Seconds without a message after which a key may give way to another of the same principal.
IDLE = 300
MOST_TALKS = 256
TALK_SECONDS = 30
_SWEEP_EVERY = 60

# A talk's key and whom it is with: nobody takes part in another's.
TalkName = tuple[bytes, bytes]


class Talk(Protocol):
    """One conversation of an acceptor."""

    def step(self, token: bytes, now: float) -> Step:
        """Take the peer's next token; raises GssError."""
        ...


@dataclass(slots=True)
class _Held:
    key: ContextKey
    used: float


class Contexts(Mapping[bytes, ContextKey]):
    """The keys that live, by name; ``clock`` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[bytes, _Held] = {}
        self._of: dict[str, set[bytes]] = {}
        self._swept = 0.0

    def __getitem__(self, name: bytes) -> ContextKey:
        """Return a key that lives, which counts as its use."""
        held = self._held[name]
        now = self._clock()
        if held.key.expires <= now:
            self.remove(name)
            raise KeyError(name)
        held.used = now
        return held.key

    def __iter__(self) -> Iterator[bytes]:
        return iter(list(self._held))

    def __len__(self) -> int:
        """Return how many keys are kept."""
        return len(self._held)

    def add(self, key: ContextKey) -> None:
        """Take a key in; raises TkeyRefused when there is no room."""
        assert key.person is not None, "a context has a client"
        now = self._clock()
        self._sweep(now)
        owned = self._of.get(key.person.principal, set())
        if len(owned) >= MOST_OF_ONE or len(self._held) >= MOST_KEYS:
            self._make_room(owned, now)
        self._held[key.name] = _Held(key, now)
        self._of.setdefault(key.person.principal, set()).add(key.name)

    def remove(self, name: bytes) -> None:
        """Forget a key."""
        held = self._held.pop(name, None)
        if held is None or held.key.person is None:
            return
        principal = held.key.person.principal
        self._of[principal].discard(name)
        if not self._of[principal]:
            del self._of[principal]

    def _make_room(self, owned: set[bytes], now: float) -> None:
        """Let the key go that its client has used longest ago."""
        oldest = min(owned, key=lambda name: self._held[name].used, default=None)
        if oldest is None or self._held[oldest].used + IDLE > now:
            raise TkeyRefused(TkeyError.BADKEY, f"{len(owned)} keys of this client live, {len(self._held)} in all")
        self.remove(oldest)

    def _sweep(self, now: float) -> None:
        if now < self._swept + _SWEEP_EVERY:
            return
        self._swept = now
        for name in [name for name, held in self._held.items() if held.key.expires <= now]:
            self.remove(name)


class Talks:
    """Talks that are not at their end; where there are too many, a host's oldest makes room for its next."""

    def __init__(self) -> None:
        self._kept: OrderedDict[TalkName, tuple[Talk, float]] = OrderedDict()

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)

    def take(self, name: TalkName, now: float) -> Talk | None:
        """Return a talk, which is not kept any more; None when there is none of that name."""
        while self._kept and next(iter(self._kept.values()))[1] < now:
            self._kept.popitem(last=False)
        found = self._kept.pop(name, None)
        return found[0] if found is not None else None

    def keep(self, name: TalkName, talk: Talk, now: float) -> None:
        """Wait for the client's next word."""
        if len(self._kept) >= MOST_TALKS:
            oldest = next((one for one in self._kept if one[1] == name[1]), None)
            self._kept.pop(oldest or next(iter(self._kept)))
        self._kept[name] = talk, now + TALK_SECONDS


class Signers(Mapping[bytes, Signer]):
    """Who may sign: shared secrets, and contexts."""

    def __init__(self, secrets: Mapping[bytes, Signer], contexts: Mapping[bytes, ContextKey]) -> None:
        self._secrets = secrets
        self._contexts = contexts

    def __getitem__(self, name: bytes) -> Signer:
        """Return the signer of a name."""
        return self._secrets.get(name) or self._contexts[name]

    def __iter__(self) -> Iterator[bytes]:
        yield from self._secrets
        yield from self._contexts

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._secrets) + len(self._contexts)
