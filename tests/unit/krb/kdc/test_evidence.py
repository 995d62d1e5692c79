"""S4U2Proxy: evidence and what it gets.  [MS-SFU] 3.2.5.2"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Key
from bossa.directory.realm import Realm, Version
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.kdc.evidence import (
    Evidence,
    ProxyCase,
    check_options,
    find_delegated,
    open_evidence,
    open_evidence_across,
    proxy_ticket,
)
from bossa.krb.kdc.s4u import Grant
from bossa.krb.messages import KdcReqBody, Transited
from bossa.krb.names import krbtgt
from bossa.krb.pac import (
    BufferType,
    ClientInfo,
    DelegationInfo,
    PacContent,
    delegation_info,
    from_directory,
    put_in,
    sign_service,
    sign_tgt,
    verify_service,
)
from bossa.krb.pac.delegated import MAX_SERVICES
from tests.unit.krb.pac.specimens import (
    ALICE,
    KDC,
    NOW,
    NS,
    OLD_KDC,
    OTHER,
    REALM,
    TRUST,
    WEB,
    WEB_ACCOUNT,
    F,
    Made,
    changed,
    content,
    name,
    part,
    principal,
    realm,
    service_ticket,
    with_part,
)

WEB_NAME, NS_NAME, FILES_NAME = "HTTP/web.bossa.test", "DNS/ns.bossa.test", "cifs/files.bossa.test"
OLD_WEB = Key(18, b"o" * 32)


def versions(*keys: Key) -> tuple[Version, ...]:
    return tuple(Version(len(keys) - n, NOW, "", {key.enctype: key}) for n, key in enumerate(keys))


def shown(made: Made | None = None, *, of: Realm | None = None, keys: tuple[Key, ...] = (WEB,)) -> Evidence:
    of = of or realm()
    made = made or service_ticket("alice", WEB_NAME, WEB)
    return open_evidence(of, made.ticket, principal(of, WEB_NAME), versions(*keys), (KDC, OLD_KDC))


def code(made: Made, **how: object) -> KrbCode:
    with pytest.raises(KdcError) as caught:
        shown(made, **how)  # type: ignore[arg-type]
    return caught.value.code


# Options: traps 12 and 19.


def body(options: KdcOptions, *tickets: Made) -> KdcReqBody:
    return KdcReqBody(
        int(options), None, REALM, name(NS_NAME), None, 0, None, 1, (18,),
        additional_tickets=tuple(one.ticket for one in tickets),
    )  # fmt: skip


ASKED = KdcOptions.CNAME_IN_ADDL_TKT


@pytest.mark.parametrize("option", ["RENEW", "FORWARDED", "PROXY", "VALIDATE", "ENC_TKT_IN_SKEY"])
def test_delegation_is_not_asked_for_together_with_another_kind_of_ticket(option: str) -> None:
    with pytest.raises(KdcError) as caught:
        check_options(body(ASKED | KdcOptions[option], service_ticket("alice", WEB_NAME, WEB)))
    assert caught.value.code == KrbCode.BADOPTION


def test_delegation_without_evidence_is_a_bad_option() -> None:
    with pytest.raises(KdcError) as caught:
        check_options(body(ASKED))
    assert caught.value.code == KrbCode.BADOPTION


def test_of_two_tickets_only_the_first_is_used() -> None:
    one, two = service_ticket("alice", WEB_NAME, WEB), service_ticket("bob", NS_NAME, NS)
    assert check_options(body(ASKED, one, two)) == one.ticket


# Whose evidence it is: trap 16.


def test_evidence_is_a_ticket_to_the_service_that_shows_it() -> None:
    found = shown()
    assert (found.crealm, found.cname, found.forwardable, found.crossed) == (REALM, name("alice"), True, False)


@pytest.mark.parametrize("alias", ["HTTP/web", "cifs/web.bossa.test"])
def test_evidence_to_another_name_of_the_same_account_is_the_services_own(alias: str) -> None:
    assert shown(service_ticket("alice", alias, WEB)).cname == name("alice")


@pytest.mark.parametrize("service", [NS_NAME, "krbtgt/BOSSA.TEST", "HTTP/gone.bossa.test", "http/web"])
def test_evidence_to_another_service_does_not_match(service: str) -> None:
    assert code(service_ticket("alice", service, WEB)) == KrbCode.SERVER_NOMATCH


def test_evidence_of_another_realm_does_not_match() -> None:
    assert code(replace(service_ticket("alice", WEB_NAME, WEB), issuer=OTHER)) == KrbCode.SERVER_NOMATCH


# Trap 21.


@pytest.mark.parametrize("kvno", [1, 2, 99])
def test_evidence_under_an_older_key_of_the_service_is_opened(kvno: int) -> None:
    made = replace(service_ticket("alice", WEB_NAME, OLD_WEB), kvno=kvno)
    assert shown(made, keys=(WEB, OLD_WEB)).cname == name("alice")
    assert code(made) == KrbCode.BAD_INTEGRITY


def test_evidence_under_a_key_of_a_type_that_the_service_has_not_is_not_opened() -> None:
    assert code(service_ticket("alice", WEB_NAME, Key(20, b"w" * 32))) == KrbCode.BAD_INTEGRITY


def test_evidence_vouched_for_under_an_older_ticket_granting_key_counts() -> None:
    bare = part("alice")
    made = Made(put_in(bare, sign_service(content("alice"), bare, WEB, OLD_KDC)), name(WEB_NAME), WEB)
    assert shown(made).cname == name("alice")


# Trap 13 and 14 through this door.


def test_cve_2020_17049_evidence_made_forwardable_by_the_service_is_modified() -> None:
    bare = part("alice", flags=int(TicketFlags.PRE_AUTHENT))
    made = service_ticket("alice", WEB_NAME, WEB, bare=bare)
    assert not shown(made).forwardable
    assert code(with_part(made, flags=F)) == KrbCode.MODIFIED
    assert code(with_part(made, flags=F, authorization_data=())) == KrbCode.MODIFIED


# The ticket: trap 20.


def case(
    evidence: Evidence | None = None, *, target: str = NS_NAME, of: Realm | None = None, **fields: object
) -> ProxyCase:
    of = of or realm()
    evidence = evidence or shown(of=of)
    if "user" not in fields:
        fields["user"] = find_delegated(of, evidence)
    values: dict[str, object] = {
        "evidence": evidence,
        "header": part(WEB_NAME),
        "sname": name(target),
        "middle": principal(of, WEB_NAME),
        "target": principal(of, target),
        "pac": evidence.pac,
        "resource_based": False,
    }
    return ProxyCase(**{**values, **fields})  # type: ignore[arg-type]


def granted(asked: ProxyCase) -> Grant:
    return proxy_ticket(realm(), asked, NOW)


def refusal(asked: ProxyCase) -> KdcError:
    with pytest.raises(KdcError) as caught:
        granted(asked)
    return caught.value


def test_the_ticket_is_the_users_with_the_evidences_authtime_and_path() -> None:
    bare = replace(part("alice", authtime=NOW - 500, endtime=NOW + 100), transited=Transited(1, b"X.TEST"))
    made = service_ticket("alice", WEB_NAME, WEB, content("alice", authtime=NOW - 500), bare=bare)
    grant = granted(case(shown(made)))
    assert (grant.crealm, grant.cname) == (REALM, name("alice"))
    assert (grant.authtime, grant.endtime, grant.transited.octets) == (NOW - 500, NOW + 100, b"X.TEST")
    assert grant.forwardable
    assert ClientInfo.decode(grant.pac.find(BufferType.CLIENT_INFO) or b"") == ClientInfo(NOW - 500, "alice")


def test_the_ticket_ends_with_the_header_where_that_is_earlier() -> None:
    assert granted(case(header=part(WEB_NAME, endtime=NOW + 9))).endtime == NOW + 9


@pytest.mark.parametrize(
    ("fields", "expected"),
    [({"endtime": NOW}, KrbCode.TKT_EXPIRED), ({"flags": F | TicketFlags.INVALID}, KrbCode.TKT_NYV)],
)
def test_evidence_out_of_its_time_is_refused(fields: dict[str, object], expected: KrbCode) -> None:
    bare = replace(part("alice"), **fields)  # type: ignore[arg-type]
    assert refusal(case(shown(service_ticket("alice", WEB_NAME, WEB, bare=bare)))).code == expected


def test_the_way_is_written_down_in_order_and_checked_on_the_second_hop() -> None:
    """[MS-PAC] 2.9"""
    first = granted(case())
    assert delegation_info(first.pac) == DelegationInfo(NS_NAME, (f"{WEB_NAME}@{REALM}",))
    ns = changed(principal(realm(), NS_NAME).account, delegates_to=(FILES_NAME,))
    of = realm(ns)
    bare = part("alice")
    second_evidence = Made(put_in(bare, sign_service(first.pac, bare, NS, KDC)), name("DNS/ns"), NS)
    evidence = open_evidence(of, second_evidence.ticket, principal(of, NS_NAME), versions(NS), (KDC,))
    second = granted(case(evidence, target=FILES_NAME, of=of, middle=principal(of, NS_NAME), header=part(NS_NAME)))
    assert delegation_info(second.pac) == DelegationInfo(FILES_NAME, (f"{WEB_NAME}@{REALM}", f"{NS_NAME}@{REALM}"))
    assert verify_service(second_evidence.opened, NS, (KDC,)) == first.pac


def with_info(info: DelegationInfo | bytes) -> Made:
    raw = info if isinstance(info, bytes) else info.encode()
    says = content("alice").replaced(BufferType.DELEGATION_INFO, raw)
    return service_ticket("alice", WEB_NAME, WEB, says)


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (DelegationInfo(NS_NAME, ("a@B",)), KrbCode.BADOPTION),
        (DelegationInfo("", ()), KrbCode.BADOPTION),
        (b"\x01\x10", KrbCode.BADOPTION),
        (DelegationInfo(WEB_NAME, ("a@B",) * MAX_SERVICES), KrbCode.POLICY),
        (DelegationInfo(WEB_NAME, ("a@B",) * (MAX_SERVICES + 1)), KrbCode.BADOPTION),
    ],
    ids=["another target", "no target", "garbage", "as long as it may be", "longer"],
)
def test_evidence_got_by_delegation_was_got_for_this_service(info: DelegationInfo | bytes, expected: KrbCode) -> None:
    assert code(with_info(info)) == expected


@pytest.mark.parametrize("target", ["HTTP/web", "http/WEB.bossa.test", "HTTP/web.bossa.test@BOSSA.TEST"])
def test_evidence_got_for_another_name_of_the_service_is_its_own(target: str) -> None:
    """Accounts are compared: the first hop may have been asked for by an alias, in any case, or with the realm."""
    assert shown(with_info(DelegationInfo(target, ("a@B",)))).cname == name("alice")


# Traps 11, 12, 17, 18 through this door: the code, and the rule in words for the log.


def test_evidence_that_is_not_forwardable_is_refused_with_its_rule() -> None:
    bare = part("alice", flags=int(TicketFlags.PRE_AUTHENT))
    evidence = shown(service_ticket("alice", WEB_NAME, WEB, bare=bare))
    for target, asked in ((NS_NAME, False), (FILES_NAME, True)):
        error = refusal(case(evidence, target=target, resource_based=asked))
        assert (error.code, error.reason) == (KrbCode.BADOPTION, "the evidence ticket is not forwardable")


def test_a_sensitive_user_is_refused_even_where_the_target_lists_the_service() -> None:
    evidence = shown(service_ticket("bob", WEB_NAME, WEB))
    error = refusal(case(evidence, target=FILES_NAME, resource_based=True))
    assert (error.code, error.reason) == (KrbCode.BADOPTION, "bob is sensitive: never delegated")


def test_a_target_on_no_list_is_refused_and_one_on_its_own_list_needs_to_be_asked_for() -> None:
    assert refusal(case(target=FILES_NAME)).code == KrbCode.BADOPTION
    assert granted(case(target=FILES_NAME, resource_based=True)).cname == name("alice")


def test_what_grants_tickets_is_no_target() -> None:
    of = realm(changed(WEB_ACCOUNT, delegates_to=("krbtgt",)))
    error = refusal(case(of=of, target="krbtgt", middle=principal(of, WEB_NAME)))
    assert error.code == KrbCode.POLICY


def test_a_user_whose_account_is_gone_is_unknown() -> None:
    evidence = shown()._replace(cname=name("mallory"))
    with pytest.raises(KdcError) as caught:
        find_delegated(realm(), evidence)
    assert caught.value.code == KrbCode.C_PRINCIPAL_UNKNOWN


def made_by_the_service(**fields: object) -> Evidence:
    of = realm(changed(WEB_ACCOUNT, **fields))
    says = from_directory(of, principal(of, "alice"), NOW - 60, transition=True)
    return shown(service_ticket("alice", WEB_NAME, WEB, says), of=of)


def test_evidence_that_the_service_made_itself_needs_the_right_to_do_so() -> None:
    kerberos_only = realm(changed(WEB_ACCOUNT, any_protocol=False))
    assert refusal(case(made_by_the_service(), of=kerberos_only)).code == KrbCode.BADOPTION
    assert granted(case(made_by_the_service())).cname == name("alice")
    assert granted(case(of=kerberos_only)).cname == name("alice"), "alice came with a ticket of her own"


def test_after_the_first_hop_the_first_service_answers_for_how_the_user_came() -> None:
    of = realm(changed(WEB_ACCOUNT, any_protocol=False))
    says = from_directory(of, principal(of, "alice"), NOW - 60, transition=True)
    says = says.replaced(BufferType.DELEGATION_INFO, DelegationInfo(WEB_NAME, (f"HTTP/first@{REALM}",)).encode())
    evidence = shown(service_ticket("alice", WEB_NAME, WEB, says), of=of)
    assert granted(case(evidence, of=of)).cname == name("alice")


def test_evidence_whose_groups_cannot_be_read_is_none() -> None:
    says = content("alice").replaced(BufferType.LOGON_INFO, b"\x01\x10")
    evidence = shown(service_ticket("alice", WEB_NAME, WEB, says))
    with pytest.raises(KdcError) as caught:
        find_delegated(realm(), evidence)
    assert caught.value.code == KrbCode.BADOPTION
    assert refusal(case(evidence, user=principal(realm(), "alice"))).code == KrbCode.BADOPTION


def test_cve_2020_25719_evidence_of_an_account_that_was_made_anew_is_revoked() -> None:
    with pytest.raises(KdcError) as caught:
        find_delegated(realm(changed(ALICE, rid=2000)), shown())
    assert caught.value.code == KrbCode.TGT_REVOKED


# Trap 24: across realms.


def test_towards_another_realm_the_ticket_stays_the_services_and_names_the_user_with_a_realm() -> None:
    asked = case(target=NS_NAME, resource_based=True)
    onward = replace(asked, target=None, sname=name("cifs/files.other.test"))
    grant = granted(onward)
    assert (grant.crealm, grant.cname) == (REALM, name(WEB_NAME))
    assert ClientInfo.decode(grant.pac.find(BufferType.CLIENT_INFO) or b"").name == "alice@BOSSA.TEST"
    assert delegation_info(grant.pac) == DelegationInfo("cifs/files.other.test", (f"{WEB_NAME}@{REALM}",))
    assert refusal(replace(onward, resource_based=False)).code == KrbCode.BADOPTION


APP = "HTTP/app"
FROM_APP = DelegationInfo(FILES_NAME, (f"{APP}@{OTHER}",))


def across(
    user: str = "carol@OTHER.TEST",
    info: DelegationInfo | None = FROM_APP,
    *,
    client: str = APP,
    sname: str = f"krbtgt/{REALM}",
    flags: int = F,
    asked: str = FILES_NAME,
) -> Evidence:
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(NOW - 60, user).encode())
    if info is not None:
        says = says.replaced(BufferType.DELEGATION_INFO, info.encode())
    bare = part(client, crealm=OTHER, flags=flags)
    made = Made(put_in(bare, sign_tgt(says, TRUST, Key(18, b"x" * 32))), name(sname), TRUST, issuer=OTHER)
    return open_evidence_across(
        realm(), made.ticket, part(APP, crealm=OTHER), versions(Key(18, b"y" * 32), TRUST), name(asked)
    )


def across_case(evidence: Evidence, target: str = FILES_NAME, *, resource_based: bool = True) -> ProxyCase:
    of = realm()
    return ProxyCase(
        evidence=evidence,
        header=part(APP, crealm=OTHER),
        sname=name(target),
        middle=None,
        target=principal(of, target),
        user=find_delegated(of, evidence),
        pac=evidence.pac,
        resource_based=resource_based,
    )


def test_a_foreign_service_acts_for_its_user_at_a_target_that_lists_it() -> None:
    evidence = across()
    assert (evidence.crealm, evidence.cname, evidence.crossed) == (OTHER, name("carol"), True)
    grant = granted(across_case(evidence))
    assert (grant.crealm, grant.cname) == (OTHER, name("carol"))
    assert ClientInfo.decode(grant.pac.find(BufferType.CLIENT_INFO) or b"") == ClientInfo(NOW - 60, "carol")
    assert delegation_info(grant.pac) == DelegationInfo(FILES_NAME, (f"{APP}@{OTHER}",)), "its own realm wrote it down"


def test_a_foreign_service_needs_the_targets_list_and_to_ask_for_it() -> None:
    assert refusal(across_case(across(), resource_based=False)).code == KrbCode.BADOPTION
    assert refusal(across_case(across(), NS_NAME)).code == KrbCode.BADOPTION
    assert refusal(across_case(across(flags=0))).code == KrbCode.BADOPTION


@pytest.mark.parametrize("asked", ["cifs/FILES.bossa.test", f"{FILES_NAME}"])
@pytest.mark.parametrize("written", ["CIFS/files.bossa.test", f"{FILES_NAME}@{REALM}"])
def test_the_target_across_realms_is_an_account_too_and_not_a_spelling(written: str, asked: str) -> None:
    evidence = across(info=DelegationInfo(written, (f"{APP}@{OTHER}",)), asked=asked)
    assert evidence.cname == name("carol")


def across_code(**how: object) -> KrbCode:
    with pytest.raises(KdcError) as caught:
        across(**how)  # type: ignore[arg-type]
    return caught.value.code


@pytest.mark.parametrize(
    "how",
    [
        {"client": "HTTP/other"},
        {"sname": WEB_NAME},
        {"sname": f"krbtgt/{OTHER}"},
        {"info": None},
        {"info": DelegationInfo(FILES_NAME, ())},
        {"info": DelegationInfo(FILES_NAME, (f"HTTP/other@{OTHER}",))},
        {"info": DelegationInfo(FILES_NAME, (f"{APP}@{OTHER}", f"HTTP/other@{OTHER}"))},
        {"info": DelegationInfo(NS_NAME, (f"{APP}@{OTHER}",))},
        {"info": DelegationInfo("HTTP/gone", (f"{APP}@{OTHER}",)), "asked": "HTTP/gone"},
        {"user": "carol"},
    ],
    ids=[
        "another client",
        "a service ticket",
        "its own realm's",
        "no delegation",
        "nobody acted",
        "another acted",
        "another acted last",
        "for another target",
        "for nobody's name",
        "a user without a realm",
    ],
)
def test_evidence_of_a_foreign_service_is_its_realms_referral_for_this_target(how: dict[str, object]) -> None:
    assert across_code(**how) == KrbCode.BADOPTION


def test_evidence_of_a_foreign_service_under_another_key_than_the_trusts_is_not_opened() -> None:
    made = Made(part(APP, crealm=OTHER), krbtgt(REALM), KDC, issuer=OTHER)
    with pytest.raises(KdcError) as caught:
        open_evidence_across(realm(), made.ticket, part(APP, crealm=OTHER), versions(TRUST), name(FILES_NAME))
    assert caught.value.code == KrbCode.BAD_INTEGRITY


@pytest.mark.parametrize("user", [f"alice@{REALM}", "dave@THIRD.TEST", "carol@other.test"])
def test_another_realm_speaks_for_its_own_users_only(user: str) -> None:
    assert across_code(user=user) == KrbCode.POLICY


def test_the_pac_that_travels_on_is_the_one_that_was_given() -> None:
    """Whoever filters the evidence's SIDs gives what is left; nothing dropped comes back."""
    bare = PacContent(((BufferType.CLIENT_INFO, b"old"),))
    grant = granted(replace(across_case(across()), pac=bare))
    assert [kind for kind, _ in grant.pac.buffers] == [BufferType.CLIENT_INFO]
