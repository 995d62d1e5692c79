"""Updates as a load: signed beforehand, sent by clients that wait for each answer, and looked for afterwards."""

from __future__ import annotations

import base64
import hmac
import multiprocessing
import socket
import struct
import time
from collections.abc import Iterator, Sequence
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
        """Return an UPDATE that adds one address.  RFC 2136 §2, RFC 8945 §4"""
        zone = from_text(self.zone + ".") + struct.pack("!HH", _SOA, _IN)
        owner = bytes([len(label)]) + label.encode() + _ZONE_POINTER
        record = owner + struct.pack("!HHIH", _A, _IN, 300, 4) + bytes([10, *number.to_bytes(8, "big")[-3:]])
        return self._signed(number & 0xFFFF, zone + record, int(now))

    def _signed(self, ident: int, body: bytes, now: int) -> bytes:
        key = from_text(self.key + ".")
        times = now.to_bytes(6, "big") + struct.pack("!H", _FUDGE)
        variables = key + struct.pack("!HI", _ANY, 0) + _ALGORITHM + times + bytes(4)
        unsigned = struct.pack("!6H", ident, _UPDATE_FLAGS, 1, 0, 1, 0) + body
        mac = hmac.digest(base64.b64decode(self.secret), unsigned + variables, "sha256")
        data = _ALGORITHM + times + struct.pack("!H", len(mac)) + mac + struct.pack("!HHH", ident, 0, 0)
        tsig = key + struct.pack("!HHIH", _TSIG, _ANY, 0, len(data)) + data
        return struct.pack("!6H", ident, _UPDATE_FLAGS, 1, 0, 1, 1) + body + tsig


@dataclass(slots=True)
class Outcome:
    """What one client saw: numbers of the messages that got NOERROR, and how long each of these took."""

    done: list[int] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    lost: int = 0
    seconds: float = 0.0


def run(port: int, work: Sequence[Sequence[bytes]], seconds: float) -> list[Outcome]:
    """Run a client process for each list of messages, all at once, until the time or the messages run out."""
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(len(work))
    clients = []
    for messages in work:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_client, args=(port, messages, seconds, barrier, theirs), daemon=True)
        process.start()
        theirs.close()
        clients.append((process, ours))
    outcomes = [receiving.recv() for _, receiving in clients]
    for process, _ in clients:
        process.join()
    return outcomes


def _client(port: int, messages: Sequence[bytes], seconds: float, barrier: Barrier, result: Connection) -> None:
    outcome = Outcome()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESS, port))
        client.settimeout(_TIMEOUT_SECONDS)
        barrier.wait()
        begin = time.perf_counter()
        for number, message in enumerate(messages):
            sent = time.perf_counter()
            if sent - begin > seconds:
                break
            _update(client, message, outcome, number, sent)
        outcome.seconds = time.perf_counter() - begin
    result.send(outcome)


def _update(client: socket.socket, message: bytes, outcome: Outcome, number: int, sent: float) -> None:
    client.send(message)
    try:
        # The answer to a message that was given up may still come.
        while (reply := client.recv(4096))[:2] != message[:2]:
            pass
    except TimeoutError:
        outcome.lost += 1
        return
    if reply[3] & 15:
        outcome.refused += 1
        return
    outcome.latencies.append(time.perf_counter() - sent)
    outcome.done.append(number)


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
