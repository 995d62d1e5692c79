"""The verbs of scavenging: options, a list, and a sweep by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

import pytest

from bossa.admin import scavenging, zones
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office
from bossa.dns import names, types
from bossa.dns.changes import Draft
from bossa.dns.ports import ZoneOptions
from bossa.dns.zone import Mark, Origin
from tests.unit.admin.desk import NOW, FakeNames, make_office

APEX = names.from_text("a.test.")
OLD, YOUNG = NOW - 1000, NOW - 10


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Return an office with a zone that has records of updates, one of them old."""
    office = make_office(tmp_path)
    asyncio.run(zones.zone_add(office, zones.ZoneAdd(name="a.test")))
    for label, stamp in (("old", OLD), ("young", YOUNG)):

        def change(draft: Draft, label: str = label, stamp: int = stamp) -> None:
            owner = names.from_text(label, APEX)
            draft.members(owner, types.A).add(60, bytes((10, 0, 0, 1)), Mark(Origin.UPDATE, stamp))

        asyncio.run(office.names.edit(APEX, change))  # type: ignore[arg-type]
    return office


def set_(office: Office, **options: object) -> ZoneOptions:
    return asyncio.run(zones.zone_set(office, zones.ZoneSet(name="a.test", **options))).options  # type: ignore[arg-type]


def scavenge(office: Office, *, dry_run: bool = False) -> scavenging.ZoneScavenged:
    return asyncio.run(scavenging.zone_scavenge(office, scavenging.ZoneScavenge(name="a.test", dry_run=dry_run)))


def test_the_windows_are_given_as_times(office: Office) -> None:
    options = set_(office, scavenge=True, no_refresh="1d", refresh="36h")
    assert (options.scavenge, options.no_refresh, options.refresh) == (True, 86_400, 129_600)
    assert set_(office, scavenge=False).refresh == 129_600
    for wrong in ({"refresh": "0"}, {"refresh": "soon"}, {"no_refresh": "-1"}):
        with pytest.raises(Failure) as e:
            set_(office, **wrong)
        assert e.value.exit == Exit.USAGE


def test_a_dry_run_lists_what_a_sweep_takes_in_one_step(office: Office) -> None:
    set_(office, scavenge=True, no_refresh="500", refresh="500")
    listed = scavenge(office, dry_run=True)
    assert listed.records == [scavenging.StaleLine(name="old.a.test", type="A", data="10.0.0.1", stamp=OLD)]
    assert (listed.removed, listed.warnings) == (False, [])
    swept = scavenge(office)
    assert (swept.records, swept.removed, swept.serial) == (listed.records, True, listed.serial + 1)
    assert len(cast(FakeNames, office.names).steps[-1].changes) == 2
    again = scavenge(office)
    assert (again.records, again.serial) == ([], swept.serial)


def test_where_it_is_switched_off_it_only_lists(office: Office) -> None:
    set_(office, no_refresh="500", refresh="500")
    listed = scavenge(office, dry_run=True)
    assert [line.name for line in listed.records] == ["old.a.test"]
    assert "scavenging is off here" in listed.warnings[0]
    with pytest.raises(Failure, match="switched off") as e:
        scavenge(office)
    assert e.value.fix == "bossa zone set a.test --scavenge yes"


def test_a_secondary_is_not_scavenged(office: Office) -> None:
    asyncio.run(zones.zone_add(office, zones.ZoneAdd(name="b.test", primaries=("192.0.2.1",))))
    with pytest.raises(Failure, match="its primary's to scavenge"):
        asyncio.run(zones.zone_set(office, zones.ZoneSet(name="b.test", scavenge=True)))
    with pytest.raises(Failure):
        asyncio.run(scavenging.zone_scavenge(office, scavenging.ZoneScavenge(name="b.test")))
