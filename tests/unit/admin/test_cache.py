"""The verbs of the cache, over a memory of the test's own."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from bossa.admin import cache
from bossa.admin.cache import CacheFlush, CacheShow
from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Office
from bossa.dns.cache import Cache
from bossa.dns.entry import asked_key, remember
from tests.unit.admin.desk import make_office
from tests.unit.dns.replies import answer, asked

SOA = "authority: example.org. 7200 SOA ns.example.org. host.example.org. 1 3600 600 86400 900"


class FakeMemory:
    """What bossa.dns.server.resolver.Resolver promises, without anybody to ask."""

    def __init__(self) -> None:
        self.cache = Cache(1 << 20, stale=86400)
        self.counts: Counter[str] = Counter(hits=30, misses=8, stale=2, prefetches=1)
        self.now = 1000.0

    def put(self, name: str, *lines: str, rtype: str = "A", hits: int = 0, rcode: int = 0, do: bool = False) -> None:
        question = asked(name, rtype, do=do)
        entry = remember(answer(question, *lines, rcode=rcode), 1000)
        assert entry is not None
        entry.hits = hits
        self.cache.put(asked_key(question), entry)

    def forget(self, name: bytes, *, tree: bool) -> int:
        return self.cache.forget(name, tree=tree)

    def forget_all(self) -> int:
        return self.cache.clear()


@pytest.fixture
def memory() -> FakeMemory:
    made = FakeMemory()
    made.put("www.example.org.", "www.example.org. 300 A 192.0.2.1", hits=7)
    made.put("www.example.org.", "www.example.org. 300 A 192.0.2.1", do=True)
    made.put("gone.example.org.", SOA, rcode=3, hits=9)
    made.put("www.example.org.", SOA, rtype="MX")
    made.put("broken.example.", rcode=2)
    return made


@pytest.fixture
def office(tmp_path: Path, memory: FakeMemory) -> Office:
    return make_office(tmp_path, memory=memory)


def show(office: Office, name: str = "") -> cache.CacheShown:
    return asyncio.run(cache.cache_show(office, CacheShow(name)))


def flush(office: Office, name: str = "", **how: bool) -> int:
    return asyncio.run(cache.cache_flush(office, CacheFlush(name=name, **how))).forgotten


def test_a_names_answers_are_shown_with_kind_bits_and_time_left(office: Office, memory: FakeMemory) -> None:
    memory.now = 1100.4
    lines = show(office, "WWW.example.org").answers
    assert sorted((one.type, one.do, one.cd, one.kind, one.left, one.hits) for one in lines) == [
        ("A", False, False, "positive", 199, 7),
        ("A", True, False, "positive", 199, 0),
        ("MX", False, False, "NODATA", 799, 0),
    ]
    assert {one.name for one in lines} == {"www.example.org"} and all(one.size > 400 for one in lines)
    assert show(office, "example.org").answers == []


def test_the_whole_is_shown_with_the_busiest_names_first(office: Office, memory: FakeMemory) -> None:
    shown = show(office)
    assert [one.name for one in shown.answers][:2] == ["gone.example.org", "www.example.org"]
    assert (shown.cache.entries, shown.stale_entries, shown.cache.hit_rate) == (5, 0, 0.75)
    assert shown.cache.octets == memory.cache.octets and shown.cache.limit == 1 << 20
    memory.now = 1300.0
    shown = show(office)
    # The failure is of no use any more.
    assert shown.stale_entries == 2
    assert sorted(one.left for one in shown.answers) == [0, 0, 600, 600]


def test_only_so_many_busy_names_are_shown(office: Office, memory: FakeMemory) -> None:
    for number in range(30):
        memory.put(f"h{number}.example.org.", f"h{number}.example.org. 300 A 192.0.2.1", hits=number)
    assert [one.hits for one in show(office).answers] == [*range(29, 19, -1)]


def test_a_name_a_tree_and_everything_are_forgotten(office: Office) -> None:
    assert flush(office, "www.example.org.") == 3
    assert flush(office, "www.example.org.") == 0
    assert flush(office, "example.org", tree=True) == 1
    assert flush(office, everything=True) == 1


@pytest.mark.parametrize(("name", "everything"), [("", False), ("a.test", True)])
def test_what_is_to_be_forgotten_has_to_be_said(office: Office, name: str, everything: bool) -> None:
    with pytest.raises(Failure) as e:
        flush(office, name, everything=everything)
    assert e.value.exit is Exit.USAGE


def test_without_a_server_there_is_no_cache(tmp_path: Path) -> None:
    without = make_office(tmp_path)
    for call in (lambda: show(without), lambda: flush(without, everything=True)):
        with pytest.raises(Failure, match="there is no cache without one") as e:
            call()
        assert e.value.exit is Exit.UNREACHABLE
