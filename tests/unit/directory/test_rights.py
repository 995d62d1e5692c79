"""Rights to delegate: whose list they stand in, and what goes with them."""

from __future__ import annotations

import msgspec
import pytest

from bossa.directory import rights, rows
from bossa.directory.errors import ChangeRefused
from bossa.directory.realm import Realm
from bossa.directory.rights import Right
from tests.unit.directory.specimens import account, found_realm

WEB, NS = "HTTP/web.bossa.test", "DNS/ns.bossa.test"


@pytest.fixture
def realm() -> Realm:
    return found_realm()


def right(realm: Realm, target: str = NS) -> Right:
    return Right(account(realm, WEB), target, account(realm, target))


def allow(realm: Realm, target: str = NS, *, by_target: bool = False, any_protocol: bool = False) -> None:
    realm.apply(rights.allow(right(realm, target), by_target=by_target, any_protocol=any_protocol))


def test_a_right_of_the_middles_list_names_the_service() -> None:
    realm = found_realm()
    allow(realm)
    assert (account(realm, WEB).delegates_to, account(realm, NS).allowed_from) == ((NS,), ())
    assert not account(realm, WEB).any_protocol


def test_a_right_of_the_targets_list_names_the_account_in_the_middle(realm: Realm) -> None:
    allow(realm, by_target=True)
    assert (account(realm, WEB).delegates_to, account(realm, NS).allowed_from) == ((), (WEB,))


@pytest.mark.parametrize("by_target", [False, True])
def test_any_protocol_is_a_right_of_the_middle(realm: Realm, by_target: bool) -> None:
    allow(realm, by_target=by_target, any_protocol=True)
    assert account(realm, WEB).any_protocol
    assert not account(realm, NS).any_protocol


@pytest.mark.parametrize("by_target", [False, True])
def test_a_right_that_is_there_is_refused_but_may_grow(realm: Realm, by_target: bool) -> None:
    allow(realm, by_target=by_target)
    with pytest.raises(ChangeRefused, match="already"):
        allow(realm, by_target=by_target)
    allow(realm, by_target=by_target, any_protocol=True)
    assert account(realm, WEB).any_protocol


def test_a_service_needs_no_right_to_be_itself_but_may_be_on_its_own_list_as_a_target(realm: Realm) -> None:
    with pytest.raises(ChangeRefused, match="one account"):
        allow(realm, WEB)
    allow(realm, WEB, by_target=True, any_protocol=True)
    assert (account(realm, WEB).allowed_from, account(realm, WEB).any_protocol) == ((WEB,), True)


def test_the_last_right_of_the_middles_list_takes_any_protocol_along(realm: Realm) -> None:
    allow(realm, any_protocol=True)
    allow(realm, "kadmin/changepw")
    realm.apply(rights.forbid(right(realm, "kadmin/changepw"), by_target=False))
    assert account(realm, WEB).any_protocol
    realm.apply(rights.forbid(right(realm), by_target=False))
    assert (account(realm, WEB).delegates_to, account(realm, WEB).any_protocol) == ((), False)


def test_a_right_by_any_name_of_the_target_is_taken_back(realm: Realm) -> None:
    more = msgspec.structs.replace(account(realm, NS), names=("DNS/ns2.bossa.test",))
    realm.apply([rows.account_item(more)])
    allow(realm, "DNS/ns2.bossa.test")
    assert account(realm, WEB).delegates_to == ("DNS/ns2.bossa.test",)
    realm.apply(rights.forbid(right(realm), by_target=False))
    assert account(realm, WEB).delegates_to == ()


@pytest.mark.parametrize("by_target", [False, True])
def test_a_right_that_is_not_there_cannot_be_taken_back(realm: Realm, by_target: bool) -> None:
    allow(realm, by_target=not by_target)
    with pytest.raises(ChangeRefused, match="not on the list"):
        rights.forbid(right(realm), by_target=by_target)


def test_lists_have_an_end(realm: Realm) -> None:
    full = msgspec.structs.replace(account(realm, WEB), delegates_to=tuple(f"HTTP/x{n}.test" for n in range(1000)))
    realm.apply([rows.account_item(full)])
    with pytest.raises(ChangeRefused, match="at most 1000"):
        allow(realm)
