"""The realm in memory: names, keys by version, groups, trusts, and what changes do to all of these."""

from __future__ import annotations

import pytest

from bossa.directory import changes, rows
from bossa.directory.account import Account, Failures, Group, KeySet, KeyVersion, Kind, Trust
from bossa.directory.realm import Realm
from bossa.directory.rows import UnknownRow
from tests.unit.directory.specimens import (
    NOW,
    REALM,
    SEAL,
    WINDOW,
    account,
    empty_realm,
    found_realm,
    make_maker,
    user,
)


def put(realm: Realm, *accounts: Account) -> None:
    realm.apply(map(rows.account_item, accounts))


def test_an_account_is_found_by_each_of_its_names_and_is_one() -> None:
    realm = empty_realm()
    put(realm, user("alice", names=("HTTP/web.bossa.test", "alice.a")))
    assert realm.find("alice") is realm.find("HTTP/web.bossa.test") is realm.find("alice.a")
    assert realm.find("bob") is None


@pytest.mark.parametrize("spelling", ["ALICE", "Alice", "http/WEB.bossa.test", "STRASSE"])
def test_another_letter_case_is_the_name_only_for_those_who_let_it_be_put_right(spelling: str) -> None:
    realm = empty_realm()
    put(realm, user("alice", names=("HTTP/web.bossa.test",)), user("Straße"))
    assert realm.find(spelling) is None
    found = realm.find(spelling, fold=True)
    assert found is not None
    assert found.account.name == ("Straße" if spelling == "STRASSE" else "alice")
    assert realm.find(spelling) is None


def test_a_changed_account_is_the_new_one_under_all_names_and_lost_names_are_gone() -> None:
    realm = empty_realm()
    put(realm, user("alice", names=("a1", "a2")))
    for name in ("alice", "a1", "a2", "A1"):
        realm.find(name, fold=True)
    put(realm, user("alice", names=("a2", "a3"), disabled=True))
    assert realm.find("a1") is None
    assert realm.find("A1", fold=True) is None
    assert all(account(realm, name).disabled for name in ("alice", "a2", "a3"))


def test_a_removed_account_is_gone_under_all_names() -> None:
    realm = empty_realm()
    put(realm, user("alice", names=("a1",)), user("bob"))
    realm.find("a1")
    realm.apply([(b"a/alice", None)])
    assert [realm.find(name, fold=True) for name in ("alice", "a1", "ALICE", "A1")] == [None] * 4
    assert len(realm) == 1


def test_a_name_that_moves_to_another_account_is_found_there() -> None:
    realm = empty_realm()
    put(realm, user("alice", names=("www",)), user("bob"))
    realm.find("www")
    put(realm, user("bob", names=("www",)), user("alice"))
    assert account(realm, "www").name == "bob"
    put(realm, user("bob"), user("alice", names=("www",)))
    assert account(realm, "www").name == "alice"


def test_only_a_few_accounts_stay_open() -> None:
    realm = empty_realm(size=4)
    put(realm, *(user(f"u{n}", names=(f"alias{n}",)) for n in range(10)))
    first = realm.find("u0")
    for n in range(1, 10):
        realm.find(f"alias{n}")
    assert realm.find("u0") is not first
    assert realm.find("alias9") is realm.find("u9")


def test_a_snapshot_makes_an_equal_realm() -> None:
    realm, copy = found_realm(), empty_realm()
    realm.apply([rows.failures_item("alice", Failures(3, NOW)), rows.trust_item(Trust(realm="OTHER.TEST"))])
    copy.apply(realm.items())
    assert list(copy.items()) == list(realm.items())
    assert copy.info == realm.info
    assert copy.failures == {"alice": Failures(3, NOW)}
    assert copy.trust("OTHER.TEST") is not None


