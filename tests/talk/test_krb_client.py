"""The client's conversations with a KDC that is honest, and with one that is not."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.ap import open_request, reply
from bossa.krb.client import (
    KdcSaid,
    Login,
    User,
    Wishes,
    act_for,
    authenticate,
    change_password,
    forward,
    impersonate,
    renew,
    service_ticket,
    user_to_user,
)
from bossa.krb.client.authenticate import MOST_REALMS
from bossa.krb.client.password import CHANGEPW
from bossa.krb.client.service import MOST_REFERRALS
from bossa.krb.client.verify import told_key
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import KdcOptions, TicketFlags
from bossa.krb.messages import (
    ApReq,
    ChangePasswdData,
    CheckSum,
    EncKrbPrivPart,
    EncryptionKey,
    HostAddress,
    KdcRep,
    KrbError,
    LastReq,
    PaData,
    Ticket,
    find_padata,
)
from bossa.krb.names import NameType, PrincipalName, krbtgt
from bossa.krb.padata import EtypeInfo2Entry, PaS4uX509User, PaType, encode_etype_info2
from bossa.krb.private import open_private, seal_private
from bossa.krb.ticket import open
from bossa.krb.usages import Usage
from bossa.wire import WireError
from tests.talk.krb_kdc import NOW, SKEW, FakeKdc, setting, talk

A, B = "A.TEST", "B.TEST"
ALICE, BOB = PrincipalName.parse("alice"), PrincipalName.parse("bob")
WEB, LDAP = (PrincipalName(NameType.SRV_INST, tuple(name.split("/"))) for name in ("HTTP/web", "ldap/db"))
WEB_KEY = Key(18, b"w" * 32)
FORWARDABLE, CANONICALIZE = int(KdcOptions.FORWARDABLE), int(KdcOptions.CANONICALIZE)
PLAIN = Wishes()


@pytest.fixture
def kdc() -> FakeKdc:
    """One realm with two users, a service that is a user too, and another one."""
    passwords = {"alice": "wonder", "bob": "build", "HTTP/web": "serve"}
    return FakeKdc(A, passwords, {"HTTP/web": WEB_KEY, "ldap/db": Key(18, b"l" * 32), "kadmin/changepw": WEB_KEY})


def login(kdc: FakeKdc, name: PrincipalName = ALICE, wishes: Wishes = PLAIN, *, armor=None, secret=None):
    """Let a user of the realm authenticate."""
    who = Login(name, kdc.realm, secret or kdc.passwords.get(name.text, "?"))
    return talk(authenticate(who, wishes, setting(), armor=armor), kdc)


@pytest.fixture
def tgt(kdc):
    """Alice's ticket-granting ticket."""
    return login(kdc)


def test_a_password_becomes_a_ticket(kdc):
    found = login(kdc, wishes=Wishes(FORWARDABLE, till=int(NOW) + 600, renew_till=int(NOW) + 9000))
    assert (found.client, found.realm, found.server, found.server_realm) == (ALICE, A, krbtgt(A), A)
    assert found.times.endtime == NOW - 0.5 + 600 and found.times.renew_till == NOW - 0.5 + 9000
    assert found.session.enctype == 18 and found.flags & FORWARDABLE
    first, second = kdc.asked
    assert first.body.kdc_options == FORWARDABLE | KdcOptions.RENEWABLE and first.body.nonce != second.body.nonce
    assert [item.type for item in second.padata] == [PaType.FX_COOKIE, PaType.ENC_TIMESTAMP, PaType.REQ_ENC_PA_REP]


def test_a_key_does_as_well_as_a_password(kdc):
    assert login(kdc, secret=(Key(17, b"k" * 16), kdc.key_of("alice"))).client == ALICE


def test_a_user_without_preauthentication_gets_it_at_once(kdc):
    kdc.preauth = False
    assert login(kdc).client == ALICE and len(kdc.asked) == 1


def test_an_armor_hides_the_proof(kdc, tgt):
    found = login(kdc, BOB, armor=tgt)
    assert found.client == BOB
    assert [item.type for item in kdc.asked[-1].padata][:2] == [PaType.FX_COOKIE, PaType.ENCRYPTED_CHALLENGE]
    kdc.preauth = False
    assert login(kdc, BOB, armor=tgt).client == BOB


