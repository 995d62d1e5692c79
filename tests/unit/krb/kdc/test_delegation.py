"""Who may speak for whom: every rule, alone.  [MS-SFU] 3.2.5.1.2, 3.2.5.2"""

from __future__ import annotations

import pytest

from bossa.directory.account import Account, Kind
from bossa.krb.errors import KrbCode
from bossa.krb.kdc.delegation import Decision, Party, ProxyRequest, decide_proxy, decide_self
from tests.unit.krb.pac.specimens import ALICE, BOB, FILES_ACCOUNT, KRBTGT, NOW, NS_ACCOUNT, WEB_ACCOUNT, changed

FOREIGN_APP = Party("HTTP/app@OTHER.TEST", foreign=True)
FILES = Party.of(FILES_ACCOUNT)
FOREIGN_CAROL = Party("carol@OTHER.TEST", foreign=True)


def to_self(service: Account = WEB_ACCOUNT, user: Account = ALICE, *, forwardable: bool = True) -> Decision:
    return decide_self(Party.of(service), Party.of(user), tgt_forwardable=forwardable, now=NOW)


def proxy(
    middle: Account = WEB_ACCOUNT,
    target: Account = NS_ACCOUNT,
    user: Account = ALICE,
    *,
    forwardable: bool = True,
    resource_based: bool = False,
    transition: bool = False,
) -> Decision:
    request = ProxyRequest(forwardable, resource_based, transition, NOW)
    return decide_proxy(Party.of(middle), Party.of(target), Party.of(user), request)


def outcome(decision: Decision) -> tuple[KrbCode | None, str]:
    return decision.code, decision.decisive.rule


# Trap 10.


@pytest.mark.parametrize(
    ("service", "user", "forwardable", "expected"),
    [
        ({"any_protocol": True}, ALICE, True, True),
        ({"any_protocol": True}, ALICE, False, False),
        ({"any_protocol": True}, BOB, True, False),
        ({"any_protocol": True, "delegates_to": ()}, ALICE, True, True),
        ({"any_protocol": False}, ALICE, True, False),
        ({"any_protocol": False, "delegates_to": ()}, ALICE, True, True),
        ({"any_protocol": False, "delegates_to": ()}, BOB, True, False),
        ({"any_protocol": False, "delegates_to": ()}, ALICE, False, False),
    ],
    ids=[
        "protocol transition",
        "ticket not forwardable",
        "sensitive user",
        "protocol transition without a list",
        "list without protocol transition",
        "neither list nor right",
        "neither, for a sensitive user",
        "neither, ticket not forwardable",
    ],
)
def test_a_ticket_to_oneself_is_evidence_by_right_or_without_a_list(
    service: dict[str, object], user: Account, forwardable: bool, expected: bool
) -> None:
    decision = to_self(changed(WEB_ACCOUNT, **service), user, forwardable=forwardable)
    assert decision.allowed and decision.code is None
    assert decision.forwardable is expected


def test_what_makes_a_ticket_no_evidence_is_told_first() -> None:
    middle = changed(WEB_ACCOUNT, any_protocol=False)
    assert to_self(middle, BOB).decisive.words == "bob is sensitive: never delegated"
    assert to_self(middle).decisive.words == "HTTP/web.bossa.test may only speak for users who came by Kerberos"
    assert to_self().decisive.rule == "any-protocol"


# Trap 7.


@pytest.mark.parametrize(
    ("state", "code", "rule"),
    [
        ({"disabled": True}, KrbCode.CLIENT_REVOKED, "user-enabled"),
        ({"locked_until": NOW + 1}, KrbCode.CLIENT_REVOKED, "user-unlocked"),
        ({"expires": NOW}, KrbCode.NAME_EXP, "user-in-time"),
        ({"kind": Kind.KRBTGT}, KrbCode.C_PRINCIPAL_UNKNOWN, "user-known"),
        ({"kind": Kind.TRUST}, KrbCode.C_PRINCIPAL_UNKNOWN, "user-known"),
    ],
)
def test_a_user_who_may_not_have_tickets_is_not_spoken_for(state: dict[str, object], code: KrbCode, rule: str) -> None:
    user = changed(ALICE, **state)
    assert outcome(to_self(user=user)) == (code, rule)
    assert outcome(proxy(user=user)) == (code, rule)


@pytest.mark.parametrize(
    "state", [{"password_expires": 1}, {"must_change": True}, {"locked_until": NOW}, {"expires": NOW + 1}]
)
def test_an_expired_password_is_no_obstacle(state: dict[str, object]) -> None:
    assert to_self(user=changed(ALICE, **state)).forwardable
    assert proxy(user=changed(ALICE, **state)).allowed


def test_an_unknown_user_is_not_spoken_for() -> None:
    decision = decide_self(Party.of(WEB_ACCOUNT), Party("mallory"), tgt_forwardable=True, now=NOW)
    assert outcome(decision) == (KrbCode.C_PRINCIPAL_UNKNOWN, "user-known")


