"""Forward rules: which domains' questions are passed on to which resolvers.

A rule holds for its domain and everything below.  Between rules and our zones
the longest match decides; at the same name the zone does.  The empty private
zones of RFC 6303 §3 are there only so that nothing leaks: a rule at such a
zone or above it takes its place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bossa.dns import names

Address = tuple[str, int]


class Rules(dict[bytes, tuple[Address, ...]]):
    """Resolvers by domain key; a rule without any passes its names on to nobody."""

    def find(self, name: bytes) -> bytes | None:
        """Return the longest domain with a rule that is at or above the key ``name``."""
        if not self:
            return None
        return next((one for one in names.ancestors(name) if one in self), None)

    def beats(self, name: bytes, apex: bytes) -> bool:
        """Tell whether a rule matches a name better than a zone that covers it."""
        rule = self.find(name)
        return rule is not None and len(rule) > len(apex)

    def below(self, apex: bytes) -> list[bytes]:
        """Return the domains of rules strictly below a name."""
        return [domain for domain in self if domain != apex and names.is_below(domain, apex)]

    def without_effect(self, zones: Iterable[bytes], overruled: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the domains of rules at whose very name there is an ordinary zone, which answers."""
        yield from sorted(self.keys() & set(zones) - set(overruled))
