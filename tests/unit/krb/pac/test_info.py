"""The small buffers: what they say, and octets that do not fit."""

from __future__ import annotations

import pytest

from bossa.directory.sid import Sid
from bossa.krb.pac.delegated import MAX_SERVICES, DelegationInfo
from bossa.krb.pac.info import ClientInfo, UpnDnsInfo, UpnFlags, decode_attributes, encode_attributes
from bossa.krb.pac.times import filetime, seconds_of
from bossa.wire import WireError

SID = Sid.parse("S-1-5-21-1-2-3-1000")
UPN = UpnDnsInfo("alice@bossa.test", "BOSSA.TEST", UpnFlags.CONSTRUCTED)
EXTENDED = UpnDnsInfo("a@b", "BOSSA.TEST", UpnFlags.CONSTRUCTED | UpnFlags.EXTENDED, "alice", SID)


def test_times_are_counted_from_1601() -> None:
    # [MS-DTYP] 2.3.3; 116444736000000000 is 1970-01-01.
    assert filetime(0) == 116_444_736_000_000_000
    assert seconds_of(filetime(1_800_000_000) + 9_999_999) == 1_800_000_000


def test_client_info_has_authtime_and_name() -> None:
    raw = ClientInfo(0, "ä").encode()
    assert raw.hex() == "00803ed5deb19d010200e400"
    assert ClientInfo.decode(raw) == ClientInfo(0, "ä")
    assert ClientInfo.decode(raw + b"\0\0\0\0") == ClientInfo(0, "ä"), "padding behind the name"


@pytest.mark.parametrize("raw", [b"", bytes(9), bytes(8) + b"\x02\0", bytes(8) + b"\x03\0abc", bytes(8) + b"\xff\xff"])
def test_client_info_of_another_size_is_refused(raw: bytes) -> None:
    with pytest.raises(WireError):
        ClientInfo.decode(raw)


@pytest.mark.parametrize("info", [UPN, EXTENDED], ids=["plain", "extended"])
def test_upn_dns_info_is_read_as_it_was_written(info: UpnDnsInfo) -> None:
    raw = info.encode()
    assert UpnDnsInfo.decode(raw) == info
    assert all(int.from_bytes(raw[at : at + 2], "little") % 8 == 0 for at in (2, 6)), "parts at multiples of eight"


@pytest.mark.parametrize("info", [UPN, EXTENDED], ids=["plain", "extended"])
def test_upn_dns_info_cut_short_is_refused(info: UpnDnsInfo) -> None:
    raw = info.encode()
    for size in range(len(raw)):
        with pytest.raises(WireError):
            UpnDnsInfo.decode(raw[:size])


def test_the_extended_form_with_another_thing_than_a_sid_is_refused() -> None:
    raw = bytearray(EXTENDED.encode())
    raw[16:18] = b"\x08\0"
    with pytest.raises(WireError, match="SID"):
        UpnDnsInfo.decode(bytes(raw))


def test_attributes_are_two_flags() -> None:
    assert encode_attributes(1).hex() == "0200000001000000"
    assert decode_attributes(encode_attributes(2)) == 2
    for raw in (b"", bytes(8), b"\x41\0\0\0\x01\0\0\0"):
        with pytest.raises(WireError):
            decode_attributes(raw)


def test_delegation_info_keeps_the_order_of_the_hops() -> None:
    first = DelegationInfo("", ()).onward("DNS/ns", "HTTP/web@BOSSA.TEST")
    second = first.onward("cifs/files", "DNS/ns@BOSSA.TEST")
    assert second == DelegationInfo("cifs/files", ("HTTP/web@BOSSA.TEST", "DNS/ns@BOSSA.TEST"))
    assert DelegationInfo.decode(second.encode()) == second
    assert DelegationInfo.decode(DelegationInfo("x", ()).encode()) == DelegationInfo("x", ())


def test_a_delegation_through_too_many_hands_is_not_read() -> None:
    raw = DelegationInfo("x", ("s@R",) * (MAX_SERVICES + 1)).encode()
    with pytest.raises(WireError, match="elements"):
        DelegationInfo.decode(raw)


def test_every_cut_of_a_delegation_info_is_refused() -> None:
    raw = DelegationInfo("DNS/ns", ("HTTP/web@R", "cifs/f@R")).encode()
    for size in range(len(raw)):
        with pytest.raises(WireError):
            DelegationInfo.decode(raw[:size])
