"""Records: listed as a stream, added, removed.  Every change is an edit of its zone, marked as a command's.

A command keeps the rules that an update keeps, and says so where an update is
silently ignored: a CNAME stands alone (RFC 2136 §3.4.2.2), the SOA and the
last NS of a zone stay (§3.4.2.3, §3.4.2.4), an RRset has one TTL (RFC 2181 §5.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import msgspec

from bossa.admin import rows, secondaries, words
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, streaming_verb, verb
from bossa.admin.ports import Line
from bossa.dns import rdata, types
from bossa.dns.changes import Draft, without_record
from bossa.dns.zone import Mark, Origin, RRset, RRsetChange, Zone
from bossa.wire import WireError

DEFAULT_TTL = 3600


class RecordList(msgspec.Struct, frozen=True, kw_only=True):
    """Which records to send: all of a zone, or of one name or type."""

    zone: str
    name: str = ""
    type: str = ""


class RecordCount(msgspec.Struct, frozen=True):
    """The zone and its serial, after its RRsets were sent."""

    zone: str
    serial: int
    rrsets: int


class RecordAdd(msgspec.Struct, frozen=True, kw_only=True):
    """One record as in a master file; without a TTL that of its RRset, or an hour."""

    zone: str
    name: str
    type: str
    data: str
    ttl: str = ""


class RecordRemove(msgspec.Struct, frozen=True, kw_only=True):
    """One record; without data a whole RRset; without a type all that is at the name."""

    zone: str
    name: str
    type: str = ""
    data: str = ""


class RecordsChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What the change came to; ``serial`` is unmoved when nothing changed."""

    zone: str
    name: str
    serial: int
    changed: int


@streaming_verb("record.list")
async def record_list(office: Office, args: RecordList, line: Line) -> RecordCount:
    """Send the RRsets of a zone, of a name or of a type, as :mod:`bossa.admin.rows`."""
    zone = words.zone(office, args.zone)
    rtype = words.record_type(args.type) if args.type else None
    serial, count = zone.serial, 0
    for chunk in rows.chunks(_chosen(zone, args.name, rtype), marks=True):
        await line.send(chunk)
        count += len(rows.decode(chunk))
    return RecordCount(words.plain(zone.apex), serial, count)


def _chosen(zone: Zone, name: str, rtype: int | None) -> Iterator[tuple[bytes, RRset]]:
    # A copy: the zone goes on changing while the list is on its way.
    nodes = list(zone.nodes.items())
    if name:
        owner = words.owner(zone, name)
        nodes = [(owner, zone.node(owner))]
    for at, node in nodes:
        for rrset in node:
            if rtype in (None, rrset.type):
                yield at, rrset


@verb("record.add")
async def record_add(office: Office, args: RecordAdd) -> RecordsChanged:
    """Add one record."""
    zone = secondaries.editable(office, words.zone(office, args.zone))
    owner, rtype = words.owner(zone, args.name), words.record_type(args.type)
    data = _data(zone, rtype, args.data)
    ttl = words.ttl(args.ttl) if args.ttl else None
    mark = Mark(Origin.COMMAND, office.now)

    def decide(draft: Draft) -> Sequence[RRsetChange]:
        _may_add(draft, owner, rtype, data)
        old = draft.find(owner, rtype)
        kept = old.ttl if old is not None else DEFAULT_TTL
        draft.members(owner, rtype).add(kept if ttl is None else ttl, data, mark)
        return ()

    return await _edit(office, zone, owner, decide)


def _data(zone: Zone, rtype: int, text: str) -> bytes:
    try:
        return rdata.parse(rtype, text, zone.apex)
    except (ValueError, WireError) as e:
        fix = f"write the data as a master file has them for {types.type_text(rtype)}"
        raise Failure(f"{types.type_text(rtype)} {text}", str(e), fix, Exit.USAGE) from e


def _may_add(draft: Draft, owner: bytes, rtype: int, data: bytes) -> None:
    what = f"{types.type_text(rtype)} at {words.plain(owner)}"
    if rtype == types.SOA:
        raise refused(what, "a zone has one SOA", "its serial moves by itself; zone import --replace changes the rest")
    if rtype in types.MADE_BY_SIGNING:
        raise refused(what, types.signing_fault(rtype), "leave it away")
    in_the_way = draft.in_the_way(owner, rtype)
    if in_the_way == types.CNAME:
        raise refused(what, "the name is an alias (CNAME)", f"bossa record remove … {words.plain(owner)}. CNAME")
    if in_the_way is not None:
        raise refused(
            what,
            f"a CNAME stands alone, and the name has {types.type_text(in_the_way)}",
            "remove that first, or take another name",
        )
    there = draft.members(owner, rtype)
    if rtype in types.SINGLE and there and data not in there:
        raise refused(what, "a name has only one", "remove the one that is there first")


@verb("record.remove")
async def record_remove(office: Office, args: RecordRemove) -> RecordsChanged:
    """Remove one record, one RRset, or all that is at a name."""
    zone = secondaries.editable(office, words.zone(office, args.zone))
    owner = words.owner(zone, args.name)
    rtype = words.record_type(args.type) if args.type else None
    data = _data(zone, rtype, args.data) if rtype is not None and args.data else None

    def decide(draft: Draft) -> Sequence[RRsetChange]:
        changes = list(_removals(draft, owner, rtype, data))
        if not changes:
            what = " ".join(filter(None, (args.name, args.type, args.data)))
            raise Failure(
                f"record {what}",
                f"there is none in {words.plain(draft.apex)}",
                f"bossa record list {words.plain(draft.apex)}",
                Exit.REFUSED,
            )
        return changes

    return await _edit(office, zone, owner, decide)


def _removals(draft: Draft, owner: bytes, rtype: int | None, data: bytes | None) -> Iterator[RRsetChange]:
    for old in draft.node(owner):
        if rtype not in (None, old.type):
            continue
        new = without_record(old, data) if data is not None else None
        if new == old:
            continue
        if owner == draft.apex and new is None and old.type in (types.SOA, types.NS):
            if rtype is None:
                continue
            raise refused(
                f"{types.type_text(old.type)} at {words.plain(owner)}",
                "a zone needs it",
                "bossa zone remove takes the whole zone away",
            )
        yield RRsetChange(owner, old.type, old, new)


async def _edit(
    office: Office, zone: Zone, owner: bytes, decide: Callable[[Draft], Sequence[RRsetChange]]
) -> RecordsChanged:
    step = await office.names.edit(zone.apex, decide)
    serial = step.serial_to if step is not None else zone.serial
    changed = sum(_difference(change) for change in step.changes if change.type != types.SOA) if step is not None else 0
    return RecordsChanged(zone=words.plain(zone.apex), name=words.plain(owner), serial=serial, changed=changed)


def _difference(change: RRsetChange) -> int:
    """Count the records that came, went, or got another TTL."""
    before, after = change.before, change.after
    if before is not None and after is not None and before.ttl != after.ttl:
        return len(after.rdatas)
    return len(set(before.rdatas if before else ()) ^ set(after.rdatas if after else ()))
