"""Forward rules that come and go while questions are answered: no name seems missing on the way."""

from __future__ import annotations

import asyncio

import pytest

from bossa.dns import names, types
from bossa.dns.image import Image
from bossa.dns.message import head
from bossa.dns.ports import ZoneOptions
from bossa.dns.routes import Rules
from bossa.dns.server.service import SLICE, Names
from tests.contract.memory import MemoryZones
from tests.unit.dns.specimens import zone

MANY = 2 * SLICE + 10
NXDOMAIN = 3


class Worker:
    """An image that is asked for some names after each delta."""

    def __init__(self, *watched: str) -> None:
        self.image = Image()
        self.watched = watched
        self.said: list[tuple[int | None, ...]] = []

    def publish(self, delta: bytes) -> None:
        self.image.apply(delta)
        self.said.append(tuple(self.code(name) for name in self.watched))

    def code(self, name: str) -> int | None:
        """Return what the image says of a name; None when the owner has to."""
        packet = head(1, 0x0100, (1, 0, 0, 0)) + names.from_text(name) + b"\x00\x01\x00\x01"
        answer = self.image.answer(packet)
        return None if answer is None else answer[1] & 0xF


async def served(worker: Worker, apex: str, text: str, options: ZoneOptions | None = None) -> Names:
    found = Names(MemoryZones(), worker.publish, recursion=True)
    made = zone(apex, text)
    await found.create_zone(made.apex, list(made.rrsets()), options)
    worker.said.clear()
    return found


def rules(*domains: str) -> Rules:
    return Rules({names.from_text(domain): (("192.0.2.1", 53),) for domain in domains})


def test_no_name_seems_missing_while_a_rule_comes_or_goes() -> None:
    async def main() -> None:
        text = "".join(f"h{number}.corp A 10.0.0.1\n" for number in range(MANY))
        watched = [f"h{number}.corp.t." for number in (0, 7, SLICE, MANY - 1)]
        worker = Worker(*watched, "corp.t.", "nothing.t.")
        zones = await served(worker, "t.", text)
        switched: list[Rules] = []
        for wanted, last in ((rules("corp.t."), None), (rules(), 0)):
            await zones.change_rules(wanted, lambda: switched.append(zones.zones.rules))
            assert switched[-1] == wanted
            assert len(worker.said) > 2, "the zone is larger than one delta"
            assert all(code != NXDOMAIN for said in worker.said for code in said[:-1])
            assert {said[-1] for said in worker.said} == {NXDOMAIN}
            assert set(worker.said[-1][:-1]) == {last}
            worker.said.clear()

    asyncio.run(main())


@pytest.mark.parametrize("domain", ["10.in-addr.arpa.", "in-addr.arpa.", "arpa."])
def test_a_private_zone_is_overruled_by_a_rule_at_it_or_above_and_by_nothing_else(domain: str) -> None:
    async def main() -> None:
        for private in (True, False):
            worker = Worker("1.0.0.10.in-addr.arpa.")
            zones = await served(worker, "10.in-addr.arpa.", "", ZoneOptions(private_reverse=private))
            await zones.change_rules(rules(domain, "9.10.in-addr.arpa."), lambda: None)
            assert worker.code("1.0.0.10.in-addr.arpa.") == (None if private else NXDOMAIN)
            assert worker.code("1.0.9.10.in-addr.arpa.") is None
            found = zones.zones.find_for(names.from_text("1.0.0.10.in-addr.arpa."), types.PTR)
            assert (found is None) is private
            await zones.change_rules(rules("1.in-addr.arpa."), lambda: None)
            assert worker.code("1.0.0.10.in-addr.arpa.") == NXDOMAIN == worker.code("1.0.9.10.in-addr.arpa.")

    asyncio.run(main())


def test_a_private_zone_that_comes_later_is_overruled_too() -> None:
    async def main() -> None:
        worker = Worker()
        zones = Names(MemoryZones(), worker.publish, recursion=True)
        zones.use_rules(rules("in-addr.arpa."))
        made = zone("10.in-addr.arpa.", "")
        await zones.create_zones({made.apex: list(made.rrsets())}, ZoneOptions(private_reverse=True))
        assert worker.code("1.0.0.10.in-addr.arpa.") is None
        await zones.set_options(made.apex, ZoneOptions())
        assert made.apex not in zones.overruled

    asyncio.run(main())


def test_what_others_said_is_driven_out_by_a_zone_that_did_not_answer_before_and_by_no_other() -> None:
    async def main() -> None:
        heard: list[bytes] = []
        zones = await served(Worker(), "t.", "h A 192.0.2.1\n")
        zones.on_arrival = heard.append
        made, other = zone("t.", "h A 192.0.2.2\n"), zone("x.", "")
        await zones.replace_zone(made.apex, list(made.rrsets()), lambda: None)
        assert heard == []
        await zones.create_zone(other.apex, list(other.rrsets()))
        assert heard == [other.apex]

    asyncio.run(main())