@pytest.mark.parametrize("state", [{"disabled": True}, {"expires": NOW}])
def test_a_service_out_of_service_speaks_for_nobody(state: dict[str, object]) -> None:
    service = changed(WEB_ACCOUNT, **state)
    assert outcome(to_self(service)) == (KrbCode.CLIENT_REVOKED, "service-enabled")
    assert outcome(proxy(service)) == (KrbCode.CLIENT_REVOKED, "middle-enabled")
    assert outcome(proxy(target=changed(NS_ACCOUNT, **state))) == (KrbCode.SERVICE_REVOKED, "target-enabled")


# Trap 11.


@pytest.mark.parametrize("target", [NS_ACCOUNT, FILES_ACCOUNT], ids=["own list", "target's list"])
def test_a_sensitive_user_is_never_delegated_not_even_with_forwardable_evidence(target: Account) -> None:
    decision = proxy(target=target, user=BOB, resource_based=True)
    assert outcome(decision) == (KrbCode.BADOPTION, "user-delegable")
    assert decision.decisive.words == "bob is sensitive: never delegated"


# Traps 12, 17, 18.


@pytest.mark.parametrize("resource_based", [False, True])
@pytest.mark.parametrize("target", [NS_ACCOUNT, FILES_ACCOUNT], ids=["own list", "target's list"])
def test_evidence_that_is_not_forwardable_is_none_whatever_the_list(target: Account, resource_based: bool) -> None:
    decision = proxy(target=target, forwardable=False, resource_based=resource_based)
    assert outcome(decision) == (KrbCode.BADOPTION, "evidence-forwardable")


@pytest.mark.parametrize("target", [KRBTGT, changed(NS_ACCOUNT, kind=Kind.TRUST)], ids=["krbtgt", "trust"])
def test_nobody_acts_for_a_user_at_what_grants_tickets(target: Account) -> None:
    middle = changed(WEB_ACCOUNT, delegates_to=(target.name,))
    assert outcome(proxy(middle, target, resource_based=True)) == (KrbCode.POLICY, "target-is-service")


def test_what_grants_tickets_elsewhere_is_no_target_either() -> None:
    decision = decide_proxy(
        Party.of(WEB_ACCOUNT),
        Party("krbtgt/OTHER.TEST", foreign=True),
        Party.of(ALICE),
        ProxyRequest(True, True, False, NOW),
    )
    assert outcome(decision) == (KrbCode.POLICY, "target-is-service")


@pytest.mark.parametrize(
    ("own", "theirs", "resource_based", "expected"),
    [
        ((NS_ACCOUNT.name,), (), False, "own-list"),
        ((NS_ACCOUNT.name,), (), True, "own-list"),
        ((), (WEB_ACCOUNT.name,), True, "target-list"),
        (("DNS/other.bossa.test",), (WEB_ACCOUNT.name,), True, "target-list"),
        ((NS_ACCOUNT.name,), (WEB_ACCOUNT.name,), True, "own-list"),
        ((), (WEB_ACCOUNT.name,), False, None),
        ((), (), True, None),
        (("DNS/other.bossa.test",), ("HTTP/other.bossa.test",), True, None),
    ],
)
def test_one_of_the_two_lists_has_to_have_the_pair(
    own: tuple[str, ...], theirs: tuple[str, ...], resource_based: bool, expected: str | None
) -> None:
    decision = proxy(
        changed(WEB_ACCOUNT, delegates_to=own),
        changed(NS_ACCOUNT, allowed_from=theirs),
        resource_based=resource_based,
    )
    if expected is not None:
        assert decision.allowed and decision.forwardable and decision.decisive.rule == expected
    else:
        assert outcome(decision) == (KrbCode.BADOPTION, "allowed")


def test_the_list_of_the_target_counts_only_when_asked_for_and_the_words_say_so() -> None:
    decision = proxy(target=FILES_ACCOUNT)
    assert not decision.allowed
    assert "resource-based delegation was not asked for" in decision.steps[-2].words
    assert proxy(target=FILES_ACCOUNT, resource_based=True).allowed


@pytest.mark.parametrize("spelled", ["DNS/ns.bossa.test", "DNS/ns", "dns/NS.bossa.TEST"])
def test_accounts_are_compared_not_spellings(spelled: str) -> None:
    assert proxy(changed(WEB_ACCOUNT, delegates_to=(spelled,))).allowed
    middle = changed(WEB_ACCOUNT, delegates_to=())
    by_target = changed(NS_ACCOUNT, allowed_from=("cifs/WEB.bossa.test",))
    assert proxy(middle, by_target, resource_based=True).allowed


