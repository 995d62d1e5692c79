"""How the operator's words become names, zones and types, and what is said when they do not."""

from __future__ import annotations

from bossa.admin.errors import Exit, Failure, nearest, refused
from bossa.admin.office import Office
from bossa.dns import names, types
from bossa.dns.tokens import seconds
from bossa.dns.zone import Zone

_TYPE_FIX = "name a type of records, as A or TXT, or one without a name as TYPE65280"


def absolute(text: str) -> bytes:
    """Read a zone's or key's name, final dot or not; return its key."""
    return below(text, names.ROOT)


def below(text: str, origin: bytes) -> bytes:
    """Read a name in master-file form, relative to ``origin`` without a final dot; return its key."""
    try:
        return names.from_text(text, origin).lower()
    except ValueError as e:
        fix = "write it like www.example.test: 1 to 63 characters between two dots, 255 in all"
        raise Failure(text, str(e), fix, Exit.USAGE) from e


def plain(name: bytes) -> str:
    """Return a name as people write it: without the final dot."""
    text = names.to_text(name)
    return text if text == "." else text[:-1]


def zone(office: Office, text: str) -> Zone:
    """Find a zone; the failure names the nearest one."""
    found = office.names.zones.get(absolute(text))
    if found is not None:
        return found
    hint = nearest(text.rstrip("."), [plain(apex) for apex in office.names.zones])
    raise refused(f"zone {text}", "no such zone", hint or "bossa zone list")


def owner(of: Zone, text: str) -> bytes:
    """Read a record's owner name in a zone: relative to the zone, "@" its apex."""
    name = below(text, of.apex)
    if not names.is_below(name, of.apex):
        raise refused(f"name {text}", f"it is not in {plain(of.apex)}", "leave the final dot away for a relative name")
    return name


def record_type(text: str) -> int:
    """Read the type of a record that can be stored."""
    try:
        rtype = types.type_number(text)
    except ValueError as e:
        raise Failure(f"type {text}", str(e), _TYPE_FIX, Exit.USAGE) from e
    if types.is_meta(rtype):
        raise Failure(f"type {text}", "it is for questions only", _TYPE_FIX, Exit.USAGE)
    return rtype


def ttl(text: str) -> int:
    """Read a TTL: seconds, or ``1h30m``.  RFC 2181 §8"""
    try:
        return seconds(text)
    except ValueError as e:
        raise Failure(f"TTL {text}", str(e), "write it like 3600 or 1h30m", Exit.USAGE) from e
