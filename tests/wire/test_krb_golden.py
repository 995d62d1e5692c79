"""Messages of MIT's programs, read whole, cut and prolonged, and opened with the keys of their realm."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bossa.crypto.enctypes import Key, hmac_md5_checksum, string_to_key
from bossa.krb.ap import Verified, open_request
from bossa.krb.armor import check_answer, check_challenge, strengthened
from bossa.krb.ccache import CredentialCache
from bossa.krb.client.armored import Armor, check_finished, open_error, open_response
from bossa.krb.client.ask import Setting
from bossa.krb.client.verify import check_request_seen, open_part, told_key
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.fast import Armored, unwrap
from bossa.krb.keytab import Keytab
from bossa.krb.messages import (
    ApRep,
    ApReq,
    EncKdcRepPart,
    KdcRep,
    KdcReq,
    KrbError,
    KrbPriv,
    Ticket,
    decode_padata,
    find_padata,
)
from bossa.krb.names import PrincipalName, krbtgt
from bossa.krb.padata import (
    PaForUser,
    PaS4uX509User,
    PaType,
    decode_etype_info2,
)
from bossa.krb.ticket import OpenTicket, open
from bossa.krb.usages import Usage
from bossa.wire import WireError

GOLDEN = Path(__file__).parent / "golden" / "krb5"
REALM = "MIT.TEST"
SKEW = 300
DECODERS: dict[str, Callable] = {
    "as-req": KdcReq.decode,
    "as-req-proven": KdcReq.decode,
    "as-rep": KdcRep.decode,
    "krb-error-preauth-required": KrbError.decode,
    "fast-as-req": KdcReq.decode,
    "fast-as-req-proven": KdcReq.decode,
    "fast-as-rep": KdcRep.decode,
    "fast-krb-error": KrbError.decode,
    "tgs-req": KdcReq.decode,
    "tgs-rep": KdcRep.decode,
    "s4u2self-tgs-req": KdcReq.decode,
    "s4u2self-tgs-rep": KdcRep.decode,
    "renew-tgs-req": KdcReq.decode,
    "renew-tgs-rep": KdcRep.decode,
    "u2u-tgs-req": KdcReq.decode,
    "u2u-tgs-rep": KdcRep.decode,
    "krbtgt-keytab": Keytab.decode,
    "web-keytab": Keytab.decode,
}
CACHES = ("ccache", "ccache-s4u2self")


def golden(case: str) -> bytes:
    return bytes.fromhex("".join(line for line in text(case).splitlines() if not line.startswith("#")))


def text(case: str) -> str:
    return (GOLDEN / f"{case}.hex").read_text()


def at(case: str) -> int:
    """The second at which it was sent."""
    found = re.search(r", at (\d+)$", text(case), re.MULTILINE)
    assert found is not None
    return int(found[1])


@pytest.mark.parametrize("case", [*DECODERS, *CACHES])
def test_every_message_says_where_it_is_from(case):
    assert re.match(r"# .+\n# MIT krb5 1\.20\.1 .*\n", text(case))


@pytest.mark.parametrize("case", DECODERS)
def test_a_message_is_written_as_it_was_read(case):
    assert DECODERS[case](golden(case)).encode() == golden(case)


@pytest.mark.parametrize("case", [case for case in DECODERS if "keytab" not in case])
def test_a_message_cut_anywhere_or_prolonged_is_refused(case):
    octets = golden(case)
    for end in range(len(octets)):
        with pytest.raises(WireError):
            DECODERS[case](octets[:end])
    with pytest.raises(WireError):
        DECODERS[case](octets + b"\0")


@pytest.mark.parametrize("case", CACHES)
def test_a_cache_is_read_as_it_will_be_again(case):
    cache = CredentialCache.decode(golden(case))
    assert CredentialCache.decode(cache.encode()) == cache
    assert all(item.open_ticket().encode() == item.ticket for item in cache.tickets)
    assert len(cache.tickets) < len(cache.credentials)


@pytest.mark.parametrize(
    ("case", "kind"), [("kpasswd-request", ApReq), ("kpasswd-reply", ApRep)], ids=["request", "reply"]
)
def test_the_messages_of_kpasswd_hold_two_messages(case, kind):
    octets = golden(case)
    size, version, first = (int.from_bytes(octets[at : at + 2], "big") for at in (0, 2, 4))
    assert (size, version) == (len(octets), 1)
    for decoder, part in ((kind, octets[6 : 6 + first]), (KrbPriv, octets[6 + first :])):
        assert decoder.decode(part).encode() == part


def keys(case: str, name: PrincipalName):
    return [key for _, key in Keytab.decode(golden(case)).keys(name, REALM)]


def open_tgt(ticket: Ticket) -> OpenTicket:
    key = next(key for key in keys("krbtgt-keytab", krbtgt(REALM)) if key.enctype == ticket.enc_part.etype)
    return open(ticket, key)


def header(case: str) -> tuple[KdcReq, Verified]:
    req = KdcReq.decode(golden(case))
    ap_req = ApReq.decode(find_padata(req.padata, PaType.TGS_REQ) or b"")
    return req, open_request(ap_req, open_tgt(ap_req.ticket), Usage.TGS_REQ_AUTHENTICATOR, at(case), SKEW)


@pytest.mark.parametrize("case", ["tgs-req", "s4u2self-tgs-req", "renew-tgs-req", "u2u-tgs-req"])
def test_the_header_of_a_tgs_req_covers_the_body_as_it_was_received(case):
    req, verified = header(case)
    cksum = verified.authenticator.cksum
    assert cksum.type == verified.session.checksum_type
    assert verified.session.verify(Usage.TGS_REQ_CHECKSUM, req.body.raw, cksum.octets)
    assert not verified.session.verify(Usage.TGS_REQ_CHECKSUM, req.body.raw + b"\0", cksum.octets)


def test_both_identities_of_s4u2self_are_under_their_keys():
    req, verified = header("s4u2self-tgs-req")
    for_user = PaForUser.decode(find_padata(req.padata, PaType.FOR_USER) or b"")
    assert for_user.user_name.parts == ("alice",) and for_user.auth_package == "Kerberos"
    mac = hmac_md5_checksum(verified.session.octets, Usage.PA_FOR_USER, for_user.signed())
    assert (for_user.cksum.type, for_user.cksum.octets) == (-138, mac)
    x509 = PaS4uX509User.decode(find_padata(req.padata, PaType.S4U_X509_USER) or b"")
    assert x509.user_id.nonce == req.body.nonce and x509.user_id.cname.parts == ("alice",)
    assert verified.subkey.verify(Usage.PA_S4U_X509_USER_REQUEST, x509.user_id_raw, x509.cksum.octets)


@pytest.fixture(params=["fast-as-req", "fast-as-req-proven"])
def armored(request) -> Armored:
    req = KdcReq.decode(golden(request.param))
    found = unwrap(req, open_tgt, None, at(request.param), SKEW)
    assert found is not None
    return found


def test_the_armor_of_kinit_comes_off(armored):
    assert armored.req.body.cname.parts == ("bob",) and armored.req.body.realm == REALM


def bobs_key() -> Key:
    return string_to_key(18, b"secret2", b"MIT.TESTbob")


def test_the_challenge_of_kinit_proves_the_password():
    req, sent = KdcReq.decode(golden("fast-as-req-proven")), at("fast-as-req-proven")
    inside = unwrap(req, open_tgt, None, sent, SKEW)
    value = find_padata(inside.req.padata, PaType.ENCRYPTED_CHALLENGE)
    check_challenge(inside.armor_key, bobs_key(), value, sent, SKEW)
    with pytest.raises(KdcError) as wrong:
        check_challenge(inside.armor_key, inside.armor_key, value, sent, SKEW)
    assert wrong.value.code == KrbCode.PREAUTH_FAILED
    assert find_padata(inside.req.padata, PaType.FX_COOKIE) is not None


def test_the_kdcs_reply_inside_the_armor_is_finished():
    req, sent = KdcReq.decode(golden("fast-as-req-proven")), at("fast-as-req-proven")
    inside = unwrap(req, open_tgt, None, sent, SKEW)
    armor, rep = Armor(inside.armor_key), KdcRep.decode(golden("fast-as-rep"))
    response = open_response(armor, rep.padata, inside.req.body.nonce)
    assert check_finished(armor, response, rep).cname.parts == ("bob",)
    check_answer(armor.key, bobs_key(), find_padata(response.padata, PaType.ENCRYPTED_CHALLENGE), sent, SKEW)
    key = strengthened(told_key(response.strengthen_key), bobs_key())
    part = open_part(rep, key, Usage.AS_REP, inside.req.body, Setting(sent, bytes))
    assert part.sname == krbtgt(REALM) and check_request_seen(part, key, golden("fast-as-req-proven"))


def test_the_kdcs_error_inside_the_armor_is_the_true_one():
    inside = unwrap(KdcReq.decode(golden("fast-as-req")), open_tgt, None, at("fast-as-req"), SKEW)
    outer = KrbError.decode(golden("fast-krb-error"))
    error, hints = open_error(Armor(inside.armor_key), outer, inside.req.body.nonce)
    assert error.error_code == KrbCode.PREAUTH_REQUIRED
    assert find_padata(hints, PaType.ENCRYPTED_CHALLENGE) == b""


def test_the_first_reply_is_under_the_password():
    req, key = KdcReq.decode(golden("as-req-proven")), string_to_key(18, b"secret1", b"MIT.TESTalice")
    rep = KdcRep.decode(golden("as-rep"))
    part = open_part(rep, key, Usage.AS_REP, req.body, Setting(1_795_545_099, bytes))
    assert check_request_seen(part, key, golden("as-req-proven"))
    with pytest.raises(KdcError):
        check_request_seen(part, key, golden("as-req"))


def later(case: str) -> tuple[Verified, KdcRep, EncKdcRepPart]:
    """Open the reply to a TGS-REQ, which libkrb5 arms with its header."""
    req, verified = header(f"{case}-req")
    sent, rep = at(f"{case}-req"), KdcRep.decode(golden(f"{case}-rep"))
    inside = unwrap(req, open_tgt, verified, sent, SKEW)
    assert inside is not None
    response = open_response(Armor(inside.armor_key), rep.padata, inside.req.body.nonce)
    rep = check_finished(Armor(inside.armor_key), response, rep)
    key = strengthened(told_key(response.strengthen_key), verified.subkey)
    return verified, rep, open_part(rep, key, Usage.TGS_REP_SUBKEY, inside.req.body, Setting(sent, bytes))


@pytest.mark.parametrize(
    ("case", "server"),
    [
        ("tgs", ("HTTP", "web.mit.test")),
        ("s4u2self-tgs", ("HTTP", "web.mit.test")),
        ("renew-tgs", ("krbtgt", REALM)),
        ("u2u-tgs", ("bob",)),
    ],
)
def test_the_later_replies_are_under_armor_and_subkey(case, server):
    _, rep, part = later(case)
    assert part.sname.parts == rep.ticket.sname.parts == server


def test_the_kdcs_word_on_the_user_is_under_the_subkey():
    verified, rep, _ = later("s4u2self-tgs")
    echo = PaS4uX509User.decode(find_padata(rep.padata, PaType.S4U_X509_USER) or b"")
    assert rep.cname.parts == echo.user_id.cname.parts == ("alice",)
    assert verified.subkey.verify(Usage.PA_S4U_X509_USER_REPLY, echo.user_id_raw, echo.cksum.octets)


def test_the_hints_of_the_kdc_are_read():
    error = KrbError.decode(golden("krb-error-preauth-required"))
    assert error.error_code == KrbCode.PREAUTH_REQUIRED
    entries = decode_etype_info2(find_padata(decode_padata(error.e_data or b""), PaType.ETYPE_INFO2) or b"")
    assert (entries[0].etype, entries[0].salt) == (18, "MIT.TESTalice")
