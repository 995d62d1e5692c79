"""Conversations inside an armor: what counts is inside, and what goes wrong is told inside.  RFC 6113 §5.4"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bossa.crypto.enctypes import Key, random_key
from bossa.krb.armor import armor_key, challenge
from bossa.krb.client import KdcSaid, Login, User, Wishes, authenticate, impersonate, service_ticket
from bossa.krb.client.armored import Armor, arm, check_finished, make_armor, open_error, open_response
from bossa.krb.client.s4u import for_user
from bossa.krb.credential import Credential, Times
from bossa.krb.errors import KrbCode
from bossa.krb.flags import FastOptions, TicketFlags
from bossa.krb.kdc.outcome import Outcome, Verdict
from bossa.krb.messages import (
    AS_REQ,
    TGS_REQ,
    CheckSum,
    EncryptedData,
    KdcRep,
    KdcReq,
    KrbError,
    PaData,
    decode_padata,
)
from bossa.krb.names import ANONYMOUS, krbtgt
from bossa.krb.padata import KrbFastArmoredReq, KrbFastReq, PaType
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from tests.talk import kerberos
from tests.talk.kerberos import NOW, PASSWORD, Site, body, code, drive, key_of, log_in, name, setting, timestamp

WEB = "HTTP/web.bossa.test"


@pytest.fixture
def site() -> Site:
    """A realm with a user, a service, and a host whose ticket makes armor."""
    made = Site()
    made.user("alice")
    made.service(WEB)
    made.service("host/ws1.bossa.test")
    return made


def kept(held: kerberos.Credential) -> Credential:
    """A ticket as our client keeps it."""
    told = held.told
    times = Times(told.authtime, told.starttime or 0, told.endtime)
    ticket = held.ticket.encode()
    return Credential(held.cname, held.crealm, told.sname, told.srealm, ticket, told.key, told.flags, times)


@pytest.fixture
def host(site: Site) -> Credential:
    """The ticket of the host."""
    return kept(log_in(site, "host/ws1.bossa.test", key=site.principal("host/ws1.bossa.test").key()))


@pytest.fixture
def armor(site: Site, host: Credential) -> Armor:
    """An armor made of it."""
    return make_armor(host, setting(site))


def say_armored(site: Site, armor: Armor, *padata: PaData, **fields: Any) -> Outcome:
    """Send an armored AS-REQ of alice."""
    asked = body(site, cname=name("alice"), **fields)
    inside = arm(armor, asked, padata, asked.encode(), setting(site))
    return site.say(KdcReq(AS_REQ, (inside,), asked).encode())


def inner_error(outcome: Outcome, armor: Armor) -> tuple[KrbError, dict[int, bytes]]:
    """Read what is told inside the armor; outside stands the same code."""
    outer = KrbError.decode(outcome.reply)
    error, padata = open_error(armor, outer, 12345)
    assert outer.error_code == error.error_code == outcome.code
    return error, {one.type: one.value for one in padata}


def prove(site: Site, armor: Armor, key: Key | None = None, *, now: float | None = None) -> PaData:
    """Prove alice's key inside the armor."""
    return challenge(armor.key, key or key_of(site, "alice"), now or site.now, site.random(16))


def test_a_login_inside_an_armor(site: Site, host: Credential) -> None:
    """Our client verifies the KDC's half of the challenge, the finished ticket, and that its request arrived."""
    login = Login(name("alice"), "BOSSA.TEST", PASSWORD)
    held = drive(authenticate(login, Wishes(), setting(site), armor=host), site)
    assert (held.client, held.server) == (name("alice"), krbtgt("BOSSA.TEST"))
    assert held.flags & TicketFlags.PRE_AUTHENT
    further = drive(service_ticket(held, name(WEB), Wishes(armored=True), setting(site)), site)
    assert further.server == name(WEB)


def test_a_login_that_comes_again_brings_what_only_the_client_can_open(site: Site, armor: Armor) -> None:
    """No challenge is remembered: in another armor, which a stranger could open, it proves nothing."""
    proof = prove(site, armor)
    assert say_armored(site, armor, proof).verdict is Verdict.ISSUED
    assert say_armored(site, armor, proof).verdict is Verdict.ISSUED
    stranger = make_armor(kept(log_in(site, WEB, key=site.principal(WEB).key())), setting(site))
    assert say_armored(site, stranger, proof).code == KrbCode.PREAUTH_FAILED


def test_a_wrong_password_inside_an_armor_is_told_inside(site: Site, host: Credential) -> None:
    login = Login(name("alice"), "BOSSA.TEST", "another")
    with pytest.raises(KdcSaid) as refused:
        drive(authenticate(login, Wishes(), setting(site), armor=host), site)
    assert refused.value.code == KrbCode.PREAUTH_FAILED


