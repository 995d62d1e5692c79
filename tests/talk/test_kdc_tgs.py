"""Conversations of the TGS exchange: what one gets with a ticket, and how a ticket has to be shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Checksum, Key, hmac_md5_checksum, random_key
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.kdc.outcome import Verdict
from bossa.krb.messages import (
    TGS_REQ,
    ApReq,
    AuthData,
    CheckSum,
    EncryptedData,
    HostAddress,
    KdcReq,
    PaData,
    Ticket,
    encode_authorization_data,
    find_padata,
)
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.pac.carry import find_in
from bossa.krb.pac.container import SIGNATURES, BufferType, Pac
from bossa.krb.pac.verify import verify_service
from bossa.krb.padata import PaPacRequest, PaType
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from tests.talk.kerberos import (
    ADDRESS,
    NOW,
    Asking,
    Credential,
    Site,
    ask,
    body,
    code,
    forged,
    log_in,
    name,
    refusal,
    show,
    tgs_req,
)

CANONICALIZE = int(KdcOptions.CANONICALIZE)
WEB = "HTTP/web.bossa.test"
AD_IF_RELEVANT, AD_MANDATORY_FOR_KDC, AD_WIN2K_PAC = 1, 8, 128


@pytest.fixture
def site() -> Site:
    """A realm with two users and two services."""
    made = Site()
    made.user("alice")
    made.user("bob")
    made.service(WEB)
    made.service("DNS/ns.bossa.test")
    return made


@pytest.fixture
def alice(site: Site) -> Credential:
    """Alice's first ticket."""
    return log_in(site, "alice", kdc_options=int(KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE))


def test_a_ticket_brings_a_ticket_to_a_service(site: Site, alice: Credential) -> None:
    """RFC 4120 §3.3.3"""
    held = ask(site, alice, WEB)
    opened = site.open(held.ticket, WEB)
    assert (opened.part.cname, opened.part.crealm) == (name("alice"), "BOSSA.TEST")
    assert opened.part.key == held.told.key
    assert opened.part.flags == TicketFlags.PRE_AUTHENT | TicketFlags.TRANSITED_POLICY_CHECKED
    assert (held.told.nonce, held.told.sname, held.told.srealm) == (12345, name(WEB, NameType.SRV_INST), "BOSSA.TEST")
    assert held.told.authtime == alice.told.authtime
    assert held.told.endtime == alice.told.endtime
    assert held.reply.padata == ()


def test_the_pac_of_a_service_ticket_has_all_four_signatures(site: Site, alice: Credential) -> None:
    """[MS-PAC] 2.8"""
    opened = site.open(ask(site, alice, WEB).ticket, WEB)
    server, kdc = site.principal(WEB).key(), site.principal("krbtgt").key()
    assert server is not None
    assert kdc is not None
    content = verify_service(opened, server, [kdc])
    raw = find_in(opened.part)
    assert raw is not None
    assert set(Pac.decode(raw).places) >= SIGNATURES
    assert content.find(BufferType.REQUESTER) is None
    assert content.find(BufferType.LOGON_INFO)


def test_the_outcome_names_client_and_service(site: Site, alice: Credential) -> None:
    outcome = site.say(tgs_req(site, alice, WEB))
    assert (outcome.exchange, outcome.client) == ("TGS", "alice@BOSSA.TEST")
    assert outcome.service == f"{WEB}@BOSSA.TEST"
    assert (outcome.account, outcome.delegated_by) == ("", "")


def test_a_subkey_hides_the_reply(site: Site, alice: Credential) -> None:
    """RFC 4120 §5.4.2: usage 9 under the subkey, 8 under the session key."""
    for enctype in (17, 18, 19, 20):
        held = ask(site, alice, WEB, asking=Asking(subkey=random_key(enctype, site.random)))
        assert held.reply.enc_part.etype == enctype


def test_a_ticket_that_comes_again_is_as_good_as_before(site: Site, alice: Credential) -> None:
    """The second time it is not decrypted, but its times are looked at."""
    for _ in range(3):
        assert ask(site, alice, WEB)
    site.now += 36_000 + 301
    assert code(site.say(tgs_req(site, alice, WEB))) == KrbCode.TKT_EXPIRED


