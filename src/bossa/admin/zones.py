"""Zones: listed, made, shown, set, removed, and streamed in and out."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Iterator

import msgspec

from bossa.admin import rows, scavenging, secondaries, words
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, streaming_verb, verb
from bossa.admin.ports import Line
from bossa.admin.status import SecondaryStatus
from bossa.dns import names, types
from bossa.dns.ports import RuleRow, ZoneOptions
from bossa.dns.secondary import is_fetched, stand_in
from bossa.dns.zone import Mark, Origin, RRset, Soa, Zone, serial_gt

# Refresh, retry, expire, minimum of a zone that has no say of its own, in seconds: RFC 1912 §2.2, and RFC 2308 §5
# for a short memory of what is not there yet.
SOA_TIMES = (3600, 900, 1209600, 300)
_PROGRESS_EVERY = 20


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class ZoneNamed(msgspec.Struct, frozen=True):
    """A zone by its name."""

    name: str


class ZoneLine(msgspec.Struct, frozen=True):
    """A zone in a list; ``names`` counts those that own records."""

    name: str
    serial: int
    names: int
    private_reverse: bool
    # What a secondary follows; none for a zone of our own.
    primaries: tuple[str, ...] = ()


class ZoneTable(msgspec.Struct, frozen=True):
    """All zones, the private reverse ones last."""

    zones: list[ZoneLine]


class ZoneAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A new zone with an SOA and NS records, or one that follows ``primaries``.

    ``ns`` empty means the server's own name; ``key`` signs what goes to primaries that name no other.
    """

    name: str
    primaries: tuple[str, ...] = ()
    key: str = ""
    ns: tuple[str, ...] = ()
    mail: str = ""
    ttl: str = "1h"


