"""Conversations of the AS exchange: who gets a first ticket, what it says, and what the others are told."""

from __future__ import annotations

from typing import Any

import pytest

from bossa.directory.account import Kind
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, PacOptions, TicketFlags
from bossa.krb.kdc.outcome import Verdict
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.messages import CheckSum, EncryptedData, HostAddress, KdcRep, LastReq, PaData
from bossa.krb.names import ANONYMOUS, NameType, PrincipalName, krbtgt
from bossa.krb.pac.carry import find_in
from bossa.krb.pac.container import BufferType, Pac
from bossa.krb.pac.verify import verify_service, verify_tgt
from bossa.krb.padata import PaPacOptions, PaPacRequest, PaType, decode_etype_info2
from bossa.krb.usages import Usage
from tests.talk.kerberos import (
    NOW,
    Site,
    as_req,
    body,
    code,
    credential,
    key_of,
    log_in,
    method_data,
    name,
    refusal,
    timestamp,
)

CANONICALIZE = int(KdcOptions.CANONICALIZE)
HOUR = 3600


@pytest.fixture
def site() -> Site:
    """A realm with a user and a service."""
    made = Site()
    made.user("alice")
    made.service("HTTP/web.bossa.test")
    return made


def test_a_request_without_proof_is_told_how_to_prove(site: Site) -> None:
    """RFC 4120 §5.2.7.5, RFC 6113 §5.2: types and salts in the client's order, and a cookie."""
    outcome = site.say(as_req(site, "alice", etypes=(23, 17, 18)))
    assert (outcome.verdict, outcome.code) == (Verdict.TURN, KrbCode.PREAUTH_REQUIRED)
    told = method_data(refusal(outcome))
    entries = decode_etype_info2(told[PaType.ETYPE_INFO2])
    assert [(one.etype, one.salt) for one in entries] == [(17, "BOSSA.TESTalice"), (18, "BOSSA.TESTalice")]
    assert list(told) == [PaType.ETYPE_INFO2, PaType.ENC_TIMESTAMP, PaType.FX_FAST, PaType.FX_COOKIE]


def test_a_refusal_names_service_and_client_and_the_moment_but_no_reason(site: Site) -> None:
    """RFC 4120 §5.9.1"""
    outcome = site.say(as_req(site, "nobody"))
    error = refusal(outcome)
    assert (error.realm, error.sname) == ("BOSSA.TEST", krbtgt("BOSSA.TEST"))
    assert (error.crealm, error.cname) == ("BOSSA.TEST", name("nobody"))
    assert (error.stime, error.susec) == (int(NOW), 250_000)
    assert (error.e_text, error.e_data) == ("C_PRINCIPAL_UNKNOWN", None)
    assert "nobody" in outcome.reason


def test_a_refusal_octet_for_octet(site: Site) -> None:
    """RFC 4120 §5.9.1: what clients of all ages read."""
    assert site.say(as_req(site, "bob")).reply == bytes.fromhex(
        "7e819230818f a003020105 a10302011e a411180f 32303237303131353038303030305a a505020303d090 a603020106"
        "a70c1b0a424f5353412e54455354 a810300ea003020101a10730051b03626f62"
        "a90c1b0a424f5353412e54455354 aa1f301da003020102a11630141b066b72627467741b0a424f5353412e54455354"
        "ab151b13435f5052494e434950414c5f554e4b4e4f574e"
    )


