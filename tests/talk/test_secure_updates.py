"""Whole update messages of persons and strangers: the answer's code, the one line in the log, and what is stored."""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
from collections.abc import Awaitable, Callable, Sequence

import pytest

from bossa.admin.found import first_rules
from bossa.dns import names
from bossa.dns.exchange import Exchange, Settings, open_exchange
from bossa.dns.policy import Caller, Person
from bossa.dns.ports import ZoneOptions
from bossa.dns.server.service import Names
from bossa.dns.server.updating import Updates
from bossa.dns.zone import Step
from bossa.testing import packets
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

APEX = names.from_text("bossa.test.")
ADDRESS = ipaddress.ip_address("192.0.2.1")
WS1 = Person("host/ws1.bossa.test@BOSSA.TEST", frozenset(), (names.from_text("ws1.bossa.test."),))
ANNA = Person("anna@BOSSA.TEST")
NOERROR, REFUSED = 0, 5
SCAVENGED = ZoneOptions(scavenge=True, no_refresh=100, refresh=50)


class Vouched(Exchange):
    """A request of somebody for whom a context vouches."""

    person: Person | None

    @property
    def caller(self) -> Caller:
        """Whoever the test says."""
        return Caller(self.address, person=self.person)


class Counted(MemoryZones):
    """A store that keeps the steps that it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []

    async def commit(self, steps: Sequence[Step]) -> None:
        self.steps += steps
        await super().commit(steps)


class Site:
    """A fresh domain that takes update messages; ``now`` is the time."""

    def __init__(self) -> None:
        self.now = 1_800_000_000
        self.store = Counted()
        self.served = Names(self.store, lambda delta: None, recursion=False)
        self.updates = Updates(self.served, lambda: self.now)

    async def send(self, person: Person | None, *changes: bytes) -> int:
        """Send an update; return the code of its answer."""
        packet = packets.update("bossa.test", *changes)
        opened = open_exchange(packet, ADDRESS, {}, self.now, Settings(), tcp=True)
        assert isinstance(opened, Exchange)
        fields = {field.name: getattr(opened, field.name) for field in dataclasses.fields(opened)}
        exchange = Vouched(**fields)
        object.__setattr__(exchange, "person", person)
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.updates.begin(exchange, answer.set_result)
        return packets.rcode(await answer)


def play(scene: Callable[[Site], Awaitable[None]], options: ZoneOptions | None = None) -> None:
    """Play a scene with edits taken as they come."""

    async def run() -> None:
        site = Site()
        await site.served.create_zone(APEX, fresh_zone(apex=APEX), options)
        await site.served.set_rules(b"", first_rules(APEX))
        running = asyncio.create_task(site.served.run())
        await asyncio.wait_for(scene(site), 10)
        running.cancel()

    asyncio.run(run())


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return the reasons of the lines that the log gets."""
    said: list[object] = []
    monkeypatch.setattr("bossa.observe.log.warning", lambda text, **fields: said.append(fields["rule"]))
    return said


def address(name: str, data: str = "10.0.0.1") -> bytes:
    return packets.record(name, "A", data, ttl=60)


@pytest.mark.parametrize(
    ("person", "name", "why"),
    [
        (
            WS1,
            "ws2.bossa.test",
            "no rule lets krb5:host/ws1.bossa.test@BOSSA.TEST change ws2.bossa.test. A: "
            "its own names are ws1.bossa.test.",
        ),
        (
            ANNA,
            "ws1.bossa.test",
            "no rule names krb5:anna@BOSSA.TEST: krb5-self is for accounts with a DNS name, and this one has none",
        ),
        (None, "ws1.bossa.test", "no rule names net:192.0.2.1"),
    ],
)
def test_what_is_refused_is_one_line_in_the_log_and_refused_to_the_client(
    refusals: list[object], person: Person | None, name: str, why: str
) -> None:
    async def scene(site: Site) -> None:
        assert await site.send(person, address(name)) == REFUSED
        assert refusals == [why]
        assert site.store.steps == []

    play(scene)


def test_a_host_that_is_told_no_unsigned_is_told_yes_when_it_is_vouched_for(refusals: list[object]) -> None:
    async def scene(site: Site) -> None:
        assert await site.send(None, address("ws1.bossa.test")) == REFUSED
        assert await site.send(WS1, address("ws1.bossa.test")) == NOERROR
        assert site.served.zones[APEX].exists(names.from_text("ws1.bossa.test."))
        assert len(refusals) == 1

    play(scene)


def test_a_host_that_repeats_itself_costs_no_write_until_its_stamp_is_due() -> None:
    async def scene(site: Site) -> None:
        for age, writes in ((0, 1), (10, 1), (99, 1), (100, 2), (101, 2), (199, 2), (200, 3)):
            site.now = 1_800_000_000 + age
            assert await site.send(WS1, address("ws1.bossa.test")) == NOERROR
            assert len(site.store.steps) == writes, age
        assert [step.serial_to - step.serial_from for step in site.store.steps] == [1, 0, 0]

    play(scene, SCAVENGED)


def test_where_nothing_is_scavenged_a_repeat_renews_nothing() -> None:
    async def scene(site: Site) -> None:
        for age in (0, 100, 100_000):
            site.now = 1_800_000_000 + age
            assert await site.send(WS1, address("ws1.bossa.test")) == NOERROR
        assert len(site.store.steps) == 1

    play(scene)
