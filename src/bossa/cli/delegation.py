"""``bossa delegation``: which service may act for its users at which other one, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from bossa.admin import delegations
from bossa.admin.errors import Exit
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room

app = room("Delegation: which service may act for users at which other one.")
From = Annotated[str, typer.Argument(metavar="FROM", help="The service in the middle, HTTP/web.")]
To = Annotated[str, typer.Argument(metavar="TO", help="The service at the end, DNS/ns.")]
ByTarget = Annotated[bool, typer.Option("--by-target", help="In the list of the account at the end, not of FROM.")]


@app.command("list")
def list_(
    *,
    data: Data,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Only rights that this account has or gives.")] = "",
    json: Json = False,
) -> None:
    """List the rights to delegate."""
    found = call(data, delegations.delegation_list, delegations.DelegationList(name))
    if json:
        output.json(found)
        return
    lines = ((one.middle, one.target, _list_of(one), _protocol(one), _end(one)) for one in found.rights)
    output.table(("from", "to", "in the list of", "users who come by", ""), lines)


def _list_of(one: delegations.DelegationLine) -> str:
    return "the target" if one.by_target else "the middle"


def _protocol(one: delegations.DelegationLine) -> str:
    return "any protocol" if one.any_protocol else "Kerberos"


def _end(one: delegations.DelegationLine) -> str:
    return "no such account any more" if one.dangling else ""


@app.command()
def allow(
    from_: From,
    to: To,
    *,
    data: Data,
    any_protocol: Annotated[
        bool, typer.Option("--any-protocol", help="For users too who did not come to FROM with a ticket.")
    ] = False,
    by_target: ByTarget = False,
    json: Json = False,
) -> None:
    """Let FROM act for its users at TO."""
    args = delegations.DelegationAllow(middle=from_, target=to, by_target=by_target, any_protocol=any_protocol)
    _tell(call(data, delegations.delegation_allow, args), "may act", json=json)


@app.command()
def forbid(from_: From, to: To, *, data: Data, by_target: ByTarget = False, json: Json = False) -> None:
    """Take back what allow gave."""
    args = delegations.DelegationForbid(middle=from_, target=to, by_target=by_target)
    _tell(call(data, delegations.delegation_forbid, args), "may no more act", json=json)


def _tell(done: delegations.DelegationChanged, may: str, *, json: bool) -> None:
    output.warnings(done.warnings)
    if json:
        output.json(done)
        return
    right = done.right
    where = f", by the list of {right.target if right.by_target else right.middle}"
    anybody = ", also users who came without a ticket" if right.any_protocol and may == "may act" else ""
    print(f"{right.middle} {may} for users at {right.target}{where}{anybody}")


@app.command()
def explain(
    user: Annotated[str, typer.Argument(metavar="USER", help="The user whom FROM would act for.")],
    from_: From,
    to: To,
    *,
    data: Data,
    json: Json = False,
) -> int:
    """Tell whether FROM may act for USER at TO, and each rule that decided; exit code 2 when it may not."""
    args = delegations.DelegationExplain(user=user, middle=from_, target=to)
    found = call(data, delegations.delegation_explain, args)
    if json:
        output.json(found)
        return Exit.OK if found.allowed else Exit.REFUSED
    only = "" if found.allowed or not found.allowed_with_ticket else ", but for users who bring a ticket: yes"
    print(f"{_yes(found.allowed)}: {found.middle} for {found.user} at {found.target}{only}")
    for way in found.ways:
        print(f"{way.about}: {_yes(way.allowed)}" + (f" ({way.code})" if way.code else ""))
        for rule in way.rules:
            print(f"  {'✓' if rule.holds else '✗'} {rule.words}")
    return Exit.OK if found.allowed else Exit.REFUSED


def _yes(allowed: object) -> str:
    return "yes" if allowed else "no"
