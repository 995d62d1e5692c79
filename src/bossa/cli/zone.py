"""``bossa zone``: zones listed, made, shown, set, removed, imported and exported."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from bossa.admin import rows, scavenging, secondaries, words, zones
from bossa.admin.errors import Failure
from bossa.cli import output
from bossa.cli.call import Stream, call
from bossa.cli.options import Data, Json, Switch, room, switched
from bossa.dns.zone import Mark, Origin, RRset, Zone

app = room("Zones: the names this server answers for.")
Name = Annotated[str, typer.Argument(metavar="NAME", help="The zone's name.")]
_PRIMARY = "Where the zone's content comes from: ADDRESS[:PORT][@KEY]."
# Below so many lines nobody waits long enough for a progress bar.
_LONG = 20_000


@app.command("list")
def list_(
    *,
    data: Data,
    json: Json = False,
    private: Annotated[bool, typer.Option("--all", help="The private reverse zones too.")] = False,
) -> None:
    """List the zones."""
    found = call(data, zones.zone_list, zones.Nothing())
    if json:
        output.json(found)
        return
    shown = [zone for zone in found.zones if private or not zone.private_reverse]
    lines = ((zone.name, zone.serial, zone.names, _role(zone)) for zone in shown)
    output.table(("zone", "serial", "names", "role"), lines)
    hidden = len(found.zones) - len(shown)
    if hidden and sys.stdout.isatty():
        print(f"and {hidden} private reverse zones (RFC 6303): bossa zone list --all")


def _role(zone: zones.ZoneLine) -> str:
    return f"secondary of {', '.join(zone.primaries)}" if zone.primaries else "primary"


@app.command()
def add(
    name: Name,
    *,
    data: Data,
    ns: Annotated[list[str], typer.Option(metavar="HOST", help="A name server; the server's own without.")] = [],  # noqa: B006
    mail: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Who is responsible; hostmaster of the zone without.")
    ] = "",
    ttl: Annotated[str, typer.Option(metavar="TIME", help="TTL of the first records, as 3600 or 1h.")] = "1h",
    primary: Annotated[list[str], typer.Option(metavar="SERVER", help=_PRIMARY)] = [],  # noqa: B006
    key: Annotated[str, typer.Option(metavar="KEY", help="The TSIG key for primaries that name no other.")] = "",
    json: Json = False,
) -> None:
    """Make a zone that holds an SOA and its name servers, or one whose content comes from a primary."""
    args = zones.ZoneAdd(name=name, ns=tuple(ns), mail=mail, ttl=ttl, primaries=tuple(primary), key=key)
    done = call(data, zones.zone_add, args)
    if primary and not json:
        print(output.callable_here(f"zone {done.name} added, to be fetched: bossa zone show {done.name}"))
    else:
        _tell(done, "added", json=json)


@app.command()
def show(name: Name, *, data: Data, json: Json = False) -> None:
    """Show a zone's SOA, options and rules."""
    _show(call(data, zones.zone_show, zones.ZoneNamed(name)), json=json)


@app.command("set")
def set_(
    name: Name,
    *,
    data: Data,
    allow_transfer: Annotated[
        list[str] | None, typer.Option(metavar="WHO", help="Who may fetch it: key:, net:, krb5:PRINCIPAL, none.")
    ] = None,
    allow_query: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="Who may ask: networks, or any.")
    ] = None,
    history: Annotated[int | None, typer.Option(metavar="STEPS", help="Steps kept for incremental transfers.")] = None,
    ptr: Annotated[
        Switch | None, typer.Option(help="Whether addresses that updates add and delete bring their PTR along.")
    ] = None,
    notify: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVER", help="Whom to tell of changes: ADDRESS[:PORT][@KEY], ns for the zone's, or none."
        ),
    ] = None,
    primary: Annotated[list[str] | None, typer.Option(metavar="SERVER", help=f"{_PRIMARY} Or none.")] = None,
    forward_updates: Annotated[
        Switch | None, typer.Option(help="Whether a secondary passes updates on to its primary.")
    ] = None,
    scavenge: Annotated[
        Switch | None, typer.Option(help="Whether records of updates go when nobody repeats them.")
    ] = None,
    no_refresh: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long a repeat changes nothing, as 7d.")
    ] = None,
    refresh: Annotated[
        str | None, typer.Option(metavar="TIME", help="How long after that a repeat saves the record, as 7d.")
    ] = None,
    json: Json = False,
) -> None:
    """Change a zone's options; one given several times makes a list, which replaces the old one."""
    args = zones.ZoneSet(
        name=name,
        allow_transfer=tuple(allow_transfer) if allow_transfer else None,
        allow_query=tuple(allow_query) if allow_query else None,
        history=history,
        ptr=switched(ptr),
        notify=tuple(notify) if notify else None,
        primaries=tuple(primary) if primary else None,
        forward_updates=switched(forward_updates),
        scavenge=switched(scavenge),
        no_refresh=no_refresh,
        refresh=refresh,
    )
    _show(call(data, zones.zone_set, args), json=json)


