"""``bossa group``: accounts and other groups under one name."""

from __future__ import annotations

from typing import Annotated

import typer

from bossa.admin import groups
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room

app = room("Groups of users and services.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The group's name.")]


@app.command("list")
def list_(*, data: Data, json: Json = False) -> None:
    """List the groups."""
    found = call(data, groups.group_list, groups.GroupList())
    if json:
        output.json(found)
    else:
        output.table(("group", "members", "SID"), ((one.name, _members(one), one.sid) for one in found.groups))


@app.command()
def add(
    name: Name,
    *,
    data: Data,
    member: Annotated[list[str], typer.Option(metavar="NAME", help="Who is in it; may be repeated.")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Add a group."""
    _tell(call(data, groups.group_add, groups.GroupAdd(name, tuple(member))), json=json)


@app.command()
def members(
    name: Name,
    *,
    data: Data,
    add: Annotated[list[str], typer.Option(metavar="NAME", help="Who comes in; may be repeated.")] = [],  # noqa: B006
    remove: Annotated[list[str], typer.Option(metavar="NAME", help="Who leaves; may be repeated.")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Show a group's members, after --add and --remove.  A group may be a member too."""
    _tell(call(data, groups.group_members, groups.GroupMembers(name, tuple(add), tuple(remove))), json=json)


@app.command()
def remove(name: Name, *, data: Data, json: Json = False) -> None:
    """Remove a group; its members stay."""
    done = call(data, groups.group_remove, groups.GroupNamed(name))
    if json:
        output.json(done)
    else:
        print(f"group {done.name} removed")


def _tell(one: groups.GroupLine, *, json: bool) -> None:
    if json:
        output.json(one)
    else:
        print(f"group {one.name}: {_members(one) or 'nobody'}")


def _members(one: groups.GroupLine) -> str:
    return "everybody" if one.everybody else ", ".join(one.members)
