"""Names over TCP: many questions on one connection, and clients who are slow, idle or gone."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey


@contextlib.contextmanager
def connection(domain: Domain) -> Iterator[socket.socket]:
    """Yield a connection to the domain's name server."""
    with socket.create_connection((domain.address, domain.dns_port), 10) as stream:
        yield stream


def framed(message: bytes) -> bytes:
    """Put the two octets of length before a message.  RFC 1035 §4.2.2"""
    return struct.pack("!H", len(message)) + message


def read_message(stream: socket.socket) -> bytes:
    """Read one framed message; b"" at the end."""
    size = read_exactly(stream, 2)
    return read_exactly(stream, int.from_bytes(size, "big")) if size else b""


def read_exactly(stream: socket.socket, size: int) -> bytes:
    """Read so many octets, or fewer at the end."""
    data = b""
    while len(data) < size and (part := stream.recv(size - len(data))):
        data += part
    return data


def soa(domain: Domain, ident: int = 0x1234) -> bytes:
    """Return a question that is always answered."""
    return packets.query(domain.name, packets.SOA, ident=ident)


def slowest_answer(domain: Domain, count: int = 20) -> float:
    """Ask on fresh connections and over UDP; return the longest wait in seconds."""
    waits = []
    for n in range(count):
        began = time.monotonic()
        assert packets.rcode(domain.exchange(soa(domain), tcp=bool(n % 2), timeout=5)) == 0
        waits.append(time.monotonic() - began)
    return max(waits)


def test_many_questions_in_one_write_are_all_answered(shared_domain: Domain) -> None:
    """RFC 7766 §6.2.1.1: pipelining; answers may come in any order."""
    with connection(shared_domain) as stream:
        stream.sendall(b"".join(framed(soa(shared_domain, n)) for n in range(200)))
        answered = {int.from_bytes(read_message(stream)[:2], "big") for _ in range(200)}
    assert answered == set(range(200))


def test_a_question_that_comes_octet_by_octet_is_answered(shared_domain: Domain) -> None:
    """RFC 7766 §8: TCP keeps no boundaries."""
    with connection(shared_domain) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in framed(soa(shared_domain)):
            stream.sendall(bytes((octet,)))
        assert packets.rcode(read_message(stream)) == 0


def test_the_length_and_the_message_of_an_answer_come_in_one_segment(shared_domain: Domain) -> None:
    """RFC 7766 §8: some clients read only once."""
    with connection(shared_domain) as stream:
        stream.sendall(framed(soa(shared_domain)))
        first = stream.recv(65_537)
    assert len(first) == 2 + int.from_bytes(first[:2], "big")


def test_a_client_that_closed_its_sending_half_still_gets_its_answers(shared_domain: Domain) -> None:
    """RFC 7766 §6.2.1.1; nc and old resolvers do so."""
    with connection(shared_domain) as stream:
        stream.sendall(framed(soa(shared_domain, 1)) + framed(soa(shared_domain, 2)))
        stream.shutdown(socket.SHUT_WR)
        assert {read_message(stream)[:2] for _ in range(2)} == {b"\0\1", b"\0\2"}
        assert read_message(stream) == b"", "then the server closes too"


def test_updates_and_questions_share_a_connection(shared_domain: Domain, admin: TsigKey, label: str) -> None:
    """RFC 2136 §3.8"""
    owner = f"{label}.{shared_domain.name}"
    addition = packets.update(shared_domain.name, packets.record(owner, "A", "192.0.2.1", ttl=60), ident=1)
    with connection(shared_domain) as stream:
        stream.sendall(framed(packets.sign(addition, admin)))
        assert packets.rcode(read_message(stream)) == 0
        stream.sendall(framed(packets.query(owner)))
        assert packets.counts(read_message(stream))[1] == 1


