"""``bossa record``: records listed, added and removed."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated

import msgspec
import typer

from bossa.admin import records, rows, words
from bossa.cli import output
from bossa.cli.call import Stream, call
from bossa.cli.options import Data, Json, room
from bossa.dns import rdata, types
from bossa.dns.zone import Origin
from bossa.dns.zonewrite import canonical_order

app = room("Records of the zones.")
ZoneName = Annotated[str, typer.Argument(metavar="ZONE", help="The zone.")]
Owner = Annotated[str, typer.Argument(metavar="NAME", help="The owner, relative to the zone, @ for the zone itself.")]
# Data may begin with a minus sign (LOC).
_AS_TYPED = {"ignore_unknown_options": True}


class RecordLine(msgspec.Struct, frozen=True, kw_only=True):
    """One record for people and programs; ``stamp`` in seconds since 1970."""

    name: str
    ttl: int
    type: str
    data: str
    origin: str
    stamp: int


@app.command("list")
def list_(
    zone: ZoneName,
    *,
    data: Data,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Only this owner.")] = "",
    type: Annotated[str, typer.Option("--type", metavar="TYPE", help="Only this type.")] = "",
    json: Json = False,
) -> None:
    """List the records of a zone, in canonical order."""
    found: list[rows.Row] = []
    args = records.RecordList(zone=zone, name=name, type=type)
    count = call(data, records.record_list, args, Stream(on_data=lambda chunk: found.extend(rows.decode(chunk))))
    lines = _lines(found)
    if json:
        output.json({"zone": count.zone, "serial": count.serial, "records": list(lines)})
        return
    now = time.time()
    output.table(
        ("name", "TTL", "type", "data", "from", "age"),
        ((one.name, one.ttl, one.type, one.data, one.origin, output.age(now - one.stamp)) for one in lines),
    )


def _lines(found: list[rows.Row]) -> Iterable[RecordLine]:
    found.sort(key=lambda row: (canonical_order(row.owner), row.type != types.SOA, row.type != types.NS, row.type))
    for row in found:
        for one, (origin, stamp) in zip(row.rdatas, row.marks, strict=True):
            yield RecordLine(
                name=words.plain(row.owner),
                ttl=row.ttl,
                type=types.type_text(row.type),
                data=rdata.to_text(row.type, one),
                origin=Origin(origin).name.lower(),
                stamp=stamp,
            )


@app.command(context_settings=_AS_TYPED)
def add(
    zone: ZoneName,
    name: Owner,
    type: Annotated[str, typer.Argument(metavar="TYPE", help="The type, as A or TYPE65280.")],
    rdata: Annotated[list[str], typer.Argument(metavar="DATA", help="As in a master file.")],
    *,
    data: Data,
    ttl: Annotated[
        str, typer.Option(metavar="TIME", help="TTL of the whole RRset, as 300 or 5m; an hour for a new one.")
    ] = "",
    json: Json = False,
) -> None:
    """Add a record."""
    args = records.RecordAdd(zone=zone, name=name, type=type, data=_text(type, rdata), ttl=ttl)
    _tell(call(data, records.record_add, args), "added", json=json)


@app.command(context_settings=_AS_TYPED)
def remove(
    zone: ZoneName,
    name: Owner,
    *,
    data: Data,
    type: Annotated[str, typer.Argument(metavar="TYPE", help="Only this type.")] = "",
    rdata: Annotated[list[str], typer.Argument(metavar="DATA", help="Only the record with this data.")] = [],  # noqa: B006
    json: Json = False,
) -> None:
    """Remove a record, an RRset, or all that is at a name."""
    args = records.RecordRemove(zone=zone, name=name, type=type, data=_text(type, rdata))
    _tell(call(data, records.record_remove, args), "removed", json=json)


def _text(type_: str, parts: list[str]) -> str:
    """Join the data's words; a shell has taken the quotes of TXT strings, which come back where they are needed."""
    if type_.upper() in ("TXT", "SPF"):
        parts = [_quoted(part) for part in parts]
    return " ".join(parts)


def _quoted(part: str) -> str:
    if part.startswith('"') or (part and not any(c in ' \t;()"' for c in part)):
        return part
    return '"' + part.replace('"', '\\"') + '"'


def _tell(done: records.RecordsChanged, what: str, *, json: bool) -> None:
    if json:
        output.json(done)
    elif done.changed:
        count = f"{done.changed} record{'s' * (done.changed != 1)}"
        print(f"{done.name}: {count} {what}, {done.zone} has serial {done.serial}")
    else:
        print(f"{done.name}: nothing to change, {done.zone} keeps serial {done.serial}")
