from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.krb.messages import (
    AS_REP,
    TGS_REP,
    AuthData,
    EncKdcRepPart,
    EncryptedData,
    EncryptionKey,
    KdcRep,
    KdcReq,
    KdcReqBody,
    KrbError,
    LastReq,
    PaData,
    Ticket,
    decode_authorization_data,
    decode_padata,
    encode_authorization_data,
    encode_padata,
    find_padata,
)
from bossa.krb.messages.basic import FLAGS, HostAddress
from bossa.krb.names import PrincipalName
from bossa.wire import WireError
from bossa.wire.der import BIT_STRING, INT32, tlv
from tests.unit.krb.specimens import ALICE, BODY, REALM, TGS, as_req, tgs_req, ticket

h = bytes.fromhex


def edited(old: bytes, new: bytes) -> bytes:
    """An AS-REQ in whose body ``old`` is ``new``, with the lengths put right."""
    body = BODY.encode()
    start = 2 if body[1] < 0x80 else 3
    assert body.count(old) == 1
    octets = tlv(0x30, body[start:].replace(old, new))
    return tlv(0x6A, tlv(0x30, h("a103020105a20302010a") + tlv(0xA4, octets)))


NONCE = h("a706") + INT32.encode(0x7EADBEEF)
ETYPES = tlv(0xA8, h("300c020112020111020114020113"))
CNAME = h("a1123010a003020101a1093007") + h("1b05") + b"alice"


def test_the_edit_changes_nothing_by_itself():
    assert KdcReq.decode(edited(NONCE, NONCE)).body == BODY
    assert edited(ETYPES, ETYPES) == edited(CNAME, CNAME)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (NONCE, h("a7070205007eadbeef")),
        (NONCE, h("a70702050100000000")),
        (NONCE, h("a70b0209") + b"\x7f" * 9),
        (NONCE, h("a7020200")),
        (ETYPES, tlv(0xA8, tlv(0x30, h("020112") * 10_000))),
        (ETYPES, tlv(0xA8, tlv(0x30, h("020112") * 65))),
        (ETYPES, tlv(0xA8, h("30060204ffffff80"))),
        (ETYPES, tlv(0xA8, h("3080020112") + b"\0\0")),
        (ETYPES, tlv(0xA8, h("3f8103020112"))),
        (ETYPES, b"\xa8" + b"\x30\x84\0\0\0\x03\x02\x01\x12"),
        (CNAME, h("a10b3009a003020101a1023000")),
        (CNAME, CNAME.replace(b"alice", b"al\0ce")),
        (CNAME, CNAME.replace(b"alice", b"al\xffce")),
        (CNAME, tlv(0xA1, tlv(0x30, h("a003020101") + tlv(0xA1, tlv(0x30, h("1b0161") * 17))))),
        (b"\x1b\x0a" + REALM.encode() + b"\xa3", b"\x1b\x0aBOSSA\0TEST\xa3"),
        (b"20270115", b"15000101"),
    ],
    ids=[
        "padded nonce",
        "nonce of 33 bits",
        "nonce of nine octets",
        "nonce of none",
        "ten thousand etypes",
        "65 etypes",
        "padded etype",
        "indefinite length",
        "tag above 30",
        "length not minimal",
        "empty name",
        "NUL in a name",
        "no UTF-8",
        "17 parts",
        "NUL in the realm",
        "a time before 1970",
    ],
)
def test_a_request_that_is_not_der_or_out_of_bounds_is_refused(old, new):
    with pytest.raises(WireError):
        KdcReq.decode(edited(old, new))


def test_an_etype_may_be_negative():
    req = KdcReq.decode(edited(ETYPES, tlv(0xA8, h("3006020112" + "0201ff"))))
    assert req.body.etypes == (18, -1)


def test_no_etypes_at_all_are_for_the_kdc_to_refuse():
    assert KdcReq.decode(edited(ETYPES, tlv(0xA8, h("3000")))).body.etypes == ()


@pytest.mark.parametrize("tag", [0x30, 0xA0, 0x6A, 0x24])
def test_a_thousand_values_in_each_other_are_refused_at_once(tag):
    octets = b""
    for _ in range(1000):
        octets = tlv(tag, octets)
    for decode in (KdcReq.decode, KdcRep.decode, KrbError.decode, decode_padata):
        with pytest.raises(WireError):
            decode(octets)


def test_a_nonce_comes_back_whatever_a_client_takes_it_for():
    for nonce in (0, -1, -(1 << 31), (1 << 32) - 1):
        req = as_req(body=replace(BODY, nonce=nonce))
        assert req.body.nonce == nonce


