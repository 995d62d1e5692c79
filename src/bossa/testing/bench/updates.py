"""Updates as a load: signed beforehand, sent by clients that wait for each answer, and looked for afterwards."""

from __future__ import annotations

import base64
import hmac
import multiprocessing
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

from bossa.dns.names import from_text
from bossa.testing.bench.servers import ADDRESS

_UPDATE_FLAGS = 5 << 11
_SOA, _A, _TSIG, _IN, _ANY = 6, 1, 250, 1, 255
_ALGORITHM = from_text("hmac-sha256.")
_FUDGE = 300
# Where the zone's name stands in every message.
_ZONE_POINTER = b"\xc0\x0c"
_TIMEOUT_SECONDS = 2.0
# Questions on the way at once: their answers have to fit into a socket's default buffer.
_WINDOW = 50


@dataclass(frozen=True, slots=True)
class Signer:
    """A TSIG key, its secret in base64, and the zone that it updates."""

    key: str
    secret: str
    zone: str

    def add(self, number: int, label: str, now: float) -> bytes:
        """Return an UPDATE that adds one address.  RFC 8945 §4"""
        return self._signed(addition(self.zone, number, label), int(now))

    def _signed(self, unsigned: bytes, now: int) -> bytes:
        key = from_text(self.key + ".")
        times = now.to_bytes(6, "big") + struct.pack("!H", _FUDGE)
        variables = key + struct.pack("!HI", _ANY, 0) + _ALGORITHM + times + bytes(4)
        mac = hmac.digest(base64.b64decode(self.secret), unsigned + variables, "sha256")
        data = _ALGORITHM + times + struct.pack("!H", len(mac)) + mac + unsigned[:2] + bytes(4)
        tsig = key + struct.pack("!HHIH", _TSIG, _ANY, 0, len(data)) + data
        return unsigned[:10] + b"\0\1" + unsigned[12:] + tsig


def addition(zone: str, number: int, label: str) -> bytes:
    """Return an UPDATE that adds one address, unsigned.  RFC 2136 §2"""
    apex = from_text(zone + ".") + struct.pack("!HH", _SOA, _IN)
    owner = bytes([len(label)]) + label.encode() + _ZONE_POINTER
    record = owner + struct.pack("!HHIH", _A, _IN, 300, 4) + bytes([10, *number.to_bytes(8, "big")[-3:]])
    return struct.pack("!6H", number & 0xFFFF, _UPDATE_FLAGS, 1, 0, 1, 0) + apex + record


def says_noerror(reply: bytes) -> bool:
    """Tell whether an update is done."""
    return not reply[3] & 15


@dataclass(slots=True)
class Outcome:
    """What one client saw: numbers of the messages that got NOERROR, and how long each of these took."""

    done: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0


def run(
    port: int, work: Sequence[Sequence[bytes]], seconds: float, is_done: Callable[[bytes], bool] = says_noerror
) -> list[Outcome]:
    """Run a client process for each list of messages, all at once, until the time or the messages run out."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(work))
    clients = []
    for messages in work:
        load = Load(port, messages, seconds, is_done)
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_client, args=(load, barrier, theirs), daemon=True)
        process.start()
        theirs.close()
        clients.append((process, ours))
    outcomes = [receiving.recv() for _, receiving in clients]
    for process, _ in clients:
        process.join()
    return outcomes


@dataclass(frozen=True, slots=True)
class Load:
    """What one client does: where, what, for how long, and which answers say that it is done."""

    port: int
    messages: Sequence[bytes]
    seconds: float
    is_done: Callable[[bytes], bool]


def _client(load: Load, barrier: Barrier, result: Connection) -> None:
    outcome = Outcome()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESS, load.port))
        client.settimeout(_TIMEOUT_SECONDS)
        barrier.wait()
        begin = time.perf_counter()
        for number, message in enumerate(load.messages):
            sent = time.perf_counter()
            if sent - begin > load.seconds:
                break
            reply = _ask(client, message)
            if reply is None:
                outcome.lost += 1
            elif not load.is_done(reply):
                outcome.refused += 1
            else:
                outcome.latencies.append(time.perf_counter() - sent)
                outcome.done.append(number)
        outcome.seconds = time.perf_counter() - begin
    result.send(outcome)


def _ask(client: socket.socket, message: bytes) -> bytes | None:
    """Return the answer to a message, None for none."""
    client.send(message)
    try:
        # The answer to a message that was given up may still come.
        while (reply := client.recv(4096))[:2] != message[:2]:
            pass
    except TimeoutError:
        return None
    return reply


def exchange(port: int, message: bytes) -> bytes:
    """Return the answer to one message; raises TimeoutError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESS, port))
        client.settimeout(_TIMEOUT_SECONDS)
        client.send(message)
        return client.recv(65535)


def missing(port: int, zone: str, labels: Sequence[str]) -> list[str]:
    """Return those of the labels that have no address at this server."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESS, port))
        client.settimeout(_TIMEOUT_SECONDS)
        apex = from_text(zone + ".")
        return [label for part in _parts(labels) for label in _missing(client, apex, part)]


def _parts(labels: Sequence[str]) -> Iterator[Sequence[str]]:
    return (labels[place : place + _WINDOW] for place in range(0, len(labels), _WINDOW))


def _missing(client: socket.socket, apex: bytes, labels: Sequence[str]) -> list[str]:
    for ident, label in enumerate(labels):
        question = bytes([len(label)]) + label.encode() + apex + struct.pack("!HH", _A, _IN)
        client.send(struct.pack("!6H", ident, 0, 1, 0, 0, 0) + question)
    there = set()
    try:
        for _ in labels:
            ident, flags, _, answers = struct.unpack("!4H", client.recv(4096)[:8])
            if answers and not flags & 15:
                there.add(ident)
    except TimeoutError:
        pass
    return [label for ident, label in enumerate(labels) if ident not in there]
