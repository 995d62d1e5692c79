"""Zones, rules and contacts that change while something else is under way."""

from __future__ import annotations

import asyncio

from bossa.dns import names
from bossa.dns.ports import RuleRow
from bossa.dns.server.service import Names
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

APEX = names.from_text("example.test.")


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
