"""UDP sockets that the owner reads itself: those of no worker, and those of workers that are not live.

A datagram is answered from the owner's desk, if it has one, else by its rules, now or later.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable

from bossa.net.peer import host_of
from bossa.net.udp import Batches, open_batch, reply
from bossa.workers.desk import SILENCE, Desk

# Takes a packet, the sender's return address, and a function that sends the answer.
Reply = Callable[[bytes], None]
Datagram = Callable[[bytes, bytes, Reply], None]


class Doors:
    """Reads sockets between ``open`` and ``leave``; what the desk does not answer goes to ``datagram``."""

    def __init__(self, desk: Desk | None, datagram: Datagram) -> None:
        self._desk = desk
        self._datagram = datagram
        self._batches: dict[socket.socket, Batches] = {}

    def open(self, sockets: Iterable[socket.socket]) -> None:
        """Begin to read."""
        for sock in sockets:
            asyncio.get_running_loop().add_reader(sock, self._read, sock)

    def leave(self, sockets: Iterable[socket.socket]) -> None:
        """Read no more; harmless where nothing was read."""
        for sock in sockets:
            asyncio.get_running_loop().remove_reader(sock)

    def hand_over(self, sock: socket.socket, address: bytes, packet: bytes) -> None:
        """Have a datagram answered by the rules, through the socket that it came in on."""
        self._datagram(packet, address, lambda answer: _reply(sock, answer, address))

    def _read(self, sock: socket.socket) -> None:
        batch = self._batches.get(sock)
        if batch is None:
            batch = self._batches[sock] = open_batch(sock)
        try:
            for i in range(batch.receive()):
                self._answer(sock, batch, i)
        finally:
            batch.send()

    def _answer(self, sock: socket.socket, batch: Batches, i: int) -> None:
        packet, address, desk = batch.packet(i), batch.address(i), self._desk
        answer = desk.answer(packet, host_of(address)) if desk is not None else None
        if desk is None or answer is None:
            self.hand_over(sock, address, packet)
        elif answer != SILENCE:
            batch.answer(i, packet[: desk.kept] + answer)


def _reply(sock: socket.socket, answer: bytes, address: bytes) -> None:
    # Work that outlives the server finds its socket closed.
    if sock.fileno() >= 0:
        reply(sock, answer, address)