def test_a_realm_without_rows_is_not_founded_and_says_so() -> None:
    realm = empty_realm()
    assert (realm.is_founded, list(realm.items()), len(realm)) == (False, [], 0)
    with pytest.raises(LookupError):
        _ = realm.krbtgt
    with pytest.raises(LookupError):
        _ = realm.info


def test_the_ticket_granting_service_has_its_name_with_the_realm() -> None:
    realm = found_realm()
    assert realm.krbtgt is realm.find(f"krbtgt/{REALM}")
    assert realm.krbtgt.account.kind is Kind.KRBTGT


def test_keys_are_opened_when_they_are_asked_for_and_only_for_their_account() -> None:
    realm, maker = empty_realm(), make_maker()
    sealed = maker.sealed("account:alice", KeySet((maker.at_random("", NOW),)))
    put(realm, user("alice", sealed=sealed), user("mallory", sealed=sealed))
    alice, mallory = realm.find("alice"), realm.find("mallory")
    assert alice is not None and mallory is not None
    assert [list(version.keys) for version in alice.versions] == [[18, 17]]
    with pytest.raises(Exception, match="another purpose"):
        _ = mallory.versions


def test_the_preferred_key_is_the_first_of_the_newest_version() -> None:
    realm, maker = found_realm(), make_maker()
    web = realm.find("HTTP/web.bossa.test")
    assert web is not None
    realm.apply(changes.rotate(realm, maker, web, NOW + 1))
    again = realm.find("HTTP/web.bossa.test")
    assert again is not None
    key = again.key()
    assert key is not None and key.enctype == 18
    assert again.key(17) is again.versions[0].keys[17]
    assert again.key(19) is None
    assert again.versions[0].kvno == 2


def test_an_account_without_keys_has_none() -> None:
    realm = empty_realm()
    put(realm, user("alice"))
    alice = realm.find("alice")
    assert alice is not None
    assert (alice.versions, alice.key(), alice.by_kvno(None, NOW)) == ((), None, ())


@pytest.mark.parametrize(
    ("kvno", "later", "found"),
    [
        (None, 0, [3, 2, 1]),
        (None, WINDOW, [3, 2, 1]),
        (None, WINDOW + 1, [3, 2]),
        (None, WINDOW + 101, [3]),
        (1, 0, [1]),
        (1, WINDOW + 1, []),
        (2, WINDOW + 1, [2]),
        (3, 10 * WINDOW, [3]),
        (4, 0, []),
    ],
)
def test_a_version_opens_tickets_until_a_tickets_life_after_its_successor(
    kvno: int | None, later: float, found: list[int]
) -> None:
    realm, maker = empty_realm(), make_maker()
    versions = tuple(maker.at_random("", made, kvno=n) for n, made in ((3, NOW + 100), (2, NOW), (1, NOW - 50)))
    put(realm, user("alice", sealed=maker.sealed("account:alice", KeySet(versions))))
    alice = realm.find("alice")
    assert alice is not None
    assert [one.kvno for one in alice.by_kvno(kvno, NOW + later, WINDOW)] == found


def test_groups_come_with_those_they_are_in_and_everybody_is_a_user() -> None:
    realm = empty_realm()
    groups = [
        Group("users", 513),
        Group("staff", 1100, ("alice", "crew")),
        Group("crew", 1101, ("bob",)),
        Group("all", 1102, ("staff",)),
        Group("loop", 1103, ("all", "loop")),
        Group("back", 1104, ("loop",)),
        Group("staff2", 1105, ("back", "staff")),
    ]
    realm.apply(map(rows.group_item, groups))
    assert realm.groups_of("nobody") == (513,)
    assert realm.groups_of("bob")[0] == 513
    assert set(realm.groups_of("bob")) == {513, 1101, 1100, 1102, 1103, 1104, 1105}
    assert set(realm.groups_of("alice")) == {513, 1100, 1102, 1103, 1104, 1105}


