"""Where realms are, as the host's own configuration says: the few lines of a krb5.conf that a client needs.

krb5.conf(5): sections, relations, and the braces of one realm.  What else
stands there is stepped over; a file that is no krb5.conf says nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SECTION = re.compile(r"\[([\w ]+)\]")
_RELATION = re.compile(r"([^\s=]+)\s*=\s*(.*)")


@dataclass(frozen=True, slots=True)
class Profile:
    """The KDCs of each realm as they are written, and which hosts are of which realm."""

    kdcs: dict[str, tuple[str, ...]] = field(default_factory=dict)
    domains: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Profile:
        """Read a krb5.conf."""
        kdcs, domains = dict[str, tuple[str, ...]](), dict[str, str]()
        for place, name, value in _relations(text):
            if place == ("domain_realm",):
                domains[name.lower()] = value
            elif place[0] == "realms" and len(place) == 2 and name == "kdc":
                kdcs[place[1]] = (*kdcs.get(place[1], ()), value)
        return cls(kdcs, domains)

    def realm_of(self, host: str) -> str:
        """The realm of a host by its own name, then by its domains; "" where nothing says so."""
        host = host.lower().rstrip(".")
        if host in self.domains:
            return self.domains[host]
        while (at := host.find(".")) >= 0:
            if host[at:] in self.domains:
                return self.domains[host[at:]]
            host = host[at + 1 :]
        return ""


def _relations(text: str) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield each relation, with the section and the braces that it stands in."""
    place: tuple[str, ...] = ("",)
    for line in map(str.strip, text.splitlines()):
        if found := _SECTION.match(line):
            place = (found[1],)
        elif line.startswith("}"):
            place = place[:-1] or place
        elif line[:1] not in "#;" and (relation := _RELATION.match(line)) is not None:
            if relation[2].startswith("{"):
                place = (*place, relation[1])
            else:
                yield place, relation[1], relation[2]
