"""Datagrams of one port: which of its sockets gets them."""

from __future__ import annotations

import select
import socket
from collections import Counter
from collections.abc import Iterator

import pytest

from bossa.net import udp

WORKERS = 3
FAMILIES = {"127.0.0.1": socket.AF_INET, "::1": socket.AF_INET6}


@pytest.fixture(params=FAMILIES)
def sockets(request: pytest.FixtureRequest) -> Iterator[list[socket.socket]]:
    opened = udp.open_steered(request.param, 0, WORKERS)
    yield opened
    for sock in opened:
        sock.close()


def spread(sockets: list[socket.socket], packet: bytes, count: int = 1) -> Counter[int]:
    """Send a packet so often from one socket; return how many came in where."""
    with socket.socket(sockets[0].family, socket.SOCK_DGRAM) as client:
        client.connect(sockets[0].getsockname()[:2])
        for _ in range(count):
            client.send(packet)
    got: Counter[int] = Counter()
    while sum(got.values()) < count:
        ready, _, _ = select.select(sockets, (), (), 5)
        assert ready, "a datagram was lost"
        for sock in ready:
            sock.recv(100)
            got[sockets.index(sock)] += 1
    return got


def test_queries_of_one_client_are_spread_over_the_workers(sockets: list[socket.socket]) -> None:
    assert len(sockets) == WORKERS + 1
    for flags in (0x0000, 0x0120, 0x87FF):
        got = spread(sockets, b"\x12\x34" + flags.to_bytes(2, "big") + bytes(8), 300)
        assert sorted(got) == [0, 1, 2], "each with a chance of 1 in 10**52 to be left out"


@pytest.mark.parametrize("opcode", range(1, 16))
def test_every_other_opcode_goes_to_the_owner(sockets: list[socket.socket], opcode: int) -> None:
    assert spread(sockets, bytes((1, 2, opcode << 3 | 0x87, 0)) + bytes(8), 20) == {WORKERS: 20}


@pytest.mark.parametrize("packet", [b"", b"\x12", b"\x12\x34"])
def test_what_is_too_short_to_be_a_message_goes_to_the_first(sockets: list[socket.socket], packet: bytes) -> None:
    assert spread(sockets, packet, 5) == {0: 5}


def test_without_workers_there_is_one_socket() -> None:
    (sock,) = udp.open_steered("127.0.0.1", 0, 0)
    with sock:
        assert spread([sock], b"\x12\x34\x28\x00", 3) == {0: 3}


def test_where_nothing_is_steered_the_workers_get_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "steer", lambda sock, workers: False)
    opened = udp.open_steered("127.0.0.1", 0, 2)
    assert len(opened) == 2
    assert spread(opened, b"\x12\x34\x28\x00", 10).keys() <= {0, 1}
    for sock in opened:
        sock.close()
