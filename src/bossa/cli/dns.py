"""``bossa dns``: the update tester, for bossa's name server and everybody else's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bossa.cli import output
from bossa.cli.options import Data, Json, room

if TYPE_CHECKING:
    from bossa.admin.session import Octets, StepLine

app = room("Tools for name servers, whoever's they are.")
_SIGNS = {"ok": "✓", "warning": "!", "failed": "✗"}
# So many octets of a piece are shown.
_SHOWN = 12


@app.callback()
def _room() -> None:
    """Tools for name servers, whoever's they are."""


@app.command()
def probe(
    server: Annotated[str, typer.Argument(metavar="SERVER", help="The server: 192.0.2.1, [::1]:10053, a host's name.")],
    zone: Annotated[str, typer.Argument(metavar="ZONE", help="The zone to be changed.")],
    *,
    data: Data,
    port: Annotated[int, typer.Option("--port", metavar="N", help="The server's port.")] = 0,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="A TSIG key, as for nsupdate -k.")] = None,
    ccache: Annotated[
        Path | None, typer.Option("--ccache", metavar="FILE", help="Somebody's tickets; else those of KRB5CCNAME.")
    ] = None,
    keytab: Annotated[Path | None, typer.Option("--keytab", metavar="FILE", help="Keys to sign in with.")] = None,
    principal: Annotated[
        str, typer.Option("--principal", metavar="P", help="Whose key of the keytab; else the first.")
    ] = "",
    realm: Annotated[str, typer.Option("--realm", metavar="R", help="The realm, where no file says it.")] = "",
    kdc: Annotated[str, typer.Option("--kdc", metavar="HOST:PORT", help="The KDC; else krb5.conf's.")] = "",
    service: Annotated[
        str, typer.Option("--service", metavar="SPN", help="The server's principal; else DNS/ and the primary's name.")
    ] = "",
    name: Annotated[
        str,
        typer.Option("--name", metavar="NAME", help="Where the record goes; else the host's own or a new name."),
    ] = "",
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="TXT, A or AAAA.")] = "TXT",
    tcp: Annotated[bool, typer.Option("--tcp", help="Send the updates over TCP.")] = False,
    spnego: Annotated[bool, typer.Option("--spnego", help="Negotiate the mechanism, as Windows does.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show all messages and what they mean.")] = False,
    json: Json = False,
) -> int:
    """Add a record by a signed update, read it back, take it away; say which step fails and why.

    Exit code 0 when every step went well, 2 when the server's policy refuses, 3 when nobody answers, else 1.
    """
    from bossa.admin.probe import report
    from bossa.cli import probing

    files = probing.Files(key, ccache, keytab, principal, realm, kdc, data)
    plan = probing.plan(zone, name, type_.upper(), tcp=tcp)
    lines = []
    for line in probing.probe(plan, files, probing.server_address(server, port), service=service, spnego=spnego):
        lines.append(line)
        if not json:
            print_step(line, verbose=verbose)
    done = report(lines)
    if json:
        output.json(done)
    return done.exit


def print_step(line: StepLine, *, verbose: bool = False) -> None:
    """Print a step, and under it what it found or what is wrong."""
    for message in line.octets if verbose else ():
        _print_octets(message)
    print(f"{_SIGNS[line.state]} {line.what:<72} {line.milliseconds:8.1f} ms", flush=True)
    if line.found:
        print(f"    {line.found}")
    if line.why:
        print(f"    {line.why}.\n    Likely cause: {line.cause}. Fix: {output.callable_here(line.fix)}.")


def _print_octets(message: Octets) -> None:
    print(f"  {message.what}")
    for at, octets, meaning in message.pieces:
        shown = octets.split(" ")
        more = " …" if len(shown) > _SHOWN else ""
        print(f"    {at:04x}  {' '.join(shown[:_SHOWN]) + more:<{3 * _SHOWN + 2}} {meaning}")
