"""Times of Windows: tenths of microseconds since 1601.  [MS-DTYP] 2.3.3"""

from __future__ import annotations

_EPOCH = 11_644_473_600
_SECOND = 10_000_000
NEVER = 0x7FFF_FFFF_FFFF_FFFF


def filetime(seconds: int) -> int:
    """Return seconds since 1970 as a FILETIME."""
    return (seconds + _EPOCH) * _SECOND


def seconds_of(time: int) -> int:
    """Return a FILETIME as whole seconds since 1970."""
    return time // _SECOND - _EPOCH
