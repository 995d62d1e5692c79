"""Conversations of services that speak for users: S4U2Self, S4U2Proxy, and what is not to be had so.  [MS-SFU] 3.2.5"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Key
from bossa.directory.changes import remove_account
from bossa.krb.client import Login, User, Wishes, act_for, authenticate, impersonate
from bossa.krb.client.s4u import for_user, x509_user
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, PacOptions, TicketFlags
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.messages import AuthData, HostAddress, PaData, encode_authorization_data
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.pac.container import BufferType
from bossa.krb.pac.delegated import DelegationInfo
from bossa.krb.pac.verify import verify_service
from bossa.krb.padata import PaPacOptions, PaType
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from tests.talk.kerberos import (
    ADDRESS,
    NOW,
    Credential,
    Site,
    ask,
    code,
    drive,
    forged,
    log_in,
    name,
    setting,
    tgs_req,
)

WEB, DNS = "HTTP/web.bossa.test", "DNS/ns.bossa.test"
FORWARDABLE = int(KdcOptions.FORWARDABLE)
IN_ADDITIONAL = int(KdcOptions.CNAME_IN_ADDL_TKT)
ALICE = User(name("alice"), "BOSSA.TEST")
BY_RESOURCE = PaData(PaType.PAC_OPTIONS, PaPacOptions(int(PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION)).encode())


@pytest.fixture
def site() -> Site:
    """A realm with a user, a web server that may act for users at a name server, and that name server."""
    made = Site()
    made.user("alice")
    made.service(DNS)
    made.service(WEB, delegates_to=(DNS,), any_protocol=True)
    return made


@pytest.fixture
def web(site: Site) -> Credential:
    """The web server's own ticket."""
    return log_in(site, WEB, key=site.principal(WEB).key(), kdc_options=FORWARDABLE)


def to_self(site: Site, held: Credential, user: User = ALICE, sname: str = WEB, **fields: Any) -> Credential:
    """Get a ticket to oneself for a user."""
    fields = {"kdc_options": FORWARDABLE, **fields}
    return ask(site, held, sname, for_user(user, held.key), **fields)


def proxy(site: Site, held: Credential, evidence: Credential, *padata: PaData, **fields: Any) -> Outcome:
    """Ask to act for the client of a ticket at the name server."""
    options = fields.pop("kdc_options", FORWARDABLE) | IN_ADDITIONAL
    sname = fields.pop("sname", DNS)
    tickets = fields.pop("additional_tickets", (evidence.ticket,))
    return site.say(tgs_req(site, held, sname, *padata, kdc_options=options, additional_tickets=tickets, **fields))


def content_of(site: Site, held: Credential, server: str) -> Any:
    """Open a ticket as its service, with all four signatures of its PAC."""
    key, kdc = site.principal(server).key(), site.principal("krbtgt").key()
    assert key is not None
    assert kdc is not None
    return verify_service(site.open(held.ticket, server), key, [kdc])


def test_a_service_gets_a_ticket_to_itself_for_a_user(site: Site, web: Credential) -> None:
    """[MS-SFU] 3.2.5.1.2"""
    outcome = site.say(tgs_req(site, web, WEB, for_user(ALICE, web.key), kdc_options=FORWARDABLE))
    assert (outcome.client, outcome.delegated_by) == ("alice@BOSSA.TEST", f"{WEB}@BOSSA.TEST")
    assert outcome.service == f"{WEB}@BOSSA.TEST"
    held = to_self(site, web)
    part = site.open(held.ticket, WEB).part
    assert (held.cname, part.cname, part.crealm) == (name("alice"), name("alice"), "BOSSA.TEST")
    assert part.flags == TicketFlags.FORWARDABLE | TicketFlags.TRANSITED_POLICY_CHECKED
    assert part.renew_till is None
    assert content_of(site, held, WEB).find(BufferType.LOGON_INFO)


