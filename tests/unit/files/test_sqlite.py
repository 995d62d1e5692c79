from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bossa.files.sqlite import DatabaseBusy, DatabaseRefused, open_database

FIRST = ("create table t(a)", "insert into t values (1)")
SECOND = ("alter table t add column b default 2",)


def test_fresh_database_is_private_durable_and_has_the_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    db = open_database(path, [FIRST, SECOND])
    assert db.execute("select a, b from t").fetchall() == [(1, 2)]
    assert (db.pragma("journal_mode"), db.pragma("synchronous"), db.pragma("user_version")) == ("wal", 2, 2)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}
    # Exclusive locking needs no shared memory.
    assert not (tmp_path / "x.db-shm").exists()
    db.close()
    assert os.listdir(tmp_path) == ["x.db"]


def test_older_database_is_taken_up_step_by_step(tmp_path: Path) -> None:
    open_database(tmp_path / "x.db", [FIRST]).close()
    db = open_database(tmp_path / "x.db", [FIRST, SECOND])
    assert db.execute("select a, b from t").fetchall() == [(1, 2)]
    db.close()


def test_step_that_fails_takes_the_database_nowhere(tmp_path: Path) -> None:
    open_database(tmp_path / "x.db", [FIRST]).close()
    with pytest.raises(DatabaseRefused, match=r"x\.db cannot be opened: .*syntax"):
        open_database(tmp_path / "x.db", [FIRST, (*SECOND, "nonsense")])
    db = open_database(tmp_path / "x.db", [FIRST])
    assert db.execute("select * from t").fetchall() == [(1,)]
    db.close()


def test_newer_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    open_database(path, [FIRST, SECOND]).close()
    before = path.read_bytes()
    with pytest.raises(DatabaseRefused, match=r"x\.db was written by a newer bossa \(schema 2, this one knows 1\)"):
        open_database(path, [FIRST])
    assert path.read_bytes() == before


def test_database_in_use_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    db = open_database(tmp_path / "x.db", [FIRST])
    with pytest.raises(DatabaseBusy, match="in use by this process") as info:
        open_database(tmp_path / "x.db", [FIRST])
    assert info.value.pid == os.getpid()
    db.close()
    open_database(tmp_path / "x.db", [FIRST]).close()


def test_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"not a database at all, but long enough to have a header" * 100)
    with pytest.raises(DatabaseRefused, match="damaged or no database"):
        open_database(tmp_path / "x.db", [FIRST])


def test_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatabaseRefused, match=r"none/x\.db cannot be opened"):
        open_database(tmp_path / "none" / "x.db", [FIRST])
    with pytest.raises(DatabaseRefused, match="cannot be written"):
        open_database(tmp_path, [FIRST])