def test_a_request_without_a_ticket_is_refused(site: Site) -> None:
    packet = KdcReq(TGS_REQ, (), body(site, sname=name(WEB))).encode()
    assert code(site.say(packet)) == KrbCode.PADATA_TYPE_NOSUPP


def md5(key: Key, octets: bytes) -> CheckSum:
    """A checksum of the kind that RC4 has, under the session key."""
    return CheckSum(Checksum.HMAC_MD5, hmac_md5_checksum(key.octets, Usage.TGS_REQ_CHECKSUM, octets))


@pytest.mark.parametrize(
    ("cksum", "refused"),
    [
        (lambda key, octets: None, KrbCode.INAPP_CKSUM),
        (lambda key, octets: CheckSum(1, bytes(4)), KrbCode.INAPP_CKSUM),
        (lambda key, octets: CheckSum(7, bytes(16)), KrbCode.INAPP_CKSUM),
        (lambda key, octets: CheckSum(14, bytes(20)), KrbCode.INAPP_CKSUM),
        (md5, KrbCode.INAPP_CKSUM),
        (lambda key, octets: CheckSum(key.checksum_type, b""), KrbCode.MODIFIED),
        (lambda key, octets: CheckSum(key.checksum_type, bytes(12)), KrbCode.MODIFIED),
        (lambda key, octets: CheckSum(key.checksum_type, key.checksum(6, octets + b"\0")), KrbCode.MODIFIED),
        (lambda key, octets: CheckSum(key.checksum_type, key.checksum(10, octets)), KrbCode.MODIFIED),
        (lambda key, octets: CheckSum(key.checksum_type, key.checksum(6, octets)[:11]), KrbCode.MODIFIED),
    ],
)
def test_a_request_stands_under_a_keyed_checksum(site: Site, alice: Credential, cksum: Any, refused: KrbCode) -> None:
    """RFC 4120 §3.3.3.1: absent or unkeyed is INAPP_CKSUM, wrong is MODIFIED."""
    assert code(site.say(tgs_req(site, alice, WEB, asking=Asking(cksum=cksum)))) == refused


def test_a_changed_body_is_modified(site: Site, alice: Credential) -> None:
    packet = tgs_req(site, alice, WEB)
    assert code(site.say(packet.replace(b"\x1b\x04HTTP", b"\x1b\x04HTTQ"))) == KrbCode.MODIFIED


def test_the_checksum_is_of_the_octets_that_came_and_no_others(site: Site, alice: Credential) -> None:
    """RFC 4120 §5.5.1: a body in another encoding is another, whatever it says."""
    asked = body(site, sname=name(WEB, NameType.SRV_INST))
    octets = asked.encode()
    flags = bytes.fromhex("a00703050000000000")
    longer = octets.replace(flags, bytes.fromhex("a00803060000000000 00".replace(" ", "")), 1)
    longer = longer[:1] + bytes((longer[1] + 1,)) + longer[2:]
    header = PaData(PaType.TGS_REQ, show(site, alice, longer))
    for sent, refused in ((longer, None), (octets, KrbCode.MODIFIED)):
        packet = KdcReq(TGS_REQ, (header,), replace(asked, raw=sent)).encode()
        assert site.say(packet).code == refused


@pytest.mark.parametrize(
    ("asking", "refused"),
    [
        (Asking(usage=Usage.AP_REQ_AUTHENTICATOR), KrbCode.BAD_INTEGRITY),
        (Asking(cname=name("bob")), KrbCode.BADMATCH),
        (Asking(ctime=NOW - 301), KrbCode.SKEW),
        (Asking(ctime=NOW + 301), KrbCode.SKEW),
    ],
)
def test_a_ticket_is_shown_by_whom_it_was_made_for(
    site: Site, alice: Credential, asking: Asking, refused: KrbCode
) -> None:
    """RFC 4120 §3.2.3"""
    assert code(site.say(tgs_req(site, alice, WEB, asking=asking))) == refused


