"""Where a PAC lies in a ticket: AD-IF-RELEVANT { AD-WIN2K-PAC }.  [MS-KILE] 3.2.5.9, RFC 4120 §5.2.6.1

The ticket signature runs over the octets of the ticket's encrypted part with
the PAC replaced by one zero octet ([MS-PAC] 2.8.3).  `with_placeholder` makes
them out of the octets that came: only lengths around the hole are new.  A
`Frame` is a part that is encoded once, for the placeholder and for the PAC.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from bossa.krb.messages import AuthData, EncTicketPart, decode_authorization_data, encode_authorization_data
from bossa.wire import WireError
from bossa.wire.der import INT32, OCTET_STRING, SEQUENCE, span, tlv

AD_IF_RELEVANT, AD_KDC_ISSUED, AD_AND_OR, AD_MANDATORY_FOR_KDC, AD_WIN2K_PAC, AD_SIGNTICKET = 1, 4, 5, 8, 128, 512
PLACEHOLDER = b"\0"
_CONTAINERS = (AD_IF_RELEVANT, AD_MANDATORY_FOR_KDC)
_MAX_DEPTH = 4
_ENC_TICKET_PART, _AUTHORIZATION_DATA, _FIRST, _SECOND = 0x63, 0xAA, 0xA0, 0xA1
_TYPE_PAC, _TYPE_IF_RELEVANT = (tlv(_FIRST, INT32.encode(kind)) for kind in (AD_WIN2K_PAC, AD_IF_RELEVANT))

# Where one value begins, and where its content begins and ends.
_Level = tuple[int, int, int]


def find_in(part: EncTicketPart) -> bytes | None:
    """Return the ticket's PAC, the first there is; raises WireError for authorization data of no shape."""
    for item in part.authorization_data:
        if item.type == AD_IF_RELEVANT:
            for inner in decode_authorization_data(item.data):
                if inner.type == AD_WIN2K_PAC:
                    return inner.data
    return None


def put_in(part: EncTicketPart, pac: bytes) -> EncTicketPart:
    """Return the ticket with this PAC as its first authorization data, in place of any that was there."""
    inner = encode_authorization_data((AuthData(AD_WIN2K_PAC, pac),))
    others = tuple(item for item in part.authorization_data if not _holds_issued(item, _MAX_DEPTH))
    return replace(part, authorization_data=(AuthData(AD_IF_RELEVANT, inner), *others))


class Frame:
    """A ticket's encrypted part, encoded but for the PAC.  RFC 4120 §5.3: authorization data stands last."""

    __slots__ = ("_fields", "_others")

    def __init__(self, part: EncTicketPart) -> None:
        others = from_client(part.authorization_data)
        if part.authorization_data:
            part = replace(part, authorization_data=())
        raw = part.encode()
        self._others = b"".join(item.encode() for item in others)
        self._fields = raw[span(raw, span(raw, 0, len(raw))[0], len(raw))[0] :]

    def filled(self, pac: bytes) -> bytes:
        """Return the part with a PAC as its first authorization data."""
        inner = tlv(SEQUENCE, tlv(SEQUENCE, _TYPE_PAC + tlv(_SECOND, tlv(OCTET_STRING, pac))))
        element = tlv(SEQUENCE, _TYPE_IF_RELEVANT + tlv(_SECOND, tlv(OCTET_STRING, inner)))
        items = tlv(SEQUENCE, element + self._others)
        return tlv(_ENC_TICKET_PART, tlv(SEQUENCE, self._fields + tlv(_AUTHORIZATION_DATA, items)))


def from_client(items: Iterable[AuthData]) -> tuple[AuthData, ...]:
    """Return what a client may add to its ticket: nothing that only a KDC says, however deep.  RFC 4120 §5.2.6"""
    return tuple(item for item in items if not _holds_issued(item, _MAX_DEPTH))


def _holds_issued(item: AuthData, depth: int) -> bool:
    """Whether it is, or holds, what only a KDC says; a container that cannot be read counts as such."""
    if item.type in (AD_KDC_ISSUED, AD_AND_OR, AD_WIN2K_PAC, AD_SIGNTICKET):
        return True
    if item.type not in _CONTAINERS:
        return False
    try:
        inner = decode_authorization_data(item.data)
    except WireError:
        return True
    return depth == 0 or any(_holds_issued(one, depth - 1) for one in inner)


def with_placeholder(part_raw: bytes) -> bytes:
    """Return the octets that the ticket signature covers; raises WireError without a PAC.  [MS-PAC] 2.8.3"""
    levels = _levels(part_raw)
    _, hole_start, hole_end = levels[-1]
    octets = PLACEHOLDER
    for at, start, end in reversed(levels):
        octets = tlv(part_raw[at], part_raw[start:hole_start] + octets + part_raw[hole_end:end])
        hole_start, hole_end = at, end
    return octets


def _levels(raw: bytes) -> list[_Level]:
    """Find every value around the PAC, the outermost first."""
    levels = [_enter(raw, (0, 0, len(raw)), _ENC_TICKET_PART)]
    for tag in (SEQUENCE, _AUTHORIZATION_DATA, SEQUENCE):
        levels.append(_enter(raw, levels[-1], tag))
    for container in _elements(raw, levels[-1], AD_IF_RELEVANT):
        within = _enter(raw, container[-1], SEQUENCE)
        for pac in _elements(raw, within, AD_WIN2K_PAC):
            return [*levels, *container, within, *pac]
    raise WireError("no PAC in the ticket")


def _elements(raw: bytes, outer: _Level, kind: int) -> Iterable[list[_Level]]:
    """Yield the way into the data of each element of that type."""
    _, pos, end = outer
    while pos < end:
        element = (pos, *span(raw, pos, end))
        type_field = _enter(raw, element, _FIRST)
        _, start, stop = (type_field[1], *span(raw, type_field[1], type_field[2]))
        if int.from_bytes(raw[start:stop], "big", signed=True) == kind:
            value = _enter(raw, element, _SECOND)
            yield [element, value, _enter(raw, value, OCTET_STRING)]
        pos = element[2]


def _enter(raw: bytes, outer: _Level, tag: int) -> _Level:
    """Return the first value of a tag inside another's content."""
    _, pos, end = outer
    while pos < end:
        start, stop = span(raw, pos, end)
        if raw[pos] == tag:
            return pos, start, stop
        pos = stop
    raise WireError(f"no value of tag {tag:#x}")
