"""Scavenging by hand: the stale records of a zone, listed or taken away; and the options that switch it on."""

from __future__ import annotations

import asyncio

import msgspec

from bossa.admin import secondaries, words
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, verb
from bossa.dns import rdata, scavenge, types
from bossa.dns.changes import Draft
from bossa.dns.ports import ZoneOptions
from bossa.dns.scavenge import Stale
from bossa.dns.zone import RRsetChange, Zone

# Names looked at in one go before other work gets its turn.
_SLICE = 2000


class ZoneScavenge(msgspec.Struct, frozen=True, kw_only=True):
    """A zone whose stale records are to go, or with ``dry_run`` to be listed."""

    name: str
    dry_run: bool = False


class StaleLine(msgspec.Struct, frozen=True, kw_only=True):
    """A record that nobody repeated; ``stamp`` in seconds since 1970."""

    name: str
    type: str
    data: str
    stamp: int


class ZoneScavenged(msgspec.Struct, frozen=True, kw_only=True):
    """The stale records, and the zone's serial, which moves once when they went."""

    name: str
    serial: int
    removed: bool
    records: list[StaleLine]
    warnings: list[str] = []


@verb("zone.scavenge")
async def zone_scavenge(office: Office, args: ZoneScavenge) -> ZoneScavenged:
    """Take the stale records of a zone away, or list them."""
    zone = secondaries.editable(office, words.zone(office, args.name))
    name, options = words.plain(zone.apex), office.names.options.get(zone.apex, ZoneOptions())
    switch = f"bossa zone set {name} --scavenge yes"
    if not options.scavenge and not args.dry_run:
        raise refused(f"zone {name}", "scavenging is switched off for it, so nobody's stamp is renewed", switch)
    stale = await _look(zone, options, office.now)
    if not args.dry_run:
        stale = await _sweep(office, zone, options, stale)
    off = [] if options.scavenge else [f"scavenging is off here, and repeats renew no stamp before it is on: {switch}"]
    return ZoneScavenged(
        name=name, serial=zone.serial, removed=not args.dry_run, records=list(map(_line, stale)), warnings=off
    )


async def _look(zone: Zone, options: ZoneOptions, now: int) -> list[Stale]:
    # A copy: the zone goes on changing.
    nodes = list(zone.nodes.items())
    found: list[Stale] = []
    for at in range(0, len(nodes), _SLICE):
        found += scavenge.find(zone.apex, nodes[at : at + _SLICE], scavenge.windows(options), now)
        await asyncio.sleep(0)
    return found


async def _sweep(office: Office, zone: Zone, options: ZoneOptions, stale: list[Stale]) -> list[Stale]:
    """Take away what is stale still; one serial step."""
    gone: list[Stale] = []

    def decide(draft: Draft) -> list[RRsetChange]:
        owners = (one.owner for one in stale)
        gone.extend(scavenge.sweep(draft, owners, scavenge.windows(options), office.now))
        return []

    if stale:
        await office.names.edit(zone.apex, decide)
    return gone


def _line(one: Stale) -> StaleLine:
    data = rdata.to_text(one.type, one.rdata)
    return StaleLine(name=words.plain(one.owner), type=types.type_text(one.type), data=data, stamp=one.stamp)


def window(given: str | None, old: int, least: int) -> int:
    """Read the length of a window."""
    if given is None:
        return old
    seconds = words.ttl(given)
    if seconds < least:
        raise Failure(f"window {given}", f"it lasts {least} seconds at least", "write it like 7d or 36h", Exit.USAGE)
    return seconds
