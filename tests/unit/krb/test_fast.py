from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb import armor as armor_
from bossa.krb.client.armored import Armor, arm, check_finished, make_armor, open_error, open_response
from bossa.krb.client.ask import KdcSaid, Setting
from bossa.krb.credential import Credential, Times
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.fast import COOKIE, Armored, finish, unwrap, wrap_error, wrap_reply
from bossa.krb.messages import (
    AS_REP,
    AuthData,
    CheckSum,
    EncryptedData,
    KdcRep,
    KrbError,
    PaData,
    decode_padata,
    encode_padata,
)
from bossa.krb.names import ANONYMOUS, ANONYMOUS_REALM
from bossa.krb.padata import KrbFastArmor, KrbFastArmoredReq, KrbFastReq, PaType
from bossa.krb.ticket import lock, wire_key
from bossa.krb.usages import Usage
from bossa.wire import WireError
from tests.unit.krb.specimens import (
    ALICE,
    BOB,
    BODY,
    CONFOUNDER,
    LONG_TERM,
    NOW,
    OTHER,
    REALM,
    SESSION,
    SKEW,
    SUBKEY,
    TGS,
    Shown,
    Terms,
    ap_req,
    as_req,
    counting,
    header,
    open_tgt,
    tgs_req,
    ticket,
)

SETTING = Setting(NOW, counting())
TGT = Credential(
    ALICE, REALM, TGS, REALM, ticket().encode(), wire_key(SESSION), 0, Times(int(NOW), int(NOW), int(NOW) + 9)
)
INNER = replace(BODY, cname=BOB, nonce=5, raw=b"")
HIDE, UNKNOWN_CRITICAL, UNKNOWN = 0x40000000, 0x20000000, 0x00000001
HEADER = ap_req(usage=Usage.TGS_REQ_AUTHENTICATOR)
KEY = armor_.armor_key(SUBKEY, SESSION)
PROOF = KrbFastArmor(1, ap_req())


def armored_as(options: int = 0, *padata: PaData, key: Key = KEY, proof: KrbFastArmor | None = PROOF, **changes):
    """An AS-REQ whose inside may differ from its outside."""
    cksum = CheckSum(key.checksum_type, key.checksum(Usage.FAST_REQ_CHECKSUM, BODY.encode()))
    locked = lock(key, Usage.FAST_REQ, KrbFastReq(options, padata, INNER).encode(), CONFOUNDER)
    value = replace(KrbFastArmoredReq(proof, cksum, locked), **changes)
    return as_req(PaData(PaType.FX_FAST, value.encode()))


def take_off(req, verified=None):
    return unwrap(req, open_tgt, verified, NOW, SKEW)


def refused(req, verified=None) -> KrbCode:
    with pytest.raises(KdcError) as error:
        take_off(req, verified)
    return error.value.code


def test_a_request_without_armor_is_none():
    assert take_off(as_req()) is None
    assert take_off(tgs_req(PaData(PaType.TGS_REQ, HEADER)), header()) is None


def test_of_an_armored_request_only_the_inside_counts():
    proof = PaData(PaType.ENCRYPTED_CHALLENGE, b"x")
    armored = take_off(armored_as(0, proof))
    assert armored.req.body == INNER and armored.req.body.raw == INNER.encode()
    assert armored.req.padata == (proof,) and armored.armor_key == KEY and not armored.hide_client


def test_what_the_client_arms_the_kdc_unwraps():
    armor = make_armor(TGT, SETTING)
    req = as_req(arm(armor, INNER, (COOKIE,), BODY.encode(), SETTING))
    armored = take_off(req)
    assert armored.armor_key == armor.key and armored.req.padata == (COOKIE,)


def test_the_armor_of_a_tgs_req_is_its_header():
    inner = arm(Armor(KEY), INNER, (), HEADER, SETTING)
    req = tgs_req(PaData(PaType.TGS_REQ, HEADER), inner)
    armored = take_off(req, header())
    assert armored.armor_key == KEY and armored.req.body == INNER


