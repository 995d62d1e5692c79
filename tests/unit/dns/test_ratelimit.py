"""The accounts of response rate limiting, under a clock of our own."""

import ipaddress

import pytest

from bossa.dns import ratelimit
from bossa.dns.message import Message
from bossa.dns.ratelimit import RateLimit, Verdict, encode, kind, network, slipped

FOUR = bytes((192, 0, 2, 7))
SIX = ipaddress.ip_address("2001:db8:1:2::3").packed
OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
FIXED = b"\x00\x00\x00\x3c\x00\x04abcd"


def answer(
    name=b"\x03www\x04test\x00", counts=(1, 0, 0), flags=0x8400, records=b"\xc0\x0c\x00\x01\x00\x01" + FIXED, opt=b""
):
    an, ns, ar = counts
    head = b"\x12\x34" + flags.to_bytes(2, "big") + b"".join(n.to_bytes(2, "big") for n in (1, an, ns, ar + bool(opt)))
    return head + name + b"\x00\x01\x00\x01" + records + opt


def negative(name=b"\x03www\x04test\x00", rcode=3, zone=b"\xc0\x10", rtype=6):
    record = zone + rtype.to_bytes(2, "big") + b"\x00\x01" + FIXED
    return answer(name, (0, 1, 0), 0x8400 | rcode, record)


def verdicts(limit, count, now=100.0, host=FOUR, wire=None):
    return [limit.verdict(host, wire or answer(), now) for _ in range(count)]


SEND, DROP, SLIP = Verdict


def test_so_many_equal_answers_a_second_are_sent_and_of_the_rest_each_second_slips():
    assert verdicts(RateLimit(3, 2), 8) == [SEND] * 3 + [SLIP, DROP, SLIP, DROP, SLIP]


@pytest.mark.parametrize(("slip", "rest"), [(0, [DROP] * 4), (1, [SLIP] * 4), (3, [SLIP, DROP, DROP, SLIP])])
def test_slip_tells_how_many_answers_slip(slip, rest):
    assert verdicts(RateLimit(1, slip), 5)[1:] == rest


def test_an_account_fills_again_at_its_rate():
    limit = RateLimit(2, 0)
    assert verdicts(limit, 2) == [SEND, SEND]
    assert verdicts(limit, 2, 100.5) == [SEND, DROP]
    assert verdicts(limit, 3, 200.0) == [SEND, SEND, DROP], "no more than a second's worth is saved"


def test_a_flood_is_silenced_for_fifteen_seconds_after_its_end_at_most():
    limit = RateLimit(2, 0)
    verdicts(limit, 1000)
    assert verdicts(limit, 1, 114.9) == [DROP]
    limit = RateLimit(2, 0)
    verdicts(limit, 1000)
    assert verdicts(limit, 1, 115.5) == [SEND]


def test_a_rate_of_less_than_one_still_sends_one():
    limit = RateLimit(0.25, 0)
    assert verdicts(limit, 2) == [SEND, DROP]
    assert verdicts(RateLimit(0.25, 0), 1, 100.0) + verdicts(RateLimit(0.25, 0), 1, 104.0) == [SEND, SEND]


def test_a_clock_that_is_set_back_gives_nothing():
    limit = RateLimit(1, 0)
    assert verdicts(limit, 1, 100.0) + verdicts(limit, 1, 50.0) + verdicts(limit, 1, 50.5) == [SEND, DROP, DROP]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (FOUR, bytes((192, 0, 2, 250)), True),
        (FOUR, bytes((192, 0, 3, 7)), False),
        (SIX, ipaddress.ip_address("2001:db8:1:ff::").packed, True),
        (SIX, ipaddress.ip_address("2001:db8:1:100::").packed, False),
    ],
)
def test_an_account_is_a_networks(one, other, same):
    assert (network(one) == network(other)) == same
    limit = RateLimit(1, 0)
    assert verdicts(limit, 1, host=one) + verdicts(limit, 1, host=other) == [SEND, DROP if same else SEND]


