"""Strict DER: values of one tag and one length form, read in place and never past their end.

X.690 §8 and §10 as RFC 4120 §5.1 narrows them.  A codec is a pair: its
``decode(data, pos, end)`` reads the one value that must fill ``pos`` to
``end`` exactly, its ``encode(value)`` gives the value with tag and length.
Lengths are definite and minimal, tag numbers under 31, integers minimal
and within the range of their type.  No codec calls itself, so nothing in
a message decides how deep the reading goes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from typing import Generic, NamedTuple, TypeVar

from bossa.wire.errors import WireError

T = TypeVar("T")
K = TypeVar("K")
V = TypeVar("V")

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_IDENTIFIER = 0x01, 0x02, 0x03, 0x04, 0x06
ENUMERATED, GENERALIZED_TIME, GENERAL_STRING, SEQUENCE = 0x0A, 0x18, 0x1B, 0x30
# The low five bits all set announce a tag number of 31 and more.
_LONG_TAG = 0x1F


class Codec(NamedTuple, Generic[T]):
    """How values of one type are read and written."""

    decode: Callable[[bytes, int, int], T]
    encode: Callable[[T], bytes]


def span(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Return where the content of the value at ``pos`` begins and ends, of whatever tag.  X.690 §8.1"""
    if end - pos < 2:
        raise WireError(f"a value at {pos} runs past {end}")
    if data[pos] & _LONG_TAG == _LONG_TAG:
        raise WireError(f"tag number above 30 at {pos}")
    size = data[pos + 1]
    start = pos + 2
    if size == 0x82 and end - pos > 3 and data[pos + 2]:
        start, size = pos + 4, data[pos + 2] << 8 | data[pos + 3]
    elif size >= 0x80:
        start, size = _long_length(data, pos, end)
    if size > end - start:
        raise WireError(f"content {start}+{size} runs past {end}")
    return start, start + size


def _long_length(data: bytes, pos: int, end: int) -> tuple[int, int]:
    """Read a length of more than one octet, definite and minimal.  X.690 §8.1.3.5, §10.1"""
    count = data[pos + 1] & 0x7F
    start = pos + 2 + count
    if not 1 <= count <= 4 or start > end:
        raise WireError(f"length of {count} octets at {pos}")
    size = int.from_bytes(data[pos + 2 : start], "big")
    if size < 0x80 or size >> 8 * (count - 1) == 0:
        raise WireError(f"length {size} at {pos} is not minimal")
    return start, size


def content(data: bytes, pos: int, end: int, tag: int) -> int:
    """Return where the content of the value of ``tag`` begins that fills ``pos`` to ``end``."""
    # The first lines only find the usual lengths sooner; the rest finds all, and what is wrong.
    size = end - pos - 2
    if size >= 0 and data[pos] == tag:
        first = data[pos + 1]
        if first == size < 0x80:
            return pos + 2
        if first == 0x82 and size >= 0x102 and data[pos + 2] << 8 | data[pos + 3] == size - 2:
            return pos + 4
    start, stop = span(data, pos, end)
    if data[pos] != tag:
        raise WireError(f"tag {data[pos]:#x} at {pos} is not {tag:#x}")
    if stop != end:
        raise WireError(f"{end - stop} octets left over at {stop}")
    return start


@cache
def heads(tag: int) -> tuple[bytes, ...]:
    """Return ``tag`` with each length of one octet, made once: most values are short."""
    return tuple(bytes((tag, size)) for size in range(0x80))


def tlv(tag: int, body: bytes) -> bytes:
    """Return ``body`` with tag and length before it."""
    size = len(body)
    if size < 0x80:
        return heads(tag)[size] + body
    if size < 0x100:
        return bytes((tag, 0x81, size)) + body
    if size < 0x10000:
        return bytes((tag, 0x82, size >> 8, size & 0xFF)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def integer(low: int, high: int, tag: int = INTEGER) -> Codec[int]:
    """An INTEGER from ``low`` to ``high``.  X.690 §8.3"""
    longest = 1 + (max(high, -low - 1).bit_length()) // 8
    small = tuple(bytes((tag, 1, value)) for value in range(0x80))

    def decode(data: bytes, pos: int, end: int) -> int:
        if end - pos == 3 and data[pos] == tag and data[pos + 1] == 1:
            value = data[pos + 2]
            if value >= 0x80:
                value -= 0x100
        else:
            value = _wide(data, content(data, pos, end, tag), end, longest)
        if not low <= value <= high:
            raise WireError(f"integer {value} at {pos} is not from {low} to {high}")
        return value

    def encode(value: int) -> bytes:
        if 0 <= value < 0x80:
            return small[value]
        return tlv(tag, value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True))

    return Codec(decode, encode)


