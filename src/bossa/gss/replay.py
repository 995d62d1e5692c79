"""Which authenticators came before.  RFC 4120 §3.2.3, §10

An authenticator is good while its time is within the clock skew of ours, so it
is remembered for twice the skew.  The memory is bounded; a full one refuses
newcomers rather than forget whom it saw.  One cache serves all listeners that
share keys.
"""

from __future__ import annotations

from hashlib import blake2b

from bossa.gss.errors import GssError, Major

_DIGEST = 16


class ReplayCache:
    """Remembers ``limit`` authenticators for as long as they could be shown again."""

    def __init__(self, limit: int = 100_000, skew: float = 300) -> None:
        self._limit = limit
        self._lasting = 2 * skew
        # In the order of coming, each with the time until which it matters.
        self._seen: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def take(self, who: tuple[str, ...], moment: tuple[int, int], authenticator: bytes, now: float) -> None:
        """Take a verified authenticator, as it was encrypted, of a client to a server; raises GssError."""
        self._forget(now)
        key = _key(who, moment, authenticator)
        if key in self._seen:
            raise GssError(Major.DUPLICATE_TOKEN, f"the authenticator of {who[0]} came before")
        if len(self._seen) >= self._limit:
            raise GssError(Major.FAILURE, f"{self._limit} authenticators are remembered, there is no room for another")
        self._seen[key] = now + self._lasting

    def _forget(self, now: float) -> None:
        seen = self._seen
        while seen and seen[first := next(iter(seen))] < now:
            del seen[first]


def _key(who: tuple[str, ...], moment: tuple[int, int], authenticator: bytes) -> bytes:
    """A digest of all that makes an authenticator the same, each part with its size before it."""
    digest = blake2b(digest_size=_DIGEST)
    for part in (*(name.encode() for name in who), b"%d.%d" % moment, authenticator):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return digest.digest()