def test_a_ticket_under_another_key_is_bad(site: Site, alice: Credential) -> None:
    part = site.open(alice.ticket, "krbtgt").part_raw
    other = random_key(18, site.random)
    made = Ticket("BOSSA.TEST", krbtgt("BOSSA.TEST"), lock(other, Usage.TICKET, part, bytes(16), 1))
    assert code(site.say(tgs_req(site, replace(alice, ticket=made), WEB))) == KrbCode.BAD_INTEGRITY


@pytest.mark.parametrize(
    ("change", "refused"),
    [
        ({"realm": "OTHER.TEST"}, KrbCode.NOT_US),
        ({"sname": krbtgt("OTHER.TEST")}, KrbCode.NOT_US),
        ({"sname": krbtgt("bossa.test")}, KrbCode.NOT_US),
        ({"sname": PrincipalName(1, ("krbtgt",))}, KrbCode.NOT_US),
        ({"sname": name("HTTP/web.bossa.test")}, KrbCode.BAD_INTEGRITY),
        ({"enc_part": EncryptedData(18, 9, bytes(99))}, KrbCode.BADKEYVER),
        ({"enc_part": EncryptedData(23, 1, bytes(99))}, KrbCode.BADKEYVER),
    ],
)
def test_a_ticket_that_is_not_for_us_is_refused(
    site: Site, alice: Credential, change: dict[str, Any], refused: KrbCode
) -> None:
    held = replace(alice, ticket=replace(alice.ticket, raw=b"", **change))
    outcome = site.say(tgs_req(site, held, WEB))
    assert (code(outcome), outcome.verdict) == (refused, Verdict.REFUSED)


def test_a_ticket_to_a_service_brings_no_other_ticket(site: Site, alice: Credential) -> None:
    held = ask(site, alice, WEB)
    assert code(site.say(tgs_req(site, held, "DNS/ns.bossa.test"))) == KrbCode.NOT_US


@pytest.mark.parametrize("version", [0, 4, 127])
def test_a_ticket_without_its_keys_number_opens_too(site: Site, alice: Credential, version: int) -> None:
    """RFC 4120 §5.2.9: the number is a help."""
    held = replace(alice, ticket=replace(alice.ticket, raw=b"", enc_part=replace(alice.ticket.enc_part, kvno=None)))
    assert ask(site, held, WEB)
    other = replace(alice, ticket=replace(held.ticket, enc_part=replace(held.ticket.enc_part, kvno=version)))
    assert code(site.say(tgs_req(site, other, WEB))) == KrbCode.BADKEYVER


@pytest.mark.parametrize(
    ("fields", "refused"),
    [({"disabled": True}, KrbCode.CLIENT_REVOKED), ({"expires": int(NOW)}, KrbCode.NAME_EXP)],
)
def test_a_client_out_of_use_gets_nothing_more(
    site: Site, alice: Credential, fields: dict[str, Any], refused: KrbCode
) -> None:
    site.change("alice", **fields)
    assert code(site.say(tgs_req(site, alice, WEB))) == refused


def test_a_stranger_who_locks_an_account_does_not_end_its_sessions(site: Site, alice: Credential) -> None:
    site.change("alice", locked_until=int(NOW) + 600, must_change=True)
    assert ask(site, alice, WEB)


def test_a_client_that_is_gone_gets_nothing_more(site: Site, alice: Credential) -> None:
    from bossa.directory.changes import remove_account

    site.realm.apply(remove_account(site.realm, site.principal("alice").account))
    assert code(site.say(tgs_req(site, alice, WEB))) == KrbCode.C_PRINCIPAL_UNKNOWN


def test_a_new_account_of_the_same_name_is_another(site: Site, alice: Credential) -> None:
    """CVE-2020-25719: the PAC says by SID who asked."""
    from bossa.directory.changes import remove_account

    site.realm.apply(remove_account(site.realm, site.principal("alice").account))
    site.user("alice")
    assert code(site.say(tgs_req(site, alice, WEB))) == KrbCode.TGT_REVOKED


def test_a_ticket_without_a_pac_grants_nothing(site: Site, alice: Credential) -> None:
    """Dropped by who has the key of the ticket-granting service, and so by nobody else."""
    bare = forged(site, alice, "krbtgt", lambda part: replace(part, authorization_data=()))
    assert code(site.say(tgs_req(site, bare, WEB))) == KrbCode.TGT_REVOKED


