"""Update policy: who may change what, decided by the first rule that matches.

A rule names who (a TSIG key, a network, a Kerberos principal, the members of
a group, or every Kerberos account for itself), where (self, subdomain, zone,
pattern) and which types.  Nobody is allowed anything that no rule allows.  A
rule without types covers all but those that hold the zone together (NS, SOA,
DNSSEC's, and CDS, CDNSKEY and CSYNC, by which the parent changes the
delegation); the type ANY covers these too, as does naming them.

What is a person's own are the DNS names of the account.  A rule for
``krb5-self`` covers these only, wherever else its scope reaches, and without
types those that a host says of itself (:data:`OF_A_HOST`).  The PTR of an
address is its host's own too, but only as :mod:`bossa.dns.pointing` decides.

A pattern is compared label by label: a "*" that is its first label stands for
one or more labels, any other "*" for octets of its own label.
"""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, cast, get_args

from bossa.dns import names, types
from bossa.dns.ports import RuleRow

Scope = Literal["self", "subdomain", "zone", "pattern"]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SELF = "krb5-self"
# What a rule for krb5-self covers without types, at the names that are the account's own; and the PTR of its addresses.
OF_A_HOST = frozenset((types.A, types.AAAA, types.HTTPS, types.SSHFP, types.TXT))
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


# Finds the SID of a group of ours by its name; None when there is no such group.
SidOf = Callable[[str], str | None]


def no_groups(name: str) -> str | None:
    """Find no group: where there is no realm."""
    return None


class Who(Protocol):
    """Whom a rule speaks of."""

    def names(self, caller: Caller) -> bool:
        """Tell whether this is the caller."""


class Holder(NamedTuple):
    """Whoever holds a TSIG key."""

    key: bytes

    def names(self, caller: Caller) -> bool:
        """Tell whether the key signed."""
        return caller.key == self.key


class Inhabitant(NamedTuple):
    """Whoever sends from a network, and signs nothing: a signed request is its signer's, never its address's."""

    network: Network

    def names(self, caller: Caller) -> bool:
        """Tell whether it came from there."""
        return caller.is_unsigned and caller.address in self.network


class Principal(NamedTuple):
    """One Kerberos client, by its full name with the realm, in which case counts."""

    name: str

    def names(self, caller: Caller) -> bool:
        """Tell whether the ticket is this client's."""
        return caller.person is not None and caller.person.principal == self.name


class Member(NamedTuple):
    """Whoever is in a group of ours, by the PAC; a group that is made anew is another one."""

    group: str
    sid_of: SidOf

    def names(self, caller: Caller) -> bool:
        """Tell whether the PAC has the SID that the group has now."""
        return caller.person is not None and self.sid_of(self.group) in caller.person.sids


class Oneself(NamedTuple):
    """Every Kerberos client that has a DNS name of its own."""

    def names(self, caller: Caller) -> bool:
        """Tell whether the account has a name."""
        return caller.person is not None and bool(caller.person.own)


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a policy, checked; ``types`` None is "all ordinary ones", empty is "any"."""

    row: RuleRow
    scope: Scope
    who: Who
    what: bytes
    pattern: tuple[bytes, ...]
    types: frozenset[int] | None

    def names_caller(self, caller: Caller) -> bool:
        """Tell whether the rule speaks of this caller at all."""
        return self.who.names(caller)

    def covers(self, caller: Caller, owner: bytes, rtype: int) -> bool:
        """Tell whether the caller may change records of ``rtype`` at ``owner`` (a key) by this rule."""
        return self._covers_type(rtype) and self.reaches(caller, owner)

    def reaches(self, caller: Caller, owner: bytes) -> bool:
        """Tell whether the caller may change records of some type at ``owner`` by this rule."""
        return self.names_caller(caller) and self._covers_name(caller, owner)

    def points(self, caller: Caller, owner: bytes) -> bool:
        """Tell whether the caller may have an address of its own lead back to it by this rule."""
        if not (self.scope == "self" or self._is_for_oneself) or caller.person is None:
            return False
        of_all = self.types is None or self._covers_type(types.PTR)
        return of_all and self.names_caller(caller) and self._is_in_scope(owner) and names.address(owner) is not None

    @property
    def _is_for_oneself(self) -> bool:
        return isinstance(self.who, Oneself)

    def _covers_type(self, rtype: int) -> bool:
        if self.types is None:
            return rtype in OF_A_HOST if self._is_for_oneself else rtype not in _STRUCTURE
        return not self.types or rtype in self.types

    def _covers_name(self, caller: Caller, owner: bytes) -> bool:
        if self.scope == "self" or self._is_for_oneself:
            return _is_own(caller, owner) and self._is_in_scope(owner)
        return self._is_in_scope(owner)

    def _is_in_scope(self, owner: bytes) -> bool:
        if self.scope == "subdomain":
            return names.is_below(owner, self.what)
        return self.scope != "pattern" or _matches(names.labels(owner), self.pattern)


def _is_own(caller: Caller, owner: bytes) -> bool:
    """Tell whether a name is a person's, that of the key, or that of the address of who signed nothing."""
    if caller.person is not None:
        return owner in caller.person.own
    return owner == caller.key if caller.key is not None else owner == names.reverse(str(caller.address))