def test_a_group_has_the_sid_of_the_domain_and_its_own_number() -> None:
    realm = found_realm()
    assert realm.group_sid("admins") == realm.group_sid("ADMINS") == f"{realm.info.sid}-512"
    assert realm.group_sid("nosuch") is None
    assert empty_realm().group_sid("admins") is None


def test_a_cycle_of_groups_ends() -> None:
    realm = empty_realm()
    realm.apply(map(rows.group_item, [Group("a", 1, ("b", "alice")), Group("b", 2, ("a",))]))
    assert sorted(realm.groups_of("alice")) == [1, 2, 513]


def test_who_leaves_a_group_or_whose_group_goes_is_out() -> None:
    realm = empty_realm()
    realm.apply(map(rows.group_item, [Group("a", 1, ("alice", "bob")), Group("b", 2, ("alice",))]))
    realm.apply([rows.group_item(Group("a", 1, ("bob",))), (b"g/b", None)])
    assert realm.groups_of("alice") == (513,)
    assert realm.groups_of("bob") == (513, 1)


def test_a_host_is_in_the_realm_of_the_longest_domain_that_fits() -> None:
    realm = empty_realm()
    trusts = [
        Trust(realm="OTHER.TEST"),
        Trust(realm="DEEP.TEST", suffixes=("lab.other.test", "example.org")),
    ]
    realm.apply(map(rows.trust_item, trusts))

    def realm_of(host: str) -> str | None:
        found = realm.trust_for(host)
        return found.trust.realm if found is not None else None

    assert realm_of("web.other.test") == "OTHER.TEST"
    assert realm_of("WEB.Lab.Other.Test.") == "DEEP.TEST"
    assert realm_of("example.org") == "DEEP.TEST"
    assert realm_of("notexample.org") is None
    assert realm_of("") is None


def test_a_host_of_our_own_domain_is_in_no_other_realm_whatever_lies_above() -> None:
    realm = found_realm()
    realm.apply([rows.trust_item(Trust(realm="TEST"))])
    assert realm.trust_for("web.other.test") is realm.trust("TEST")
    assert realm.trust_for("web.bossa.test") is None
    assert realm.trust_for("bossa.test") is None


def test_failures_come_and_go_with_their_rows() -> None:
    realm = empty_realm()
    realm.apply([rows.failures_item("alice", Failures(2, NOW))])
    assert realm.failures["alice"] == Failures(2, NOW)
    realm.apply([(b"f/alice", None), (b"f/alice", None)])
    assert realm.failures == {}


def test_a_row_of_a_newer_form_or_a_damaged_one_is_told() -> None:
    realm = empty_realm()
    for val in (b"\x92\x02\x95\xa1a\x01\x01\x01\x90", b"\xc1", b"", b"\x91\x01"):
        with pytest.raises(UnknownRow):
            realm.apply([(b"a/a", val)])


def test_rows_that_came_with_more_fields_than_we_know_are_read() -> None:
    realm = empty_realm()
    _, val = rows.account_item(user("alice"))
    # One element more at the end of the inner array, as a later bossa would write.
    assert val[:2] == b"\x92\x01" and val[2] == 0xDC
    longer = val[:3] + (int.from_bytes(val[3:5], "big") + 1).to_bytes(2, "big") + val[5:] + b"\xc3"
    realm.apply([(b"a/alice", longer)])
    assert account(realm, "alice") == user("alice")


def test_no_key_is_told_in_a_repr() -> None:
    octets = bytes(range(100, 132))
    version = KeyVersion(1, NOW, "salt", ((18, octets),))
    shown = [repr(version), repr(KeySet((version,))), repr(user("alice", sealed=SEAL.seal(b"", octets)))]
    realm = found_realm()
    shown += [repr(realm.find("alice")), repr(realm.krbtgt.versions)]
    assert not any(repr(octets)[2:-1] in text or octets.hex() in text for text in shown)
    assert all("sealed" not in text for text in shown)
