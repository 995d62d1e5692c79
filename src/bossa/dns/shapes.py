"""The fields of the record types that bossa reads and writes itself.

One table, from a type to its named fields; each kind of field knows its text,
its octets, and how to read itself from a message.  The sections are in the
table.  Every other type is dnspython's business (see rdata.py).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from typing import NamedTuple

from bossa.dns import names
from bossa.dns.tokens import octets, quote, seconds
from bossa.wire import Reader, WireError

MAX_STRING = 255
_OCTETS = {str(n): n for n in range(256)}


class Kind(NamedTuple):
    """One kind of field: ``parse`` takes the words it needs, ``read`` expands compressed names."""

    parse: Callable[[str, Iterator[str], bytes], bytes]
    read: Callable[[str, Reader], bytes]
    text: Callable[[str, Reader, bytes | None], str]


class Field(NamedTuple):
    """A field with the specification's name for it."""

    name: str
    kind: Kind


def word(field: str, words: Iterator[str]) -> str:
    """Take the next word; raises ValueError when the text is at its end."""
    found = next(words, None)
    if found is None:
        raise ValueError(f"the {field} is missing")
    return found


def ipv4(text: str) -> bytes:
    """Return the octets of a dotted quad: decimal, no leading zeros; raises ValueError."""
    try:
        a, b, c, d = text.split(".")
        return bytes((_OCTETS[a], _OCTETS[b], _OCTETS[c], _OCTETS[d]))
    except (KeyError, ValueError):
        raise ValueError(f"{text!r} is no IPv4 address") from None


def ipv6(text: str) -> bytes:
    """Return the octets of an IPv6 address in any of RFC 4291 §2.2's forms; raises ValueError."""
    if "%" not in text and "/" not in text:
        try:
            return ipaddress.IPv6Address(text).packed
        except ValueError:
            pass
    raise ValueError(f"{text!r} is no IPv6 address")


def number(field: str, text: str, limit: int) -> int:
    """Return a decimal number up to ``limit``; raises ValueError."""
    if text.isascii() and text.isdigit() and len(text) <= 10 and (value := int(text)) <= limit:
        return value
    raise ValueError(f"{field} {text!r} is no number up to {limit}")


def string(text: str) -> bytes:
    """Return a character string with its length octet.  RFC 1035 §3.3"""
    data = octets(text)
    if len(data) > MAX_STRING:
        raise ValueError(f"a string has at most {MAX_STRING} octets, this one {len(data)}: write it as several")
    return bytes((len(data),)) + data


def read_string(field: str, r: Reader) -> bytes:
    """Read a character string, length octet and all."""
    size = r.octets(field, 1)
    return size + r.octets(field, size[0])


def name_text(name: bytes, origin: bytes | None) -> str:
    """Return a name relative to ``origin`` where its octets, case included, end in it."""
    if origin is None or origin == names.ROOT or not names.is_below(name, origin):
        return names.to_text(name)
    if len(name) == len(origin):
        return "@"
    return names.to_text(name[: len(name) - len(origin)] + names.ROOT)[:-1]


def _integer(size: int) -> Kind:
    limit = 256**size - 1
    return Kind(
        lambda field, words, _: number(field, word(field, words), limit).to_bytes(size, "big"),
        lambda field, r: r.octets(field, size),
        lambda field, r, _: str(int.from_bytes(r.octets(field, size), "big")),
    )


def _parse_name(field: str, words: Iterator[str], origin: bytes) -> bytes:
    return names.from_text(word(field, words), origin)


def _parse_time(field: str, words: Iterator[str], _: bytes) -> bytes:
    return seconds(word(field, words), 0xFFFFFFFF).to_bytes(4, "big")


def _parse_string(field: str, words: Iterator[str], _: bytes) -> bytes:
    return string(word(field, words))


def _string_text(field: str, r: Reader, _: bytes | None) -> str:
    return quote(read_string(field, r)[1:])


def _parse_strings(field: str, words: Iterator[str], _: bytes) -> bytes:
    return string(word(field, words)) + b"".join([string(one) for one in words])


def _read_strings(field: str, r: Reader) -> bytes:
    found = read_string(field, r)
    while r.left:
        found += read_string(field, r)
    return found


def _strings_text(field: str, r: Reader, _: bytes | None) -> str:
    found = [_string_text(field, r, None)]
    while r.left:
        found.append(_string_text(field, r, None))
    return " ".join(found)


def _read_optional(field: str, r: Reader) -> bytes:
    return read_string(field, r) if r.left else b""


def _parse_hex(field: str, words: Iterator[str], _: bytes) -> bytes:
    try:
        return bytes.fromhex(word(field, words) + "".join(words))
    except ValueError:
        raise ValueError(f"the {field} is not in hexadecimal pairs") from None


