"""Backups: one tar of the database's copy and the secrets, with a manifest of hashes that is checked before a restore.

The tar holds the master key, so it is as secret as the data directory: 0600.
Nothing is written to a data directory before the whole tar is found sound.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import secrets
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import msgspec

import bossa
from bossa.admin.errors import Failure, refused
from bossa.files import atomic

FORMAT = 1
MANIFEST = "manifest.json"
DATABASE = "bossa.db"
# What a data directory needs to come back; the first two must be there.
FILES = (DATABASE, "master.key", "admin.key", "first-password")
_NEEDED = FILES[:2]
_BLOCK = 1 << 20
_MAX_MANIFEST = 1 << 20
# SQLite keeps user_version, our schema's number, at this place of its file (fileformat.html §1.3).
_USER_VERSION = slice(60, 64)


class Member(msgspec.Struct, frozen=True):
    """One file of a backup."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup holds, and what made it; ``made`` in seconds since 1970."""

    format: int
    bossa: str
    schema: int
    made: int
    files: dict[str, Member]


def write_backup(target: Path, files: dict[str, Path], made: int) -> Manifest:
    """Write a tar of ``files`` (name in the tar: where it is now); return its manifest.

    The tar has its name only when it is whole.  Raises OSError, FileExistsError when the name is taken.
    """
    manifest = Manifest(
        format=FORMAT,
        bossa=bossa.__version__,
        schema=schema_of(files[DATABASE]),
        made=made,
        files={name: _measure(path) for name, path in files.items()},
    )
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    with ExitStack() as undo:
        with _private(part, undo) as out:
            _write_tar(out, manifest, files)
        # No link(2), which would be exact: a stick with FAT has none.
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        part.replace(target)
        undo.pop_all()
    atomic.sync_directory(target.parent)
    return manifest


@contextmanager
def _private(path: Path, undo: ExitStack) -> Iterator[BinaryIO]:
    """Open a new file for its owner alone, on the disk at the end; it goes when ``undo`` is carried out."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    undo.callback(path.unlink, missing_ok=True)
    with open(fd, "wb") as out:
        yield out
        out.flush()
        os.fsync(fd)


def _write_tar(out: BinaryIO, manifest: Manifest, files: dict[str, Path]) -> None:
    with tarfile.open(fileobj=out, mode="w") as tar:
        head = msgspec.json.format(msgspec.json.encode(manifest)) + b"\n"
        tar.addfile(_info(MANIFEST, len(head), manifest.made), io.BytesIO(head))
        for name, path in files.items():
            with path.open("rb") as source:
                tar.addfile(_info(name, manifest.files[name].size, manifest.made), source)


def _info(name: str, size: int, made: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, made, 0o600
    return info


def schema_of(database: Path) -> int:
    """Return the schema's number of a database file."""
    with database.open("rb") as file:
        return int.from_bytes(file.read(100)[_USER_VERSION], "big")


def _measure(path: Path) -> Member:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Member(path.stat().st_size, digest)


def restore(source: Path, data: Path, schema: int | None = None) -> Manifest:
    """Unpack a backup into a data directory that is empty or not there.

    ``schema`` is the newest that this bossa can open.  Everything is checked
    on the first pass and written on the second.
    """
    if data.exists() and any(data.iterdir()):
        raise refused(f"restore into {data}", "it is not empty", "name another place with --data, or move it away")
    try:
        with tarfile.open(source, "r:") as tar:
            manifest = _manifest(tar, source, schema)
            _check(tar, manifest, source)
            _unpack(tar, manifest, data)
    except tarfile.TarError as e:
        raise Failure(f"restore from {source}", f"it is no whole backup: {e}", "take another one") from e
    return manifest


def _manifest(tar: tarfile.TarFile, source: Path, schema: int | None) -> Manifest:
    what = f"restore from {source}"
    first = tar.next()
    body = tar.extractfile(first) if first is not None and first.name == MANIFEST else None
    if first is None or body is None or first.size > _MAX_MANIFEST:
        raise Failure(what, f"it does not begin with {MANIFEST}, so it is no backup of bossa", "take another file")
    try:
        manifest = msgspec.json.decode(body.read(), type=Manifest)
    except msgspec.DecodeError as e:
        raise Failure(what, f"its {MANIFEST} is not understood: {e}", "take another backup") from e
    if manifest.format > FORMAT or (schema is not None and manifest.schema > schema):
        raise refused(what, f"bossa {manifest.bossa} made it, and this one is older", "restore with that version")
    if strange := set(manifest.files) - set(FILES):
        raise Failure(what, f"it holds {sorted(strange)[0]!r}, which is no part of a domain", "take another backup")
    if missing := [name for name in _NEEDED if name not in manifest.files]:
        raise Failure(what, f"it lacks {missing[0]}", "take another backup")
    return manifest


def _check(tar: tarfile.TarFile, manifest: Manifest, source: Path) -> None:
    """Compare every file's size and hash with the manifest's."""
    members = tar.getmembers()[1:]
    if sorted(member.name for member in members) != sorted(manifest.files):
        raise Failure(f"restore from {source}", "its files are not those of its manifest", "take another backup")
    for member in members:
        body = tar.extractfile(member) if member.isreg() else None
        if body is None or Member(member.size, _hash(body)) != manifest.files[member.name]:
            why = f"{member.name} is damaged: its size or hash is not the manifest's"
            raise Failure(f"restore from {source}", why, "take another backup")


def _hash(body: IO[bytes]) -> str:
    digest = hashlib.sha256()
    while block := body.read(_BLOCK):
        digest.update(block)
    return digest.hexdigest()


def _unpack(tar: tarfile.TarFile, manifest: Manifest, data: Path) -> None:
    """Write the files under other names, then give them theirs, the database last: without it there is no domain.

    Whatever goes wrong, the directory is as it was.
    """
    names = sorted(manifest.files, key=lambda one: one == DATABASE)
    with ExitStack() as undo:
        if not data.exists():
            data.mkdir(mode=0o700, parents=True)
            undo.callback(data.rmdir)
        data.chmod(0o700)
        for name in names:
            body = tar.extractfile(name)
            assert body is not None, "the check read it"
            with _private(_part(data, name), undo) as out:
                shutil.copyfileobj(body, out, _BLOCK)
        for name in names:
            undo.callback((data / name).unlink, missing_ok=True)
            _part(data, name).replace(data / name)
        atomic.sync_directory(data)
        undo.pop_all()
    atomic.sync_directory(data.parent)


def _part(data: Path, name: str) -> Path:
    return data / f".{name}.part"
