"""Counted octets and text, as the key tables and credential caches of MIT hold them.

The file forms are described in MIT's "Keytab file format" and "Credential
cache file format".  Integers are big-endian; every count is bounded by
what is left of the file, and by what the callers name.
"""

from __future__ import annotations

from bossa.wire import Reader, WireError


def u8(r: Reader, field: str) -> int:
    """Read one octet."""
    return r.octets(field, 1)[0]


def counted(r: Reader, field: str, width: int) -> bytes:
    """Read octets after their count of ``width`` octets."""
    return r.octets(field, int.from_bytes(r.octets(field, width), "big"))


def text(r: Reader, field: str, width: int) -> str:
    """Read counted UTF-8 without NUL."""
    octets = counted(r, field, width)
    try:
        value = octets.decode()
    except UnicodeDecodeError:
        raise WireError(f"{field} is not UTF-8") from None
    if "\0" in value:
        raise WireError(f"NUL in {field}")
    return value


def most(field: str, count: int, limit: int) -> int:
    """Return ``count``; raises WireError above ``limit``."""
    if count > limit:
        raise WireError(f"{field} {count} is more than {limit}")
    return count


def signed(number: int) -> int:
    """Take 32 bits for a signed integer."""
    return number - (1 << 32) if number >= 1 << 31 else number


def write_counted(octets: bytes, width: int) -> bytes:
    """Write octets after their count."""
    return len(octets).to_bytes(width, "big") + octets


def write_u32(number: int) -> bytes:
    """Write 32 bits, of a negative number its two's complement."""
    return (number & 0xFFFFFFFF).to_bytes(4, "big")
