"""Zones, rules and contacts that change while something else is under way."""

from __future__ import annotations

import asyncio

import pytest

from bossa.dns import names
from bossa.dns.errors import Rcode, Refused
from bossa.dns.ports import RuleRow, ZoneOptions
from bossa.dns.server.service import Names
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

APEX = names.from_text("example.test.")


SECONDARY = ZoneOptions(primaries=("192.0.2.1",))


class SlowStore(MemoryZones):
    """A store whose options and contacts take until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def set_options(self, apex: bytes, options: ZoneOptions) -> None:
        await self.let.wait()
        await super().set_options(apex, options)

    async def put_contact(self, apex: bytes, when: int | None) -> None:
        await self.let.wait()
        await super().put_contact(apex, when)


def names_of(store: MemoryZones) -> Names:
    return Names(store, lambda delta: None, recursion=False)


def test_rules_asked_for_by_strangers_for_names_without_a_zone_are_not_kept() -> None:
    async def scene() -> None:
        served = names_of(MemoryZones())
        await served.create_zone(APEX, fresh_zone(apex=APEX))
        await served.set_rules(b"", [RuleRow(who="net:192.0.2.0/24", scope="zone")])
        first = served.policy(names.from_text("a.nowhere."))
        assert [rule.row.who for rule in first.rules] == ["net:192.0.2.0/24"]
        assert served.policy(names.from_text("b.nowhere.")) is first
        assert served.policy(APEX).rules == first.rules

    asyncio.run(scene())


def test_what_came_from_a_primary_does_not_replace_a_zone_that_became_ours_meanwhile() -> None:
    async def scene() -> None:
        store = SlowStore()
        served = names_of(store)
        await served.create_zone(APEX, fresh_zone(1, APEX), SECONDARY)

        def follows() -> None:
            if not served.options[APEX].primaries:
                raise Refused(Rcode.REFUSED, "it is ours")

        setting = asyncio.create_task(served.set_options(APEX, ZoneOptions()))
        await asyncio.sleep(0)
        replacing = asyncio.create_task(served.replace_zone(APEX, fresh_zone(7, APEX), follows))
        await asyncio.sleep(0)
        store.let.set()
        await setting
        with pytest.raises(Refused, match="it is ours"):
            await replacing
        assert served.zones[APEX].serial == 1

    asyncio.run(scene())


def test_options_set_while_a_zone_waits_to_be_replaced_stay() -> None:
    async def scene() -> None:
        store = SlowStore()
        served = names_of(store)
        await served.create_zone(APEX, fresh_zone(1, APEX))
        setting = asyncio.create_task(served.set_options(APEX, ZoneOptions(history=7)))
        await asyncio.sleep(0)
        replacing = asyncio.create_task(served.replace_zone(APEX, fresh_zone(7, APEX), lambda: None))
        await asyncio.sleep(0)
        store.let.set()
        await asyncio.gather(setting, replacing)
        assert (served.zones[APEX].serial, served.options[APEX].history) == (7, 7)
        assert dict(store.zones())[APEX].history == 7

    asyncio.run(scene())


@pytest.mark.parametrize("meanwhile", ["removed", "ours"])
def test_a_contact_that_is_stored_too_late_leaves_nothing(meanwhile: str) -> None:
    async def scene() -> None:
        store = SlowStore()
        served = names_of(store)
        await served.create_zone(APEX, fresh_zone(1, APEX), SECONDARY)
        noting = asyncio.create_task(served.note_contact(APEX, 1_700_000_000))
        await asyncio.sleep(0)
        if meanwhile == "removed":
            await served.remove_zone(APEX)
        else:
            served.options[APEX] = ZoneOptions()
        store.let.set()
        with pytest.raises(Refused, match="no primary any more"):
            await noting
        assert (served.contacts, store.contacts()) == ({}, {})

    asyncio.run(scene())
