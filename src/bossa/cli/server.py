"""The verbs for the server as a whole: up, status, check, env, reload, backup, restore."""

from __future__ import annotations

import errno
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from bossa.admin import upkeep
from bossa.admin.errors import Exit, Failure
from bossa.admin.found import ADMIN_FILE
from bossa.admin.locate import KRB5_CONF
from bossa.admin.status import StatusReport, TicketStatus, WorkerStatus, ZoneStatus
from bossa.cli import output, up
from bossa.cli.call import call
from bossa.cli.options import Data, Json

_SIGNS = {"ok": "✓", "warning": "!", "failed": "✗"}
_DNS = "dns"
# Where a shell that took our exports keeps its tickets.
_TICKETS = "tickets"
_KDC = "kerberos"


def register(app: typer.Typer) -> None:
    """Put the verbs into the tree."""
    verbs: tuple[Callable[..., Any], ...] = (start, status, check, env, reload, backup, restore)
    for verb in verbs:
        app.command("up" if verb is start else None)(verb)


def start(
    data: Annotated[str, typer.Option("--data", metavar="DIR", help=up.FLAGS["--data"].help)] = "",
    port_base: Annotated[str, typer.Option(metavar="N", help=up.FLAGS["--port-base"].help)] = "",
    config: Annotated[str, typer.Option(metavar="FILE", help=up.FLAGS["--config"].help)] = "",
    domain: Annotated[str, typer.Option(metavar="NAME", help=up.FLAGS["--domain"].help)] = "",
    log_format: Annotated[str, typer.Option(metavar="FORMAT", help=up.FLAGS["--log-format"].help)] = "",
    ready_fd: Annotated[str, typer.Option(metavar="N", help=up.FLAGS["--ready-fd"].help)] = "",
) -> int:
    """Start the server, in the foreground; the first start makes a domain."""
    given = {"data": data, "port_base": port_base, "config": config, "domain": domain}
    given |= {"log_format": log_format, "ready_fd": ready_fd}
    return up.run({name: value for name, value in given.items() if value})


def status(*, data: Data, json: Json = False) -> int:
    """Show how the running server is; exit code 1 when something is wrong with it."""
    report = _status(data)
    if json:
        output.json(report)
    else:
        _show(report)
    return Exit.FAILED if report.troubles else Exit.OK


def _status(data: Path) -> StatusReport:
    return call(data, upkeep.status, upkeep.Status(), offline=False)


def _show(report: StatusReport) -> None:
    own = [zone for zone in report.zones if not zone.private_reverse]
    private = len(report.zones) - len(own)
    output.pairs(
        [
            ("domain", f"{report.domain}, bossa {report.version}, pid {report.pid}, up {_duration(report.uptime)}"),
            ("data", f"{report.data}, {output.size(report.store.size)}, {output.size(report.store.free)} free"),
            *((service.name, "  ".join(service.addresses)) for service in report.services),
            ("zones", f"{len(own)}, and {private} private reverse zones" if private else len(own)),
            ("workers", _workers(report.workers, report.revision)),
            ("queries", report.queries),
            ("updates", _updates(report)),
            ("cache", _cache(report)),
            *([("tickets", _tickets(report.tickets))] if report.tickets is not None else []),
            ("last backup", _ago(report)),
        ]
    )
    print()
    output.table(("zone", "serial", "records", "role"), ((_plain(z.name), z.serial, z.records, _role(z)) for z in own))
    if report.upstreams:
        print()
        header = ("passed on", "to", "round trip", "state", "queries", "failures")
        output.table(
            header,
            ((u.rule or "the rest", u.address, u.speed, u.state, u.queries, u.failures) for u in report.upstreams),
        )
    for trouble in report.troubles:
        print(f"{_SIGNS['failed']} {trouble}")


def _plain(name: str) -> str:
    return name.rstrip(".") or "."


def _role(zone: ZoneStatus) -> str:
    return f"secondary, {zone.secondary.state}" if zone.secondary is not None else "primary"


def _workers(workers: tuple[WorkerStatus, ...], revision: int) -> str:
    if not workers:
        return "none, the owner answers"
    late = sum(1 for worker in workers if worker.behind)
    return f"{len(workers)} at revision {revision}" + (f", {late} behind" if late else "")


def _tickets(tickets: TicketStatus) -> str:
    issued = f"{tickets.initial} initial, {tickets.further} further, {tickets.refused} refused"
    return f"{tickets.accounts} accounts, {issued}, {len(tickets.workers) or 'no'} workers"


def _updates(report: StatusReport) -> str:
    counts = report.updates
    return f"{counts.accepted} stored, {counts.refused} refused, {counts.failed} failed"


def _cache(report: StatusReport) -> str:
    cache = report.cache
    if not cache.limit:
        return "off"
    held = f"{cache.entries} answers, {output.size(cache.octets)} of {output.size(cache.limit)}"
    return held if cache.hit_rate is None else f"{held}, {cache.hit_rate:.0%} of questions found"


def _ago(report: StatusReport) -> str:
    last = report.store.last_backup
    return "never" if last is None else f"{_duration(report.now - last)} ago"