def test_an_identity_under_the_subkey_is_answered(site: Site, web: Credential) -> None:
    """[MS-SFU] 2.2.2: the reply confirms it in padata of its own."""
    held = ask(site, web, WEB, x509_user(ALICE, web.key, 12345), kdc_options=FORWARDABLE)
    assert held.cname == name("alice")
    assert [one.type for one in held.reply.padata] == [PaType.S4U_X509_USER]


def test_a_service_speaks_for_itself_only(site: Site, web: Credential) -> None:
    """CVE-2020-25722: a ticket to another service for a user is refused."""
    packet = tgs_req(site, web, DNS, for_user(ALICE, web.key))
    assert code(site.say(packet)) == KrbCode.BADMATCH


def test_a_service_speaks_for_itself_under_any_of_its_names(site: Site, web: Credential) -> None:
    site.change(WEB, names=("HTTP/www.bossa.test",))
    assert to_self(site, web, sname="HTTP/www.bossa.test").ticket.sname.text == "HTTP/www.bossa.test"


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"disabled": True}, KrbCode.CLIENT_REVOKED),
        ({"locked_until": int(NOW) + 60}, KrbCode.CLIENT_REVOKED),
        ({"expires": int(NOW)}, KrbCode.NAME_EXP),
    ],
)
def test_nobody_speaks_for_a_user_out_of_use(
    site: Site, web: Credential, fields: dict[str, Any], refused: KrbCode
) -> None:
    """Trap 7 of the reference."""
    site.change("alice", **fields)
    outcome = site.say(tgs_req(site, web, WEB, for_user(ALICE, web.key)))
    assert code(outcome) == refused
    assert (outcome.client, outcome.delegated_by) == ("alice@BOSSA.TEST", f"{WEB}@BOSSA.TEST")


@pytest.mark.parametrize("fields", [{"must_change": True}, {"password_expires": 1}])
def test_an_old_password_hinders_nobody_who_does_not_type_it(
    site: Site, web: Credential, fields: dict[str, Any]
) -> None:
    site.change("alice", **fields)
    assert to_self(site, web)


@pytest.mark.parametrize("unknown", ["nobody", "alice$", "ALICE", "krbtgt"])
def test_a_user_whom_nobody_knows_is_unknown(site: Site, web: Credential, unknown: str) -> None:
    """CVE-2021-42287: names are taken as they are."""
    packet = tgs_req(site, web, WEB, for_user(User(name(unknown), "BOSSA.TEST"), web.key))
    assert code(site.say(packet)) == KrbCode.C_PRINCIPAL_UNKNOWN


@pytest.mark.parametrize(
    "option", [KdcOptions.RENEW, KdcOptions.FORWARDED, KdcOptions.PROXY, KdcOptions.ENC_TKT_IN_SKEY]
)
def test_a_ticket_to_oneself_is_no_other_kind_of_ticket(site: Site, option: KdcOptions) -> None:
    """[MS-SFU] 3.2.5.1"""
    options = int(KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE | KdcOptions.RENEWABLE)
    held = log_in(site, WEB, key=site.principal(WEB).key(), kdc_options=options)
    packet = tgs_req(site, held, WEB, for_user(ALICE, held.key), kdc_options=int(option))
    assert code(site.say(packet)) == KrbCode.BADOPTION


def test_a_service_that_is_allowed_acts_for_a_user(site: Site, web: Credential) -> None:
    """[MS-SFU] 3.2.5.2.2"""
    evidence = to_self(site, web)
    outcome = proxy(site, web, evidence)
    assert outcome.verdict is Verdict.ISSUED
    assert (outcome.client, outcome.delegated_by) == ("alice@BOSSA.TEST", f"{WEB}@BOSSA.TEST")
    assert (outcome.service, outcome.reason) == (f"{DNS}@BOSSA.TEST", f"{DNS} is on the list of {WEB}")
    held = ask(site, web, DNS, kdc_options=IN_ADDITIONAL, additional_tickets=(evidence.ticket,))
    part = site.open(held.ticket, DNS).part
    assert (part.cname, part.crealm, part.renew_till) == (name("alice"), "BOSSA.TEST", None)
    info = content_of(site, held, DNS).find(BufferType.DELEGATION_INFO)
    assert DelegationInfo.decode(info) == DelegationInfo(DNS, (f"{WEB}@BOSSA.TEST",))


