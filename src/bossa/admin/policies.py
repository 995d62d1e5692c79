"""Update policies: rules in the order in which they are tried, for one zone or ("*") for all."""

from __future__ import annotations

import msgspec

from bossa.admin import words
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, verb
from bossa.directory.realm import Realm
from bossa.dns import policy
from bossa.dns.ports import RuleRow

ALL_ZONES = "*"


class PolicyList(msgspec.Struct, frozen=True):
    """A zone, "*" for the rules of all zones, or "" for everything."""

    zone: str = ""


class PolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """A rule in its place; numbers count from 1 within ``zone``."""

    zone: str
    number: int
    who: str
    scope: str
    what: str
    types: tuple[str, ...]


class PolicyTable(msgspec.Struct, frozen=True):
    """Rules, each zone's own before those of all zones: the order in which an update meets them."""

    rules: list[PolicyLine]


class PolicyAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A new rule at place ``at`` (1 is the first); 0 puts it last."""

    zone: str
    who: str
    scope: str
    what: str = ""
    types: tuple[str, ...] = ()
    at: int = 0


class PolicyRemove(msgspec.Struct, frozen=True):
    """A rule by its place."""

    zone: str
    number: int


class PolicyChanged(msgspec.Struct, frozen=True):
    """The rule that came or went, and what is odd about it."""

    rule: PolicyLine
    warnings: list[str]


@verb("policy.list")
async def policy_list(office: Office, args: PolicyList) -> PolicyTable:
    """List the rules."""
    if args.zone:
        wanted = [apex for apex in (_apex(office, args.zone), b"") if apex in office.names.rules]
    else:
        wanted = sorted(office.names.rules, key=lambda apex: (apex == b"", apex))
    return PolicyTable(
        [_line(apex, number, row) for apex in dict.fromkeys(wanted) for number, row in _numbered(office, apex)]
    )


def _numbered(office: Office, apex: bytes) -> enumerate[RuleRow]:
    return enumerate(office.names.rules.get(apex, ()), 1)


def _line(apex: bytes, number: int, row: RuleRow) -> PolicyLine:
    zone = words.plain(apex) if apex else ALL_ZONES
    return PolicyLine(zone=zone, number=number, who=row.who, scope=row.scope, what=row.what, types=row.types)


def _apex(office: Office, zone: str) -> bytes:
    return b"" if zone == ALL_ZONES else words.zone(office, zone).apex


@verb("policy.add")
async def policy_add(office: Office, args: PolicyAdd) -> PolicyChanged:
    """Add a rule, last unless a place is given: the first that matches decides."""
    apex = _apex(office, args.zone)
    row = RuleRow(
        who=_who(args.who),
        scope=args.scope,
        what=_what(args, apex),
        types=tuple(one.upper() for one in args.types),
    )
    try:
        policy.parse_rule(row)
    except ValueError as e:
        raise Failure(f"rule for {args.who}", str(e), "bossa policy add --help tells the forms", Exit.USAGE) from e
    async with office.editing:
        rows = list(office.names.rules.get(apex, ()))
        list_ = f"bossa policy list {args.zone}"
        if row in rows:
            raise refused(f"rule for {row.who}", f"it is there already, as number {rows.index(row) + 1}", list_)
        at = args.at or len(rows) + 1
        if not 1 <= at <= len(rows) + 1:
            raise Failure(f"place {args.at}", f"the rules there are numbered 1 to {len(rows)}", list_, Exit.USAGE)
        rows.insert(at - 1, row)
        await office.names.set_rules(apex, rows)
    return PolicyChanged(_line(apex, at, row), _warnings(office, row))


def _who(text: str) -> str:
    """Bring a key's name into the form in which it is stored: lower case, no final dot."""
    kind, _, value = text.partition(":")
    return f"key:{words.plain(words.absolute(value))}" if kind == "key" and value else text


def _what(args: PolicyAdd, apex: bytes) -> str:
    """Make a subdomain or a pattern absolute: it may be written relative to the zone or whole."""
    text = args.what.lower()
    if not text or args.scope not in ("subdomain", "pattern") or text.endswith("."):
        return text
    zone = words.plain(apex) if apex else ""
    if not zone or zone == "." or text == zone or text.endswith("." + zone):
        return text + "."
    return f"{text}.{zone}."


def _warnings(office: Office, row: RuleRow) -> list[str]:
    kind, _, value = row.who.partition(":")
    if kind == "key" and words.absolute(value) not in office.names.keys:
        return [f"there is no key {value} yet: bossa key add {value}"]
    if kind == "net":
        return [f"everybody who can send from {value} may make these changes, unsigned: for a lab only"]
    if kind.startswith("krb5"):
        if office.accounts is None:
            return ["Kerberos is switched off here, so nobody matches this rule: enabled in [kerberos] of bossa.toml"]
        return _warnings_of_realm(office.accounts.realm, kind, value)
    return []


def _warnings_of_realm(realm: Realm, kind: str, value: str) -> list[str]:
    """Warn of a principal or a group that nobody is."""
    if not realm.is_founded or kind == policy.SELF:
        return []
    if kind == "krb5-group":
        return [] if realm.group(value) else [f"there is no group {value} yet: bossa group add {value}"]
    name, at, of = value.rpartition("@")
    if not at:
        return [f"a principal has a realm, so nobody matches this rule: krb5:{value}@{realm.info.realm}"]
    if of != realm.info.realm:
        near = of.upper() == realm.info.realm
        known = realm.trust(of) is not None
        return [] if known else [f"no trust with {of}" + (f": did you mean {realm.info.realm}?" if near else "")]
    if realm.find(name) is not None:
        return []
    found = realm.find(name, fold=True)
    fix = (
        f"the account is {found.account.name}, and case counts"
        if found is not None
        else f"bossa service add {name} makes it"
    )
    return [f"there is no account {name}: {fix}"]


@verb("policy.remove")
async def policy_remove(office: Office, args: PolicyRemove) -> PolicyChanged:
    """Remove the rule with this number."""
    apex = _apex(office, args.zone)
    async with office.editing:
        rows = list(office.names.rules.get(apex, ()))
        if not 1 <= args.number <= len(rows):
            why = f"the rules there are numbered 1 to {len(rows)}" if rows else "no rules there"
            raise refused(f"rule {args.number} of {args.zone}", why, f"bossa policy list {args.zone}")
        row = rows.pop(args.number - 1)
        await office.names.set_rules(apex, rows)
    return PolicyChanged(_line(apex, args.number, row), [])
