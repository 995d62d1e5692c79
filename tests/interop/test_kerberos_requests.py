"""Requests to a live KDC that are not what they should be, whatever they are for: names, checksums, types, sizes.

Traps 8, 9, 14, 22 and 26 to 31 of the list that bossa keeps.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

import pytest

from bossa.krb.armor import challenge
from bossa.krb.client import Setting
from bossa.krb.client.armored import arm, make_armor
from bossa.krb.credential import Credential, Times
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.messages import AS_REQ, AuthData, CheckSum, KdcReq, encode_authorization_data
from bossa.krb.names import PrincipalName
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from bossa.testing.tickets import Kdc, Refused, body, tgs_request
from tests.interop import forgery
from tests.interop.cast import ALIAS, ANY, CLASSIC, OTHER, PASSWORD, PLAIN, SENSITIVE, TARGET, USER, Cast, code
from tests.interop.s4u import REALM, act


def test_trap_22_a_pac_that_the_client_brings_is_dropped(cast: Cast) -> None:
    """RFC 4120 §5.2.6, §7.5.1: authorization data under the session key, a PAC among it."""
    held = cast.held[PLAIN]
    mine = forgery.with_pac(forgery.opened(cast.evidence(PLAIN).ticket, cast.keys[PLAIN]), b"made by the client")
    plain = encode_authorization_data(mine.authorization_data)
    locked = lock(held.session, Usage.TGS_REQ_AUTH_DATA_SESSION, plain, bytes(16))
    got = cast.kdc.ticket(held, TARGET, enc_authorization_data=locked)
    part = forgery.opened(got.ticket, cast.keys[TARGET])
    assert forgery.LOGON_INFO in forgery.buffers(forgery.pac(part))
    assert b"made by the client" not in b"".join(item.data for item in part.authorization_data)


def test_trap_9_an_authenticator_without_a_checksum_is_refused(cast: Cast) -> None:
    """RFC 4120 §3.3.3.2: INAPP_CKSUM"""
    asked = tgs_request(cast.held[PLAIN], body(REALM, TARGET), proof=lambda made: replace(made, cksum=None))
    assert code(lambda: cast.kdc.ask(asked)) is KrbCode.INAPP_CKSUM


def test_trap_8_another_body_than_the_one_summed_was_modified(cast: Cast) -> None:
    """The checksum runs over the octets that came."""
    held = cast.held[PLAIN]
    elsewhere = held.session.checksum(Usage.TGS_REQ_CHECKSUM, body(REALM, OTHER).encode())
    asked = tgs_request(
        held,
        body(REALM, TARGET),
        proof=lambda made: replace(made, cksum=CheckSum(held.session.checksum_type, elsewhere)),
    )
    assert code(lambda: cast.kdc.ask(asked)) is KrbCode.MODIFIED


def long_form(encoded: bytes) -> bytes:
    """Write the first length with one octet more than it needs: BER, and not DER."""
    size = encoded[1] & 0x7F if encoded[1] & 0x80 else 0
    length = int.from_bytes(encoded[2 : 2 + size], "big") if size else encoded[1]
    return encoded[:1] + bytes((0x80 | (size + 1),)) + length.to_bytes(size + 1, "big") + encoded[2 + size :]


def test_trap_8_what_is_no_der_is_not_made_good_by_writing_it_anew(cast: Cast) -> None:
    """The body in BER under the checksum of its DER: refused, whatever for."""
    held, asked = cast.held[PLAIN], body(REALM, TARGET)
    summed = CheckSum(held.session.checksum_type, held.session.checksum(Usage.TGS_REQ_CHECKSUM, asked.encode()))
    strange = replace(asked, raw=long_form(asked.encode()))
    request = tgs_request(held, strange, proof=lambda made: replace(made, cksum=summed))
    assert code(lambda: cast.kdc.ask(request)) is not None


def test_trap_14_a_ticket_to_a_service_opens_no_other(cast: Cast) -> None:
    """Only a ticket-granting ticket is a header."""
    service = cast.kdc.ticket(cast.held[PLAIN], TARGET)
    assert code(lambda: cast.kdc.ticket(service, OTHER)) is not None


def test_trap_31_a_name_is_made_canonical_for_who_asks_for_it(cast: Cast) -> None:
    """RFC 6806 §11; the ticket of who does not keeps the name that was used."""
    key = cast.keys[ANY]
    assert cast.kdc.sign_in(ALIAS, key).client.text == ALIAS
    canonical = cast.kdc.sign_in(ALIAS, key, options=int(KdcOptions.CANONICALIZE))
    assert canonical.client.text == ANY


def test_trap_29_an_error_says_nothing_that_only_the_log_should_know(cast: Cast) -> None:
    """e-text short and constant, e-data none unless asked for."""
    texts = set()
    for service, target in ((ANY, OTHER), (CLASSIC, TARGET)):
        with pytest.raises(Refused) as caught:
            act(cast.kdc, cast.held[service], target, cast.evidence(service).ticket)
        texts.add(caught.value.error.e_text)
        assert not caught.value.error.e_data
    assert len(texts) == 1
    text = texts.pop() or ""
    assert not any(word in text for word in (USER, ANY, TARGET, OTHER, "list"))


def test_trap_30_no_session_key_is_of_rc4(cast: Cast) -> None:
    """CVE-2022-37966: ETYPE_NOSUPP when a client lists nothing else."""
    assert code(lambda: cast.kdc.ticket(cast.held[PLAIN], TARGET, etypes=(23,))) is KrbCode.ETYPE_NOSUPP
    assert cast.kdc.ticket(cast.held[PLAIN], TARGET, etypes=(23, 17)).session.enctype == 17


def test_trap_28_what_a_datagram_cannot_hold_comes_over_tcp(cast: Cast) -> None:
    """RFC 4120 §7.2.1: RESPONSE_TOO_BIG"""
    noise = tuple(AuthData(9999, bytes(200)) for _ in range(8))
    held = cast.held[PLAIN]
    locked = lock(held.session, Usage.TGS_REQ_AUTH_DATA_SESSION, encode_authorization_data(noise), bytes(16))
    asked = tgs_request(held, body(REALM, TARGET, enc_authorization_data=locked))
    assert code(lambda: cast.kdc.ask(asked, udp=True)) is KrbCode.RESPONSE_TOO_BIG
    assert cast.kdc.ask(asked).cname.text == PLAIN


@pytest.mark.parametrize(
    ("name", "realm"),
    [("krbtgt/bossa.test", REALM), (f"krbtgt/{REALM}", "bossa.test"), ("krbtgt/ELSEWHERE.TEST", REALM)],
    ids=["lower case", "realm in lower case", "no trust"],
)
def test_trap_26_realms_are_compared_to_the_letter(cast: Cast, name: str, realm: str) -> None:
    """RFC 4120 §6.1"""
    kdc = Kdc(realm, cast.kdc.port)
    assert code(lambda: kdc.ticket(cast.held[PLAIN], name)) is not None


def test_trap_27_what_is_inside_the_armor_counts(cast: Cast) -> None:
    """RFC 6113 §5.4.2: outside stands another client and another service; the ticket is what the inside asks for."""
    setting = Setting(time.time(), os.urandom)
    held = cast.held[PLAIN]
    times = Times(held.part.authtime, 0, held.part.endtime)
    tgt = Credential(
        held.client, REALM, held.ticket.sname, REALM, held.ticket.encode(), held.part.key, held.part.flags, times
    )
    armor = make_armor(tgt, setting)
    key = cast.kdc.password_key(USER, PASSWORD)
    inner = body(REALM, f"krbtgt/{REALM}", cname=PrincipalName.parse(USER))
    outer = replace(inner, cname=PrincipalName.parse(SENSITIVE), sname=PrincipalName.parse(TARGET))
    proof = challenge(armor.key, key, setting.now, os.urandom(16))
    inside = arm(armor, inner, (proof,), outer.encode(), setting)
    got = cast.kdc.ask(KdcReq(AS_REQ, (inside,), outer).encode())
    assert (got.cname.text, got.ticket.sname.text) == (USER, f"krbtgt/{REALM}")
    other = replace(outer, nonce=outer.nonce ^ 1)
    assert code(lambda: cast.kdc.ask(KdcReq(AS_REQ, (inside,), other).encode())) is KrbCode.MODIFIED
