"""Fills gathered: few messages, nothing lost, order kept."""

from __future__ import annotations

import asyncio
import marshal

from bossa.dns.remembered import FORGET, Fill
from bossa.dns.server.fills import Fills

FILL: Fill = (0x8080, b"\x00\x01\x00\x00\x00\x00", b"tail", (6,), 1000, 300)


def test_what_comes_in_one_moment_goes_out_in_one_message() -> None:
    async def main() -> list[list[tuple[bytes, object]]]:
        sent: list[bytes] = []
        fills = Fills(sent.append)
        fills(b"a", FILL)
        fills(b"b", None)
        assert sent == []
        await asyncio.sleep(0.05)
        fills(b"c", FILL)
        await asyncio.sleep(0.05)
        return [marshal.loads(one) for one in sent]

    assert asyncio.run(main()) == [[(b"a", FILL), (b"b", None)], [(b"c", FILL)]]


def test_what_is_forgotten_goes_out_at_once_behind_what_came_before() -> None:
    async def main() -> list[list[tuple[bytes, object]]]:
        sent: list[bytes] = []
        fills = Fills(sent.append)
        fills(b"a", FILL)
        fills(FORGET, None)
        return [marshal.loads(one) for one in sent]

    assert asyncio.run(main()) == [[(b"a", FILL), (FORGET, None)]]


def test_many_fills_do_not_wait_for_the_moment() -> None:
    async def main() -> list[int]:
        sent: list[int] = []
        fills = Fills(lambda data: sent.append(len(marshal.loads(data))))
        for number in range(600):
            fills(b"%d" % number, FILL)
        assert sent == [256, 256]
        await asyncio.sleep(0.05)
        return sent

    assert asyncio.run(main()) == [256, 256, 88]