def test_a_timestamp_under_the_password_brings_a_ticket(site: Site) -> None:
    """RFC 4120 §3.1.3"""
    held = log_in(site, "alice")
    opened = site.open(held.ticket, "krbtgt")
    assert (held.cname, held.crealm) == (name("alice"), "BOSSA.TEST")
    assert opened.part.flags == TicketFlags.INITIAL | TicketFlags.PRE_AUTHENT == held.told.flags
    assert opened.part.key == held.told.key
    assert held.told.nonce == 12345
    assert (opened.part.authtime, opened.part.starttime, opened.part.endtime) == (NOW // 1, NOW // 1, NOW // 1 + 36000)
    assert held.told.sname == krbtgt("BOSSA.TEST") == held.ticket.sname


def test_the_outcome_of_a_ticket_names_who_and_what_for(site: Site) -> None:
    outcome = site.say(as_req(site, "alice", timestamp(site, key_of(site, "alice"))))
    assert (outcome.client, outcome.service) == ("alice@BOSSA.TEST", "krbtgt/BOSSA.TEST@BOSSA.TEST")
    assert (outcome.exchange, outcome.verdict, outcome.code) == ("AS", Verdict.ISSUED, None)
    assert (outcome.account, outcome.delegated_by) == ("alice", "")


def test_the_reply_says_with_which_salt_the_key_is_made(site: Site) -> None:
    """RFC 4120 §5.2.7.5: one entry in a reply."""
    reply = log_in(site, "alice").reply
    (told,) = reply.padata
    assert told.type == PaType.ETYPE_INFO2
    assert [(one.etype, one.salt) for one in decode_etype_info2(told.value)] == [(18, "BOSSA.TESTalice")]
    assert reply.enc_part.kvno == 1


def test_a_wrong_password_is_counted_and_told_the_salts_again(site: Site) -> None:
    wrong = key_of(site, "alice", password="another")
    outcome = site.say(as_req(site, "alice", timestamp(site, wrong)))
    assert (outcome.verdict, outcome.code) == (Verdict.FAILED, KrbCode.PREAUTH_FAILED)
    assert outcome.account == "alice"
    assert PaType.ETYPE_INFO2 in method_data(refusal(outcome))


def test_a_wrong_password_for_an_alias_is_counted_for_the_account(site: Site) -> None:
    site.change("alice", names=("al",))
    outcome = site.say(as_req(site, "al", timestamp(site, key_of(site, "alice", password="another"))))
    assert (outcome.verdict, outcome.account) == (Verdict.FAILED, "alice")


@pytest.mark.parametrize("off", [-301, 301, -86_400])
def test_a_clock_too_far_off_is_skew_and_no_wrong_password(site: Site, off: int) -> None:
    """RFC 4120 §3.1.3: the client learns our time."""
    outcome = site.say(as_req(site, "alice", timestamp(site, key_of(site, "alice"), now=NOW + off)))
    assert (outcome.verdict, outcome.code) == (Verdict.REFUSED, KrbCode.SKEW)
    assert refusal(outcome).stime == int(NOW)


@pytest.mark.parametrize("off", [-299, 299])
def test_a_clock_a_little_off_is_good(site: Site, off: int) -> None:
    assert site.say(as_req(site, "alice", timestamp(site, key_of(site, "alice"), now=NOW + off))).reply[0] == 0x6B


def test_a_proof_may_be_of_any_type_that_the_account_has(site: Site) -> None:
    """The reply's key is the client's first that the account has, whatever the proof was made with."""
    outcome = site.say(as_req(site, "alice", timestamp(site, key_of(site, "alice", enctype=17)), etypes=(18, 17)))
    assert credential(outcome, key_of(site, "alice"), Usage.AS_REP).key.enctype == 18


def test_a_proof_of_a_type_that_the_account_lacks_is_refused(site: Site) -> None:
    locked = EncryptedData(23, None, bytes(60))
    outcome = site.say(as_req(site, "alice", PaData(PaType.ENC_TIMESTAMP, locked.encode())))
    assert (outcome.verdict, code(outcome)) == (Verdict.REFUSED, KrbCode.ETYPE_NOSUPP)


def test_only_the_newest_password_proves_anything(site: Site) -> None:
    site.user("bob")
    old = site.principal("bob").key()
    assert old is not None
    site.rotate("bob")
    assert code(site.say(as_req(site, "bob", timestamp(site, old)))) == KrbCode.PREAUTH_FAILED


@pytest.mark.parametrize(("etypes", "used"), [((17, 18), 17), ((18, 17), 18), ((20, 19, 17), 17), ((-133, 3, 18), 18)])
def test_keys_are_of_the_first_of_the_clients_types_that_fits(site: Site, etypes: tuple[int, ...], used: int) -> None:
    """RFC 4120 §3.1.3"""
    held = log_in(site, "alice", key=key_of(site, "alice", enctype=used), etypes=etypes)
    assert held.key.enctype == used
    assert held.reply.enc_part.etype == used
    assert held.ticket.enc_part.etype == 18


@pytest.mark.parametrize("etypes", [(23,), (23, 3, 1, 16), (20, 19), ()])
def test_no_type_in_common_is_etype_nosupp(site: Site, etypes: tuple[int, ...]) -> None:
    """RC4 and DES are nobody's here (CVE-2022-37966)."""
    assert code(site.say(as_req(site, "alice", etypes=etypes))) == KrbCode.ETYPE_NOSUPP


def test_a_type_that_the_realm_does_not_permit_is_not_used() -> None:
    site = Site(settings=KdcSettings(enctypes=(17,)))
    site.user("alice")
    held = log_in(site, "alice", key=key_of(site, "alice", enctype=17))
    assert (held.key.enctype, held.reply.enc_part.etype) == (17, 17)


def test_an_account_that_needs_no_proof_gets_a_ticket_that_says_so(site: Site) -> None:
    site.user("guest", preauth=False)
    held = credential(site.say(as_req(site, "guest")), key_of(site, "guest"), Usage.AS_REP)
    assert held.told.flags == TicketFlags.INITIAL
    assert [one.type for one in held.reply.padata] == [PaType.ETYPE_INFO2]


def test_a_proof_that_nobody_asked_for_is_looked_at_all_the_same(site: Site) -> None:
    site.user("guest", preauth=False)
    assert log_in(site, "guest").told.flags & TicketFlags.PRE_AUTHENT
    wrong = timestamp(site, key_of(site, "guest", password="another"))
    assert site.say(as_req(site, "guest", wrong)).verdict is Verdict.FAILED


def test_a_service_logs_in_with_the_key_of_its_key_table(site: Site) -> None:
    """kinit -k"""
    key = site.principal("HTTP/web.bossa.test").key()
    assert log_in(site, "HTTP/web.bossa.test", key=key).cname == name("HTTP/web.bossa.test")


@pytest.mark.parametrize("unknown", ["bob", "ALICE", "krbtgt", "krbtgt/BOSSA.TEST", "alice/admin", "alice$", "alice "])
def test_a_name_that_is_nobodys_is_unknown(site: Site, unknown: str) -> None:
    """CVE-2021-42278 among them: nothing is put behind a name to find another."""
    assert code(site.say(as_req(site, unknown))) == KrbCode.C_PRINCIPAL_UNKNOWN


def test_a_slash_inside_a_part_is_not_the_slash_between_parts(site: Site) -> None:
    joined = PrincipalName(NameType.PRINCIPAL, ("HTTP/web.bossa.test",))
    assert code(site.say(as_req(site, joined))) == KrbCode.C_PRINCIPAL_UNKNOWN


def test_without_keys_there_is_neither_client_nor_realm(site: Site) -> None:
    """RFC 4120 §7.5.9 KDC_ERR_NULL_KEY"""
    proof = timestamp(site, key_of(site, "alice"))
    site.change("krbtgt", sealed=b"")
    assert code(site.say(as_req(site, "alice", proof, sname=name("HTTP/web.bossa.test")))) == KrbCode.NULL_KEY
    site.change("alice", sealed=b"")
    assert code(site.say(as_req(site, "alice", proof, sname=name("HTTP/web.bossa.test")))) == KrbCode.NULL_KEY


def test_a_request_without_a_client_is_refused(site: Site) -> None:
    from bossa.krb.messages import AS_REQ, KdcReq

    outcome = site.say(KdcReq(AS_REQ, (), body(site)).encode())
    assert code(outcome) == KrbCode.C_PRINCIPAL_UNKNOWN
    assert refusal(outcome).cname is None


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"disabled": True}, KrbCode.CLIENT_REVOKED),
        ({"locked_until": int(NOW) + 60}, KrbCode.CLIENT_REVOKED),
        ({"expires": int(NOW)}, KrbCode.NAME_EXP),
    ],
)
def test_an_account_that_is_out_of_use_is_refused_before_its_password_is_looked_at(
    site: Site, fields: dict[str, Any], refused: KrbCode
) -> None:
    site.change("alice", **fields)
    for password in ("quiet music", "another"):
        outcome = site.say(as_req(site, "alice", timestamp(site, key_of(site, "alice", password=password))))
        assert (outcome.verdict, code(outcome)) == (Verdict.REFUSED, refused)