@pytest.mark.parametrize("armored", [False, True])
@pytest.mark.parametrize(
    ("code", "name", "secret"),
    [
        (KrbCode.PREAUTH_FAILED, ALICE, "wrong"),
        (KrbCode.C_PRINCIPAL_UNKNOWN, PrincipalName.parse("nobody"), "x"),
        (KrbCode.KEY_EXPIRED, BOB, "build"),
    ],
)
def test_the_kdcs_refusal_is_told(kdc, tgt, armored, code, name, secret):
    kdc.codes["bob"] = KrbCode.KEY_EXPIRED
    with pytest.raises(KdcSaid) as said:
        login(kdc, name, armor=tgt if armored else None, secret=secret)
    assert (said.value.code, said.value.text) == (code, "said")
    assert secret not in repr(said.value)


def test_a_kdc_that_wants_turn_after_turn_is_left(kdc):
    kdc.codes["alice"] = KrbCode.PREAUTH_REQUIRED
    with pytest.raises(KdcSaid) as said:
        login(kdc)
    assert said.value.code == KrbCode.PREAUTH_REQUIRED and len(kdc.asked) == 2


def hints(*entries: EtypeInfo2Entry) -> tuple[PaData, ...]:
    return (PaData(PaType.ETYPE_INFO2, encode_etype_info2(entries)),)


@pytest.mark.parametrize("count", [0, 1, 4095, (1 << 20) + 1, (1 << 32) - 1])
def test_a_kdc_does_not_say_how_long_we_work_on_a_password(kdc, count):
    kdc.hints = hints(EtypeInfo2Entry(18, "s", count.to_bytes(4, "big")))
    with pytest.raises(KdcError) as refused:
        login(kdc)
    assert refused.value.code == KrbCode.ETYPE_NOSUPP and len(kdc.asked) == 1


@pytest.mark.parametrize(
    "offered",
    [hints(EtypeInfo2Entry(23, "s")), hints(EtypeInfo2Entry(18, "s", b"\0\0\x10")), hints(EtypeInfo2Entry(-1))],
    ids=["weak", "odd parameters", "unknown"],
)
def test_a_key_that_we_cannot_make_is_no_key(kdc, offered):
    kdc.hints = offered
    with pytest.raises(KdcError) as refused:
        login(kdc)
    assert refused.value.code == KrbCode.ETYPE_NOSUPP


def test_without_a_word_on_the_salt_it_is_the_name(kdc):
    kdc.hints = hints(EtypeInfo2Entry(17), EtypeInfo2Entry(18))
    with pytest.raises(KdcSaid) as said:
        login(kdc)
    assert said.value.code == KrbCode.PREAUTH_FAILED


@pytest.mark.parametrize("etype", [23, 17])
def test_a_reply_under_a_key_that_we_cannot_make_is_refused(kdc, etype):
    kdc.preauth, kdc.hints = False, hints(EtypeInfo2Entry(etype, "s"))
    first = kdc.answer(next(authenticate(Login(ALICE, A, "wonder"), PLAIN, setting())).message)
    weak = KdcRep.decode(first)
    weak = replace(weak, enc_part=replace(weak.enc_part, etype=23))
    exchange = authenticate(Login(ALICE, A, "wonder"), Wishes(etypes=(23, 18)), setting())
    next(exchange)
    with pytest.raises(KdcError) as refused:
        exchange.send(weak.encode())
    assert refused.value.code == KrbCode.ETYPE_NOSUPP


def test_a_kdc_refers_a_user_to_another_realm(kdc):
    other = FakeKdc(B, {"alice": "wonder"})
    kdc.elsewhere["alice"] = B
    who = Login(ALICE, A, "wonder")
    assert talk(authenticate(who, Wishes(CANONICALIZE), setting()), kdc, other).realm == B
    with pytest.raises(KdcSaid) as said:
        talk(authenticate(who, PLAIN, setting()), kdc, other)
    assert said.value.code == KrbCode.WRONG_REALM


def test_users_are_not_led_in_circles(kdc):
    other = FakeKdc(B, elsewhere={"alice": A})
    kdc.elsewhere["alice"] = B
    with pytest.raises(KdcError) as refused:
        talk(authenticate(Login(ALICE, A, "wonder"), Wishes(CANONICALIZE), setting()), kdc, other)
    assert refused.value.code == KrbCode.WRONG_REALM and len(kdc.asked) == 1


