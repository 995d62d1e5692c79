"""What every DirectoryStore does, the memory fake included."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from bossa.directory.ports import DirectoryFailed, DirectoryStore
from bossa.directory.rows import Item
from bossa.store.engine import Engine
from bossa.store.operations import page
from bossa.store.realm import REALM, RealmRows


def test_an_empty_store_has_no_realm(directory: DirectoryStore) -> None:
    assert list(directory.items()) == []


def test_rows_are_put_replaced_and_removed(directory: DirectoryStore) -> None:
    asyncio.run(directory.put([(b"r", b"1"), (b"a/alice", b"\0\xff"), (b"a/bob", b"")]))
    asyncio.run(directory.put([(b"a/alice", b"2"), (b"a/bob", None), (b"a/never", None)]))
    assert list(directory.items()) == [(b"a/alice", b"2"), (b"r", b"1")]


def test_of_one_change_the_last_word_on_a_row_counts(directory: DirectoryStore) -> None:
    asyncio.run(directory.put([(b"r", b"1"), (b"r", None), (b"r", b"3")]))
    assert list(directory.items()) == [(b"r", b"3")]


def test_rows_come_back_in_the_order_of_their_octets(directory: DirectoryStore) -> None:
    keys = ["a/z", "a/é", "a/HTTP/web.bossa.test", "g/a", "a/a"]
    asyncio.run(directory.put([(key.encode(), b"") for key in keys]))
    assert [key for key, _ in directory.items()] == sorted(key.encode() for key in keys)


def test_a_change_that_breaks_off_leaves_nothing(directory: DirectoryStore) -> None:
    def broken() -> Iterator[Item]:
        yield b"a/alice", b"1"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        asyncio.run(directory.put(broken()))
    assert list(directory.items()) == []


def test_more_rows_than_are_read_at_once_all_come(directory: DirectoryStore) -> None:
    asyncio.run(directory.put([(b"a/%06d" % n, b"x") for n in range(40_001)]))
    assert sum(1 for _ in directory.items()) == 40_001


def test_rows_are_there_after_the_store_was_closed(open_engine: Callable[[], Engine]) -> None:
    first = open_engine()
    asyncio.run(RealmRows(first).put([(b"a/alice", b"1")]))
    first.close()
    assert list(RealmRows(open_engine()).items()) == [(b"a/alice", b"1")]


def test_a_store_that_is_closed_fails_by_the_ports_own_name(engine: Engine) -> None:
    engine.close()
    with pytest.raises(DirectoryFailed):
        asyncio.run(RealmRows(engine).put([(b"r", b"1")]))


def test_the_realm_has_a_scope_of_its_own(engine: Engine) -> None:
    asyncio.run(RealmRows(engine).put([(b"r", b"1")]))
    assert engine.read(page(REALM, None, 10)) == [(b"r", b"1")]
    assert engine.read(page("keys", None, 10)) == []