def _duration(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{int(seconds)} s"


def check(*, data: Data, json: Json = False) -> int:
    """Do what a user would do, and say how each step went: ask, change, read back, sign in, update with a ticket."""
    from bossa.admin.check import CheckReport

    report = _status(data)
    lines = []
    for line in _steps(report, data):
        lines.append(line)
        if not json:
            print(f"{_SIGNS[line.state]} {line.what:<64} {line.milliseconds:8.1f} ms", flush=True)
            if line.why:
                print(output.callable_here(f"    {line.why}. Fix: {line.fix}."))
    lines += _troubles(report, json=json)
    ok = all(line.state != "failed" for line in lines)
    if json:
        output.json(CheckReport(ok, lines))
    return Exit.OK if ok else Exit.FAILED


def _steps(report: StatusReport, data: Path) -> Iterator[Any]:
    """Do the steps for the services that there are."""
    import os
    from functools import partial

    from bossa.admin import check as steps
    from bossa.admin import ticketcheck, updatecheck
    from bossa.net import ask

    clocks = (time.time, time.perf_counter, os.urandom)
    yield from steps.Check(_target(report, data), steps.Means(ask.udp, ask.tcp, *clocks)).run()
    if kdcs := tuple(map(steps.parse_address, _addresses(report, _KDC))):
        udp, tcp = partial(ask.udp, mark=0), partial(ask.tcp, width=4)
        realm = ticketcheck.Realm(report.realm, report.domain.rstrip("."), kdcs)
        means = ticketcheck.Means(partial(call, data), udp, tcp, *clocks)
        yield from ticketcheck.TicketCheck(realm, means).run()
        yield from updatecheck.UpdateCheck(realm, _target(report, data), means).run()


def _troubles(report: StatusReport, *, json: bool) -> list[Any]:
    """Return what the server itself says is wrong, as lines that failed."""
    from bossa.admin.check import CheckLine

    lines = [
        CheckLine(
            what="the server's own view", state="failed", milliseconds=0.0, why=one.rstrip("."), fix="bossa status"
        )
        for one in report.troubles
    ]
    for line in lines if not json else ():
        print(output.callable_here(f"{_SIGNS['failed']} {line.what}\n    {line.why}. Fix: {line.fix}."))
    return lines


def _target(report: StatusReport, data: Path) -> Any:
    from bossa.admin import words
    from bossa.admin.check import Target, parse_address

    texts = _addresses(report)
    if not texts:
        raise Failure("check", "the server has no DNS service", "bossa status", Exit.FAILED)
    return Target(words.absolute(report.domain), tuple(map(parse_address, texts)), len(report.workers), data)


def _addresses(report: StatusReport, name: str = _DNS) -> list[str]:
    return [one for service in report.services if service.name.lower() == name for one in service.addresses]


def env(*, data: Data, json: Json = False) -> None:
    """Print shell exports: eval "$(bossa env)"."""
    values = {"BOSSA_DATA": str(data.absolute())}
    if (data / ADMIN_FILE).exists():
        values["BOSSA_ADMIN_KEY"] = str((data / ADMIN_FILE).absolute())
    if (data / KRB5_CONF).exists():
        values["KRB5_CONFIG"] = str((data / KRB5_CONF).absolute())
        # The user's tickets of other realms stay where they are.
        values["KRB5CCNAME"] = f"FILE:{(data / _TICKETS).absolute()}"
    try:
        values |= _server_values(_status(data))
    except Failure as e:
        print(f"# {e.why}", file=sys.stderr)
    if json:
        output.json(values)
        return
    for name, value in values.items():
        print(f"export {name}={shlex.quote(value)}")


def _server_values(report: StatusReport) -> dict[str, str]:
    values = {"BOSSA_DOMAIN": report.domain.rstrip(".")}
    for text in _addresses(report)[:1]:
        host, _, port = text.split()[0].rpartition(":")
        values |= {"BOSSA_SERVER": host.strip("[]"), "BOSSA_PORT": port}
    return values


def reload(*, data: Data, json: Json = False) -> None:
    """Have the running server read bossa.toml again; with a mistake in it nothing changes."""
    done = call(data, upkeep.reload, upkeep.Reload(), offline=False)
    if json:
        output.json(done)
    else:
        print("\n".join(done.lines) or "nothing changed")


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; not there yet.")],
    *,
    data: Data,
    json: Json = False,
) -> None:
    """Write the domain to one file, while the server goes on.  The file holds the master key: keep it as safe."""
    from bossa.admin.backup import DATABASE, FILES, write_backup

    if file.exists():
        raise Failure(f"backup to {file}", "the file is there already", "name another", Exit.REFUSED)
    copy = Path(call(data, upkeep.backup_copy, upkeep.BackupCopy()).path)
    try:
        files = {DATABASE: copy} | {name: data / name for name in FILES[1:] if (data / name).exists()}
        manifest = write_backup(file, files, int(time.time()))
    except OSError as e:
        raise _file_trouble(f"backup to {file}", e) from e
    finally:
        copy.unlink(missing_ok=True)
    if json:
        output.json(manifest)
    else:
        again = output.callable_here(f"bossa restore {shlex.quote(str(file))} --data DIR")
        print(f"{file}: {output.size(file.stat().st_size)}. It holds the master key. Back again: {again}")


def _file_trouble(what: str, error: OSError) -> Failure:
    why = f"{error.strerror or error}" + (f" ({error.filename})" if error.filename else "")
    full = error.errno == errno.ENOSPC
    fix = "make room there, or name another place" if full else "name a place that is there and yours to read and write"
    return Failure(what, why, fix)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of bossa backup.")],
    *,
    data: Data,
    json: Json = False,
) -> None:
    """Unpack a backup into a data directory that is empty or not there."""
    from bossa.admin import backup as backups
    from bossa.store.operations import SCHEMA

    try:
        manifest = backups.restore(file, data, len(SCHEMA))
    except OSError as e:
        raise _file_trouble(f"restore from {file}", e) from e
    if json:
        output.json(manifest)
    else:
        made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(manifest.made))
        start = output.callable_here(f"bossa up --data {shlex.quote(str(data))}")
        print(f"{data}: the domain as it was on {made}. Start it with {start}")
