from __future__ import annotations

from dataclasses import replace

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.ccache import NOTES_REALM, CredentialCache
from bossa.krb.credential import Credential, Times
from bossa.krb.messages import EncryptionKey
from bossa.krb.names import PrincipalName
from bossa.wire import WireError
from tests.unit.krb.specimens import ALICE, REALM, SESSION, TGS, ticket

TGT = Credential(
    ALICE, REALM, TGS, REALM, ticket().encode(), EncryptionKey(18, SESSION.octets), 0x40E10000, Times(1, 2, 3, 4)
)
NOTE = Credential(
    ALICE, REALM, PrincipalName(0, ("krb5_ccache_conf_data", "fast_avail")), NOTES_REALM, b"yes",
    EncryptionKey(0, b""), 0, Times(0, 0, 0),
)  # fmt: skip
USER = replace(TGT, server=ALICE, second_ticket=ticket().encode())
CACHE = CredentialCache(ALICE, REALM, (NOTE, TGT, USER))


def test_a_cache_comes_back():
    assert CredentialCache.decode(CACHE.encode()) == CACHE


def test_notes_are_no_tickets():
    assert CACHE.tickets == (TGT, USER)


def test_a_credential_opens_its_ticket_and_key():
    found = CredentialCache.decode(CACHE.encode()).tickets[0]
    assert found.session == Key(18, SESSION.octets) and found.open_ticket() == ticket()
    with pytest.raises(ValueError, match="not supported"):
        _ = NOTE.session


def test_a_cut_cache_is_refused_but_between_credentials():
    octets = CACHE.encode()
    whole = {len(CredentialCache(ALICE, REALM, CACHE.credentials[:count]).encode()) for count in range(4)}
    for end in range(len(octets)):
        if end in whole:
            assert len(CredentialCache.decode(octets[:end]).credentials) < 3
        else:
            with pytest.raises(WireError):
                CredentialCache.decode(octets[:end])


def test_the_older_form_says_the_keys_type_twice():
    name = CredentialCache(ALICE, REALM, ()).encode()[4:]
    new = CredentialCache(ALICE, REALM, (TGT,)).encode()[4 + len(name) :]
    at = new.index(b"\x00\x12\x00\x00\x00\x20") + 2
    old = b"\x05\x03" + name + new[:at] + b"\x00\x12" + new[at:]
    assert CredentialCache.decode(old) == CredentialCache(ALICE, REALM, (TGT,))


def test_a_clocks_offset_in_the_header_is_stepped_over():
    octets = CACHE.encode()
    offset = b"\0\1\0\x08\0\0\0\1\0\0\0\0"
    assert CredentialCache.decode(octets[:2] + b"\0\x0c" + offset + octets[4:]) == CACHE


@pytest.mark.parametrize(
    "octets", [b"", b"\x05\x01", b"\x05\x05\0\0", b"\x05\x04\xff\xff", b"\x05\x04\0\0" + b"\xff" * 40]
)
def test_another_form_is_refused(octets):
    with pytest.raises(WireError):
        CredentialCache.decode(octets)


def test_addresses_and_restrictions_are_passed_over_within_bounds():
    octets = CredentialCache(ALICE, REALM, (TGT,)).encode()
    at = octets.index(b"\x40\xe1\0\0") + 4
    address = b"\0\2\0\0\0\4\x7f\0\0\1"
    more = octets[:at] + b"\0\0\0\1" + address + b"\0\0\0\2" + address * 2 + octets[at + 8 :]
    assert CredentialCache.decode(more).credentials == (TGT,)
    with pytest.raises(WireError):
        CredentialCache.decode(octets[:at] + b"\0\0\1\0" + address * 256 + bytes(4) + octets[at + 8 :])


def test_a_cache_is_of_bounded_size():
    none = Credential(PrincipalName(0, ()), "", PrincipalName(0, ()), "", b"", EncryptionKey(0, b""), 0, Times(0, 0, 0))
    empty = CredentialCache(ALICE, REALM, ()).encode()
    one = CredentialCache(ALICE, REALM, (none,)).encode()[len(empty) :]
    assert len(CredentialCache.decode(empty + one * 9).credentials) == 9
    for octets in (empty + one * ((1 << 14) + 1), empty + bytes(1 << 24)):
        with pytest.raises(WireError):
            CredentialCache.decode(octets)


def test_no_key_is_shown():
    assert SESSION.octets.hex()[:8] not in repr(CACHE) and repr(SESSION.octets)[2:14] not in repr(CACHE)
