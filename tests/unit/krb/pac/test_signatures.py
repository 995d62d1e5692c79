"""The four signatures: who can change what, and what is said when somebody did.  [MS-PAC] 2.8"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha1

import pytest

from bossa.crypto.enctypes import Key, hmac_md5_checksum
from bossa.krb.errors import KdcError, KrbCode
from bossa.krb.flags import TicketFlags
from bossa.krb.messages import AuthData, EncTicketPart
from bossa.krb.names import krbtgt
from bossa.krb.pac import (
    Pac,
    find_in,
    put_in,
    sign_service,
    sign_tgt,
    signs_ticket,
    verify_accepted,
    verify_across,
    verify_service,
    verify_tgt,
    verify_user_across,
)
from bossa.krb.pac.carry import with_placeholder
from bossa.krb.pac.container import SIGNATURES, BufferType, encode
from bossa.krb.pac.info import ClientInfo
from bossa.wire import WireError
from tests.unit.krb.pac.specimens import (
    AES128_SHA2,
    ALICE,
    KDC,
    NOW,
    OLD_KDC,
    REALM,
    TRUST,
    WEB,
    F,
    Made,
    content,
    name,
    part,
    service_ticket,
    sid,
    tgt,
    with_part,
    without,
)

USAGE = 17
FOUR = (6, 7, 16, 19)
Change = Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]]


def pac_of(made: Made) -> Pac:
    raw = find_in(made.part)
    assert raw is not None
    return Pac.decode(raw)


def evidence() -> Made:
    return service_ticket("alice", "HTTP/web.bossa.test", WEB)


def refused(made: Made, kdc_keys: tuple[Key, ...] = (KDC,)) -> KrbCode:
    with pytest.raises(KdcError) as caught:
        verify_service(made.opened, made.key, kdc_keys)
    return caught.value.code


def resealed(made: Made, change: Change, *, resign: bool = False) -> Made:
    """The ticket with other buffers; with ``resign`` the service, who has its key, made a new server signature."""
    raw, places = encode(change(list(pac_of(made).buffers)))
    if resign and BufferType.SERVER_SIGNATURE in places:
        at, size = places[BufferType.SERVER_SIGNATURE]
        zeroed = Pac.decode(bytes(raw)).zeroed((BufferType.SERVER_SIGNATURE, BufferType.KDC_SIGNATURE))
        raw[at + 4 : at + size] = made.key.checksum(USAGE, zeroed)
    return replace(made, part=put_in(made.part, bytes(raw)))


def test_a_service_ticket_has_four_signatures_and_says_only_what_services_need() -> None:
    kinds = [kind for kind, _ in pac_of(evidence()).buffers]
    assert sorted(kinds) == [1, 6, 7, 10, 12, 16, 19], "ATTRIBUTES and REQUESTER stay among KDCs"


def test_a_ticket_granting_ticket_has_two_signatures() -> None:
    assert sorted(kind for kind, _ in pac_of(tgt("alice")).buffers) == [1, 6, 7, 10, 12, 17, 18]


def test_only_buffers_of_signatures_are_written_anew_when_a_pac_travels_on() -> None:
    before = pac_of(tgt("alice"))
    carried = verify_tgt(tgt("alice").opened, KDC, (KDC,), requester=sid(ALICE))
    after = pac_of(service_ticket("alice", "HTTP/web.bossa.test", WEB, carried))
    assert without(after.buffers, *SIGNATURES) == without(before.buffers, *SIGNATURES, 17, 18)


@pytest.mark.parametrize(
    ("sname", "signed"),
    [("krbtgt/BOSSA.TEST", False), ("krbtgt/OTHER.TEST", False), ("kadmin/changepw", False), ("HTTP/web", True)],
)
def test_tickets_that_grant_tickets_or_change_passwords_have_no_ticket_signature(sname: str, signed: bool) -> None:
    assert signs_ticket(name(sname)) is signed


@pytest.mark.parametrize("enctype", [17, 18, AES128_SHA2, 20])
def test_signatures_of_every_encryption_type_hold(enctype: int) -> None:
    size = 32 if enctype in (18, 20) else 16
    service, kdc = Key(enctype, b"s" * size), Key(enctype, b"k" * size)
    bare = part("alice")
    ticket = Made(put_in(bare, sign_service(content("alice"), bare, service, kdc)), name("HTTP/web"), service)
    assert verify_service(ticket.opened, service, (KDC, kdc)).find(BufferType.LOGON_INFO)


def test_the_octets_of_the_ticket_signature_are_the_parts_with_one_zero_for_the_pac() -> None:
    bare = part("alice")
    extra = AuthData(1, bytes.fromhex("3000"))
    bare = replace(bare, authorization_data=(extra,))
    whole = put_in(bare, b"P" * 700)
    assert with_placeholder(whole.encode()) == put_in(bare, b"\0").encode()


@pytest.mark.parametrize("size", [0, 1, 100, 120, 127, 128, 200, 255, 256, 300, 5000])
def test_lengths_around_the_hole_are_right_for_every_size(size: int) -> None:
    whole = put_in(part("alice"), b"P" * size)
    assert with_placeholder(whole.encode()) == put_in(part("alice"), b"\0").encode()


def test_a_part_without_a_pac_has_no_hole() -> None:
    with pytest.raises(WireError):
        with_placeholder(part("alice").encode())


# Trap 13: the bronze bit, CVE-2020-17049.


@pytest.mark.parametrize(
    "fields",
    [
        {"flags": F | TicketFlags.RENEWABLE},
        {"flags": F ^ TicketFlags.FORWARDABLE},
        {"endtime": NOW + 7200},
        {"starttime": NOW - 120},
        {"renew_till": NOW + 7200},
        {"crealm": "OTHER.TEST"},
        {"cname": name("bob")},
        {"cname": name("alice/admin")},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_cve_2020_17049_a_service_cannot_change_its_ticket_and_use_it_as_evidence(fields: dict[str, object]) -> None:
    assert refused(with_part(evidence(), **fields)) == KrbCode.MODIFIED


def test_cve_2020_17049_bronze_bit_forwardable_set_by_the_service() -> None:
    bare = part("alice", flags=int(TicketFlags.PRE_AUTHENT))
    made = service_ticket("alice", "HTTP/web.bossa.test", WEB, bare=bare)
    verify_service(made.opened, WEB, (KDC,))
    assert refused(with_part(made, flags=F)) == KrbCode.MODIFIED


def test_cve_2020_17049_with_authorization_data_added_behind_the_pac() -> None:
    made = evidence()
    more = (*made.part.authorization_data, AuthData(1, bytes.fromhex("3000")))
    assert refused(with_part(made, authorization_data=more)) == KrbCode.MODIFIED


def test_cve_2020_17049_with_a_forged_server_signature_over_a_pac_without_ticket_signature() -> None:
    made = with_part(evidence(), flags=F | TicketFlags.RENEWABLE)
    forged = resealed(made, lambda buffers: without(buffers, 16), resign=True)
    assert refused(forged) == KrbCode.MODIFIED


def test_cve_2020_17049_with_the_ticket_signature_made_by_the_services_own_key() -> None:
    made = with_part(evidence(), flags=F | TicketFlags.RENEWABLE)
    own = b"\x10\0\0\0" + WEB.checksum(USAGE, with_placeholder(made.part.encode()))
    forged = resealed(made, lambda buffers: [*without(buffers, 16), (16, own)], resign=True)
    assert refused(forged) == KrbCode.MODIFIED


def test_cve_2020_17049_with_the_ticket_signature_of_another_ticket() -> None:
    other = dict(pac_of(service_ticket("bob", "HTTP/web.bossa.test", WEB)).buffers)[16]
    forged = resealed(evidence(), lambda buffers: [*without(buffers, 16), (16, other)], resign=True)
    assert refused(forged) == KrbCode.MODIFIED


# Trap 14: the PAC dropped.


def test_evidence_without_a_pac_is_modified() -> None:
    assert refused(with_part(evidence(), authorization_data=())) == KrbCode.MODIFIED


def test_evidence_whose_authorization_data_is_garbage_is_modified() -> None:
    assert refused(with_part(evidence(), authorization_data=(AuthData(1, b"\x30\x05\x00"),))) == KrbCode.MODIFIED


def test_a_header_ticket_without_a_pac_is_revoked() -> None:
    bare = replace(tgt("alice"), part=part("alice"))
    with pytest.raises(KdcError) as caught:
        verify_tgt(bare.opened, KDC, (KDC,), requester=sid(ALICE))
    assert caught.value.code == KrbCode.TGT_REVOKED


# Trap 15: signatures zeroed, missing, unkeyed, of another type.


@pytest.mark.parametrize("kind", FOUR)
def test_a_zeroed_signature_is_modified(kind: int) -> None:
    def zero(buffers: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        return [(one, data[:4] + bytes(len(data) - 4) if one == kind else data) for one, data in buffers]

    assert refused(resealed(evidence(), zero)) == KrbCode.MODIFIED


@pytest.mark.parametrize("kind", FOUR)
def test_a_missing_signature_is_modified(kind: int) -> None:
    assert refused(resealed(evidence(), lambda buffers: without(buffers, kind), resign=True)) == KrbCode.MODIFIED


@pytest.mark.parametrize("kind", FOUR)
@pytest.mark.parametrize("size", [0, 3, 4, 5, 15])
def test_a_signature_cut_short_is_modified(kind: int, size: int) -> None:
    cut = resealed(evidence(), lambda buffers: [(k, d[:size] if k == kind else d) for k, d in buffers])
    assert refused(cut) == KrbCode.MODIFIED


def _unkeyed(octets: bytes) -> dict[int, bytes]:
    """Checksums that anybody can make: CRC32, MD5's place, SHA1 (14).  RFC 3961 §6.1, RFC 4121"""
    return {1: zlib.crc32(octets).to_bytes(4, "little"), 7: bytes(16), 14: sha1(octets).digest()}


