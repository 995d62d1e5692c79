"""Trusts: the same keys on both sides, in the directions that were asked for."""

from __future__ import annotations

import pytest

from bossa.crypto.enctypes import string_to_key
from bossa.directory import changes, trusts
from bossa.directory.errors import ChangeRefused
from bossa.directory.realm import OpenTrust, Realm
from bossa.directory.trusts import Other
from tests.unit.directory.specimens import NOW, empty_realm, make_maker, password

SECRET = "a secret of both"


def realm_of(name: str) -> Realm:
    realm = empty_realm()
    realm.apply(changes.found(make_maker(), name, name.lower(), password("first")))
    return realm


def trust(realm: Realm, other: Other, secret: str = SECRET) -> OpenTrust:
    realm.apply(trusts.new_trust(realm, make_maker(), other, secret, NOW))
    found = realm.trust(other.realm)
    assert found is not None
    return found


def test_both_sides_make_the_same_keys_of_one_password() -> None:
    here, there = realm_of("A.TEST"), realm_of("B.TEST")
    to_b, to_a = trust(here, Other("B.TEST")), trust(there, Other("A.TEST"))
    assert to_b.leaving[0].keys == to_a.coming[0].keys
    assert to_b.coming[0].keys == to_a.leaving[0].keys
    assert to_b.leaving[0].keys != to_b.coming[0].keys


def test_the_keys_are_those_of_a_principal_with_its_usual_salt() -> None:
    found = trust(realm_of("A.TEST"), Other("B.TEST"))
    made = string_to_key(18, SECRET.encode(), b"A.TESTkrbtgtB.TEST")
    assert (found.leaving[0].kvno, found.key()) == (1, made)
    assert found.coming[0].salt == "B.TESTkrbtgtA.TEST"


@pytest.mark.parametrize(("direction", "leaves", "comes"), [("both", 1, 1), ("out", 1, 0), ("in", 0, 1)])
def test_a_trust_has_keys_only_for_its_directions(direction: str, leaves: int, comes: int) -> None:
    found = trust(realm_of("A.TEST"), Other("B.TEST", direction))
    assert (len(found.leaving), len(found.coming)) == (leaves, comes)
    assert (found.key() is not None, len(found.by_kvno(None, NOW))) == (bool(leaves), comes)


@pytest.mark.parametrize(
    "other",
    [
        Other("A.TEST"),
        Other("C.TEST"),
        Other("no realm"),
        Other("a/b"),
        Other(""),
        Other("B.TEST", "sideways"),
        Other("B.TEST", sid="S-1-5-32"),
        Other("B.TEST", sid="S-1-5-21-1-2-3-500"),
        Other("B.TEST", suffixes=("two words",)),
    ],
)
def test_a_trust_that_makes_no_sense_is_refused(other: Other) -> None:
    realm = realm_of("A.TEST")
    trust(realm, Other("C.TEST"))
    with pytest.raises(ChangeRefused):
        trusts.new_trust(realm, make_maker(), other, SECRET, NOW)


def test_a_trust_with_our_own_sid_or_a_short_password_is_refused() -> None:
    realm = realm_of("A.TEST")
    with pytest.raises(ChangeRefused, match="own SID"):
        trusts.new_trust(realm, make_maker(), Other("B.TEST", sid=realm.info.sid), SECRET, NOW)
    with pytest.raises(ChangeRefused, match="at least 16"):
        trusts.new_trust(realm, make_maker(), Other("B.TEST"), "short", NOW)


def test_domains_are_kept_in_small_letters_once() -> None:
    found = trust(realm_of("A.TEST"), Other("B.TEST", suffixes=("Lab.B.test.", "lab.b.test", ".x.test")))
    assert found.trust.suffixes == ("lab.b.test", "x.test")


def test_a_removed_trust_is_gone_and_cannot_go_twice() -> None:
    realm = realm_of("A.TEST")
    trust(realm, Other("B.TEST"))
    realm.apply(trusts.remove_trust(realm, "B.TEST"))
    assert realm.trust("B.TEST") is None
    with pytest.raises(ChangeRefused):
        trusts.remove_trust(realm, "B.TEST")
