"""Domain names as bytes: the uncompressed wire form, root label included.

A name is ``bytes``; a *key* is a name in lower case.  ``bytes.lower`` is safe
on the whole wire form, because a length octet is at most 63 and the capital
letters start at 65.  RFC 1035 §2.3.4 and §3.1, RFC 4343 for the case.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from bossa.wire import Reader, WireError

ROOT = b"\x00"
MAX_NAME = 255
MAX_LABEL = 63
_POINTER = 0xC0
_HEADER = 12
# A name has no more labels than this, and each pointer leads to one at least.
_MAX_HOPS = 127
# Labels of the reverse name of an address.  RFC 1035 §3.5, RFC 3596 §2.5
_V4_DEPTH, _V6_DEPTH = 6, 34
# Octets that a master file must escape (RFC 1035 §5.1), dot and backslash first.
_SPECIAL = frozenset(b'.\\"();@$')


def read_name(r: Reader) -> bytes:
    """Read a possibly compressed name at the cursor, case kept.  RFC 1035 §4.1.4

    Raises WireError for a pointer that does not go back, a label type that
    RFC 6891 §5 made obsolete, or a name of more than 255 octets.
    """
    data, pos, end = r.data, r.pos, r.end
    parts: list[bytes] = []
    total, lowest, hops = 1, pos, 0
    while True:
        size = _length(data, pos, end)
        if size == 0:
            break
        if size >= _POINTER:
            lowest = _target(data, pos, end, lowest)
            hops += 1
            if hops > _MAX_HOPS:
                raise WireError(f"name at {r.pos} goes through more than {_MAX_HOPS} pointers")
            if hops == 1:
                r.pos = pos + 2
            # A pointer may leave the reader's window, but only towards the front.
            pos, end = lowest, len(data)
            continue
        total += size + 1
        if total > MAX_NAME:
            raise WireError(f"name at {r.pos} is longer than {MAX_NAME} octets")
        parts.append(data[pos : pos + 1 + size])
        pos += size + 1
    if not hops:
        r.pos = pos + 1
    return b"".join(parts) + ROOT


def _length(data: bytes, pos: int, end: int) -> int:
    """Return the octet that begins a label, or a pointer; the label is inside the window."""
    if pos >= end:
        raise WireError(f"name runs past {end}")
    size = data[pos]
    if MAX_LABEL < size < _POINTER:
        raise WireError(f"label type {size >> 6:02b} at {pos}")
    if size < _POINTER and pos + 1 + size > end:
        raise WireError(f"label at {pos} runs past {end}")
    return size


def _target(data: bytes, pos: int, end: int, lowest: int) -> int:
    """Return where a pointer leads: back, and not into the header of a message, which holds no names."""
    if pos + 1 >= end:
        raise WireError(f"name pointer at {pos} runs past {end}")
    target = (data[pos] & 0x3F) << 8 | data[pos + 1]
    if target >= lowest or target < _HEADER:
        raise WireError(f"name pointer at {pos} leads to {target}")
    return target


def labels(name: bytes) -> list[bytes]:
    """Return the labels without their length octets, leftmost first, root left out."""
    out = []
    pos = 0
    while size := name[pos]:
        out.append(name[pos + 1 : pos + 1 + size])
        pos += size + 1
    return out


def from_labels(parts: list[bytes]) -> bytes:
    """Join labels to a name; raises ValueError for sizes that RFC 1035 forbids."""
    for part in parts:
        if not 0 < len(part) <= MAX_LABEL:
            raise ValueError(f"a label has 1 to {MAX_LABEL} octets, this one {len(part)}")
    name = b"".join(bytes((len(part),)) + part for part in parts) + ROOT
    if len(name) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} octets, this one {len(name)}")
    return name


def parent(name: bytes) -> bytes:
    """Return the name without its first label; the root has no parent."""
    if name == ROOT:
        raise ValueError("the root has no parent")
    return name[name[0] + 1 :]


def ancestors(name: bytes) -> Iterator[bytes]:
    """Yield the name itself, its parent, and so on to the root."""
    while name != ROOT:
        yield name
        name = name[name[0] + 1 :]
    yield ROOT


def is_below(name: bytes, apex: bytes) -> bool:
    """Tell whether the key ``name`` is ``apex`` or lies under it."""
    at = len(name) - len(apex)
    if at < 0 or not name.endswith(apex):
        return False
    pos = 0
    while pos < at:
        pos += name[pos] + 1
    return pos == at


def from_text(text: str, origin: bytes = ROOT) -> bytes:
    r"""Read a name in master-file form; a name without final dot gets ``origin``.

    ``\DDD`` and ``\X`` escapes as in RFC 1035 §5.1.  Letters outside ASCII go
    through IDNA's A-labels.  Raises ValueError with what is wrong.
    """
    if text == "@":
        return origin
    if text == ".":
        return ROOT
    if not text:
        raise ValueError("the name is empty")
    if not text.isascii():
        text = _a_labels(text)
    parts, absolute = _split(text)
    name = from_labels(parts)
    if absolute:
        return name
    whole = name[:-1] + origin
    if len(whole) > MAX_NAME:
        raise ValueError(f"a name has at most {MAX_NAME} octets, {text!r} has {len(whole)}")
    return whole


def _a_labels(text: str) -> str:
    try:
        return ".".join(part if part.isascii() else part.encode("idna").decode() for part in text.split("."))
    except UnicodeError as e:
        raise ValueError(f"{text!r} is no host name: {e}") from None


def _split(text: str) -> tuple[list[bytes], bool]:
    """Split presentation text into labels; tell whether it ended in a dot."""
    if "\\" not in text:
        parts = text.encode("ascii").split(b".")
    else:
        parts = _split_escaped(text)
    if parts[-1] == b"":
        return parts[:-1], True
    return parts, False


def _split_escaped(text: str) -> list[bytes]:
    parts = [bytearray()]
    i = 0
    while i < len(text):
        c = text[i]
        if c == ".":
            parts.append(bytearray())
        elif c == "\\":
            octet, used = _escape(text[i + 1 : i + 4])
            parts[-1].append(octet)
            i += used
        else:
            parts[-1] += c.encode("ascii")
        i += 1
    return [bytes(part) for part in parts]


def _escape(after: str) -> tuple[int, int]:
    """Return the octet that follows a backslash, and how many characters spell it."""
    if after[:1].isdigit():
        if len(after) < 3 or not after.isdigit() or int(after) > 255:
            raise ValueError(rf"\{after} is no octet: write \DDD with three digits up to 255")
        return int(after), 3
    if not after:
        raise ValueError("a backslash ends the text")
    return ord(after[0]), 1


def to_text(name: bytes) -> str:
    """Return the master-file form, with the final dot.  RFC 1035 §5.1"""
    if name == ROOT:
        return "."
    return "".join(_label_text(part) + "." for part in labels(name))


def _label_text(part: bytes) -> str:
    if part.isalnum():
        return part.decode("ascii")
    return "".join(_octet_text(octet) for octet in part)


def _octet_text(octet: int) -> str:
    if octet in _SPECIAL:
        return "\\" + chr(octet)
    return chr(octet) if 0x20 < octet < 0x7F else f"\\{octet:03d}"


def reverse(address: str) -> bytes:
    """Return the name of an address in in-addr.arpa or ip6.arpa.  RFC 1035 §3.5, RFC 3596 §2.5"""
    return from_text(ipaddress.ip_address(address).reverse_pointer + ".")


def address(name: bytes) -> bytes | None:
    """Return the octets of the address whose reverse name this is (a key); None for one of no single address."""
    parts = labels(name)[::-1]
    try:
        if parts[:2] == [b"arpa", b"in-addr"] and len(parts) == _V4_DEPTH:
            octets = ipaddress.IPv4Address(b".".join(parts[2:]).decode()).packed
        elif parts[:2] == [b"arpa", b"ip6"] and len(parts) == _V6_DEPTH and all(len(part) == 1 for part in parts[2:]):
            octets = bytes.fromhex(b"".join(parts[2:]).decode())
        else:
            return None
    except ValueError:
        return None
    return octets if reverse(str(ipaddress.ip_address(octets))) == name else None
