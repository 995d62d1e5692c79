"""What others' KDCs have let through, sent to a live one: S4U2Self, S4U2Proxy and the requests around them.

The numbers are those of the list of traps that bossa keeps; a CVE is named where there was one.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import replace
from hashlib import md5, sha1

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions, S4uOptions, TicketFlags
from bossa.krb.messages import CheckSum, find_padata
from bossa.krb.names import NameType, PrincipalName
from bossa.krb.padata import PaS4uX509User, PaType, S4uUserId
from bossa.krb.usages import Usage
from tests.interop import forgery
from tests.interop.cast import (
    ALIAS,
    ANY,
    CLASSIC,
    DISABLED,
    EXPIRED,
    LISTING,
    OTHER,
    PASSWORD,
    PLAIN,
    RESOURCE,
    SENSITIVE,
    STALE,
    TARGET,
    USER,
    Cast,
    code,
    service_key,
)
from tests.interop.s4u import PROXY, REALM, act, by_identity, for_user, nonce, resource_based

FORWARDABLE = int(TicketFlags.FORWARDABLE)
# The types of checksums without a key.  RFC 3961 §6.1, §8
CRC32, RSA_MD5, SHA1 = 1, 7, 14


# S4U2Self


def test_trap_1_a_name_under_hmac_md5_is_taken_whatever_the_session_key(cast: Cast) -> None:
    """[MS-SFU] 2.2.1"""
    held = cast.evidence(PLAIN)
    assert held.client.text == USER
    assert forgery.opened(held.ticket, cast.keys[PLAIN]).cname.text == USER


def unkeyed(number: int, digest: Callable[[bytes], bytes]) -> Callable[[Key, bytes], CheckSum]:
    """Return a checksum that anybody can make."""
    return lambda _, data: CheckSum(number, digest(data))


def crc(data: bytes) -> bytes:
    """Return a CRC-32 as Kerberos writes it.  RFC 3961 §6.1.3"""
    return zlib.crc32(data).to_bytes(4, "little")


@pytest.mark.parametrize(
    ("number", "digest"),
    [(CRC32, crc), (RSA_MD5, lambda data: md5(data).digest()), (SHA1, lambda data: sha1(data).digest())],
    ids=["crc32", "md5", "sha1"],
)
def test_trap_2_cve_2018_16860_a_name_under_a_checksum_without_a_key_is_refused(
    cast: Cast, number: int, digest: Callable[[bytes], bytes]
) -> None:
    """INAPP_CKSUM"""
    padata = for_user(cast.held[PLAIN], USER, summed=unkeyed(number, digest))
    assert code(lambda: cast.kdc.ticket(cast.held[PLAIN], PLAIN, padata)) is KrbCode.INAPP_CKSUM


def test_trap_3_a_name_under_a_wrong_checksum_was_modified(cast: Cast) -> None:
    """MODIFIED"""
    padata = for_user(cast.held[PLAIN], USER, summed=lambda *_: CheckSum(-138, bytes(16)))
    assert code(lambda: cast.kdc.ticket(cast.held[PLAIN], PLAIN, padata)) is KrbCode.MODIFIED


def identity(number: int, user: str, options: int = 0) -> S4uUserId:
    """Name a user for one request."""
    return S4uUserId(number, PrincipalName.parse(user), REALM, None, options or None)


@pytest.mark.parametrize("options", [0, int(S4uOptions.USE_REPLY_KEY_USAGE)], ids=["26", "27"])
def test_trap_4_an_identity_is_confirmed_in_the_usage_that_was_asked_for(cast: Cast, options: int) -> None:
    """[MS-SFU] 2.2.2, 3.2.5.1.2"""
    held, number = cast.held[PLAIN], nonce()
    got = cast.kdc.ticket(held, PLAIN, by_identity(held, identity(number, USER, options)), nonce=number)
    assert got.client.text == USER
    value = find_padata(got.padata, PaType.S4U_X509_USER)
    assert value is not None
    answer = PaS4uX509User.decode(value)
    usage = Usage.PA_S4U_X509_USER_REPLY if options else Usage.PA_S4U_X509_USER_REQUEST
    assert answer.user_id.nonce == number
    assert held.session.verify(usage, answer.user_id_raw, answer.cksum.octets)


def test_trap_4_of_two_forms_the_identity_wins(cast: Cast) -> None:
    """[MS-SFU] 3.2.5.1.1"""
    held, number = cast.held[PLAIN], nonce()
    padata = (for_user(held, STALE), by_identity(held, identity(number, USER)))
    assert cast.kdc.ticket(held, PLAIN, *padata, nonce=number).client.text == USER


@pytest.mark.parametrize(
    ("summed", "expected"),
    [
        (unkeyed(SHA1, lambda data: sha1(data).digest()), KrbCode.INAPP_CKSUM),
        (lambda key, _: CheckSum(key.checksum_type, bytes(12)), KrbCode.MODIFIED),
    ],
    ids=["without a key", "wrong"],
)
def test_trap_4_an_identity_that_nobody_vouches_for_is_refused(
    cast: Cast, summed: Callable[[Key, bytes], CheckSum], expected: KrbCode
) -> None:
    """[MS-SFU] 2.2.2"""
    held, number = cast.held[PLAIN], nonce()
    padata = by_identity(held, identity(number, USER), summed=summed)
    assert code(lambda: cast.kdc.ticket(held, PLAIN, padata, nonce=number)) is expected


def test_trap_4_an_identity_of_another_request_is_refused(cast: Cast) -> None:
    """Its nonce is the request's."""
    held, number = cast.held[PLAIN], nonce()
    padata = by_identity(held, identity(number ^ 1, USER))
    assert code(lambda: cast.kdc.ticket(held, PLAIN, padata, nonce=number)) is KrbCode.MODIFIED


