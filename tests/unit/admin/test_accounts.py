"""The verbs of users, groups, services, trusts and delegation."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bossa.admin import accounts, delegations, dispatch, groups, services, trusts, users
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import VERBS, Office
from bossa.directory import rows
from bossa.directory.account import Failures
from bossa.directory.errors import ChangeRefused
from bossa.directory.realm import Principal, Realm
from tests.unit.admin.desk import NOW, Asked
from tests.unit.admin.realm_desk import call, founded_office, realm_office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = founded_office(tmp_path)
    for name in ("alice", "bob"):
        add_user(office, name, "pass-word")
    for name in ("HTTP/web", "DNS/ns.bossa.test"):
        call(services.service_add, office, services.ServiceAdd(name=name))
    return office


def add_user(office: Office, name: str, password: str = "", **more: Any) -> users.UserSecret:
    return call(users.user_add, office, users.UserAdd(name=name, password=password, **more))


def show(office: Office, name: str) -> users.UserShown:
    return call(users.user_show, office, users.UserNamed(name))


def set_user(office: Office, name: str, **fields: Any) -> users.UserShown:
    return call(users.user_set, office, users.UserSet(name=name, **fields))


def explain(office: Office, user: str = "alice", middle: str = "HTTP/web", target: str = "DNS/ns") -> Any:
    args = delegations.DelegationExplain(user=user, middle=middle, target=target)
    return call(delegations.delegation_explain, office, args)


def allow(office: Office, middle: str = "HTTP/web", target: str = "DNS/ns", **how: bool) -> Any:
    args = delegations.DelegationAllow(middle=middle, target=target, **how)
    return call(delegations.delegation_allow, office, args)


def test_a_password_that_was_given_is_not_told_again_and_one_that_was_made_is_told_once(office: Office) -> None:
    assert add_user(office, "carol", "pass-word").password == ""
    made = add_user(office, "dave").password
    assert len(made) >= 20
    assert made not in repr(users.UserSecret(name="dave", password=made))
    assert made not in repr(show(office, "dave"))


def test_the_list_of_users_has_no_services_and_the_list_of_services_no_users(office: Office) -> None:
    named = [one.name for one in call(users.user_list, office, users.UserList()).users]
    assert named == ["admin", "alice", "bob"]
    found = call(services.service_list, office, services.ServiceList()).services
    assert [one.name for one in found] == ["DNS/ns.bossa.test", "HTTP/web.bossa.test", "kadmin/changepw", "krbtgt"]


@pytest.mark.parametrize("spelling", ["alice", "ALICE", "alice@BOSSA.TEST", " alice "])
def test_a_user_is_found_as_people_write_the_name(office: Office, spelling: str) -> None:
    assert show(office, spelling).principal == "alice@BOSSA.TEST"


@pytest.mark.parametrize("spelling", ["HTTP/web", "HTTP/web.bossa.test", "http/WEB", "HTTP/web.bossa.test@BOSSA.TEST"])
def test_a_services_host_may_come_without_the_domain(office: Office, spelling: str) -> None:
    assert show(office, spelling).name == "HTTP/web.bossa.test"


@pytest.mark.parametrize(
    ("name", "hint"), [("alcie", "alice"), ("HTTP/wep", "HTTP/web.bossa.test"), ("xyzzy", "bossa user list")]
)
def test_a_name_that_is_not_there_brings_the_nearest_one(office: Office, name: str, hint: str) -> None:
    with pytest.raises(Failure, match="no such account") as caught:
        show(office, name)
    assert hint in caught.value.fix
    assert caught.value.exit is Exit.REFUSED


def test_a_services_name_is_no_users_and_the_other_way_round(office: Office) -> None:
    with pytest.raises(Failure, match="service's name"):
        add_user(office, "HTTP/other")
    with pytest.raises(Failure, match="two parts"):
        call(services.service_add, office, services.ServiceAdd(name="web"))


def test_what_is_set_is_shown_and_the_rest_stays(office: Office) -> None:
    changed = set_user(office, "alice", disabled=True, display="Alice A.", expires="2030-01-31", add_names=("a.a",))
    assert (changed.state, changed.display, changed.names, changed.expires) == (
        "disabled",
        "Alice A.",
        ("a.a",),
        1_896_048_000,
    )
    again = set_user(
        office, "a.a", disabled=False, sensitive=True, preauth=False, expires="never", remove_names=("A.A",)
    )
    assert (again.state, again.display, again.names, again.expires) == ("ok", "Alice A.", (), 0)
    assert (again.sensitive, again.preauth) == (True, False)


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"expires": "2020-01-01"}, "expired"),
        ({"must_change": True}, "has to change its password"),
        ({"disabled": True, "must_change": True}, "disabled"),
        ({}, "ok"),
    ],
)
def test_a_state_is_told_in_a_word(office: Office, fields: dict[str, Any], state: str) -> None:
    assert set_user(office, "alice", **fields).state == state


@pytest.mark.parametrize("text", ["tomorrow", "2030-13-01", ""])
def test_a_date_that_is_none_is_a_matter_of_usage(office: Office, text: str) -> None:
    with pytest.raises(Failure) as caught:
        set_user(office, "alice", expires=text)
    assert caught.value.exit is Exit.USAGE


def test_moments_are_told_in_utc_as_they_are_read() -> None:
    assert accounts.moment("2030-01-31T18:00") == accounts.moment("2030-01-31T19:00+01:00")
    assert accounts.shown_moment(accounts.moment("2030-01-31T18:00")) == "2030-01-31 18:00:00"
    assert accounts.shown_moment(0) == "never"


def test_unlocking_lets_in_and_forgets_the_failures(office: Office) -> None:
    account = accounts.principal(office, "alice").account
    locked = msgspec.structs.replace(account, locked_until=NOW + 100)
    accounts.realm(office).apply([rows.account_item(locked), rows.failures_item("alice", Failures(9, NOW))])
    assert (show(office, "alice").state, show(office, "alice").failures) == ("locked", 9)
    assert call(users.user_unlock, office, users.UserNamed("alice")).state == "ok"
    assert show(office, "alice").failures == 0


def test_a_new_password_is_a_new_version(office: Office) -> None:
    args = users.UserPassword(name="alice", password="another-one", must_change=True)
    assert call(users.user_password, office, args).password == ""
    assert (show(office, "alice").kvno, show(office, "alice").must_change) == (2, True)


@pytest.mark.parametrize("password", ["abc", "my-alice-1"])
def test_a_password_against_the_rules_is_refused_to_administrators_too(office: Office, password: str) -> None:
    with pytest.raises(ChangeRefused):
        call(users.user_password, office, users.UserPassword(name="alice", password=password))
    assert show(office, "alice").kvno == 1


def test_a_removed_user_is_gone(office: Office) -> None:
    assert call(users.user_remove, office, users.UserNamed("ALICE")).name == "alice"
    with pytest.raises(Failure):
        show(office, "alice")
    with pytest.raises(Failure, match="service's account"):
        call(users.user_remove, office, users.UserNamed("HTTP/web"))


def test_accounts_are_opened_by_the_loop_alone_since_what_is_open_is_shared(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, find = threading.get_ident(), Realm.find

    def found(realm: Realm, name: str, *, fold: bool = False) -> Principal | None:
        assert threading.get_ident() == here, f"{name} is looked up in a thread"
        return find(realm, name, fold=fold)

    monkeypatch.setattr(Realm, "find", found)
    add_user(office, "carol", "pass-word")
    call(users.user_password, office, users.UserPassword(name="carol"))
    set_user(office, "carol", add_names=("c",), sensitive=True)
    call(users.user_unlock, office, users.UserNamed("carol"))
    call(services.service_add, office, services.ServiceAdd(name="HTTP/b", account="carol"))
    call(services.service_keytab, office, services.ServiceKeytab(name="HTTP/web", rotate=True))
    call(groups.group_add, office, groups.GroupAdd("crew", ("alice", "bob")))
    call(groups.group_members, office, groups.GroupMembers("crew", ("carol",), ("bob",)))
    call(groups.group_remove, office, groups.GroupNamed("crew"))
    allow(office)
    call(trusts.trust_add, office, trusts.TrustAdd(realm="B.TEST"))
    call(services.service_remove, office, services.ServiceNamed("HTTP/b"))
    call(users.user_remove, office, users.UserNamed("carol"))


def test_groups_are_made_filled_and_removed(office: Office) -> None:
    made = call(groups.group_add, office, groups.GroupAdd("crew", ("alice", "HTTP/web")))
    assert made.members == ("alice", "HTTP/web.bossa.test")
    changed = call(groups.group_members, office, groups.GroupMembers("Crew", ("bob", "admins"), ("http/web",)))
    assert changed.members == ("alice", "bob", "admins")
    assert show(office, "bob").groups == ["crew"]
    assert [one.name for one in call(groups.group_list, office, groups.GroupList()).groups] == [
        "admins",
        "crew",
        "users",
    ]
    call(groups.group_remove, office, groups.GroupNamed("crew"))
    assert show(office, "bob").groups == []
    with pytest.raises(Failure, match="no such group"):
        call(groups.group_members, office, groups.GroupMembers("crew"))


def test_a_keytab_holds_the_newest_keys_for_every_name_of_the_account(office: Office) -> None:
    added = call(services.service_add, office, services.ServiceAdd(name="cifs/web", account="HTTP/web"))
    assert (added.account, added.names, added.kvno) == (
        "HTTP/web.bossa.test",
        ("HTTP/web.bossa.test", "cifs/web.bossa.test"),
        1,
    )
    rotated = call(services.service_keytab, office, services.ServiceKeytab(name="cifs/web", rotate=True))
    assert (rotated.kvno, rotated.realm) == (2, "BOSSA.TEST")
    assert [enctype for enctype, _ in rotated.keys] == [18, 17]
    assert rotated.keys[0][1].hex() not in repr(rotated)


@pytest.mark.parametrize("name", ["krbtgt", "krbtgt/BOSSA.TEST", "kadmin/changepw"])
def test_the_realms_own_keys_leave_it_in_no_keytab(office: Office, name: str) -> None:
    with pytest.raises(Failure, match="everybody"):
        call(services.service_keytab, office, services.ServiceKeytab(name=name, rotate=True))
    assert call(services.service_rotate, office, services.ServiceNamed(name)).kvno == 2


def test_rotation_says_until_when_old_tickets_open_and_spares_users(office: Office) -> None:
    done = call(services.service_rotate, office, services.ServiceNamed("HTTP/web"))
    assert (done.kvno, done.old_until) == (2, NOW + 1000)
    with pytest.raises(Failure, match="lose the password"):
        call(services.service_rotate, office, services.ServiceNamed("alice"))


def test_a_further_name_is_removed_without_its_account(office: Office) -> None:
    call(services.service_add, office, services.ServiceAdd(name="HTTP/alice", account="alice"))
    gone = call(services.service_remove, office, services.ServiceNamed("HTTP/alice"))
    assert (gone.name, gone.account) == ("HTTP/alice.bossa.test", "alice")
    assert show(office, "alice").names == ()
    with pytest.raises(Failure, match="user's account"):
        call(services.service_remove, office, services.ServiceNamed("alice"))
    assert call(services.service_remove, office, services.ServiceNamed("HTTP/web")).account == ""


def test_explain_says_no_then_yes_as_rights_come_and_go(office: Office) -> None:
    assert not explain(office).allowed
    allow(office, any_protocol=True)
    told = explain(office)
    assert (told.allowed, told.allowed_with_ticket, told.middle, told.target) == (
        True,
        True,
        "HTTP/web.bossa.test",
        "DNS/ns.bossa.test",
    )
    call(delegations.delegation_forbid, office, delegations.DelegationForbid(middle="HTTP/web", target="DNS/ns"))
    told = explain(office)
    assert not told.allowed
    assert not told.ways[-1].rules[-1].holds


def test_without_any_protocol_only_users_who_bring_a_ticket_are_acted_for(office: Office) -> None:
    allow(office)
    told = explain(office)
    assert (told.allowed, told.allowed_with_ticket) == (False, True)


def test_a_right_by_the_target_is_in_the_targets_list(office: Office) -> None:
    allow(office, by_target=True)
    [line] = call(delegations.delegation_list, office, delegations.DelegationList()).rights
    assert (line.middle, line.target, line.by_target, line.dangling) == (
        "HTTP/web.bossa.test",
        "DNS/ns.bossa.test",
        True,
        False,
    )
    assert explain(office).allowed


def test_a_sensitive_user_is_never_acted_for_and_explain_says_which_rule_it_is(office: Office) -> None:
    allow(office, any_protocol=True)
    set_user(office, "alice", sensitive=True)
    told = explain(office)
    assert (told.allowed, told.allowed_with_ticket) == (False, False)
    assert any("sensitive" in rule.words and not rule.holds for way in told.ways for rule in way.rules)


def test_the_list_shows_only_an_accounts_own_rights_where_one_is_named(office: Office) -> None:
    allow(office)
    allow(office, target="kadmin/changepw")
    named = call(delegations.delegation_list, office, delegations.DelegationList("DNS/ns")).rights
    assert [(one.middle, one.target) for one in named] == [("HTTP/web.bossa.test", "DNS/ns.bossa.test")]
    assert len(call(delegations.delegation_list, office, delegations.DelegationList("HTTP/web")).rights) == 2


def test_a_right_whose_other_end_is_gone_is_told_as_dangling(office: Office) -> None:
    account = accounts.principal(office, "HTTP/web").account
    left = msgspec.structs.replace(account, delegates_to=("DNS/gone.test",), allowed_from=("nobody",))
    accounts.realm(office).apply([rows.account_item(left)])
    rights = call(delegations.delegation_list, office, delegations.DelegationList()).rights
    assert [(one.by_target, one.dangling) for one in rights] == [(False, True), (True, True)]


def test_a_service_of_a_trusted_realm_stands_in_the_targets_list_only(office: Office) -> None:
    app = "HTTP/app.other.test@OTHER.TEST"
    with pytest.raises(Failure, match="do not come here"):
        allow(office, middle=app, by_target=True)
    call(trusts.trust_add, office, trusts.TrustAdd(realm="OTHER.TEST"))
    with pytest.raises(Failure, match="is in that realm"):
        allow(office, middle=app)
    with pytest.raises(Failure, match="its own realm decides"):
        allow(office, middle=app, by_target=True, any_protocol=True)
    assert allow(office, middle=app, by_target=True).right.middle == app
    assert "may do so" in call_refused(office, app)
    [line] = call(delegations.delegation_list, office, delegations.DelegationList("DNS/ns")).rights
    assert (line.middle, line.by_target, line.dangling) == (app, True, False)
    call(trusts.trust_remove, office, trusts.TrustNamed("OTHER.TEST"))
    [line] = call(delegations.delegation_list, office, delegations.DelegationList()).rights
    assert line.dangling


def call_refused(office: Office, middle: str) -> str:
    """Allow once more what is allowed already; return why not."""
    with pytest.raises(ChangeRefused) as refusal:
        allow(office, middle=middle, by_target=True)
    return str(refusal.value)


def test_a_user_in_the_middle_without_a_services_name_is_told_of(office: Office) -> None:
    assert "has no service's name" in allow(office, middle="alice").warnings[0]
    set_user(office, "bob", disabled=True)
    assert any("disabled" in one for one in allow(office, middle="bob").warnings)


def test_a_trust_says_what_the_other_side_needs(office: Office) -> None:
    done = call(trusts.trust_add, office, trusts.TrustAdd(realm="OTHER.TEST", suffixes=("lab.other.test",)))
    assert done.principals == ("krbtgt/OTHER.TEST@BOSSA.TEST", "krbtgt/BOSSA.TEST@OTHER.TEST")
    assert len(done.password) >= 16 and done.password not in repr(done)
    out = call(trusts.trust_add, office, trusts.TrustAdd(realm="OUT.TEST", direction="out", password="x" * 16))
    assert (out.principals, out.password) == (("krbtgt/OUT.TEST@BOSSA.TEST",), "")
    assert [one.realm for one in call(trusts.trust_list, office, trusts.TrustList()).trusts] == [
        "OTHER.TEST",
        "OUT.TEST",
    ]
    call(trusts.trust_remove, office, trusts.TrustNamed("OUT.TEST"))
    with pytest.raises(Failure, match="no such trust"):
        call(trusts.trust_remove, office, trusts.TrustNamed("OUT.TEST"))


@pytest.mark.parametrize(
    "verb", [name for name in VERBS if name.split(".")[0] in ("user", "group", "service", "trust")]
)
def test_where_there_is_no_realm_every_verb_says_so(tmp_path: Path, verb: str) -> None:
    office = realm_office(tmp_path)
    args: dict[str, Any] = {"name": "x", "realm": "X.TEST", "middle": "x", "target": "y"}
    fields = {field: args[field] for field in VERBS[verb].args.__struct_fields__ if field in args}
    with pytest.raises(Failure, match="no realm yet"):
        call(VERBS[verb], office, VERBS[verb].args(**fields))  # type: ignore[arg-type]
    office.accounts = None
    with pytest.raises(Failure, match="switched off"):
        call(VERBS[verb], office, VERBS[verb].args(**fields))  # type: ignore[arg-type]


def test_what_the_realm_refuses_is_refused_to_the_caller_with_where_to_look(office: Office) -> None:
    asked = Asked("user.add", msgspec.msgpack.encode(users.UserAdd(name="alice", password="pass-word")))
    reply = call(dispatch.answer, office, asked)
    assert reply.error is not None
    assert (reply.error.what, reply.error.why, reply.error.exit) == (
        "user alice",
        "the name alice is taken",
        Exit.REFUSED,
    )
    assert reply.error.fix == "bossa user show alice"
