"""A query worker on sockets of the test: what it answers, when, and what does not end it."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest

from bossa.dns import names, types
from bossa.dns.lookup import Zones
from bossa.dns.prepare import Delta, Preparer
from bossa.dns.server import nearness
from bossa.dns.server.desk import Clocks, Desk, Sizes
from bossa.dns.server.orders import DnsOrder
from bossa.dns.zone import Mark, Origin, RRset, Soa, Zone
from bossa.net import udp
from bossa.testing import packets
from bossa.workers.channel import Order, decode_asks, encode_order
from bossa.workers.loop import Channels, Worker
from bossa.workers.progress import Progress

APEX = names.from_text("t.")
NAME = names.from_text("host.t.")
MARK = Mark(Origin.FILE, 0)
DESK = partial(Desk, Sizes(1232, 1 << 20), Clocks(time.time, time.monotonic))


@dataclass
class Office:
    """A worker in a thread, with the owner's ends of its channels and a client of its socket."""

    orders: socket.socket
    asks: socket.socket
    client: socket.socket
    progress: Progress
    given: int = 0

    def give(self, delta: Delta) -> None:
        """Give a delta to the worker and say that it is in force."""
        self.tell(Order.DELTA, delta.encode())

    def tell(self, order: int, payload: bytes) -> None:
        """Give an order to the worker and say that it is in force."""
        self.given += 1
        self.orders.sendall(encode_order(order, self.given, payload))
        self.progress.in_force = self.given

    def ask(self, name: str = "host.t") -> list[bytes]:
        """Return the addresses that the worker answers with."""
        self.client.send(packets.query(name))
        return [rdata for _, rtype, _, _, rdata in packets.records(self.client.recv(4096)) if rtype == packets.A]


@contextmanager
def opened() -> Iterator[tuple[Office, Worker]]:
    """Yield a worker that does nothing by itself, and what is on the other side of its channels."""
    orders, orders_there = socket.socketpair()
    asks, asks_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    (door,) = udp.open_sockets("127.0.0.1", 0)
    progress = Progress()
    with orders, orders_there, asks, asks_there, door, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        asks_there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        asks.settimeout(5)
        client.settimeout(5)
        client.connect(door.getsockname())
        office = Office(orders, asks, client, progress)
        office.tell(Order.LIVE, b"")
        yield office, Worker(DESK(), Channels(progress, orders_there, asks_there), [door])


@pytest.fixture
def desk() -> Iterator[Office]:
    with opened() as (office, worker):
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            yield office
        finally:
            office.orders.shutdown(socket.SHUT_WR)
            thread.join(5)
        assert not thread.is_alive()


def delta(address: bytes) -> Delta:
    """Return all there is to a zone in which the host has this address."""
    soa = Soa(APEX, APEX, 1, 1, 1, 1, 1)
    rrsets = [(APEX, RRset(types.SOA, 60, (soa.encode(),), (MARK,))), (NAME, RRset(types.A, 60, (address,), (MARK,)))]
    zone = Zone(APEX, rrsets)
    preparer = Preparer(Zones({APEX: zone}), (), recursion=True)
    found = preparer.names(zone.names(), zone)
    found.forms |= preparer.zone_forms(zone).forms
    return found


def test_a_question_longer_than_the_owners_buffer_is_lost_and_the_next_one_asked(desk: Office) -> None:
    desk.client.send(bytes(60000))
    desk.client.send(b"the next one")
    ((index, _, packet),) = decode_asks(desk.asks.recv(65535))
    assert (index, packet) == (0, b"the next one")


def test_orders_that_were_taken_in_for_a_question_are_not_waited_for_again() -> None:
    """Both are there when the worker looks, and the question comes first."""
    with opened() as (office, worker):
        worker.turn()
        # Orders were left alone for a moment, and are awaited again, behind the sockets.
        time.sleep(0.06)
        worker.turn()
        office.give(delta(b"\x02\x02\x02\x02"))
        office.client.send(packets.query("host.t"))
        turn = threading.Thread(target=worker.turn, daemon=True)
        turn.start()
        turn.join(5)
        assert not turn.is_alive()
        assert b"\x02\x02\x02\x02" in office.client.recv(4096)


def test_questions_of_one_batch_travel_together(desk: Office) -> None:
    # The worker stops to take in what is in force and is not there yet; meanwhile questions gather.
    desk.progress.in_force = 2
    desk.client.send(b"first")
    time.sleep(0.1)
    for number in range(3):
        desk.client.send(b"question %d" % number)
    desk.orders.sendall(encode_order(Order.DELTA, 2, Delta().encode()))
    seen: list[bytes] = []
    while len(seen) < 4:
        seen += [packet for _, _, packet in decode_asks(desk.asks.recv(65535))]
    assert seen == [b"first", b"question 0", b"question 1", b"question 2"]


def test_an_answer_shows_every_change_that_is_in_force(desk: Office) -> None:
    for number in range(1, 50):
        desk.give(delta(bytes((192, 0, 2, number))))
        # The second time the answer is known by its packet.
        assert desk.ask() == desk.ask() == [bytes((192, 0, 2, number))]


def test_no_answer_leaves_before_what_is_in_force_was_taken_in(desk: Office) -> None:
    desk.give(delta(b"\x01\x01\x01\x01"))
    assert desk.ask() == [b"\x01\x01\x01\x01"]
    desk.progress.in_force = 3
    desk.client.send(packets.query("host.t"))
    desk.client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        desk.client.recv(4096)
    desk.client.settimeout(5)
    desk.give(delta(b"\x02\x02\x02\x02"))
    answer = desk.client.recv(4096)
    assert [rdata for _, rtype, _, _, rdata in packets.records(answer) if rtype == packets.A] == [b"\x02\x02\x02\x02"]
    assert desk.progress.applied == 3


def test_orders_that_nobody_asks_for_are_taken_in_all_the_same(desk: Office) -> None:
    for number in range(1, 200):
        desk.give(delta(bytes((192, 0, 2, number))))
    deadline = time.monotonic() + 10
    while desk.progress.applied < 200:
        assert time.monotonic() < deadline, "orders are left where they are"
        time.sleep(0.01)


def test_who_may_recurse_can_change_at_any_time(desk: Office) -> None:
    desk.give(delta(b"\x01\x01\x01\x01"))
    for networks, expected in (("127.0.0.0/8", 0x80), ("10.0.0.0/8", 0), ("127.0.0.1/32", 0x80)):
        desk.tell(DnsOrder.NEAR, nearness.encode([ipaddress.ip_network(networks)]))
        for _ in range(2):
            desk.client.send(packets.query("host.t"))
            assert desk.client.recv(4096)[3] & 0x80 == expected
