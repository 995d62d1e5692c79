"""The keys that clients negotiated: those that sign, and talks that are not at their end.  RFC 3645 §4.1, §5

A key counts once its talk is at its end and its client known.  Keys are
bounded in all and for each principal.  Where there are too many, a newcomer
takes the place of a key that never signed anything, or else of one that was
idle for long, or gets none: of one of its own principal, or where all are too
many, of the one that has most.  So no flood takes a key in use away.  Talks
that are not at their end are bounded apart, and short.  What has expired is
not there, nor are the keys of a person whose account is no more what it was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from bossa.dns.errors import TkeyError
from bossa.dns.policy import Person
from bossa.dns.tkey import ContextKey, TkeyRefused
from bossa.dns.tsig import Signer
from bossa.gss.context import Step

MOST_KEYS = 16_384
# One client's keys; a script that calls nsupdate for each change leaves one of an hour's life at each call.
MOST_OF_ONE = 512
# Seconds without a message after which a key that was used may give way to another, of a client that has too many:
# the script's calls may come fifty in a second.
IDLE = 10
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
    """A key, and when it was last asked for, None: not since it was negotiated."""

    key: ContextKey
    used: float | None = None


def always(person: Person) -> bool:
    """Tell that a person is still so: where nobody knows better."""
    return True


class Contexts(Mapping[bytes, ContextKey]):
    """The keys that live, by name; ``clock`` gives seconds since 1970, ``stands`` whether a person is still so."""

    def __init__(self, clock: Callable[[], float], stands: Callable[[Person], bool] = always) -> None:
        self._clock = clock
        self._stands = stands
        self._held: dict[bytes, _Held] = {}
        # The keys of each principal, in the order of coming.
        self._of: dict[str, dict[bytes, None]] = {}
        self._swept = 0.0

    def __getitem__(self, name: bytes) -> ContextKey:
        """Return a key that lives, which counts as its use."""
        held = self._held[name]
        now = self._clock()
        person = held.key.person
        if held.key.expires <= now or (person is not None and not self._stands(person)):
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
        owned = self._of.get(key.person.principal, {})
        if len(owned) >= MOST_OF_ONE:
            self._make_room(owned, now)
        elif len(self._held) >= MOST_KEYS:
            self._make_room(max(self._of.values(), key=len), now)
        self._held[key.name] = _Held(key)
        self._of.setdefault(key.person.principal, {})[key.name] = None

    def remove(self, name: bytes) -> None:
        """Forget a key."""
        held = self._held.pop(name, None)
        if held is None or held.key.person is None:
            return
        principal = held.key.person.principal
        self._of[principal].pop(name, None)
        if not self._of[principal]:
            del self._of[principal]

    def _make_room(self, owned: Collection[bytes], now: float) -> None:
        """Let a key of one principal go, or refuse."""
        unused = next((name for name in owned if self._held[name].used is None), None)
        self.remove(unused or self._idle(owned, now))

    def _idle(self, owned: Iterable[bytes], now: float) -> bytes:
        """Return the key that was used longest ago; raises TkeyRefused when all are in use."""
        used, name = min((self._held[name].used or 0, name) for name in owned)
        if used + IDLE > now:
            raise TkeyRefused(TkeyError.BADKEY, f"all keys of one principal are in use, {len(self._held)} live in all")
        return name

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
