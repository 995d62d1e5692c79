"""``bossa host``: machines of the domain, which register their own names with their own tickets."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bossa.admin import accounts, hosts
from bossa.admin.errors import Exit, Failure
from bossa.admin.services import ServiceKeys
from bossa.cli import output
from bossa.cli.call import call
from bossa.cli.options import Data, Json, room

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bossa.admin.session import StepLine
    from bossa.cli.probing import Files
    from bossa.net.ask import Address

app = room("Machines of the domain, which register their own names.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The host: ws1.bossa.test, or ws1.")]
Addresses = Annotated[
    list[str] | None,
    typer.Option("--address", metavar="A", help="An address to register; else the machine's own.  May be repeated."),
]
# In the middle of nobody's hour: a host is registered again long before any window of scavenging ends.
_CRON = "17 * * * *"


@app.command("list")
def list_(*, data: Data, json: Json = False) -> None:
    """List the hosts, with the addresses that they have, and when they last registered them."""
    found = call(data, hosts.host_list, hosts.HostList())
    if json:
        output.json(found)
        return
    rows = (
        (one.name, " ".join(one.addresses), accounts.shown_moment(one.seen), one.state, one.kvno) for one in found.hosts
    )
    output.table(("host", "addresses", "registered (UTC)", "state", "key version"), rows)


@app.command()
def join(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="The host; else this machine.")] = "",
    *,
    data: Data,
    keytab: Annotated[
        Path | None, typer.Option("--keytab", metavar="FILE", help="Where its keys go; else ./NAME.keytab.")
    ] = None,
    address: Addresses = None,
    force: Annotated[bool, typer.Option("--force", help="Write over what is in the file.")] = False,
    json: Json = False,
) -> int:
    """Make a host's account and keytab, and register its addresses under its own ticket.

    Runs where the domain's data is.  For another machine take --keytab there, and run bossa host refresh on it.
    """
    from bossa.cli import keytabs

    this = _this_machine()
    file = keytab or Path(f"{(name or this).partition('.')[0]}.keytab")
    before = keytabs.read(file, force=force)
    keys = call(data, hosts.host_join, hosts.HostNamed(name or this))
    keytabs.write(file, keys, before)
    host = keys.account.partition("/")[2]
    is_here = host.partition(".")[0] == this.partition(".")[0]
    lines = list(_register_joined(data, file, keys, address or [])) if address or is_here else []
    if json:
        output.json({"host": host, "realm": keys.realm, "kvno": keys.kvno, "keytab": str(file), "steps": lines})
    else:
        _tell_joined(host, keys, file)
        _tell_registered(host, lines)
        _tell_timer(data, file, is_here=is_here)
    return Exit.FAILED if any(line.state == "failed" for line in lines) else Exit.OK


def _register_joined(data: Path, file: Path, keys: ServiceKeys, given: list[str]) -> Iterator[StepLine]:
    """Register a host that has just joined, at the server that runs on this data."""
    from bossa.admin.session import failed
    from bossa.cli import probing
    from bossa.dns.probe.conversation import Cause, Fault

    try:
        server, kdc = _servers(data)
    except Failure as e:
        yield failed(
            "its addresses are registered", Fault(Cause.UNREACHABLE, e.why, f"{e.fix}, then bossa host refresh")
        )
        return
    files = probing.Files(keytab=file, principal=f"{keys.account}@{keys.realm}", kdc=kdc, data=data)
    yield from _register(files, probing.server_address(server), given)


def _servers(data: Path) -> tuple[str, str]:
    """Where the running server answers names and tickets; raises Failure."""
    from bossa.admin import upkeep

    report = call(data, upkeep.status, upkeep.Status(), offline=False)
    found = {service.name.lower(): service.addresses[0].split()[0] for service in report.services}
    if "dns" not in found or "kerberos" not in found:
        raise Failure("host join", "the server does not give names and tickets both", "bossa status", Exit.FAILED)
    return found["dns"], found["kerberos"]


def _register(files: Files, server: Address, given: list[str]) -> Iterator[StepLine]:
    """Register the addresses that are given, or this machine's, for the host of a keytab."""
    from bossa.admin import words
    from bossa.admin.register import Host, Registration
    from bossa.admin.session import failed
    from bossa.cli import probing
    from bossa.dns.probe.conversation import Fault

    try:
        whom = probing.whose(files, server)
    except Fault as fault:
        yield failed(f"keys in {files.keytab}", fault)
        return
    assert whom.holder is not None, "there is a keytab"
    name = whom.holder.principal.rpartition("@")[0].partition("/")[2]
    if not name:
        fix = "name a host's principal with --principal: host/ws1.bossa.test"
        raise Failure(f"principal {whom.holder.principal}", "it is no host's", fix, Exit.USAGE)
    host = Host(words.absolute(name), probing.addresses(given, server[0]))
    yield from Registration(host, whom, probing.means(files)).run()


