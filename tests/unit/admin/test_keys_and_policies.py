"""The verbs of TSIG keys and of update policies."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import cast

import pytest

from bossa.admin import keys, policies, zones
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office
from bossa.dns import names
from bossa.dns.ports import RuleRow
from bossa.dns.tsig import Algorithm, Key
from tests.unit.admin.desk import NOW, FakeNames, make_office
from tests.unit.admin.realm_desk import founded_office

SECRET = base64.b64encode(b"0123456789abcdef").decode()
APEX = names.from_text("a.test.")


@pytest.fixture
def office(tmp_path: Path) -> Office:
    office = make_office(tmp_path)
    asyncio.run(zones.zone_add(office, zones.ZoneAdd(name="a.test")))
    return office


def add_key(office: Office, name: str, secret: str = SECRET, algorithm: str = "hmac-sha256") -> keys.KeyShown:
    return asyncio.run(keys.key_add(office, keys.KeyAdd(name=name, secret=secret, algorithm=algorithm)))


def allow(office: Office, zone: str, who: str, scope: str = "zone", **more: object) -> policies.PolicyChanged:
    args = policies.PolicyAdd(zone=zone, who=who, scope=scope, **more)  # type: ignore[arg-type]
    return asyncio.run(policies.policy_add(office, args))


def rules(office: Office, zone: str = "") -> list[policies.PolicyLine]:
    return asyncio.run(policies.policy_list(office, policies.PolicyList(zone))).rules


def test_a_key_is_printed_as_nsupdate_and_dig_take_it(office: Office) -> None:
    key = add_key(office, "Host.Example.")
    assert key.clause == f'key "host.example" {{\n\talgorithm hmac-sha256;\n\tsecret "{SECRET}";\n}};\n'
    assert key.argument == f"hmac-sha256:host.example:{SECRET}"
    assert asyncio.run(keys.key_show(office, keys.KeyNamed("host.EXAMPLE"))) == key


def test_a_key_without_a_secret_gets_one_as_long_as_its_hash(office: Office) -> None:
    key = add_key(office, "k", secret="", algorithm="hmac-sha512")
    assert len(base64.b64decode(key.secret)) == 64
    assert office.names.keys[names.from_text("k.")].algorithm is Algorithm.HMAC_SHA512


def test_a_key_is_sealed_for_its_own_row(office: Office) -> None:
    add_key(office, "k")
    row = cast(FakeNames, office.names).rows[names.from_text("k.")]
    assert row.sealed == b"sealed:tsig:\x01k\0:fedcba9876543210"
    assert row.created == NOW


@pytest.mark.parametrize(
    ("name", "secret", "algorithm", "code"),
    [
        ("k", "not base64!", "hmac-sha256", Exit.USAGE),
        ("k", SECRET, "hmac-sha3", Exit.USAGE),
        ("a..b", SECRET, "hmac-sha256", Exit.USAGE),
        ("k", SECRET, "hmac-md5", Exit.REFUSED),
    ],
)
def test_a_key_that_cannot_be_is_not_made(office: Office, name: str, secret: str, algorithm: str, code: Exit) -> None:
    with pytest.raises(Failure) as e:
        add_key(office, name, secret, algorithm)
    assert e.value.exit == code
    assert not office.names.keys


def test_md5_keys_come_back_when_switched_on(office: Office) -> None:
    office.md5 = True
    assert add_key(office, "old", algorithm="hmac-md5").argument == f"hmac-md5:old:{SECRET}"


def test_a_key_is_not_made_twice(office: Office) -> None:
    add_key(office, "k")
    with pytest.raises(Failure, match="exists already"):
        add_key(office, "K")


def test_the_list_holds_no_secrets(office: Office) -> None:
    add_key(office, "k2")
    add_key(office, "k1")
    allow(office, "a.test", "key:k1")
    listed = asyncio.run(keys.key_list(office, keys.KeyList())).keys
    assert [(key.name, key.rules) for key in listed] == [("k1", 1), ("k2", 0)]
    assert SECRET not in repr(listed)


def test_removing_a_key_tells_of_rules_that_name_it(office: Office) -> None:
    add_key(office, "k")
    allow(office, "*", "key:K.")
    allow(office, "a.test", "key:k")
    done = asyncio.run(keys.key_remove(office, keys.KeyNamed("k")))
    assert [line.split(" still ")[0] for line in done.warnings] == ["a rule of *", "a rule of a.test"]
    with pytest.raises(Failure, match="no such key"):
        asyncio.run(keys.key_remove(office, keys.KeyNamed("k")))


def test_rules_keep_their_order_and_can_be_put_first(office: Office) -> None:
    add_key(office, "k")
    allow(office, "a.test", "key:k", "self")
    allow(office, "a.test", "key:k", "zone")
    allow(office, "a.test", "key:k", "subdomain", what="x", at=1)
    allow(office, "*", "key:k", "pattern", what="*.dyn.test")
    assert [(rule.zone, rule.number, rule.scope) for rule in rules(office)] == [
        ("a.test", 1, "subdomain"),
        ("a.test", 2, "self"),
        ("a.test", 3, "zone"),
        ("*", 1, "pattern"),
    ]
    assert rules(office, "*") == rules(office)[3:]
    asyncio.run(policies.policy_remove(office, policies.PolicyRemove("a.test", 2)))
    assert [rule.scope for rule in rules(office, "a.test")] == ["subdomain", "zone", "pattern"]


@pytest.mark.parametrize(
    ("what", "stored"),
    [("hosts", "hosts.a.test."), ("hosts.a.test", "hosts.a.test."), ("A.TEST", "a.test."), ("b.test.", "b.test.")],
)
def test_a_subdomain_may_be_relative_or_whole(office: Office, what: str, stored: str) -> None:
    assert allow(office, "a.test", "key:k", "subdomain", what=what).rule.what == stored
    assert allow(office, "a.test", "key:k", "pattern", what=what).rule.what == stored


def test_for_all_zones_every_name_is_whole(office: Office) -> None:
    assert allow(office, "*", "key:k", "subdomain", what="hosts").rule.what == "hosts."


def test_odd_rules_are_warned_of(office: Office) -> None:
    assert "no key ghost" in allow(office, "a.test", "key:ghost").warnings[0]
    assert "unsigned" in allow(office, "a.test", "net:127.0.0.0/8").warnings[0]
    add_key(office, "k")
    assert allow(office, "a.test", "key:k").warnings == []


@pytest.mark.parametrize(
    ("who", "warning"),
    [
        ("krb5-self", None),
        ("krb5-group:admins", None),
        ("krb5-group:Admins", None),
        ("krb5-group:staff", "there is no group staff yet: bossa group add staff"),
        ("krb5:admin@BOSSA.TEST", None),
        ("krb5:admin", "a principal has a realm, so nobody matches this rule: krb5:admin@BOSSA.TEST"),
        ("krb5:Admin@BOSSA.TEST", "there is no account Admin: the account is admin, and case counts"),
        ("krb5:host/ws1@BOSSA.TEST", "there is no account host/ws1: bossa service add host/ws1 makes it"),
        ("krb5:admin@bossa.test", "no trust with bossa.test: did you mean BOSSA.TEST?"),
        ("krb5:admin@OTHER.TEST", "no trust with OTHER.TEST"),
    ],
)
def test_rules_for_persons_whom_the_realm_does_not_know_are_warned_of(
    tmp_path: Path, who: str, warning: str | None
) -> None:
    done = allow(founded_office(tmp_path), "bossa.test", who)
    assert done.warnings == ([warning] if warning else [])


def test_rules_for_persons_are_warned_of_where_kerberos_is_switched_off(office: Office) -> None:
    assert "Kerberos is switched off" in allow(office, "a.test", "krb5-self").warnings[0]


@pytest.mark.parametrize(
    ("who", "scope", "more"),
    [
        ("nobody", "zone", {}),
        ("key:", "zone", {}),
        ("net:10.0.0.1/8", "zone", {}),
        ("krb5:", "zone", {}),
        ("krb5-group:", "zone", {}),
        ("krb5-self:x", "zone", {}),
        ("key:k", "everything", {}),
        ("key:k", "pattern", {}),
        ("key:k", "zone", {"types": ("NOSUCH",)}),
        ("key:k", "zone", {"types": ("AXFR",)}),
        ("key:k", "zone", {"at": 5}),
    ],
)
def test_a_rule_that_makes_no_sense_is_a_usage_error(
    office: Office, who: str, scope: str, more: dict[str, object]
) -> None:
    with pytest.raises(Failure) as e:
        allow(office, "a.test", who, scope, **more)
    assert e.value.exit == Exit.USAGE
    assert not rules(office)


def test_a_rule_is_not_added_twice(office: Office) -> None:
    allow(office, "a.test", "key:k", types=("a", "AAAA"))
    with pytest.raises(Failure, match="number 1"):
        allow(office, "a.test", "key:K.", types=("A", "aaaa"))


def test_a_rule_that_is_not_there_cannot_be_removed(office: Office) -> None:
    with pytest.raises(Failure, match="no rules there") as e:
        asyncio.run(policies.policy_remove(office, policies.PolicyRemove("a.test", 1)))
    assert e.value.exit == Exit.REFUSED


def test_rules_written_before_are_counted_with_their_key(office: Office) -> None:
    office.names.rules[b""] = (RuleRow(who="key:k", scope="zone"),)  # type: ignore[index]
    key = Key(names.from_text("k."), Algorithm.HMAC_SHA256, b"x")
    assert keys.rules_naming(office.names, key.name) == ["*"]
