"""What the realm gives the name server: the keys of its own account alone, and whose names are whose."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bossa.admin import accounts, services, users
from bossa.admin.office import Office
from bossa.admin.realm import keep_dns_service
from bossa.directory.sid import Sid
from bossa.dns.policy import Person
from bossa.gss.context import Context
from bossa.krb.names import NameType, PrincipalName
from bossa.rooms.accepting import Accepting
from tests.unit.admin.realm_desk import call, founded_office

NS = "DNS/ns1.bossa.test"
NAMES = ("DNS/ns1", "dns/ns1", NS, "dns/ns1.bossa.test")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    """Return an office whose realm has the name server's account."""
    office = founded_office(tmp_path)
    asyncio.run(keep_dns_service(office))
    return office


def accepting(office: Office) -> Accepting:
    return Accepting(accounts.realm(office), 300, 36_300)


def keys(office: Office, name: str, kvno: int | None = None, etype: int = 18) -> list[object]:
    sname = PrincipalName.parse(name, NameType.SRV_HST)
    return list(accepting(office)._keys(sname, kvno, etype))


def own(office: Office, client: str, realm: str = "BOSSA.TEST", sid: str | None = None) -> tuple[bytes, ...]:
    groups = None if sid is None else SimpleNamespace(sids=(Sid.parse(sid), Sid.parse("S-1-5-21-1-2-3-513")))
    context: Any = SimpleNamespace(authorization=groups, client=client, realm=realm, principal=f"{client}@{realm}")
    person = accepting(office).person_of(cast(Context, context))
    assert person.principal == f"{client}@{realm}"
    return person.own


@pytest.mark.parametrize("name", NAMES)
def test_the_account_has_its_keys_under_every_name(office: Office, name: str) -> None:
    assert keys(office, name) == keys(office, NS, 1) != []
    assert keys(office, name, 2) == keys(office, name, 1, 23) == []


@pytest.mark.parametrize("name", ["krbtgt/BOSSA.TEST", "kadmin/changepw", "HTTP/web.bossa.test", "nobody", "DNS/NS1"])
def test_no_other_keys_open_anything_here(office: Office, name: str) -> None:
    call(services.service_add, office, services.ServiceAdd(name="HTTP/web"))
    assert keys(office, name) == []


@pytest.mark.parametrize(("after", "versions"), [(0, 2), (36_300, 2), (36_301, 1)])
def test_replaced_keys_open_tickets_for_as_long_as_these_may_live(
    office: Office, monkeypatch: pytest.MonkeyPatch, after: int, versions: int
) -> None:
    call(services.service_rotate, office, services.ServiceNamed(NS))
    monkeypatch.setattr(time, "time", lambda: office.now + after)
    assert len(keys(office, NS)) == versions
    assert len(keys(office, NS, 1)) == versions - 1
    assert len(keys(office, NS, 2)) == 1


def test_a_host_owns_the_name_that_it_has(office: Office) -> None:
    call(services.service_add, office, services.ServiceAdd(name="host/Ws1.bossa.test"))
    assert own(office, "host/Ws1.bossa.test") == (b"\x03ws1\x05bossa\x04test\x00",)


def test_an_account_owns_the_hosts_that_it_is_further_known_by_and_nothing_is_guessed(office: Office) -> None:
    call(users.user_add, office, users.UserAdd(name="WIN1$", password="pass-word"))
    assert own(office, "WIN1$") == ()
    call(services.service_add, office, services.ServiceAdd(name="host/win1.bossa.test", account="WIN1$"))
    assert own(office, "WIN1$") == (b"\x04win1\x05bossa\x04test\x00",)


@pytest.mark.parametrize("client", ["host/gone.bossa.test", "admin", "HTTP/web.bossa.test", NS])
def test_others_own_nothing(office: Office, client: str) -> None:
    assert own(office, client) == ()


def test_a_host_of_another_realm_owns_nothing(office: Office) -> None:
    call(services.service_add, office, services.ServiceAdd(name="host/ws1.bossa.test"))
    assert own(office, "host/ws1.bossa.test", "OTHER.TEST") == ()


WS1 = "host/ws1.bossa.test"


def test_an_account_that_was_made_anew_owns_nothing_by_the_tickets_of_its_forerunner(office: Office) -> None:
    call(services.service_add, office, services.ServiceAdd(name=WS1))
    before = account_sid(office)
    assert own(office, WS1, sid=before) == own(office, WS1) != ()
    call(services.service_remove, office, services.ServiceNamed(WS1))
    assert own(office, WS1, sid=before) == ()
    call(services.service_add, office, services.ServiceAdd(name=WS1))
    assert own(office, WS1, sid=before) == ()
    assert own(office, WS1, sid=account_sid(office)) != ()


def account_sid(office: Office) -> str:
    """Return the SID that the PAC of ws1 begins with."""
    realm = accounts.realm(office)
    found = realm.find(WS1)
    assert found is not None
    return f"{realm.info.sid}-{found.account.rid}"


def test_an_account_that_is_disabled_owns_nothing(office: Office) -> None:
    call(users.user_add, office, users.UserAdd(name="WIN1$", password="pass-word"))
    call(services.service_add, office, services.ServiceAdd(name="host/win1.bossa.test", account="WIN1$"))
    call(users.user_set, office, users.UserSet(name="WIN1$", disabled=True))
    assert own(office, "WIN1$") == ()


def test_a_person_stands_as_long_as_its_account_and_the_names_of_that(office: Office) -> None:
    call(users.user_add, office, users.UserAdd(name="WIN1$", password="pass-word"))
    call(services.service_add, office, services.ServiceAdd(name="host/win1.bossa.test", account="WIN1$"))
    realm = accepting(office)
    person = Person("WIN1$@BOSSA.TEST", frozenset(), own(office, "WIN1$"))
    assert realm.stands(person)
    call(services.service_add, office, services.ServiceAdd(name="host/win2.bossa.test", account="WIN1$"))
    assert not realm.stands(person)
    assert realm.stands(replace(person, own=own(office, "WIN1$")))
    call(users.user_set, office, users.UserSet(name="WIN1$", disabled=True))
    assert not realm.stands(replace(person, own=own(office, "WIN1$")))
    assert realm.stands(Person("WIN1$@OTHER.TEST"))
