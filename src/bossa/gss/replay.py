"""Which authenticators came before.  RFC 4120 §3.2.3, §10

An authenticator is good while its time is within the clock skew of ours, so it
is remembered for twice the skew.  The memory is bounded, and so is each
client's share of it; who finds it full is refused, rather than anybody
forgotten.  One cache serves all listeners that share keys.
"""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b
from typing import NamedTuple

from bossa.gss.errors import GssError, Major

_DIGEST = 16
# Of the memory, how many parts one client may fill: one is enough for a busy proxy.
_SHARES = 4


class _Seen(NamedTuple):
    """Whose an authenticator is, and until when it matters."""

    client: str
    until: float


class ReplayCache:
    """Remembers ``limit`` authenticators for as long as they could be shown again.

    ``skew`` is how far a client's clock may be from ours, in seconds, for every listener that shares the cache.
    """

    def __init__(self, limit: int = 100_000, skew: float = 300) -> None:
        self.skew = skew
        self._limit = limit
        self._share = -(-limit // _SHARES)
        # In the order of coming.
        self._seen: dict[bytes, _Seen] = {}
        self._of_client: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._seen)

    def take(self, who: tuple[str, ...], moment: tuple[int, int], authenticator: bytes, now: float) -> None:
        """Take a verified authenticator, as it was encrypted, of a client to a server; raises GssError."""
        self._forget(now)
        key, client = _key(who, moment, authenticator), who[0]
        if key in self._seen:
            raise GssError(Major.DUPLICATE_TOKEN, f"the authenticator of {client} came before")
        if len(self._seen) >= self._limit:
            raise GssError(Major.FAILURE, f"{self._limit} authenticators are remembered, there is no room for another")
        if self._of_client[client] >= self._share:
            raise GssError(Major.FAILURE, f"{client} has shown {self._share} authenticators in {2 * self.skew:.0f} s")
        self._of_client[client] += 1
        self._seen[key] = _Seen(client, now + 2 * self.skew)

    def _forget(self, now: float) -> None:
        seen, of_client = self._seen, self._of_client
        while seen and seen[first := next(iter(seen))].until < now:
            client = seen.pop(first).client
            of_client[client] -= 1
            if not of_client[client]:
                del of_client[client]


def _key(who: tuple[str, ...], moment: tuple[int, int], authenticator: bytes) -> bytes:
    """A digest of all that makes an authenticator the same, each part with its size before it."""
    digest = blake2b(digest_size=_DIGEST)
    for part in (*(name.encode() for name in who), b"%d.%d" % moment, authenticator):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
