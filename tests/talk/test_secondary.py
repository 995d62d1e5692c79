"""A secondary zone over the days, with a clock of the test's own."""

from __future__ import annotations

import ipaddress

import pytest

from bossa.dns import names
from bossa.dns.errors import Ede, Rcode, Refused
from bossa.dns.message import Message
from bossa.dns.policy import Caller
from bossa.dns.remote import Remote
from bossa.dns.secondary import Secondary, Timers, is_fetched, read_notify, stand_in, why_unserved
from bossa.dns.zone import Soa, Zone
from bossa.testing import packets
from tests.unit.dns.specimens import zone

APEX = names.from_text("t.")
KEY = names.from_text("peer.")
ONE, TWO, THREE = Remote("192.0.2.1"), Remote("192.0.2.2", 5353, KEY), Remote("2001:db8::3")
NOW = 1_700_000_000.0
SOA = Soa(APEX, APEX, 7, 3600, 600, 86400, 60)


def followed(*primaries: Remote, contact: float | None = NOW) -> Secondary:
    timers = None if contact is None else Timers.of(SOA)
    return Secondary(APEX, primaries or (ONE, TWO, THREE), contact, timers, due=NOW)


def test_a_zone_is_refreshed_by_its_timer_and_sooner_by_chance() -> None:
    """RFC 1034 §4.3.5"""
    for chance, expected in ((0.0, 3600), (0.5, 3420), (1.0, 3240)):
        one = followed()
        assert one.wakes() == NOW
        one.begin(NOW)
        one.succeeded(ONE, SOA, NOW + 1, chance)
        assert one.wakes() == one.due == NOW + 1 + expected


def test_a_failed_refresh_is_tried_again_by_the_retry_timer_until_the_zone_expires() -> None:
    one = followed()
    now, tries = NOW, 0
    while not one.has_expired(now):
        one.begin(now)
        one.failed("no answer", now, 0.0)
        assert one.due == now + 600
        now, tries = one.wakes(), tries + 1
    assert (now, tries) == (NOW + 86400, 144)
    assert one.failure == "no answer"


def test_a_zone_that_has_expired_goes_on_being_tried_and_comes_back() -> None:
    one = followed()
    one.begin(NOW)
    one.failed("no answer", NOW, 0.0)
    late = NOW + 86400
    assert one.has_expired(late)
    one.expired = True
    assert one.wakes() == NOW + 600
    one.begin(late)
    one.succeeded(TWO, SOA, late, 0.0)
    assert not one.has_expired(late)
    assert not one.expired
    assert one.failure == ""


def test_an_answer_moves_the_end_away_even_when_nothing_is_new() -> None:
    one = followed()
    one.begin(NOW + 3600)
    one.succeeded(ONE, SOA, NOW + 3600, 0.0)
    assert one.expires == NOW + 3600 + 86400


def test_a_zone_that_was_never_fetched_does_not_expire_and_is_asked_for_less_and_less_often() -> None:
    one = followed(contact=None)
    waits = []
    for _ in range(12):
        one.begin(NOW)
        one.failed("refused", NOW, 0.0)
        waits.append(one.due - NOW)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert not one.has_expired(NOW + 1e9)


def test_primaries_are_asked_in_turn_beginning_with_the_one_that_answered() -> None:
    one = followed()
    assert one.begin(NOW) == [ONE, TWO, THREE]
    one.succeeded(TWO, SOA, NOW, 0.0)
    assert one.begin(NOW) == [TWO, THREE, ONE]
    one.failed("", NOW, 0.0)
    assert one.begin(NOW) == [TWO, THREE, ONE]


def test_a_notify_makes_haste_and_its_sender_is_asked_first() -> None:
    """RFC 1996 §3.11, §4.3"""
    one = followed()
    one.begin(NOW)
    one.succeeded(ONE, SOA, NOW, 0.0)
    one.hurry(NOW + 5, THREE)
    assert one.wakes() == NOW + 5
    assert one.begin(NOW + 5)[0] == THREE


def test_a_notify_during_a_refresh_makes_another_follow_and_no_two_at_a_time() -> None:
    one = followed()
    one.begin(NOW)
    one.hurry(NOW + 1)
    one.hurry(NOW + 2)
    assert one.wakes() == one.expires
    one.succeeded(ONE, SOA, NOW + 3, 0.0)
    assert one.wakes() == NOW + 3
    one.begin(NOW + 3)
    one.succeeded(ONE, SOA, NOW + 4, 0.0)
    assert one.wakes() == NOW + 4 + 3600


