"""The control socket: calls, streams, half-open clients, and the socket's file."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from bossa.net import frames
from bossa.net.caller import Caller, ServerLost, connect
from bossa.net.control import AlreadyServed, Call, CallBroken, Handler, Limits, serve
from bossa.net.frames import Progress, Reply, Request, Trouble, encode


def ok(value: object) -> Reply:
    return Reply(ok=msgspec.msgpack.encode(value))


async def echo(call: Call) -> Reply:
    return ok([call.verb, msgspec.msgpack.decode(call.args)])


@asynccontextmanager
async def served(directory: Path, handler: Handler = echo, **limits: Any) -> AsyncIterator[None]:
    server = await serve(directory, handler, limits=Limits(**limits))
    try:
        yield
    finally:
        await server.close()


async def ask(directory: Path, *arguments: Any, **keywords: Any) -> Any:
    """Call in a thread, as the client's end is synchronous."""

    def work() -> Any:
        sock = connect(directory)
        assert sock is not None
        with sock:
            reply = Caller(sock, keywords.get("on_progress"), keywords.get("on_data")).call(*arguments)
        return reply.error if reply.error is not None else msgspec.msgpack.decode(reply.ok or b"")

    return await asyncio.to_thread(work)


def test_a_call_brings_back_what_the_handler_returns(tmp_path: Path) -> None:
    async def run() -> Any:
        async with served(tmp_path):
            return await ask(tmp_path, "zone.list", {"a": 1})

    assert asyncio.run(run()) == ["zone.list", {"a": 1}]


def test_the_socket_is_for_its_owner_alone_and_gone_after_close(tmp_path: Path) -> None:
    async def run() -> int:
        async with served(tmp_path):
            return stat.S_IMODE((tmp_path / "control.sock").stat().st_mode)

    assert asyncio.run(run()) == 0o600
    assert not (tmp_path / "control.sock").exists()


def test_nobody_answers_where_no_server_ever_was(tmp_path: Path) -> None:
    assert connect(tmp_path) is None
    assert connect(tmp_path / "missing") is None


def test_the_socket_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(tmp_path / "control.sock"))
    dead.close()
    assert connect(tmp_path) is None

    async def run() -> Any:
        async with served(tmp_path):
            return await ask(tmp_path, "v", None)

    assert asyncio.run(run()) == ["v", None]


def test_a_living_server_is_not_replaced(tmp_path: Path) -> None:
    async def run() -> Any:
        async with served(tmp_path):
            with pytest.raises(AlreadyServed):
                await asyncio.wait_for(serve(tmp_path, echo), 5)
            return await ask(tmp_path, "still", 1)

    assert asyncio.run(run()) == ["still", 1]


def test_a_file_in_the_sockets_place_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "control.sock").write_text("mine")
    with pytest.raises(FileExistsError):
        asyncio.run(serve(tmp_path, echo))
    assert (tmp_path / "control.sock").read_text() == "mine"


def test_a_directory_with_a_long_path_works(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)

    async def run() -> Any:
        async with served(deep):
            return await ask(deep, "deep", None)

    assert asyncio.run(run()) == ["deep", None]
    assert not (deep / "control.sock").exists()


def test_a_stream_arrives_in_order_with_progress_on_the_way_back(tmp_path: Path) -> None:
    seen: list[Progress] = []

    async def count(call: Call) -> Reply:
        total = 0
        async for chunk in call.chunks():
            total += len(chunk)
            await call.progress("received", total)
        return ok(total)

    async def run() -> Any:
        async with served(tmp_path, count):
            return await ask(tmp_path, "v", None, [b"a" * 70_000] * 50, on_progress=seen.append)

    assert asyncio.run(run()) == 3_500_000
    assert [one.done for one in seen] == [70_000 * n for n in range(1, 51)]


def test_a_call_without_a_stream_has_no_chunks(tmp_path: Path) -> None:
    async def gather(call: Call) -> Reply:
        return ok([chunk async for chunk in call.chunks()])

    async def run() -> Any:
        async with served(tmp_path, gather):
            return await ask(tmp_path, "v", None)

    assert asyncio.run(run()) == []


def test_a_server_that_refuses_early_does_not_get_the_rest_of_the_stream(tmp_path: Path) -> None:
    sent = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(2000):
            sent += 1
            yield b"x" * 100_000

    async def refuse(call: Call) -> Reply:
        return Reply(error=Trouble("zone import", "it exists", "--replace", 2))

    async def run() -> Any:
        async with served(tmp_path, refuse):
            return await ask(tmp_path, "v", None, chunks())

    assert asyncio.run(run()) == Trouble("zone import", "it exists", "--replace", 2)
    assert sent < 100


def test_a_slow_server_holds_the_stream_back(tmp_path: Path) -> None:
    """The client may be ahead by what the kernel and one reader's buffer hold, not by the whole stream."""
    sent = 0
    ahead = 0

    def chunks() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(400):
            sent += 1
            yield b"x" * 100_000

    async def slow(call: Call) -> Reply:
        nonlocal ahead
        await asyncio.sleep(0.3)
        ahead = sent
        return ok(sum([len(chunk) async for chunk in call.chunks()]))

    async def run() -> Any:
        async with served(tmp_path, slow):
            return await ask(tmp_path, "v", None, chunks())

    assert asyncio.run(run()) == 40_000_000
    assert ahead < 50