def test_a_user_is_not_looked_for_in_every_realm():
    realms = [FakeKdc(f"R{n}.TEST", elsewhere={"alice": f"R{n + 1}.TEST"}) for n in range(MOST_REALMS + 2)]
    with pytest.raises(KdcError) as refused:
        talk(authenticate(Login(ALICE, "R0.TEST", "x"), Wishes(CANONICALIZE), setting()), *realms)
    assert refused.value.code == KrbCode.WRONG_REALM and not realms[MOST_REALMS].asked


def changed(**changes):
    """A lie in the encrypted part."""
    return lambda reply: replace(reply, part=replace(reply.part, **changes))


AS_LIES = {
    "another nonce": changed(nonce=1),
    "another service": changed(sname=WEB),
    "another realm": changed(srealm=B),
    "a start in the future": changed(starttime=int(NOW) + 400),
    "a longer life": changed(endtime=int(NOW) + 601),
    "another client": lambda reply: replace(reply, cname=BOB),
    "another client's realm": lambda reply: replace(reply, crealm=B),
    "another key": lambda reply: replace(reply, key=WEB_KEY),
    "no checksum of the request": lambda reply: replace(reply, checksum=False),
}
FAST_LIES = {
    "not finished": lambda reply: replace(reply, finished=False),
    "challenge not answered": lambda reply: replace(reply, answered=False),
}


@pytest.mark.parametrize("lie", AS_LIES.values(), ids=AS_LIES)
@pytest.mark.parametrize("armored", [False, True])
def test_a_lie_in_a_first_reply_is_not_believed(kdc, tgt, lie, armored):
    kdc.lie = lie
    with pytest.raises(KdcError):
        login(kdc, wishes=Wishes(till=int(NOW) + 600), armor=tgt if armored else None)


@pytest.mark.parametrize("lie", FAST_LIES.values(), ids=FAST_LIES)
def test_a_lie_inside_an_armor_is_not_believed(kdc, tgt, lie):
    kdc.lie = lie
    with pytest.raises(KdcError) as refused:
        login(kdc, armor=tgt)
    assert refused.value.code == KrbCode.MODIFIED


@pytest.mark.parametrize("preauth", [True, False], ids=["hints", "a ticket"])
def test_what_comes_without_armor_is_not_followed(kdc, tgt, preauth):
    kdc.preauth = preauth
    exchange = authenticate(Login(BOB, A, "build"), PLAIN, setting(), armor=tgt)
    next(exchange)
    bare = next(authenticate(Login(BOB, A, "build"), PLAIN, setting()))
    with pytest.raises(KdcSaid if preauth else KdcError) as refused:
        exchange.send(kdc.answer(bare.message))
    assert refused.value.code == (KrbCode.PREAUTH_REQUIRED if preauth else KrbCode.MODIFIED)


def test_the_checksum_covers_the_request_that_was_sent(kdc):
    exchange = authenticate(Login(ALICE, A, "wonder"), PLAIN, setting())
    asked = exchange.send(kdc.answer(next(exchange).message))
    turned = asked.message.replace(b"HTTP", b"http")
    weaker = turned.replace(b"\x02\x01\x14", b"\x02\x01\x17", 1)
    assert weaker != asked.message
    with pytest.raises(KdcError) as refused:
        exchange.send(kdc.answer(weaker))
    assert refused.value.code == KrbCode.MODIFIED


def test_another_name_is_taken_only_when_asked_for_and_proven(kdc):
    alias = PrincipalName(NameType.ENTERPRISE, ("al@mail",))
    kdc.passwords[alias.text] = "wonder"
    kdc.lie = lambda reply: replace(reply, cname=ALICE)
    assert login(kdc, alias, Wishes(CANONICALIZE)).client == ALICE
    with pytest.raises(KdcError):
        login(kdc, alias)
    flags = int(TicketFlags.INITIAL)
    kdc.lie = lambda reply: replace(reply, cname=ALICE, part=replace(reply.part, flags=flags))
    with pytest.raises(KdcError):
        login(kdc, alias, Wishes(CANONICALIZE))


@pytest.mark.parametrize("message", [b"", b"\x7e\x00", b"\x6b\x00", b"\x30\x00"])
def test_noise_instead_of_a_reply_is_not_of_the_shape(message):
    exchange = authenticate(Login(ALICE, A, "wonder"), PLAIN, setting())
    next(exchange)
    with pytest.raises(WireError):
        exchange.send(message)