def _tell_joined(host: str, keys: ServiceKeys, file: Path) -> None:
    print(f"host {host} joined {keys.realm}: version {keys.kvno} of its keys is in {file}")


def _tell_registered(host: str, lines: list[StepLine]) -> None:
    """Print what was registered, and what went wrong."""
    from bossa.cli.dns import print_step

    for line in lines:
        if line.state != "ok":
            print_step(line)
        elif line.what == f"{host} registered":
            print(f"registered under its own ticket: {host} at {line.found}")


def _tell_timer(data: Path, file: Path, *, is_here: bool) -> None:
    """Print the line that keeps the names fresh."""
    try:
        server, kdc = _servers(data)
    except Failure:
        server, kdc = "HOST:PORT", ""
    where = f" --kdc {kdc}" if kdc else ""
    keytab = shlex.quote(str(file.absolute()))
    where_else = "" if is_here else "on that machine, with the keytab and the addresses as they are there, "
    print(f"{where_else}its names stay fresh with this line in crontab -e:")
    print(f"{_CRON} {_program()} host refresh --keytab {keytab} --server {server}{where}")


def _program() -> str:
    """The command as a timer finds it."""
    checkout = os.environ.get("BOSSA_CHECKOUT")
    return shlex.quote(f"{checkout}/bossa" if checkout else shutil.which("bossa") or "bossa")


def _this_machine() -> str:
    return socket.gethostname().lower()


@app.command()
def refresh(
    *,
    data: Data,
    keytab: Annotated[Path, typer.Option("--keytab", metavar="FILE", help="The machine's keytab.")],
    server: Annotated[
        str, typer.Option("--server", metavar="HOST:PORT", help="The name server; else the system's resolver.")
    ] = "",
    principal: Annotated[
        str, typer.Option("--principal", metavar="P", help="The host's principal; else the keytab's first.")
    ] = "",
    realm: Annotated[str, typer.Option("--realm", metavar="R", help="Its realm, where the keytab has several.")] = "",
    kdc: Annotated[str, typer.Option("--kdc", metavar="HOST:PORT", help="The KDC; else krb5.conf's.")] = "",
    address: Addresses = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show all messages and what they mean.")] = False,
    json: Json = False,
) -> int:
    """Register this machine's names again with its keytab: for a timer.  Works without the domain's data."""
    from bossa.cli import probing
    from bossa.cli.dns import print_step

    files = probing.Files(keytab=keytab, principal=principal, realm=realm, kdc=kdc, data=data)
    lines = []
    for line in _register(files, probing.server_address(server or probing.default_server()), address or []):
        lines.append(line)
        if not json and (verbose or line.state != "ok" or line.what.endswith(" registered")):
            print_step(line, verbose=verbose)
    if json:
        output.json(lines)
    return Exit.FAILED if any(line.state == "failed" for line in lines) else Exit.OK


@app.command()
def remove(name: Name, *, data: Data, json: Json = False) -> None:
    """Remove a host: its account, and what it has registered."""
    done = call(data, hosts.host_remove, hosts.HostNamed(name))
    if json:
        output.json(done)
    else:
        print(f"host {done.name} removed, with {done.records} records of its name")