def test_a_pac_of_another_client_grants_nothing(site: Site, alice: Credential) -> None:
    bob = site.open(log_in(site, "bob").ticket, "krbtgt").part.authorization_data
    mixed = forged(site, alice, "krbtgt", lambda part: replace(part, authorization_data=bob))
    assert code(site.say(tgs_req(site, mixed, WEB))) == KrbCode.BADOPTION


@pytest.mark.parametrize(
    "sname", ["HTTP/nowhere.bossa.test", "krbtgt", "krbtgt/OTHER.TEST", "HTTP/WEB.bossa.test", "x"]
)
def test_a_service_that_nobody_knows_is_unknown(site: Site, alice: Credential, sname: str) -> None:
    assert code(site.say(tgs_req(site, alice, sname))) == KrbCode.S_PRINCIPAL_UNKNOWN


def test_a_user_is_no_service(site: Site, alice: Credential) -> None:
    """RFC 4120 §7.5.9 KDC_ERR_MUST_USE_USER2USER"""
    assert code(site.say(tgs_req(site, alice, "bob"))) == KrbCode.MUST_USE_USER2USER


def test_a_ticket_to_change_a_password_needs_the_password(site: Site, alice: Credential) -> None:
    assert code(site.say(tgs_req(site, alice, "kadmin/changepw"))) == KrbCode.POLICY


@pytest.mark.parametrize(
    ("asked", "options", "given"),
    [
        ("HTTP/www.bossa.test", 0, "HTTP/www.bossa.test"),
        ("HTTP/www.bossa.test", CANONICALIZE, "HTTP/www.bossa.test"),
        ("http/WEB.bossa.test", CANONICALIZE, "http/WEB.bossa.test"),
        ("http/WWW.bossa.test", CANONICALIZE, "http/WWW.bossa.test"),
    ],
)
def test_a_ticket_says_the_services_name_as_it_was_asked_for(
    site: Site, alice: Credential, asked: str, options: int, given: str
) -> None:
    """RFC 6806 §6 lets a KDC put the name right, and libkrb5 then takes the ticket for somebody else's."""
    site.change(WEB, names=("HTTP/www.bossa.test",))
    held = ask(site, alice, asked, kdc_options=options)
    assert held.ticket.sname.text == held.told.sname.text == given
    assert site.open(held.ticket, WEB)


def test_a_service_may_be_named_with_its_realm(site: Site, alice: Credential) -> None:
    """RFC 6806 §5"""
    asked = PrincipalName(NameType.ENTERPRISE, (f"{WEB}@BOSSA.TEST",))
    assert ask(site, alice, asked, kdc_options=CANONICALIZE).ticket.sname.text == WEB


def test_a_ticket_of_another_realm_is_not_asked_for_here(site: Site, alice: Credential) -> None:
    assert code(site.say(tgs_req(site, alice, WEB, realm="OTHER.TEST"))) == KrbCode.WRONG_REALM


@pytest.mark.parametrize(
    ("options", "refused"),
    [
        (KdcOptions.POSTDATED, KrbCode.CANNOT_POSTDATE),
        (KdcOptions.ALLOW_POSTDATE, KrbCode.CANNOT_POSTDATE),
        (KdcOptions.VALIDATE, KrbCode.BADOPTION),
        (KdcOptions.REQUEST_ANONYMOUS, KrbCode.BADOPTION),
        (KdcOptions.ENC_TKT_IN_SKEY, KrbCode.BADOPTION),
        (KdcOptions.CNAME_IN_ADDL_TKT, KrbCode.BADOPTION),
    ],
)
def test_an_option_that_nobody_gets_is_refused(
    site: Site, alice: Credential, options: KdcOptions, refused: KrbCode
) -> None:
    assert code(site.say(tgs_req(site, alice, WEB, kdc_options=int(options)))) == refused


