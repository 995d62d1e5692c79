"""Update policy: who may change what, decided by the first rule that matches.

A rule names who (a TSIG key, a network, a Kerberos principal, or every
Kerberos account for itself), where (self, subdomain, zone, pattern) and
which types.  Nobody is allowed anything that no rule allows.  A rule without
types covers all but those that hold the zone together (NS, SOA, DNSSEC's, and
CDS, CDNSKEY and CSYNC, by which the parent changes the delegation); the type
ANY covers these too, as does naming them.

A pattern is compared label by label: a "*" that is its first label stands for
one or more labels, any other "*" for octets of its own label.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, cast, get_args

from bossa.dns import names, types
from bossa.dns.ports import RuleRow

Scope = Literal["self", "subdomain", "zone", "pattern"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# What a rule without types leaves out; CDS and CDNSKEY are of RFC 7344, CSYNC of RFC 7477.
_STRUCTURE = types.MADE_BY_SIGNING | {types.NS, types.SOA, types.DS, types.CDS, types.CDNSKEY, types.CSYNC}
# A star that is escaped, and what fnmatch takes for wildcards besides the star, written plainly or by number.
_NOT_IN_PATTERN = re.compile(r"\\\*|\\042|\\063|\\091|\\093|[][?]")


@dataclass(frozen=True, slots=True)
class Person:
    """Whom a verified Kerberos context speaks for.

    ``principal`` is the ticket's full client name with its realm, whose case
    counts; ``sids`` are those of the verified PAC, groups and the account's
    own; ``own`` are the DNS names (keys) that the account is known by.
    """

    principal: str
    sids: frozenset[str] = frozenset()
    own: tuple[bytes, ...] = ()


class Caller(NamedTuple):
    """Who sent an update: the address, and the key's name or the person when a signature was verified."""

    address: Address
    key: bytes | None = None
    person: Person | None = None

    @property
    def is_unsigned(self) -> bool:
        """Tell whether nothing but the address speaks for the caller."""
        return self.key is None and self.person is None

    @property
    def text(self) -> str:
        """The caller as a log line has it."""
        return _caller_text(self)


@lru_cache(maxsize=1024)
def _caller_text(caller: Caller) -> str:
    if caller.person is not None:
        return f"krb5:{caller.person.principal}"
    return f"key:{names.to_text(caller.key)}" if caller.key else f"net:{caller.address}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy, checked; ``types`` None is "all ordinary ones", empty is "any"."""

    row: RuleRow
    scope: Scope
    key: bytes | None
    network: Network | None
    what: bytes
    pattern: tuple[bytes, ...]
    types: frozenset[int] | None

    def names_caller(self, caller: Caller) -> bool:
        """Tell whether the rule speaks of this caller at all."""
        if self.key is not None:
            return caller.key == self.key
        # A signed request is its signer's, never its address's.
        return self.network is not None and caller.is_unsigned and caller.address in self.network

    def covers(self, caller: Caller, owner: bytes, rtype: int) -> bool:
        """Tell whether the caller may change records of ``rtype`` at ``owner`` (a key) by this rule."""
        return self._covers_type(rtype) and self.reaches(caller, owner)

    def reaches(self, caller: Caller, owner: bytes) -> bool:
        """Tell whether the caller may change records of some type at ``owner`` by this rule."""
        return self.names_caller(caller) and self._covers_name(caller, owner)

    def _covers_type(self, rtype: int) -> bool:
        if self.types is None:
            return rtype not in _STRUCTURE
        return not self.types or rtype in self.types

    def _covers_name(self, caller: Caller, owner: bytes) -> bool:
        if self.scope == "zone":
            return True
        if self.scope == "self":
            return owner == caller.key or (caller.is_unsigned and owner == names.reverse(str(caller.address)))
        if self.scope == "subdomain":
            return names.is_below(owner, self.what)
        return _matches(names.labels(owner), self.pattern)


def parse_rule(row: RuleRow) -> Rule:
    """Check a rule; raises ValueError that says which part is wrong."""
    if row.scope not in get_args(Scope):
        raise ValueError(f"{row.scope!r} is no scope: one of self, subdomain, zone, pattern")
    key, network = _who(row.who)
    what = names.from_text(row.what).lower() if row.scope == "subdomain" else names.ROOT
    pattern = _pattern(row.what) if row.scope == "pattern" else ()
    return Rule(row, cast(Scope, row.scope), key, network, what, pattern, _types(row.types))


def _who(who: str) -> tuple[bytes | None, Network | None]:
    kind, _, value = who.partition(":")
    if kind == "key" and value:
        return names.from_text(value).lower(), None
    if kind == "net" and value:
        return None, ipaddress.ip_network(value)
    if who == "krb5-self" or (kind == "krb5" and value):
        return None, None
    raise ValueError(f"{who!r} names nobody: key:NAME, net:CIDR, krb5:PRINCIPAL or krb5-self")


def _pattern(text: str) -> tuple[bytes, ...]:
    """Return the labels of a pattern, in which a star is a wildcard."""
    if not text:
        raise ValueError("a pattern rule needs a pattern, such as *.hosts.example.test")
    if bad := _NOT_IN_PATTERN.search(text):
        raise ValueError(f"{bad[0]} cannot stand in a pattern: the one wildcard is *, and it cannot be escaped")
    return tuple(names.labels(names.from_text(text).lower()))


def _matches(labels: Sequence[bytes], pattern: Sequence[bytes]) -> bool:
    if pattern[:1] == (b"*",) and len(labels) >= len(pattern):
        pattern = pattern[1:]
        labels = labels[len(labels) - len(pattern) :]
    return len(labels) == len(pattern) and all(map(fnmatch.fnmatchcase, labels, pattern))


def _types(mnemonics: Sequence[str]) -> frozenset[int] | None:
    if not mnemonics:
        return None
    numbers = frozenset(types.type_number(one) for one in mnemonics)
    if types.ANY in numbers:
        return frozenset()
    if meta := [one for one in mnemonics if types.is_meta(types.type_number(one))]:
        raise ValueError(f"{meta[0]} is no type of a record that can be stored")
    return numbers


class Rules:
    """The policy of one zone: its own rules, then those of all zones."""

    __slots__ = ("_keys", "_networks", "rules")

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self.rules = rules
        self._keys = frozenset(rule.key for rule in rules if rule.key is not None)
        self._networks = tuple(rule.network for rule in rules if rule.network is not None)

    def knows(self, caller: Caller) -> bool:
        """Tell whether any rule speaks of the caller; see :meth:`Rule.names_caller`."""
        if caller.key is not None:
            return caller.key in self._keys
        return caller.is_unsigned and any(caller.address in network for network in self._networks)

    def reach(self, caller: Caller, owner: bytes) -> bool:
        """Tell whether any rule lets the caller change anything at ``owner``."""
        return any(rule.reaches(caller, owner) for rule in self.rules)

    def find(self, caller: Caller, owner: bytes, rtype: int) -> Rule | None:
        """Return the first rule that lets the caller change ``rtype`` at ``owner``, None when none does."""
        return next((rule for rule in self.rules if rule.covers(caller, owner, rtype)), None)
