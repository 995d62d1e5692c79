"""Opening sockets, and what is said when that fails."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bossa.net import holder, udp
from bossa.net.holder import CannotListen, Entry
from bossa.net.listen import open_stream

UDP_TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
 1020: 0100007F:2745 00000000:0000 07 00000000:00000000 00:00000000 00000000  1000        0 31337 2 0000000000000000 0
 1021: 00000000:0044 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4242 2 0000000000000000 0
"""
UDP6_TABLE = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
  10: 00000000000000000000000001000000:2745 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000   101        0 99 2 0000000000000000 0
"""  # noqa: E501


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    (sock,) = udp.open_sockets("127.0.0.1", 0)
    with sock:
        yield sock


def test_a_table_of_sockets_is_read_in_both_families() -> None:
    assert list(holder.entries(UDP_TABLE)) == [
        Entry("127.0.0.1", 10053, "07", 1000, 31337),
        Entry("0.0.0.0", 68, "07", 0, 4242),
    ]
    assert list(holder.entries(UDP6_TABLE)) == [Entry("::1", 10053, "07", 101, 99)]


@pytest.mark.parametrize(
    ("held", "host", "blocks"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "127.0.0.1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("::", "127.0.0.1", True),
        ("::1", "127.0.0.1", False),
        ("0.0.0.0", "::1", False),
        ("::1", "::", True),
    ],
)
def test_what_is_in_the_way_of_an_address(held: str, host: str, *, blocks: bool) -> None:
    assert holder.in_the_way(Entry(held, 53, "07", 0, 1), host, 53) is blocks
    assert not holder.in_the_way(Entry(held, 54, "07", 0, 1), host, 53)


def test_the_program_that_holds_a_port_is_named(taken: socket.socket) -> None:
    port = taken.getsockname()[1]
    with pytest.raises(CannotListen) as raised:
        udp.open_sockets("127.0.0.1", port)
    e = raised.value
    comm = Path("/proc/self/comm").read_text().strip()
    assert (e.what, e.why) == (f"cannot listen on 127.0.0.1:{port}", f"in use by pid {os.getpid()} ({comm})")
    assert e.fix.startswith("--port-base ") and e.in_use
    assert str(e) == f"{e.what}: {e.why}. Fix: {e.fix}."


@pytest.mark.parametrize(("port", "base"), [(53, 10000), (10053, 20000), (29999, 30000), (60053, 10000)])
def test_the_proposed_port_base_is_free_of_the_old_one(port: int, base: int) -> None:
    e = holder.cannot_listen("udp", "127.0.0.1", port, OSError(errno.EADDRINUSE, "in use"))
    assert e.fix == f"--port-base {base}"


def test_a_low_port_without_the_right_says_how_to_get_around() -> None:
    e = holder.cannot_listen("udp", "127.0.0.1", 53, PermissionError(errno.EACCES, "denied"))
    assert "CAP_NET_BIND_SERVICE" in e.why and "--port-base 10000" in e.fix and not e.in_use


def test_an_address_of_another_machine_is_named() -> None:
    with pytest.raises(CannotListen, match="this machine has no address 192\\.0\\.2\\.77"):
        udp.open_sockets("192.0.2.77", 0)
    with pytest.raises(CannotListen, match="this machine has no address 192\\.0\\.2\\.77"):
        open_stream("192.0.2.77", 0)


def test_a_held_tcp_port_is_named_too() -> None:
    with (
        open_stream("::1", 0) as sock,
        pytest.raises(CannotListen, match=rf"\[::1\]:\d+: in use by pid {os.getpid()}"),
    ):
        open_stream("::1", sock.getsockname()[1])


def test_a_second_server_cannot_slip_into_a_group_of_workers() -> None:
    group = udp.open_sockets("127.0.0.1", 0, count=3)
    try:
        ports = {sock.getsockname()[1] for sock in group}
        assert len(ports) == 1
        with pytest.raises(CannotListen, match="in use"):
            udp.open_sockets("127.0.0.1", ports.pop(), count=3)
    finally:
        for sock in group:
            sock.close()


def test_clients_are_spread_over_the_sockets_of_a_group() -> None:
    group = udp.open_sockets("127.0.0.1", 0, count=2)
    clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(64)]
    for client in clients:
        client.sendto(b"?", group[0].getsockname())
    counts = [sum(udp.open_batch(sock).receive() for _ in range(3)) for sock in group]
    for sock in group + clients:
        sock.close()
    assert sum(counts) == 64 and all(counts), counts


def test_a_failed_group_leaves_nothing_open(taken: socket.socket) -> None:
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(CannotListen):
        udp.open_sockets("127.0.0.1", taken.getsockname()[1], count=3)
    assert len(os.listdir("/proc/self/fd")) == before


def test_both_wildcards_share_a_port() -> None:
    (four,) = udp.open_sockets("0.0.0.0", 0)
    with four:
        (six,) = udp.open_sockets("::", four.getsockname()[1])
        six.close()
