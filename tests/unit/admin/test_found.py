"""The fresh domain."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from bossa.admin import zones
from bossa.admin.check import read_key
from bossa.admin.errors import Failure
from bossa.admin.found import first_rules, found, is_founded, private_reverse_zones, restore_admin_file
from bossa.dns import names, types
from bossa.dns.ports import RuleRow
from tests.unit.admin.desk import DOMAIN, make_office


def test_a_fresh_domain_has_its_zone_its_key_and_its_rule(tmp_path: Path) -> None:
    office = make_office(tmp_path)
    assert not is_founded(office.names)
    asyncio.run(found(office))
    assert is_founded(office.names)
    zone, server = office.names.zones[DOMAIN], names.from_text("ns1", DOMAIN)
    assert (zone.serial, zone.soa.mname) == (1, server)
    assert {rrset.type: rrset.rdatas for rrset in zone.node(server)} == {
        types.A: (bytes((127, 0, 0, 1)),),
        types.AAAA: (bytes(15) + b"\1",),
    }
    assert office.names.rules == {b"": tuple(first_rules(DOMAIN))}
    assert office.names.keys == {names.from_text("admin."): read_key(tmp_path / "admin.key")}


def test_the_key_file_is_private_and_in_nsupdates_form(tmp_path: Path) -> None:
    asyncio.run(found(make_office(tmp_path)))
    file = tmp_path / "admin.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith('key "admin" {\n\talgorithm hmac-sha256;\n\tsecret "')


def test_founding_again_changes_nothing(tmp_path: Path) -> None:
    office = make_office(tmp_path)
    asyncio.run(found(office))
    before = dict(office.names.zones), dict(office.names.keys), (tmp_path / "admin.key").read_bytes()
    asyncio.run(zones.zone_remove(office, zones.ZoneNamed("bossa.test")))
    asyncio.run(found(office))
    assert before[1:] == (dict(office.names.keys), (tmp_path / "admin.key").read_bytes())
    assert set(before[0]) == set(office.names.zones)


def test_a_fresh_domain_lets_administrators_do_all_and_hosts_keep_their_own() -> None:
    rules = [(row.who, row.scope, row.what, row.types) for row in first_rules(DOMAIN)]
    assert rules == [
        ("key:admin", "zone", "", ("ANY",)),
        ("krb5-group:admins", "zone", "", ("ANY",)),
        ("krb5-self", "subdomain", "bossa.test.", ()),
        ("krb5-self", "self", "", ("PTR",)),
    ]


def test_a_domain_that_has_rules_gets_no_more(tmp_path: Path) -> None:
    office, row = make_office(tmp_path), RuleRow(who="key:k", scope="zone")
    asyncio.run(office.names.set_rules(b"", [row]))
    asyncio.run(found(office))
    assert office.names.rules == {b"": (row,)}


def test_a_lost_key_file_is_written_again(tmp_path: Path) -> None:
    office = make_office(tmp_path)
    asyncio.run(found(office))
    (tmp_path / "admin.key").unlink()
    asyncio.run(found(office))
    assert read_key(tmp_path / "admin.key") == office.names.keys[names.from_text("admin.")]


def test_a_key_file_of_another_domain_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "admin.key").write_text("of another")
    office = make_office(tmp_path)
    with pytest.raises(Failure, match="another domain") as e:
        asyncio.run(found(office))
    assert e.value.fix
    assert (tmp_path / "admin.key").read_text() == "of another"
    assert office.names.keys == {}


def test_a_key_file_that_is_there_or_whose_key_is_gone_is_left_alone(tmp_path: Path) -> None:
    office, file = make_office(tmp_path), tmp_path / "admin.key"
    restore_admin_file(office)
    assert not file.exists()
    asyncio.run(found(office))
    file.write_text("changed")
    restore_admin_file(office)
    assert file.read_text() == "changed"
    file.unlink()
    restore_admin_file(office)
    assert read_key(file) == office.names.keys[names.from_text("admin.")]


def test_the_private_reverse_zones_are_those_of_rfc_6303() -> None:
    """RFC 6303 §4.1 to §4.6"""
    listed = [names.to_text(apex) for apex in private_reverse_zones()]
    assert len(listed) == len(set(listed)) == 18 + 7 + 2 + 1 + 4 + 1
    for name in ("10.in-addr.arpa.", "16.172.in-addr.arpa.", "31.172.in-addr.arpa.", "168.192.in-addr.arpa."):
        assert name in listed
    for name in ("d.f.ip6.arpa.", "b.e.f.ip6.arpa.", "8.b.d.0.1.0.0.2.ip6.arpa.", "0." * 32 + "ip6.arpa."):
        assert name in listed
    assert "255.255.255.255.in-addr.arpa." in listed


def test_a_private_reverse_zone_is_empty_as_the_rfc_has_it_but_for_the_primary(tmp_path: Path) -> None:
    """RFC 6303 §3, and RFC 3645 §3.1.1: the primary is a host to which there are tickets."""
    office = make_office(tmp_path)
    asyncio.run(found(office))
    apex = names.from_text("10.in-addr.arpa.")
    zone = office.names.zones[apex]
    assert office.names.options[apex].private_reverse
    assert list(zone.nodes) == [apex]
    primary = names.from_text("ns1.bossa.test.")
    assert zone.soa == (primary, names.from_text("nobody.invalid."), 1, 3600, 1200, 604800, 10800)
    ns = zone.find(apex, types.NS)
    assert ns is not None
    assert (ns.ttl, ns.rdatas) == (10800, (apex,))


def test_loopback_addresses_are_localhost(tmp_path: Path) -> None:
    office = make_office(tmp_path)
    asyncio.run(found(office))
    for apex, owner in (
        (names.from_text("127.in-addr.arpa."), names.reverse("127.0.0.1")),
        (names.reverse("::1"), names.reverse("::1")),
    ):
        ptr = office.names.zones[apex].find(owner, types.PTR)
        assert ptr is not None
        assert ptr.rdatas == (names.from_text("localhost."),)


@pytest.mark.parametrize("text", ["", "key {}", 'key "k" { algorithm x; secret "QQ=="; };'])
def test_a_damaged_key_file_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "k").write_text(text)
    with pytest.raises(Failure, match="key file"):
        read_key(tmp_path / "k")
