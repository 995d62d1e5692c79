"""Numbers as people read them, for the page's templates."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("kB", "MB", "GB", "TB")


def number(value: float) -> str:
    """Return a count with thin spaces between its thousands."""
    return f"{value:,.0f}".replace(",", "\u2009")


def size(octets: float) -> str:
    """Return ``3.4 MB``."""
    if octets < 1000:
        return f"{octets:.0f} octets"
    for unit in _UNITS:
        octets /= 1000
        if octets < 999.5 or unit == _UNITS[-1]:
            break
    return f"{octets:.1f} {unit}" if octets < 99.5 else f"{octets:.0f} {unit}"


def duration(seconds: float) -> str:
    """Return the two largest units: ``3 d 4 h``, ``12 s``."""
    left = int(seconds)
    parts: list[str] = []
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count} {unit}")
        elif parts:
            break
    return " ".join(parts[:2])


def moment(time: float) -> str:
    """Return a time in UTC, to the minute."""
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
