"""``bossa policy``: who may update what.  The first rule that matches decides; nobody may what no rule allows."""

from __future__ import annotations

from typing import Annotated

import typer

from bossa.admin import policies
from bossa.admin.errors import Exit, Failure
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room
from bossa.dns.policy import SELF

app = room("Update policy: who may change what.")
_WHO = "key:NAME, net:CIDR, krb5:PRINCIPAL, krb5-group:NAME, or krb5-self: every account its own names."
ZoneName = Annotated[str, typer.Argument(metavar="ZONE", help="The zone, * for all zones.")]


@app.command("list")
def list_(
    *,
    data: Data,
    zone: Annotated[
        str, typer.Argument(metavar="ZONE", help="Only what holds for this zone, * for the rules of all.")
    ] = "",
    json: Json = False,
) -> None:
    """List the rules in the order in which they are tried: a zone's own, then those of all zones."""
    found = call(data, policies.policy_list, policies.PolicyList(zone))
    if json:
        output.json(found)
        return
    rows = ((rule.zone, rule.number, rule.who, _scope(rule), _types(rule)) for rule in found.rules)
    output.table(("zone", "no.", "who", "may change", "types"), rows)


@app.command()
def add(
    zone: ZoneName,
    *,
    data: Data,
    allow: Annotated[str, typer.Option(metavar="WHO", help=_WHO)],
    self_: Annotated[bool, typer.Option("--self", help="The names that are the client's own.")] = False,
    subdomain: Annotated[str | None, typer.Option(metavar="NAME", help="This name and all below.")] = None,
    whole: Annotated[bool, typer.Option("--zone", help="The whole zone.")] = False,
    pattern: Annotated[str | None, typer.Option(metavar="P", help="Names like this, with * for parts of it.")] = None,
    types: Annotated[list[str], typer.Option(metavar="A,AAAA", help="Only these types, ANY for all.")] = [],  # noqa: B006
    first: Annotated[bool, typer.Option("--first", help="Before all other rules.")] = False,
    at: Annotated[int | None, typer.Option(metavar="N", help="At this place, counted from 1.", min=1)] = None,
    json: Json = False,
) -> None:
    """Add a rule, after those that are there."""
    scope, what = _chosen(self_=self_, subdomain=subdomain, whole=whole, pattern=pattern)
    if first and at is not None:
        raise Failure("policy add", "--first and --at are two places", "give one", Exit.USAGE)
    wanted = tuple(name for part in types for name in part.replace(" ", ",").split(",") if name)
    args = policies.PolicyAdd(zone=zone, who=allow, scope=scope, what=what, types=wanted, at=1 if first else at or 0)
    _tell(call(data, policies.policy_add, args), "added", json=json)


def _chosen(*, self_: bool, subdomain: str | None, whole: bool, pattern: str | None) -> tuple[str, str]:
    """Return the one scope that was given, and its name or pattern."""
    given = [("self", "")] * self_ + [("zone", "")] * whole
    given += [("subdomain", subdomain)] if subdomain is not None else []
    given += [("pattern", pattern)] if pattern is not None else []
    if len(given) != 1:
        why = "it says nothing of where" if not given else "it says twice where"
        raise Failure("policy add", why, "give one of --self, --subdomain NAME, --zone, --pattern P", Exit.USAGE)
    return given[0]


@app.command()
def remove(
    zone: ZoneName,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The rule's number in policy list.")],
    *,
    data: Data,
    json: Json = False,
) -> None:
    """Remove a rule by its number."""
    _tell(call(data, policies.policy_remove, policies.PolicyRemove(zone, number)), "removed", json=json)


def _tell(done: policies.PolicyChanged, what: str, *, json: bool) -> None:
    output.warnings(done.warnings)
    if json:
        output.json(done)
        return
    rule = done.rule
    print(f"rule {rule.number} of {rule.zone} {what}: {rule.who} may change {_scope(rule)}, {_types(rule)}")


def _scope(rule: policies.PolicyLine) -> str:
    """Say where; an account that speaks for itself is held to its own names everywhere."""
    words = {"self": "its own name", "zone": "the whole zone", "pattern": "names like"}
    return f"{words.get(rule.scope, rule.scope)} {rule.what}".rstrip()


def _types(rule: policies.PolicyLine) -> str:
    ordinary = "types of a host" if rule.who == SELF else "ordinary types"
    return "any type" if "ANY" in rule.types else ",".join(rule.types) or ordinary
