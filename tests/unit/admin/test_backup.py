"""Backups, and what a restore refuses."""

from __future__ import annotations

import errno
import io
import shutil
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from bossa.admin.backup import FILES, MANIFEST, restore, write_backup
from bossa.admin.errors import Exit, Failure

DATABASE = bytes(60) + (3).to_bytes(4, "big") + bytes(4000)


@pytest.fixture
def tar(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    source.mkdir()
    for name, content in zip(FILES, (DATABASE, b"m" * 32, b"key", b"password"), strict=True):
        (source / name).write_bytes(content)
    target = tmp_path / "backup.tar"
    write_backup(target, {name: source / name for name in FILES}, 1_700_000_000)
    return target


def rewritten(tar: Path, **change: object) -> Path:
    """Copy a backup with files replaced (bytes) or left out (None); ``manifest`` changes its fields."""
    out = tar.with_name("rewritten.tar")
    with tarfile.open(tar) as source, tarfile.open(out, "w") as target:
        for member in source.getmembers():
            body = source.extractfile(member)
            assert body is not None
            content: object = body.read()
            if member.name == MANIFEST and "manifest" in change:
                fields = change["manifest"]
                assert isinstance(fields, dict)
                content = msgspec.json.encode(msgspec.json.decode(body_bytes(content)) | fields)
            content = change.get(member.name.replace(".", "_"), content)
            if content is not None:
                member.size = len(body_bytes(content))
                target.addfile(member, io.BytesIO(body_bytes(content)))
    return out


def body_bytes(content: object) -> bytes:
    assert isinstance(content, bytes)
    return content


def test_a_backup_comes_back_the_same_and_private(tar: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(tar.stat().st_mode) == 0o600
    manifest = restore(tar, tmp_path / "deep" / "data", schema=3)
    assert manifest.schema == 3
    for name, content in zip(FILES, (DATABASE, b"m" * 32, b"key", b"password"), strict=True):
        file = tmp_path / "deep" / "data" / name
        assert file.read_bytes() == content
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "deep" / "data").stat().st_mode) == 0o700


def test_a_backup_does_not_overwrite(tar: Path) -> None:
    with pytest.raises(FileExistsError):
        write_backup(tar, {"bossa.db": tar}, 0)


def test_a_full_disk_leaves_no_part_of_a_backup(tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object, **more: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(tarfile.TarFile, "addfile", fails)
    with pytest.raises(OSError, match="No space"):
        write_backup(tmp_path / "second.tar", {"bossa.db": tar}, 0)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_the_directory_as_it_was(
    tar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, there: bool
) -> None:
    data, written = tmp_path / "data", []
    if there:
        data.mkdir()

    def fails(source: object, target: BinaryIO, size: int) -> None:
        target.write(b"some")
        written.append(1)
        if len(written) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", fails)
    with pytest.raises(OSError, match="No space"):
        restore(tar, data)
    assert data.exists() == there
    assert not there or list(data.iterdir()) == []


def test_a_directory_with_anything_in_it_is_not_restored_into(tar: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").touch()
    with pytest.raises(Failure, match="not empty") as e:
        restore(tar, tmp_path / "data")
    assert e.value.exit == Exit.REFUSED


def test_an_empty_directory_is_restored_into(tar: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    restore(tar, tmp_path / "data")
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_a_backup_of_a_newer_schema_or_format_is_refused(tar: Path, tmp_path: Path) -> None:
    for bad, schema in ((tar, 2), (rewritten(tar, manifest={"format": 2}), 3)):
        with pytest.raises(Failure, match="older") as e:
            restore(bad, tmp_path / "data", schema)
        assert e.value.exit == Exit.REFUSED


@pytest.mark.parametrize(
    "change",
    [
        {"bossa_db": DATABASE[:-1] + b"x"},
        {"master_key": b"short"},
        {"master_key": None},
        {"manifest_json": None},
        {"manifest_json": b"{}"},
        {"manifest_json": b"\xff"},
        {"manifest": {"files": {}}},
        {"manifest": {"files": {"bossa.db": {"size": 1, "sha256": ""}, "../evil": {"size": 1, "sha256": ""}}}},
    ],
)
def test_a_damaged_backup_writes_nothing(tar: Path, tmp_path: Path, change: dict[str, object]) -> None:
    with pytest.raises(Failure):
        restore(rewritten(tar, **change), tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_file_of_another_kind_is_no_backup(tmp_path: Path) -> None:
    other = tmp_path / "other"
    for content in (b"", b"hello", bytes(20480)):
        other.write_bytes(content)
        with pytest.raises(Failure):
            restore(other, tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_a_backup_that_was_cut_short_writes_nothing(tar: Path, tmp_path: Path) -> None:
    whole = tar.read_bytes()
    for size in (300, 600, 1500, 3000):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(Failure):
            restore(tmp_path / "cut", tmp_path / "data")
    assert not (tmp_path / "data").exists()
