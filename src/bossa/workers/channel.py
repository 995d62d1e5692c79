"""What the owner and a worker say to each other.

Two socket pairs a worker.  ``orders`` is a stream in both directions: deltas
and the word to go live to the worker, counters back.  ``asks`` carries messages
to the owner, each with the questions of one batch as received, with their
senders; it may be full, and then these are lost as on any network.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

_FRAME = Struct("!IBQ")
FRAME_HEAD = _FRAME.size
_ASK = Struct("!HHH")
# A message to the owner ends with the question that takes it past this size.
ASKS_SIZE = 32768
# The largest there is: one that was almost full, and the largest datagram.
MOST_ASKS = ASKS_SIZE + 66000
# The first order that means what a protocol says.
OWN_ORDERS = 16


class Order(IntEnum):
    """The frames on ``orders`` that all workers know; those of the owner have sequence numbers."""

    DELTA = 1
    LIVE = 2
    STOP = 3
    # From the owner: say the same when you have come here.
    HERE = 4
    COUNTERS = 5
    # From a worker: what its desk has to say to the owner.
    NOTICE = 6


def encode_order(order: int, sequence: int = 0, payload: bytes = b"") -> bytes:
    """Return one frame."""
    return _FRAME.pack(len(payload), order, sequence) + payload


def decode_head(head: bytes) -> tuple[int, int, int]:
    """Return a frame's payload size, its kind and its sequence number."""
    size, order, sequence = _FRAME.unpack(head)
    return size, order, sequence


def encode_ask(socket_index: int, address: bytes, packet: bytes) -> bytes:
    """Return a question for the owner: where it came in, from whom, and its octets; several may follow one another."""
    return _ASK.pack(socket_index, len(address), len(packet)) + address + packet


def decode_asks(asks: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield socket index, sender and packet of each question of a message."""
    at = 0
    while at < len(asks):
        index, address, packet = _ASK.unpack_from(asks, at)
        at += _ASK.size
        end = at + address + packet
        yield index, asks[at : at + address], asks[at + address : end]
        at = end


def encode_counters(counters: dict[str, int]) -> bytes:
    """Return a worker's counters since its start."""
    return marshal.dumps(counters)


def decode_counters(payload: bytes) -> dict[str, int]:
    """Return a worker's counters since its start."""
    counters: dict[str, int] = marshal.loads(payload)
    return counters
