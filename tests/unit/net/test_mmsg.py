"""Batches of datagrams, by recvmmsg and by the plain calls: the same behaviour."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest

from bossa.net import mmsg, peer, udp
from bossa.net.batches import Batches
from bossa.net.mmsg import SLOTS, Answer, Batch
from bossa.net.peer import Peer
from bossa.net.plain import PlainBatch

Kind = type[Batch] | type[PlainBatch]
ADDRESSES = ["127.0.0.1", "::1"]


def turn(batch: Batches, answer: Answer) -> int:
    """Receive a batch, answer and send; return how many datagrams there were."""
    count = batch.receive()
    batch.answer_all({}, answer)
    return count


@pytest.fixture(params=[Batch, PlainBatch], ids=["mmsg", "plain"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(params=ADDRESSES)
def server(request: pytest.FixtureRequest) -> Iterator[socket.socket]:
    (sock,) = udp.open_sockets(request.param, 0)
    with sock:
        yield sock


@pytest.fixture
def client(server: socket.socket) -> Iterator[socket.socket]:
    with connected(server.getsockname()) as sock:
        yield sock


def connected(address: tuple[object, ...]) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in str(address[0]) else socket.AF_INET, socket.SOCK_DGRAM)
    sock.settimeout(5)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    sock.connect(address)
    return sock


def test_this_machine_has_the_calls() -> None:
    assert mmsg.available()


def test_nothing_there_is_a_batch_of_none(kind: Kind, server: socket.socket) -> None:
    batch = kind(server)
    assert batch.receive() == 0
    assert batch.send() == 0


def test_datagrams_come_in_order_with_their_sender_and_are_answered(
    kind: Kind, server: socket.socket, client: socket.socket
) -> None:
    packets = [b"", b"x", b"yy" * 300, os.urandom(20000)]
    for packet in packets:
        client.send(packet)
    batch = kind(server)
    assert batch.receive() == len(packets)
    assert [batch.packet(i) for i in range(len(packets))] == packets
    assert {Peer.decode(batch.address(i)) for i in range(len(packets))} == {Peer(*client.getsockname()[:2])}
    for i in range(len(packets)):
        batch.answer(i, b"answer %d" % i)
    assert batch.send() == len(packets)
    assert [client.recv(100) for _ in packets] == [b"answer %d" % i for i in range(len(packets))]


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_an_answer_has_of_its_packet_what_is_kept(kept: int, server: socket.socket, client: socket.socket) -> None:
    """A DNS message's ID, say; nothing in protocols that send whole messages."""
    for kind in (Batch, PlainBatch):
        for packet in (b"question", b"known one"):
            client.send(packet)
        batch = kind(server, kept)
        assert batch.receive() == 2
        known = {socket.inet_pton(server.family, client.getsockname()[0]): {b"known one"[kept:]: b" known"}}
        assert batch.answer_all(known, lambda packet, host: b" answer") == 1
        assert [client.recv(100) for _ in range(2)] == [
            b"question"[:kept] + b" answer",
            b"known one"[:kept] + b" known",
        ]


def test_more_than_a_batch_takes_two(kind: Kind, server: socket.socket, client: socket.socket) -> None:
    for i in range(SLOTS + 3):
        client.send(b"%d" % i)
    batch = kind(server)
    assert batch.receive() == SLOTS
    assert batch.receive() == 3
    assert batch.packet(2) == b"%d" % (SLOTS + 2)


def test_the_largest_datagram_comes_whole_and_goes_whole(
    kind: Kind, server: socket.socket, client: socket.socket
) -> None:
    largest = os.urandom(65507 if server.family == socket.AF_INET else 65527)
    client.send(largest)
    client.send(b"behind")
    batch = kind(server)
    assert batch.receive() == 2
    assert batch.packet(0) == largest
    batch.answer(0, largest[::-1])
    assert batch.packet(1) == b"behind"
    assert batch.send() == 1
    assert client.recv(65535) == largest[::-1]


def test_unanswered_ones_leave_no_gap_and_no_trace(kind: Kind, server: socket.socket, client: socket.socket) -> None:
    batch = kind(server)
    for _ in range(2):
        for i in range(8):
            client.send(b"id%d" % i)
        assert turn(batch, lambda packet, _: b"=" + packet[2:] if packet[2:] in b"257" else None) == 8
        assert [client.recv(10) for _ in range(3)] == [b"id=2", b"id=5", b"id=7"]
    client.send(b"id all")
    turn(batch, lambda packet, _: packet[2:])
    assert client.recv(10) == b"id all"