def test_a_reply_of_another_exchange_is_refused(kdc, tgt):
    exchange = service_ticket(tgt, WEB, PLAIN, setting())
    next(exchange)
    kdc.preauth = False
    first = kdc.answer(next(authenticate(Login(ALICE, A, "wonder"), PLAIN, setting())).message)
    with pytest.raises(KdcError) as refused:
        exchange.send(first)
    assert refused.value.code == KrbCode.MSG_TYPE


@pytest.mark.parametrize("armored", [False, True])
def test_a_ticket_becomes_another(kdc, tgt, armored):
    found = talk(service_ticket(tgt, WEB, Wishes(armored=armored), setting()), kdc)
    assert (found.client, found.server, found.server_realm) == (ALICE, WEB, A)
    assert open(found.open_ticket(), WEB_KEY).part.cname == ALICE


@pytest.mark.parametrize("armored", [False, True])
def test_an_unknown_service_is_told(kdc, tgt, armored):
    with pytest.raises(KdcSaid) as said:
        talk(service_ticket(tgt, BOB, Wishes(armored=armored), setting()), kdc)
    assert said.value.code == KrbCode.S_PRINCIPAL_UNKNOWN


TGS_LIES = {name: AS_LIES[name] for name in AS_LIES if "checksum" not in name and "life" not in name}


def to_ldap(reply):
    """A ticket that is honestly to another service."""
    return changed(sname=LDAP)(replace(reply, ticket=Ticket(A, LDAP, reply.ticket.enc_part)))


REPLIES = {
    "to another service": to_ldap,
    "of another realm": lambda reply: changed(srealm=B)(replace(reply, ticket=replace(reply.ticket, realm=B, raw=b""))),
}


@pytest.mark.parametrize("lie", REPLIES.values(), ids=REPLIES)
def test_a_ticket_that_is_honest_but_another_is_not_taken(kdc, tgt, lie):
    kdc.lie = lie
    with pytest.raises(KdcError) as refused:
        talk(renew(tgt, PLAIN, setting()), kdc)
    assert refused.value.code == KrbCode.MODIFIED
    with pytest.raises(KdcError) as refused:
        login(kdc)
    assert refused.value.code == KrbCode.MODIFIED


def test_a_referral_is_of_the_realm_that_was_asked(kdc, tgt):
    other = two_realms(kdc)
    kdc.lie = REPLIES["of another realm"]
    with pytest.raises(KdcError) as refused:
        talk(service_ticket(tgt, FAR, PLAIN, setting()), kdc, other)
    assert refused.value.code == KrbCode.MODIFIED


@pytest.mark.parametrize("lie", TGS_LIES.values(), ids=TGS_LIES)
@pytest.mark.parametrize("armored", [False, True])
def test_a_lie_in_a_later_reply_is_not_believed(kdc, tgt, lie, armored):
    kdc.lie = lie if lie is not AS_LIES["another service"] else changed(sname=LDAP)
    with pytest.raises(KdcError):
        talk(service_ticket(tgt, WEB, Wishes(armored=armored), setting()), kdc)


def two_realms(kdc: FakeKdc) -> FakeKdc:
    """Return a second realm that the first one trusts, and refers to."""
    other = FakeKdc(B, {}, {"HTTP/far": WEB_KEY})
    kdc.referrals["HTTP/far"] = B
    kdc.keys[B] = other.keys[A] = Key(18, b"t" * 32)
    return other


FAR = PrincipalName(NameType.SRV_INST, ("HTTP", "far"))


@pytest.mark.parametrize("realm", ["", B])
def test_a_service_of_another_realm_is_reached(kdc, tgt, realm):
    other = two_realms(kdc)
    found = talk(service_ticket(tgt, FAR, PLAIN, setting(), realm=realm), kdc, other)
    assert (found.client, found.realm, found.server, found.server_realm) == (ALICE, A, FAR, B)


def test_referrals_do_not_lead_in_circles(kdc, tgt):
    other = two_realms(kdc)
    other.referrals["HTTP/far"] = A
    with pytest.raises(KdcError) as refused:
        talk(service_ticket(tgt, FAR, PLAIN, setting()), kdc, other)
    assert refused.value.code == KrbCode.PATH_NOT_ACCEPTED and len(kdc.asked) == 3


