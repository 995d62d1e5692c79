"""Which passwords are taken, and which are made."""

from __future__ import annotations

import os

import pytest

from bossa.directory import changes
from bossa.directory.account import Former, KeySet, KeyVersion
from bossa.directory.errors import PasswordRefused
from bossa.directory.passwords import PasswordPolicy, generate
from bossa.directory.realm import Realm
from tests.unit.directory.specimens import NOW, account, found_realm, key_set, make_maker, password, user

ALICE = user("alice")


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (PasswordPolicy(min_length=8), "1234567"),
        (PasswordPolicy(min_length=1), ""),
        (PasswordPolicy(min_length=1), "a\0b"),
        (PasswordPolicy(min_length=1), "x" * 1025),
        (PasswordPolicy(min_length=1), "my-ALICE-1"),
        (PasswordPolicy(min_length=1, classes=2), "lowercase"),
        (PasswordPolicy(min_length=1, classes=3), "lower8888"),
        (PasswordPolicy(min_length=1, classes=4), "Lower8888"),
    ],
)
def test_a_password_against_the_rules_is_refused_without_being_told(policy: PasswordPolicy, text: str) -> None:
    with pytest.raises(PasswordRefused) as caught:
        policy.check(ALICE, text)
    assert not text or text not in caught.value.reason


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        (PasswordPolicy(), "12345678"),
        (PasswordPolicy(classes=4), "Lower-888"),
        (PasswordPolicy(classes=3), "Ää-öööööö"),
        (PasswordPolicy(), "x" * 1024),
        (PasswordPolicy(), "correct horse battery"),
    ],
)
def test_a_password_by_the_rules_is_taken(policy: PasswordPolicy, text: str) -> None:
    policy.check(ALICE, text)


def test_a_name_of_two_letters_says_nothing_of_a_password() -> None:
    PasswordPolicy().check(user("jo"), "jovial words")


@pytest.mark.parametrize(
    "policy", [PasswordPolicy(), PasswordPolicy(min_length=64, classes=4), PasswordPolicy(classes=3)]
)
def test_a_made_password_follows_the_rules_and_no_two_are_equal(policy: PasswordPolicy) -> None:
    made = {generate(os.urandom, policy) for _ in range(50)}
    assert len(made) == 50
    for one in made:
        policy.check(ALICE, one)
        assert not set("lIO01") & set(one)


def change(realm: Realm, text: str, policy: PasswordPolicy, now: int = NOW) -> None:
    found = realm.find("alice")
    assert found is not None
    realm.apply(changes.set_password(realm, make_maker(), found, password(text, policy, now), by_owner=True))


@pytest.mark.parametrize("history", [1, 2, 3])
def test_the_last_passwords_are_refused_and_the_one_before_them_is_not(history: int) -> None:
    realm, policy = found_realm(), PasswordPolicy(min_length=1, history=history)
    texts = ["secret of a", "two", "three", "four"]
    for text in texts[1:]:
        change(realm, text, policy)
    for text in texts[-history:]:
        with pytest.raises(PasswordRefused, match=f"last {history}"):
            change(realm, text, policy)
    change(realm, texts[-history - 1], policy)


def test_without_a_history_nothing_of_former_passwords_is_kept_and_the_same_may_come_again() -> None:
    realm, policy = found_realm(), PasswordPolicy(min_length=1)
    change(realm, "two", policy)
    change(realm, "two", policy)
    assert key_set(realm, "alice").former == ()


def test_a_history_keeps_one_key_a_password_and_forgets_beyond_its_length() -> None:
    realm, policy = found_realm(), PasswordPolicy(min_length=1, history=3)
    for text in ("two", "three", "four", "five"):
        change(realm, text, policy)
    former = key_set(realm, "alice").former
    assert [one.enctype for one in former] == [17, 17]
    assert former[0].octets == make_maker().of_password("four", "BOSSA.TESTalice", NOW).keys[1][1]


def test_an_administrator_is_not_held_to_history_and_age() -> None:
    realm, policy = found_realm(), PasswordPolicy(min_length=1, history=5, min_age=1000)
    found = realm.find("alice")
    assert found is not None
    changes.set_password(realm, make_maker(), found, password("secret of a", policy))


def test_a_user_waits_for_the_least_age_unless_the_password_must_change() -> None:
    realm, policy = found_realm(), PasswordPolicy(min_length=1, min_age=1000)
    with pytest.raises(PasswordRefused, match="short while"):
        change(realm, "two", policy, NOW + 999)
    change(realm, "two", policy, NOW + 1000)
    found = realm.find("alice")
    assert found is not None
    must = password("three", policy, NOW + 1001)._replace(must_change=True)
    realm.apply(changes.set_password(realm, make_maker(), found, must))
    change(realm, "four", policy, NOW + 1002)
    assert not account(realm, "alice").must_change


def test_a_password_expires_at_the_greatest_age() -> None:
    realm = found_realm()
    change(realm, "two", PasswordPolicy(min_length=1, max_age=500))
    assert account(realm, "alice").password_expires == NOW + 500
    change(realm, "three", PasswordPolicy(min_length=1))
    assert account(realm, "alice").password_expires == 0


def test_no_former_key_is_told_in_a_repr() -> None:
    former = Former(17, "salt", b"sixteen octets!!")
    keys = KeySet((KeyVersion(1, NOW, "s", ((17, b"sixteen octets!!"),)),), (former,))
    assert "sixteen" not in repr(former) + repr(keys) + repr(password("sixteen octets!!"))