@pytest.mark.parametrize("kind", FOUR)
@pytest.mark.parametrize("checksum_type", [1, 7, 14])
def test_an_unkeyed_signature_is_inappropriate(kind: int, checksum_type: int) -> None:
    """CVE-2020-17049 and CVE-2022-37967 by downgrade."""
    mac = _unkeyed(b"anything")[checksum_type]
    made = checksum_type.to_bytes(4, "little") + mac
    changed = resealed(evidence(), lambda buffers: [(k, made if k == kind else d) for k, d in buffers])
    assert refused(changed) == KrbCode.INAPP_CKSUM


@pytest.mark.parametrize("kind", FOUR)
def test_cve_2022_37966_an_rc4_signature_under_an_aes_key_is_inappropriate(kind: int) -> None:
    mac = (-138).to_bytes(4, "little", signed=True) + hmac_md5_checksum(WEB.octets, USAGE, b"anything")
    changed = resealed(evidence(), lambda buffers: [(k, mac if k == kind else d) for k, d in buffers])
    assert refused(changed) == KrbCode.INAPP_CKSUM


@pytest.mark.parametrize("kind", [1, 10, 12])
def test_cve_2022_37967_a_service_cannot_change_a_buffer_and_sign_it_again(kind: int) -> None:
    def change(buffers: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        return [(one, data[:-1] + bytes((data[-1] ^ 1,)) if one == kind else data) for one, data in buffers]

    forged = resealed(evidence(), change, resign=True)
    assert verify_accepted_or_code(forged) is None or kind == 10, "its own key cannot tell"
    assert refused(forged) == KrbCode.MODIFIED


def verify_accepted_or_code(made: Made) -> KrbCode | None:
    try:
        verify_accepted(made.opened, made.key)
    except KdcError as e:
        return e.code
    return None


def test_cve_2022_37967_a_service_cannot_add_a_buffer() -> None:
    more = service_ticket("bob", "HTTP/web.bossa.test", WEB)
    forged = resealed(evidence(), lambda buffers: [*buffers, (11, pac_of(more).buffers[0][1])], resign=True)
    assert refused(forged) == KrbCode.MODIFIED


def test_cve_2022_37967_without_a_full_signature_there_is_no_evidence() -> None:
    forged = resealed(evidence(), lambda buffers: without(buffers, 19), resign=True)
    with pytest.raises(KdcError, match="no full signature"):
        verify_service(forged.opened, WEB, (KDC,))


def signed_again(made: Made, change: Change, *, server: bytes | None = None) -> Made:
    """The ticket with other buffers, then signatures 6 and 7 as the KDC would make them; ``server`` instead of 6."""
    raw, places = encode(change(list(pac_of(made).buffers)))
    zeroed = Pac.decode(bytes(raw)).zeroed((BufferType.SERVER_SIGNATURE, BufferType.KDC_SIGNATURE))
    server = server or made.key.checksum(USAGE, zeroed)
    for kind, mac in ((BufferType.SERVER_SIGNATURE, server), (BufferType.KDC_SIGNATURE, KDC.checksum(USAGE, server))):
        at, size = places[kind]
        raw[at + 4 : at + size] = mac
    return replace(made, part=put_in(made.part, bytes(raw)))


@pytest.mark.parametrize("kind", [1, 10, 12, 16, 19])
def test_each_signature_counts_alone_where_those_after_it_are_right(kind: int) -> None:
    def turn(buffers: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
        return [(one, data[:-1] + bytes((data[-1] ^ 1,)) if one == kind else data) for one, data in buffers]

    verify_service(signed_again(evidence(), lambda buffers: buffers).opened, WEB, (KDC,))
    assert refused(signed_again(evidence(), turn)) == KrbCode.MODIFIED


def test_the_server_signature_counts_where_the_kdc_signed_it() -> None:
    assert refused(signed_again(evidence(), lambda buffers: buffers, server=b"?" * 12)) == KrbCode.MODIFIED


def test_the_server_signature_of_a_ticket_granting_ticket_counts_where_the_kdc_signed_it() -> None:
    forged = signed_again(tgt("alice"), lambda buffers: buffers, server=b"?" * 12)
    with pytest.raises(KdcError) as caught:
        verify_tgt(forged.opened, KDC, (KDC,), requester=sid(ALICE))
    assert caught.value.code == KrbCode.MODIFIED


def test_evidence_under_another_realms_ticket_granting_key_is_modified() -> None:
    assert refused(evidence(), (TRUST,)) == KrbCode.MODIFIED


def test_a_pac_that_cannot_be_read_is_modified() -> None:
    """CVE-2022-42898, CVE-2024-26248."""
    assert refused(replace(evidence(), part=put_in(part("alice"), b"\xff" * 40))) == KrbCode.MODIFIED


# Trap 21 for signatures: those of an older version of the ticket-granting key.


def test_signatures_of_an_older_key_inside_the_window_hold() -> None:
    bare = part("alice")
    made = Made(put_in(bare, sign_service(content("alice"), bare, WEB, OLD_KDC)), name("HTTP/web.bossa.test"), WEB)
    verify_service(made.opened, WEB, (KDC, OLD_KDC))
    assert refused(made) == KrbCode.MODIFIED


# CLIENT_INFO.


@pytest.mark.parametrize(("who", "when"), [("bob", NOW - 60), ("alice", NOW - 59), ("alice@BOSSA.TEST", NOW - 60)])
def test_a_pac_of_another_client_or_moment_is_refused(who: str, when: int) -> None:
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(when, who).encode())
    made = service_ticket("alice", "HTTP/web.bossa.test", WEB, says)
    assert refused(made) == KrbCode.BADOPTION
    with pytest.raises(KdcError) as caught:
        verify_tgt(tgt("alice", says).opened, KDC, (KDC,), requester=sid(ALICE))
    assert caught.value.code == KrbCode.BADOPTION


@pytest.mark.parametrize("raw", [None, b"", b"\0" * 9])
def test_a_pac_that_names_no_client_is_refused(raw: bytes | None) -> None:
    says = content("alice").without((10,)) if raw is None else content("alice").replaced(10, raw)
    assert refused(service_ticket("alice", "HTTP/web.bossa.test", WEB, says)) == KrbCode.BADOPTION


# Trap 25, CVE-2020-25719: who asked.


@pytest.mark.parametrize("requester", [None, b"", sid(ALICE).domain.child(1001).octets])  # type: ignore[union-attr]
def test_cve_2020_25719_a_ticket_of_an_account_that_was_made_anew_is_revoked(requester: bytes | None) -> None:
    says = content("alice")
    says = says.without((18,)) if requester is None else says.replaced(18, requester)
    with pytest.raises(KdcError) as caught:
        verify_tgt(tgt("alice", says).opened, KDC, (KDC,), requester=sid(ALICE))
    assert caught.value.code == KrbCode.TGT_REVOKED


@pytest.mark.parametrize("kind", [1, 6, 7, 10, 12, 17, 18])
def test_no_buffer_of_a_ticket_granting_ticket_can_be_changed(kind: int) -> None:
    forged = resealed(tgt("alice"), lambda buffers: [(k, d[:-1] + b"!" if k == kind else d) for k, d in buffers])
    with pytest.raises(KdcError) as caught:
        verify_tgt(forged.opened, KDC, (KDC,), requester=sid(ALICE))
    assert caught.value.code == KrbCode.MODIFIED


# What a service sees, and another realm's referral.


def test_a_service_verifies_with_its_own_key_alone() -> None:
    made = evidence()
    found = verify_accepted(made.opened, WEB)
    assert found is not None and found.find(BufferType.LOGON_INFO)
    assert verify_accepted(replace(made, part=part("alice")).opened, WEB) is None, "a ticket need have no PAC"
    changed = resealed(made, lambda buffers: [(k, d[:-1] + b"!" if k == 1 else d) for k, d in buffers])
    assert verify_accepted_or_code(changed) == KrbCode.MODIFIED
    assert verify_accepted_or_code(service_ticket("alice", "HTTP/web", WEB, content("bob"))) == KrbCode.BADOPTION


def referral(says_client: str) -> Made:
    bare = part("carol", crealm="OTHER.TEST")
    says = content("alice").replaced(BufferType.CLIENT_INFO, ClientInfo(NOW - 60, says_client).encode())
    return Made(put_in(bare, sign_tgt(says, TRUST, OLD_KDC)), krbtgt(REALM), TRUST, issuer="OTHER.TEST")


def test_another_realms_referral_is_verified_with_the_trusts_key() -> None:
    verify_across(referral("carol").opened, TRUST)
    verify_across(referral("dave@THIRD.TEST").opened, TRUST, client="dave@THIRD.TEST")
    with pytest.raises(KdcError) as caught:
        verify_across(referral("dave").opened, TRUST)
    assert caught.value.code == KrbCode.BADOPTION
    with pytest.raises(KdcError):
        verify_across(referral("carol").opened, KDC)


def test_a_realm_without_pacs_sends_clients_with_a_name_alone_and_nobody_along() -> None:
    bare = replace(referral("carol"), part=part("carol", crealm="OTHER.TEST")).opened
    assert verify_across(bare, TRUST).buffers == ((BufferType.CLIENT_INFO, ClientInfo(NOW - 60, "carol").encode()),)
    with pytest.raises(KdcError) as caught:
        verify_across(bare, TRUST, client="dave@THIRD.TEST")
    assert caught.value.code == KrbCode.TGT_REVOKED
    with pytest.raises(KdcError) as caught:
        verify_user_across(bare, TRUST)
    assert caught.value.code == KrbCode.MODIFIED


def test_a_user_sent_along_is_named_with_a_realm() -> None:
    assert verify_user_across(referral("dave@THIRD.TEST").opened, TRUST)[1] == "dave@THIRD.TEST"
    with pytest.raises(KdcError) as caught:
        verify_user_across(referral("carol").opened, TRUST)
    assert caught.value.code == KrbCode.BADOPTION
    with pytest.raises(KdcError) as caught:
        verify_user_across(referral("dave@THIRD.TEST").opened, KDC)
    assert caught.value.code == KrbCode.MODIFIED


# Trap 22: what a client may not add.


def test_a_pac_in_a_clients_authorization_data_never_stands_beside_ours() -> None:
    mine = put_in(part("alice"), b"forged").authorization_data
    signed = put_in(replace(part("alice"), authorization_data=mine), b"ours")
    assert [find_in(replace(signed, authorization_data=(one,))) for one in signed.authorization_data] == [b"ours"]


def test_the_first_pac_is_the_one_that_is_verified_and_used() -> None:
    one, two = put_in(part("alice"), b"one").authorization_data, put_in(part("alice"), b"two").authorization_data
    both: EncTicketPart = replace(part("alice"), authorization_data=one + two)
    assert find_in(both) == b"one"
    assert (
        with_placeholder(both.encode())
        == replace(part("alice"), authorization_data=put_in(part("alice"), b"\0").authorization_data + two).encode()
    )