@pytest.mark.parametrize(
    "spelled", ["DNS/ns.bossa.test.evil", "DNS", "ns.bossa.test", "DNS/ns.bossa.test@BOSSA.TEST", ""]
)
def test_a_name_that_only_looks_alike_is_no_name(spelled: str) -> None:
    assert not proxy(changed(WEB_ACCOUNT, delegates_to=(spelled,))).allowed


def test_a_list_of_ones_own_is_for_users_who_came_by_kerberos_without_protocol_transition() -> None:
    """Evidence that a service made while it had no list is forwardable; a list that it gets later does not take it."""
    middle = changed(WEB_ACCOUNT, any_protocol=False)
    decision = proxy(middle, transition=True)
    assert outcome(decision) == (KrbCode.BADOPTION, "allowed")
    assert decision.decisive.words == (
        "DNS/ns.bossa.test is on the list of HTTP/web.bossa.test, but the user did not come by Kerberos"
    )
    assert proxy(middle).allowed and proxy(transition=True).allowed
    assert proxy(middle, FILES_ACCOUNT, transition=True, resource_based=True).allowed


# CVE-2024-2698.


@pytest.mark.parametrize("any_protocol", [False, True])
@pytest.mark.parametrize("resource_based", [False, True])
def test_cve_2024_2698_without_a_target_nothing_is_allowed(any_protocol: bool, resource_based: bool) -> None:
    middle = changed(WEB_ACCOUNT, any_protocol=any_protocol)
    for target in (Party(""), Party("DNS/gone.bossa.test")):
        decision = decide_proxy(
            Party.of(middle), target, Party.of(ALICE), ProxyRequest(True, resource_based, False, NOW)
        )
        assert outcome(decision) == (KrbCode.S_PRINCIPAL_UNKNOWN, "target-known")


def test_cve_2024_2698_what_makes_evidence_says_nothing_of_targets() -> None:
    """The service may make evidence for anybody, and still goes nowhere but where its list leads."""
    assert to_self().forwardable
    assert not proxy(target=FILES_ACCOUNT).allowed


# Traps 23 and 24: across realms.


def across(middle: Party = FOREIGN_APP, target: Party = FILES, *, resource_based: bool = True) -> Decision:
    return decide_proxy(middle, target, FOREIGN_CAROL, ProxyRequest(True, resource_based, False, NOW))


def test_a_foreign_service_comes_by_the_targets_list_alone() -> None:
    assert across().allowed and across().decisive.rule == "target-list"
    assert outcome(across(resource_based=False)) == (KrbCode.BADOPTION, "allowed")
    assert outcome(across(target=Party.of(NS_ACCOUNT))) == (KrbCode.BADOPTION, "allowed")


@pytest.mark.parametrize("name", ["HTTP/app", "HTTP/app@BOSSA.TEST", "http/app@OTHER.TEST", "HTTP/web"])
def test_a_foreign_service_is_listed_with_its_realm_and_exactly_so(name: str) -> None:
    assert not across(target=Party.of(changed(FILES_ACCOUNT, allowed_from=(name,)))).allowed


def test_a_list_of_a_foreign_service_that_has_a_namesake_here_does_not_apply() -> None:
    namesake = Party("HTTP/web.bossa.test@OTHER.TEST", foreign=True)
    assert not across(namesake, Party.of(NS_ACCOUNT)).allowed


def test_towards_another_realm_only_resource_based_delegation_leads() -> None:
    there = Party("cifs/files.other.test", foreign=True)
    middle = Party.of(changed(WEB_ACCOUNT, delegates_to=("cifs/files.other.test",)))
    asked = decide_proxy(middle, there, Party.of(ALICE), ProxyRequest(True, True, False, NOW))
    assert asked.allowed and asked.decisive.rule == "target-elsewhere"
    classic = decide_proxy(middle, there, Party.of(ALICE), ProxyRequest(True, False, False, NOW))
    assert outcome(classic) == (KrbCode.BADOPTION, "target-elsewhere")
    sensitive = decide_proxy(middle, there, Party.of(BOB), ProxyRequest(True, True, False, NOW))
    assert outcome(sensitive) == (KrbCode.BADOPTION, "user-delegable")


def test_a_decision_reads_as_sentences() -> None:
    words = [step.words for step in proxy(target=FILES_ACCOUNT).steps]
    assert words == [
        "the evidence ticket is forwardable",
        "cifs/files.bossa.test is a service",
        "there is an account for HTTP/web.bossa.test",
        "HTTP/web.bossa.test is enabled",
        "there is an account for cifs/files.bossa.test",
        "cifs/files.bossa.test is enabled",
        "there is an account alice",
        "alice is enabled",
        "alice is not locked",
        "the account alice is in its time",
        "alice may be delegated",
        "cifs/files.bossa.test is not on the list of HTTP/web.bossa.test",
        "HTTP/web.bossa.test is on the list of cifs/files.bossa.test, but resource-based delegation was not asked for",
        "HTTP/web.bossa.test may not act for users at cifs/files.bossa.test: neither list has it",
    ]