@pytest.mark.parametrize("certificate", [None, b"0\x03\x02\x01\x01"], ids=["nothing", "certificate"])
def test_trap_5_an_identity_without_a_name_is_nobodys(cast: Cast, certificate: bytes | None) -> None:
    """Certificates are mapped to no accounts here."""
    held, number = cast.held[PLAIN], nonce()
    user = S4uUserId(number, PrincipalName(NameType.UNKNOWN, ()), REALM, certificate, None)
    refused = code(lambda: cast.kdc.ticket(held, PLAIN, by_identity(held, user), nonce=number))
    assert refused is KrbCode.C_PRINCIPAL_UNKNOWN


def test_trap_6_a_service_speaks_for_users_to_itself_alone(cast: Cast) -> None:
    """CVE-2020-25722: BADMATCH"""
    padata = for_user(cast.held[PLAIN], USER)
    assert code(lambda: cast.kdc.ticket(cast.held[PLAIN], ANY, padata)) is KrbCode.BADMATCH


def test_trap_6_an_alias_is_the_service_itself(cast: Cast) -> None:
    """One account, many names."""
    assert cast.kdc.ticket(cast.held[ANY], ALIAS, for_user(cast.held[ANY], USER)).client.text == USER


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("nobody-at-all", KrbCode.C_PRINCIPAL_UNKNOWN),
        (f"{USER}$", KrbCode.C_PRINCIPAL_UNKNOWN),
        (f"{USER} ", KrbCode.C_PRINCIPAL_UNKNOWN),
        (DISABLED, KrbCode.CLIENT_REVOKED),
        (EXPIRED, KrbCode.NAME_EXP),
        (STALE, None),
    ],
    ids=["unknown", "dollar", "space", "disabled", "expired", "stale password"],
)
def test_trap_7_whom_a_service_may_speak_for(cast: Cast, user: str, expected: KrbCode | None) -> None:
    """CVE-2021-42278 and 42287: no name is guessed; whoever has to change a password types none here."""
    assert code(lambda: cast.evidence(PLAIN, user)) is expected


@pytest.mark.parametrize(
    ("service", "user", "forwardable"),
    [
        (ANY, USER, True),
        (CLASSIC, USER, False),
        (PLAIN, USER, True),
        (RESOURCE, USER, True),
        (ANY, SENSITIVE, False),
        (RESOURCE, SENSITIVE, False),
    ],
)
def test_traps_10_and_11_which_ticket_is_evidence(cast: Cast, service: str, user: str, forwardable: bool) -> None:
    """CVE-2024-2698: the right to protocol transition, no list at all, and never a sensitive user."""
    held = cast.evidence(service, user)
    assert bool(held.part.flags & FORWARDABLE) is forwardable
    assert bool(forgery.opened(held.ticket, cast.keys[service]).flags & FORWARDABLE) is forwardable


def test_trap_10_a_ticket_granting_ticket_that_is_not_forwardable_gets_no_evidence(cast: Cast) -> None:
    """[MS-SFU] 3.2.5.1.2"""
    held = cast.kdc.sign_in(ANY, cast.keys[ANY], options=0)
    got = cast.kdc.ticket(held, ANY, for_user(held, USER))
    assert not got.part.flags & FORWARDABLE


# S4U2Proxy


def test_trap_17_the_list_decides(cast: Cast) -> None:
    """BADOPTION for whom it does not have, POLICY for who grants tickets."""
    held, ticket = cast.held[ANY], cast.evidence(ANY).ticket
    assert act(cast.kdc, held, TARGET, ticket).client.text == USER
    assert code(lambda: act(cast.kdc, held, OTHER, ticket)) is KrbCode.BADOPTION
    assert code(lambda: act(cast.kdc, held, f"krbtgt/{REALM}", ticket)) is KrbCode.POLICY


def test_trap_12_evidence_that_may_not_travel_is_none(cast: Cast) -> None:
    """BADOPTION, for the classic list and for the target's."""
    assert code(lambda: act(cast.kdc, cast.held[CLASSIC], TARGET, cast.evidence(CLASSIC).ticket)) is KrbCode.BADOPTION


