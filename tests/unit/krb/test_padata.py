from __future__ import annotations

import pytest

from bossa.crypto.enctypes import hmac_md5_checksum
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import PacOptions, bit
from bossa.krb.messages import CheckSum
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.padata import (
    EtypeInfo2Entry,
    KerbErrorData,
    PaEncTsEnc,
    PaForUser,
    PaPacOptions,
    PaPacRequest,
    PaS4uX509User,
    S4uUserId,
    decode_etype_info2,
    decode_ext_error,
    encode_etype_info2,
    encode_ext_error,
)
from bossa.wire import WireError
from bossa.wire.der import tlv

h = bytes.fromhex
ALICE = PrincipalName(NameType.PRINCIPAL, ("al", "ice"))


def test_the_name_for_a_user_is_signed_without_anything_between():
    for_user = PaForUser(ALICE, "B.T", CheckSum(-138, b"m" * 16), "Kerberos")
    assert for_user.signed() == b"\1\0\0\0aliceB.TKerberos"
    assert PaForUser.decode(for_user.encode()) == for_user
    negative = PaForUser(PrincipalName(-130, ("a",)), "B", CheckSum(-138, b""), "Kerberos")
    assert negative.signed().startswith(h("7effffff"))


def test_a_users_identity_is_signed_as_it_was_received():
    inner = S4uUserId(5, ALICE, "B.T").encode()
    longer = tlv(0x30, inner[2:] + h("a903020101"))
    octets = tlv(0x30, tlv(0xA0, longer) + tlv(0xA1, CheckSum(16, b"x").encode()))
    found = PaS4uX509User.decode(octets)
    assert found.user_id_raw == longer and found.encode() == octets
    assert found.user_id == S4uUserId(5, ALICE, "B.T")


def test_a_users_identity_may_be_without_name():
    for name in (None, PrincipalName(0, ())):
        user_id = S4uUserId(5, name, "B.T", b"cert" if name is None else None, 0x40000000)
        assert S4uUserId.decode(user_id.encode()) == user_id


def test_a_name_for_a_user_is_not_empty():
    with pytest.raises(WireError):
        PaForUser.decode(PaForUser(PrincipalName(0, ()), "B", CheckSum(1, b""), "K").encode())


def test_bits_count_from_the_highest():
    assert PacOptions.RESOURCE_BASED_CONSTRAINED_DELEGATION == bit(3) == 0x10000000
    assert PaPacOptions(0x10000000).encode() == h("3009a00703050010000000")
    assert PaPacOptions.decode(h("3009a00703050010000000")).flags == 0x10000000


@pytest.mark.parametrize(("include", "octets"), [(True, "3005a0030101ff"), (False, "3005a003010100")])
def test_whether_a_pac_is_wanted(include, octets):
    assert PaPacRequest.decode(h(octets)) == PaPacRequest(include) and PaPacRequest(include).encode() == h(octets)


def test_a_timestamp_may_be_without_microseconds():
    for stamp in (PaEncTsEnc(1_800_000_000, 999_999), PaEncTsEnc(1_800_000_000)):
        assert PaEncTsEnc.decode(stamp.encode()) == stamp


def test_hints_on_passwords_come_in_order_and_not_empty():
    entries = (EtypeInfo2Entry(20, "salt", h("00008000")), EtypeInfo2Entry(18))
    assert decode_etype_info2(encode_etype_info2(entries)) == entries
    for broken in (h("3000"), encode_etype_info2(entries * 9)):
        with pytest.raises(WireError):
            decode_etype_info2(broken)


def test_windows_word_on_an_error_is_its_status():
    assert decode_ext_error(encode_ext_error(0xC000006E)) == 0xC000006E
    for data in (KerbErrorData(1, bytes(12)), KerbErrorData(3), KerbErrorData(3, bytes(11))):
        with pytest.raises(WireError):
            decode_ext_error(data.encode())


def test_the_checksum_of_a_user_is_md5s_under_an_aes_key_too():
    assert len(hmac_md5_checksum(b"k" * 32, 17, b"data")) == 16


def test_a_refusal_tells_its_reason_to_the_log_only():
    refused = KdcError(KrbCode.POLICY, "it is Sunday", e_data=b"d")
    assert (refused.code, refused.reason, refused.e_data) == (12, "it is Sunday", b"d")
