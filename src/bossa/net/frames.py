"""Frames of the control socket: a u32 length in network order, then MessagePack or, in a stream, octets as they are.

A client sends one :class:`Request`; when ``stream`` is set, chunks follow and an
empty frame ends them.  The server sends any number of replies with ``progress``
or ``data``, then one with ``ok`` or ``error``, and closes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from struct import Struct

import msgspec

SOCKET_NAME = "control.sock"
# A chunk of a stream is far smaller; this bounds what a confused client makes the server hold.
MAX_FRAME = 16 << 20
LENGTH = Struct("!I")
# sun_path has 108 octets on Linux and 104 on a Mac, the final zero included.
_MAX_PATH = 100


class FrameError(ValueError):
    """A frame that is too long or not of the expected shape."""


class Request(msgspec.Struct, frozen=True):
    """What a client asks: a verb ("zone.add") and its arguments, still encoded."""

    verb: str
    args: msgspec.Raw
    stream: bool = False


class Progress(msgspec.Struct, frozen=True):
    """How far a long verb has come; ``total`` 0 when it cannot be known."""

    what: str
    done: int
    total: int = 0


class Trouble(msgspec.Struct, frozen=True):
    """Why a verb failed, in the three parts every error of bossa has, and the exit code for a command."""

    what: str
    why: str
    fix: str = ""
    exit: int = 1


class Reply(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame from the server; exactly one field is set, ``ok`` to the result in MessagePack."""

    progress: Progress | None = None
    data: bytes | None = None
    ok: bytes | None = None
    error: Trouble | None = None

    @property
    def final(self) -> bool:
        """Tell whether nothing follows this reply."""
        return self.ok is not None or self.error is not None


def frame(body: bytes) -> bytes:
    """Put the length before the octets; raises FrameError when they are too many."""
    if len(body) > MAX_FRAME:
        raise FrameError(f"frame of {len(body)} octets, at most {MAX_FRAME}")
    return LENGTH.pack(len(body)) + body


def encode(value: object) -> bytes:
    """Encode a request or a reply with its length."""
    return frame(msgspec.msgpack.encode(value))


def length(header: bytes) -> int:
    """Read and check a frame's length."""
    size: int = LENGTH.unpack(header)[0]
    if size > MAX_FRAME:
        raise FrameError(f"frame of {size} octets, at most {MAX_FRAME}")
    return size


@contextmanager
def socket_path(directory: Path) -> Iterator[str]:
    """Give a path of the directory's control socket that fits into ``sun_path``.

    A long one goes through an open directory: ``/proc/self/fd/N/control.sock``.
    """
    path = directory / SOCKET_NAME
    if len(os.fsencode(path)) <= _MAX_PATH:
        yield str(path)
        return
    fd = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{fd}/{SOCKET_NAME}"
    finally:
        os.close(fd)
