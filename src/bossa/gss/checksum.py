"""The authenticator's checksum of type 0x8003, which is none: it carries what a context is to be.  RFC 4121 §4.1.1

Bindings, flags, and a KRB-CRED where the initiator delegates.  What follows
these is an extension that is stepped over.  Raises WireError.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Self

from bossa.gss.bindings import NONE
from bossa.gss.flags import ALL, ContextFlags
from bossa.wire import WireError

CHECKSUM_TYPE = 0x8003

_HEAD = struct.Struct("<I16sI")
_DELEGATION = struct.Struct("<HH")
_DELEGATION_OPTION = 1
_MOST_DELEGATED = 0xFFFF


@dataclass(frozen=True, slots=True)
class ContextRequest:
    """What an initiator asks of a context.  RFC 4121 §4.1.1"""

    flags: ContextFlags
    bindings: bytes = NONE
    credential: bytes = b""

    @classmethod
    def decode(cls, octets: bytes) -> Self:
        """Read the checksum's octets."""
        if len(octets) < _HEAD.size:
            raise WireError(f"context request of {len(octets)} octets")
        size, bindings, flags = _HEAD.unpack_from(octets)
        if size != len(NONE):
            raise WireError(f"hash of channel bindings of {size} octets")
        asked = ContextFlags(flags & ALL)
        return cls(asked, bindings, _credential(octets) if asked & ContextFlags.DELEG else b"")

    def encode(self) -> bytes:
        """Write the checksum's octets; raises WireError for a credential whose size cannot be said."""
        if len(self.credential) > _MOST_DELEGATED:
            raise WireError(f"a credential of {len(self.credential)} octets is delegated")
        head = _HEAD.pack(len(NONE), self.bindings, self.flags)
        if not self.flags & ContextFlags.DELEG:
            return head
        return head + _DELEGATION.pack(_DELEGATION_OPTION, len(self.credential)) + self.credential


def _credential(octets: bytes) -> bytes:
    """The KRB-CRED behind the flags."""
    start = _HEAD.size + _DELEGATION.size
    if len(octets) < start:
        raise WireError("a context request delegates and is cut short")
    option, size = _DELEGATION.unpack_from(octets, _HEAD.size)
    if option != _DELEGATION_OPTION or len(octets) - start < size:
        raise WireError(f"delegation option {option} of {size} octets")
    return octets[start : start + size]
