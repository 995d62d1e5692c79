"""How the tester speaks with whoever moves its octets, and the words in which it says what is wrong.

A fault has a cause that programs can compare, a sentence that says what was
seen, and another that says what would mend it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NamedTuple, TypeVar

from bossa.dns.message import Flag, Message

T = TypeVar("T")


class Way(Enum):
    """How a message travels."""

    UDP = "UDP"
    TCP = "TCP"


class Send(NamedTuple):
    """A message for the server."""

    message: bytes
    way: Way = Way.UDP


Conversation = Generator[Send, bytes, T]


class Cause(StrEnum):
    """Why a step most likely failed."""

    CLOCK = "clock"
    PRINCIPAL = "principal"
    REALM = "realm"
    KVNO = "kvno"
    ENCTYPE = "enctype"
    TICKET = "ticket"
    KEY = "key"
    SECRET = "secret"
    ECHO = "echo"
    PREFIX = "prefix"
    MAC = "mac"
    UNSIGNED = "unsigned"
    POLICY = "policy"
    ZONE = "zone"
    NEGOTIATION = "negotiation"
    STALE = "stale"
    SERVER = "server"
    UNREACHABLE = "unreachable"


class Fault(Exception):
    """A step failed; the text says what was seen."""

    def __init__(self, cause: Cause, why: str, fix: str) -> None:
        super().__init__(why)
        self.cause = cause
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Setting:
    """What a conversation must be told: the time, and where random octets come from."""

    now: float
    random: Callable[[int], bytes]

    @property
    def seconds(self) -> int:
        """The whole seconds of the time."""
        return int(self.now)

    def message_id(self) -> int:
        """An ID that nobody can guess."""
        return int.from_bytes(self.random(2), "big")


def ask(message: bytes, way: Way = Way.UDP) -> Conversation[Message]:
    """Send a message and read the answer; one too large for a datagram is fetched over TCP.  Raises WireError."""
    reply = Message.decode((yield Send(message, way)))
    if reply.flags & Flag.TC and way is Way.UDP:
        return Message.decode((yield Send(message, Way.TCP)))
    return reply