def parse_rule(row: RuleRow, sid_of: SidOf = no_groups) -> Rule:
    """Check a rule; raises ValueError that says which part is wrong."""
    if row.scope not in get_args(Scope):
        raise ValueError(f"{row.scope!r} is no scope: one of self, subdomain, zone, pattern")
    who = _who(row.who, sid_of)
    what = names.from_text(row.what).lower() if row.scope == "subdomain" else names.ROOT
    pattern = _pattern(row.what) if row.scope == "pattern" else ()
    return Rule(row, cast(Scope, row.scope), who, what, pattern, _types(row.types))


def _who(who: str, sid_of: SidOf) -> Who:
    kind, _, value = who.partition(":")
    if who == SELF:
        return Oneself()
    if kind == "key" and value:
        return Holder(names.from_text(value).lower())
    if kind == "net" and value:
        return Inhabitant(ipaddress.ip_network(value))
    if kind == "krb5" and value:
        return Principal(value)
    if kind == "krb5-group" and value:
        return Member(value, sid_of)
    raise ValueError(f"{who!r} names nobody: key:NAME, net:CIDR, krb5:PRINCIPAL, krb5-self or krb5-group:NAME")


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

    __slots__ = ("_holders", "_others", "rules")

    def __init__(self, rules: tuple[Rule, ...] = ()) -> None:
        self.rules = rules
        # There may be a key for each of many machines.
        self._holders = frozenset(rule.who.key for rule in rules if isinstance(rule.who, Holder))
        self._others = tuple(rule.who for rule in rules if not isinstance(rule.who, Holder))

    def knows(self, caller: Caller) -> bool:
        """Tell whether any rule speaks of the caller; see :meth:`Rule.names_caller`."""
        if caller.key is not None:
            return caller.key in self._holders
        return any(who.names(caller) for who in self._others)

    def reach(self, caller: Caller, owner: bytes) -> bool:
        """Tell whether any rule lets the caller change anything at ``owner``."""
        return any(rule.reaches(caller, owner) or rule.points(caller, owner) for rule in self.rules)

    def find(self, caller: Caller, owner: bytes, rtype: int) -> Rule | None:
        """Return the first rule that lets the caller change ``rtype`` at ``owner``, None when none does."""
        return next((rule for rule in self.rules if rule.covers(caller, owner, rtype)), None)

    def find_pointing(self, caller: Caller, owner: bytes) -> Rule | None:
        """Return the first rule by which the address of ``owner`` may lead back to the caller."""
        return next((rule for rule in self.rules if rule.points(caller, owner)), None)

    def why_unknown(self, caller: Caller) -> str:
        """Say why no rule speaks of the caller, and which one nearly does."""
        near = self._near(caller.person.principal) if caller.person is not None else None
        if near is None and caller.person is not None and any(isinstance(who, Oneself) for who in self._others):
            near = f"{SELF} is for accounts with a DNS name, and this one has none"
        return f"no rule names {caller.text}" + (f": {near}" if near else "")

    def why_not(self, caller: Caller, owner: bytes, rtype: int | None = None) -> str:
        """Say that no rule lets the caller change something, and what is its own instead."""
        what = names.to_text(owner) + (f" {types.type_text(rtype)}" if rtype is not None else "")
        why = f"no rule lets {caller.text} change {what}"
        if caller.person is None or any(rule.reaches(caller, owner) for rule in self.rules):
            return why
        near = self._near(caller.person.principal) or f"its own names are {_own_text(caller.person)}"
        return f"{why}: {near}"

    def _near(self, principal: str) -> str | None:
        """Return what is wrong with a rule that seems to be meant for a principal and is for another one."""
        for who in self._others:
            if not isinstance(who, Principal) or who.name == principal:
                continue
            if who.name.casefold() == principal.casefold():
                return f"the rule for krb5:{who.name} differs in upper and lower case"
            if who.name.casefold() == principal.rpartition("@")[0].casefold():
                return f"the rule for krb5:{who.name} lacks the realm"
        return None


@lru_cache(maxsize=1024)
def _own_text(person: Person) -> str:
    return ", ".join(map(names.to_text, person.own)) or "none"
