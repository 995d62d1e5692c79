"""What changes a realm: rows that leave it whole, and refusals that leave it alone."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

from bossa.directory import changes, rows
from bossa.directory.account import Account, Failures, Group, Kind
from bossa.directory.errors import ChangeRefused
from bossa.directory.realm import Realm
from tests.unit.directory.specimens import (
    NOW,
    REALM,
    WINDOW,
    account,
    found_realm,
    key_set,
    keys_of,
    make_maker,
    password,
)


@pytest.fixture
def realm() -> Realm:
    return found_realm()


def amend(realm: Realm, name: str, **fields: object) -> None:
    realm.apply([rows.account_item(msgspec.structs.replace(account(realm, name), **fields))])


def test_a_fresh_realm_has_its_own_sid_services_administrator_and_groups() -> None:
    one, other = found_realm(), found_realm(make_maker())
    assert re.fullmatch(r"S-1-5-21(-\d+){3}", one.info.sid)
    assert (one.info.realm, one.info.domain, one.info.netbios) == (REALM, "bossa.test", "BOSSA")
    assert other.info.sid == one.info.sid, "the same random octets"
    assert {a.name: a.rid for a in one.accounts() if a.rid < 1001} == {
        "krbtgt": 502,
        "admin": 500,
        "kadmin/changepw": 1000,
    }
    assert (one.groups["users"].rid, one.groups["admins"]) == (513, Group("admins", 512, ("admin",)))
    assert one.groups_of("admin") == (513, 512)


def test_two_realms_have_two_sids() -> None:
    maker = make_maker()
    sids = {
        rows.decode_info(dict(changes.found(maker, REALM, "bossa.test", password("x")))[b"r"] or b"").sid for _ in "ab"
    }
    assert len(sids) == 2


def test_a_users_keys_are_made_of_the_password_with_realm_and_name_as_salt(realm: Realm) -> None:
    version = key_set(realm, "alice").versions[0]
    assert (version.kvno, version.salt) == (1, "BOSSA.TESTalice")
    again = make_maker().of_password("secret of a", "BOSSA.TESTalice", NOW)
    assert version.keys == again.keys


def test_a_services_salt_has_no_slash_and_its_keys_are_random(realm: Realm) -> None:
    web, ns = key_set(realm, "HTTP/web.bossa.test"), key_set(realm, "DNS/ns.bossa.test")
    assert web.versions[0].salt == "BOSSA.TESTHTTPweb.bossa.test"
    assert web.versions[0].keys != ns.versions[0].keys
    assert account(realm, "HTTP/web.bossa.test").kind is Kind.SERVICE


def test_a_host_is_a_host_by_its_class(realm: Realm) -> None:
    realm.apply(changes.new_service(realm, make_maker(), "host/ws1.bossa.test", NOW))
    assert account(realm, "host/ws1.bossa.test").kind is Kind.HOST


def test_every_account_and_group_has_a_rid_of_its_own_even_after_removals(realm: Realm) -> None:
    seen = [a.rid for a in realm.accounts()] + [g.rid for g in realm.groups.values()]
    realm.apply(changes.remove_account(realm, account(realm, "DNS/ns.bossa.test")))
    realm.apply(changes.new_user(realm, make_maker(), "carol", password("p")))
    realm.apply(changes.new_group(realm, "crew"))
    fresh = [account(realm, "carol").rid, realm.groups["crew"].rid]
    assert len(set(seen + fresh)) == len(seen) + 2
    assert realm.info.next_rid > max(fresh)


@pytest.mark.parametrize("name", ["alice", "ALICE", "admins", "Users", "krbtgt", "KRBTGT"])
def test_a_taken_name_is_refused_in_any_letter_case_and_to_groups_too(realm: Realm, name: str) -> None:
    with pytest.raises(ChangeRefused):
        changes.new_user(realm, make_maker(), name, password("p"))
    with pytest.raises(ChangeRefused):
        changes.new_group(realm, name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " a",
        "a ",
        "a/b/",
        "a@b",
        "a\0b",
        "a\nb",
        "a\\b",
        'a"b',
        "/a",
        "x" * 257,
        "e\u0301",
        "HTTP",
        "HTTP/",
        "HTTP/web.bossa.test@BOSSA.TEST",
        "a/b/c/d",
        "krbtgt/BOSSA.TEST",
        "KRBTGT/x.test",
        "-x/web",
        "HT TP/web",
        "HTTP/" + "x" * 256,
    ],
)
def test_a_name_that_is_none_is_refused_to_services(realm: Realm, name: str) -> None:
    with pytest.raises(ChangeRefused):
        changes.new_service(realm, make_maker(), name, NOW)


@pytest.mark.parametrize("name", ["é", "Alice Smith", "ws1$", "a.b-c_d", "用户"])
def test_a_users_name_may_have_any_letters(realm: Realm, name: str) -> None:
    realm.apply(changes.new_user(realm, make_maker(), name, password("p")))
    assert account(realm, name).name == name


def test_a_new_password_is_the_next_version_and_the_one_before_stays_for_a_tickets_life(realm: Realm) -> None:
    maker = make_maker()
    for text, later in (("second", 1), ("third", 2), ("fourth", WINDOW + 2), ("fifth", 2 * WINDOW + 10)):
        found = realm.find("alice")
        assert found is not None
        realm.apply(changes.set_password(realm, maker, found, password(text, now=NOW + int(later))))
        kept = [version.kvno for version in key_set(realm, "alice").versions]
        assert kept == {"second": [2, 1], "third": [3, 2, 1], "fourth": [4, 3, 2], "fifth": [5, 4]}[text]
    assert account(realm, "alice").password_set == NOW + 2 * WINDOW + 10


def test_no_account_grows_without_end_by_changes_of_its_password(realm: Realm) -> None:
    maker = make_maker((17,))
    for n in range(30):
        found = realm.find("DNS/ns.bossa.test")
        assert found is not None
        realm.apply(changes.rotate(realm, maker, found, NOW + n))
    versions = key_set(realm, "DNS/ns.bossa.test").versions
    assert (len(versions), versions[0].kvno) == (16, 31)


def test_a_password_until_the_first_use_has_to_be_changed_and_the_next_has_not(realm: Realm) -> None:
    maker = make_maker()
    for must_change in (True, False):
        found = realm.find("alice")
        assert found is not None
        new = password("another")._replace(must_change=must_change)
        realm.apply(changes.set_password(realm, maker, found, new))
        assert account(realm, "alice").must_change is must_change


def test_the_ticket_granting_service_takes_no_password_but_new_keys(realm: Realm) -> None:
    with pytest.raises(ChangeRefused, match="random keys"):
        changes.set_password(realm, make_maker(), realm.krbtgt, password("x"))
    before = realm.krbtgt.versions
    realm.apply(changes.rotate(realm, make_maker(), realm.krbtgt, NOW + 1))
    assert [one.kvno for one in realm.krbtgt.versions] == [2, 1]
    assert realm.krbtgt.versions[1].keys == before[0].keys


def test_unlocking_forgets_the_failures_too(realm: Realm) -> None:
    amend(realm, "alice", locked_until=NOW + 100)
    realm.apply([rows.failures_item("alice", Failures(10, NOW))])
    realm.apply(changes.unlock(account(realm, "alice")))
    assert account(realm, "alice").locked_until == 0
    assert realm.failures == {}


def test_further_names_come_and_go(realm: Realm) -> None:
    realm.apply(changes.amend(realm, account(realm, "alice"), ["a.smith", "HTTP/alice.bossa.test"], []))
    assert account(realm, "a.smith").name == "alice"
    realm.apply(changes.amend(realm, account(realm, "alice"), [], ["a.smith"]))
    assert account(realm, "alice").names == ("HTTP/alice.bossa.test",)
    assert realm.find("a.smith") is None


@pytest.mark.parametrize("name", ["bob", "BOB", "admins", "alice", "krbtgt/OTHER.TEST", "a@b"])
def test_a_further_name_that_is_taken_or_none_is_refused(realm: Realm, name: str) -> None:
    with pytest.raises(ChangeRefused):
        changes.amend(realm, account(realm, "alice"), [name], [])


def test_only_further_names_are_taken_away(realm: Realm) -> None:
    for name in ("alice", "bob", "nobody"):
        with pytest.raises(ChangeRefused, match="no further name"):
            changes.amend(realm, account(realm, "alice"), [], [name])


def delegating(realm: Realm) -> None:
    """Let web act at ns by both lists, and put ns into two groups."""
    amend(realm, "HTTP/web.bossa.test", delegates_to=("DNS/ns.bossa.test", "DNS/ns2.bossa.test", "HTTP/web.bossa.test"))
    amend(realm, "DNS/ns.bossa.test", names=("DNS/ns2.bossa.test",), allowed_from=("HTTP/web.bossa.test", "alice"))
    realm.apply(changes.new_group(realm, "servers", ["DNS/ns.bossa.test", "alice"]))
    realm.apply(changes.new_group(realm, "machines", ["DNS/ns.bossa.test", "servers"]))
    realm.apply([rows.failures_item("DNS/ns.bossa.test", Failures(1, NOW))])


def test_a_removed_account_is_in_no_group_and_no_list_any_more(realm: Realm) -> None:
    delegating(realm)
    realm.apply(changes.remove_account(realm, account(realm, "DNS/ns.bossa.test")))
    assert account(realm, "HTTP/web.bossa.test").delegates_to == ("HTTP/web.bossa.test",)
    assert realm.groups["servers"].members == ("alice",)
    assert realm.groups["machines"].members == ("servers",)
    assert realm.failures == {}
    left = b"".join(val for _, val in realm.items())
    assert b"DNS/ns" not in left


def test_a_removed_middle_is_on_no_targets_list_any_more(realm: Realm) -> None:
    delegating(realm)
    realm.apply(changes.remove_account(realm, account(realm, "HTTP/web.bossa.test")))
    assert account(realm, "DNS/ns.bossa.test").allowed_from == ("alice",)


def test_a_further_name_that_goes_leaves_the_lists_that_have_it(realm: Realm) -> None:
    delegating(realm)
    realm.apply(changes.amend(realm, account(realm, "DNS/ns.bossa.test"), [], ["DNS/ns2.bossa.test"]))
    assert account(realm, "HTTP/web.bossa.test").delegates_to == ("DNS/ns.bossa.test", "HTTP/web.bossa.test")
    assert account(realm, "DNS/ns.bossa.test").allowed_from == ("HTTP/web.bossa.test", "alice")


@pytest.mark.parametrize("name", ["krbtgt", "kadmin/changepw"])
def test_what_a_realm_cannot_be_without_stays(realm: Realm, name: str) -> None:
    with pytest.raises(ChangeRefused, match="no realm"):
        changes.remove_account(realm, account(realm, name))


def test_members_are_accounts_and_groups_by_their_own_spelling(realm: Realm) -> None:
    realm.apply(changes.new_group(realm, "crew", ["ALICE", "Admins", "http/web.bossa.test", "alice"]))
    assert realm.groups["crew"].members == ("alice", "admins", "HTTP/web.bossa.test")
    realm.apply(changes.set_members(realm, realm.groups["crew"], ["bob"], ["alice", "admins"]))
    assert realm.groups["crew"].members == ("HTTP/web.bossa.test", "bob")


@pytest.mark.parametrize(
    "change",
    [
        lambda realm: changes.set_members(realm, realm.groups["admins"], ["nobody"], []),
        lambda realm: changes.set_members(realm, realm.groups["admins"], [], ["alice"]),
        lambda realm: changes.set_members(realm, realm.groups["users"], ["alice"], []),
        lambda realm: changes.new_group(realm, "crew", ["nobody"]),
        lambda realm: changes.remove_group(realm, realm.groups["users"]),
        lambda realm: changes.remove_group(realm, realm.groups["admins"]),
    ],
)
def test_a_change_of_groups_that_makes_no_sense_is_refused(realm: Realm, change: Callable[[Realm], object]) -> None:
    with pytest.raises(ChangeRefused):
        change(realm)


def test_a_removed_group_is_in_no_other_any_more(realm: Realm) -> None:
    realm.apply(changes.new_group(realm, "inner", ["alice"]))
    realm.apply(changes.new_group(realm, "outer", ["inner", "bob"]))
    items = changes.remove_group(realm, realm.groups["inner"])
    assert keys_of(items) == [b"g/inner", b"g/outer"]
    realm.apply(items)
    assert realm.groups["outer"].members == ("bob",)


def test_a_change_that_is_refused_or_not_applied_leaves_the_realm_as_it_was(realm: Realm) -> None:
    before = list(realm.items())
    found = realm.find("alice")
    assert found is not None
    changes.remove_account(realm, account(realm, "alice"))
    changes.set_password(realm, make_maker(), found, password("other"))
    changes.new_user(realm, make_maker(), "carol", password("p"))
    assert list(realm.items()) == before


def test_the_search_for_names_in_rows_finds_all_that_decoding_would(realm: Realm) -> None:
    delegating(realm)

    def has(one: Account, name: str) -> bool:
        return name in (one.name, *one.names, *one.delegates_to, *one.allowed_from)

    for name in ("alice", "DNS/ns.bossa.test", "DNS/ns2.bossa.test", "HTTP/web.bossa.test", "nobody"):
        found = {one.name for one in realm.naming([name])}
        assert {one.name for one in realm.accounts() if has(one, name)} <= found