def test_a_generator_that_fails_ends_the_call_and_the_server_lives(tmp_path: Path) -> None:
    ended: list[str] = []

    async def take(call: Call) -> Reply:
        try:
            async for _ in call.chunks():
                pass
        except CallBroken as e:
            ended.append(type(e).__name__)
            raise
        return ok("whole")

    def chunks() -> Iterator[bytes]:
        yield b"one"
        raise OSError("the file is gone")

    async def run() -> Any:
        async with served(tmp_path, take):
            with pytest.raises(OSError, match="the file is gone"):
                await ask(tmp_path, "v", None, chunks())
            return await ask(tmp_path, "v", None, [])

    assert asyncio.run(run()) == "whole"
    assert ended == ["CallBroken"]


def test_data_goes_to_a_slow_client_in_order(tmp_path: Path) -> None:
    async def send(call: Call) -> Reply:
        for n in range(300):
            await call.send(bytes([n % 256]) * 10_000)
        return ok("done")

    got: list[bytes] = []

    async def run() -> Any:
        async with served(tmp_path, send):
            return await ask(tmp_path, "v", None, on_data=got.append)

    assert asyncio.run(run()) == "done"
    assert got == [bytes([n % 256]) * 10_000 for n in range(300)]


def test_a_client_that_takes_nothing_is_dropped(tmp_path: Path) -> None:
    outcome: list[str] = []

    async def send(call: Call) -> Reply:
        try:
            while True:
                await call.send(b"x" * 1_000_000)
        except CallBroken as e:
            outcome.append(type(e).__name__)
            raise

    async def run() -> None:
        async with served(tmp_path, send, write=0.2):
            sock = await asyncio.to_thread(connect, tmp_path)
            assert sock is not None
            sock.sendall(encode(Request("v", msgspec.Raw(b"\xc0"))))
            for _ in range(100):
                if outcome:
                    break
                await asyncio.sleep(0.05)
            sock.close()

    asyncio.run(run())
    assert outcome == ["CallBroken"]


def test_a_client_that_says_nothing_is_dropped_and_holds_up_nobody(tmp_path: Path) -> None:
    async def run() -> Any:
        async with served(tmp_path, request=0.2):
            silent = [await asyncio.to_thread(connect, tmp_path) for _ in range(10)]
            answer = await ask(tmp_path, "v", 1)
            for sock in silent:
                assert sock is not None
                assert await asyncio.to_thread(sock.recv, 1) == b""
                sock.close()
            return answer

    assert asyncio.run(run()) == ["v", 1]


def test_too_many_open_calls_are_told_so(tmp_path: Path) -> None:
    async def run() -> Any:
        async with served(tmp_path, calls=2):
            waiting = [await asyncio.to_thread(connect, tmp_path) for _ in range(2)]
            await asyncio.sleep(0.05)
            answer = await ask(tmp_path, "v", 1)
            for sock in waiting:
                assert sock is not None
                sock.close()
            return answer

    assert asyncio.run(run()).why == "the server has too many calls open"


@pytest.mark.parametrize(
    "octets",
    [
        b"\xff\xff\xff\xff",
        (frames.MAX_FRAME + 1).to_bytes(4, "big"),
        b"\0\0\0\0",
        b"\0\0\0\3abc",
        frames.encode({"verb": 1, "args": None}),
        frames.encode(["zone.list"]),
    ],
)
def test_octets_that_are_no_request_get_an_error_and_nothing_else(tmp_path: Path, octets: bytes) -> None:
    def raw() -> bytes:
        sock = connect(tmp_path)
        assert sock is not None
        with sock:
            sock.sendall(octets)
            with sock.makefile("rb") as stream:
                return stream.read()

    async def run() -> bytes:
        async with served(tmp_path):
            return await asyncio.to_thread(raw)

    answer = asyncio.run(run())
    reply = msgspec.msgpack.decode(answer[4:], type=Reply)
    assert reply.error is not None
    assert reply.error.exit == 64


def test_a_handler_with_a_bug_tells_the_client_nothing_of_it(tmp_path: Path) -> None:
    async def broken(call: Call) -> Reply:
        raise KeyError("secret")

    heard: list[Any] = []

    async def run() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: heard.append(context))
        async with served(tmp_path, broken):
            first = await ask(tmp_path, "v", 1)
            assert [type(one["exception"]) for one in heard] == [KeyError]
            return first

    answer = asyncio.run(run())
    assert answer.why == "the server met an error of its own"
    assert "secret" not in repr(answer)


def test_close_ends_calls_that_run(tmp_path: Path) -> None:
    begun = threading.Event()

    async def forever(call: Call) -> Reply:
        begun.set()
        await asyncio.sleep(60)
        return ok(None)

    async def run() -> None:
        server = await serve(tmp_path, forever)
        task = asyncio.create_task(ask(tmp_path, "v", 1))
        await asyncio.to_thread(begun.wait, 5)
        await asyncio.wait_for(server.close(), 5)
        with pytest.raises(ServerLost):
            await task

    asyncio.run(run())


def test_close_leaves_the_socket_of_a_successor(tmp_path: Path) -> None:
    async def run() -> None:
        server = await serve(tmp_path, echo)
        os.unlink(tmp_path / "control.sock")
        async with served(tmp_path):
            await server.close()
            assert await ask(tmp_path, "v", 1) == ["v", 1]

    asyncio.run(run())


def test_it_runs_on_uvloop_as_well(tmp_path: Path) -> None:
    async def run() -> Any:
        async with served(tmp_path):
            return await ask(tmp_path, "v", 1, [b"chunk"])

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(run()) == ["v", 1]
