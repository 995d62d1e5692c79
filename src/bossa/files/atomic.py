"""Files that are there whole or not at all, also after the power failed.

What is written goes to a new file in the same directory, to the disk, and
only then gets its name; the directory goes to the disk too, so that the name
stays.  Everything is private (0600, directories 0700) unless told otherwise.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def replace(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Give a file new content; readers see the old or the new, never a mixture."""
    fresh = _write_beside(path, content, mode)
    try:
        os.replace(fresh, path)
    except OSError:
        fresh.unlink()
        raise
    sync_directory(path.parent)


def create_once(path: Path, content: bytes, mode: int = 0o600) -> bytes:
    """Create a file unless it exists; return what is in it now, whoever came first."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    fresh = _write_beside(path, content, mode)
    try:
        # A link fails where a rename would overwrite.
        os.link(fresh, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        fresh.unlink()
        sync_directory(path.parent)
    return content


def make_private_dir(path: Path) -> None:
    """Create a directory, and those above it, that only its owner may enter; one that is there stays as it is."""
    if path.is_dir():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Bring the names in a directory to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write_beside(path: Path, content: bytes, mode: int) -> Path:
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(fd, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(fd, mode)
            os.fsync(fd)
    except OSError:
        fresh.unlink()
        raise
    return fresh
