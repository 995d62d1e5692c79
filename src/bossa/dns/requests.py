"""What a client of a name server sends: a question, and an update of some records.  RFC 1035 §4.1, RFC 2136 §2"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import NamedTuple

from bossa.dns import types
from bossa.dns.message import Flag, Question, Writer, head

_FIXED = Struct("!HHIH")


class Change(NamedTuple):
    """One record of an update or prerequisite section; what it asks for is in its class.  RFC 2136 §2.4, §2.5"""

    owner: bytes
    type: int
    rclass: int
    ttl: int
    rdata: bytes = b""

    @classmethod
    def add(cls, owner: bytes, rtype: int, ttl: int, rdata: bytes) -> Change:
        """Add a record to an RRset.  §2.5.1"""
        return cls(owner, rtype, types.IN, ttl, rdata)

    @classmethod
    def delete_rrset(cls, owner: bytes, rtype: int) -> Change:
        """Delete all records of a type.  §2.5.2"""
        return cls(owner, rtype, types.CLASS_ANY, 0)

    @classmethod
    def delete(cls, owner: bytes, rtype: int, rdata: bytes) -> Change:
        """Delete this record and no other.  §2.5.4"""
        return cls(owner, rtype, types.CLASS_NONE, 0, rdata)


def question(message_id: int, name: bytes, rtype: int, flags: int = Flag.RD) -> bytes:
    """Ask for the records of a type."""
    w = Writer()
    w.question(Question(name, rtype, types.IN))
    w.octets[:12] = head(message_id, flags, (1, 0, 0, 0))
    return bytes(w.octets)


def update(message_id: int, zone: bytes, changes: Sequence[Change], prerequisites: Sequence[Change] = ()) -> bytes:
    """Change records of a zone, all of them or none."""
    w = Writer()
    w.question(Question(zone, types.SOA, types.IN))
    for one in (*prerequisites, *changes):
        w.name(one.owner)
        w.octets += _FIXED.pack(one.type, one.rclass, one.ttl, len(one.rdata)) + one.rdata
    w.octets[:12] = head(message_id, types.Opcode.UPDATE << 11, (1, len(prerequisites), len(changes), 0))
    return bytes(w.octets)