def test_a_ticket_that_the_user_brought_is_evidence_too(site: Site, web: Credential) -> None:
    brought = ask(site, log_in(site, "alice", kdc_options=FORWARDABLE), WEB, kdc_options=FORWARDABLE)
    held = ask(site, web, DNS, kdc_options=IN_ADDITIONAL, additional_tickets=(brought.ticket,))
    assert held.told.flags & TicketFlags.PRE_AUTHENT
    assert held.told.authtime == brought.told.authtime


def test_times_are_bounded_by_both_tickets(site: Site, web: Credential) -> None:
    """Trap 20 of the reference."""
    brought = ask(site, log_in(site, "alice", kdc_options=FORWARDABLE), WEB, kdc_options=FORWARDABLE,
                  till=int(NOW) + 1800)  # fmt: skip
    site.now += 60
    told = ask(site, web, DNS, kdc_options=IN_ADDITIONAL, additional_tickets=(brought.ticket,)).told
    assert (told.authtime, told.starttime, told.endtime) == (int(NOW), int(NOW) + 60, int(NOW) + 1800)


def test_what_the_evidence_is_narrowed_to_the_ticket_is_narrowed_to(site: Site, web: Credential) -> None:
    """RFC 4120 §5.2.6: whoever acts, the user's restrictions go with the ticket."""
    item = AuthData(-77, b"only on Sundays")
    alice = log_in(site, "alice", kdc_options=FORWARDABLE)
    locked = lock(alice.key, Usage.TGS_REQ_AUTH_DATA_SESSION, encode_authorization_data((item,)), bytes(16))
    brought = ask(site, alice, WEB, kdc_options=FORWARDABLE, enc_authorization_data=locked)
    held = ask(site, web, DNS, kdc_options=IN_ADDITIONAL, additional_tickets=(brought.ticket,))
    assert site.open(held.ticket, DNS).part.authorization_data[1:] == (item,)


def test_a_service_that_is_bound_to_addresses_acts_from_there(site: Site) -> None:
    here = (HostAddress(2, bytes(int(part) for part in ADDRESS.split("."))),)
    web = log_in(site, WEB, key=site.principal(WEB).key(), kdc_options=FORWARDABLE, addresses=here)
    evidence = to_self(site, web)
    held = ask(site, web, DNS, kdc_options=IN_ADDITIONAL, additional_tickets=(evidence.ticket,))
    assert evidence.told.caddr == held.told.caddr == here


def test_the_list_decides(site: Site, web: Credential) -> None:
    site.change(WEB, delegates_to=("DNS/other.bossa.test",))
    outcome = proxy(site, web, to_self(site, web))
    assert code(outcome) == KrbCode.BADOPTION
    assert "neither list" in outcome.reason
    assert outcome.delegated_by == f"{WEB}@BOSSA.TEST"


def test_the_list_of_the_target_decides_where_it_is_asked(site: Site, web: Credential) -> None:
    site.change(WEB, delegates_to=(), any_protocol=False)
    site.change(DNS, allowed_from=(WEB,))
    evidence = to_self(site, web)
    assert code(proxy(site, web, evidence)) == KrbCode.BADOPTION
    outcome = proxy(site, web, evidence, BY_RESOURCE)
    assert outcome.verdict is Verdict.ISSUED
    assert outcome.reason == f"{WEB} is on the list of {DNS}"


