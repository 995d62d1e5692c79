"""``bossa service``: services and hosts, their names, and the keytabs that take their keys to where they run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from bossa.admin import accounts, services, users
from bossa.admin.services import ServiceKeys
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room
from bossa.cli.user import show_account

app = room("Services and hosts: their names and keytabs.")
Name = Annotated[str, typer.Argument(metavar="SPN", help="The service: HTTP/web.bossa.test, or HTTP/web.")]
Force = Annotated[bool, typer.Option("--force", help="Write over what is in the file.")]


@app.command("list")
def list_(*, data: Data, json: Json = False) -> None:
    """List the services and hosts."""
    found = call(data, services.service_list, services.ServiceList())
    if json:
        output.json(found)
        return
    lines = ((one.name, ", ".join(one.names), one.kind, one.state, one.kvno) for one in found.services)
    output.table(("service", "further names", "kind", "state", "key version"), lines)


@app.command()
def add(
    name: Name,
    *,
    data: Data,
    keytab: Annotated[Path | None, typer.Option(metavar="FILE", help="Write its keys to this keytab.")] = None,
    account: Annotated[
        str, typer.Option(metavar="NAME", help="Only a further name of this account, with the keys it has.")
    ] = "",
    force: Force = False,
    json: Json = False,
) -> None:
    """Add a service with random keys.  A keytab that is there keeps what it has."""
    args = services.ServiceAdd(name=name, account=account)
    if keytab is None:
        done = call(data, services.service_add, args)
        # The name that came last stands last.
        _tell(done, f"{done.names[-1]} is a name of it" if account else "added", json=json)
    else:
        _to_file(keytab, lambda: call(data, services.service_add, args), force=force, json=json)


@app.command()
def keytab(
    name: Name,
    *,
    data: Data,
    file: Annotated[Path, typer.Option("--file", metavar="FILE", help="The keytab; one that is there is added to.")],
    rotate: Annotated[bool, typer.Option("--rotate", help="Make new keys first.")] = False,
    force: Force = False,
    json: Json = False,
) -> None:
    """Write an account's keys to a keytab that only you can read."""
    args = services.ServiceKeytab(name=name, rotate=rotate)
    _to_file(file, lambda: call(data, services.service_keytab, args), force=force, json=json)


def _to_file(file: Path, fetch: Callable[[], ServiceKeys], *, force: bool, json: bool) -> None:
    """Fetch keys, once it is sure that the file can take them, and write it."""
    from bossa.cli import keytabs

    before = keytabs.read(file, force=force)
    keys = fetch()
    kept = keytabs.write(file, keys, before)
    beside = f", beside {kept} keys that were there" if kept else ""
    _tell(keys, f"version {keys.kvno} of its keys is in {file}{beside}", json=json)


def _tell(keys: ServiceKeys, what: str, *, json: bool) -> None:
    """Print about keys, and never these."""
    if json:
        output.json({"account": keys.account, "names": keys.names, "realm": keys.realm, "kvno": keys.kvno})
    else:
        print(f"service {keys.account}: {what}")


@app.command()
def show(name: Name, *, data: Data, json: Json = False) -> None:
    """Show all of a service's account but its keys."""
    show_account(call(data, users.user_show, users.UserNamed(name)), json=json)


@app.command()
def rotate(name: Name, *, data: Data, json: Json = False) -> None:
    """Give a service, or krbtgt, new keys.  Tickets under the old ones stay good for the rest of their lives."""
    done = call(data, services.service_rotate, services.ServiceNamed(name))
    if json:
        output.json(done)
    else:
        until = accounts.shown_moment(done.old_until)
        print(f"service {done.name}: version {done.kvno} of its keys; the one before opens tickets until {until} UTC")


@app.command()
def remove(name: Name, *, data: Data, json: Json = False) -> None:
    """Remove a service, from all groups and lists too; or a further name of an account."""
    done = call(data, services.service_remove, services.ServiceNamed(name))
    if json:
        output.json(done)
    else:
        print(f"service {done.name} removed" if not done.account else f"{done.name} is no name of {done.account} now")