def test_a_lock_ends(site: Site) -> None:
    site.change("alice", locked_until=int(NOW))
    assert log_in(site, "alice")


@pytest.mark.parametrize("fields", [{"must_change": True}, {"password_expires": int(NOW)}])
def test_an_old_password_is_good_for_changing_it_and_nothing_else(site: Site, fields: dict[str, Any]) -> None:
    """RFC 4120 §7.5.9 KDC_ERR_KEY_EXPIRED; only who knows the password learns of it."""
    site.change("alice", **fields)
    proof = timestamp(site, key_of(site, "alice"))
    assert code(site.say(as_req(site, "alice", proof))) == KrbCode.KEY_EXPIRED
    assert code(site.say(as_req(site, "alice", proof, sname=name("HTTP/web.bossa.test")))) == KrbCode.KEY_EXPIRED
    assert code(site.say(as_req(site, "alice"))) == KrbCode.PREAUTH_REQUIRED
    wrong = timestamp(site, key_of(site, "alice", password="another"))
    assert code(site.say(as_req(site, "alice", wrong))) == KrbCode.PREAUTH_FAILED
    held = log_in(site, "alice", sname=name("kadmin/changepw", NameType.SRV_INST))
    assert held.told.endtime == int(NOW) + site.settings.changepw_life
    assert held.told.flags & TicketFlags.INITIAL