def test_a_flood_of_notifies_is_no_flood_of_refreshes() -> None:
    one = followed()
    one.begin(NOW)
    one.hurry(NOW)
    one.succeeded(ONE, SOA, NOW + 0.05, 0.0)
    assert one.due == NOW + 0.2
    one.hurry(NOW + 0.1)
    assert one.due == NOW + 0.2


@pytest.mark.parametrize(
    ("timers", "bounded"),
    [
        ((3600, 600, 86400), (3600, 600, 86400)),
        ((0, 0, 0), (1, 1, 2)),
        ((3600, 600, 1), (3600, 600, 4200)),
        ((2**32 - 1, 2**32 - 1, 2**32 - 1), (604800, 86400, 366 * 86400)),
    ],
)
def test_absurd_timers_are_bounded(timers: tuple[int, int, int], bounded: tuple[int, int, int]) -> None:
    assert Timers.of(Soa(APEX, APEX, 1, *timers, 60)) == bounded


def caller(address: str, key: bytes | None = None) -> Caller:
    return Caller(ipaddress.ip_address(address), key)


def test_a_notify_is_taken_from_a_primarys_address_or_by_its_key() -> None:
    """RFC 1996 §3.10"""
    one = followed()
    assert one.sender(caller("192.0.2.1")) == ONE
    assert one.sender(caller("2001:db8::3")) == THREE
    assert one.sender(caller("198.51.100.9", KEY)) == TWO
    for stranger in (caller("198.51.100.9"), caller("198.51.100.9", names.from_text("other."))):
        with pytest.raises(Refused, match="is no primary of the zone") as refused:
            one.sender(stranger)
        assert refused.value.code == Rcode.REFUSED


def test_a_notify_tells_a_serial_or_none() -> None:
    soa = packets.record("T.", "SOA", ". . 9 1 1 1 1")
    head = packets.header((1, 1, 0, 0), opcode=4)
    assert read_notify(Message.decode(head + packets.question("T.", "SOA") + soa)) == (APEX, 9)
    bare = packets.header((1, 0, 0, 0), opcode=4) + packets.question("t.", "SOA")
    assert read_notify(Message.decode(bare)) == (APEX, None)


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (packets.header((0, 0, 0, 0), opcode=4), Rcode.FORMERR),
        (packets.header((1, 0, 0, 0), opcode=4) + packets.question("t.", "A"), Rcode.NOTIMP),
        (packets.header((1, 0, 0, 0), opcode=4) + packets.question("t.", "SOA", 3), Rcode.NOTIMP),
        (
            packets.header((1, 1, 0, 0), opcode=4)
            + packets.question("t.", "SOA")
            + packets.record("t.", "SOA", b"\0\0\1"),
            Rcode.FORMERR,
        ),
    ],
)
def test_a_notify_of_another_kind_is_refused(wire: bytes, code: Rcode) -> None:
    with pytest.raises(Refused) as refused:
        read_notify(Message.decode(wire))
    assert refused.value.code == code


def test_only_a_newer_serial_is_news() -> None:
    ours, one = zone("t.", ""), followed()
    assert [one.is_news(ours, serial) for serial in (11, 10, 9, None, (10 + 2**31) % 2**32)] == [
        True, False, False, True, False,
    ]  # fmt: skip


def test_whatever_serial_it_tells_a_primary_that_is_back_is_news() -> None:
    ours, one = zone("t.", ""), followed()
    one.begin(NOW)
    one.failed("no answer", NOW, 0.0)
    assert one.is_news(ours, 10)
    one.succeeded(ONE, SOA, NOW, 0.0)
    assert not one.is_news(ours, 10)
    one.expired = True
    assert one.is_news(ours, 10)


def test_a_stand_in_is_no_content() -> None:
    waiting = Zone(APEX, stand_in(APEX, 5))
    assert not is_fetched(waiting)
    assert why_unserved(waiting) is Ede.NOT_READY
    assert followed(contact=None).is_news(waiting, 0)
    assert why_unserved(zone("t.", "")) is Ede.INVALID_DATA
