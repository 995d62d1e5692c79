"""Zones that follow a primary: the operator's words for other servers, what is not done to such zones, retransfer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from bossa.admin import words
from bossa.admin.errors import Exit, Failure, refused
from bossa.admin.office import Office, verb
from bossa.admin.status import SecondaryStatus
from bossa.dns.notify import NAME_SERVERS
from bossa.dns.remote import Remote
from bossa.dns.secondary import is_fetched
from bossa.dns.zone import Zone

_REMOTE_FIX = "write it like 192.0.2.1, 192.0.2.1:5353, [2001:db8::1]:5353 or 192.0.2.1@KEY"
_MOST = 32


class ZoneRetransfer(msgspec.Struct, frozen=True, kw_only=True):
    """A secondary zone to refresh now; ``full`` fetches all of it, newer or not."""

    name: str
    full: bool = False


class ZoneRefreshed(msgspec.Struct, frozen=True, kw_only=True):
    """The zone after its refresh: the serials before and after."""

    name: str
    serial_from: int | None
    serial: int
    names: int


@verb("zone.retransfer")
async def zone_retransfer(office: Office, args: ZoneRetransfer) -> ZoneRefreshed:
    """Refresh a secondary zone now."""
    zone = words.zone(office, args.name)
    name = words.plain(zone.apex)
    if office.following is None:
        raise Failure(f"zone {name}", "no server is running that could fetch it", "bossa up", Exit.UNREACHABLE)
    if zone.apex not in office.following.zones:
        raise refused(f"zone {name}", "it has no primary", f"bossa zone set {name} --primary ADDRESS")
    before = zone.serial if is_fetched(zone) else None
    state = await office.following.retransfer(zone.apex, full=args.full)
    if state.failure:
        raise Failure(f"zone {name}", state.failure, "see the primary's log, and whom it lets transfer the zone")
    zone = words.zone(office, args.name)
    return ZoneRefreshed(name=name, serial_from=before, serial=zone.serial, names=len(zone.nodes))


def status(office: Office, zone: Zone) -> SecondaryStatus | None:
    """Return how a zone's following goes; None for one that has no primary, or where no server runs."""
    state = office.following.zones.get(zone.apex) if office.following is not None else None
    return SecondaryStatus.of(state, office.clock()) if state is not None else None


def editable(office: Office, zone: Zone) -> Zone:
    """Return the zone if its records are ours to change; the failure names the primary."""
    options = office.names.options.get(zone.apex)
    if options is None or not options.primaries:
        return zone
    name, primaries = words.plain(zone.apex), ", ".join(options.primaries)
    why = f"it is a secondary of {primaries}, whose records these are"
    raise refused(f"zone {name}", why, f"change them there, or bossa zone set {name} --primary none")


def remotes(office: Office, given: Iterable[str], key: str = "") -> tuple[str, ...]:
    """Check servers as they are typed; those without a key get ``key``."""
    found = tuple(dict.fromkeys(_remote(office, one, key).text for one in given))
    if len(found) > _MOST:
        raise Failure(f"{len(found)} servers", f"{_MOST} are the most", "leave some away", Exit.USAGE)
    return found


def targets(office: Office, given: Iterable[str]) -> tuple[str, ...]:
    """Check whom to notify: servers, and the word for the zone's own."""
    given = tuple(given)
    servers = remotes(office, (one for one in given if one != NAME_SERVERS))
    return (NAME_SERVERS, *servers) if NAME_SERVERS in given else servers


def _remote(office: Office, text: str, key: str) -> Remote:
    try:
        remote = Remote.parse(text)
    except ValueError as e:
        raise Failure(text, f"it is no server: {e}", _REMOTE_FIX, Exit.USAGE) from e
    if remote.key is None and key:
        remote = remote._replace(key=words.absolute(key))
    if remote.key is not None and remote.key not in office.names.keys:
        name = words.plain(remote.key)
        raise refused(f"key {name}", "there is no such key", f"bossa key add {name} --secret BASE64")
    return remote
