"""The loop of a worker: answers from its desk, and gives the rest to the owner.

A program of its own runs it, with as few imports as can be; the last of its
arguments are numbers of open files: PROGRESS ORDERS ASKS UDP…  It holds no
rules: the owner's orders tell its desk what to say, and it says nothing before
it has taken in those that are in force.  It ends when the owner does.
"""

from __future__ import annotations

import contextlib
import errno
import select
import signal
import socket
import time
from typing import NamedTuple

from bossa.net.mmsg import SLOTS
from bossa.net.parent import die_with_parent
from bossa.net.udp import Batches, open_batch
from bossa.workers.channel import (
    ASKS_SIZE,
    FRAME_HEAD,
    Order,
    decode_head,
    encode_ask,
    encode_counters,
    encode_order,
)
from bossa.workers.desk import Desk
from bossa.workers.progress import Progress

# Seconds between two reports of the counters.
_REPORT_EVERY = 1.0
_POLL_MS = 1000
# Orders that come in such a time are taken in together, if no question wants them sooner: being woken for each costs
# more than the order.  After as much as this, they are awaited: more may follow, and the owner wait for room.
_REST = 0.05
_MUCH = 1 << 14
# Batches of one socket before the others and the orders get their turn.
_TURNS = 4
_STREAM_READ = 1 << 20
# A question that the owner cannot be given: its buffer or the memory is full, or the question is longer than either.
_LOST = frozenset((errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM, errno.EMSGSIZE))


class Channels(NamedTuple):
    """A worker's ends of what it shares with the owner."""

    progress: Progress
    orders: socket.socket
    asks: socket.socket


class Worker:
    """The desk, the sockets, and the loop."""

    def __init__(self, desk: Desk, channels: Channels, udp: list[socket.socket]) -> None:
        self._desk = desk
        self._progress, self._orders, self._asks = channels
        self._applied = 0
        # A batch knows its socket by number only.
        self._udp = udp
        self._doors = {sock.fileno(): (index, open_batch(sock, desk.kept)) for index, sock in enumerate(udp)}
        self._poll = select.poll()
        self._poll.register(self._orders, select.POLLIN)
        self._pending = bytearray()
        # Read into again and again: a new buffer of this size each time would be asked of the system.
        self._read = memoryview(bytearray(_STREAM_READ))
        self._asked = 0
        self._lost = 0
        self._reported = 0.0
        self._running = True
        self._live = False
        # When orders are awaited again; 0 while they are.
        self._resting = 0.0

    def run(self) -> None:
        """Serve until told to stop or the owner is gone."""
        while self._running:
            self.turn()

    def turn(self) -> None:
        """Wait for something to do, and do it."""
        for fd, _ in self._poll.poll(_REST * 1000 if self._resting else _POLL_MS):
            if fd == self._orders.fileno():
                # Serving a socket may have taken them in already.
                self._rest(self._take_orders(socket.MSG_DONTWAIT))
            else:
                self._serve(*self._doors[fd])
        now = time.monotonic()
        if self._resting and now > self._resting:
            self._resting = 0.0
            self._poll.register(self._orders, select.POLLIN)
        if now - self._reported > _REPORT_EVERY:
            self._reported = now
            self._report()

    def _rest(self, size: int) -> None:
        """Leave orders alone for a moment, after a few of them."""
        if self._live and size < _MUCH:
            self._poll.unregister(self._orders)
            self._resting = time.monotonic() + _REST

    def _serve(self, index: int, batch: Batches) -> None:
        """Answer what has come in on one socket."""
        for _ in range(_TURNS):
            count = batch.receive()
            # What is in force now has to show in the answers to questions that are here now.
            while self._applied < self._progress.in_force and self._running:
                self._take_orders()
            self._desk.count(batch.answer_all(self._desk.known(), self._desk.answer))
            if batch.unanswered:
                self._ask(index, batch)
            # A batch that is not full has emptied the socket.
            if count < SLOTS:
                return

    def _ask(self, index: int, batch: Batches) -> None:
        """Give questions to the owner, those of a batch in one message; when it cannot take them, they are lost."""
        asking = [encode_ask(index, batch.address(i), batch.packet(i)) for i in batch.unanswered]
        while asking:
            count, size = 0, 0
            while count < len(asking) and size < ASKS_SIZE:
                size += len(asking[count])
                count += 1
            self._send(b"".join(asking[:count]), count)
            del asking[:count]

    def _send(self, asks: bytes, count: int) -> None:
        try:
            self._asks.send(asks, socket.MSG_DONTWAIT)
            self._asked += count
        except OSError as e:
            if e.errno not in _LOST:
                raise
            self._lost += count

    def _take_orders(self, how: int = 0) -> int:
        """Take orders in, for which is waited unless ``how`` says otherwise; return how many octets came."""
        try:
            size = self._orders.recv_into(self._read, 0, how)
        except BlockingIOError:
            return 0
        if not size:
            self._running = False
        pending = self._pending
        pending += self._read[:size]
        at = 0
        while len(pending) - at >= FRAME_HEAD:
            size, order, sequence = decode_head(bytes(pending[at : at + FRAME_HEAD]))
            if len(pending) - at - FRAME_HEAD < size:
                break
            at += FRAME_HEAD
            self._obey(order, sequence, bytes(pending[at : at + size]))
            at += size
        del pending[:at]
        return size

    def _obey(self, order: int, sequence: int, payload: bytes) -> None:
        self._desk.take(order, payload)
        self._applied = self._progress.applied = max(self._applied, sequence)
        if order == Order.HERE:
            self._orders.sendall(encode_order(Order.HERE))
        elif order == Order.LIVE:
            self._live = True
            for fd in self._doors:
                self._poll.register(fd, select.POLLIN)
        elif order == Order.STOP:
            self._running = False

    def _report(self) -> None:
        counters = self._desk.counters() | {"asked": self._asked, "lost": self._lost}
        self._orders.sendall(encode_order(Order.COUNTERS, 0, encode_counters(counters)))
        if notice := self._desk.notice():
            self._orders.sendall(encode_order(Order.NOTICE, 0, notice))


def serve(desk: Desk, files: list[str]) -> None:
    """Run a worker on inherited files, until the owner ends it or is gone; see :class:`bossa.workers.pool.Work`."""
    # Ctrl-C reaches the whole group of a terminal; the owner decides when we end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # An owner that was killed starts anew on the same ports, which must not be held by its last workers.
    die_with_parent()
    progress, *fds = map(int, files)
    orders, asks, *udp = [socket.socket(fileno=fd) for fd in fds]
    worker = Worker(desk, Channels(Progress(progress), orders, asks), udp)
    # The owner may be gone before we are.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        worker.run()
