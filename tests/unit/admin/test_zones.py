"""The verbs of zones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bossa.admin import rows, zones
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office
from bossa.dns import names, types
from bossa.dns.zone import Mark, Origin, RRset, Soa
from tests.unit.admin.desk import NOW, FakeLine, make_office

APEX = names.from_text("a.test.")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return make_office(tmp_path)


def add(office: Office, name: str = "a.test", **more: object) -> zones.ZoneDone:
    return asyncio.run(zones.zone_add(office, zones.ZoneAdd(name=name, **more)))  # type: ignore[arg-type]


def content(serial: int = 5) -> list[tuple[bytes, RRset]]:
    soa = Soa(APEX, APEX, serial, 1, 2, 3, 4)
    return [
        (APEX, RRset(types.SOA, 60, (soa.encode(),), ())),
        (APEX, RRset(types.NS, 60, (APEX,), ())),
        (names.from_text("www", APEX), RRset(types.A, 60, (b"\xc0\0\2\1", b"\xc0\0\2\2"), ())),
    ]


def import_(office: Office, rrsets: list[tuple[bytes, RRset]], *, replace: bool = False) -> zones.ZoneDone:
    line = FakeLine(rows.chunks(rrsets, marks=False))
    return asyncio.run(zones.zone_import(office, zones.ZoneImport(name="a.test", replace=replace), line))


def test_a_new_zone_has_an_soa_and_the_servers_own_name_as_its_ns(office: Office) -> None:
    assert add(office).warnings == []
    zone = office.names.zones[APEX]
    assert zone.soa.mname == names.from_text("ns1.bossa.test.")
    ns = zone.find(APEX, types.NS)
    assert ns is not None
    assert ns.rdatas == (names.from_text("ns1.bossa.test."),)
    assert ns.marks == (Mark(Origin.COMMAND, NOW),)


def test_name_servers_inside_the_new_zone_are_warned_of(office: Office) -> None:
    done = add(office, ns=("ns1.a.test", "ns.other.test"), mail="me@a.test")
    assert done.warnings == ["ns1.a.test has no address yet: bossa record add a.test ns1.a.test. A ADDRESS"]
    assert office.names.zones[APEX].soa.rname == names.from_text("me.a.test.")


def test_a_zone_is_not_made_twice(office: Office) -> None:
    add(office)
    with pytest.raises(Failure, match="exists already") as e:
        add(office, "A.TEST.")
    assert e.value.exit == Exit.REFUSED


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64 + ".test", "\\999"])
def test_a_bad_name_is_a_usage_error(office: Office, name: str) -> None:
    with pytest.raises(Failure) as e:
        add(office, name)
    assert e.value.exit == Exit.USAGE


def test_a_mistyped_zone_is_told_its_nearest(office: Office) -> None:
    add(office, "example.test")
    with pytest.raises(Failure) as e:
        asyncio.run(zones.zone_show(office, zones.ZoneNamed("exmple.test")))
    assert e.value.fix == "did you mean example.test?"


def test_options_that_are_not_named_stay(office: Office) -> None:
    add(office)
    first = zones.ZoneSet(name="a.test", allow_transfer=("key:Second.", "net:192.0.2.0/24"), history=7, ptr=True)
    asyncio.run(zones.zone_set(office, first))
    shown = asyncio.run(zones.zone_set(office, zones.ZoneSet(name="a.test", allow_query=("10.0.0.0/8",))))
    assert shown.options.allow_transfer == ("key:second", "net:192.0.2.0/24")
    assert shown.options.allow_query == ("10.0.0.0/8",)
    assert shown.options.history == 7
    assert shown.options.ptr
    assert not asyncio.run(zones.zone_set(office, zones.ZoneSet(name="a.test", ptr=False))).options.ptr


def test_none_and_any_empty_the_lists(office: Office) -> None:
    add(office)
    asyncio.run(zones.zone_set(office, zones.ZoneSet(name="a.test", allow_transfer=("key:k",), allow_query=("::1",))))
    wish = zones.ZoneSet(name="a.test", allow_transfer=("none",), allow_query=("any",))
    shown = asyncio.run(zones.zone_set(office, wish))
    assert (shown.options.allow_transfer, shown.options.allow_query) == ((), ())


@pytest.mark.parametrize("who", ["k", "key:", "net:10.0.0.1/8", "krb5:me", "user:me", ""])
def test_transfers_are_allowed_to_keys_networks_and_principals_only(office: Office, who: str) -> None:
    add(office)
    with pytest.raises(Failure) as e:
        asyncio.run(zones.zone_set(office, zones.ZoneSet(name="a.test", allow_transfer=(who,))))
    assert e.value.exit == Exit.USAGE


def test_what_is_imported_comes_out_again_the_same(office: Office) -> None:
    done = import_(office, content())
    assert (done.serial, done.rrsets, done.warnings) == (5, 3, [])
    line = FakeLine()
    asyncio.run(zones.zone_export(office, zones.ZoneNamed("a.test"), line))
    got = {(row.owner, row.type): (row.ttl, row.rdatas) for chunk in line.sent for row in rows.decode(chunk)}
    assert got == {(owner, rrset.type): (rrset.ttl, rrset.rdatas) for owner, rrset in content()}


def test_imported_records_are_marked_as_from_a_file(office: Office) -> None:
    import_(office, content())
    www = office.names.zones[APEX].find(names.from_text("www", APEX), types.A)
    assert www is not None
    assert www.marks == (Mark(Origin.FILE, NOW),) * 2


def test_a_zone_that_exists_is_replaced_only_when_asked(office: Office) -> None:
    import_(office, content(5))
    asyncio.run(zones.zone_set(office, zones.ZoneSet(name="a.test", history=3)))
    with pytest.raises(Failure, match="--replace"):
        import_(office, content(6))
    assert office.names.zones[APEX].serial == 5
    assert import_(office, content(6), replace=True).warnings == []
    assert office.names.options[APEX].history == 3


def test_replacing_by_an_older_serial_is_warned_of(office: Office) -> None:
    import_(office, content(5))
    assert "secondaries" in import_(office, content(5), replace=True).warnings[0]


def test_an_import_without_soa_or_with_strangers_changes_nothing(office: Office) -> None:
    for bad in (content()[1:], [*content(), (names.from_text("b.test."), content()[2][1])]):
        with pytest.raises(Failure) as e:
            import_(office, bad)
        assert e.value.exit == Exit.REFUSED
    assert not office.names.zones


def test_the_list_has_private_zones_last(office: Office) -> None:
    add(office, "z.test")
    add(office, "b.a.test")
    add(office)
    listed = asyncio.run(zones.zone_list(office, zones.Nothing()))
    assert [zone.name for zone in listed.zones] == ["a.test", "b.a.test", "z.test"]


def test_a_removed_zone_is_gone(office: Office) -> None:
    add(office)
    assert asyncio.run(zones.zone_remove(office, zones.ZoneNamed("a.test"))).serial == 1
    assert not office.names.zones