def test_what_to_prove_is_told_inside(site: Site, armor: Armor) -> None:
    """RFC 6113 §5.4.4"""
    outcome = say_armored(site, armor)
    error, told = inner_error(outcome, armor)
    assert outcome.verdict is Verdict.TURN
    assert error.error_code == KrbCode.PREAUTH_REQUIRED
    assert set(told) == {PaType.ETYPE_INFO2, PaType.ENCRYPTED_CHALLENGE, PaType.FX_COOKIE, PaType.FX_ERROR}


def test_a_challenge_brings_a_ticket_under_a_strengthened_key(site: Site, armor: Armor) -> None:
    """RFC 6113 §5.4.3 and §5.4.6"""
    outcome = say_armored(site, armor, prove(site, armor))
    reply = KdcRep.decode(outcome.reply)
    response = open_response(armor, reply.padata, 12345)
    found = check_finished(armor, response, reply)
    assert (outcome.verdict, outcome.account) == (Verdict.ISSUED, "alice")
    assert [one.type for one in reply.padata] == [PaType.FX_FAST]
    assert {one.type for one in found.padata} == {PaType.ETYPE_INFO2, PaType.ENCRYPTED_CHALLENGE}
    assert response.strengthen_key is not None


@pytest.mark.parametrize("enctype", [17, 18])
def test_a_challenge_may_be_made_with_any_key_of_the_account(site: Site, armor: Armor, enctype: int) -> None:
    """The challenge does not say with which."""
    outcome = say_armored(site, armor, prove(site, armor, key_of(site, "alice", enctype=enctype)))
    assert outcome.verdict is Verdict.ISSUED


def test_a_wrong_challenge_counts_as_a_wrong_password(site: Site, armor: Armor) -> None:
    outcome = say_armored(site, armor, prove(site, armor, key_of(site, "alice", "another")))
    error, told = inner_error(outcome, armor)
    assert (outcome.verdict, outcome.account) == (Verdict.FAILED, "alice")
    assert error.error_code == KrbCode.PREAUTH_FAILED
    assert PaType.ETYPE_INFO2 in told


def test_a_challenge_of_another_time_is_skew(site: Site, armor: Armor) -> None:
    error, _ = inner_error(say_armored(site, armor, prove(site, armor, now=NOW - 301)), armor)
    assert error.error_code == KrbCode.SKEW


def test_a_plain_timestamp_proves_nothing_inside_an_armor(site: Site, armor: Armor) -> None:
    error, _ = inner_error(say_armored(site, armor, timestamp(site, key_of(site, "alice"))), armor)
    assert error.error_code == KrbCode.PREAUTH_REQUIRED


def test_a_challenge_proves_nothing_without_an_armor(site: Site, armor: Armor) -> None:
    asked = body(site, cname=name("alice"))
    packet = KdcReq(AS_REQ, (prove(site, armor),), asked).encode()
    assert code(site.say(packet)) == KrbCode.PREAUTH_REQUIRED


def test_the_inner_request_counts_and_not_the_outer(site: Site, armor: Armor) -> None:
    """Trap 27 of the reference, RFC 6113 §5.4.2"""
    site.user("bob")
    outer = body(site, cname=name("bob"), sname=name(WEB))
    inner = body(site, cname=name("alice"))
    inside = arm(armor, inner, (prove(site, armor),), outer.encode(), setting(site))
    outcome = site.say(KdcReq(AS_REQ, (inside,), outer).encode())
    found = KdcRep.decode(outcome.reply)
    assert (found.cname, found.ticket.sname) == (name("alice"), krbtgt("BOSSA.TEST"))
    assert (outcome.client, outcome.account) == ("alice@BOSSA.TEST", "alice")


def test_a_user_who_is_named_outside_the_armor_is_not_asked_for(site: Site) -> None:
    """Trap 27 of the reference: S4U padata counts where the request is, inside."""
    held = log_in(site, "host/ws1.bossa.test", key=site.principal("host/ws1.bossa.test").key())
    own = name("host/ws1.bossa.test")
    user = User(name("alice"), "BOSSA.TEST")
    armed = drive(impersonate(kept(held), user, Wishes(armored=True), setting(site)), site)
    assert armed.client == name("alice")
    outside = armored_tgs(site, held, for_user(user, held.key), sname=own)
    assert (outside.verdict, outside.client) == (Verdict.ISSUED, "host/ws1.bossa.test@BOSSA.TEST")


def armored_tgs(site: Site, held: kerberos.Credential, *outside: PaData, **fields: Any) -> Outcome:
    """Send a TGS-REQ in the armor of its own header, with more padata outside."""
    subkey = random_key(18, site.random)
    asked = body(site, **fields)
    header = kerberos.show(site, held, asked.encode(), kerberos.Asking(subkey=subkey))
    inside = arm(Armor(armor_key(subkey, held.key)), asked, (), header, setting(site))
    return site.say(KdcReq(TGS_REQ, (PaData(PaType.TGS_REQ, header), inside, *outside), asked).encode())