@app.command()
def retransfer(
    name: Name,
    *,
    data: Data,
    full: Annotated[bool, typer.Option("--full", help="The whole zone again, newer or not.")] = False,
    json: Json = False,
) -> None:
    """Refresh a secondary zone now, without waiting for its timer."""
    done = call(data, secondaries.zone_retransfer, secondaries.ZoneRetransfer(name=name, full=full))
    if json:
        output.json(done)
    elif done.serial == done.serial_from and not full:
        print(f"zone {done.name} is current, serial {done.serial}")
    else:
        print(f"zone {done.name} fetched, serial {done.serial}, {done.names} names")


@app.command("scavenge")
def scavenge_(
    name: Name,
    *,
    data: Data,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would go.")] = False,
    json: Json = False,
) -> None:
    """Take away the records of updates that nobody repeated for both windows, without waiting for the next sweep."""
    done = call(data, scavenging.zone_scavenge, scavenging.ZoneScavenge(name=name, dry_run=dry_run))
    output.warnings(done.warnings)
    if json:
        output.json(done)
        return
    now = time.time()
    lines = ((one.name, one.type, one.data, output.age(now - one.stamp)) for one in done.records)
    output.table(("name", "type", "data", "age"), lines)
    if done.removed:
        count = f"{len(done.records)} record{'s' * (len(done.records) != 1)}"
        print(f"zone {done.name} scavenged of {count}, serial {done.serial}")


@app.command()
def remove(
    name: Name,
    *,
    data: Data,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask at a terminal.")] = False,
    json: Json = False,
) -> None:
    """Forget a zone with all its records and rules."""
    if sys.stdin.isatty() and not yes and not typer.confirm(f"Remove {name} with all its records?", err=True):
        raise Failure(f"zone {name}", "not removed", "answer y, or give --yes")
    _tell(call(data, zones.zone_remove, zones.ZoneNamed(name)), "removed", json=json)


@app.command("import")
def import_(
    name: Name,
    file: Annotated[str, typer.Argument(metavar="FILE", help="A master file, - for standard input.")],
    *,
    data: Data,
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of a zone that exists.")] = False,
    include: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where $INCLUDE may read; without it, it is refused.")
    ] = None,
    json: Json = False,
) -> None:
    """Make a zone of a master file, whole or not at all."""
    apex, bar = words.absolute(name), output.Bar()
    started = time.monotonic()
    try:
        rrsets, warnings = _load(file, apex, include, bar)
        chunks = _told(rows.chunks(rrsets, marks=False), len(rrsets), bar)
        args = zones.ZoneImport(name=name, replace=replace)
        done = call(data, zones.zone_import, args, Stream(chunks, on_progress=bar))
    finally:
        bar.clear()
    output.warnings(warnings)
    _tell(done, f"imported in {time.monotonic() - started:.1f} s", json=json)


def _load(file: str, apex: bytes, include: Path | None, bar: output.Bar) -> tuple[list[tuple[bytes, RRset]], list[str]]:
    """Parse the file in this process, so that the server's loop never does."""
    from bossa.dns.zonefile import Source, Watch, ZoneFileError, load_zone

    problems: list[str] = []
    watch = Watch(progress=lambda lines: bar.show("lines", lines), problem=lambda one: problems.append(str(one)))
    source = Source("standard input", sys.stdin) if file == "-" else Path(file)
    _readable(file)
    try:
        rrsets = load_zone(source, apex, mark=Mark(Origin.FILE, 0), include_dir=include, watch=watch)
    except ZoneFileError as e:
        lines = "\n".join(f"  {problem}" for problem in e.problems)
        raise Failure(f"zone file {file}", f"nothing was changed\n{lines}", "correct these lines") from e
    return rrsets, problems