def test_referrals_end_after_a_few_realms(kdc, tgt):
    realms = [kdc, *(FakeKdc(f"R{n}.TEST") for n in range(MOST_REFERRALS + 2))]
    for here, there in pairwise(realms):
        here.referrals["HTTP/far"] = there.realm
        here.keys[there.realm] = there.keys[here.realm] = Key(18, b"t" * 32)
    with pytest.raises(KdcError) as refused:
        talk(service_ticket(tgt, FAR, PLAIN, setting()), *realms)
    assert refused.value.code == KrbCode.PATH_NOT_ACCEPTED


def test_a_service_ticket_leads_nowhere(kdc, tgt):
    web = talk(service_ticket(tgt, WEB, PLAIN, setting()), kdc)
    with pytest.raises(KdcError) as refused:
        talk(service_ticket(web, LDAP, PLAIN, setting()), kdc)
    assert refused.value.code == KrbCode.NO_TGT


def test_a_ticket_is_renewed_and_forwarded(kdc, tgt):
    later = talk(renew(tgt, Wishes(till=int(NOW) + 50), setting()), kdc)
    assert later.server == tgt.server and kdc.asked[-1].body.kdc_options == KdcOptions.RENEW
    away = talk(forward(tgt, PLAIN, setting()), kdc)
    assert away.flags & KdcOptions.FORWARDED and away.server == krbtgt(A)


def test_a_renewed_ticket_may_last_longer_than_was_asked(kdc, tgt):
    kdc.lie = changed(endtime=int(NOW) + 60)
    assert talk(renew(tgt, Wishes(till=int(NOW) + 50), setting()), kdc).times.endtime == int(NOW) + 60
    with pytest.raises(KdcError) as refused:
        talk(forward(tgt, Wishes(till=int(NOW) + 50), setting()), kdc)
    assert refused.value.code == KrbCode.MODIFIED


def test_a_ticket_is_made_under_another_users_session_key(kdc, tgt):
    bobs = login(kdc, BOB)
    kdc.services["bob"] = WEB_KEY
    found = talk(user_to_user(tgt, BOB, bobs.open_ticket(), PLAIN, setting()), kdc)
    assert found.second_ticket == bobs.ticket and open(found.open_ticket(), bobs.session).part.cname == ALICE


@pytest.mark.parametrize("armored", [False, True])
def test_a_service_speaks_for_a_user_to_itself_and_to_another(kdc, armored):
    own = login(kdc, WEB)
    wishes = Wishes(FORWARDABLE, armored=armored)
    evidence = talk(impersonate(own, User(ALICE, A), wishes, setting()), kdc)
    assert (evidence.client, evidence.server) == (ALICE, WEB)
    found = talk(act_for(own, evidence, LDAP, wishes, setting()), kdc)
    assert (found.client, found.server) == (ALICE, LDAP)
    asked = kdc.asked[-1]
    assert asked.body.additional_tickets[0].raw == evidence.ticket
    assert find_padata(asked.padata, PaType.PAC_OPTIONS).endswith(b"\x10\0\0\0")


def echo(reply, *, usage: int = 27, other: Key | None = None, **changes):
    """A lie in what the KDC says of the user, under a checksum that fits it."""
    found = PaS4uX509User.decode(reply.padata[0].value)
    user_id = replace(found.user_id, raw=b"", **changes)
    key = other or reply.key
    cksum = CheckSum(key.checksum_type, key.checksum(usage, user_id.encode()))
    return replace(reply, padata=(PaData(PaType.S4U_X509_USER, PaS4uX509User(user_id, cksum).encode()),))


S4U_LIES = {
    "another user": lambda reply: replace(reply, cname=BOB),
    "another service": to_ldap,
    "an echo under another key": lambda reply: echo(reply, other=WEB_KEY),
    "an echo under another type of key": lambda reply: echo(reply, other=Key(17, b"k" * 16)),
    "an echo under another usage": lambda reply: echo(reply, usage=26),
    "an echo of another request": lambda reply: echo(reply, nonce=5),
}
S4U_TRUTHS = {
    "an echo without options": lambda reply: echo(reply, usage=26, options=None),
    "no echo": lambda reply: replace(reply, padata=()),
}


