"""``bossa key``: the TSIG keys, in the forms that nsupdate and dig take."""

from __future__ import annotations

from typing import Annotated

import typer

from bossa.admin import keys
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room

app = room("TSIG keys: who may sign updates and transfers.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The key's name.")]


@app.command("list")
def list_(*, data: Data, json: Json = False) -> None:
    """List the keys, without their secrets."""
    found = call(data, keys.key_list, keys.KeyList())
    if json:
        output.json(found)
    else:
        output.table(("key", "algorithm", "rules"), ((key.name, key.algorithm, key.rules) for key in found.keys))


@app.command()
def add(
    name: Name,
    *,
    data: Data,
    secret: Annotated[str, typer.Option(metavar="BASE64", help="Its secret; a random one without.")] = "",
    algorithm: Annotated[
        str, typer.Option(metavar="NAME", help="hmac-sha224, -sha256, -sha384, -sha512, -sha1.")
    ] = "hmac-sha256",
    json: Json = False,
) -> None:
    """Make a key.  What it prints is a file for nsupdate -k and dig -k."""
    _show(call(data, keys.key_add, keys.KeyAdd(name=name, secret=secret, algorithm=algorithm)), json=json)


@app.command()
def show(name: Name, *, data: Data, json: Json = False) -> None:
    """Show a key with its secret.  What it prints is a file for nsupdate -k and dig -k."""
    _show(call(data, keys.key_show, keys.KeyNamed(name)), json=json)


@app.command()
def remove(name: Name, *, data: Data, json: Json = False) -> None:
    """Forget a key: what it signs is refused from now on."""
    done = call(data, keys.key_remove, keys.KeyNamed(name))
    output.warnings(done.warnings)
    if json:
        output.json(done)
    else:
        print(f"key {done.name} removed")


def _show(key: keys.KeyShown, *, json: bool) -> None:
    if json:
        output.json(key)
        return
    # Comments, so that the output as a whole is a key file.
    print(f"{key.clause}# nsupdate -y {key.argument}\n# dig -y {key.argument}")
