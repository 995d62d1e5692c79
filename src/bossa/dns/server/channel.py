"""What the owner and a query worker say to each other.

Two socket pairs a worker.  ``orders`` is a stream in both directions: deltas
and the word to go live to the worker, counters back.  ``asks`` carries single
messages to the owner, each a question as received with its sender; it may be
full, and then the datagram is lost as on any network.
"""

from __future__ import annotations

import marshal
from enum import IntEnum
from struct import Struct

_FRAME = Struct("!IBQ")
FRAME_HEAD = _FRAME.size
_ASK = Struct("!HH")


class Order(IntEnum):
    """The kinds of frames on ``orders``; the number that goes along is a delta's sequence number."""

    DELTA = 1
    LIVE = 2
    STOP = 3
    # From the owner: say the same when you have come here.
    HERE = 4
    COUNTERS = 5
    NEAR = 6


def encode_order(order: Order, sequence: int = 0, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return _FRAME.pack(len(payload), order, sequence) + payload


def decode_head(head: bytes) -> tuple[int, Order, int]:
    """Return a frame's payload size, its kind and its sequence number."""
    size, order, sequence = _FRAME.unpack(head)
    return size, Order(order), sequence


def encode_ask(socket_index: int, address: bytes, packet: bytes) -> bytes:
    """Return a question for the owner: where it came in, from whom, and its octets."""
    return _ASK.pack(socket_index, len(address)) + address + packet


def decode_ask(ask: bytes) -> tuple[int, bytes, bytes]:
    """Return socket index, sender and packet."""
    index, size = _ASK.unpack_from(ask)
    at = _ASK.size + size
    return index, ask[_ASK.size : at], ask[at:]


def encode_counters(counters: dict[str, int]) -> bytes:
    """Return a worker's counters since its start."""
    return marshal.dumps(counters)


def decode_counters(payload: bytes) -> dict[str, int]:
    """Return a worker's counters since its start."""
    counters: dict[str, int] = marshal.loads(payload)
    return counters