@pytest.mark.parametrize(
    "junk", [b"\0\0", framed(b"x"), framed(b"\0" * 11), framed(b"\xff" * 200)], ids=["empty", "one", "eleven", "ff"]
)
def test_junk_on_one_connection_harms_no_other(shared_domain: Domain, junk: bytes) -> None:
    """Whatever comes: FORMERR, silence, or that connection closed."""
    with connection(shared_domain) as bad, connection(shared_domain) as good:
        bad.sendall(junk)
        good.sendall(framed(soa(shared_domain)))
        assert packets.rcode(read_message(good)) == 0
    assert slowest_answer(shared_domain, 4) < 1


def test_a_client_that_vanishes_before_its_answer_harms_nobody(shared_domain: Domain) -> None:
    """A reset instead of a close."""
    for _ in range(50):
        with connection(shared_domain) as stream:
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.sendall(framed(soa(shared_domain)) * 20)
    assert slowest_answer(shared_domain) < 1


def test_half_open_and_slow_clients_starve_no_one(domain: Domain) -> None:
    """Two hundred connections that say nothing, or half a message, and then wait."""
    with contextlib.ExitStack() as stack:
        for n in range(200):
            stream = stack.enter_context(connection(domain))
            if n % 2:
                stream.sendall(framed(soa(domain))[: n % 30])
        assert slowest_answer(domain) < 1
        assert domain.ask("ns1", tcp=True).rcode() == 0


def test_more_connections_than_there_are_places_leave_room_for_new_ones(domain: Domain) -> None:
    """RFC 7766 §6.2.3: a server limits connections; the idle ones go first."""
    with contextlib.ExitStack() as stack:
        for _ in range(800):
            stack.enter_context(connection(domain))
        assert slowest_answer(domain) < 1


def test_a_client_that_reads_no_answers_is_not_waited_for(domain: Domain) -> None:
    """Its answers fill the socket's buffers, and then its questions stay unread; memory stays bounded."""
    update = domain.update()
    update.add("big", 60, "TXT", *(f'"{"x" * 250}"' for _ in range(200)))
    assert domain.send(update, tcp=True).rcode() == 0
    with connection(domain) as greedy:
        greedy.settimeout(0.5)
        before = memory(domain)
        question = framed(packets.query(f"big.{domain.name}", "TXT"))
        with contextlib.suppress(TimeoutError, ConnectionError):
            for _ in range(2_000):
                greedy.sendall(question)
        assert slowest_answer(domain) < 1
        assert memory(domain) - before < 40_000, "KiB"


def memory(domain: Domain) -> int:
    """Return the owner's resident memory in KiB."""
    with open(f"/proc/{domain.server.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def test_busy_connections_share_the_server(domain: Domain) -> None:
    """A client with ten thousand questions under way delays the others little."""
    stop = threading.Event()

    def flood() -> None:
        with connection(domain) as stream:
            batch = b"".join(framed(soa(domain, n)) for n in range(500))
            while not stop.is_set():
                stream.sendall(batch)
                for _ in range(500):
                    read_message(stream)

    busy = threading.Thread(target=flood, daemon=True)
    busy.start()
    try:
        assert slowest_answer(domain) < 1
    finally:
        stop.set()
        busy.join(30)


@pytest.mark.long
def test_an_idle_connection_is_closed_after_a_while(domain: Domain) -> None:
    """RFC 7766 §6.2.3: of the order of a few seconds when the server is busy; here at most a minute."""
    with connection(domain) as stream:
        stream.sendall(framed(soa(domain)))
        assert read_message(stream)
        stream.settimeout(90)
        began = time.monotonic()
        assert stream.recv(1) == b""
    assert time.monotonic() - began > 2


@pytest.mark.long
def test_half_a_message_is_not_waited_for_for_ever(domain: Domain) -> None:
    """One octet every second keeps nothing open."""
    with connection(domain) as stream:
        message = framed(soa(domain)[:-1] + b"\0" * 200)
        with pytest.raises((ConnectionError, AssertionError)):
            for octet in message[:90]:
                stream.sendall(bytes((octet,)))
                stream.settimeout(1)
                with contextlib.suppress(TimeoutError):
                    assert stream.recv(1) != b""