def _read_rest(field: str, r: Reader) -> bytes:
    if not r.left:
        raise WireError(f"{field} is empty")
    return r.octets(field, r.left)


U8, U16, U32 = _integer(1), _integer(2), _integer(4)
TIME = Kind(_parse_time, U32.read, U32.text)
IPV4 = Kind(
    lambda field, words, _: ipv4(word(field, words)),
    lambda field, r: r.octets(field, 4),
    lambda field, r, _: ".".join(map(str, r.octets(field, 4))),
)
IPV6 = Kind(
    lambda field, words, _: ipv6(word(field, words)),
    lambda field, r: r.octets(field, 16),
    lambda field, r, _: str(ipaddress.IPv6Address(r.octets(field, 16))),
)
NAME = Kind(
    _parse_name,
    lambda _, r: names.read_name(r),
    lambda _, r, origin: name_text(names.read_name(r), origin),
)
STRING = Kind(_parse_string, read_string, _string_text)
# A string that may be left out, and one or more of them to the end.
OPTIONAL = Kind(
    lambda _, words, __: b"".join([string(one) for one in [*words][:1]]),
    _read_optional,
    lambda field, r, _: _string_text(field, r, None) if r.left else "",
)
STRINGS = Kind(_parse_strings, _read_strings, _strings_text)
REST = Kind(_parse_hex, _read_rest, lambda field, r, _: _read_rest(field, r).hex())


def _fields(*pairs: tuple[str, Kind]) -> tuple[Field, ...]:
    return tuple(Field(name, kind) for name, kind in pairs)


_SERVER, _STRINGS = _fields(("name", NAME)), _fields(("text", STRINGS))
_PREFERRED = _fields(("preference", U16), ("name", NAME))
_PAIR = _fields(("mailbox", NAME), ("second name", NAME))
_SIGNATURE = (
    *(("type covered", U16), ("algorithm", U8), ("labels", U8), ("original TTL", U32)),
    *(("expiration", U32), ("inception", U32), ("key tag", U16), ("signer", NAME), ("signature", REST)),
)

SHAPES: dict[int, tuple[Field, ...]] = {
    1: _fields(("address", IPV4)),  # A, RFC 1035 §3.4.1
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12), _SERVER),  # NS MD MF CNAME MB MG MR PTR, RFC 1035 §3.3
    6: _fields(
        *(("primary server", NAME), ("mailbox", NAME), ("serial", U32)),
        *(("refresh", TIME), ("retry", TIME), ("expire", TIME), ("minimum", TIME)),
    ),  # SOA, RFC 1035 §3.3.13
    13: _fields(("CPU", STRING), ("OS", STRING)),  # HINFO, RFC 1035 §3.3.2
    14: _PAIR,  # MINFO, RFC 1035 §3.3.7
    15: _PREFERRED,  # MX, RFC 1035 §3.3.9
    16: _STRINGS,  # TXT, RFC 1035 §3.3.14
    17: _PAIR,  # RP, RFC 1183 §2.2
    18: _PREFERRED,  # AFSDB, RFC 1183 §1
    19: _fields(("PSDN address", STRING)),  # X25, RFC 1183 §3.1
    20: _fields(("ISDN address", STRING), ("subaddress", OPTIONAL)),  # ISDN, RFC 1183 §3.2
    21: _PREFERRED,  # RT, RFC 1183 §3.3
    24: _fields(*_SIGNATURE),  # SIG, RFC 2535 §4.1
    26: _fields(("preference", U16), ("RFC 822 name", NAME), ("X.400 name", NAME)),  # PX, RFC 2163 §4
    28: _fields(("address", IPV6)),  # AAAA, RFC 3596 §2
    30: _fields(("next name", NAME), ("type map", REST)),  # NXT, RFC 2535 §5.2
    33: _fields(("priority", U16), ("weight", U16), ("port", U16), ("target", NAME)),  # SRV, RFC 2782
    35: _fields(
        *(("order", U16), ("preference", U16), ("flags", STRING)),
        *(("services", STRING), ("regular expression", STRING), ("replacement", NAME)),
    ),  # NAPTR, RFC 3403 §4.1
    36: _PREFERRED,  # KX, RFC 2230 §3
    39: _SERVER,  # DNAME, RFC 6672 §2.1
    **dict.fromkeys((99, 258, 261, 262), _STRINGS),  # SPF AVC RESINFO WALLET, like TXT
}
# Fields that have no text of our own: dnspython writes and reads these types' text.
WIRE_ONLY = frozenset((24, 30))
