from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from bossa.files import atomic


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_replace_is_private_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    for content in (b"old", b"new and longer", b""):
        atomic.replace(path, content)
        assert (path.read_bytes(), _mode(path), os.listdir(tmp_path)) == (content, 0o600, ["secret"])


def test_replace_gives_the_mode_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        atomic.replace(tmp_path / "page", b"", mode=0o644)
    finally:
        os.umask(before)
    assert _mode(tmp_path / "page") == 0o644


def test_failed_replace_keeps_the_old_content_and_cleans_up(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(IsADirectoryError):
        atomic.replace(tmp_path / "taken", b"x")
    assert os.listdir(tmp_path) == ["taken"]


def test_create_once_returns_what_came_first(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    assert atomic.create_once(path, b"first") == b"first"
    assert atomic.create_once(path, b"second") == b"first"
    assert (_mode(path), os.listdir(tmp_path)) == (0o600, ["master.key"])


def test_create_once_that_loses_the_race_takes_the_winners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "master.key"
    link = os.link

    def late(source: Path, target: Path) -> None:
        path.write_bytes(b"winner")
        link(source, target)

    monkeypatch.setattr(os, "link", late)
    assert atomic.create_once(path, b"loser") == b"winner"
    assert os.listdir(tmp_path) == ["master.key"]


def test_private_directory_is_entered_by_its_owner_only(tmp_path: Path) -> None:
    atomic.make_private_dir(tmp_path / "a" / "data")
    assert _mode(tmp_path / "a" / "data") == 0o700
    (tmp_path / "a" / "data").chmod(0o750)
    atomic.make_private_dir(tmp_path / "a" / "data")
    assert _mode(tmp_path / "a" / "data") == 0o750
