from __future__ import annotations

import pytest

from bossa.gss.errors import GssError, Major
from bossa.gss.replay import ReplayCache

WHO = ("alice@BOSSA.TEST", "HTTP/web@BOSSA.TEST")
MOMENT = (1000, 5)


def test_an_authenticator_is_taken_once() -> None:
    cache = ReplayCache()
    cache.take(WHO, MOMENT, b"a", 1000)
    with pytest.raises(GssError) as refused:
        cache.take(WHO, MOMENT, b"a", 1000)
    assert refused.value.major == Major.DUPLICATE_TOKEN


@pytest.mark.parametrize(
    ("who", "moment", "authenticator"),
    [
        (("bob@BOSSA.TEST", WHO[1]), MOMENT, b"a"),
        ((WHO[0], "DNS/ns@BOSSA.TEST"), MOMENT, b"a"),
        (WHO, (1000, 6), b"a"),
        (WHO, (1001, 5), b"a"),
        (WHO, MOMENT, b"b"),
        ((WHO[0] + WHO[1], ""), MOMENT, b"a"),
    ],
)
def test_another_client_server_moment_or_authenticator_is_another(
    who: tuple[str, ...], moment: tuple[int, int], authenticator: bytes
) -> None:
    cache = ReplayCache()
    cache.take(WHO, MOMENT, b"a", 1000)
    cache.take(who, moment, authenticator, 1000)
    assert len(cache) == 2


def test_a_full_cache_refuses_until_the_oldest_can_be_forgotten() -> None:
    cache = ReplayCache(limit=2, skew=300)
    cache.take(("alice", ""), MOMENT, b"", 1000)
    cache.take(("bob", ""), MOMENT, b"", 1001)
    for now in (1001, 1600):
        with pytest.raises(GssError) as refused:
            cache.take(("carol", ""), MOMENT, b"", now)
        assert refused.value.major == Major.FAILURE
        with pytest.raises(GssError, match="DUPLICATE"):
            cache.take(("alice", ""), MOMENT, b"", now)
    cache.take(("carol", ""), MOMENT, b"", 1600.5)
    assert len(cache) == 2


def test_one_client_does_not_fill_the_memory_of_all() -> None:
    cache = ReplayCache(limit=8, skew=300)
    for octet in b"ab":
        cache.take(WHO, MOMENT, bytes((octet,)), 1000)
    for now in (1000, 1600):
        with pytest.raises(GssError, match="FAILURE: alice"):
            cache.take((WHO[0], "DNS/ns@BOSSA.TEST"), MOMENT, b"c", now)
        cache.take((f"bob@{now}", WHO[1]), MOMENT, b"c", now)
    cache.take(WHO, MOMENT, b"c", 1600.5)
    assert len(cache) == 2


def test_a_clock_that_goes_back_forgets_nothing() -> None:
    cache = ReplayCache(skew=300)
    cache.take(WHO, MOMENT, b"a", 5000)
    cache.take(WHO, MOMENT, b"b", 1000)
    with pytest.raises(GssError, match="DUPLICATE"):
        cache.take(WHO, MOMENT, b"b", 1599)
    with pytest.raises(GssError, match="DUPLICATE"):
        cache.take(WHO, MOMENT, b"a", 5599)