def test_a_ticket_is_forwarded_to_other_addresses(site: Site, alice: Credential) -> None:
    """RFC 4120 §2.6"""
    options = int(KdcOptions.FORWARDED | KdcOptions.FORWARDABLE)
    there = (HostAddress(2, bytes((192, 0, 2, 99))),)
    held = ask(site, alice, krbtgt("BOSSA.TEST"), kdc_options=options, addresses=there)
    assert held.told.flags & TicketFlags.FORWARDED
    assert held.told.flags & TicketFlags.FORWARDABLE
    assert held.told.caddr == there
    assert not held.told.flags & TicketFlags.INITIAL
    site_there = tgs_req(site, held, WEB)
    assert code(site.say(site_there)) == KrbCode.BADADDR
    assert site.say(site_there, host="192.0.2.99").verdict is Verdict.ISSUED
    assert site.say(site_there, host="::ffff:192.0.2.99").verdict is Verdict.ISSUED
    assert code(site.say(site_there, host="2001:db8::1")) == KrbCode.BADADDR


def test_a_further_ticket_of_a_forwarded_one_says_so_and_keeps_its_addresses(site: Site, alice: Credential) -> None:
    here = (HostAddress(2, bytes(int(part) for part in ADDRESS.split("."))),)
    held = ask(site, alice, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.FORWARDED), addresses=here)
    further = ask(site, held, WEB)
    assert further.told.flags & TicketFlags.FORWARDED
    assert further.told.caddr == here


def test_a_proxy_is_for_a_service_and_grants_no_tickets(site: Site, alice: Credential) -> None:
    """RFC 4120 §2.5"""
    there = (HostAddress(2, bytes((192, 0, 2, 99))),)
    held = ask(site, alice, WEB, kdc_options=int(KdcOptions.PROXY), addresses=there)
    assert held.told.flags & TicketFlags.PROXY
    assert held.told.caddr == there
    granting = tgs_req(site, alice, krbtgt("BOSSA.TEST"), kdc_options=int(KdcOptions.PROXY))
    assert code(site.say(granting)) == KrbCode.BADOPTION


@pytest.mark.parametrize("option", [KdcOptions.FORWARDED, KdcOptions.PROXY])
def test_what_the_ticket_does_not_allow_is_refused(site: Site, option: KdcOptions) -> None:
    held = log_in(site, "alice")
    assert code(site.say(tgs_req(site, held, WEB, kdc_options=int(option)))) == KrbCode.BADOPTION


def test_flags_that_the_ticket_lacks_are_not_given(site: Site, alice: Credential) -> None:
    wanted = int(KdcOptions.FORWARDABLE | KdcOptions.PROXIABLE | KdcOptions.RENEWABLE)
    plain = TicketFlags.PRE_AUTHENT | TicketFlags.TRANSITED_POLICY_CHECKED
    assert ask(site, log_in(site, "alice"), WEB, kdc_options=wanted).told.flags == plain
    both = plain | TicketFlags.FORWARDABLE | TicketFlags.PROXIABLE
    assert ask(site, alice, WEB, kdc_options=wanted).told.flags == both


def test_who_becomes_sensitive_goes_no_further_with_an_old_ticket(site: Site, alice: Credential) -> None:
    site.change("alice", sensitive=True)
    held = ask(site, alice, WEB, kdc_options=int(KdcOptions.FORWARDABLE))
    assert not held.told.flags & TicketFlags.FORWARDABLE


def test_who_wanted_no_pac_gets_none_at_services(site: Site) -> None:
    """[MS-PAC] 2.14"""
    held = log_in(site, "alice", PaData(PaType.PAC_REQUEST, PaPacRequest(include=False).encode()))
    assert find_in(site.open(ask(site, held, WEB).ticket, WEB).part) is None
    granting = ask(site, held, krbtgt("BOSSA.TEST"))
    assert find_in(site.open(granting.ticket, "krbtgt").part)


def encrypted(site: Site, key: Key, usage: int, *items: AuthData) -> EncryptedData:
    """Add authorization data, as a client does."""
    return lock(key, usage, encode_authorization_data(items), site.random(16))


@pytest.mark.parametrize("with_subkey", [False, True])
def test_a_client_narrows_its_ticket(site: Site, alice: Credential, with_subkey: bool) -> None:
    """RFC 4120 §5.4.1: usage 4 under the session key, 5 under the subkey."""
    subkey = random_key(17, site.random) if with_subkey else None
    item = AuthData(-77, b"only on Sundays")
    usage = Usage.TGS_REQ_AUTH_DATA_SUBKEY if subkey else Usage.TGS_REQ_AUTH_DATA_SESSION
    locked = encrypted(site, subkey or alice.key, usage, item)
    held = ask(site, alice, WEB, enc_authorization_data=locked, asking=Asking(subkey=subkey))
    assert item in site.open(held.ticket, WEB).part.authorization_data