def test_the_client_learns_when_password_and_account_end(site: Site) -> None:
    """RFC 4120 §5.4.2: last-req types 6 and 7, and key-expiration."""
    site.change("alice", password_expires=int(NOW) + HOUR, expires=int(NOW) + 2 * HOUR)
    told = log_in(site, "alice").told
    assert told.last_req == (LastReq(6, int(NOW) + HOUR), LastReq(7, int(NOW) + 2 * HOUR))
    assert told.key_expiration == int(NOW) + HOUR


def test_no_ticket_outlives_its_clients_account(site: Site) -> None:
    site.change("alice", expires=int(NOW) + HOUR)
    assert log_in(site, "alice").told.endtime == int(NOW) + HOUR


@pytest.mark.parametrize(
    ("sname", "refused"),
    [
        ("HTTP/nowhere.bossa.test", KrbCode.S_PRINCIPAL_UNKNOWN),
        ("krbtgt", KrbCode.S_PRINCIPAL_UNKNOWN),
        ("krbtgt/OTHER.TEST", KrbCode.S_PRINCIPAL_UNKNOWN),
        ("krbtgt/bossa.test", KrbCode.S_PRINCIPAL_UNKNOWN),
        ("bob", KrbCode.MUST_USE_USER2USER),
    ],
)
def test_a_service_that_is_none_is_refused(site: Site, sname: str, refused: KrbCode) -> None:
    """A ticket under a password could be guessed at: users have none (CVE-2024-3183)."""
    site.user("bob")
    assert code(site.say(as_req(site, "alice", sname=name(sname)))) == refused