def test_a_user_who_came_by_kerberos_is_passed_on_by_the_classic_list_alone(cast: Cast) -> None:
    """No protocol transition is needed: the evidence is the user's own ticket."""
    user = cast.kdc.sign_in(USER, cast.kdc.password_key(USER, PASSWORD))
    shown = cast.kdc.ticket(user, CLASSIC)
    assert act(cast.kdc, cast.held[CLASSIC], TARGET, shown.ticket).client.text == USER


@pytest.mark.parametrize(
    ("asked", "expected"), [((resource_based(),), None), ((), KrbCode.BADOPTION)], ids=["asked for", "not asked for"]
)
def test_trap_18_the_targets_list_is_asked_for(cast: Cast, asked: tuple, expected: KrbCode | None) -> None:
    """PA-PAC-OPTIONS bit 3, the most significant bit first."""
    ticket = cast.evidence(RESOURCE).ticket
    assert code(lambda: act(cast.kdc, cast.held[RESOURCE], LISTING, ticket, padata=asked)) is expected


def test_trap_18_the_targets_list_does_not_make_up_for_evidence_that_may_not_travel(cast: Cast) -> None:
    """As MIT and Samba have it."""
    held = cast.kdc.sign_in(RESOURCE, cast.keys[RESOURCE], options=0)
    ticket = cast.kdc.ticket(held, RESOURCE, for_user(held, USER)).ticket
    refused = code(lambda: act(cast.kdc, cast.held[RESOURCE], LISTING, ticket, padata=(resource_based(),)))
    assert refused is KrbCode.BADOPTION


def test_trap_16_evidence_is_for_who_shows_it(cast: Cast) -> None:
    """SERVER_NOMATCH; a ticket to another name of the same account will do."""
    assert code(lambda: act(cast.kdc, cast.held[ANY], TARGET, cast.evidence(PLAIN).ticket)) is KrbCode.SERVER_NOMATCH
    alias = cast.kdc.ticket(cast.held[ANY], ALIAS, for_user(cast.held[ANY], USER))
    assert act(cast.kdc, cast.held[ANY], TARGET, alias.ticket).client.text == USER


@pytest.mark.parametrize(
    "option",
    [KdcOptions.RENEW, KdcOptions.FORWARDED, KdcOptions.PROXY, KdcOptions.VALIDATE, KdcOptions.ENC_TKT_IN_SKEY],
    ids=lambda option: option.name,
)
def test_trap_19_delegation_goes_with_no_other_wish(cast: Cast, option: KdcOptions) -> None:
    """BADOPTION"""
    ticket = cast.evidence(ANY).ticket
    refused = code(lambda: act(cast.kdc, cast.held[ANY], TARGET, ticket, options=PROXY | int(option)))
    assert refused is KrbCode.BADOPTION


def test_trap_19_one_ticket_is_the_evidence(cast: Cast) -> None:
    """None is BADOPTION; of two the first counts."""
    good, bad = cast.evidence(ANY).ticket, cast.evidence(PLAIN).ticket
    assert code(lambda: act(cast.kdc, cast.held[ANY], TARGET)) is KrbCode.BADOPTION
    assert act(cast.kdc, cast.held[ANY], TARGET, good, bad).client.text == USER
    assert code(lambda: act(cast.kdc, cast.held[ANY], TARGET, bad, good)) is KrbCode.SERVER_NOMATCH


def test_trap_20_the_ticket_says_what_the_evidence_did(cast: Cast) -> None:
    """[MS-SFU] 3.2.5.2.2, [MS-PAC] 2.9: whose, since when, until when, and through whom it came."""
    shown = cast.evidence(ANY)
    got = act(cast.kdc, cast.held[ANY], TARGET, shown.ticket)
    part = forgery.opened(got.ticket, cast.keys[TARGET])
    assert (part.cname.text, part.authtime) == (USER, shown.part.authtime)
    assert part.endtime <= min(shown.part.endtime, cast.held[ANY].part.endtime)
    delegation = forgery.buffers(forgery.pac(part))[11]
    assert TARGET.encode("utf-16-le") in delegation
    assert f"{ANY}@{REALM}".encode("utf-16-le") in delegation


def test_trap_21_evidence_under_the_key_before_the_last_is_good(cast: Cast) -> None:
    """With its version, and without any: then all are tried."""
    name = "HTTP/rolling.bossa.test"
    key = service_key(cast.domain, name)
    cast.domain.directory.allow(name, TARGET, any_protocol=True)
    held = cast.kdc.sign_in(name, key)
    old = cast.kdc.ticket(held, name, for_user(held, USER)).ticket
    cast.domain.directory.rotate(name)
    anonymous = replace(old, enc_part=replace(old.enc_part, kvno=None), raw=b"")
    for shown in (old, anonymous):
        assert act(cast.kdc, held, TARGET, shown).client.text == USER