class ZoneShown(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to know of a zone but its records."""

    name: str
    serial: int
    names: int
    mname: str
    rname: str
    refresh: int
    retry: int
    expire: int
    minimum: int
    options: ZoneOptions
    rules: tuple[RuleRow, ...]
    secondary: SecondaryStatus | None = None


class ZoneSet(msgspec.Struct, frozen=True, kw_only=True):
    """Options to change; None leaves one as it is."""

    name: str
    allow_transfer: tuple[str, ...] | None = None
    allow_query: tuple[str, ...] | None = None
    history: int | None = None
    ptr: bool | None = None
    notify: tuple[str, ...] | None = None
    primaries: tuple[str, ...] | None = None
    forward_updates: bool | None = None
    scavenge: bool | None = None
    no_refresh: str | None = None
    refresh: str | None = None


class ZoneImport(msgspec.Struct, frozen=True, kw_only=True):
    """A zone whose records follow as a stream."""

    name: str
    replace: bool = False


class ZoneDone(msgspec.Struct, frozen=True, kw_only=True):
    """A zone that was made, replaced, sent or removed."""

    name: str
    serial: int
    rrsets: int = 0
    warnings: list[str] = []


@verb("zone.list")
async def zone_list(office: Office, args: Nothing) -> ZoneTable:
    """List all zones."""
    lines = [_line(zone, office.names.options.get(apex)) for apex, zone in office.names.zones.items()]
    return ZoneTable(sorted(lines, key=lambda line: (line.private_reverse, _tree_order(line.name))))


def _line(zone: Zone, options: ZoneOptions | None) -> ZoneLine:
    options = options or ZoneOptions()
    return ZoneLine(words.plain(zone.apex), zone.serial, len(zone.nodes), options.private_reverse, options.primaries)


def _tree_order(name: str) -> list[str]:
    return name.split(".")[::-1]


@verb("zone.add")
async def zone_add(office: Office, args: ZoneAdd) -> ZoneDone:
    """Make a zone that holds an SOA and its NS records, or one whose content comes from a primary."""
    apex = words.absolute(args.name)
    _free(office, apex, "bossa zone show " + args.name)
    if args.primaries:
        return await _add_secondary(office, apex, args)
    servers = [words.absolute(one) for one in args.ns] or [names.from_text("ns1", office.domain)]
    mail = words.absolute(args.mail.replace("@", ".", 1)) if args.mail else names.from_text("hostmaster", apex)
    mark = Mark(Origin.COMMAND, office.now)
    soa = Soa(servers[0], mail, 1, *SOA_TIMES)
    ttl = words.ttl(args.ttl)
    rrsets = [
        (apex, RRset(types.SOA, ttl, (soa.encode(),), (mark,))),
        (apex, RRset(types.NS, ttl, tuple(servers), (mark,) * len(servers))),
    ]
    await office.names.create_zone(apex, rrsets)
    return ZoneDone(name=words.plain(apex), serial=1, rrsets=2, warnings=_dangling(apex, servers))


async def _add_secondary(office: Office, apex: bytes, args: ZoneAdd) -> ZoneDone:
    if args.ns or args.mail:
        raise Failure("--primary", "NS records and mailbox come from it", "leave --ns and --mail away", Exit.USAGE)
    primaries = secondaries.remotes(office, args.primaries, args.key)
    await office.names.create_zone(apex, stand_in(apex, office.now), ZoneOptions(primaries=primaries))
    return ZoneDone(name=words.plain(apex), serial=0)


def _dangling(apex: bytes, servers: Iterable[bytes]) -> list[str]:
    """Warn of name servers inside the new zone, which has no addresses yet."""
    inside = [words.plain(one) for one in servers if names.is_below(one, apex)]
    return [f"{one} has no address yet: bossa record add {words.plain(apex)} {one}. A ADDRESS" for one in inside]


def _free(office: Office, apex: bytes, fix: str) -> None:
    if apex in office.names.zones:
        raise refused(f"zone {words.plain(apex)}", "it exists already", fix)


@verb("zone.show")
async def zone_show(office: Office, args: ZoneNamed) -> ZoneShown:
    """Show a zone's SOA, options and rules."""
    zone = words.zone(office, args.name)
    soa = zone.soa
    return ZoneShown(
        name=words.plain(zone.apex),
        serial=soa.serial,
        names=len(zone.nodes),
        mname=words.plain(soa.mname),
        rname=words.plain(soa.rname),
        refresh=soa.refresh,
        retry=soa.retry,
        expire=soa.expire,
        minimum=soa.minimum,
        options=office.names.options.get(zone.apex, ZoneOptions()),
        rules=office.names.rules.get(zone.apex, ()),
        secondary=secondaries.status(office, zone),
    )


@verb("zone.set")
async def zone_set(office: Office, args: ZoneSet) -> ZoneShown:
    """Change a zone's options."""
    zone = words.zone(office, args.name)
    if args.history is not None and args.history < 0:
        raise Failure(f"history {args.history}", "it counts steps", "0 keeps none, 100 the last hundred", Exit.USAGE)
    async with office.editing:
        old = office.names.options.get(zone.apex, ZoneOptions())
        new = msgspec.structs.replace(
            old,
            allow_transfer=_list(args.allow_transfer, old.allow_transfer, _peers),
            allow_query=_networks(args.allow_query, old.allow_query),
            history=old.history if args.history is None else args.history,
            ptr=old.ptr if args.ptr is None else args.ptr,
            notify=_list(args.notify, old.notify, lambda given: secondaries.targets(office, given)),
            primaries=_list(args.primaries, old.primaries, lambda given: secondaries.remotes(office, given)),
            forward_updates=_forwards(args, old),
            scavenge=old.scavenge if args.scavenge is None else args.scavenge,
            no_refresh=scavenging.window(args.no_refresh, old.no_refresh, 0),
            refresh=scavenging.window(args.refresh, old.refresh, 1),
        )
        _possible(zone, new)
        await office.names.set_options(zone.apex, new)
    return await zone_show(office, ZoneNamed(args.name))


def _forwards(args: ZoneSet, old: ZoneOptions) -> bool:
    """A zone that becomes ours forgets that it passed updates on."""
    if args.forward_updates is not None:
        return args.forward_updates
    return old.forward_updates and args.primaries != ("none",)


def _possible(zone: Zone, options: ZoneOptions) -> None:
    """Refuse options that make no sense for the zone as it is."""
    name = words.plain(zone.apex)
    if not options.primaries and not is_fetched(zone):
        why = "it was never fetched, so it would be a zone without content"
        raise refused(f"zone {name}", why, f"bossa zone remove {name}, then bossa zone add {name}")
    if options.forward_updates and not options.primaries:
        why = "only a secondary has a primary to forward updates to"
        raise refused(f"zone {name}", why, f"bossa zone set {name} --forward-updates no, or --primary ADDRESS")
    if options.scavenge and options.primaries:
        why = "the records of a secondary are its primary's to scavenge"
        raise refused(f"zone {name}", why, f"bossa zone set {name} --scavenge no")


def _list(
    given: tuple[str, ...] | None, old: tuple[str, ...], read: Callable[[tuple[str, ...]], tuple[str, ...]]
) -> tuple[str, ...]:
    """Read a list that replaces the old one; ("none",) empties it."""
    if given is None:
        return old
    return () if given == ("none",) else read(given)


def _peers(given: tuple[str, ...]) -> tuple[str, ...]:
    """Check who may fetch a zone."""
    return tuple(map(_peer, given))


def _peer(text: str) -> str:
    kind, _, value = text.partition(":")
    if kind not in ("key", "net", "krb5") or not value:
        raise Failure(text, "it names nobody", "one of key:NAME, net:CIDR, krb5:PRINCIPAL, none", Exit.USAGE)
    if kind == "krb5":
        if "@" not in value:
            raise Failure(text, "a principal has a realm", f"krb5:{value}@REALM", Exit.USAGE)
        return text
    return f"key:{words.plain(words.absolute(value))}" if kind == "key" else f"net:{_network(value)}"


def _networks(given: tuple[str, ...] | None, old: tuple[str, ...]) -> tuple[str, ...]:
    """Check who may ask; ("any",) opens the zone to everybody."""
    if given is None or given == ("any",):
        return old if given is None else ()
    return tuple(_network(one.removeprefix("net:")) for one in given)


def _network(text: str) -> str:
    try:
        return str(ipaddress.ip_network(text))
    except ValueError as e:
        raise Failure(text, f"it is no network: {e}", "write it like 192.0.2.0/24", Exit.USAGE) from e


@verb("zone.remove")
async def zone_remove(office: Office, args: ZoneNamed) -> ZoneDone:
    """Forget a zone with its records, history and rules."""
    zone = words.zone(office, args.name)
    serial = zone.serial
    await office.names.remove_zone(zone.apex)
    return ZoneDone(name=words.plain(zone.apex), serial=serial)


@streaming_verb("zone.import")
async def zone_import(office: Office, args: ZoneImport, line: Line) -> ZoneDone:
    """Make or replace a zone with the records of the stream, all or nothing."""
    apex = words.absolute(args.name)
    old = office.names.zones.get(apex)
    if old is not None:
        secondaries.editable(office, old)
    if old is not None and not args.replace:
        _free(office, apex, "--replace puts the file in its place")
    mark = Mark(Origin.FILE, office.now)
    rrsets: list[tuple[bytes, RRset]] = []
    count = 0
    async for part in rows.rrsets(line.chunks(), mark):
        _inside(apex, part)
        rrsets += part
        count += 1
        if count % _PROGRESS_EVERY == 0:
            await line.progress("received", len(rrsets))
    soa = _soa(apex, rrsets)
    await line.progress("storing", len(rrsets), len(rrsets))
    if old is None:
        await office.names.create_zone(apex, rrsets)
    else:
        # The stream took its time.
        await office.names.replace_zone(apex, rrsets, lambda: secondaries.editable(office, old))
    warnings = _stale(old, soa) if old is not None else []
    return ZoneDone(name=words.plain(apex), serial=soa.serial, rrsets=len(rrsets), warnings=warnings)


def _inside(apex: bytes, rrsets: Iterable[tuple[bytes, RRset]]) -> None:
    for owner, _ in rrsets:
        if not names.is_below(owner, apex):
            raise refused(
                f"name {words.plain(owner)}",
                f"it is not in {words.plain(apex)}",
                "take it out of the file, or into a zone of its own",
            )


def _soa(apex: bytes, rrsets: Iterable[tuple[bytes, RRset]]) -> Soa:
    """Return the one SOA of what came in; RFC 1035 §5.2 wants it, and NS records beside it."""
    at_apex = {rrset.type: rrset for owner, rrset in rrsets if owner == apex}
    for rtype in (types.SOA, types.NS):
        if rtype not in at_apex:
            why = f"the file has no {types.type_text(rtype)} record at {words.plain(apex)}"
            raise refused(
                f"zone {words.plain(apex)}", why, "add one; names without a final dot are relative to $ORIGIN"
            )
    return Soa.decode(at_apex[types.SOA].rdatas[0])


def _stale(old: Zone, soa: Soa) -> list[str]:
    if serial_gt(soa.serial, old.serial):
        return []
    return [f"serial {soa.serial} is not newer than {old.serial} was: secondaries will not notice the change"]


@streaming_verb("zone.export")
async def zone_export(office: Office, args: ZoneNamed, line: Line) -> ZoneDone:
    """Send all RRsets of a zone as they are at this moment."""
    zone = words.zone(office, args.name)
    serial, nodes = zone.serial, list(zone.nodes.items())
    for chunk in rows.chunks(_each(nodes), marks=False):
        await line.send(chunk)
    count = sum(len(node) for _, node in nodes)
    return ZoneDone(name=words.plain(zone.apex), serial=serial, rrsets=count)


def _each(nodes: Iterable[tuple[bytes, tuple[RRset, ...]]]) -> Iterator[tuple[bytes, RRset]]:
    for owner, node in nodes:
        for rrset in node:
            yield owner, rrset