def _wide(data: bytes, start: int, end: int, longest: int) -> int:
    """Read the content of an integer that is not of one octet.  X.690 §8.3.2"""
    size = end - start
    if not 1 < size <= longest:
        raise WireError(f"integer of {size} octets at {start}")
    first, second = data[start], data[start + 1]
    if (first == 0 and second < 0x80) or (first == 0xFF and second >= 0x80):
        raise WireError(f"integer at {start} is not minimal")
    return int.from_bytes(data[start:end], "big", signed=True)


def octet_string(tag: int = OCTET_STRING, longest: int = 1 << 24) -> Codec[bytes]:
    """An OCTET STRING, or another type whose content is octets as they are.  X.690 §8.7"""

    def decode(data: bytes, pos: int, end: int) -> bytes:
        start = content(data, pos, end, tag)
        if end - start > longest:
            raise WireError(f"{end - start} octets at {pos}, more than {longest}")
        return data[start:end]

    return Codec(decode, lambda value: tlv(tag, value))


def string(tag: int = GENERAL_STRING, longest: int = 1024) -> Codec[str]:
    """A character string in UTF-8 without NUL.  RFC 4120 §5.2.1 and what everybody made of it"""

    def decode(data: bytes, pos: int, end: int) -> str:
        start = content(data, pos, end, tag)
        if end - start > longest:
            raise WireError(f"string of {end - start} octets at {pos}")
        octets = data[start:end]
        if b"\0" in octets:
            raise WireError(f"NUL in the string at {pos}")
        try:
            return octets.decode()
        except UnicodeDecodeError:
            raise WireError(f"the string at {pos} is not UTF-8") from None

    return Codec(decode, lambda value: tlv(tag, value.encode()))


def _decode_boolean(data: bytes, pos: int, end: int) -> bool:
    """Read a BOOLEAN: DER has one form of either.  X.690 §11.1"""
    start = content(data, pos, end, BOOLEAN)
    if end - start != 1 or data[start] not in (0, 0xFF):
        raise WireError(f"boolean at {pos} is neither 0 nor 0xff")
    return data[start] == 0xFF


def _decode_raw(data: bytes, pos: int, end: int) -> bytes:
    """Read one value as it is."""
    if span(data, pos, end)[1] != end:
        raise WireError(f"octets left over in the value at {pos}")
    return data[pos:end]


def explicit(tag: int, inner: Codec[T]) -> Codec[T]:
    """A value inside a tag of its own (``[APPLICATION 3]`` is 0x63, ``[1]`` is 0xa1).  X.690 §8.14"""
    read, write = inner

    def decode(data: bytes, pos: int, end: int) -> T:
        return read(data, content(data, pos, end, tag), end)

    return Codec(decode, lambda value: tlv(tag, write(value)))


def sequence_of(inner: Codec[T], most: int, least: int = 0) -> Codec[tuple[T, ...]]:
    """A SEQUENCE OF with ``least`` to ``most`` values.  X.690 §8.10"""
    read, write = inner

    def decode(data: bytes, pos: int, end: int) -> tuple[T, ...]:
        pos = content(data, pos, end, SEQUENCE)
        values: list[T] = []
        while pos < end:
            stop = pos + 2 + data[pos + 1] if end - pos > 1 else end + 1
            if stop > end or data[pos + 1] >= 0x80:
                stop = span(data, pos, end)[1]
            values.append(read(data, pos, stop))
            if len(values) > most:
                raise WireError(f"more than {most} values in the sequence before {pos}")
            pos = stop
        if len(values) < least:
            raise WireError(f"{len(values)} values in the sequence before {end}")
        return tuple(values)

    return Codec(decode, lambda values: tlv(SEQUENCE, b"".join(map(write, values))))