@pytest.mark.parametrize("lie", S4U_LIES.values(), ids=S4U_LIES)
def test_a_lie_about_a_user_is_not_believed(kdc, lie):
    own = login(kdc, WEB)
    kdc.lie = lie
    with pytest.raises(KdcError) as refused:
        talk(impersonate(own, User(ALICE, A), PLAIN, setting()), kdc)
    assert refused.value.code == KrbCode.MODIFIED


@pytest.mark.parametrize("truth", S4U_TRUTHS.values(), ids=S4U_TRUTHS)
def test_older_kdcs_say_less_about_a_user(kdc, truth):
    own = login(kdc, WEB)
    kdc.lie = truth
    assert talk(impersonate(own, User(ALICE, A), PLAIN, setting()), kdc).client == ALICE


def test_the_kdc_knows_what_an_enterprise_name_means(kdc):
    own = login(kdc, WEB)
    kdc.lie = lambda reply: replace(reply, cname=ALICE)
    user = User(PrincipalName(NameType.ENTERPRISE, ("al@mail",)), A)
    assert talk(impersonate(own, user, PLAIN, setting()), kdc).client == ALICE


def test_evidence_follows_a_service_to_another_realm(kdc):
    other = two_realms(kdc)
    own = login(kdc, WEB)
    evidence = talk(impersonate(own, User(ALICE, A), PLAIN, setting()), kdc)
    other.evidence, other.meant = other.keys[A], ALICE
    found = talk(act_for(own, evidence, FAR, PLAIN, setting()), kdc, other)
    assert (found.client, found.realm, found.server, found.server_realm) == (ALICE, A, FAR, B)
    brought = other.asked[-1].body.additional_tickets[0]
    assert open(brought, other.keys[A]).part.cname == WEB and brought.sname == krbtgt(B)


def test_a_referral_on_a_users_behalf_is_the_services_own(kdc):
    other = two_realms(kdc)
    own = login(kdc, WEB)
    evidence = talk(impersonate(own, User(ALICE, A), PLAIN, setting()), kdc)
    kdc.lie = lambda reply: replace(reply, cname=ALICE)
    with pytest.raises(KdcError) as refused:
        talk(act_for(own, evidence, FAR, PLAIN, setting()), kdc, other)
    assert refused.value.code == KrbCode.MODIFIED and not other.asked


def test_a_proxy_ticket_for_another_user_is_not_believed(kdc):
    own = login(kdc, WEB)
    evidence = talk(impersonate(own, User(ALICE, A), PLAIN, setting()), kdc)
    kdc.lie = lambda reply: replace(reply, cname=BOB)
    with pytest.raises(KdcError) as refused:
        talk(act_for(own, evidence, LDAP, PLAIN, setting()), kdc)
    assert refused.value.code == KrbCode.MODIFIED


def test_a_user_of_another_realm_is_asked_for_there(kdc):
    other = two_realms(kdc)
    other.referrals[PrincipalName(1, ("HTTP/web@A.TEST",)).text] = A
    own = login(kdc, WEB)
    carol = User(PrincipalName.parse("carol"), B)
    exchange = impersonate(own, carol, PLAIN, setting())
    kdc.foreign["carol"] = B
    found = talk(exchange, kdc, other)
    assert (found.client.text, found.realm, found.server, found.server_realm) == ("carol", B, WEB, A)
    assert other.asked[0].body.sname == PrincipalName(NameType.ENTERPRISE, ("HTTP/web@A.TEST",))


def password_server(
    message: bytes, code: bytes = b"\0\0done", *, proof: bool = True, own: Key | None = None
) -> tuple[bytes, bytes]:
    """What a password server reads, and what it answers."""
    size, ap_size = int.from_bytes(message[:2], "big"), int.from_bytes(message[4:6], "big")
    assert size == len(message)
    req = ApReq.decode(message[6 : 6 + ap_size])
    shown = open_request(req, open(req.ticket, WEB_KEY), Usage.AP_REQ_AUTHENTICATOR, NOW, SKEW)
    words = open_private(message[6 + ap_size :], shown.subkey)
    assert words.seq_number == shown.authenticator.seq_number
    ap_rep = reply(shown, b"c" * 16, subkey=own)
    said = EncKrbPrivPart(code, None, None, 1, HostAddress(2, bytes(4)))
    back = seal_private(said, own or shown.subkey, b"c" * 16)
    if not proof:
        ap_rep, back = b"", KrbError(60, int(NOW), 0, A, CHANGEPW, e_data=b"\0\1no").encode()
    size = 6 + len(ap_rep) + len(back)
    head = b"".join(number.to_bytes(2, "big") for number in (size, 1, len(ap_rep)))
    return words.user_data, head + ap_rep + back


