"""Sockets that the owner reads itself: what its desk answers, and what goes to its rules."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping

from bossa.net import udp
from bossa.workers.desk import SILENCE, Desk
from bossa.workers.doors import Doors, Reply


class Parrot:
    """A desk that answers what begins with "say", and drops what begins with "drop"."""

    def __init__(self, kept: int) -> None:
        self.kept = kept

    def answer(self, packet: bytes, host: bytes) -> bytes | None:
        if packet.startswith(b"drop"):
            return SILENCE
        return b"=" + packet if packet.startswith(b"say") else None

    def take(self, order: int, payload: bytes) -> None: ...

    def known(self) -> Mapping[bytes, Mapping[bytes, bytes]]:
        return {}

    def count(self, answered: int) -> None: ...

    def counters(self) -> dict[str, int]:
        return {}

    def notice(self) -> bytes:
        return b""


class Visitor:
    """A client of one socket, and what came to the owner's rules."""

    def __init__(self, desk: Desk | None) -> None:
        (self.door,) = udp.open_sockets("127.0.0.1", 0)
        self.client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.client.setblocking(False)
        self.client.connect(self.door.getsockname())
        self.handed_over: list[tuple[bytes, Reply]] = []
        self.doors = Doors(desk, lambda packet, address, send: self.handed_over.append((packet, send)))
        self.doors.open([self.door])

    async def answers(self, count: int) -> list[bytes]:
        loop = asyncio.get_running_loop()
        return [await loop.sock_recv(self.client, 100) for _ in range(count)]

    async def handed(self, count: int) -> list[bytes]:
        while len(self.handed_over) < count:
            await asyncio.sleep(0.001)
        return [packet for packet, _ in self.handed_over]


def run(script: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(script(), 10))


def test_what_the_desk_does_not_answer_goes_to_the_rules() -> None:
    async def script() -> None:
        for kept, expected in ((0, b"=say it"), (2, b"sa=say it")):
            visitor = Visitor(Parrot(kept))
            for packet in (b"drop it", b"think", b"say it"):
                visitor.client.send(packet)
            assert await visitor.answers(1) == [expected]
            assert await visitor.handed(1) == [b"think"]

    run(script)


def test_without_a_desk_everything_goes_to_the_rules_and_is_answered_when_they_like() -> None:
    async def script() -> None:
        visitor = Visitor(None)
        for packet in (b"say it", b"think"):
            visitor.client.send(packet)
        assert await visitor.handed(2) == [b"say it", b"think"]
        for packet, send in reversed(visitor.handed_over):
            send(b"late " + packet)
        assert await visitor.answers(2) == [b"late think", b"late say it"]
        visitor.door.close()
        # Work that outlives its socket answers nobody, and is no error.
        visitor.handed_over[0][1](b"too late")

    run(script)


def test_a_socket_that_is_left_is_not_read() -> None:
    async def script() -> None:
        visitor = Visitor(None)
        visitor.doors.leave([visitor.door])
        visitor.doors.leave([visitor.door])
        visitor.client.send(b"anybody?")
        await asyncio.sleep(0.05)
        assert visitor.handed_over == []
        visitor.doors.open([visitor.door])
        assert await visitor.handed(1) == [b"anybody?"]

    run(script)
