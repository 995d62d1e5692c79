"""The owner's end of the stream to one worker: what it is told, in order, and what is in force there.

Writing is done at once; what the kernel does not take waits here, in order.
An order is in force when all of it is with the kernel: from then on the worker
can be made to read it (see :mod:`bossa.workers.progress`).
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from bossa.workers.channel import FRAME_HEAD, Order, decode_head, encode_order
from bossa.workers.progress import Progress

_READ = 1 << 16
# As much as the kernel grants, so that a large delta seldom has to wait.
_BUFFER = 4 << 20

# Takes an order of the worker's, and its payload.
Heard = Callable[[int, bytes], None]


class Orders:
    """One worker's stream; ``ended`` is done when the worker is gone."""

    def __init__(self, sock: socket.socket, heard: Heard) -> None:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        self.progress = Progress()
        self.sent = 0
        self._sock = sock
        self._heard = heard
        self._loop = asyncio.get_running_loop()
        self._backlog = bytearray()
        self._received = bytearray()
        self._waiting: list[asyncio.Future[None]] = []
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(sock, self._read)

    @property
    def behind(self) -> int:
        """How many orders the worker has yet to take in."""
        return self.sent - self.progress.applied

    def give(self, delta: bytes) -> bool:
        """Give a delta; tell whether it is in force."""
        self.tell(Order.DELTA, delta)
        return not self._backlog

    def tell(self, order: int, payload: bytes = b"") -> None:
        """Give an order."""
        self.sent += 1
        if self.ended.done():
            return
        frame = encode_order(order, self.sent, payload)
        if self._backlog:
            self._backlog += frame
            return
        sent = self._send(frame)
        if sent < len(frame):
            self._backlog += memoryview(frame)[sent:]
            self._loop.add_writer(self._sock, self._write_on)
        else:
            self.progress.in_force = self.sent

    def drained(self) -> asyncio.Future[None]:
        """Return what is done when everything is in force, or the worker is gone."""
        done: asyncio.Future[None] = self._loop.create_future()
        if self._backlog and not self.ended.done():
            self._waiting.append(done)
        else:
            done.set_result(None)
        return done

    def close(self) -> None:
        """Give the stream up, and let go of whoever waits."""
        self._end()
        self._loop.remove_reader(self._sock)
        self._loop.remove_writer(self._sock)
        self._sock.close()

    def _send(self, data: bytes | bytearray) -> int:
        """Write what the kernel takes; 0 also when the worker is gone, which reading tells."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ConnectionError):
            return 0

    def _write_on(self) -> None:
        del self._backlog[: self._send(self._backlog)]
        if not self._backlog:
            self._loop.remove_writer(self._sock)
            self.progress.in_force = self.sent
            self._let_go()

    def _read(self) -> None:
        try:
            data = self._sock.recv(_READ)
        except BlockingIOError:
            return
        except ConnectionError:
            data = b""
        if not data:
            self._loop.remove_reader(self._sock)
            self._end()
        self._received += data
        at = 0
        while len(self._received) - at >= FRAME_HEAD:
            size, order, _ = decode_head(bytes(self._received[at : at + FRAME_HEAD]))
            end = at + FRAME_HEAD + size
            if len(self._received) < end:
                break
            self._heard(order, bytes(self._received[at + FRAME_HEAD : end]))
            at = end
        del self._received[:at]

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        self._loop.remove_writer(self._sock)
        self._let_go()

    def _let_go(self) -> None:
        for done in self._waiting:
            if not done.done():
                done.set_result(None)
        self._waiting.clear()
