"""`bossa delegation explain`: the KDC's decisions for names, before anybody asks the KDC."""

from __future__ import annotations

from bossa.directory.account import Account
from bossa.krb.errors import KrbCode
from bossa.krb.kdc.explain import Explanation, explain
from tests.unit.krb.pac.specimens import NOW, WEB_ACCOUNT, changed, realm


def told(user: str, middle: str, target: str, *accounts: Account) -> Explanation:
    of = realm(*accounts)

    def find(name: str) -> Account | None:
        found = of.find(name)
        return None if found is None else found.account

    return explain(find, user, middle, target, now=NOW)


def test_what_is_allowed_is_allowed_with_either_evidence() -> None:
    answer = told("alice", "HTTP/web", "DNS/ns")
    assert answer.allowed and answer.by_kerberos.allowed
    assert answer.by_transition.decisive.rule == "own-list"


def test_a_list_without_protocol_transition_works_with_the_users_own_ticket_only() -> None:
    answer = told("alice", "HTTP/web", "DNS/ns", changed(WEB_ACCOUNT, any_protocol=False))
    assert not answer.allowed and answer.to_self.allowed and not answer.to_self.forwardable
    assert answer.by_transition.decisive.rule == "evidence-forwardable"
    assert answer.by_kerberos.allowed


def test_before_any_delegation_both_are_refused_by_the_lists() -> None:
    bare = changed(WEB_ACCOUNT, any_protocol=False, delegates_to=())
    answer = told("alice", "HTTP/web", "DNS/ns", bare)
    assert not answer.allowed and not answer.by_kerberos.allowed
    assert answer.by_transition.decisive == answer.by_kerberos.decisive
    assert answer.by_transition.decisive.words.endswith("neither list has it")


def test_lists_of_targets_count_as_clients_ask_for_them() -> None:
    assert told("alice", "HTTP/web", "cifs/files.bossa.test").allowed


def test_a_sensitive_user_and_one_whom_nobody_knows() -> None:
    assert not told("bob", "HTTP/web", "DNS/ns").by_kerberos.allowed
    assert told("mallory", "HTTP/web", "DNS/ns").to_self.code == KrbCode.C_PRINCIPAL_UNKNOWN
    assert told("alice", "HTTP/web", "DNS/gone").by_transition.code == KrbCode.S_PRINCIPAL_UNKNOWN
    assert told("alice", "HTTP/gone", "DNS/ns").to_self.code == KrbCode.S_PRINCIPAL_UNKNOWN
