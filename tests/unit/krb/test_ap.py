from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.ap import open_reply, open_request, reply
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.messages import ApReq, Authenticator, EncryptedData, EncryptionKey, HostAddress
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.ticket import OpenTicket, lock, open
from bossa.krb.usages import Usage
from bossa.wire import WireError
from tests.unit.krb.specimens import (
    ALICE,
    BOB,
    CONFOUNDER,
    KDC_KEY,
    NOW,
    OTHER,
    SESSION,
    SKEW,
    SUBKEY,
    Shown,
    Terms,
    ap_req,
    part,
    ticket,
)

USAGE = Usage.AP_REQ_AUTHENTICATOR


def verify(octets: bytes, *, usage: int = USAGE, now: float = NOW, host: HostAddress | None = None):
    req = ApReq.decode(octets)
    return open_request(req, open(req.ticket, KDC_KEY), usage, now, SKEW, host=host)


def test_who_shows_a_ticket_with_its_key_is_verified():
    verified = verify(ap_req())
    assert (verified.session, verified.subkey) == (SESSION, SUBKEY)
    assert verified.authenticator.seq_number == 7 and verified.ticket.part.cname == ALICE


def test_a_subkey_may_lack():
    assert verify(ap_req(Shown(subkey=None))).subkey is None


def test_the_type_of_a_name_is_only_a_hint():
    assert verify(ap_req(Shown(client=PrincipalName(NameType.UNKNOWN, ALICE.parts)))).subkey == SUBKEY


@pytest.mark.parametrize(
    ("code", "shown", "terms"),
    [
        (KrbCode.BADMATCH, Shown(client=BOB), Terms()),
        (KrbCode.BADMATCH, Shown(client=PrincipalName.parse("alice/admin")), Terms()),
        (KrbCode.BADMATCH, Shown(realm="OTHER.TEST"), Terms()),
        (KrbCode.SKEW, Shown(at=NOW - 302), Terms()),
        (KrbCode.SKEW, Shown(at=NOW + 302), Terms()),
        (KrbCode.BAD_INTEGRITY, Shown(session=OTHER), Terms()),
        (KrbCode.TKT_EXPIRED, Shown(), Terms(end=int(NOW) - 301)),
        (KrbCode.TKT_NYV, Shown(), Terms(start=int(NOW) + 302)),
        (KrbCode.TKT_NYV, Shown(), Terms(flags=0x01000000)),
    ],
    ids=["client", "more parts", "realm", "slow", "fast", "key", "expired", "not yet", "invalid"],
)
def test_a_ticket_that_is_not_good_is_refused_by_its_code(code, shown, terms):
    with pytest.raises(KdcError) as refused:
        verify(ap_req(shown, terms))
    assert refused.value.code == code


def test_clocks_may_differ_by_the_skew():
    for shown, terms in ((Shown(at=NOW - 299), Terms(end=int(NOW) - 299)), (Shown(), Terms(start=int(NOW) + 299))):
        assert verify(ap_req(shown, terms)).session == SESSION


def test_an_authenticator_of_another_usage_is_refused():
    with pytest.raises(KdcError) as refused:
        verify(ap_req(usage=Usage.TGS_REQ_AUTHENTICATOR))
    assert refused.value.code == KrbCode.BAD_INTEGRITY


def test_an_authenticator_that_says_another_encryption_type_is_refused():
    req = ApReq.decode(ap_req())
    changed = replace(req, authenticator=EncryptedData(17, None, req.authenticator.cipher))
    with pytest.raises(KdcError) as refused:
        verify(changed.encode())
    assert refused.value.code == KrbCode.BAD_INTEGRITY


def test_an_authenticator_that_is_none_is_not_of_the_shape():
    locked = lock(SESSION, USAGE, b"\x30\x00", CONFOUNDER)
    with pytest.raises(WireError):
        verify(ApReq(0, ticket(), locked).encode())


@pytest.mark.parametrize("where", ["session", "subkey"])
def test_a_key_of_a_type_that_we_lack_is_told_so(where):
    weak = EncryptionKey(23, b"w" * 16)
    if where == "session":
        opened = OpenTicket(ticket(), replace(part(), key=weak), b"")
        octets = ap_req()
    else:
        opened = open(ticket(), KDC_KEY)
        shown = replace(Shown().authenticator, subkey=weak)
        octets = ApReq(0, ticket(), lock(SESSION, USAGE, shown.encode(), CONFOUNDER)).encode()
    with pytest.raises(KdcError) as refused:
        open_request(ApReq.decode(octets), opened, USAGE, NOW, SKEW)
    assert refused.value.code == KrbCode.ETYPE_NOSUPP


def test_a_ticket_bound_to_addresses_is_taken_from_them_only():
    here, there = HostAddress(2, b"\x7f\0\0\1"), HostAddress(2, b"\x7f\0\0\2")
    req = ApReq.decode(ap_req())
    opened = open(req.ticket, KDC_KEY)
    bound = OpenTicket(opened.ticket, replace(opened.part, caddr=(here,)), opened.part_raw)
    assert open_request(req, bound, USAGE, NOW, SKEW, host=here).session == SESSION
    assert open_request(req, bound, USAGE, NOW, SKEW).session == SESSION
    assert verify(ap_req(), host=there).session == SESSION
    with pytest.raises(KdcError) as refused:
        open_request(req, bound, USAGE, NOW, SKEW, host=there)
    assert refused.value.code == KrbCode.BADADDR


def test_the_services_proof_answers_this_request_only():
    asked: Authenticator = Shown().authenticator
    octets = reply(verify(ap_req()), CONFOUNDER, subkey=OTHER, seq_number=9)
    proof = open_reply(octets, SESSION, asked)
    assert Key(proof.subkey.etype, proof.subkey.octets) == OTHER and proof.seq_number == 9
    for key, shown in ((OTHER, asked), (SESSION, replace(asked, cusec=1)), (SESSION, replace(asked, ctime=1))):
        with pytest.raises(KdcError) as refused:
            open_reply(octets, key, shown)
        assert refused.value.code == KrbCode.MUT_FAIL


def test_no_key_tells_its_octets():
    shown = repr((verify(ap_req()), part(), Shown().authenticator))
    for key in (SESSION, SUBKEY):
        assert repr(key.octets)[2:18] not in shown and key.octets.hex()[:8] not in shown
