"""What holds of cookies and rates whatever clients do."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import assume, given

from bossa.dns.cookies import Cookies, Secret, decode_secrets, encode_secrets
from bossa.dns.options import Options, Proof
from bossa.dns.ratelimit import RateLimit, Verdict, kind, slipped

SECRET = bytes(range(16))
HOSTS = st.binary(min_size=4, max_size=4) | st.binary(min_size=16, max_size=16)
TIMES = st.integers(0, 2**33)
ANSWER = bytes.fromhex("123484000001000100000000") + b"\x03www\x04test\x00\x00\x01\x00\x01"


@given(st.lists(st.tuples(TIMES, st.binary(min_size=16, max_size=16)).map(lambda s: Secret(*s))))
def test_secrets_come_back_as_they_were_written(secrets: list[Secret]) -> None:
    """decode∘encode = id"""
    assert decode_secrets(encode_secrets(secrets)) == tuple(secrets)


@given(st.binary(min_size=8, max_size=8), HOSTS, TIMES, st.integers(-300, 3600))
def test_what_we_made_is_valid_for_its_time(client: bytes, host: bytes, made: int, age: int) -> None:
    """RFC 9018 §4.3"""
    cookies = Cookies([SECRET])
    assert cookies.check(cookies.make(client, host, made), host, made + age) is not None


@given(st.binary(max_size=48), HOSTS, TIMES)
def test_a_forged_cookie_is_never_accepted(forged: bytes, host: bytes, now: int) -> None:
    """Made up whole, or with our form and a time that is good."""
    cookies = Cookies([SECRET])
    assert cookies.check(forged, host, now) is None
    timed = (
        forged[:8].ljust(8, b"\0")
        + b"\x01\0\0\0"
        + (now & 0xFFFFFFFF).to_bytes(4, "big")
        + forged[8:16].ljust(8, b"\0")
    )
    assume(timed != cookies.make(timed[:8], host, now))
    assert cookies.check(timed, host, now) is None


@given(st.binary(max_size=80), HOSTS, TIMES)
def test_options_of_any_octets_get_an_answer_or_are_malformed(data: bytes, host: bytes, now: int) -> None:
    """And only what we sent to that host is known there."""
    options = Options((SECRET,), b"ns1")
    reply = options.reply(data, host, now)
    assert reply is None or reply.proof != Proof.VALID
    if reply is not None and reply.data:
        again = options.reply(reply.data, host, now)
        assert again is not None and again.proof in (Proof.NONE, Proof.VALID)


@given(st.integers(1, 50), st.lists(st.floats(0, 3), max_size=60))
def test_who_keeps_to_the_rate_is_never_held_back(rate: int, pauses: list[float]) -> None:
    """Each answer at least a share of a second after the one before."""
    limit, now = RateLimit(rate, 2), 1000.0
    for pause in pauses:
        now += 1.001 / rate + pause
        assert limit.verdict(bytes(4), ANSWER, now) is Verdict.SEND


@given(st.integers(1, 20), st.lists(st.floats(0, 0.5), max_size=200))
def test_nobody_gets_more_than_the_rate_and_one_second_more(rate: int, pauses: list[float]) -> None:
    """Whatever the pauses are."""
    limit, now, sent = RateLimit(rate, 0), 1000.0, 0
    for pause in pauses:
        now += pause
        sent += limit.verdict(bytes(4), ANSWER, now) is Verdict.SEND
    assert sent <= rate * (now - 1000.0 + 1) + 1e-6


@given(st.binary(max_size=100))
def test_any_octets_have_a_kind_and_a_short_form(octets: bytes) -> None:
    """Answers of other servers are passed on, and no octets of theirs end us."""
    answer = octets.ljust(12, b"\0")
    kind(answer)
    assert len(slipped(answer)) <= max(12, len(answer) + 5)
