"""Updates of persons through the queue of edits: batches, reverse zones beside forward zones, groups of the realm."""

from __future__ import annotations

import asyncio
import ipaddress

from bossa.admin.found import first_rules
from bossa.dns import names, rdata, types
from bossa.dns.changes import Draft
from bossa.dns.errors import Refused
from bossa.dns.policy import Caller, Person
from bossa.dns.server.edits import Outcome
from bossa.dns.server.service import Names
from bossa.dns.update import Update, UpdateRecord, decide
from bossa.dns.zone import Mark, Origin, Step
from tests.contract.memory import MemoryZones
from tests.contract.specimens import fresh_zone

APEX = names.from_text("bossa.test.")
REVERSE = names.from_text("10.in-addr.arpa.")
ADMINS = "S-1-5-21-1-2-3-512"
ADDRESS = ipaddress.ip_address("192.0.2.1")


def host(name: str) -> Caller:
    """Return a host of the domain."""
    return Caller(ADDRESS, person=Person(f"host/{name}@BOSSA.TEST", frozenset(), (names.from_text(f"{name}."),)))


WS1, WS2 = host("ws1.bossa.test"), host("ws2.bossa.test")
ANNA = Caller(ADDRESS, person=Person("anna@BOSSA.TEST", frozenset((ADMINS,))))
BERT = Caller(ADDRESS, person=Person("bert@BOSSA.TEST", frozenset(("S-1-5-21-1-2-3-1100",))))
STRANGER = Caller(ADDRESS)


class Domain:
    """A fresh domain's zones and rules, with edits taken as they come."""

    def __init__(self) -> None:
        self.served = Names(MemoryZones(), lambda delta: None, recursion=False)
        self.served.sid_of = {"admins": ADMINS}.get

    async def found(self) -> None:
        """Make the zones and the rules."""
        for apex in (APEX, REVERSE):
            await self.served.create_zone(apex, fresh_zone(apex=apex))
        await self.served.set_rules(b"", first_rules(APEX))

    def knows(self, caller: Caller) -> bool:
        """Tell whether anything of a caller's update is looked at."""
        return self.served.policy(APEX).knows(caller)

    def begin(self, caller: Caller, apex: bytes, *changes: tuple[str, str, str]) -> asyncio.Future[str]:
        """Hand in an update that adds records; it ends as "done", or as what the log says."""
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        records = tuple(_added(*one) for one in changes)
        rules = self.served.policy(apex)

        def change(draft: Draft) -> None:
            decide(Update(apex, (), records), draft, rules, caller, Mark(Origin.UPDATE, 1_800_000_000))

        def settled(outcome: Outcome) -> None:
            ended.set_result(outcome.reason if isinstance(outcome, Refused) else "done")
            assert outcome is None or isinstance(outcome, (Step, Refused))

        self.served.submit(apex, change, settled)
        return ended


def _added(owner: str, rtype: str, data: str) -> UpdateRecord:
    number = types.type_number(rtype)
    return UpdateRecord(names.from_text(owner), number, types.IN, 60, rdata.parse(number, data, names.ROOT))


def talk(*updates: tuple[Caller, bytes, tuple[str, str, str]]) -> list[str]:
    """Hand in updates that share a batch; return how each ended."""

    async def scene() -> list[str]:
        domain = Domain()
        await domain.found()
        begun = [domain.begin(caller, apex, change) for caller, apex, change in updates]
        running = asyncio.create_task(domain.served.run())
        ended = await asyncio.gather(*begun)
        running.cancel()
        return ended

    return asyncio.run(scene())


FORWARD = (WS1, APEX, ("ws1.bossa.test.", "A", "10.0.0.1"))
BACK = (WS1, REVERSE, ("1.0.0.10.in-addr.arpa.", "PTR", "ws1.bossa.test."))


def test_a_host_registers_its_name_and_then_the_address_in_one_batch() -> None:
    assert talk(FORWARD, BACK) == ["done", "done"]


def test_an_address_leads_nowhere_before_a_name_has_it() -> None:
    first, second = talk(BACK, FORWARD)
    assert "ws1.bossa.test. does not hold the address" in first
    assert second == "done"


def test_an_address_that_two_hosts_have_leads_to_the_first() -> None:
    ended = talk(
        FORWARD,
        (WS2, APEX, ("ws2.bossa.test.", "A", "10.0.0.1")),
        BACK,
        (WS2, REVERSE, ("1.0.0.10.in-addr.arpa.", "PTR", "ws2.bossa.test.")),
    )
    assert ended[:3] == ["done"] * 3
    assert ended[3].endswith("a PTR to ws1.bossa.test. stands there")


def test_a_host_changes_nobody_elses_name() -> None:
    [why] = talk((WS1, APEX, ("ws2.bossa.test.", "A", "10.0.0.1")))
    assert why == (
        "no rule lets krb5:host/ws1.bossa.test@BOSSA.TEST change ws2.bossa.test. A: its own names are ws1.bossa.test."
    )


def test_an_administrator_changes_everything() -> None:
    assert (
        talk(
            (ANNA, APEX, ("ws2.bossa.test.", "A", "10.0.0.1")),
            (ANNA, APEX, ("sub.bossa.test.", "NS", "ns1.sub.bossa.test.")),
            (ANNA, REVERSE, ("9.0.0.10.in-addr.arpa.", "PTR", "anything.example.")),
        )
        == ["done"] * 3
    )


def test_a_group_that_is_no_rules_has_no_rights() -> None:
    async def scene() -> None:
        domain = Domain()
        await domain.found()
        assert [domain.knows(caller) for caller in (WS1, ANNA, BERT, STRANGER)] == [True, True, False, False]
        domain.served.sid_of = {"admins": "S-1-5-21-1-2-3-2000"}.get
        assert not domain.knows(ANNA)

    asyncio.run(scene())