def test_a_request_that_names_no_service_is_refused(site: Site) -> None:
    assert code(site.say(as_req(site, "alice", sname=None))) == KrbCode.S_PRINCIPAL_UNKNOWN


@pytest.mark.parametrize(
    ("fields", "refused"),
    [({"disabled": True}, KrbCode.SERVICE_REVOKED), ({"expires": int(NOW)}, KrbCode.SERVICE_EXP)],
)
def test_a_service_out_of_use_is_refused(site: Site, fields: dict[str, Any], refused: KrbCode) -> None:
    site.change("HTTP/web.bossa.test", **fields)
    assert code(site.say(as_req(site, "alice", sname=name("HTTP/web.bossa.test")))) == refused


def test_a_first_ticket_may_be_for_a_service_with_a_pac_of_four_signatures(site: Site) -> None:
    """[MS-PAC] 2.8"""
    held = log_in(site, "alice", sname=name("HTTP/web.bossa.test", NameType.SRV_INST))
    opened = site.open(held.ticket, "HTTP/web.bossa.test")
    key = site.principal("HTTP/web.bossa.test").key()
    kdc = site.principal("krbtgt").key()
    assert key is not None
    assert kdc is not None
    assert verify_service(opened, key, [kdc]).find(BufferType.LOGON_INFO)
    assert opened.part.flags & TicketFlags.INITIAL


@pytest.mark.parametrize("asked", [None, True, False])
def test_a_ticket_that_grants_tickets_has_a_pac_whatever_the_client_wants(site: Site, asked: bool | None) -> None:
    """[MS-KILE] 3.3.5.6.3, [MS-PAC] 2.14"""
    padata = () if asked is None else (PaData(PaType.PAC_REQUEST, PaPacRequest(asked).encode()),)
    opened = site.open(log_in(site, "alice", *padata).ticket, "krbtgt")
    key = site.principal("krbtgt").key()
    assert key is not None
    content = verify_tgt(opened, key, [key], requester=None)
    assert content.find(BufferType.REQUESTER)


def test_a_client_that_wants_no_pac_gets_none_at_a_service(site: Site) -> None:
    padata = PaData(PaType.PAC_REQUEST, PaPacRequest(include=False).encode())
    held = log_in(site, "alice", padata, sname=name("HTTP/web.bossa.test", NameType.SRV_INST))
    assert find_in(site.open(held.ticket, "HTTP/web.bossa.test").part) is None


def test_the_pac_says_the_name_that_the_ticket_says(site: Site) -> None:
    """[MS-PAC] 2.7: an alias that is not put right stands in both."""
    site.change("alice", names=("al",))
    held = log_in(site, "alice", cname=name("al"))
    raw = find_in(site.open(held.ticket, "krbtgt").part)
    assert raw is not None
    assert held.cname == name("al")
    client_info = Pac.decode(raw).find(BufferType.CLIENT_INFO)
    assert client_info is not None
    assert client_info.endswith("al".encode("utf-16-le"))


@pytest.mark.parametrize(
    ("asked", "options", "given"),
    [
        (name("al"), 0, name("al")),
        (name("al"), CANONICALIZE, name("alice")),
        (name("ALICE"), CANONICALIZE, name("alice")),
        (name("alice@bossa.test", NameType.ENTERPRISE), CANONICALIZE, name("alice")),
        (name("Alice@BOSSA.TEST", NameType.ENTERPRISE), CANONICALIZE, name("alice")),
        (name("al@BOSSA", NameType.ENTERPRISE), CANONICALIZE, name("alice")),
        (name("alice", NameType.ENTERPRISE), CANONICALIZE, name("alice")),
        (name("alice@bossa.test", NameType.ENTERPRISE), 0, name("alice")),
    ],
)
def test_names_are_put_right_for_clients_that_ask(
    site: Site, asked: PrincipalName, options: int, given: PrincipalName
) -> None:
    """RFC 6806 §5 and §6"""
    site.change("alice", names=("al",))
    held = log_in(site, "alice", cname=asked, kdc_options=options)
    assert held.cname == given
    assert site.open(held.ticket, "krbtgt").part.cname == given