def test_what_a_client_added_stands_in_all_further_tickets(site: Site, alice: Credential) -> None:
    item = AuthData(-77, b"only on Sundays")
    locked = encrypted(site, alice.key, Usage.TGS_REQ_AUTH_DATA_SESSION, item)
    narrow = ask(site, alice, krbtgt("BOSSA.TEST"), enc_authorization_data=locked)
    held = ask(site, narrow, WEB)
    assert site.open(held.ticket, WEB).part.authorization_data[1:] == (item,)


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_a_clients_own_pac_is_dropped(site: Site, alice: Credential, depth: int) -> None:
    """RFC 4120 §5.2.6, however deep it lies."""
    item = AuthData(AD_WIN2K_PAC, b"\x04\0\0\0\0\0\0\0")
    for _ in range(depth):
        item = AuthData(AD_IF_RELEVANT, encode_authorization_data((item,)))
    locked = encrypted(site, alice.key, Usage.TGS_REQ_AUTH_DATA_SESSION, item, AuthData(-5, b"kept"))
    part = site.open(ask(site, alice, WEB, enc_authorization_data=locked).ticket, WEB).part
    assert [one.type for one in part.authorization_data] == [AD_IF_RELEVANT, -5]
    raw = find_in(part)
    assert raw is not None
    assert len(raw) > 100


def test_what_the_kdc_would_have_to_understand_and_does_not_is_refused(site: Site, alice: Credential) -> None:
    """RFC 4120 §5.2.6.4"""
    item = AuthData(AD_MANDATORY_FOR_KDC, encode_authorization_data((AuthData(999, b""),)))
    locked = encrypted(site, alice.key, Usage.TGS_REQ_AUTH_DATA_SESSION, item)
    assert code(site.say(tgs_req(site, alice, WEB, enc_authorization_data=locked))) == KrbCode.POLICY


def test_authorization_data_under_another_key_is_bad(site: Site, alice: Credential) -> None:
    locked = encrypted(site, alice.key, Usage.TGS_REQ_AUTH_DATA_SUBKEY, AuthData(1, b""))
    assert code(site.say(tgs_req(site, alice, WEB, enc_authorization_data=locked))) == KrbCode.BAD_INTEGRITY


@pytest.mark.parametrize("etypes", [(23,), (19, 20), (0, -1)])
def test_no_type_that_the_service_reads_is_etype_nosupp(site: Site, alice: Credential, etypes: tuple[int, ...]) -> None:
    assert code(site.say(tgs_req(site, alice, WEB, etypes=etypes))) == KrbCode.ETYPE_NOSUPP


def test_a_ticket_may_show_itself_in_one_request_only_as_it_came(site: Site, alice: Credential) -> None:
    """The header of one request does not serve another."""
    first = KdcReq.decode(tgs_req(site, alice, WEB))
    value = find_padata(first.padata, PaType.TGS_REQ)
    assert value is not None
    other = KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, value),), body(site, sname=name("DNS/ns.bossa.test")))
    assert code(site.say(other.encode())) == KrbCode.MODIFIED
    assert ApReq.decode(value).ticket.sname == krbtgt("BOSSA.TEST")


def test_refusals_name_the_service_and_no_client(site: Site, alice: Credential) -> None:
    error = refusal(site.say(tgs_req(site, alice, "HTTP/nowhere.bossa.test")))
    assert error.sname.text == "HTTP/nowhere.bossa.test"
    assert (error.cname, error.crealm) == (None, None)


def test_a_reply_too_large_for_udp_sends_the_client_to_tcp(site: Site, alice: Credential) -> None:
    outcome = site.say(tgs_req(site, alice, WEB), limit=1200)
    assert (outcome.verdict, code(outcome)) == (Verdict.TURN, KrbCode.RESPONSE_TOO_BIG)
