"""Packets that nobody means well with: an answer or silence, never an exception, and never a ticket too many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bossa.crypto.enctypes import random_key
from bossa.krb.armor import armor_key
from bossa.krb.client.armored import Armor, arm
from bossa.krb.errors import KrbCode
from bossa.krb.flags import KdcOptions
from bossa.krb.kdc.outcome import Verdict
from bossa.krb.messages import AS_REQ, TGS_REQ, CheckSum, EncryptedData, HostAddress, KdcReq, KrbError, PaData
from bossa.krb.padata import KrbFastArmor, KrbFastArmoredReq, KrbFastReq, PaEncTsEnc, PaType
from bossa.krb.ticket import lock
from bossa.krb.usages import Usage
from tests.talk.kerberos import (
    NOW,
    Asking,
    Site,
    as_req,
    ask,
    body,
    code,
    key_of,
    log_in,
    mutations,
    name,
    setting,
    show,
    tgs_req,
    timestamp,
)

WEB = "HTTP/web.bossa.test"
MUTATIONS = 1500


def made() -> Site:
    """A realm with a user and a service."""
    site = Site()
    site.user("alice")
    site.service(WEB)
    return site


SITE = made()
HELD = log_in(SITE, "alice", kdc_options=int(KdcOptions.FORWARDABLE | KdcOptions.RENEWABLE))


def check(packet: bytes) -> Verdict:
    """Send a packet; what comes back is nothing, a refusal that says little, or a ticket."""
    outcome = SITE.say(packet)
    if outcome.verdict is Verdict.ISSUED:
        assert outcome.reply[0] in (0x6B, 0x6D)
    elif outcome.reply:
        error = KrbError.decode(outcome.reply)
        assert error.e_text == KrbCode(error.error_code).name
        assert len(outcome.reply) < 2000
    else:
        assert packet[:1] not in (b"\x6a", b"\x6c")
    return outcome.verdict


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\n\r\n",
        bytes(512),
        b"\x7e" + bytes(64),
        b"\x6e\x03\x02\x01\x05",
        b"\x30\x82\xff\xff",
    ],
)
def test_what_is_no_request_gets_no_answer(packet: bytes) -> None:
    """Least of all a KRB-ERROR: two servers would never come to an end."""
    outcome = SITE.say(packet)
    assert (outcome.reply, outcome.verdict, outcome.exchange) == (b"", Verdict.REFUSED, "")


@pytest.mark.parametrize(
    "packet",
    [
        b"\x6a",
        b"\x6c\x80",
        b"\x6a\x81\x00",
        b"\x6a\x84\xff\xff\xff\xff",
        b"\x6a\x03\x02\x01\x05",
        b"\x6c\x1f" + b"\x30\x80" * 15,
        b"\x6a\x82\x07\xd0" + b"\x30\x82\x07\xcc" * 500,
        b"\x6a\x02\x30\x00",
    ],
)
def test_a_request_of_no_shape_is_a_generic_error(packet: bytes) -> None:
    outcome = SITE.say(packet)
    assert code(outcome) == KrbCode.GENERIC
    assert outcome.exchange == ("AS" if packet[0] == 0x6A else "TGS")


def test_an_as_req_inside_the_tag_of_a_tgs_req_is_neither() -> None:
    packet = as_req(SITE, "alice")
    assert code(SITE.say(b"\x6c" + packet[1:])) == KrbCode.GENERIC


@pytest.mark.parametrize(
    "octets",
    [
        "020900ffffffffffffffff",
        "0205ffffffffff",
        "02020001",
        "0200",
        "020800ffffffffffffff",
    ],
)
def test_an_integer_too_wide_is_a_generic_error(octets: str) -> None:
    """CVE-2022-42898's kind: a number that would wrap elsewhere."""
    packet = as_req(SITE, "alice", nonce=7)
    wide = bytes.fromhex(octets)
    nonce = bytes.fromhex("a703020107")
    assert nonce in packet
    inner = packet.replace(nonce, bytes((0xA7, len(wide))) + wide)
    outcome = SITE.say(lengthened(packet, len(inner) - len(packet), inner))
    assert code(outcome) == KrbCode.GENERIC


