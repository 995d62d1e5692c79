"""Which service a name stands for, and who may have tickets."""

from __future__ import annotations

from typing import Any

import pytest

from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.kdc.referral import find_referral
from bossa.krb.kdc.servers import Server, check_server, find_server
from bossa.krb.names import NameType, PrincipalName, krbtgt
from tests.talk.kerberos import NOW, Site, name

WEB = "HTTP/web.bossa.test"


@pytest.fixture
def site() -> Site:
    """A realm with a service of two names, a user, and a trust."""
    made = Site()
    made.service(WEB, names=("HTTP/www.bossa.test",))
    made.user("alice")
    made.trust(Site("OTHER.TEST", seed=2))
    return made


def found(site: Site, asked: PrincipalName, *, fold: bool = False) -> Server:
    """Find a server that is there."""
    server = find_server(site.realm, asked, fold=fold)
    assert server is not None
    return server


@pytest.mark.parametrize(
    ("asked", "fold", "given"),
    [
        (name(WEB), False, WEB),
        (name("HTTP/www.bossa.test"), True, "HTTP/www.bossa.test"),
        (name("http/web.bossa.test"), True, "http/web.bossa.test"),
        (name("HTTP/WWW.BOSSA.TEST"), True, "HTTP/WWW.BOSSA.TEST"),
        (name("alice"), False, "alice"),
        (name("ALICE"), True, "ALICE"),
        (krbtgt("BOSSA.TEST"), False, "krbtgt/BOSSA.TEST"),
        (krbtgt("bossa"), True, "krbtgt/BOSSA.TEST"),
        (krbtgt("OTHER.TEST"), False, "krbtgt/OTHER.TEST"),
        (krbtgt("other.test"), True, "krbtgt/OTHER.TEST"),
        (name(f"{WEB}@bossa.test", NameType.ENTERPRISE), False, WEB),
        (name("krbtgt/BOSSA.TEST@BOSSA.TEST", NameType.ENTERPRISE), False, "krbtgt/BOSSA.TEST"),
    ],
)
def test_a_name_stands_for_a_server_of_that_name(site: Site, asked: PrincipalName, fold: bool, given: str) -> None:
    assert found(site, asked, fold=fold).name.text == given


@pytest.mark.parametrize(
    ("asked", "fold"),
    [
        (name("http/web.bossa.test"), False),
        (name("HTTP/web"), True),
        (name("krbtgt"), True),
        (krbtgt("bossa.test"), False),
        (krbtgt("other.test"), False),
        (krbtgt("THIRD.TEST"), True),
        (name(f"{WEB}@other.test", NameType.ENTERPRISE), True),
        (name("nothing", NameType.ENTERPRISE), True),
        (PrincipalName(1, (WEB,)), True),
        (PrincipalName(1, ("",)), True),
    ],
)
def test_other_names_stand_for_nothing(site: Site, asked: PrincipalName, fold: bool) -> None:
    assert find_server(site.realm, asked, fold=fold) is None


def test_only_the_granting_services_grant_tickets(site: Site) -> None:
    granting = [found(site, asked).is_tgs for asked in (krbtgt("BOSSA.TEST"), krbtgt("OTHER.TEST"), name(WEB))]
    assert granting == [True, True, False]
    assert found(site, name("kadmin/changepw")).is_changepw


@pytest.mark.parametrize(
    ("fields", "refused"),
    [({"disabled": True}, KrbCode.SERVICE_REVOKED), ({"expires": int(NOW)}, KrbCode.SERVICE_EXP)],
)
def test_a_server_out_of_use_has_no_tickets(site: Site, fields: dict[str, Any], refused: KrbCode) -> None:
    site.change(WEB, **fields)
    with pytest.raises(KdcError) as error:
        check_server(found(site, name(WEB)), NOW)
    assert error.value.code == refused


def test_a_user_has_tickets_under_a_session_key_or_as_a_service(site: Site) -> None:
    site.change("alice", names=("HTTP/alice.bossa.test",))
    with pytest.raises(KdcError) as error:
        check_server(found(site, name("alice")), NOW)
    assert error.value.code == KrbCode.MUST_USE_USER2USER
    check_server(found(site, name("alice")), NOW, by_session_key=True)
    check_server(found(site, name("HTTP/alice.bossa.test")), NOW)


def test_an_account_without_keys_is_no_server(site: Site) -> None:
    site.change(WEB, sealed=b"")
    with pytest.raises(KdcError) as error:
        find_server(site.realm, name(WEB), fold=False)
    assert error.value.code == KrbCode.NULL_KEY


@pytest.mark.parametrize(
    ("asked", "leads"),
    [
        (name("HTTP/www.other.test"), True),
        (name("HTTP/WWW.OTHER.TEST"), True),
        (name("cifs/a.b.other.test/share"), True),
        (name("x@OTHER.TEST", NameType.ENTERPRISE), True),
        (name("x@other.test", NameType.ENTERPRISE), True),
        (name("HTTP/www.another.test"), False),
        (name("www.other.test"), False),
        (krbtgt("www.other.test"), False),
        (name("x@third.test", NameType.ENTERPRISE), False),
    ],
)
def test_a_host_of_a_trusted_realm_leads_there(site: Site, asked: PrincipalName, leads: bool) -> None:
    """RFC 6806 §8"""
    server = find_referral(site.realm, asked, came_over=None)
    assert (server.name if server else None) == (krbtgt("OTHER.TEST") if leads else None)
    assert find_referral(site.realm, asked, came_over=site.realm.trust("OTHER.TEST")) is None
