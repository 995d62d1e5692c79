"""A realm is founded once, whatever happens on the way, and its records and krb5.conf tell where it is."""

from __future__ import annotations

import asyncio
import stat
from pathlib import Path

import pytest

from bossa.admin import accounts, locate, services, users
from bossa.admin.locate import Place, keep_realm_records, krb5_conf, write_krb5_conf
from bossa.admin.office import Office
from bossa.admin.realm import FIRST_PASSWORD, first_password, found_realm, keep_dns_service, other_realm
from bossa.crypto.enctypes import string_to_key
from bossa.directory.passwords import octets_of
from bossa.directory.ports import DirectoryFailed
from bossa.directory.rows import Item
from bossa.dns import names, types
from bossa.dns.ports import ZoneOptions
from bossa.dns.zone import Mark, Origin, RRset, RRsetChange
from tests.unit.admin.desk import DOMAIN, NOW
from tests.unit.admin.realm_desk import REALM, call, founded_office, realm_office

HERE = Place(("127.0.0.1", "::1"), 10000)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return founded_office(tmp_path)


def keep(office: Office, place: Place | None = HERE, realm: str = REALM) -> bool:
    return asyncio.run(keep_realm_records(office, realm, place))


def find(office: Office, name: str, rtype: int) -> RRset | None:
    return office.names.zones[DOMAIN].find(names.from_text(name, DOMAIN), rtype)


def data_of(office: Office, name: str, rtype: int) -> tuple[bytes, ...]:
    found = find(office, name, rtype)
    return found.rdatas if found is not None else ()


def test_the_first_password_is_in_a_file_that_only_its_owner_reads(office: Office) -> None:
    file = office.data / FIRST_PASSWORD
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert office.accounts is not None
    admin = office.accounts.realm.find("admin")
    assert admin is not None
    salt = f"{REALM}admin".encode()
    assert admin.key(18) == string_to_key(18, octets_of(file.read_text().strip()), salt)


def test_a_realm_is_founded_once(office: Office) -> None:
    assert office.accounts is not None
    before, password = list(office.accounts.realm.items()), (office.data / FIRST_PASSWORD).read_bytes()
    assert not asyncio.run(found_realm(office, "ANOTHER.TEST"))
    assert list(office.accounts.realm.items()) == before
    assert (office.data / FIRST_PASSWORD).read_bytes() == password


def test_a_founding_that_broke_off_is_taken_up_with_the_same_password(tmp_path: Path) -> None:
    (tmp_path / FIRST_PASSWORD).write_text("from-the-first-try\n")
    office = founded_office(tmp_path)
    assert office.accounts is not None
    admin = office.accounts.realm.find("admin")
    assert admin is not None
    assert admin.key(17) == string_to_key(17, b"from-the-first-try", b"BOSSA.TESTadmin")


NS = "DNS/ns1.bossa.test"


def test_the_name_servers_account_has_all_its_names_in_both_spellings(office: Office) -> None:
    made = asyncio.run(keep_dns_service(office))
    assert made == ["DNS/ns1", "dns/ns1", "dns/ns1.bossa.test"]
    assert {accounts.principal(office, one).account.name for one in made} == {NS}
    assert asyncio.run(keep_dns_service(office)) == []


def test_a_name_that_another_account_has_stays_there(office: Office) -> None:
    call(services.service_add, office, services.ServiceAdd(name="HTTP/web"))
    call(services.service_add, office, services.ServiceAdd(name="DNS/ns1", account="HTTP/web"))
    assert "dns/ns1" not in asyncio.run(keep_dns_service(office))
    assert accounts.principal(office, "DNS/ns1").account.name == "HTTP/web.bossa.test"


def test_without_a_realm_there_is_no_account(tmp_path: Path) -> None:
    assert asyncio.run(keep_dns_service(realm_office(tmp_path))) == []


def test_a_store_that_fails_leaves_no_realm_in_memory(tmp_path: Path) -> None:
    office = realm_office(tmp_path)
    accounts = office.accounts
    assert accounts is not None

    async def put(items: list[Item]) -> None:
        raise DirectoryFailed("no space left")

    accounts._store.put = put  # type: ignore[attr-defined]
    with pytest.raises(DirectoryFailed):
        asyncio.run(found_realm(office, REALM))
    assert not accounts.realm.is_founded


def test_a_change_is_published_after_it_is_stored_and_in_force(tmp_path: Path) -> None:
    published: list[Item] = []
    office = realm_office(tmp_path, published)
    asyncio.run(found_realm(office, REALM))
    assert office.accounts is not None
    assert dict(published) == dict(office.accounts.realm.items())


def test_the_first_password_is_told_of_only_while_it_is_the_password(office: Office) -> None:
    assert first_password(office) == office.data / FIRST_PASSWORD
    call(users.user_password, office, users.UserPassword(name="admin", password="another-one"))
    assert first_password(office) is None
    (office.data / FIRST_PASSWORD).write_text("another-one\n")
    assert first_password(office) is not None
    (office.data / FIRST_PASSWORD).unlink()
    assert first_password(office) is None


def test_another_realm_than_the_configured_one_is_told(office: Office) -> None:
    assert other_realm(office, REALM) == ""
    assert "BOSSA.TEST, not LAB.TEST" in other_realm(office, "LAB.TEST")


def test_without_kerberos_nothing_is_founded(tmp_path: Path) -> None:
    office = realm_office(tmp_path)
    office.accounts = None
    assert not asyncio.run(found_realm(office, REALM))
    assert not (tmp_path / FIRST_PASSWORD).exists()


