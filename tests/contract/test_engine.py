"""What every engine of the store does with operations."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from bossa.store import operations
from bossa.store.engine import Engine
from bossa.store.errors import Conflict, EngineFailed
from bossa.store.operations import (
    Changed,
    Changes,
    HistoryRow,
    Item,
    Operation,
    changes,
    get,
    page,
    put,
    replace,
    revision,
    steps,
)

S = "share/x"


def _all(engine: Engine, scope: str = S) -> dict[bytes, bytes]:
    return dict(engine.read(page(scope, None, 1_000_000)))


def _put(engine: Engine, *items: Item, scope: str = S, expect: int | None = None) -> int:
    return asyncio.run(engine.run(put(scope, items, expect)))


def test_items_are_there_after_a_reopen(open_engine: Callable[[], Engine]) -> None:
    first = open_engine()
    assert _put(first, (b"a", b"1"), (b"\x00", b"\xff")) == 1
    assert _put(first, (b"a", None), (b"b", b"")) == 2
    first.close()
    again = open_engine()
    assert _all(again) == {b"\x00": b"\xff", b"b": b""}
    assert again.read(revision(S)) == 2
    assert again.read(get(S, b"a")) is None


def test_pages_follow_each_other_in_the_order_of_the_keys(engine: Engine) -> None:
    keys = [bytes((n,)) for n in (255, 0, 7, 128)]
    _put(engine, *((key, key) for key in keys), (b"\x08", None))
    first = engine.read(page(S, None, 3))
    assert [key for key, _ in first + engine.read(page(S, first[-1][0], 3))] == sorted(keys)


def test_stale_expectation_is_a_conflict_and_stores_nothing(engine: Engine) -> None:
    assert _put(engine, (b"a", b"1"), expect=0) == 1
    with pytest.raises(Conflict, match="share/x is at revision 1, not 0") as info:
        _put(engine, (b"a", b"2"), expect=0)
    assert (info.value.expected, info.value.found) == (0, 1)
    assert _all(engine) == {b"a": b"1"}
    assert _put(engine, (b"a", b"2"), expect=1) == 2


def test_one_failing_operation_spoils_no_other_of_its_batch(engine: Engine) -> None:
    def spoiled(n: int) -> Operation[int]:
        yield from put(S, [(b"spoiled", b"%d" % n)])
        raise ZeroDivisionError(n)

    async def together() -> list[int | BaseException]:
        each = [put(S, [(b"%d" % n, b"")]) if n % 3 else spoiled(n) for n in range(60)]
        return await asyncio.gather(*map(engine.run, each), return_exceptions=True)

    results = asyncio.run(together())
    assert [n for n, result in enumerate(results) if isinstance(result, ZeroDivisionError)] == list(range(0, 60, 3))
    assert set(_all(engine)) == {b"%d" % n for n in range(60) if n % 3}
    # Undone operations leave no gap in the revisions.
    assert [result for result in results if isinstance(result, int)] == list(range(1, 41))


def test_broken_sql_fails_its_caller_only(engine: Engine) -> None:
    def broken() -> Operation[None]:
        yield operations.Query("select * from nowhere")

    async def together() -> list[int | BaseException | None]:
        return await asyncio.gather(engine.run(broken()), engine.run(put(S, [(b"a", b"")])), return_exceptions=True)

    failed, stored = asyncio.run(together())
    assert "nowhere" in str(failed)
    assert stored == 1


def test_replace_whose_source_breaks_off_changes_nothing(engine: Engine) -> None:
    _put(engine, (b"a", b"1"))

    def source() -> Iterable[tuple[bytes, bytes]]:
        yield b"b", b"2"
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        asyncio.run(engine.run(replace(S, source())))
    assert (_all(engine), engine.read(revision(S))) == ({b"a": b"1"}, 1)


def test_many_at_once_share_commits_and_count_without_gaps(engine: Engine) -> None:
    async def together() -> list[int]:
        return await asyncio.gather(*(engine.run(put(S, [(b"%d" % n, b"")])) for n in range(500)))

    assert sorted(asyncio.run(together())) == list(range(1, 501))
    assert len(_all(engine)) == 500


def test_engine_serves_one_loop_after_another(engine: Engine) -> None:
    assert [_put(engine, (b"a", b"%d" % n)) for n in range(3)] == [1, 2, 3]


def test_cancelled_caller_disturbs_nobody(engine: Engine) -> None:
    async def scene() -> int:
        task = asyncio.create_task(engine.run(put(S, [(b"a", b"")])))
        await asyncio.sleep(0)
        task.cancel()
        return await engine.run(put(S, [(b"b", b"")]))

    assert asyncio.run(scene()) == 2


def test_busy_loop_does_not_starve_the_writer(engine: Engine) -> None:
    async def spin() -> None:
        while True:
            sum(range(5000))
            await asyncio.sleep(0)

    async def scene() -> None:
        spinning = asyncio.create_task(spin())
        async with asyncio.timeout(20):
            for n in range(50):
                await engine.run(put(S, [(b"%d" % n, b"")]))
        spinning.cancel()

    asyncio.run(scene())


def test_feed_tells_in_order_before_the_caller_goes_on(engine: Engine) -> None:
    told: list[Changed] = []
    stop = engine.feed.subscribe(S, told.append)

    async def scene() -> None:
        await engine.run(put(S, [(b"a", b"1"), (b"b", None)]))
        assert told == [Changed(S, 1, (b"a", b"b"))]
        await asyncio.gather(*(engine.run(put(S, [(b"c", b"%d" % n)])) for n in range(20)))
        await engine.run(put("share/y", [(b"a", b"1")]))
        await engine.run(replace(S, [(b"z", b"")]))

    asyncio.run(scene())
    assert [change.rev for change in told] == list(range(1, 23))
    assert told[-1] == Changed(S, 22, None)
    stop()
    _put(engine, (b"a", b"1"))
    assert len(told) == 22


def test_feed_does_not_tell_of_what_was_undone(engine: Engine) -> None:
    told: list[Changed] = []
    engine.feed.subscribe(S, told.append)
    with pytest.raises(Conflict):
        _put(engine, (b"a", b"1"), expect=5)
    assert told == []


def test_changes_since_a_revision_come_with_tombstones(engine: Engine) -> None:
    _put(engine, (b"a", b"1"), (b"b", b"1"))
    _put(engine, (b"b", None))
    _put(engine, (b"c", b"3"))
    assert engine.read(changes(S, 1)) == Changes(3, ((b"b", None), (b"c", b"3")))
    assert engine.read(changes(S, 3)) == Changes(3, ())
    assert engine.read(changes("share/new", 0)) == Changes(0, ())


def test_reader_from_another_life_must_reload(engine: Engine) -> None:
    _put(engine, (b"a", b"1"))
    assert engine.read(changes(S, 2)) is None


def test_reader_behind_a_replace_must_reload(engine: Engine) -> None:
    _put(engine, (b"a", b"1"))
    rev = asyncio.run(engine.run(replace(S, [(b"b", b"2")])))
    assert engine.read(changes(S, 1)) is None
    assert engine.read(changes(S, rev)) == Changes(rev, ())


def test_tombstones_are_forgotten_and_the_floor_rises_to_them(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "TOMBSTONES_FOR", 2)
    monkeypatch.setattr(operations, "SWEEP_EACH", 4)
    for item in ((b"a", b"1"), (b"a", None), (b"b", b"3"), (b"c", b"4"), (b"c", None), (b"d", b"6"), (b"d", None)):
        _put(engine, item)
    _put(engine, (b"e", b"8"))
    # Revisions 2, 5 and 7 were deletions; the sweep of revision 8 forgot those up to 6.
    assert engine.read(changes(S, 4)) is None
    assert engine.read(changes(S, 5)) == Changes(8, ((b"d", None), (b"e", b"8")))


def test_failed_step_leaves_no_history(engine: Engine) -> None:
    asyncio.run(engine.run(replace(S, (), 10)))
    row = HistoryRow(1, 2, b"-", b"+")
    with pytest.raises(Conflict):
        asyncio.run(engine.run(steps(S, (), [row], expect=7)))
    assert engine.read(operations.history(S, 1)) == []
    asyncio.run(engine.run(steps(S, (), [row])))
    assert engine.read(operations.history(S, 1)) == [row]


def test_backup_taken_while_writing_opens_and_is_equal(
    open_engine: Callable[[], Engine], engine: Engine, tmp_path: Path
) -> None:
    target = tmp_path / "copy" / "bossa.db"
    target.parent.mkdir()

    async def scene() -> None:
        await engine.run(replace(S, ((b"%08d" % n, b"x" * 100) for n in range(200_000))))
        copying = asyncio.create_task(engine.backup(target))
        written = 0
        while not copying.done():
            await engine.run(put(S, [(b"during %d" % written, b"")]))
            written += 1
        await copying
        assert written > 1

    asyncio.run(scene())
    assert [path.name for path in target.parent.iterdir()] == ["bossa.db"]
    assert target.stat().st_mode & 0o777 == 0o600
    engine_class = type(engine)
    copy = engine_class.open(target)  # type: ignore[attr-defined]
    kept, now = _all(copy), _all(engine)
    rev = copy.read(revision(S))
    copy.close()
    missing = now.keys() - kept.keys()
    # The copy is one state: everything up to its revision and nothing after.
    assert kept.items() <= now.items()
    assert len(missing) == engine.read(revision(S)) - rev


def test_backup_to_a_place_that_is_not_there_says_so(engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(engine.backup(tmp_path / "none" / "x.db"))
    assert _put(engine, (b"a", b"")) == 1


def test_closed_engine_refuses(engine: Engine) -> None:
    engine.close()
    engine.close()
    with pytest.raises(EngineFailed, match="closed"):
        _put(engine, (b"a", b""))
    with pytest.raises(EngineFailed, match="closed"):
        _all(engine)


def test_close_finishes_what_was_asked_for(open_engine: Callable[[], Engine]) -> None:
    first = open_engine()

    async def scene() -> None:
        waiting = [asyncio.create_task(first.run(put(S, [(b"%d" % n, b"")]))) for n in range(50)]
        await asyncio.sleep(0)
        first.close()
        assert len(await asyncio.gather(*waiting)) == 50

    asyncio.run(scene())
    assert len(_all(open_engine())) == 50


def test_sql_names_its_parameters_in_order() -> None:
    statements = [text for name, text in vars(operations).items() if name.startswith("_") and isinstance(text, str)]
    statements = [text for text in statements if "$1" in text]
    assert len(statements) > 10
    for text in statements:
        marks = [word.strip("(),;") for word in text.replace("(", " ").split() if word.startswith("$")]
        firsts = list(dict.fromkeys(marks))
        assert firsts == [f"${n}" for n in range(1, len(firsts) + 1)], text
        assert sqlite3.complete_statement(text + ";")
