"""Whoever answers for a name is the longest match, counted by hand over all zones and rules."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bossa.dns import names, types
from bossa.dns.lookup import Zones
from bossa.dns.routes import Rules
from tests.unit.dns.specimens import zone

_LABELS = st.sampled_from(["a", "b", "x"])
_DOMAINS = st.lists(_LABELS, min_size=1, max_size=4).map(lambda labels: names.from_text(".".join(labels) + "."))
_ZONES = {}


def _zone(apex: bytes):
    if apex not in _ZONES:
        _ZONES[apex] = zone(names.to_text(apex), "")
    return _ZONES[apex]


@given(st.sets(_DOMAINS, max_size=5), st.sets(_DOMAINS, max_size=5), st.sets(_DOMAINS, max_size=3), _DOMAINS)
def test_the_longest_match_decides_and_a_zone_wins_a_tie(
    apexes: set[bytes], ruled: set[bytes], private: set[bytes], name: bytes
) -> None:
    served = Zones({apex: _zone(apex) for apex in apexes | private})
    served.rules = Rules(dict.fromkeys(ruled, ()))
    served.overruled |= {apex for apex in private if any(names.is_below(apex, domain) for domain in ruled)}
    zones = [apex for apex in served if names.is_below(name, apex) and apex not in served.overruled]
    rules = [domain for domain in ruled if names.is_below(name, domain)]
    longest = max(
        [(len(apex), 1, apex) for apex in zones] + [(len(domain), 0, domain) for domain in rules], default=None
    )
    found = served.find_for(name, types.A)
    assert (found.apex if found else None) == (longest[2] if longest and longest[1] else None)
    assert served.rules.find(name) == max(rules, key=len, default=None)
