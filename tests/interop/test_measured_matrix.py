"""Where servers were measured to differ: what is left beside the tests of signatures, updates and prerequisites."""

from __future__ import annotations

import struct
import time

import pytest

from bossa.testing import contexts, packets
from bossa.testing.domain import Domain, TsigKey
from bossa.testing.packets import Signature

NOERROR, FORMERR, NXDOMAIN, REFUSED, NOTAUTH = 0, 1, 3, 5, 9
BADKEY, BADMODE = 17, 19
TKEY, AXFR, TYPE_ANY = 249, 252, 255
# RFC 2930 §2.5: server assignment, Diffie-Hellman, GSS-API, resolver assignment, deletion, and one that nobody knows.
MODES = (1, 2, 3, 4, 5, 99)


def soa(domain: Domain) -> bytes:
    """Return a question that the domain answers."""
    return packets.query(domain.name, packets.SOA)


def tkey(mode: int, algorithm: str = "gss-tsig") -> bytes:
    """Return a TKEY record with a token that no mechanism made.  RFC 2930 §2"""
    now = int(time.time())
    fixed = struct.pack("!IIHHH", now, now + 3600, mode, 0, 5)
    return packets.record("k.example", TKEY, packets.name(algorithm) + fixed + b"token\0\0", rclass=packets.ANY)


def test_a_fudge_of_zero_is_right_in_the_same_second(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §5.2.3: no more than the fudge away; Knot says BADTIME."""
    replies = []
    for _ in range(5):
        # Well inside a second, so that both clocks show the same.
        time.sleep(1.02 - time.time() % 1)
        request = packets.sign(soa(shared_domain), admin, Signature(fudge=0))
        replies.append(shared_domain.exchange(request))
        if packets.rcode(replies[-1]) == NOERROR:
            break
    assert packets.rcode(replies[-1]) == NOERROR
    assert packets.reply_is_signed(replies[-1], request, admin)


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
@pytest.mark.parametrize("mode", MODES)
def test_a_key_is_not_negotiated_with_strangers(shared_domain: Domain, mode: int, tcp: bool) -> None:
    """RFC 2930 §2.6, §4: the answer says so in its record, but that a deletion has to be signed."""
    for in_answer in (False, True):
        asked = contexts.Tkey(token=b"token", mode=mode)
        reply = shared_domain.exchange(contexts.query("k.example", asked, in_answer=in_answer), tcp=tcp)
        if mode == contexts.DELETION:
            assert (packets.rcode(reply), packets.counts(reply)) == (REFUSED, (1, 0, 0, 0))
        else:
            assert (packets.rcode(reply), packets.counts(reply)) == (NOERROR, (1, 1, 0, 0))
            assert contexts.Tkey.found(reply).error == (BADKEY if mode == contexts.GSS_API else BADMODE)


def test_a_key_of_the_domain_survives_that_somebody_asks_to_delete_it(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 2930 §4.2: an unsigned deletion is refused."""
    question = packets.question(admin.name, TKEY, packets.ANY)
    record = packets.record(admin.name, TKEY, tkey(5)[len(packets.name("k.example")) + 10 :], rclass=packets.ANY)
    assert packets.rcode(shared_domain.exchange(packets.header((1, 0, 0, 1)) + question + record)) == REFUSED
    request = packets.sign(soa(shared_domain), admin)
    assert packets.reply_is_signed(shared_domain.exchange(request), request, admin)


def requests(domain: Domain) -> list[tuple[int, bytes]]:
    """Return requests of every outcome, each with its response code."""
    name = domain.name
    absent = packets.record(f"nothing.{name}", TYPE_ANY, rclass=packets.ANY)
    return [
        (NOERROR, soa(domain)),
        (NOERROR, packets.query(name, TYPE_ANY)),
        (NOERROR, packets.query(name, packets.SOA, packets.opt(version=1))),
        (NXDOMAIN, packets.query(f"nothing.{name}")),
        (REFUSED, packets.query("host.elsewhere.example")),
        (REFUSED, packets.query(name, AXFR)),
        (REFUSED, packets.query(name, packets.SOA, rclass=3)),
        (NOERROR, packets.query("k.example", TKEY, tkey(3), rclass=packets.ANY)),
        (FORMERR, packets.header(opcode=packets.UPDATE) + packets.question(name)),
        (NOTAUTH, packets.update("elsewhere.example")),
        (NXDOMAIN, packets.update(name, prerequisites=[absent])),
    ]


@pytest.mark.parametrize("tcp", [False, True], ids=["udp", "tcp"])
def test_no_answer_to_a_good_signature_is_one_that_clients_discard(
    shared_domain: Domain, admin: TsigKey, tcp: bool
) -> None:
    """RFC 8945 §5.4: an unsigned answer to a signed request is none; only a message that cannot be read gets one."""
    for code, message in requests(shared_domain):
        request = packets.sign(message, admin)
        reply = shared_domain.exchange(request, tcp=tcp)
        assert (packets.rcode(reply), packets.reply_is_signed(reply, request, admin)) == (code, True), message


def test_times_have_forty_eight_bits_on_the_way_back_too(shared_domain: Domain, admin: TsigKey) -> None:
    """RFC 8945 §4.2: the highest time there is comes back as it was, and ours beside it."""
    request = packets.sign(soa(shared_domain), admin, Signature(time=2**48 - 1))
    reply = shared_domain.exchange(request)
    tsig = packets.tsig_of(reply)
    assert tsig is not None
    assert (packets.rcode(reply), tsig.error, tsig.time) == (NOTAUTH, 18, 2**48 - 1)
    assert abs(int.from_bytes(tsig.other, "big") - time.time()) < 5
    assert packets.reply_is_signed(reply, request, admin)


def test_an_update_that_is_repeated_after_a_crash_is_answered_and_not_done_twice(domain: Domain) -> None:
    """RFC 2136 §3.5: the first answer may have died with the server, the change has not."""
    key = domain.admin_key
    gone = packets.record(f"host.{domain.name}", "A", rclass=packets.ANY)
    new = packets.record(f"host.{domain.name}", "A", "192.0.2.1", ttl=60)
    request = packets.sign(packets.update(domain.name, gone, new), key)
    assert packets.rcode(domain.exchange(request)) == NOERROR
    serial = domain.serial()
    domain.kill()
    domain.restart()
    reply = domain.exchange(request)
    assert packets.rcode(reply) == NOERROR
    assert packets.reply_is_signed(reply, request, key)
    assert domain.values("host") == ["192.0.2.1"]
    assert domain.serial() == serial
