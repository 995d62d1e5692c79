"""The messages by which peers choose a mechanism.  RFC 4178 §4.2, [MS-SPNG] 2.2.1

A NegTokenInit keeps the octets of its list of mechanisms, over which the MICs
run.  Where RFC 4178 has the MIC of a NegTokenInit, Windows' NegTokenInit2 has
hints, which are stepped over, and the MIC comes after.  Raises WireError.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from bossa.gss import tokens
from bossa.wire.der import (
    ENUMERATED,
    OBJECT_IDENTIFIER,
    RAW,
    SEQUENCE,
    STRING,
    Codec,
    explicit,
    integer,
    octet_string,
    sequence_of,
    tlv,
)
from bossa.wire.layout import Field, Form, Message, lay_out

MOST_MECHANISMS = 32
INIT, RESPONSE = 0xA0, 0xA1
# [MS-SPNG] 3.2.5.2
_HINT = "not_defined_in_RFC4178@please_ignore"

_OCTETS = octet_string(longest=tokens.LONGEST)
_MECHANISM = octet_string(OBJECT_IDENTIFIER, longest=64)
_MECHANISMS = sequence_of(_MECHANISM, MOST_MECHANISMS, least=1)


class NegState(IntEnum):
    """How far a negotiation is.  RFC 4178 §4.2.2"""

    ACCEPT_COMPLETED = 0
    ACCEPT_INCOMPLETE = 1
    REJECT = 2
    REQUEST_MIC = 3


def _decode_hints(data: bytes, pos: int, end: int) -> bytes | None:
    """Read the MIC of a NegTokenInit; the hints of a NegTokenInit2 in its place say nothing."""
    if data[pos : pos + 1] == bytes((SEQUENCE,)):
        RAW.decode(data, pos, end)
        return None
    return _OCTETS.decode(data, pos, end)


@dataclass(frozen=True, slots=True)
class NegTokenInit(Message):
    """Offer mechanisms, the preferred one first, with a token for it.  RFC 4178 §4.2.1, [MS-SPNG] 2.2.1"""

    list_raw: bytes
    req_flags: bytes | None = None
    token: bytes | None = None
    mic: bytes | None = None
    mic_after_hints: bytes | None = None

    @property
    def mechanisms(self) -> tuple[bytes, ...]:
        """The mechanisms offered; raises WireError."""
        return _MECHANISMS.decode(self.list_raw, 0, len(self.list_raw))


lay_out(
    NegTokenInit,
    Field(0, "list_raw", RAW),
    Field(1, "req_flags", RAW, None),
    Field(2, "token", _OCTETS, None),
    Field(3, "mic", Codec(_decode_hints, _OCTETS.encode), None),
    Field(4, "mic_after_hints", _OCTETS, None),
    form=Form(extensible=True),
)
NegTokenInit.CODEC = explicit(INIT, NegTokenInit.CODEC)


@dataclass(frozen=True, slots=True)
class NegTokenResp(Message):
    """Every later word of both sides.  RFC 4178 §4.2.2"""

    state: int | None = None
    mechanism: bytes | None = None
    token: bytes | None = None
    mic: bytes | None = None


lay_out(
    NegTokenResp,
    Field(0, "state", integer(0, 3, ENUMERATED), None),
    Field(1, "mechanism", _MECHANISM, None),
    Field(2, "token", _OCTETS, None),
    Field(3, "mic", _OCTETS, None),
    form=Form(extensible=True),
)
NegTokenResp.CODEC = explicit(RESPONSE, NegTokenResp.CODEC)


def offer(mechanisms: tuple[bytes, ...], token: bytes) -> NegTokenInit:
    """Offer a list with the token of its first mechanism."""
    return NegTokenInit(_MECHANISMS.encode(mechanisms), token=token)


def hints() -> bytes:
    """The first word of a server that speaks first, framed: what it takes.  [MS-SPNG] 2.2.1, 3.2.5.2"""
    fields = tlv(INIT, _MECHANISMS.encode((tokens.MS_KRB5, tokens.KRB5)))
    fields += tlv(0xA3, tlv(SEQUENCE, tlv(0xA0, STRING.encode(_HINT))))
    return tokens.frame(tokens.SPNEGO, tlv(INIT, tlv(SEQUENCE, fields)))


def decode_init(inner: bytes) -> NegTokenInit:
    """Read what stands in the frame of the first token, its list of mechanisms too."""
    init = NegTokenInit.decode(inner)
    _MECHANISMS.decode(init.list_raw, 0, len(init.list_raw))
    return init