@pytest.mark.parametrize("code", [b"\0\0done", b"\0\4too short"])
def test_a_password_is_changed_or_why_not_is_told(kdc, code):
    ticket = login(kdc, wishes=Wishes(service=CHANGEPW))
    seen = []

    def server(message: bytes) -> bytes:
        words, back = password_server(message, code)
        seen.append((message[2:4], words))
        return back

    result = talk(change_password(ticket, "new", setting()), passwords=server)
    assert (result.code, result.text) == (code[1], code[2:]) and seen == [(b"\0\1", b"new")]
    talk(change_password(ticket, "new", setting(), target=(BOB, A)), passwords=server)
    version, words = seen[1]
    assert version == b"\xff\x80" and ChangePasswdData.decode(words) == ChangePasswdData(b"new", BOB, A)
    assert b"new" not in repr(ChangePasswdData.decode(words)).encode()


@pytest.mark.parametrize("way", ["error", "bare error"])
def test_a_password_servers_error_is_told(kdc, way):
    ticket = login(kdc, wishes=Wishes(service=CHANGEPW))

    def server(message: bytes) -> bytes:
        back = password_server(message, proof=False)[1]
        return back if way == "error" else back[6:]

    with pytest.raises(KdcSaid) as said:
        talk(change_password(ticket, "new", setting()), passwords=server)
    assert said.value.code == KrbCode.GENERIC and said.value.error.e_data == b"\0\1no"


@pytest.mark.parametrize("broken", [b"", b"\0\6\0\1\0\0", b"\0\7\0\1\0\0", b"\0\6\0\1\0\1", b"\0\x08\0\1\0\0ab"])
def test_noise_from_a_password_server_is_not_of_the_shape(kdc, broken):
    ticket = login(kdc, wishes=Wishes(service=CHANGEPW))
    with pytest.raises(WireError):
        talk(change_password(ticket, "new", setting()), passwords=lambda message: broken)


def test_a_password_server_without_the_key_is_not_believed(kdc):
    ticket = login(kdc, wishes=Wishes(service=CHANGEPW))

    def server(message: bytes) -> bytes:
        back = bytearray(password_server(message)[1])
        back[-1] ^= 1
        return bytes(back)

    with pytest.raises(KdcError) as refused:
        talk(change_password(ticket, "new", setting()), passwords=server)
    assert refused.value.code == KrbCode.MODIFIED


def test_a_password_servers_word_has_a_code(kdc):
    ticket = login(kdc, wishes=Wishes(service=CHANGEPW))
    with pytest.raises(WireError):
        talk(change_password(ticket, "new", setting()), passwords=lambda message: password_server(message, b"\0")[1])


def test_a_password_server_may_choose_the_key(kdc):
    ticket = login(kdc, wishes=Wishes(service=CHANGEPW))
    result = talk(
        change_password(ticket, "new", setting()), passwords=lambda message: password_server(message, own=WEB_KEY)[1]
    )
    assert result.code == 0


def test_a_key_of_a_type_that_we_lack_is_told_so():
    with pytest.raises(KdcError) as refused:
        told_key(EncryptionKey(23, b"w" * 16))
    assert refused.value.code == KrbCode.ETYPE_NOSUPP and told_key(EncryptionKey(18, b"w" * 32)) == WEB_KEY


def test_a_pac_is_wanted_or_not_only_when_said(kdc):
    for pac, octets in ((None, None), (True, b"0\5\xa0\3\1\1\xff"), (False, b"0\5\xa0\3\1\1\0")):
        login(kdc, wishes=Wishes(pac=pac))
        assert find_padata(kdc.asked[-1].padata, PaType.PAC_REQUEST) == octets


def test_what_was_last_is_kept_out_of_a_credential(kdc):
    kdc.lie = changed(last_req=(LastReq(1, 5), LastReq(6, 7)), key_expiration=9)
    assert login(kdc).times.authtime == int(NOW)