def test_records_tell_where_the_realm_is(office: Office) -> None:
    assert keep(office)
    host = names.from_text("kdc", DOMAIN)
    srv = b"\0\0\0\x64" + (10088).to_bytes(2, "big") + host
    for service in ("_kerberos", "_kerberos-master"):
        assert data_of(office, f"{service}._udp", types.SRV) == data_of(office, f"{service}._tcp", types.SRV) == (srv,)
    assert data_of(office, "_kpasswd._udp", types.SRV)[0][4:6] == (10464).to_bytes(2, "big")
    assert data_of(office, "_kerberos", types.TXT) == (b"\x0aBOSSA.TEST",)
    assert data_of(office, "_kerberos", 256)[0] == b"\0\0\0\x01krb5srv:m:udp:kdc.bossa.test:10088"
    assert data_of(office, "_kpasswd", 256)[1] == b"\0\0\0\x01krb5srv:m:tcp:kdc.bossa.test:10464"
    assert (data_of(office, "kdc", types.A), data_of(office, "kdc", types.AAAA)) == (
        (b"\x7f\0\0\x01",),
        (bytes(15) + b"\x01",),
    )
    found = find(office, "_kerberos._udp", types.SRV)
    assert found is not None and found.marks == (Mark(Origin.SYSTEM, NOW),)


def test_the_same_records_again_are_no_change(office: Office) -> None:
    keep(office)
    serial = office.names.zones[DOMAIN].serial
    assert not keep(office)
    assert office.names.zones[DOMAIN].serial == serial


def test_records_follow_the_ports_and_addresses(office: Office) -> None:
    keep(office)
    assert keep(office, Place(("192.0.2.1", "0.0.0.0"), 0))
    assert data_of(office, "_kerberos._tcp", types.SRV)[0][4:6] == (88).to_bytes(2, "big")
    assert (data_of(office, "kdc", types.A), data_of(office, "kdc", types.AAAA)) == ((b"\xc0\0\x02\x01",), ())


def test_records_go_when_no_tickets_are_given_out(office: Office) -> None:
    before = office.names.zones[DOMAIN].count()
    keep(office)
    assert keep(office, None)
    assert office.names.zones[DOMAIN].count() == before
    assert not keep(office, None)


def test_somebodys_own_records_stay(office: Office) -> None:
    owner = names.from_text("_kerberos._udp", DOMAIN)
    own = RRset(types.SRV, 60, (b"\0\0\0\0\0\x58\x00",), (Mark(Origin.UPDATE, 1),))
    alias = RRset(types.CNAME, 60, (names.from_text("ns1", DOMAIN),), (Mark(Origin.COMMAND, 1),))
    kdc = names.from_text("kdc", DOMAIN)
    asyncio.run(
        office.names.edit(
            DOMAIN,
            lambda draft: [
                RRsetChange(owner, types.SRV, None, own),
                RRsetChange(kdc, types.CNAME, None, alias),
            ],
        )
    )
    keep(office)
    assert find(office, "_kerberos._udp", types.SRV) == own
    assert (find(office, "kdc", types.CNAME), find(office, "kdc", types.A)) == (alias, None)
    keep(office, None)
    assert find(office, "_kerberos._udp", types.SRV) == own


@pytest.mark.parametrize("options", [ZoneOptions(primaries=("192.0.2.1",)), None])
def test_a_zone_that_is_not_ours_gets_no_records(office: Office, options: ZoneOptions | None) -> None:
    if options is None:
        asyncio.run(office.names.remove_zone(DOMAIN))
    else:
        asyncio.run(office.names.set_options(DOMAIN, options))
    assert not keep(office)


def test_a_realm_of_another_name_has_only_its_text_in_our_zone(office: Office) -> None:
    keep(office, realm="EXAMPLE.ORG")
    assert data_of(office, "_kerberos", types.TXT) == (b"\x0bEXAMPLE.ORG",)
    assert find(office, "_kerberos._udp", types.SRV) is None


def test_krb5_conf_names_the_ports_and_takes_host_names_as_they_are() -> None:
    text = krb5_conf("bossa.test", REALM, HERE)
    for line in (
        "default_realm = BOSSA.TEST",
        "dns_canonicalize_hostname = false",
        "rdns = false",
        "forwardable = true",
        "kdc = 127.0.0.1:10088",
        "kdc = [::1]:10088",
        "kpasswd_server = 127.0.0.1:10464",
        ".bossa.test = BOSSA.TEST",
    ):
        assert f"    {line}\n" in text


def test_who_listens_everywhere_is_reached_at_home() -> None:
    text = krb5_conf("bossa.test", REALM, Place(("0.0.0.0", "::"), 0))
    assert "kdc = 127.0.0.1:88\n" in text and "kdc = [::1]:88\n" in text


def test_krb5_conf_is_written_anew_only_when_it_says_something_else(tmp_path: Path) -> None:
    path = write_krb5_conf(tmp_path, "bossa.test", REALM, HERE)
    inode = path.stat().st_ino
    assert write_krb5_conf(tmp_path, "bossa.test", REALM, HERE).stat().st_ino == inode
    write_krb5_conf(tmp_path, "bossa.test", REALM, Place(("127.0.0.1",), 20000))
    assert ":20088" in path.read_text()
    assert path.name == locate.KRB5_CONF