def test_without_the_right_to_any_protocol_a_ticket_to_oneself_is_no_evidence(site: Site, web: Credential) -> None:
    site.change(WEB, any_protocol=False)
    evidence = to_self(site, web)
    assert not evidence.told.flags & TicketFlags.FORWARDABLE
    assert code(proxy(site, web, evidence)) == KrbCode.BADOPTION


def test_a_sensitive_user_is_never_delegated(site: Site, web: Credential) -> None:
    site.change("alice", sensitive=True)
    evidence = to_self(site, web)
    assert not evidence.told.flags & TicketFlags.FORWARDABLE
    assert code(proxy(site, web, evidence, BY_RESOURCE)) == KrbCode.BADOPTION


def test_the_bronze_bit_is_seen(site: Site, web: Credential) -> None:
    """CVE-2020-17049"""
    site.change(WEB, any_protocol=False)
    evidence = to_self(site, web)
    bronze = forged(site, evidence, WEB, lambda part: replace(part, flags=part.flags | TicketFlags.FORWARDABLE))
    assert code(proxy(site, web, bronze)) == KrbCode.MODIFIED
    bare = forged(site, bronze, WEB, lambda part: replace(part, authorization_data=()))
    assert code(proxy(site, web, bare)) == KrbCode.MODIFIED


@pytest.mark.parametrize("target", [krbtgt("BOSSA.TEST"), name("kadmin/changepw")])
def test_nobody_acts_for_a_user_at_the_realm_itself(site: Site, web: Credential, target: PrincipalName) -> None:
    """Trap 17 of the reference."""
    site.change(WEB, delegates_to=("krbtgt", "krbtgt/BOSSA.TEST", "kadmin/changepw"))
    outcome = proxy(site, web, to_self(site, web), sname=target)
    assert code(outcome) == KrbCode.POLICY


def test_evidence_is_a_ticket_to_the_service_that_shows_it(site: Site, web: Credential) -> None:
    """Trap 16 of the reference."""
    stolen = ask(site, log_in(site, "alice", kdc_options=FORWARDABLE), DNS, kdc_options=FORWARDABLE)
    assert code(proxy(site, web, stolen)) == KrbCode.SERVER_NOMATCH


@pytest.mark.parametrize(
    "option",
    [KdcOptions.RENEW, KdcOptions.FORWARDED, KdcOptions.PROXY, KdcOptions.ENC_TKT_IN_SKEY, KdcOptions.VALIDATE],
)
def test_acting_is_no_other_kind_of_request(site: Site, option: KdcOptions) -> None:
    """Trap 19 of the reference."""
    options = int(KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE | KdcOptions.RENEWABLE)
    web = log_in(site, WEB, key=site.principal(WEB).key(), kdc_options=options)
    assert code(proxy(site, web, to_self(site, web), kdc_options=int(option))) == KrbCode.BADOPTION


def test_without_evidence_nobody_acts(site: Site, web: Credential) -> None:
    assert code(proxy(site, web, web, additional_tickets=())) == KrbCode.BADOPTION


def test_of_two_tickets_the_first_is_the_evidence(site: Site, web: Credential) -> None:
    evidence, other = to_self(site, web), ask(site, web, DNS)
    assert proxy(site, web, evidence, additional_tickets=(evidence.ticket, other.ticket)).verdict is Verdict.ISSUED
    assert code(proxy(site, web, evidence, additional_tickets=(other.ticket, evidence.ticket))) == (
        KrbCode.SERVER_NOMATCH
    )


@pytest.mark.parametrize("rotated", [WEB, "krbtgt"])
def test_evidence_under_an_older_key_is_good_inside_the_window(site: Site, web: Credential, rotated: str) -> None:
    """Trap 21 of the reference"""
    evidence = to_self(site, web)
    site.rotate(rotated)
    assert proxy(site, web, evidence).verdict is Verdict.ISSUED
    site.now += 3600
    bare = replace(evidence.ticket, raw=b"", enc_part=replace(evidence.ticket.enc_part, kvno=None))
    assert proxy(site, web, evidence, additional_tickets=(bare,)).verdict is Verdict.ISSUED