def _readable(file: str) -> None:
    try:
        if file != "-":
            os.close(os.open(file, os.O_RDONLY))
    except OSError as e:
        raise Failure(f"zone file {file}", e.strerror or str(e), "name a file that is there and may be read") from e


def _told(chunks: Iterator[bytes], total: int, bar: output.Bar) -> Iterator[bytes]:
    sent = 0
    for chunk in chunks:
        yield chunk
        sent += rows.SIZE
        if total > _LONG:
            bar.show("sent", min(sent, total), total)


@app.command()
def export(
    name: Name,
    *,
    data: Data,
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="Where to write; standard output without.")
    ] = None,
) -> None:
    """Write a zone as a master file."""
    from bossa.dns.zonefile import write_zone

    zone, bar = Zone(words.absolute(name)), output.Bar()

    def take(chunk: bytes) -> None:
        for row in rows.decode(chunk):
            zone.put(row.owner, row.type, RRset(row.type, row.ttl, row.rdatas, ()))
        if len(zone.nodes) > _LONG:
            bar.show("received", len(zone.nodes))

    call(data, zones.zone_export, zones.ZoneNamed(name), Stream(on_data=take))
    bar.clear()
    if file is None:
        write_zone(zone, sys.stdout)
    else:
        _write_whole(zone, file)


def _write_whole(zone: Zone, file: Path) -> None:
    """Write beside the file and move over it, so that a file that is there stays whole until then."""
    from bossa.dns.zonefile import write_zone

    part = file.with_name(f".{file.name}.part")
    try:
        with part.open("w", encoding="utf-8") as out:
            write_zone(zone, out)
        part.replace(file)
    except OSError as e:
        part.unlink(missing_ok=True)
        raise Failure(f"write {file}", e.strerror or str(e), "name a place with room that you may write") from e


def _tell(done: zones.ZoneDone, what: str, *, json: bool) -> None:
    output.warnings(done.warnings)
    if json:
        output.json(done)
        return
    count = f", {done.rrsets} RRsets" if done.rrsets else ""
    print(f"zone {done.name} {what}, serial {done.serial}{count}")


def _show(zone: zones.ZoneShown, *, json: bool) -> None:
    if json:
        output.json(zone)
        return
    output.pairs(
        [
            ("zone", zone.name),
            *_secondary(zone),
            ("serial", zone.serial),
            ("names", zone.names),
            ("primary server", zone.mname),
            ("responsible", zone.rname),
            ("refresh, retry, expire", f"{zone.refresh}, {zone.retry}, {zone.expire} s"),
            ("negative answers kept", f"{zone.minimum} s"),
            ("transfers allowed to", ", ".join(zone.options.allow_transfer) or "nobody"),
            ("questions allowed to", ", ".join(zone.options.allow_query) or "everybody"),
            ("notified", ", ".join(zone.options.notify) or "nobody"),
            ("history", f"{zone.options.history} steps"),
            ("PTR records kept", "yes" if zone.options.ptr else "no"),
            ("scavenged", _scavenged(zone)),
            ("rules of its own", len(zone.rules)),
        ]
    )


def _scavenged(zone: zones.ZoneShown) -> str:
    if not zone.options.scavenge:
        return "no"
    return f"yes, no refresh for {zone.options.no_refresh} s, refresh in {zone.options.refresh} s"


def _secondary(zone: zones.ZoneShown) -> list[tuple[str, object]]:
    """Return what there is to say of a zone that follows a primary."""
    if not zone.options.primaries:
        return []
    found: list[tuple[str, object]] = [
        ("secondary of", ", ".join(zone.options.primaries)),
        ("updates forwarded", "yes" if zone.options.forward_updates else "no"),
    ]
    state = zone.secondary
    if state is not None:
        found += [
            ("state", state.state + (f": {state.failure}" if state.failure else "")),
            ("last refresh", _moment(state.checked)),
            ("last contact", _moment(state.contact)),
            ("next refresh", _moment(state.due)),
            ("expires", _moment(state.expires)),
        ]
    return found


def _moment(seconds: float | None) -> str:
    return "never" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
