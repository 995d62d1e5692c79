"""The files that ``$INCLUDE`` may open: those inside one directory.

Neither ``..`` nor a symbolic link leads out: the path is resolved first, and
then walked from the directory's own descriptor without following any link.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TextIO


def text_lines(stream: TextIO, limit: int) -> Iterator[str]:
    """Yield lines of at most ``limit`` + 1 characters; a longer one comes in pieces."""
    return iter(partial(stream.readline, limit + 1), "")


def open_text(path: os.PathLike[str] | int) -> TextIO:
    """Open a zone file: UTF-8, octets that are none kept as they are, a byte order mark skipped."""
    return open(path, encoding="utf-8-sig", errors="surrogateescape")


def open_inside(directory: Path, name: str) -> TextIO:
    """Open a regular file below ``directory``; raises ValueError with the reason."""
    try:
        root = directory.resolve(strict=True)
        path = (root / name).resolve(strict=True)
        if root == path or not path.is_relative_to(root):
            raise ValueError(f"{name!r} is outside {directory}, where includes have to be")
        return open_text(_walk(root, path.relative_to(root).parts))
    except (OSError, RuntimeError) as e:
        # Path.resolve tells a loop of links by RuntimeError.
        raise ValueError(f"cannot open {name!r}: {getattr(e, 'strerror', None) or e}") from None


def _walk(root: Path, parts: tuple[str, ...]) -> int:
    """Return a descriptor of the regular file at ``parts`` under ``root``, no link followed."""
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)
            os.close(at)
            at = below
        return _regular(os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=at))
    finally:
        os.close(at)


def _regular(fd: int) -> int:
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise ValueError("an include has to be a regular file")
