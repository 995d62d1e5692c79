"""What is remembered of answers, and for whom."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns.server import known, nearness
from bossa.dns.server.known import Known
from bossa.testing import packets

NEAR, FAR = b"\x0a\x00\x00\x01", b"\xc0\x00\x02\x01"
# Flags with RA, counts, and a question; no more is looked at.
TAIL = b"\x84\x80" + bytes(8) + b"\x01h\x01t\x00\x00\x01\x00\x01"


@pytest.fixture
def memory() -> Known:
    near = nearness.Nearness()
    near.set(nearness.encode([ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fc00::/7")]))
    return Known(near)


def test_an_answer_is_known_to_every_client_of_its_class(memory: Known) -> None:
    packet = packets.query("h.t")
    assert memory.fit(TAIL, packet, NEAR, worth=True) == TAIL
    assert memory.by_host[NEAR] == {packet[2:]: TAIL}
    memory.fit(b"\x00\x00", b"", b"\x0a\x00\x00\x02", worth=False)
    assert memory.by_host[b"\x0a\x00\x00\x02"] is memory.by_host[NEAR]


def test_who_may_not_recurse_is_told_so_and_knows_nothing_of_the_others(memory: Known) -> None:
    packet = packets.query("h.t")
    memory.fit(TAIL, packet, NEAR, worth=True)
    assert memory.fit(TAIL, packet, FAR, worth=True)[:2] == b"\x84\x00"
    assert memory.by_host[FAR] == {packet[2:]: b"\x84\x00" + TAIL[2:]}
    assert memory.by_host[NEAR] == {packet[2:]: TAIL}


@pytest.mark.parametrize("host", [bytes(16), b"\xfd" + bytes(15)], ids=["far", "near"])
def test_ipv6_clients_have_their_classes_too(memory: Known, host: bytes) -> None:
    assert memory.fit(TAIL, b"", host, worth=False)[1] == (0x80 if host[0] else 0)


def test_what_may_never_come_again_gets_no_place(memory: Known) -> None:
    memory.fit(TAIL, packets.query("h.t"), NEAR, worth=False)
    memory.learn(TAIL, packets.query("H.t"), 100)
    assert memory.by_host[NEAR] == {}


def test_it_is_bounded_and_forgets(memory: Known, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "_PACKETS", 3)
    monkeypatch.setattr(known, "_HOSTS", 3)
    for number in range(10):
        memory.fit(TAIL, packets.query(f"h{number}.t"), bytes((10, 0, 0, number)), worth=True)
        assert len(memory.by_host) <= 3
        assert len(memory.by_host[bytes((10, 0, 0, number))]) <= 3
    memory.forget()
    assert all(answers == {} for answers in memory.by_host.values())
    memory.forget_hosts()
    assert memory.by_host == {}


def test_an_answer_of_one_second_is_forgotten_in_the_next_and_only_then(memory: Known) -> None:
    lasting, fleeting = packets.query("h.t"), packets.query("elsewhere.example")
    memory.fit(TAIL, lasting, NEAR, worth=True)
    memory.learn(TAIL, fleeting, 100)
    memory.turn(100)
    assert set(memory.by_host[NEAR]) == {lasting[2:], fleeting[2:]}
    memory.turn(101)
    assert memory.by_host[NEAR] == {}
    # Without such answers seconds pass by.
    memory.fit(TAIL, lasting, NEAR, worth=True)
    memory.turn(102)
    assert set(memory.by_host[NEAR]) == {lasting[2:]}


def test_who_is_far_never_gets_what_others_answered(memory: Known) -> None:
    assert memory.is_near(NEAR)
    assert not memory.is_near(FAR)
    memory.learn(TAIL, packets.query("elsewhere.example"), 100)
    assert memory.by_host[FAR] == {}