def test_what_is_known_of_a_host_is_answered_without_asking(
    kind: Kind, server: socket.socket, client: socket.socket
) -> None:
    batch = kind(server)
    host = peer.host_of(peer.encode(client.family, client.getsockname()))
    for packet in (b"idquestion", b"IDquestion", b"idanother", b"id"):
        client.send(packet)
    assert batch.receive() == 4
    known = {host: {b"question": b"a longer answer"}, b"elsewhere": {b"another": b"not this"}}
    assert batch.answer_all(known, lambda packet, _: b"asked " + packet[2:]) == 2
    answers = [b"ida longer answer", b"IDa longer answer", b"idasked another", b"idasked "]
    assert [client.recv(100) for _ in answers] == answers


def test_a_turn_asks_for_every_datagram_with_its_sender(
    kind: Kind, server: socket.socket, client: socket.socket
) -> None:
    seen = []

    def answer(packet: bytes, host: bytes) -> bytes | None:
        seen.append((packet, host))
        return b" a longer answer to " + packet if len(packet) > 1 else None

    packets = [b"\x01\x02question", b"\x07", b"", b"\x01\x02"]
    for packet in packets:
        client.send(packet)
    assert turn(kind(server), answer) == 4
    for packet in packets[::3]:
        assert client.recv(100) == packet[:2] + b" a longer answer to " + packet
    host = peer.host_of(peer.encode(client.family, client.getsockname()))
    assert seen == [(packet, host) for packet in packets]


def test_an_answer_that_cannot_be_delivered_costs_only_itself(
    kind: Kind, server: socket.socket, client: socket.socket
) -> None:
    batch = kind(server)
    for i in range(4):
        client.send(b"%d" % i)
    assert batch.receive() == 4
    for i in range(4):
        # Too long for a datagram: EMSGSIZE for the second and the last.
        batch.answer(i, b"%d" % i if i in (0, 2) else bytes(65530))
    assert batch.send() == 2
    assert batch.dropped == 2
    assert [client.recv(10) for _ in range(2)] == [b"0", b"2"]


def test_a_closed_client_disturbs_nobody(kind: Kind, server: socket.socket, client: socket.socket) -> None:
    batch = kind(server)
    for _ in range(3):
        with connected(server.getsockname()) as gone:
            gone.send(b"gone")
        client.send(b"here")
        assert turn(batch, lambda packet, _: packet[2:]) == 2
        assert client.recv(10) == b"here"


def test_an_answer_longer_than_any_datagram_is_an_error(
    kind: Kind, server: socket.socket, client: socket.socket
) -> None:
    client.send(b"?")
    batch = kind(server)
    batch.receive()
    with pytest.raises(ValueError, match="65536"):
        batch.answer(0, bytes(65536))


def test_a_closed_socket_is_an_error(kind: Kind) -> None:
    (sock,) = udp.open_sockets("127.0.0.1", 0)
    batch = kind(sock)
    sock.close()
    with pytest.raises(OSError) as raised:
        batch.receive()
    assert raised.value.errno == errno.EBADF


@pytest.mark.parametrize(("wildcard", "asked"), [("0.0.0.0", "127.0.0.9"), ("::", "::1")])
def test_on_a_wildcard_socket_the_answer_comes_from_the_address_asked(kind: Kind, wildcard: str, asked: str) -> None:
    (sock,) = udp.open_sockets(wildcard, 0)
    with sock, connected((asked, sock.getsockname()[1])) as client:
        batch = kind(sock)
        for round_ in range(3):
            client.send(b"a%d" % round_)
            client.send(b"b%d" % round_)
            assert batch.receive() == 2
            address = batch.address(0)
            assert Peer.decode(address) == Peer(*client.getsockname()[:2], asked)
            batch.answer(1, b"now")
            batch.send()
            assert client.recv(10) == b"now"
            assert udp.reply(sock, b"later", address)
            assert client.recv(10) == b"later"


def test_both_kinds_give_the_same_return_address() -> None:
    for host, asked in (("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.9"), ("::1", "::1"), ("::", "::1")):
        (sock,) = udp.open_sockets(host, 0)
        with sock, connected((asked, sock.getsockname()[1])) as client:
            found = []
            for kind in (Batch, PlainBatch):
                batch = kind(sock)
                client.send(b"?")
                batch.receive()
                found.append(batch.address(0))
            assert found[0] == found[1], host


def test_a_return_address_is_read_back_as_it_was_written() -> None:
    for family, address in (
        (socket.AF_INET, ("192.0.2.1", 53)),
        (socket.AF_INET6, ("2001:db8::1", 5353, 0, 0)),
        (socket.AF_INET6, ("fe80::1", 5353, 7, 3)),
    ):
        assert peer.decode(peer.encode(family, address)) == address
    assert str(Peer("::1", 53)) == "[::1]:53"
    assert str(Peer("127.0.0.1", 53)) == "127.0.0.1:53"


def test_the_layout_is_the_kernels() -> None:
    assert struct.calcsize("@PI4xPNPNi4xI4x") == 64