@pytest.mark.parametrize("asked", ["krbtgt/bossa.test", "krbtgt/BOSSA", "KRBTGT/BOSSA.TEST"])
def test_the_realms_other_spellings_are_put_right_for_clients_that_ask(site: Site, asked: str) -> None:
    sname = PrincipalName(NameType.SRV_INST, tuple(asked.split("/")))
    found = site.say(as_req(site, "alice", sname=sname, kdc_options=CANONICALIZE))
    known = asked.startswith("krbtgt")
    assert found.code == (KrbCode.PREAUTH_REQUIRED if known else KrbCode.S_PRINCIPAL_UNKNOWN)
    if known:
        assert log_in(site, "alice", sname=sname, kdc_options=CANONICALIZE).told.sname == krbtgt("BOSSA.TEST")


@pytest.mark.parametrize(("realm", "options"), [("OTHER.TEST", 0), ("OTHER.TEST", CANONICALIZE), ("bossa.test", 0)])
def test_a_request_for_another_realm_is_wrong_here(site: Site, realm: str, options: int) -> None:
    """RFC 6806 §7"""
    outcome = site.say(as_req(site, "alice", realm=realm, kdc_options=options))
    assert (outcome.verdict, code(outcome)) == (Verdict.TURN, KrbCode.WRONG_REALM)
    assert refusal(outcome).crealm == realm


def test_the_realm_in_lower_case_is_ours_for_clients_that_ask(site: Site) -> None:
    assert log_in(site, "alice", realm="bossa.test", kdc_options=CANONICALIZE).crealm == "BOSSA.TEST"


@pytest.mark.parametrize("place", ["OTHER.TEST", "other.test", "sub.other.test"])
def test_an_enterprise_name_of_a_trusted_realm_leads_there(site: Site, place: str) -> None:
    """RFC 6806 §7"""
    site.trust(Site("OTHER.TEST", seed=2))
    asked = name(f"bob@{place}", NameType.ENTERPRISE)
    for options in (0, CANONICALIZE):
        error = refusal(site.say(as_req(site, asked, kdc_options=options)))
        assert (error.error_code, error.crealm) == (KrbCode.WRONG_REALM, "OTHER.TEST")


def test_an_enterprise_name_of_no_realm_we_know_is_unknown(site: Site) -> None:
    asked = name("bob@elsewhere.test", NameType.ENTERPRISE)
    assert code(site.say(as_req(site, asked, kdc_options=CANONICALIZE))) == KrbCode.C_PRINCIPAL_UNKNOWN


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (KdcOptions.POSTDATED, KrbCode.CANNOT_POSTDATE),
        (KdcOptions.ALLOW_POSTDATE, KrbCode.CANNOT_POSTDATE),
        (KdcOptions.REQUEST_ANONYMOUS, KrbCode.BADOPTION),
        (KdcOptions.RENEW, KrbCode.BADOPTION),
        (KdcOptions.VALIDATE, KrbCode.BADOPTION),
        (KdcOptions.FORWARDED, KrbCode.BADOPTION),
        (KdcOptions.PROXY, KrbCode.BADOPTION),
        (KdcOptions.ENC_TKT_IN_SKEY, KrbCode.BADOPTION),
    ],
)
def test_an_option_that_no_first_ticket_has_is_refused(site: Site, options: KdcOptions, refused: KrbCode) -> None:
    """RFC 4120 §3.1.3, RFC 8062 §4.1"""
    assert code(site.say(as_req(site, "alice", kdc_options=int(options)))) == refused


def test_nobody_is_anonymous(site: Site) -> None:
    assert code(site.say(as_req(site, ANONYMOUS))) == KrbCode.BADOPTION