@pytest.mark.parametrize(
    ("code", "req"),
    [
        (KrbCode.UNKNOWN_CRITICAL_FAST_OPTIONS, armored_as(UNKNOWN_CRITICAL)),
        (KrbCode.PREAUTH_FAILED, armored_as(proof=None)),
        (KrbCode.PREAUTH_FAILED, armored_as(proof=KrbFastArmor(2, ap_req()))),
        (KrbCode.PREAUTH_FAILED, armored_as(proof=KrbFastArmor(1, ap_req(Shown(subkey=None))))),
        (KrbCode.TKT_EXPIRED, armored_as(proof=KrbFastArmor(1, ap_req(terms=Terms(end=int(NOW) - 400))))),
        (KrbCode.MODIFIED, armored_as(key=OTHER)),
        (KrbCode.INAPP_CKSUM, armored_as(req_checksum=CheckSum(7, b"m" * 16))),
        (KrbCode.MODIFIED, armored_as(req_checksum=CheckSum(16, b"m" * 12))),
        (KrbCode.BAD_INTEGRITY, armored_as(enc_fast_req=EncryptedData(18, None, b"e" * 60))),
    ],
    ids=[
        "critical option",
        "no armor",
        "armor type",
        "no subkey",
        "expired armor",
        "another key",
        "unkeyed checksum",
        "wrong checksum",
        "wrong inside",
    ],
)
def test_an_armor_that_does_not_hold_is_refused_by_its_code(code, req):
    assert refused(req) == code


def test_options_that_are_not_critical_are_passed_over():
    assert take_off(armored_as(UNKNOWN | HIDE)).hide_client


def test_the_checksum_covers_the_outer_body():
    req = armored_as()
    assert refused(as_req(*req.padata, body=replace(BODY, nonce=1, raw=b""))) == KrbCode.MODIFIED


def test_a_tgs_req_without_subkey_or_with_an_armor_besides_is_refused():
    inner = arm(Armor(KEY), INNER, (), HEADER, SETTING)
    assert refused(tgs_req(PaData(1, HEADER), inner), header(Shown(subkey=None))) == KrbCode.PREAUTH_FAILED
    both = arm(Armor(KEY, PROOF), INNER, (), HEADER, SETTING)
    assert refused(tgs_req(PaData(1, HEADER), both), header()) == KrbCode.PREAUTH_FAILED


@pytest.mark.parametrize("where", ["ticket", "authenticator"])
def test_a_header_meant_as_armor_only_is_refused(where):
    data = (AuthData(armor_.AD_FAST_ARMOR, b""),)
    verified = header(terms=Terms(data=data)) if where == "ticket" else header(Shown(data=data))
    assert refused(tgs_req(PaData(1, HEADER)), verified) == KrbCode.BAD_INTEGRITY


def test_an_armor_that_somebody_took_off_is_missed():
    verified = header(Shown(data=(AuthData(armor_.AD_FAST_USED, b""),)))
    assert refused(tgs_req(PaData(1, HEADER)), verified) == KrbCode.MODIFIED
    inner = arm(Armor(KEY), INNER, (), HEADER, SETTING)
    assert take_off(tgs_req(PaData(1, HEADER), inner), verified).req.body == INNER


@pytest.mark.parametrize("value", [b"", b"\xa0\x00", b"\xa1\x02\x30\x00", PROOF.encode()])
def test_an_armor_that_cannot_be_read_is_not_of_the_shape(value):
    with pytest.raises(WireError):
        take_off(as_req(PaData(PaType.FX_FAST, value)))


ARMORED = Armored(as_req(body=INNER), KEY, 0)
STRENGTHEN = Key(18, b"s" * 32)


def reply(armored: Armored = ARMORED, **changes) -> tuple[KdcRep, PaData]:
    crealm, cname = armored.shown(REALM, BOB)
    finished = replace(finish(armored, REALM, BOB, ticket().encode(), NOW), **changes)
    fast = wrap_reply(armored, (COOKIE,), STRENGTHEN, finished, CONFOUNDER)
    return KdcRep(AS_REP, (fast,), crealm, cname, ticket(), EncryptedData(18, None, b"")), fast


def test_the_client_reads_the_reply_inside_the_armor():
    rep, fast = reply()
    response = open_response(Armor(KEY), (fast,), INNER.nonce)
    assert response.strengthen_key == wire_key(STRENGTHEN)
    assert check_finished(Armor(KEY), response, rep) == replace(rep, padata=(COOKIE,))


def test_a_hidden_client_is_named_inside_only():
    rep, fast = reply(replace(ARMORED, options=HIDE))
    assert (rep.crealm, rep.cname) == (ANONYMOUS_REALM, ANONYMOUS)
    shown = check_finished(Armor(KEY), open_response(Armor(KEY), (fast,), INNER.nonce), rep)
    assert (shown.crealm, shown.cname) == (REALM, BOB)


