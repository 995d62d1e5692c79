"""``bossa key``: the TSIG keys, in the forms that nsupdate and dig take."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from bossa.admin import keys
from bossa.admin.errors import Exit, Failure
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
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the key to a new file that only you can read.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a key.  What it prints, or writes to --file, is a file for nsupdate -k and dig -k."""
    args = keys.KeyAdd(name=name, secret=secret, algorithm=algorithm)
    if file is None:
        _show(call(data, keys.key_add, args), json=json)
        return
    key = _add_to_file(data, args, file)
    if json:
        output.json(key)
    else:
        where = shlex.quote(str(file))
        print(f"key {key.name} is in {file}: nsupdate -k {where}, dig -k {where}")


def _add_to_file(data: Path, args: keys.KeyAdd, file: Path) -> keys.KeyShown:
    """Make a key if there is room for its file; raises Failure."""
    whole = False
    try:
        with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as out:
            try:
                key = call(data, keys.key_add, args)
                out.write(key.clause)
                out.flush()
                os.fsync(out.fileno())
                whole = True
            finally:
                if not whole:
                    file.unlink()
    except OSError as e:
        fix = "name a file that is not there yet, in a directory that you may write"
        raise Failure(f"key file {file}", e.strerror or str(e), fix, Exit.REFUSED) from e
    return key


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
    # A comment, so that the output as a whole is a key file; with -y the secret would be in every list of processes.
    print(f"{key.clause}# In a file of mode 0600, this is for nsupdate -k FILE and dig -k FILE.")