def test_expired_evidence_is_none(site: Site, web: Credential) -> None:
    evidence = to_self(site, web, till=int(NOW) + 60)
    site.now += 61
    assert code(proxy(site, web, evidence)) == KrbCode.TKT_EXPIRED


def keyed(site: Site, account: str) -> tuple[Key, ...]:
    """The keys of an account, as its key table has them."""
    return tuple(site.principal(account).versions[0].keys.values())


@pytest.fixture
def other(site: Site) -> Site:
    """Another realm, each trusting the other."""
    made = Site("OTHER.TEST", seed=2)
    made.user("oscar")
    made.service("HTTP/www.other.test")
    site.trust(made)
    made.trust(site)
    return made


@pytest.mark.parametrize(
    "asked", [name("oscar"), name("OSCAR"), PrincipalName(NameType.ENTERPRISE, ("oscar@other.test",))]
)
def test_a_service_gets_a_ticket_to_itself_for_a_user_of_another_realm(
    site: Site, other: Site, asked: PrincipalName
) -> None:
    """[MS-SFU] 4.2: by way of the user's realm, which says who that is."""
    login = Login(name(WEB), "BOSSA.TEST", keyed(site, WEB))
    web = drive(authenticate(login, Wishes(FORWARDABLE), setting(site)), site)
    user = User(asked, "OTHER.TEST")
    held = drive(impersonate(web, user, Wishes(FORWARDABLE), setting(site)), site, other)
    part = site.open(held.open_ticket(), WEB).part
    assert (part.crealm, part.cname) == ("OTHER.TEST", name("oscar"))


def way_home(site: Site, other: Site, web: Credential) -> Credential:
    """The other realm's word on its user, for a service of ours that is on its way home."""
    there = ask(site, web, krbtgt("OTHER.TEST"))
    own = PrincipalName(NameType.ENTERPRISE, (f"{WEB}@BOSSA.TEST",))
    asked = for_user(User(name("oscar"), "OTHER.TEST"), there.key)
    return ask(other, there, own, asked, kdc_options=int(KdcOptions.CANONICALIZE))


@pytest.mark.parametrize(
    ("spoil", "refused"),
    [
        (lambda site: site.change(WEB, disabled=True), KrbCode.CLIENT_REVOKED),
        (lambda site: remove(site, WEB), KrbCode.C_PRINCIPAL_UNKNOWN),
    ],
)
def test_a_service_that_is_out_of_use_by_then_does_not_come_home(
    site: Site, other: Site, web: Credential, spoil: Any, refused: KrbCode
) -> None:
    back = way_home(site, other, web)
    asked = for_user(User(name("oscar"), "OTHER.TEST"), back.key)
    site.service("HTTP/new.bossa.test")
    spoil(site)
    assert code(site.say(tgs_req(site, back, "HTTP/new.bossa.test", asked))) == refused


def remove(site: Site, account: str) -> None:
    """Take an account out of the realm."""
    site.realm.apply(remove_account(site.realm, site.principal(account).account))


def test_a_foreign_service_shows_its_own_realms_word_and_no_ticket_of_ours(site: Site, other: Site) -> None:
    held = log_in(
        other, "HTTP/www.other.test", key=other.principal("HTTP/www.other.test").key(), kdc_options=FORWARDABLE
    )
    there = ask(other, held, krbtgt("BOSSA.TEST"), kdc_options=FORWARDABLE)
    local = ask(site, there, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.FORWARDED))
    assert code(proxy(site, local, ask(site, local, DNS))) == KrbCode.BADOPTION


def test_a_user_of_another_realm_is_asked_for_there_first(site: Site, other: Site, web: Credential) -> None:
    """Trap 23 of the reference."""
    packet = tgs_req(site, web, WEB, for_user(User(name("oscar"), "OTHER.TEST"), web.key))
    assert code(site.say(packet)) == KrbCode.POLICY