def lengthened(before: bytes, more: int, inner: bytes) -> bytes:
    """Correct the lengths of the four values around a request body; all are of two octets or one."""
    octets = bytearray(inner)
    pos = 0
    for skip in (0, 0, 10, 0):
        pos += skip
        if octets[pos + 1] == 0x81:
            octets[pos + 2] += more
            pos += 3
        else:
            octets[pos + 1] += more
            pos += 2
    assert len(before) + more == len(octets)
    return bytes(octets)


@pytest.mark.parametrize(
    "fields",
    [
        {"etypes": tuple(range(64))},
        {"etypes": (-(1 << 31), (1 << 31) - 1)},
        {"nonce": (1 << 32) - 1},
        {"nonce": -1},
        {"realm": "x" * 1000},
        {"realm": ""},
        {"cname": name("a/" * 15 + "a")},
        {"till": 253_402_300_799, "rtime": 253_402_300_799, "kdc_options": int(KdcOptions.RENEWABLE)},
        {"kdc_options": 0xFFFFFFFF},
    ],
)
def test_a_request_with_odd_values_is_answered(fields: dict[str, Any]) -> None:
    fields = {"cname": name("alice"), **fields}
    check(KdcReq(AS_REQ, (timestamp(SITE, key_of(SITE, "alice")),), body(SITE, **fields)).encode())


def test_too_many_types_are_a_generic_error() -> None:
    packet = as_req(SITE, "alice", etypes=tuple([18] * 10_000))
    assert code(SITE.say(packet)) == KrbCode.GENERIC


def test_no_padata_of_garbage_is_a_bug() -> None:
    for kind in PaType:
        for value in (b"", b"\0", b"\x30\x00", b"\xa0\x02\x30\x00", bytes(300)):
            check(as_req(SITE, "alice", PaData(kind, value)))
            check(tgs_req(SITE, HELD, WEB, PaData(kind, value)))


def armor_of_alice() -> Armor:
    """An armor made of alice's ticket."""
    subkey = random_key(18, SITE.random)
    shown = show(SITE, HELD, b"", Asking(subkey=subkey, usage=Usage.AP_REQ_AUTHENTICATOR))
    return Armor(armor_key(subkey, HELD.key), KrbFastArmor(1, shown))


def armored_req() -> bytes:
    """An armored AS-REQ."""
    armor = armor_of_alice()
    asked = body(SITE, cname=name("alice"))
    inside = arm(armor, asked, (PaData(PaType.ENCRYPTED_CHALLENGE, bytes(90)),), asked.encode(), setting(SITE))
    return KdcReq(AS_REQ, (inside,), asked).encode()


REQUESTS: dict[str, Callable[[], bytes]] = {
    "as": lambda: as_req(SITE, "alice", timestamp(SITE, key_of(SITE, "alice"))),
    "armored as": armored_req,
    "tgs": lambda: tgs_req(SITE, HELD, WEB, asking=Asking(subkey=random_key(18, SITE.random))),
    "user to user": lambda: tgs_req(
        SITE, HELD, "alice", kdc_options=int(KdcOptions.ENC_TKT_IN_SKEY), additional_tickets=(HELD.ticket,)
    ),
    "proxy": lambda: tgs_req(
        SITE,
        HELD,
        WEB,
        kdc_options=int(KdcOptions.CNAME_IN_ADDL_TKT),
        additional_tickets=(ask(SITE, HELD, WEB).ticket,),
        enc_authorization_data=EncryptedData(18, None, bytes(60)),
    ),
}


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_request_with_octets_changed_is_answered_or_passed_over(kind: str) -> None:
    """Thousands of them; a ticket comes of those only that ask for one still."""
    packet = REQUESTS[kind]()
    verdicts = [check(changed) for changed in mutations(packet, seed=len(packet), count=MUTATIONS)]
    assert Verdict.REFUSED in verdicts


