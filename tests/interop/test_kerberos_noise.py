"""Octets that no client sends, over both transports: whatever comes back, the KDC lives and answers the next one.

Trap 32 of the list that bossa keeps.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from bossa.krb.errors import KrbCode
from bossa.krb.messages import AS_REQ, KdcReq, KrbError, PaData
from bossa.krb.names import PrincipalName
from bossa.testing.domain import Domain
from bossa.testing.tickets import ADDRESS, Kdc, as_request, body, tgs_request
from bossa.wire.der import tlv
from tests.interop.cast import PLAIN, USER, Cast, code
from tests.interop.s4u import REALM

SOMEBODY = PrincipalName.parse(USER)
GOOD = as_request(REALM, SOMEBODY)
# [APPLICATION 10] of a SEQUENCE in a SEQUENCE in …
_AS_REQ_TAG, _SEQUENCE = 0x6A, 0x30


def nested(depth: int) -> bytes:
    """Return sequences in each other."""
    inner = b""
    for _ in range(depth):
        inner = tlv(_SEQUENCE, inner)
    return tlv(_AS_REQ_TAG, inner)


def asked(**changes: object) -> bytes:
    """Return an AS-REQ whose body is changed."""
    return KdcReq(AS_REQ, (), body(REALM, f"krbtgt/{REALM}", **({"cname": SOMEBODY} | changes))).encode()


def spelled(what: bytes, otherwise: bytes) -> bytes:
    """Return the good request with some octets changed for as many others, so that no length is wrong."""
    assert len(what) == len(otherwise) and what in GOOD
    return GOOD.replace(what, otherwise)


NOISE = {
    "nothing": b"",
    "one octet": b"\x6a",
    "zeros": bytes(100),
    "a thousand sequences": nested(1000),
    "an indefinite length": b"\x6a\x80" + GOOD[4:] + b"\0\0",
    "a tag of two octets": b"\x7f\x0a" + GOOD[1:],
    "a length that runs past the end": GOOD[:1] + b"\x84\x7f\xff\xff\xff" + GOOD[4:],
    "a length of a length of 127": b"\x6a\xff" + GOOD[2:],
    "octets behind": GOOD + b"x",
    "half of it": GOOD[: len(GOOD) // 2],
    "a request of another number": b"\x6b" + GOOD[1:],
    "a name without parts": asked(cname=PrincipalName(1, ())),
    "NUL in the realm": spelled(b"BOSSA.TEST", b"BOSSA\0TEST"),
    "NUL in the name": spelled(b"cast-user", b"cast\0user"),
    "a name that is no text": spelled(b"cast-user", b"cast\xff\xfeser"),
    "no encryption types": asked(etypes=()),
    "negative encryption types": asked(etypes=(-1, -128, -135)),
    "sixty encryption types": asked(etypes=tuple(range(1000, 1060))),
    "a number for a name": GOOD.replace(tlv(0x1B, USER.encode()), tlv(0x02, bytes(9))),
    "padata of sixty kinds": KdcReq(
        AS_REQ,
        tuple(PaData(number, b"") for number in range(3000, 3060)),
        body(REALM, f"krbtgt/{REALM}", cname=SOMEBODY),
    ).encode(),
    "padata of 60 kB": as_request(REALM, SOMEBODY, (PaData(2, bytes(60_000)),)),
    "an end of time before now": asked(till=0),
}


@pytest.mark.parametrize("udp", [True, False], ids=["udp", "tcp"])
@pytest.mark.parametrize("name", NOISE)
def test_trap_32_noise_gets_an_error_or_nothing_and_the_next_request_an_answer(
    cast: Cast, name: str, udp: bool
) -> None:
    """Nothing but our own errors, and none of them in the log."""
    since = len(cast.domain.log)
    reply = b""
    with suppress(TimeoutError, ConnectionError):
        reply = cast.kdc.exchange(NOISE[name], udp=udp, timeout=0.3)
    if reply:
        assert KrbError.decode(reply).error_code > 0
    assert code(lambda: cast.kdc.ask(GOOD, udp=udp)) is KrbCode.PREAUTH_REQUIRED
    assert "Traceback" not in cast.domain.log[since:]


def test_the_start_of_a_request_gets_no_answer_that_hurts(cast: Cast) -> None:
    """A TGS-REQ cut short at every eleventh octet."""
    whole = tgs_request(cast.held[PLAIN], body(REALM, "DNS/other.bossa.test"))
    for size in range(1, len(whole), 11):
        with suppress(TimeoutError):
            assert KrbError.decode(cast.kdc.exchange(whole[:size], timeout=1)).error_code > 0
    assert cast.kdc.ask(whole).cname.text == PLAIN


def test_an_error_gets_no_error(cast: Cast) -> None:
    """Else two KDCs, told of each other by a forged sender, would never end."""
    error = KrbError(60, 1_800_000_000, 0, REALM, PrincipalName.parse(f"krbtgt/{REALM}")).encode()
    with pytest.raises(TimeoutError):
        cast.kdc.exchange(error, udp=True, timeout=0.3)


def streams(cast: Cast, number: int) -> Iterator[socket.socket]:
    """Open connections."""
    for _ in range(number):
        yield socket.create_connection((ADDRESS, cast.kdc.port), 5)


@pytest.mark.parametrize(
    "head",
    [b"\xff\xff\xff\xff", b"\x80\0\0\1x", b"\x7f\xff\xff\xff", b"\0\0\0\0"],
    ids=["all", "reserved bit", "2 GB", "0"],
)
def test_a_length_that_cannot_be_is_answered_by_an_end(cast: Cast, head: bytes) -> None:
    """RFC 4120 §7.2.2: the high bit is reserved; nothing is kept in store for what will not come."""
    (client,) = streams(cast, 1)
    with client:
        client.sendall(head)
        client.settimeout(1)
        with suppress(ConnectionError, TimeoutError):
            reply = client.recv(4096)
            assert reply == b"" or KrbError.decode(reply[4:]).error_code > 0
    assert code(lambda: cast.kdc.ask(GOOD)) is KrbCode.PREAUTH_REQUIRED


def test_connections_on_which_nothing_comes_keep_nobody_out(cast: Cast) -> None:
    """A hundred of them, each with the beginning of a request."""
    idle = list(streams(cast, 100))
    try:
        for client in idle:
            client.sendall(len(GOOD).to_bytes(4, "big") + GOOD[:20])
        assert code(lambda: cast.kdc.ask(GOOD)) is KrbCode.PREAUTH_REQUIRED
    finally:
        for client in idle:
            client.close()


def test_many_requests_come_over_one_connection(cast: Cast) -> None:
    """RFC 4120 §7.2.2 allows it, also before the answers are there."""
    (client,) = streams(cast, 1)
    framed = len(GOOD).to_bytes(4, "big") + GOOD
    with client, client.makefile("rb") as stream:
        client.sendall(framed * 5)
        for _ in range(5):
            reply = stream.read(int.from_bytes(stream.read(4), "big"))
            assert KrbError.decode(reply).error_code == KrbCode.PREAUTH_REQUIRED


def test_a_realm_that_is_not_ours_is_told_apart(shared_domain: Domain) -> None:
    """WRONG_REALM or C_PRINCIPAL_UNKNOWN, and never a ticket."""
    kdc = Kdc("ELSEWHERE.TEST", shared_domain.kdc_port)
    assert code(lambda: kdc.ask(as_request("ELSEWHERE.TEST", SOMEBODY))) is not None
