"""``bossa user``: who may have tickets, and the passwords.  What ``set`` does holds for services' accounts too."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from bossa.admin import accounts, users
from bossa.admin.errors import Failure
from bossa.cli import output, secrets
from bossa.cli.call import call
from bossa.cli.options import Data, Json, Switch, room, switched

app = room("Users: who may have tickets.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
PasswordStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
]
MustChange = Annotated[bool, typer.Option("--must-change", help="Good only until the user has chosen another.")]


@app.command("list")
def list_(*, data: Data, json: Json = False) -> None:
    """List the users."""
    found = call(data, users.user_list, users.UserList())
    if json:
        output.json(found)
        return
    lines = ((one.name, one.display, one.state, ", ".join(one.groups)) for one in found.users)
    output.table(("user", "name", "state", "groups"), lines)


@app.command()
def add(
    name: Name,
    *,
    data: Data,
    display: Annotated[str, typer.Option("--name", metavar="TEXT", help="The name to show.")] = "",
    password_stdin: PasswordStdin = False,
    must_change: MustChange = False,
    json: Json = False,
) -> None:
    """Add a user.  Without a password one is made, and printed this once."""
    given = secrets.ask(name, from_stdin=password_stdin)
    args = users.UserAdd(name=name, password=given, display=display, must_change=must_change)
    _secret(call(data, users.user_add, args), "added", json=json)


@app.command()
def password(
    name: Name,
    *,
    data: Data,
    password_stdin: PasswordStdin = False,
    must_change: MustChange = False,
    json: Json = False,
) -> None:
    """Give an account a new password.  Without one it is made, and printed this once."""
    given = secrets.ask(name, from_stdin=password_stdin)
    args = users.UserPassword(name=name, password=given, must_change=must_change)
    _secret(call(data, users.user_password, args), "has a new password", json=json)


def _secret(done: users.UserSecret, what: str, *, json: bool) -> None:
    if json:
        output.json(done)
        return
    print(f"user {done.name} {what}")
    secrets.show(done.name, done.password)


@app.command()
def show(name: Name, *, data: Data, json: Json = False) -> None:
    """Show all of an account but its keys."""
    show_account(call(data, users.user_show, users.UserNamed(name)), json=json)


@app.command("set")
def set_(
    name: Name,
    *,
    data: Data,
    disabled: Annotated[Switch | None, typer.Option(help="Whether it gets no tickets at all.")] = None,
    sensitive: Annotated[Switch | None, typer.Option(help="Whether nobody may act for it, by whatever right.")] = None,
    preauth: Annotated[Switch | None, typer.Option(help="Whether the password is proved before a ticket.")] = None,
    must_change: Annotated[Switch | None, typer.Option(help="Whether the password has to be changed.")] = None,
    expires: Annotated[str | None, typer.Option(metavar="DATE", help="When it ends: 2030-01-31, or never.")] = None,
    display: Annotated[str | None, typer.Option("--name", metavar="TEXT", help="The name to show.")] = None,
    alias: Annotated[list[str], typer.Option(metavar="NAME", help="A further name; may be repeated.")] = [],  # noqa: B006
    remove_alias: Annotated[list[str], typer.Option(metavar="NAME", help="A further name to take away.")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Change what an account may, when it ends, and its further names."""
    args = users.UserSet(
        name=name,
        display=display,
        disabled=switched(disabled),
        sensitive=switched(sensitive),
        preauth=switched(preauth),
        must_change=switched(must_change),
        expires=expires,
        add_names=tuple(alias),
        remove_names=tuple(remove_alias),
    )
    show_account(call(data, users.user_set, args), json=json)


@app.command()
def unlock(name: Name, *, data: Data, json: Json = False) -> None:
    """Let an account in again that too many wrong passwords have locked."""
    show_account(call(data, users.user_unlock, users.UserNamed(name)), json=json)


@app.command()
def remove(
    name: Name,
    *,
    data: Data,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at a terminal.")] = False,
    json: Json = False,
) -> None:
    """Remove a user, from all groups and lists too."""
    if sys.stdin.isatty() and not yes and not typer.confirm(f"Remove the user {name}?", err=True):
        raise Failure(f"user {name}", "not removed", "answer y, or give --yes")
    done = call(data, users.user_remove, users.UserNamed(name))
    output.warnings(done.warnings)
    if json:
        output.json(done)
    else:
        print(f"user {done.name} removed")


def show_account(one: users.UserShown, *, json: bool) -> None:
    """Print all of an account but its keys."""
    if json:
        output.json(one)
        return
    moment = accounts.shown_moment
    rows = [
        (one.kind, one.principal),
        ("further names", ", ".join(one.names)),
        ("name", one.display),
        ("state", one.state),
        ("groups", ", ".join(one.groups)),
        ("SID", one.sid),
        ("created", moment(one.created)),
        ("ends", moment(one.expires)),
        ("password set", moment(one.password_set)),
        ("password ends", moment(one.password_expires)),
        ("wrong passwords", one.failures),
        ("locked until", moment(one.locked_until) if one.state == "locked" else ""),
        ("key version", one.kvno),
        ("may act at", ", ".join(one.delegates_to)),
        ("for anybody", "yes, by any protocol" if one.any_protocol else ""),
        ("lets act", ", ".join(one.allowed_from)),
        ("never delegated", "yes" if one.sensitive else ""),
        ("preauthentication", "" if one.preauth else "not asked for"),
    ]
    output.pairs((name, value) for name, value in rows if value != "")
