"""The cache: found by question, of use for a while after the end, and bounded."""

from __future__ import annotations

import gc
import tracemalloc

from bossa.dns import names
from bossa.dns.cache import Cache, size
from bossa.dns.entry import Entry, asked_key, remember
from tests.unit.dns.replies import answer, asked

NAMES = [f"h{number:05}.example.org." for number in range(3000)]


def entry(name: str, now: float = 1000, ttl: int = 300) -> Entry:
    made = remember(answer(asked(name), f"{name} {ttl} A 192.0.2.1"), now)
    assert made is not None
    return made


def key(name: str) -> bytes:
    return asked_key(asked(name))


def test_an_entry_is_found_until_it_is_of_no_use() -> None:
    cache = Cache(1 << 20, stale=100)
    cache.put(key("a."), entry("a."))
    for now, there in ((1000, True), (1300, True), (1399.9, True), (1400, False), (1000, False)):
        assert (cache.find(key("a."), now) is not None) is there, now
    assert cache.octets == 0


def test_a_failure_is_never_told_after_its_time() -> None:
    cache = Cache(1 << 20, stale=100)
    failure = remember(answer(asked("a."), rcode=2), 1000)
    assert failure is not None
    cache.put(key("a."), failure)
    assert cache.find(key("a."), 1004.9) is failure
    assert cache.find(key("a."), 1005) is None


def test_names_in_use_outlive_a_flood_of_names_that_nobody_asks_twice() -> None:
    cache = Cache(300_000)
    known = NAMES[:100]
    for name in known:
        cache.put(key(name), entry(name))
        cache.hit(key(name), entry(name))
    for name in NAMES[100:]:
        cache.put(key(name), entry(name))
        assert cache.octets <= cache.limit
    assert all(cache.find(key(name), 1000) for name in known)
    assert len(cache) < 1000


def test_what_was_used_longest_ago_goes_when_everything_is_used() -> None:
    cache = Cache(100_000)
    for name in NAMES[:1000]:
        cache.put(key(name), entry(name))
        cache.hit(key(name), entry(name))
    assert cache.octets <= 100_000
    assert cache.find(key(NAMES[999]), 1000) and not cache.find(key(NAMES[0]), 1000)


def test_what_does_not_fit_at_all_is_not_kept_and_makes_nothing_go() -> None:
    cache = Cache(2000)
    cache.put(key("a."), entry("a."))
    big = remember(answer(asked("b.", "TXT"), *(f'b. 300 TXT "{i:0250}"' for i in range(20))), 1000)
    assert big is not None
    cache.put(asked_key(asked("b.", "TXT")), big)
    assert [k for k, _ in cache.entries()] == [key("a.")]
    assert Cache(0).limit == 0
    none = Cache(0)
    none.put(key("a."), entry("a."))
    assert len(none) == 0


def test_a_name_or_a_tree_is_forgotten() -> None:
    cache = Cache(1 << 20)
    for name in ("example.org.", "a.example.org.", "b.a.example.org.", "xexample.org."):
        cache.put(key(name), entry(name))
    cache.put(asked_key(asked("a.example.org.", do=True)), entry("a.example.org."))
    assert cache.forget(names.from_text("a.example.org."), tree=False) == 2
    assert cache.forget(names.from_text("example.org."), tree=True) == 2
    assert cache.clear() == 1 and cache.octets == 0


def test_hits_of_the_answer_before_are_counted_on() -> None:
    cache = Cache(1 << 20)
    first = entry("a.")
    cache.put(key("a."), first)
    cache.hit(key("a."), first)
    cache.put(key("a."), entry("a.", 1100))
    (found,) = [e for _, e in cache.entries()]
    assert (found.hits, found.born) == (1, 1100)


def test_the_size_that_is_counted_is_near_what_python_takes() -> None:
    wires = [(key(name), answer(asked(name), f"{name} 300 A 192.0.2.1")) for name in NAMES]
    cache = Cache(1 << 30)
    gc.collect()
    tracemalloc.start()
    try:
        for number, (one, reply) in enumerate(wires):
            made = remember(reply, 1000 + number)
            assert made is not None
            cache.put(one, made)
        gc.collect()
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert 0.7 < taken / cache.octets < 1.3
    assert sum(size(k, e) for k, e in cache.entries()) == cache.octets