def body_changed() -> Iterator[bytes]:
    """TGS-REQs whose bodies are changed, each under a checksum of what it is."""
    asked = body(
        SITE,
        sname=name(WEB),
        kdc_options=int(KdcOptions.ENC_TKT_IN_SKEY | KdcOptions.CANONICALIZE),
        addresses=(HostAddress(2, bytes(4)),),
        enc_authorization_data=EncryptedData(18, None, bytes(60)),
        additional_tickets=(HELD.ticket,),
    )
    for changed in mutations(asked.encode(), seed=3, count=MUTATIONS):
        header = PaData(PaType.TGS_REQ, show(SITE, HELD, changed))
        yield KdcReq(TGS_REQ, (header,), replace(asked, raw=changed)).encode()


def timestamp_changed() -> Iterator[bytes]:
    """AS-REQs whose timestamps are changed, each under the key of the account."""
    for changed in mutations(PaEncTsEnc(int(NOW), 0).encode(), seed=4, count=MUTATIONS // 3):
        locked = lock(key_of(SITE, "alice"), Usage.PA_ENC_TIMESTAMP, changed, bytes(16))
        yield as_req(SITE, "alice", PaData(PaType.ENC_TIMESTAMP, locked.encode()))


def ticket_changed() -> Iterator[bytes]:
    """TGS-REQs whose tickets are changed, each under the key of the ticket-granting service."""
    opened = SITE.open(HELD.ticket, "krbtgt")
    key = SITE.principal("krbtgt").key()
    assert key is not None
    for changed in mutations(opened.part_raw, seed=5, count=MUTATIONS // 3):
        locked = lock(key, Usage.TICKET, changed, bytes(16), 1)
        yield tgs_req(SITE, replace(HELD, ticket=replace(HELD.ticket, enc_part=locked, raw=b"")), WEB)


def inside_changed() -> Iterator[bytes]:
    """Armored AS-REQs whose insides are changed, each under the armor key."""
    armor = armor_of_alice()
    asked = body(SITE, cname=name("alice"))
    cksum = CheckSum(armor.key.checksum_type, armor.key.checksum(Usage.FAST_REQ_CHECKSUM, asked.encode()))
    inner = KrbFastReq(0, (PaData(PaType.ENCRYPTED_CHALLENGE, bytes(90)),), asked).encode()
    for changed in mutations(inner, seed=6, count=MUTATIONS // 3):
        locked = lock(armor.key, Usage.FAST_REQ, changed, bytes(16))
        value = KrbFastArmoredReq(armor.proof, cksum, locked).encode()
        yield KdcReq(AS_REQ, (PaData(PaType.FX_FAST, value),), asked).encode()


@pytest.mark.parametrize("packets", [body_changed, timestamp_changed, ticket_changed, inside_changed])
def test_who_has_the_keys_and_means_ill_is_answered(packets: Callable[[], Iterator[bytes]]) -> None:
    """Past the checksums too nothing but a refusal, or a ticket, comes of odd octets."""
    verdicts = {check(packet) for packet in packets()}
    assert Verdict.REFUSED in verdicts


def test_no_octet_of_a_body_counts_for_nothing() -> None:
    """A TGS-REQ is under a checksum: with any one octet of its body changed there is no ticket."""
    packet = tgs_req(SITE, HELD, WEB)
    start = packet.index(body(SITE, sname=name(WEB, 2)).encode())
    for at in range(start, len(packet)):
        octets = bytearray(packet)
        octets[at] ^= 1
        assert check(bytes(octets)) is not Verdict.ISSUED


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"\x6a", b"\x6c"]))
def test_octets_of_any_kind_are_answered(octets: bytes, tag: bytes) -> None:
    check(tag + octets)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_stands_inside_the_ticket_is_no_strangers(data: st.DataObject) -> None:
    """Octets of the sealed part, changed anywhere, open nothing."""
    cipher = HELD.ticket.enc_part.cipher
    at = data.draw(st.integers(0, len(cipher) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(cipher)
    changed[at] ^= 1 << bit
    ticket = replace(HELD.ticket, raw=b"", enc_part=replace(HELD.ticket.enc_part, cipher=bytes(changed)))
    assert code(SITE.say(tgs_req(SITE, replace(HELD, ticket=ticket), WEB))) == KrbCode.BAD_INTEGRITY
