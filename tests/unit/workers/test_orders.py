"""The owner's end of a worker's stream: what is in force when."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

from bossa.workers.channel import FRAME_HEAD, Order, decode_head, encode_order
from bossa.workers.orders import Orders

LARGE = bytes(50 << 20)


def run(talk: Callable[[Orders, socket.socket, list[tuple[Order, bytes]]], Awaitable[None]]) -> None:
    async def main() -> None:
        here, there = socket.socketpair()
        heard: list[tuple[Order, bytes]] = []
        orders = Orders(here, lambda order, payload: heard.append((order, payload)))
        there.setblocking(False)
        with there:
            await asyncio.wait_for(talk(orders, there, heard), 20)
        orders.close()

    asyncio.run(main())


async def read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += await asyncio.get_running_loop().sock_recv(sock, size - len(data))
    return data


def test_what_the_kernel_has_is_in_force() -> None:
    async def talk(orders: Orders, there: socket.socket, heard: list[tuple[Order, bytes]]) -> None:
        assert orders.give(b"one")
        assert orders.give(b"two")
        assert (orders.progress.in_force, orders.behind) == (2, 2)
        orders.progress.applied = 1
        assert orders.behind == 1

    run(talk)


def test_a_delta_that_does_not_fit_is_in_force_when_the_worker_has_read_enough() -> None:
    async def talk(orders: Orders, there: socket.socket, heard: list[tuple[Order, bytes]]) -> None:
        assert not orders.give(LARGE)
        assert not orders.give(b"behind it")
        drained = orders.drained()
        assert (orders.progress.in_force, drained.done()) == (0, False)
        for sequence, payload in ((1, LARGE), (2, b"behind it")):
            size, order, number = decode_head(await read(there, FRAME_HEAD))
            assert (order, number) == (Order.DELTA, sequence)
            assert await read(there, size) == payload
        await drained
        assert orders.progress.in_force == 2
        assert orders.drained().done()

    run(talk)


def test_a_worker_that_ends_lets_go_of_whoever_waits() -> None:
    async def talk(orders: Orders, there: socket.socket, heard: list[tuple[Order, bytes]]) -> None:
        orders.give(LARGE)
        drained = orders.drained()
        there.close()
        await asyncio.gather(drained, orders.ended)
        # Whatever comes after that is for nobody, and no error.
        orders.give(b"late")

    run(talk)


def test_what_the_worker_says_is_heard_whole_however_it_comes() -> None:
    async def talk(orders: Orders, there: socket.socket, heard: list[tuple[Order, bytes]]) -> None:
        for octet in encode_order(Order.COUNTERS, 0, b"counters") + encode_order(Order.HERE):
            there.send(bytes((octet,)))
            await asyncio.sleep(0)
        while len(heard) < 2:
            await asyncio.sleep(0)
        assert heard == [(Order.COUNTERS, b"counters"), (Order.HERE, b"")]

    run(talk)
