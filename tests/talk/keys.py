"""A name server that takes tickets of a made-up realm, and clients of it, without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

from bossa.dns import names
from bossa.dns.exchange import Settings
from bossa.dns.policy import Person
from bossa.dns.ports import RuleRow, ZoneOptions
from bossa.dns.server.fetching import Fetcher
from bossa.dns.server.following import Following
from bossa.dns.server.negotiating import Acceptance
from bossa.dns.server.owner import Owner
from bossa.dns.server.resolver import Resolver
from bossa.dns.server.service import Names
from bossa.dns.tsig import Algorithm, Key
from bossa.gss.acceptor import Acceptor
from bossa.gss.context import Context
from bossa.gss.replay import ReplayCache
from bossa.krb.credential import Credential
from bossa.net.peer import Peer
from bossa.testing.contexts import Manner, Negotiated, negotiate
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone
from tests.unit.gss.specimens import NOW, Source, credential, service

APEX = names.from_text("example.test.")
# Two sockaddr_in.
HERE, THERE = (b"\x02\x00\x30\x39\xc0\x00\x02" + bytes((last,)) + bytes(8) for last in (1, 2))
SECRET = Key(names.from_text("secret."), Algorithm.HMAC_SHA256, bytes(32))


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        """Return the moment."""
        return self.now


class Room:
    """The owner of a small name server, whose web service of the specimens stands for its own account."""

    def __init__(self, served: Names, clock: Clock) -> None:
        self.clock = clock
        self.served = served
        following = Following(served, cast(Fetcher, None), clock)
        self.owner = Owner(served, Settings(), cast(Resolver, None), following, clock)
        self.service = service(replay=ReplayCache(), in_order=False)
        self.owner.accept_contexts(Acceptance(lambda: Acceptor(self.service), person_of))

    def udp(self, wire: bytes, address: bytes = HERE) -> bytes:
        """Send a datagram that is answered at once."""
        heard: list[bytes] = []
        self.owner.datagram(wire, address, heard.append)
        (answer,) = heard
        return answer

    async def tcp(self, wire: bytes) -> list[bytes]:
        """Send a message over a stream, and return all of the answer."""
        answer = await self.owner.message(wire, Peer("192.0.2.1", 12345))
        return [answer] if isinstance(answer, bytes) else list(answer or ())

    def negotiate(self, key: str = "", asked: Credential | None = None, **manner: Any) -> Negotiated:
        """Negotiate a key."""
        return negotiate(asked or credential(), self.udp, key, Manner(now=self.clock, **manner))


def person_of(context: Context) -> Person:
    """Return the client by his name alone."""
    return Person(context.principal)


def play(talk: Callable[[Room], Any]) -> None:
    """Let a talk happen in a fresh room."""

    async def main() -> None:
        served = Names(MemoryZones(), lambda delta: None, recursion=False)
        await served.create_zone(APEX, fresh_zone(apex=APEX), ZoneOptions(allow_transfer=("krb5:alice@BOSSA.TEST",)))
        await served.set_rules(APEX, [RuleRow(who="key:secret", scope="zone")])
        served.keys[SECRET.name] = SECRET
        editing = asyncio.get_running_loop().create_task(served.run())
        said = talk(Room(served, Clock()))
        if said is not None:
            await asyncio.wait_for(said, 20)
        editing.cancel()

    asyncio.run(main())


__all__ = ["APEX", "HERE", "SECRET", "THERE", "Clock", "Room", "Source", "play"]
