r"""Rdata between its text and its wire form.

The types in shapes.py are read and written here; the others go through
dnspython, which is imported when the first of them comes (it takes 90 ms).
Any type, known or not, is accepted as ``\# LENGTH HEX`` (RFC 3597 §5), and a
type that neither of us knows is written so.  Rdata in memory is always
uncompressed.  What :func:`to_text` writes, :func:`parse` reads to the same octets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from bossa.dns import types
from bossa.dns.names import ROOT
from bossa.dns.shapes import NAME, SHAPES, WIRE_ONLY, Field, ipv4, ipv6, number
from bossa.dns.tokens import Quoted, join, split
from bossa.wire import Reader, WireError

if TYPE_CHECKING:
    import dns.rdata

MAX_RDATA = 0xFFFF
# Only these may be compressed (RFC 3597 §4): octets before the first name, and how many names follow one another.
_COMPRESSIBLE = {
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12), (0, 1)),
    types.SOA: (0, 2),
    14: (0, 2),
    types.MX: (2, 1),
}
# Types whose many spellings dnspython brings into one: their octets may change on a round trip.
_NORMALISED = frozenset((29,))


def parse(rtype: int, words: str | list[str], origin: bytes = ROOT) -> bytes:
    """Return the wire form of rdata text; names without final dot get ``origin``.

    ``words`` is text, or what tokens.scan made of it.  Raises ValueError.
    """
    if isinstance(words, str):
        words = split(words)
    if words and words[0] == "\\#" and not isinstance(words[0], Quoted):
        return _parse_unknown(rtype, words[1:])
    if rtype == types.A and len(words) == 1:
        return ipv4(words[0])
    if rtype == types.AAAA and len(words) == 1:
        return ipv6(words[0])
    shape = SHAPES.get(rtype)
    data = _parse_foreign(rtype, words, origin) if shape is None or rtype in WIRE_ONLY else _parse(shape, words, origin)
    if len(data) > MAX_RDATA:
        raise ValueError(f"the rdata has {len(data)} octets, {MAX_RDATA} are the most")
    return data


def to_text(rtype: int, rdata: bytes, origin: bytes | None = None) -> str:
    """Return the master-file text of rdata, names below ``origin`` relative to it; raises WireError."""
    shape = SHAPES.get(rtype)
    if shape is None or rtype in WIRE_ONLY:
        return _foreign_text(rtype, rdata)
    r = Reader(rdata)
    text = " ".join([part for field in shape if (part := field.kind.text(field.name, r, origin))])
    r.done(types.type_text(rtype))
    return text


def unknown_text(rdata: bytes) -> str:
    """Return the form for types that are not known.  RFC 3597 §5"""
    return f"\\# {len(rdata)} {rdata.hex()}".rstrip()


def check(rtype: int, rdata: bytes) -> None:
    """Raise WireError for rdata that is not of the type's shape, or has compressed names.

    A type that nobody knows may be anything.
    """
    if rtype in SHAPES:
        if read_rdata(Reader(rdata), rtype, len(rdata)) != rdata:
            raise WireError(f"{types.type_text(rtype)} has a compressed name inside")
    elif _is_foreign(rtype):
        again = _foreign_wire(_from_wire(rtype, rdata))
        if again != rdata and rtype not in _NORMALISED:
            raise WireError(f"{types.type_text(rtype)} is not in its plain form")


def read_rdata(r: Reader, rtype: int, size: int) -> bytes:
    """Read ``size`` octets of rdata from a message and return them with their names expanded.

    ``r`` stands over the whole message.  Names are expanded in all the types
    of RFC 3597 §4.  Raises WireError; other types are only bounded here, and
    an empty rdata is an error for a type that has fields.
    """
    shape = SHAPES.get(rtype)
    if shape is None:
        return r.octets("rdata", size)
    inner = r.sub("rdata", size)
    data = b"".join([field.kind.read(field.name, inner) for field in shape])
    inner.done(types.type_text(rtype))
    return data


def compressible_names(rtype: int) -> tuple[int, int]:
    """Return how many octets stand before the first name that may be compressed, and how many names follow.

    (0, 0) for types whose names may not be compressed.  RFC 3597 §4
    """
    return _COMPRESSIBLE.get(rtype, (0, 0))


def canonical(rtype: int, rdata: bytes) -> bytes:
    """Return rdata with its names in lower case, so that equal records have equal octets.

    RFC 4034 §6.2 for the types, RFC 2136 §1.1.1 for the comparison; raises WireError.
    """
    if not has_names(rtype):
        return rdata
    return b"".join(
        [data.lower() if field is not None and field.kind is NAME else data for field, data in _split(rtype, rdata)]
    )


def has_names(rtype: int) -> bool:
    """Tell whether rdata of this type has names that compare without case."""
    return rtype in _NAMED


def _split(rtype: int, rdata: bytes) -> Iterator[tuple[Field | None, bytes]]:
    shape = SHAPES.get(rtype)
    if shape is None:
        yield None, rdata
        return
    r = Reader(rdata)
    for field in shape:
        yield field, field.kind.read(field.name, r)


_NAMED = frozenset(rtype for rtype, shape in SHAPES.items() if any(field.kind is NAME for field in shape))


def _parse(shape: Iterable[Field], words: list[str], origin: bytes) -> bytes:
    rest = iter(words)
    data = b"".join([field.kind.parse(field.name, rest, origin) for field in shape])
    if (extra := next(rest, None)) is not None:
        raise ValueError(f"{extra!r} is one field too many")
    return data


def _parse_unknown(rtype: int, words: list[str]) -> bytes:
    if not words:
        raise ValueError("\\# wants the length and the octets in hexadecimal")
    size = number("length", words[0], MAX_RDATA)
    try:
        data = bytes.fromhex("".join(words[1:]))
    except ValueError:
        raise ValueError("the octets behind \\# are not in hexadecimal pairs") from None
    if len(data) != size:
        raise ValueError(f"\\# says {size} octets, but {len(data)} follow")
    check(rtype, data)
    return data


def _is_foreign(rtype: int) -> bool:
    """Tell whether dnspython knows the fields of a type that we have a name for."""
    if types.type_text(rtype).startswith("TYPE"):
        return False
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype

    found = dns.rdata.get_rdata_class(  # type: ignore[no-untyped-call]
        dns.rdataclass.IN, dns.rdatatype.RdataType.make(rtype)
    )
    return found is not dns.rdata.GenericRdata


def _parse_foreign(rtype: int, words: list[str], origin: bytes) -> bytes:
    if not _is_foreign(rtype):
        raise ValueError(f"{types.type_text(rtype)} is written as \\# LENGTH HEX (RFC 3597)")
    import dns.exception
    import dns.name
    import dns.rdata
    import dns.rdatatype

    try:
        base = dns.name.from_wire(origin, 0)[0]
        found = dns.rdata.from_text("IN", dns.rdatatype.RdataType.make(rtype), join(words), base, relativize=False)
        return _foreign_wire(found)
    except (dns.exception.DNSException, ValueError) as e:
        raise ValueError(f"{types.type_text(rtype)}: {_plain(e)}") from None


def _from_wire(rtype: int, rdata: bytes) -> dns.rdata.Rdata:
    import dns.exception
    import dns.rdata
    import dns.rdatatype

    try:
        return dns.rdata.from_wire("IN", dns.rdatatype.RdataType.make(rtype), rdata, 0, len(rdata))
    except (dns.exception.DNSException, ValueError) as e:
        raise WireError(f"{types.type_text(rtype)}: {_plain(e)}") from None


def _foreign_wire(found: dns.rdata.Rdata) -> bytes:
    wire = found.to_wire()
    assert wire is not None, "to_wire without a file returns octets"
    return wire


def _foreign_text(rtype: int, rdata: bytes) -> str:
    """Let dnspython write it, unless its text would not read back to the same octets."""
    if not _is_foreign(rtype):
        return unknown_text(rdata)
    text = _from_wire(rtype, rdata).to_text()
    try:
        return text if parse(rtype, text) == rdata else unknown_text(rdata)
    except ValueError:
        return unknown_text(rdata)


def _plain(e: Exception) -> str:
    """Return one line of plain text for an exception of dnspython."""
    return " ".join(str(e).split()) or type(e).__name__
