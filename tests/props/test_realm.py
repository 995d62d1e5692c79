"""The realm in memory is what its rows say, whatever history led there: names, groups, lists."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.directory import changes, rights, rows
from bossa.directory.account import Account
from bossa.directory.changes import NewPassword
from bossa.directory.errors import ChangeRefused
from bossa.directory.keys import KeyMaker
from bossa.directory.realm import Realm
from bossa.directory.rights import Right
from tests.unit.directory.specimens import FREE, NOW, SEAL, counting, empty_realm

# Few names, in two spellings, so that histories collide.
USERS = ["a", "b", "A"]
SERVICES = ["HTTP/x.test", "http/X.test", "DNS/y.test", "host/z.test"]
GROUPS = ["g", "h", "G"]
ANY = st.sampled_from([*USERS, *SERVICES, *GROUPS, "nobody"])
# Keys of one enctype that is quick, and made once.
MAKER = KeyMaker(SEAL.seal, counting(), (17,))
PASSWORD = NewPassword("pw", FREE, NOW)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("user"), st.sampled_from(USERS)),
        st.tuples(st.just("service"), st.sampled_from(SERVICES)),
        st.tuples(st.just("group"), st.sampled_from(GROUPS), st.lists(ANY, max_size=2)),
        st.tuples(st.just("members"), st.sampled_from(GROUPS), st.lists(ANY, max_size=2), st.lists(ANY, max_size=1)),
        st.tuples(st.just("names"), ANY, st.lists(ANY, max_size=2), st.lists(ANY, max_size=1)),
        st.tuples(st.just("allow"), ANY, ANY, st.booleans(), st.booleans()),
        st.tuples(st.just("forbid"), ANY, ANY, st.booleans()),
        st.tuples(st.just("remove"), ANY),
        st.tuples(st.just("rotate"), ANY),
    ),
    max_size=25,
)


class Missing(Exception):
    """The step is about somebody who is not there."""


def find(realm: Realm, name: str) -> Account:
    found = realm.find(name, fold=True)
    if found is None:
        raise Missing
    return found.account


def do(realm: Realm, kind: str, *args: Any) -> list[rows.Item]:
    match kind:
        case "user":
            return changes.new_user(realm, MAKER, args[0], PASSWORD)
        case "service":
            return changes.new_service(realm, MAKER, args[0], NOW)
        case "group":
            return changes.new_group(realm, *args)
        case "members":
            group = realm.group(args[0])
            return [] if group is None else changes.set_members(realm, group, *args[1:])
        case "names":
            return changes.amend(realm, find(realm, args[0]), *args[1:])
        case "allow":
            right = Right(find(realm, args[0]), args[1], find(realm, args[1]))
            return rights.allow(right, by_target=args[2], any_protocol=args[3])
        case "forbid":
            return rights.forbid(Right(find(realm, args[0]), args[1], find(realm, args[1])), by_target=args[2])
        case "remove":
            group = realm.group(args[0])
            if group is not None:
                return changes.remove_group(realm, group)
            return changes.remove_account(realm, find(realm, args[0]))
    found = realm.find(args[0])
    return [] if found is None else changes.rotate(realm, MAKER, found, NOW)


def history(steps: list[tuple[Any, ...]]) -> Realm:
    realm = empty_realm(size=3)
    realm.apply(changes.found(MAKER, "BOSSA.TEST", "bossa.test", PASSWORD))
    for step in steps:
        before = list(realm.items())
        try:
            realm.apply(do(realm, *step))
        except (ChangeRefused, Missing):
            assert list(realm.items()) == before, "what is refused leaves no trace"
    return realm


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_a_realm_is_what_its_rows_say(steps: list[tuple[Any, ...]]) -> None:
    realm, copy = history(steps), empty_realm()
    copy.apply(reversed(list(realm.items())))
    assert dict(copy.items()) == dict(realm.items())
    spellings = [*USERS, *SERVICES, *GROUPS, "nobody", "krbtgt", "KRBTGT/bossa.test"]
    for name in spellings:
        for fold in (False, True):
            one, other = realm.find(name, fold=fold), copy.find(name, fold=fold)
            assert (one and one.account) == (other and other.account)
        assert set(realm.groups_of(name)) == set(copy.groups_of(name))


@given(STEPS)
@settings(max_examples=150, deadline=None)
def test_no_two_have_a_name_in_common_no_rid_comes_twice_and_no_list_names_the_gone(
    steps: list[tuple[Any, ...]],
) -> None:
    realm = history(steps)
    accounts, groups = list(realm.accounts()), list(realm.groups.values())
    named = [name.casefold() for one in accounts for name in (one.name, *one.names)]
    named += [one.name.casefold() for one in groups]
    assert len(named) == len(set(named))
    rids = [one.rid for one in (*accounts, *groups)]
    assert len(rids) == len(set(rids))
    assert max(rids) < realm.info.next_rid
    exact = {name for one in accounts for name in (one.name, *one.names)}
    everybody = {one.name for one in (*accounts, *groups)}
    for one in accounts:
        assert {name.casefold() for name in one.delegates_to} <= {name.casefold() for name in exact}
        assert set(one.allowed_from) <= everybody
    assert all(set(group.members) <= everybody for group in groups)
