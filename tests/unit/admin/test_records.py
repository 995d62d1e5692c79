"""The verbs of records."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bossa.admin import records, rows, zones
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office
from bossa.dns import names, types
from bossa.dns.zone import Mark, Origin
from tests.unit.admin.desk import NOW, FakeLine, make_office

APEX = names.from_text("a.test.")
WWW = names.from_text("www", APEX)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = make_office(tmp_path)
    asyncio.run(zones.zone_add(office, zones.ZoneAdd(name="a.test", ns=("ns1.other.test",))))
    return office


def add(office: Office, name: str, rtype: str, data: str, ttl: str = "") -> records.RecordsChanged:
    return asyncio.run(
        records.record_add(office, records.RecordAdd(zone="a.test", name=name, type=rtype, data=data, ttl=ttl))
    )


def remove(office: Office, name: str, rtype: str = "", data: str = "") -> records.RecordsChanged:
    return asyncio.run(
        records.record_remove(office, records.RecordRemove(zone="a.test", name=name, type=rtype, data=data))
    )


def listed(office: Office, name: str = "", rtype: str = "") -> list[rows.Row]:
    line = FakeLine()
    asyncio.run(records.record_list(office, records.RecordList(zone="a.test", name=name, type=rtype), line))
    return [row for chunk in line.sent for row in rows.decode(chunk)]


def test_a_record_is_added_by_an_edit_marked_as_a_commands(office: Office) -> None:
    done = add(office, "www", "A", "192.0.2.1")
    assert (done.name, done.serial, done.changed) == ("www.a.test", 2, 1)
    www = office.names.zones[APEX].find(WWW, types.A)
    assert www is not None
    assert www == (types.A, 3600, (b"\xc0\0\2\1",), (Mark(Origin.COMMAND, NOW),))


def test_a_second_record_takes_the_ttl_of_its_rrset(office: Office) -> None:
    add(office, "www", "A", "192.0.2.1", "5m")
    add(office, "www", "A", "192.0.2.2")
    (row,) = listed(office, "www")
    assert (row.ttl, len(row.rdatas)) == (300, 2)


def test_a_ttl_is_for_the_whole_rrset(office: Office) -> None:
    """RFC 2181 §5.2"""
    add(office, "www", "A", "192.0.2.1", "300")
    assert add(office, "www", "A", "192.0.2.2", "60").changed == 2
    assert [row.ttl for row in listed(office, "www")] == [60]


def test_adding_what_is_there_changes_nothing(office: Office) -> None:
    add(office, "www", "A", "192.0.2.1")
    done = add(office, "WWW.a.test.", "a", "192.0.2.1")
    assert (done.serial, done.changed) == (2, 0)


def test_names_in_data_are_relative_to_the_zone(office: Office) -> None:
    add(office, "@", "MX", "10 mail")
    (row,) = listed(office, "@", "MX")
    assert row.rdatas == (b"\0\x0a" + names.from_text("mail", APEX),)


@pytest.mark.parametrize(
    ("name", "rtype", "data", "code"),
    [
        ("www", "A", "192.0.2", Exit.USAGE),
        ("www", "NOSUCH", "1", Exit.USAGE),
        ("www", "ANY", "1", Exit.USAGE),
        ("www", "AAAA", "", Exit.USAGE),
        ("www.b.test.", "A", "192.0.2.1", Exit.REFUSED),
        ("@", "SOA", ". . 1 2 3 4 5", Exit.REFUSED),
        ("@", "CNAME", "b.test.", Exit.REFUSED),
        ("www", "DNSKEY", "256 3 8 AAAA", Exit.REFUSED),
        ("www", "NSEC3PARAM", "1 0 0 -", Exit.REFUSED),
    ],
)
def test_what_cannot_be_added_says_why(office: Office, name: str, rtype: str, data: str, code: Exit) -> None:
    with pytest.raises(Failure) as e:
        add(office, name, rtype, data)
    assert e.value.exit == code
    assert office.names.zones[APEX].serial == 1


def test_a_cname_stands_alone(office: Office) -> None:
    """RFC 2136 §3.4.2.2 ignores it; a command says so."""
    add(office, "alias", "CNAME", "www")
    for rtype, data in (("A", "192.0.2.1"), ("CNAME", "other")):
        with pytest.raises(Failure) as e:
            add(office, "alias", rtype, data)
        assert e.value.exit == Exit.REFUSED
    add(office, "www", "A", "192.0.2.1")
    with pytest.raises(Failure, match="stands alone"):
        add(office, "www", "CNAME", "alias")


def test_adding_a_cname_again_changes_nothing(office: Office) -> None:
    """RFC 2136 §1.1.1: names in data have no case."""
    add(office, "alias", "CNAME", "www")
    assert add(office, "alias", "CNAME", "WWW").changed == 0


def test_one_record_an_rrset_or_all_of_a_name_can_be_removed(office: Office) -> None:
    for data in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        add(office, "www", "A", data)
    add(office, "www", "TXT", '"x y"')
    assert remove(office, "www", "A", "192.0.2.2").changed == 1
    assert remove(office, "www", "A").changed == 2
    assert remove(office, "www").changed == 1
    assert listed(office, "www") == []


def test_removing_what_is_not_there_fails_and_moves_no_serial(office: Office) -> None:
    with pytest.raises(Failure, match="there is none") as e:
        remove(office, "nope")
    assert e.value.exit == Exit.REFUSED
    assert office.names.zones[APEX].serial == 1


def test_the_soa_and_the_last_ns_stay(office: Office) -> None:
    """RFC 2136 §3.4.2.3 and §3.4.2.4"""
    add(office, "@", "TXT", "x")
    remove(office, "@")
    assert {row.type for row in listed(office, "@")} == {types.SOA, types.NS}
    for rtype, data in (("SOA", ""), ("NS", ""), ("NS", "ns1.other.test.")):
        with pytest.raises(Failure, match="needs it"):
            remove(office, "@", rtype, data)


def test_a_list_can_be_of_one_type(office: Office) -> None:
    add(office, "www", "A", "192.0.2.1")
    add(office, "www", "TXT", "x")
    assert [(row.owner, row.type) for row in listed(office, rtype="A")] == [(WWW, types.A)]
    assert listed(office, "www", "txt")[0].marks == ((Origin.COMMAND, NOW),)


def test_an_rdata_of_every_length_survives_the_chunks(office: Office) -> None:
    for n in range(1200):
        add(office, f"h{n}", "A", "192.0.2.1")
    assert len(listed(office)) == 1202