def test_a_user_of_ours_is_not_asked_for_by_way_of_others(site: Site, other: Site, web: Credential) -> None:
    """Trap 23 of the reference."""
    back = way_home(site, other, web)
    packet = tgs_req(site, back, WEB, for_user(ALICE, back.key))
    assert code(site.say(packet)) == KrbCode.C_PRINCIPAL_UNKNOWN


def test_a_foreign_service_is_sent_back_to_its_own_realm_only(site: Site, other: Site) -> None:
    third = Site("THIRD.TEST", seed=3)
    other.trust(third)
    web = log_in(site, WEB, key=site.principal(WEB).key())
    there = ask(site, web, krbtgt("OTHER.TEST"))
    elsewhere = PrincipalName(NameType.ENTERPRISE, (f"{WEB}@THIRD.TEST",))
    asked = for_user(User(name("oscar"), "OTHER.TEST"), there.key)
    packet = tgs_req(other, there, elsewhere, asked, kdc_options=int(KdcOptions.CANONICALIZE))
    assert code(other.say(packet)) == KrbCode.BADMATCH


def across(site: Site, other: Site, web: Credential, **fields: Any) -> Outcome:
    """Ask the other realm for a ticket to its service, with our realm's word on the user."""
    asked = {"kdc_options": FORWARDABLE | IN_ADDITIONAL | int(KdcOptions.CANONICALIZE), **fields}
    target = "HTTP/www.other.test"
    evidence = to_self(site, web)
    referral = ask(site, web, target, BY_RESOURCE, additional_tickets=(evidence.ticket,), **asked)
    assert referral.ticket.sname == krbtgt("OTHER.TEST")
    header = ask(site, web, krbtgt("OTHER.TEST"))
    return other.say(tgs_req(other, header, target, BY_RESOURCE, additional_tickets=(referral.ticket,), **asked))


def test_a_service_acts_across_realms_where_the_target_lists_it(site: Site, other: Site, web: Credential) -> None:
    """Trap 24 of the reference."""
    site.change(WEB, delegates_to=(), any_protocol=False)
    other.change("HTTP/www.other.test", allowed_from=(f"{WEB}@BOSSA.TEST",))
    outcome = across(site, other, web)
    assert outcome.verdict is Verdict.ISSUED, outcome
    assert outcome.client == "alice@BOSSA.TEST"
    assert outcome.delegated_by == f"{WEB}@BOSSA.TEST"


def test_no_list_of_its_own_counts_in_another_realm(site: Site, other: Site, web: Credential) -> None:
    """Trap 24 of the reference."""
    site.change(WEB, delegates_to=("HTTP/www.other.test",))
    assert code(across(site, other, web)) == KrbCode.BADOPTION


@pytest.mark.parametrize("armored", [False, True])
def test_a_client_acts_across_realms(site: Site, other: Site, armored: bool) -> None:
    """[MS-SFU] 3.1.5.2: the header is the service's own way there, the evidence its realm's word on the user."""
    site.change(WEB, delegates_to=(), any_protocol=False)
    other.change("HTTP/www.other.test", allowed_from=(f"{WEB}@BOSSA.TEST",))
    wishes = Wishes(FORWARDABLE, armored=armored)
    own = drive(authenticate(Login(name(WEB), "BOSSA.TEST", keyed(site, WEB)), wishes, setting(site)), site)
    evidence = drive(impersonate(own, ALICE, wishes, setting(site)), site)
    target = PrincipalName(NameType.SRV_INST, ("HTTP", "www.other.test"))
    held = drive(act_for(own, evidence, target, wishes, setting(site)), site, other)
    assert (held.client, held.realm, held.server, held.server_realm) == (ALICE.name, "BOSSA.TEST", target, "OTHER.TEST")
    part = other.open(held.open_ticket(), "HTTP/www.other.test").part
    assert (part.crealm, part.cname) == ("BOSSA.TEST", ALICE.name)