def test_no_padata_and_an_empty_list_of_it_are_the_same():
    empty = h("a103020105a20302010aa3023000") + tlv(0xA4, BODY.encode())
    assert KdcReq.decode(tlv(0x6A, tlv(0x30, empty))) == as_req() == KdcReq.decode(as_req().encode())


def test_a_body_keeps_the_octets_that_checksums_run_over():
    req = as_req(PaData(2, b"x"))
    assert req.body.raw in req.encode() and req.body.raw == BODY.encode()


def test_flags_beyond_32_bits_are_kept_in_the_octets_only():
    flags = h("0307004081000000ff")
    octets = edited(h("a00703050040810000"), tlv(0xA0, h("030700") + h("4081000000ff")))
    req = KdcReq.decode(octets)
    assert req.body.kdc_options == 0x40810000 and req.encode() == octets
    assert flags[:1] == bytes((BIT_STRING,))


@pytest.mark.parametrize(
    ("octets", "value"),
    [("030500ffffffff", 0xFFFFFFFF), ("030100", 0), ("03020780", 0x80000000), ("03030400f0", 0x00F00000)],
)
def test_absent_flags_are_not_set(octets, value):
    assert FLAGS.decode(h(octets), 0, len(h(octets))) == value


@pytest.mark.parametrize("octets", ["0300", "030101", "03020881", "03020101", "030a00" + "00" * 9])
def test_a_bit_string_of_another_form_is_refused(octets):
    with pytest.raises(WireError):
        FLAGS.decode(h(octets), 0, len(h(octets)))


def test_the_message_type_and_the_tag_agree():
    for octets in (b"\x6c" + as_req().encode()[1:], b"\x6a" + tgs_req().encode()[1:], b"\x6b\0", b""):
        with pytest.raises(WireError):
            KdcReq.decode(octets)


REPLY_PART = EncKdcRepPart(
    EncryptionKey(18, b"k" * 32), (LastReq(0, 1),), 7, None, 1, 2, None, 3, None, REALM, TGS,
    (HostAddress(2, b"\x7f\0\0\1"),), (PaData(149, b""),),
)  # fmt: skip


@pytest.mark.parametrize(("msg_type", "tag"), [(AS_REP, 0x79), (TGS_REP, 0x7A)])
def test_the_part_of_either_reply_is_read_in_either(msg_type, tag):
    octets = REPLY_PART.encode(msg_type)
    assert octets[0] == tag and EncKdcRepPart.decode(octets) == REPLY_PART


def test_a_reply_is_of_its_type():
    rep = KdcRep(TGS_REP, (), REALM, ALICE, ticket(), EncryptedData(18, None, b"c"))
    assert KdcRep.decode(rep.encode()) == rep and rep.encode()[0] == 0x6D
    assert replace(rep, msg_type=AS_REP).encode()[0] == 0x6B


def test_an_errors_text_is_read_whatever_its_character_set():
    error = KrbError(60, 1, 2, REALM, TGS, e_text="xyz")
    assert KrbError.decode(error.encode().replace(b"xyz", b"\xfc\0z")).e_text == "�\0z"


def test_a_list_of_padata_is_bounded():
    assert len(decode_padata(encode_padata((PaData(1, b""),) * 64))) == 64
    with pytest.raises(WireError):
        decode_padata(encode_padata((PaData(1, b""),) * 65))


def test_authorization_data_comes_back_in_order():
    items = (AuthData(1, b"if relevant"), AuthData(-5, b""))
    assert decode_authorization_data(encode_authorization_data(items)) == items
    with pytest.raises(WireError):
        decode_authorization_data(encode_authorization_data(items * 33))


def test_the_first_padata_of_a_type_is_found():
    padata = (PaData(1, b"a"), PaData(2, b"b"), PaData(2, b"c"))
    assert find_padata(padata, 2) == b"b" and find_padata(padata, 3) is None


def test_four_tickets_are_the_most_a_request_brings():
    for count in (4, 5):
        octets = tgs_req(body=replace(BODY, additional_tickets=(ticket(),) * 4)).encode()
        if count == 4:
            assert len(KdcReq.decode(octets).body.additional_tickets) == 4
        else:
            body = replace(BODY, additional_tickets=(ticket(),) * 5).encode()
            with pytest.raises(WireError):
                KdcReqBody.decode(body)


def test_a_ticket_of_another_version_is_refused():
    octets = Ticket(REALM, PrincipalName(1, ("a",)), EncryptedData(18, 1, b"c")).encode()
    with pytest.raises(WireError):
        Ticket.decode(octets.replace(h("a003020105"), h("a003020104"), 1))