def remembered(inner: Codec[T], longest: int, most: int = 1024) -> Codec[T]:
    """A codec that knows its last ``most`` short values, for types whose values come again and again.

    The values must be hashable, and equal ones be written the same.
    """
    read, write = inner
    values: dict[bytes, T] = {}
    written: dict[T, bytes] = {}

    def decode(data: bytes, pos: int, end: int) -> T:
        octets = data[pos:end]
        value = values.get(octets)
        if value is None:
            value = read(octets, 0, len(octets))
            _keep(values, octets, value, most if len(octets) <= longest else 0)
        return value

    def encode(value: T) -> bytes:
        octets = written.get(value)
        if octets is None:
            octets = write(value)
            _keep(written, value, octets, most if len(octets) <= longest else 0)
        return octets

    return Codec(decode, encode)


def _keep(known: dict[K, V], key: K, value: V, most: int) -> None:
    """Remember one more; all is forgotten when there are too many, so that strangers cannot fill the memory."""
    if not most:
        return
    if len(known) >= most:
        known.clear()
    known[key] = value


# Of each month the days of the year before it, in a year without the 29th of February.
_DAYS_BEFORE = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365)


def _leap_days(year: int) -> int:
    """How many 29ths of February were before ``year``."""
    year -= 1
    return year // 4 - year // 100 + year // 400


def _days(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 in the Gregorian calendar."""
    leap = month > 2 and _leap_days(year + 1) > _leap_days(year)
    return (year - 1970) * 365 + _leap_days(year) - _leap_days(1970) + _DAYS_BEFORE[month - 1] + leap + day - 1


_TIME_HEAD = bytes((GENERALIZED_TIME, 15))


@lru_cache(maxsize=512)
def _seconds(octets: bytes) -> int:
    """Read a GeneralizedTime ``YYYYMMDDHHMMSSZ`` as seconds since 1970.  RFC 4120 §5.2.3"""
    if len(octets) != 17 or octets[:2] != _TIME_HEAD or octets[16:] != b"Z" or not octets[2:16].isdigit():
        raise WireError("a time is not of the form YYYYMMDDHHMMSSZ")
    octets = octets[2:]
    year, month, day = int(octets[:4]), int(octets[4:6]), int(octets[6:8])
    hour, minute, second = int(octets[8:10]), int(octets[10:12]), int(octets[12:14])
    if year < 1970 or not 1 <= month <= 12 or hour > 23 or minute > 59 or second > 59:
        raise WireError("a time is not of this calendar")
    midnight = _days(year, month, day)
    after = _days(year + month // 12, month % 12 + 1, 1)
    if day < 1 or midnight >= after:
        raise WireError("a time is on a day that the month lacks")
    return midnight * 86400 + hour * 3600 + minute * 60 + second


@lru_cache(maxsize=512)
def _time_octets(seconds: int) -> bytes:
    """Write seconds since 1970 as a GeneralizedTime ``YYYYMMDDHHMMSSZ``; ValueError before 1970 and after 9999."""
    days, rest = divmod(seconds, 86400)
    year = 1970 + days * 400 // 146097
    year += days >= _days(year + 1, 1, 1)
    month = next(month for month in range(12, 0, -1) if days >= _days(year, month, 1))
    if days < 0 or year > 9999:
        raise ValueError(f"{seconds} seconds since 1970 are no time of four digits")
    day = days - _days(year, month, 1) + 1
    clock = f"{rest // 3600:02}{rest // 60 % 60:02}{rest % 60:02}"
    return _TIME_HEAD + f"{year:04}{month:02}{day:02}{clock}Z".encode()


def _decode_time(data: bytes, pos: int, end: int) -> int:
    """Read a GeneralizedTime; those of our days come again and again.  RFC 4120 §5.2.3"""
    return _seconds(data[pos:end])


BOOL: Codec[bool] = Codec(_decode_boolean, lambda value: b"\x01\x01\xff" if value else b"\x01\x01\x00")
INT32 = integer(-(1 << 31), (1 << 31) - 1)
UINT32 = integer(0, (1 << 32) - 1)
OCTETS = octet_string()
STRING = string()
# One value of any type, tag and length and all.
RAW: Codec[bytes] = Codec(_decode_raw, lambda value: value)
# Seconds since 1970, UTC.
TIME: Codec[int] = Codec(_decode_time, _time_octets)
