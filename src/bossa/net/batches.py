"""Datagrams of one socket in batches, by the fastest way that this machine has."""

from __future__ import annotations

import socket
from typing import Protocol

from bossa.net import mmsg
from bossa.net.mmsg import Answer, Known
from bossa.net.plain import PlainBatch


class Batches(Protocol):
    """What :class:`bossa.net.mmsg.Batch` and :class:`bossa.net.plain.PlainBatch` do alike."""

    dropped: int
    unanswered: list[int]

    def receive(self) -> int: ...
    def packet(self, i: int) -> bytes: ...
    def address(self, i: int) -> bytes: ...
    def answer(self, i: int, data: bytes) -> None: ...
    def send(self) -> int: ...
    def answer_all(self, known: Known, answer: Answer) -> int: ...


def open_batch(sock: socket.socket, kept: int = 2) -> Batches:
    """Return batches over recvmmsg(2), or over the plain calls where it is missing; ``kept`` as in mmsg.Batch."""
    return mmsg.Batch(sock, kept) if mmsg.available() else PlainBatch(sock, kept)