def test_flags_are_as_asked_for(site: Site) -> None:
    """RFC 4120 §2.5 to §2.6"""
    held = log_in(site, "alice", kdc_options=int(KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE))
    assert held.told.flags == (
        TicketFlags.INITIAL | TicketFlags.PRE_AUTHENT | TicketFlags.FORWARDABLE | TicketFlags.PROXIABLE
    )


def test_a_sensitive_users_ticket_goes_no_further(site: Site) -> None:
    """[MS-KILE] 3.3.5.1"""
    site.change("alice", sensitive=True)
    held = log_in(site, "alice", kdc_options=int(KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE))
    assert held.told.flags == TicketFlags.INITIAL | TicketFlags.PRE_AUTHENT


def test_addresses_are_carried_into_ticket_and_reply(site: Site) -> None:
    addresses = (HostAddress(2, bytes((192, 0, 2, 7))),)
    held = log_in(site, "alice", addresses=addresses)
    assert held.told.caddr == addresses == site.open(held.ticket, "krbtgt").part.caddr


def test_a_client_that_asks_learns_what_arrived_of_its_request(site: Site) -> None:
    """RFC 6806 §11: a checksum of the whole request, as it was received, under the reply's key."""
    key = key_of(site, "alice")
    packet = as_req(site, "alice", timestamp(site, key), PaData(PaType.REQ_ENC_PA_REP, b""))
    held = credential(site.say(packet), key, Usage.AS_REP)
    told = {one.type: one.value for one in held.told.encrypted_pa_data}
    checksum = CheckSum.decode(told[PaType.REQ_ENC_PA_REP])
    assert checksum.type == key.checksum_type
    assert key.verify(Usage.AS_REQ_CHECKSUM, packet, checksum.octets)
    assert told[PaType.FX_FAST] == b""
    assert held.told.flags & TicketFlags.ENC_PA_REP


def test_of_pac_options_the_one_we_know_is_told_back(site: Site) -> None:
    """[MS-SFU] 2.2.5"""
    asked = PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION | PacOptions.CLAIMS
    held = log_in(site, "alice", PaData(PaType.PAC_OPTIONS, PaPacOptions(int(asked)).encode()))
    (told,) = held.told.encrypted_pa_data
    assert PaPacOptions.decode(told.value).flags == PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION


def test_a_reply_too_large_for_udp_sends_the_client_to_tcp(site: Site) -> None:
    """RFC 4120 §7.2.1"""
    packet = as_req(site, "alice", timestamp(site, key_of(site, "alice")))
    outcome = site.say(packet, limit=1000)
    assert (outcome.verdict, code(outcome)) == (Verdict.TURN, KrbCode.RESPONSE_TOO_BIG)
    assert len(outcome.reply) < 300
    assert site.say(packet).verdict is Verdict.ISSUED
    assert site.say(packet, limit=1465).verdict is Verdict.ISSUED


def test_the_reply_is_of_the_as_and_no_other(site: Site) -> None:
    """RFC 4120 §5.4.2: EncASRepPart is [APPLICATION 25]."""
    key = key_of(site, "alice")
    reply = KdcRep.decode(site.say(as_req(site, "alice", timestamp(site, key))).reply)
    assert reply.msg_type == 11
    assert key.decrypt(Usage.AS_REP, reply.enc_part.cipher)[0] == 0x79


def test_a_request_is_for_the_ticket_granting_service_of_a_trusted_realm_too(site: Site) -> None:
    other = Site("OTHER.TEST", seed=2)
    site.trust(other)
    held = log_in(site, "alice", sname=krbtgt("OTHER.TEST"))
    assert held.ticket.sname == krbtgt("OTHER.TEST")


def test_kinds_other_than_users_are_services_by_their_own_name(site: Site) -> None:
    site.service("host/ws1.bossa.test")
    assert site.principal("host/ws1.bossa.test").account.kind is Kind.HOST
    assert log_in(site, "alice", sname=name("host/ws1.bossa.test")).ticket.sname == name("host/ws1.bossa.test")