def test_a_tgs_req_in_armor_is_answered_in_it(site: Site) -> None:
    """RFC 6113 §5.4.2 and §5.4.3"""
    held = log_in(site, "alice")
    outcome = armored_tgs(site, held, sname=name(WEB))
    assert [one.type for one in KdcRep.decode(outcome.reply).padata] == [PaType.FX_FAST]
    refused = armored_tgs(site, held, sname=name("HTTP/nowhere.bossa.test"))
    told = decode_padata(KrbError.decode(refused.reply).e_data or b"")
    assert (refused.code, [one.type for one in told]) == (KrbCode.S_PRINCIPAL_UNKNOWN, [PaType.FX_FAST])


def test_an_outer_request_that_was_changed_is_modified(site: Site, armor: Armor) -> None:
    asked = body(site, cname=name("alice"))
    inside = arm(armor, asked, (), asked.encode(), setting(site))
    outcome = site.say(KdcReq(AS_REQ, (inside,), replace(asked, nonce=9)).encode())
    assert code(outcome) == KrbCode.MODIFIED


def test_a_client_may_hide_its_name(site: Site, armor: Armor) -> None:
    """RFC 6113 §5.4.2: outside stands nobody, inside the client."""
    asked = body(site, cname=name("alice"))
    inner = KrbFastReq(int(FastOptions.HIDE_CLIENT_NAMES), (prove(site, armor),), asked)
    reply = KdcRep.decode(site.say(armored_by_hand(site, armor, asked, inner)).reply)
    response = open_response(armor, reply.padata, 12345)
    assert reply.cname == ANONYMOUS
    assert response.finished is not None
    assert response.finished.cname == name("alice")
    refused = KrbError.decode(site.say(armored_by_hand(site, armor, asked, replace(inner, padata=()))).reply)
    assert refused.cname == ANONYMOUS


def test_a_critical_option_that_nobody_knows_is_refused(site: Site, armor: Armor) -> None:
    """RFC 6113 §5.4.2: told in the clear, there is no armor yet."""
    asked = body(site, cname=name("alice"))
    outcome = site.say(armored_by_hand(site, armor, asked, KrbFastReq(1 << 25, (), asked)))
    assert code(outcome) == KrbCode.UNKNOWN_CRITICAL_FAST_OPTIONS


def armored_by_hand(site: Site, armor: Armor, outer: Any, inner: KrbFastReq) -> bytes:
    """Arm what a client of ours would not say."""
    cksum = CheckSum(armor.key.checksum_type, armor.key.checksum(Usage.FAST_REQ_CHECKSUM, outer.encode()))
    locked = lock(armor.key, Usage.FAST_REQ, inner.encode(), site.random(16))
    value = KrbFastArmoredReq(armor.proof, cksum, locked).encode()
    return KdcReq(AS_REQ, (PaData(PaType.FX_FAST, value),), outer).encode()


def test_a_refusal_that_is_no_turn_is_told_inside_too(site: Site, armor: Armor) -> None:
    site.change("alice", disabled=True)
    outcome = say_armored(site, armor)
    error, told = inner_error(outcome, armor)
    assert (outcome.verdict, error.error_code) == (Verdict.REFUSED, KrbCode.CLIENT_REVOKED)
    assert set(told) == {PaType.FX_ERROR}


def test_a_service_ticket_makes_no_armor(site: Site, host: Credential) -> None:
    """RFC 6113 §5.4.1.1: only a ticket to the ticket-granting service of this realm."""
    held = drive(service_ticket(host, name(WEB), Wishes(), setting(site)), site)
    outcome = say_armored(site, make_armor(held, setting(site)))
    assert code(outcome) == KrbCode.NOT_US


def test_an_expired_ticket_makes_no_armor(site: Site, host: Credential) -> None:
    site.now += 36_301
    assert code(say_armored(site, make_armor(host, setting(site)))) == KrbCode.TKT_EXPIRED


def test_an_armor_under_another_key_is_bad(site: Site, armor: Armor) -> None:
    other = Armor(random_key(18, site.random), armor.proof)
    assert code(say_armored(site, other)) == KrbCode.MODIFIED


def test_a_request_inside_that_is_garbage_is_bad(site: Site, armor: Armor) -> None:
    asked = body(site, cname=name("alice"))
    cksum = CheckSum(armor.key.checksum_type, armor.key.checksum(Usage.FAST_REQ_CHECKSUM, asked.encode()))
    value = KrbFastArmoredReq(armor.proof, cksum, EncryptedData(18, None, bytes(80))).encode()
    outcome = site.say(KdcReq(AS_REQ, (PaData(PaType.FX_FAST, value),), asked).encode())
    assert code(outcome) == KrbCode.BAD_INTEGRITY
