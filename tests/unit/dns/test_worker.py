"""A query worker on sockets of the test: what it cannot pass on does not end it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from bossa.dns.server.channel import Order, decode_asks, encode_order
from bossa.dns.server.progress import Progress
from bossa.dns.server.worker import Worker
from bossa.net import udp


@contextmanager
def running(asks: socket.socket) -> Iterator[socket.socket]:
    """Run a worker in a thread, and yield a client of its socket."""
    orders, there = socket.socketpair()
    (door,) = udp.open_sockets("127.0.0.1", 0)
    thread = threading.Thread(target=Worker(1232, Progress(), there, asks, [door]).run)
    with orders, there, door, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        thread.start()
        try:
            orders.sendall(encode_order(Order.LIVE))
            client.connect(door.getsockname())
            yield client
        finally:
            orders.shutdown(socket.SHUT_WR)
            thread.join(5)
        assert not thread.is_alive()


def test_a_question_longer_than_the_owners_buffer_is_lost_and_the_next_one_asked() -> None:
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    here.settimeout(5)
    with here, there, running(there) as client:
        client.send(bytes(60000))
        client.send(b"the next one")
        ((index, _, packet),) = decode_asks(here.recv(65535))
        assert (index, packet) == (0, b"the next one")
