"""SIDs: text and octets, what is none, and who is in which domain."""

from __future__ import annotations

import pytest

from bossa.directory.sid import Rid, Sid, domain_sid
from bossa.wire import WireError

# [MS-DTYP] 2.4.2.4 names S-1-5-32-544 BUILTIN_ADMINISTRATORS.
SPECIMENS = {
    "S-1-5-32-544": "01020000000000052000000020020000",
    "S-1-18-1": "010100000000001201000000",
    "S-1-5-21-1-2-4294967295-1000": "0105000000000005150000000100000002000000ffffffffe8030000",
    "S-1-0x123456789abc-7": "0101123456789abc07000000",
}


@pytest.mark.parametrize(("text", "octets"), SPECIMENS.items())
def test_text_and_octets_say_the_same(text: str, octets: str) -> None:
    sid = Sid.parse(text)
    assert sid.octets.hex() == octets
    assert Sid.decode(bytes.fromhex(octets)) == sid
    assert sid.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "S-1",
        "S-1-5",
        "S-2-5-1",
        "S-1-5-",
        "S-1-5--1",
        "S-1-5-4294967296",
        "S-1-5-1 ",
        "s-1-5-٣",
        "S-1-5" + "-1" * 16,
    ],
)
def test_text_of_another_form_is_no_sid(text: str) -> None:
    with pytest.raises(WireError):
        Sid.parse(text)


@pytest.mark.parametrize(
    "octets",
    [
        "",
        "01",
        "0100000000000005",
        "02010000000000050100000a",
        "010200000000000501000000",
        "01010000000000050100000000",
    ],
)
def test_octets_of_another_size_than_they_say_are_no_sid(octets: str) -> None:
    with pytest.raises(WireError):
        Sid.decode(bytes.fromhex(octets))


def test_sixteen_sub_authorities_are_too_many() -> None:
    with pytest.raises(WireError, match="16 sub-authorities"):
        Sid.decode(bytes((1, 16)) + bytes(6) + bytes(64))


def test_an_account_is_within_its_domain_and_no_other() -> None:
    domain = domain_sid((1, 2, 3))
    admins = domain.child(Rid.DOMAIN_ADMINS)
    assert admins.text == "S-1-5-21-1-2-3-512"
    assert admins.within(domain) and admins.domain == domain and admins.rid == 512
    assert not admins.within(domain_sid((1, 2, 4)))
    assert not domain.within(domain), "a domain is no account of its own"
    assert not admins.child(7).within(domain), "what is two levels down is of another domain"
    assert Sid(5, (9,)).domain is None