WWW, MAIL, LONG = b"\x03www\x04test\x00", b"\x04mail\x04test\x00", b"\x01a\x01b\x04test\x00"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (answer(WWW), answer(b"\x03WWW\x04tESt\x00"), True),
        (answer(WWW), answer(MAIL), False),
        (negative(WWW), negative(MAIL, zone=b"\xc0\x11"), True),
        (negative(WWW), negative(LONG, zone=b"\xc0\x10"), True),
        (negative(WWW), negative(WWW, rcode=0), True),
        (negative(WWW), negative(WWW, zone=b"\xc0\x0c"), False),
        (negative(WWW), answer(WWW), False),
        (negative(WWW, 0, b"\xc0\x10", rtype=2), negative(MAIL, 0, b"\xc0\x11", rtype=2), True),
        (negative(WWW, 0, b"\xc0\x10", rtype=2), negative(WWW, 0), False),
        (answer(WWW, (0, 0, 0), 0x8005, b""), answer(MAIL, (0, 0, 0), 0x8002, b""), True),
        (answer(WWW, (0, 0, 0), 0x8005, b""), b"\x12\x34\x80\x01" + bytes(8), True),
        (answer(WWW, (1, 1, 0), 0x8003), answer(MAIL, (1, 1, 0), 0x8003), True),
        (answer(WWW, (0, 0, 0), 0x8600, b""), answer(WWW), True),
    ],
)  # fmt: skip
def test_answers_of_one_kind_share_an_account(one, other, same):
    assert (kind(one) == kind(other)) == same


def test_a_label_that_looks_like_a_record_opens_no_account_of_its_own():
    """Random names in a flood have to end up in the zone's account, whatever octets they have."""
    crafted = b"\x0c\x00" + b"\xc0\x0d\x00\x06\x00\x01" * 2
    one = negative(crafted[:13] + b"\x04test\x00", zone=b"\xc0\x19")
    assert kind(one) == kind(negative(WWW))


@pytest.mark.parametrize("size", range(40))
def test_an_answer_cut_anywhere_has_a_kind(size):
    assert isinstance(kind(negative()[:12] + negative()[12 : 12 + size]), bytes)


def test_exempt_networks_are_not_limited():
    exempt = [ipaddress.ip_network("192.0.2.0/25"), ipaddress.ip_network("2001:db8::/32")]
    limit = RateLimit.decode(encode(1, 2, exempt))
    assert verdicts(limit, 3) == [SEND] * 3
    assert verdicts(limit, 3, host=SIX) == [SEND] * 3
    assert verdicts(limit, 2, host=bytes((192, 0, 2, 200))) == [SEND, SLIP], "their neighbours pay for themselves"


def test_each_of_several_processes_has_its_share():
    limit = RateLimit.decode(encode(8, 0, (), processes=4))
    assert verdicts(limit, 4) == [SEND, SEND, DROP, DROP]


def test_a_rate_of_zero_is_no_limit():
    assert RateLimit.decode(encode(0, 2, ())) is None


def test_accounts_are_bounded_and_the_busy_ones_stay(monkeypatch):
    monkeypatch.setattr(ratelimit, "MAX_ACCOUNTS", 100)
    limit = RateLimit(1, 0)
    verdicts(limit, 2)
    for i in range(1000):
        limit.verdict(bytes((10, i >> 8, i & 255, 1)), answer(), 100.0)
        if i % 50 == 0:
            assert verdicts(limit, 1) == [DROP], "it still owes"
    assert len(limit) <= 201


@pytest.mark.parametrize(
    "whole", [answer(), answer(opt=OPT), negative(), answer(counts=(0, 0, 0), flags=0x8005, records=b"", opt=OPT)]
)
def test_a_slipped_answer_is_the_question_with_tc_and_the_opt(whole):
    short, before = Message.decode(slipped(whole)), Message.decode(whole)
    assert short.flags == before.flags | 0x200
    assert (short.id, short.questions) == (before.id, before.questions)
    assert (short.answer, short.authority) == ((), ())
    assert [short.wire[r.start : r.end] for r in short.additional] == [
        before.wire[r.start : r.end] for r in before.additional if r.type == 41
    ]


def test_what_looks_like_an_opt_inside_an_option_is_not_taken_for_one():
    inside = OPT[:-2] + b"\x00\x05"
    opt = OPT[:-2] + (4 + len(inside)).to_bytes(2, "big") + b"\xff\xff" + len(inside).to_bytes(2, "big") + inside
    assert slipped(answer(opt=opt)).endswith(opt)


def test_an_answer_without_a_question_slips_as_its_header():
    assert slipped(b"\x12\x34\x80\x01" + bytes(8)) == b"\x12\x34\x82\x01" + bytes(8)
