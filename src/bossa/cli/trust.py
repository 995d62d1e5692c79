"""``bossa trust``: realms whose users come here, or whose services ours reach."""

from __future__ import annotations

from typing import Annotated

import typer

from bossa.admin import trusts
from bossa.cli import output, secrets
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room

app = room("Trusts with other realms.")
Realm = Annotated[str, typer.Argument(metavar="REALM", help="The other realm.")]
_WAYS = {"both": "both ways", "out": "our users go there", "in": "their users come here"}


@app.command("list")
def list_(*, data: Data, json: Json = False) -> None:
    """List the trusts."""
    found = call(data, trusts.trust_list, trusts.TrustList())
    if json:
        output.json(found)
        return
    lines = ((one.realm, _WAYS[one.direction], ", ".join(one.suffixes), one.sid) for one in found.trusts)
    output.table(("realm", "direction", "domains", "SID"), lines)


@app.command()
def add(
    realm: Realm,
    *,
    data: Data,
    direction: Annotated[
        str, typer.Option(metavar="WAY", help="both; out: our users go there; in: their users come here.")
    ] = "both",
    suffix: Annotated[
        list[str], typer.Option(metavar="DOMAIN", help="A DNS domain of that realm beside its own; may be repeated.")
    ] = [],  # noqa: B006
    sid: Annotated[
        str, typer.Option(metavar="SID", help="The SID of its domain; without it only names of users come in.")
    ] = "",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the shared password from standard input.")
    ] = False,
    json: Json = False,
) -> None:
    """Trust another realm.  Both sides make their keys of one password: it is asked for, or made and printed once."""
    password = secrets.ask(f"the trust with {realm}", from_stdin=password_stdin)
    args = trusts.TrustAdd(realm=realm, direction=direction, suffixes=tuple(suffix), sid=sid, password=password)
    done = call(data, trusts.trust_add, args)
    if json:
        output.json(done)
        return
    print(f"trust with {done.trust.realm}, {_WAYS[done.trust.direction]}")
    print(f"The other side needs {' and '.join(done.principals)} with the same password.")
    print(f"The SID of our domain is {done.our_sid}")
    secrets.show("the trust", done.password)


@app.command()
def remove(realm: Realm, *, data: Data, json: Json = False) -> None:
    """Trust a realm no more: tickets of users from there are refused from now on."""
    done = call(data, trusts.trust_remove, trusts.TrustNamed(realm))
    if json:
        output.json(done)
    else:
        print(f"trust with {done.realm} removed")
