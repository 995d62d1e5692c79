"""Questions for random names as a flood, and a trickle of questions for known names that tells what the flood does.

The moment at which an answer came is the kernel's (SO_TIMESTAMPNS, socket(7)),
so that a load that gets its turn late does not count as a slow server.
"""

from __future__ import annotations

import multiprocessing
import random
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from bossa.dns.names import from_text
from bossa.testing.bench.servers import ADDRESS

_A, _IN, _RECURSION = 1, 1, 0x0100
# Not in the socket module; asm-generic/socket.h.
_SO_TIMESTAMPNS = 35
_TIMESPEC = struct.Struct("@qq")
# An answer that takes longer is lost.
_PATIENCE = 2.0
# What is sent at once at most: who got no turn for a while does not make up for it.
_BURST = 200
_TICK = 0.001


@dataclass(slots=True)
class Latencies:
    """How long each answer took in milliseconds, and how many never came."""

    millis: list[float] = field(default_factory=list)
    lost: int = 0


def question(ident: int, name: bytes) -> bytes:
    """Return a question for the address of a name in wire form."""
    return struct.pack("!6H", ident, _RECURSION, 1, 0, 0, 0) + name + struct.pack("!HH", _A, _IN)


def trickle(port: int, names: Sequence[bytes], rate: float, seconds: float) -> Latencies:
    """Ask for known names, one after the other at a steady rate, from a socket of their own."""
    found = Latencies()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        client.connect((ADDRESS, port))
        client.settimeout(_PATIENCE)
        due = time.monotonic()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, due - time.monotonic()))
            # After a long wait the rest is asked at the same rate, not in a heap.
            due = max(due, time.monotonic() - 1 / rate) + 1 / rate
            taken = _one(client, number & 0xFFFF, names[number % len(names)])
            if taken is None:
                found.lost += 1
            else:
                found.millis.append(taken * 1e3)
    return found


def _one(client: socket.socket, ident: int, name: bytes) -> float | None:
    """Ask once; return the seconds until the answer came, None when none or a wrong one did."""
    wire = question(ident, name)
    sent = time.time_ns()
    client.send(wire)
    try:
        while True:
            reply, ancillary, _, _ = client.recvmsg(4096, socket.CMSG_SPACE(_TIMESPEC.size))
            # The answer to a question that was given up may still come.
            if reply[:2] == wire[:2]:
                break
    except TimeoutError:
        return None
    ident, flags, _, answers = struct.unpack_from("!4H", reply)
    if flags & 15 or not answers:
        return None
    return (_moment(ancillary) - sent) / 1e9


def _moment(ancillary: Sequence[tuple[int, int, bytes]]) -> int:
    """Return when the kernel got a datagram, in nanoseconds since 1970."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS):
            seconds, nanos = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return int(seconds * 1_000_000_000 + nanos)
    return time.time_ns()


@contextmanager
def flood(port: int, apex: str, rate: int, seconds: float) -> Iterator[None]:
    """Ask for random names below ``apex`` while the block runs, ``seconds`` at most, in a process of its own."""
    process = multiprocessing.get_context("fork").Process(target=_flood, args=(port, apex, rate, seconds), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join()


def _flood(port: int, apex: str, rate: int, seconds: float) -> None:
    below = from_text(apex + ".")
    chance = random.Random()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect((ADDRESS, port))
        begun = last = time.monotonic()
        while last - begun < seconds:
            time.sleep(_TICK)
            now = time.monotonic()
            for _ in range(min(_BURST, round((now - last) * rate))):
                # 64 bits: a name that was asked before comes once in a million runs.
                label = b"%016x" % chance.getrandbits(64)
                with suppress(BlockingIOError):
                    client.send(question(chance.getrandbits(16), bytes((len(label),)) + label + below))
            last = now
            _drain(client)


def _drain(client: socket.socket) -> None:
    with suppress(BlockingIOError):
        while True:
            client.recv(4096)
