"""What the operator says of secondaries, and what the verbs make of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bossa.admin import keys, secondaries, zones
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office
from bossa.admin.status import SecondaryStatus, StatusReport, ZoneStatus
from bossa.dns import names
from bossa.dns.ports import ZoneOptions
from bossa.dns.remote import Remote
from bossa.dns.secondary import Secondary, Timers, is_fetched
from bossa.dns.zone import Soa
from tests.unit.admin.desk import NOW, make_office

APEX = names.from_text("far.test.")
SOA = Soa(APEX, APEX, 7, 3600, 600, 86400, 60)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = make_office(tmp_path)
    asyncio.run(keys.key_add(office, keys.KeyAdd(name="peer")))
    asyncio.run(zones.zone_add(office, zones.ZoneAdd(name="near.test")))
    asyncio.run(zones.zone_add(office, zones.ZoneAdd(name="far.test", primaries=("192.0.2.1", "::1@peer"), key="peer")))
    return office


def set_zone(office: Office, **options: object) -> ZoneOptions:
    return asyncio.run(zones.zone_set(office, zones.ZoneSet(**options))).options  # type: ignore[arg-type]


def test_a_secondary_begins_without_content_and_with_its_primaries(office: Office) -> None:
    assert not is_fetched(office.names.zones[APEX])
    assert office.names.options[APEX].primaries == ("192.0.2.1@peer", "::1@peer")
    lines = {line.name: line.primaries for line in asyncio.run(zones.zone_list(office, zones.Nothing())).zones}
    assert lines == {"near.test": (), "far.test": ("192.0.2.1@peer", "::1@peer")}


def test_lists_are_replaced_and_none_empties_them(office: Office) -> None:
    targets = ("192.0.2.9:5353@peer", "ns", "192.0.2.9:5353@PEER.")
    assert set_zone(office, name="near.test", notify=targets).notify == ("ns", "192.0.2.9:5353@peer")
    assert set_zone(office, name="near.test", history=5).notify == ("ns", "192.0.2.9:5353@peer")
    assert set_zone(office, name="near.test", notify=("none",)).notify == ()
    assert set_zone(office, name="far.test", forward_updates=True).forward_updates


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"name": "near.test", "notify": ("nowhere",)}, "it is no server"),
        ({"name": "near.test", "primaries": ("192.0.2.1@other",)}, "there is no such key"),
        ({"name": "near.test", "forward_updates": True}, "only a secondary has a primary"),
        ({"name": "far.test", "primaries": ("none",)}, "it was never fetched"),
        ({"name": "near.test", "notify": tuple(f"192.0.2.{n}" for n in range(33))}, "32 are the most"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    office: Office, options: dict[str, object], why: str
) -> None:
    before = dict(office.names.options)
    with pytest.raises(Failure, match=why):
        set_zone(office, **options)
    assert dict(office.names.options) == before


class Followed:
    """The following of far.test, which fails unless told otherwise."""

    def __init__(self, failure: str = "") -> None:
        self.zones = {APEX: Secondary(APEX, (Remote("192.0.2.1"),), NOW, Timers.of(SOA), due=NOW + 9, failure=failure)}
        self.asked: list[tuple[bytes, bool]] = []

    async def retransfer(self, apex: bytes, *, full: bool) -> Secondary:
        self.asked.append((apex, full))
        return self.zones[apex]


def test_retransfer_asks_and_tells_why_it_failed(office: Office) -> None:
    followed = Followed()
    running = replace(office, following=followed)
    done = asyncio.run(secondaries.zone_retransfer(running, secondaries.ZoneRetransfer(name="far.test", full=True)))
    assert (done.serial_from, done.serial) == (None, 0)
    assert followed.asked == [(APEX, True)]
    failing = replace(office, following=Followed("192.0.2.1: no answer in time"))
    with pytest.raises(Failure, match="no answer in time"):
        asyncio.run(secondaries.zone_retransfer(failing, secondaries.ZoneRetransfer(name="far.test")))


def test_retransfer_needs_a_server_and_a_secondary(office: Office) -> None:
    with pytest.raises(Failure, match="no server is running") as failed:
        asyncio.run(secondaries.zone_retransfer(office, secondaries.ZoneRetransfer(name="far.test")))
    assert failed.value.exit == Exit.UNREACHABLE
    with pytest.raises(Failure, match="it has no primary"):
        asyncio.run(
            secondaries.zone_retransfer(
                replace(office, following=Followed()), secondaries.ZoneRetransfer(name="near.test")
            )
        )


@pytest.mark.parametrize(
    ("changes", "now", "state", "served"),
    [
        ({}, NOW, "current", True),
        ({"failure": "x"}, NOW, "failing", True),
        ({"failure": "x"}, NOW + 86400, "expired", False),
        ({"contact": None, "timers": None, "failure": "x"}, NOW, "not fetched", False),
    ],
)
def test_the_state_of_a_secondary_in_one_word(changes: dict[str, object], now: float, state: str, served: bool) -> None:
    found = SecondaryStatus.of(replace(Followed().zones[APEX], **changes), now)
    assert (found.state, found.served) == (state, served)
    zone = ZoneStatus(name="far.test.", serial=1, records=1, secondary=found)
    report = StatusReport(domain="d", realm="D", version="1", pid=1, started=0, now=0, data="", zones=(zone,))
    assert bool(report.troubles) is not served
