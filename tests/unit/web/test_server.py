"""The web port over real sockets: served, stopped, and not held up by silent clients."""

import asyncio
import signal
import socket
import subprocess
import sys
from contextlib import suppress

import pytest

from bossa.web import connection, server


async def hello(scope, receive, send):
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Served:
    """A server in this loop, stopped at the end."""

    def __init__(self):
        self.sockets = [socket.create_server(("127.0.0.1", 0))]
        self.address = self.sockets[0].getsockname()

    async def __aenter__(self):
        self.task = asyncio.create_task(server.serve(hello, self.sockets))
        return self

    async def __aexit__(self, *_):
        if not self.task.done():
            self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task

    async def get(self, path="/"):
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        try:
            return await asyncio.wait_for(reader.read(), 5)
        finally:
            writer.close()


def test_it_answers_and_says_nothing_about_its_software():
    async def talk():
        async with Served() as served:
            answer = await served.get()
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"hello")
            assert b"uvicorn" not in answer

    asyncio.run(talk())


def test_it_leaves_the_signals_alone():
    async def talk():
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with Served() as served:
            await served.get()
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before

    asyncio.run(talk())


def test_a_request_under_way_is_answered_when_the_server_stops():
    async def talk():
        async with Served() as served:
            await served.get()
            asking = asyncio.create_task(served.get("/slow"))
            await asyncio.sleep(0.1)
            served.task.cancel()
            assert (await asking).endswith(b"hello")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*served.address)

    asyncio.run(talk())


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nX: y"])
def test_a_silent_client_is_closed(monkeypatch, sent):
    monkeypatch.setattr(connection, "PATIENCE", 0.3)

    async def talk():
        async with Served() as served:
            reader, writer = await asyncio.open_connection(*served.address)
            writer.write(sent)
            with suppress(ConnectionResetError):
                assert await asyncio.wait_for(reader.read(), 3) == b""
            writer.close()

    asyncio.run(talk())


def test_a_client_that_drips_its_request_is_closed(monkeypatch):
    monkeypatch.setattr(connection, "PATIENCE", 0.3)

    async def talk():
        async with Served() as served:
            _, writer = await asyncio.open_connection(*served.address)
            for _ in range(40):
                writer.write(b"GET / HTTP/1.1\r\n"[:1])
                await asyncio.sleep(0.05)
                if writer.is_closing():
                    break
            else:
                pytest.fail("still open after 2 s")

    asyncio.run(talk())


def test_connections_beyond_the_limit_are_closed_at_once(monkeypatch):
    monkeypatch.setattr(connection, "MAX_CONNECTIONS", 3)

    async def talk():
        async with Served() as served:
            await served.get()
            silent = [await asyncio.open_connection(*served.address) for _ in range(3)]
            await asyncio.sleep(0.05)
            with suppress(ConnectionResetError):
                assert await served.get() == b""
            silent[0][1].close()
            await asyncio.sleep(0.1)
            assert (await served.get()).endswith(b"hello")
            for _, writer in silent[1:]:
                writer.close()

    asyncio.run(talk())


def test_nothing_slow_is_loaded_before_the_pages_are_served():
    script = (
        "import sys, bossa.web.server; "
        "assert not {'starlette', 'uvicorn', 'jinja2', 'prometheus_client', 'h11'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
