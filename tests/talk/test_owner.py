"""Updates that the owner passes on to a primary: each gets an answer, and its copies the same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from bossa.dns import names, ratelimit
from bossa.dns.exchange import Settings
from bossa.dns.ports import ZoneOptions
from bossa.dns.server import owner
from bossa.dns.server.fetching import Fetcher
from bossa.dns.server.following import Following
from bossa.dns.server.owner import Owner
from bossa.dns.server.resolver import Resolver
from bossa.dns.server.service import Names
from bossa.net.peer import Peer
from bossa.testing import packets
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

APEX = names.from_text("example.test.")
NOERROR = 0
# A sockaddr_in.
ADDRESS = b"\x02\x00\x30\x39\xc0\x00\x02\x01" + bytes(8)


class Primary(Following):
    """What stands in for the primary: it says yes when it is let."""

    def __init__(self, served: Names) -> None:
        super().__init__(served, cast(Fetcher, None), lambda: 1.7e9)
        self.asked: list[bytes] = []
        self.let = asyncio.Event()

    async def pass_on(self, wire: bytes, apex: bytes) -> bytes:
        self.asked.append(wire)
        await self.let.wait()
        return wire[:2] + b"\xa8\x00" + bytes(8)


def play(talk: Callable[[Owner, Primary], Awaitable[None]]) -> None:
    async def main() -> None:
        served = Names(MemoryZones(), lambda delta: None, recursion=False)
        primary = Primary(served)
        options = ZoneOptions(primaries=("192.0.2.9",), forward_updates=True)
        await served.create_zone(APEX, fresh_zone(apex=APEX), options)
        await asyncio.wait_for(
            talk(Owner(served, Settings(), cast(Resolver, None), primary, lambda: 1.7e9), primary), 5
        )

    asyncio.run(main())


def update(ident: int = 1) -> bytes:
    return packets.update("example.test", packets.record("a.example.test", "A", "192.0.2.7", ttl=60), ident=ident)


def test_copies_of_a_strangers_update_are_passed_on_once() -> None:
    async def talk(served: Owner, primary: Primary) -> None:
        heard: list[bytes] = []
        for _ in range(3):
            served.datagram(update(), ADDRESS, heard.append)
        primary.let.set()
        await asyncio.sleep(0.01)
        served.datagram(update(), ADDRESS, heard.append)
        assert len(primary.asked) == 1
        assert [packets.rcode(one) for one in heard] == [NOERROR, NOERROR]

    play(talk)


def test_an_update_gets_an_answer_however_many_others_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its client would wait for ever over TCP, and its copies would never be taken up."""

    async def talk(served: Owner, primary: Primary) -> None:
        primary.let.set()
        answer = await served.message(update(), Peer("192.0.2.1", 12345))
        assert isinstance(answer, bytes)
        assert packets.rcode(answer) == NOERROR

    monkeypatch.setattr(owner, "_MAX_PENDING", 0)
    play(talk)


@pytest.mark.parametrize("kind", ["update", "increment"])
def test_who_may_be_somebody_else_has_to_keep_to_the_rate_limit(kind: str) -> None:
    requests = {
        "update": lambda ident: packets.update("elsewhere.test", ident=ident),
        "increment": lambda ident: packets.query("example.test", "IXFR", ident=ident),
    }

    async def talk(served: Owner, primary: Primary) -> None:
        served.gate.use(ratelimit.encode(2, 0, ()))
        heard: list[bytes] = []
        for ident in range(50):
            served.datagram(requests[kind](ident), ADDRESS, heard.append)
        await asyncio.sleep(0.05)
        assert 0 < len(heard) < 50
        assert served.gate.counts["dropped"] == 50 - len(heard)

    play(talk)
