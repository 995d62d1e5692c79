"""DNS over TCP: framing, pipelining, and every way in which a client may dawdle."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvloop

from bossa.net import tcp
from bossa.net.listen import open_stream
from bossa.net.peer import Peer
from bossa.net.tcp import Limits, TcpServer, frame

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def run(main: Awaitable[None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_within(main))


async def _within(main: Awaitable[None]) -> None:
    async with asyncio.timeout(20):
        await main


async def echo(message: bytes, peer: Peer) -> bytes | None:
    """Answer at once; "wait N …" takes N hundredths of a second."""
    if message.startswith(b"wait "):
        await asyncio.sleep(int(message.split()[1]) / 100)
    return b"=" + message if message != b"silent" else None


@asynccontextmanager
async def serving(handler: tcp.Handler = echo, **limits: Any) -> AsyncIterator[tuple[TcpServer, tuple[str, int]]]:
    sock = open_stream("127.0.0.1", 0)
    address = sock.getsockname()
    server = await tcp.serve([sock], handler, Limits(**limits))
    try:
        yield server, address
    finally:
        await server.close(0.1)


async def connect(address: tuple[str, int], *messages: bytes) -> Client:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(b"".join(map(frame, messages)))
    return reader, writer


async def receive(client: Client) -> bytes:
    size = int.from_bytes(await client[0].readexactly(2), "big")
    return await client[0].readexactly(size)


async def ended(client: Client) -> bool:
    """Wait for the server to close; tell whether nothing more came."""
    try:
        return await client[0].read(1) == b""
    except ConnectionError:
        return True


async def until(true: Callable[[], object]) -> None:
    while not true():
        await asyncio.sleep(0.01)


def test_messages_are_answered_however_they_are_cut() -> None:
    async def main() -> None:
        async with serving() as (_, address):
            client = await connect(address)
            wire = frame(b"one") + frame(b"") + frame(bytes(65534)) + frame(b"last")
            for i in range(12):
                client[1].write(wire[i : i + 1])
                await asyncio.sleep(0.001)
            client[1].write(wire[12:])
            assert [await receive(client) for _ in range(4)] == [b"=one", b"=", b"=" + bytes(65534), b"=last"]

    run(main())


def test_answers_leave_as_they_get_ready() -> None:
    async def main() -> None:
        async with serving() as (_, address):
            client = await connect(address, b"wait 20 slow", b"silent", b"wait 5 middle", b"fast")
            assert [await receive(client) for _ in range(3)] == [b"=fast", b"=wait 5 middle", b"=wait 20 slow"]

    run(main())


def test_only_so_many_messages_of_a_connection_are_in_work() -> None:
    working, most = 0, 0

    async def count(message: bytes, peer: Peer) -> bytes:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0.01)
        working -= 1
        return message

    async def main() -> None:
        async with serving(count, pipeline=4) as (_, address):
            client = await connect(address, *(b"%d" % i for i in range(50)))
            assert sorted([int(await receive(client)) for _ in range(50)]) == list(range(50))
            assert most == 4

    run(main())


def test_the_handler_learns_who_asks() -> None:
    async def who(message: bytes, peer: Peer) -> bytes:
        return str(peer).encode()

    async def main() -> None:
        async with serving(who) as (_, address):
            client = await connect(address, b"?")
            name = client[1].get_extra_info("sockname")
            assert await receive(client) == f"127.0.0.1:{name[1]}".encode()

    run(main())


def test_an_answer_of_many_messages_is_written_as_the_client_reads() -> None:
    taken = 0

    def parts() -> Iterator[bytes]:
        nonlocal taken
        for i in range(400):
            taken += 1
            yield i.to_bytes(2, "big") + bytes(50000)

    async def transfer(message: bytes, peer: Peer) -> tcp.Reply:
        return parts() if message == b"all" else b"short"

    async def main() -> None:
        async with serving(transfer, write=5.0) as (_, address):
            client = await connect(address, b"all", b"other")
            await asyncio.sleep(0.2)
            held_back = taken
            assert held_back < 300
            got = [await receive(client) for _ in range(401)]
            assert [int.from_bytes(one[:2], "big") for one in got[:400]] == list(range(400))
            assert got[400] == b"short"

    run(main())


def test_a_client_that_says_it_is_done_still_gets_its_answers() -> None:
    async def main() -> None:
        async with serving() as (_, address):
            client = await connect(address, b"wait 10 a", b"wait 5 b")
            client[1].write(b"\x00\x09half")
            client[1].write_eof()
            assert [await receive(client) for _ in range(2)] == [b"=wait 5 b", b"=wait 10 a"]
            assert await ended(client)

    run(main())


def test_an_idle_connection_is_closed_but_not_one_that_waits_for_its_answer() -> None:
    async def main() -> None:
        async with serving(idle=0.2) as (server, address):
            silent, waiting = await connect(address), await connect(address, b"wait 60 long")
            assert await ended(silent)
            assert await receive(waiting) == b"=wait 60 long"
            assert await ended(waiting)
            assert server.counts["idle"] == 2

    run(main())


def test_a_message_that_trickles_in_has_its_time_limit() -> None:
    async def main() -> None:
        async with serving(message=0.3, idle=30) as (server, address):
            slow, other = await connect(address, b"first"), await connect(address)
            assert await receive(slow) == b"=first"
            started = asyncio.get_running_loop().time()
            for octet in frame(bytes(200)):
                if slow[0].at_eof() or slow[1].is_closing():
                    break
                slow[1].write(bytes((octet,)))
                await asyncio.sleep(0.02)
            assert await ended(slow)
            assert asyncio.get_running_loop().time() - started < 1
            assert server.counts["slow writer"] == 1
            other[1].write(frame(b"still here"))
            assert await receive(other) == b"=still here"

    run(main())


def test_a_reader_that_does_not_read_is_cut_off_and_stops_being_served() -> None:
    asked = 0

    async def big(message: bytes, peer: Peer) -> bytes:
        nonlocal asked
        asked += 1
        return bytes(60000)

    async def main() -> None:
        async with serving(big, write=0.4, pipeline=8) as (server, address):
            client = await connect(address, *([b"?"] * 1000))
            await until(lambda: server.counts["slow reader"])
            assert asked < 500
            assert server.connections == 0
            client[1].close()

    run(main())


def test_an_idle_client_that_left_its_answer_unread_is_not_kept() -> None:
    async def big(message: bytes, peer: Peer) -> tcp.Reply:
        return [bytes(65535)] * 70

    async def main() -> None:
        async with serving(big, idle=0.2, write=0.3) as (server, address):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.setblocking(False)
            await asyncio.get_running_loop().sock_connect(sock, address)
            sock.send(frame(b"?"))
            await until(lambda: server.connections == 1)
            await until(lambda: server.connections == 0)
            sock.close()

    run(main())


def test_when_all_places_are_taken_the_longest_quiet_one_makes_room() -> None:
    async def main() -> None:
        async with serving(connections=3, per_address=9) as (server, address):
            busy = await connect(address, b"wait 50 busy")
            await until(lambda: server.connections == 1)
            old = await connect(address, b"a")
            assert await receive(old) == b"=a"
            young = await connect(address, b"b")
            assert await receive(young) == b"=b"
            new = await connect(address, b"c")
            assert await receive(new) == b"=c"
            assert await ended(old)
            assert server.connections == 3 and server.counts["displaced"] == 1
            assert await receive(busy) == b"=wait 50 busy"

    run(main())


def test_half_sent_messages_do_not_hold_places_against_new_clients() -> None:
    async def main() -> None:
        async with serving(connections=20, per_address=20) as (_, address):
            slow = [await connect(address) for _ in range(60)]
            for _, writer in slow:
                writer.write(b"\x00\x40half")
            for _ in range(5):
                client = await connect(address, b"me")
                assert await receive(client) == b"=me"
            for _, writer in slow:
                writer.close()

    run(main())


def test_a_new_client_is_refused_only_when_every_place_works() -> None:
    async def main() -> None:
        async with serving(connections=2) as (server, address):
            busy = [await connect(address, b"wait 20 x") for _ in range(2)]
            await until(lambda: server.connections == 2)
            assert await ended(await connect(address, b"me"))
            assert server.counts["refused"] == 1
            assert [await receive(one) for one in busy] == [b"=wait 20 x"] * 2
            assert await receive(await connect(address, b"me")) == b"=me"

    run(main())


def test_one_address_has_no_more_than_its_share() -> None:
    async def main() -> None:
        async with serving(connections=9, per_address=2) as (server, address):
            mine = [await connect(address, b"%d" % i) for i in range(2)]
            assert [await receive(one) for one in mine] == [b"=0", b"=1"]
            mine[1][1].write(frame(b"again"))
            assert await receive(mine[1]) == b"=again"
            third = await connect(address, b"2")
            assert await receive(third) == b"=2"
            assert await ended(mine[0])
            reader, writer = await asyncio.open_connection(*address, local_addr=("127.0.0.5", 0))
            writer.write(frame(b"another"))
            assert await receive((reader, writer)) == b"=another"
            assert server.connections == 3

    run(main())


def test_a_bug_in_the_handler_is_reported_and_costs_that_connection() -> None:
    async def buggy(message: bytes, peer: Peer) -> bytes:
        return {b"fine": b"fine"}[message]

    async def main() -> None:
        reports: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))
        async with serving(buggy) as (server, address):
            other, client = await connect(address), await connect(address, b"bug")
            assert await ended(client)
            other[1].write(frame(b"fine"))
            assert await receive(other) == b"fine"
            assert server.counts["failed"] == 1 and server.connections == 1
            assert isinstance(reports[0]["exception"], KeyError)

    run(main())


def test_a_handler_that_never_returns_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def hang(message: bytes, peer: Peer) -> None:
        try:
            await asyncio.sleep(100)
        finally:
            cancelled.set()

    async def main() -> None:
        async with serving(hang, answer=0.2) as (server, address):
            assert await ended(await connect(address, b"?"))
            await cancelled.wait()
            assert server.counts["no answer"] == 1

    run(main())


def test_a_client_that_leaves_does_not_stop_what_it_asked_for() -> None:
    done = asyncio.Event()

    async def work(message: bytes, peer: Peer) -> bytes:
        await asyncio.sleep(0.1)
        done.set()
        return b"nobody reads this"

    async def main() -> None:
        async with serving(work) as (server, address):
            sock = socket.create_connection(address)
            sock.send(frame(b"store this"))
            await asyncio.sleep(0.03)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()
            await until(lambda: server.connections == 0)
            await done.wait()
            assert server.counts["failed"] == 0

    run(main())


def test_closing_lets_answers_out_and_ends_the_rest() -> None:
    async def main() -> None:
        async with serving() as (server, address):
            quick, slow, idle = (
                await connect(address, b"wait 10 quick"),
                await connect(address, b"wait 1000 slow"),
                await connect(address),
            )
            await until(lambda: server.connections == 3)
            await asyncio.sleep(0.02)
            closing = asyncio.create_task(server.close(0.5))
            assert await ended(idle)
            assert await receive(quick) == b"=wait 10 quick"
            assert await ended(quick) and await ended(slow)
            await closing
            assert server.connections == 0
            with pytest.raises(ConnectionRefusedError):
                await connect(address)

    run(main())


def test_no_connection_is_left_in_the_books() -> None:
    async def main() -> None:
        async with serving(connections=4, per_address=4) as (server, address):
            for i in range(40):
                client = await connect(address, *([b"m"] * (i % 3)))
                if i % 2:
                    client[1].transport.abort()
            await until(lambda: server.connections <= 4)
            await server.close(0.1)
            assert server.connections == 0 and not server._hosts

    run(main())


def kerberos(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


@pytest.mark.parametrize("length", [b"\x80\x00\x00\x05", b"\xff\xff\xff\xff", b"\x00\x01\x00\x01"])
def test_a_message_that_is_too_long_is_refused_and_nothing_behind_it_is_read(length: bytes) -> None:
    """RFC 4120 §7.2.2: the high bit is reserved, who sets it hears so and is hung up on."""

    async def main() -> None:
        sock = open_stream("127.0.0.1", 0)
        address = sock.getsockname()
        server = await tcp.serve([sock], echo, framing=tcp.Framing(4, 65536, lambda: b"too long"))
        reader, writer = await asyncio.open_connection(*address)
        for message in (b"one", b"x" * 65536):
            writer.write(kerberos(message))
            assert await reader.readexactly(5 + len(message)) == kerberos(b"=" + message)
        writer.write(length + b"12345" + kerberos(b"behind it"))
        assert await reader.read() == kerberos(b"too long")
        assert server.counts["too long"] == 1
        writer.close()
        await server.close(0.1)

    run(main())