def test_a_reply_that_is_not_the_kdcs_is_refused():
    rep, fast = reply()
    armor = Armor(KEY)
    response = open_response(armor, (fast,), INNER.nonce)
    attempts = [
        lambda: open_response(armor, (), INNER.nonce),
        lambda: open_response(Armor(OTHER), (fast,), INNER.nonce),
        lambda: open_response(armor, (fast,), 6),
        lambda: check_finished(armor, replace(response, finished=None), rep),
        lambda: check_finished(armor, response, replace(rep, ticket=ticket(client=BOB))),
        lambda: check_finished(armor, open_response(armor, (reply(ticket_checksum=CheckSum(7, b""))[1],), 5), rep),
    ]
    for attempt in attempts:
        with pytest.raises(KdcError) as error:
            attempt()
        assert error.value.code == KrbCode.MODIFIED


def test_the_true_error_is_inside_and_its_hints_too():
    said = KrbError(25, 1, 2, REALM, TGS, BOB, REALM, e_text="inside", e_data=b"never seen")
    outer = KrbError.decode(wrap_error(ARMORED, said, (COOKIE,), CONFOUNDER))
    assert [item.type for item in decode_padata(outer.e_data)] == [PaType.FX_FAST]
    inner, hints = open_error(Armor(KEY), outer, INNER.nonce)
    assert inner == replace(said, e_data=None) and hints[0] == COOKIE
    hidden = KrbError.decode(wrap_error(replace(ARMORED, options=HIDE), said, (), CONFOUNDER))
    assert (hidden.crealm, hidden.cname) == (ANONYMOUS_REALM, ANONYMOUS)
    assert open_error(Armor(KEY), hidden, INNER.nonce)[0].cname == BOB


@pytest.mark.parametrize("e_data", [None, b"\x30\x00", b"\x30\x01", encode_padata((COOKIE,))])
def test_an_error_outside_the_armor_ends_the_exchange(e_data):
    bare = KrbError(68, 1, 2, REALM, TGS, crealm="EVIL.TEST", e_data=e_data)
    with pytest.raises(KdcSaid) as said:
        open_error(Armor(KEY), bare, 5)
    assert said.value.code == KrbCode.WRONG_REALM


def test_an_armored_reply_does_not_pass_for_an_error():
    outer = KrbError(24, 1, 2, REALM, TGS, e_data=encode_padata((reply()[1],)))
    with pytest.raises(KdcError) as error:
        open_error(Armor(KEY), outer, INNER.nonce)
    assert error.value.code == KrbCode.MODIFIED


def test_a_challenge_proves_the_long_term_key_either_way():
    sent = armor_.challenge(KEY, LONG_TERM, NOW, CONFOUNDER)
    assert sent.type == PaType.ENCRYPTED_CHALLENGE
    armor_.check_challenge(KEY, LONG_TERM, sent.value, NOW + 299, SKEW)
    back = armor_.answer(KEY, LONG_TERM, NOW, CONFOUNDER)
    armor_.check_answer(KEY, LONG_TERM, back.value, NOW, SKEW)


@pytest.mark.parametrize(
    ("code", "check"),
    [
        (KrbCode.PREAUTH_FAILED, lambda v: armor_.check_challenge(KEY, OTHER, v, NOW, SKEW)),
        (KrbCode.PREAUTH_FAILED, lambda v: armor_.check_challenge(OTHER, LONG_TERM, v, NOW, SKEW)),
        (KrbCode.PREAUTH_FAILED, lambda v: armor_.check_answer(KEY, LONG_TERM, v, NOW, SKEW)),
        (KrbCode.SKEW, lambda v: armor_.check_challenge(KEY, LONG_TERM, v, NOW + 302, SKEW)),
    ],
    ids=["another password", "another armor", "given back", "another time"],
)
def test_a_challenge_that_proves_nothing_is_refused(code, check):
    sent = armor_.challenge(KEY, LONG_TERM, NOW, CONFOUNDER).value
    with pytest.raises(KdcError) as error:
        check(sent)
    assert error.value.code == code


def test_the_strengthen_key_makes_another_reply_key():
    assert armor_.strengthened(None, LONG_TERM) == LONG_TERM
    assert armor_.strengthened(STRENGTHEN, LONG_TERM) not in (LONG_TERM, STRENGTHEN)
