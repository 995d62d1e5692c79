"""The client's end of the control socket, synchronous and light: commands start fast.

While a stream goes out, replies that come in early are read, so a server that
refuses does not have to swallow the rest first.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bossa.net.frames import LENGTH, FrameError, Progress, Reply, Request, encode, frame, length, socket_path

_replies = msgspec.msgpack.Decoder(Reply)
_CONNECT_SECONDS = 5.0
_SILENCE_SECONDS = 600.0


class ServerLost(Exception):
    """The server ended the call without an answer, or stopped answering."""


@contextmanager
def _lost() -> Iterator[None]:
    """Map what can go wrong on the socket to ServerLost."""
    try:
        yield
    except TimeoutError as e:
        raise ServerLost(f"it did not answer for {_SILENCE_SECONDS:g} s") from e
    except (OSError, FrameError, msgspec.DecodeError) as e:
        raise ServerLost(f"the connection broke: {e}") from e


def connect(directory: Path) -> socket.socket | None:
    """Connect to the server of a data directory; None when none runs there."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(_CONNECT_SECONDS)
    try:
        with socket_path(directory) as path:
            sock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
        sock.close()
        return None
    except OSError:
        sock.close()
        raise
    sock.settimeout(_SILENCE_SECONDS)
    return sock


class Caller:
    """One call over a connected socket."""

    def __init__(
        self,
        sock: socket.socket,
        on_progress: Callable[[Progress], None] | None = None,
        on_data: Callable[[bytes], None] | None = None,
    ) -> None:
        self._sock = sock
        self._on_progress = on_progress
        self._on_data = on_data

    def call(self, verb: str, args: object, chunks: Iterable[bytes] | None = None) -> Reply:
        """Send the request (and the stream), return the final reply; raises ServerLost."""
        request = Request(verb, msgspec.Raw(msgspec.msgpack.encode(args)), chunks is not None)
        reply = self._send(encode(request)) or (None if chunks is None else self._stream(chunks))
        if reply is None:
            with _lost():
                reply = self._final()
        return reply

    def _final(self) -> Reply:
        """Read replies up to the final one."""
        while (reply := self._receive()) is None:
            pass
        return reply

    def _stream(self, chunks: Iterable[bytes]) -> Reply | None:
        """Send all chunks and the empty frame that ends them; return the final reply if it comes before."""
        for chunk in chunks:
            if chunk and (reply := self._send(frame(chunk))) is not None:
                return reply
        return self._send(frame(b""))

    def _send(self, data: bytes) -> Reply | None:
        """Send octets while reading what comes; return the final reply if it is among that."""
        view = memoryview(data)
        poll = select.poll()
        poll.register(self._sock, select.POLLIN | select.POLLOUT)
        with _lost():
            while view:
                ready = poll.poll(_SILENCE_SECONDS * 1000)
                if not ready:
                    raise TimeoutError
                if ready[0][1] & (select.POLLIN | select.POLLHUP):
                    if (reply := self._receive()) is not None:
                        return reply
                    continue
                try:
                    view = view[self._sock.send(view, socket.MSG_DONTWAIT) :]
                except ConnectionError:
                    # It closed since the poll; what it said before that is still there to be read.
                    return self._final()
        return None

    def _receive(self) -> Reply | None:
        """Read one reply; return it when it is the final one."""
        reply = _replies.decode(self._exactly(length(self._exactly(LENGTH.size))))
        if reply.progress is not None and self._on_progress is not None:
            self._on_progress(reply.progress)
        if reply.data is not None and self._on_data is not None:
            self._on_data(reply.data)
        return reply if reply.final else None

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            part = self._sock.recv(min(size, 1 << 20))
            if not part:
                raise ServerLost("it ended the call without an answer")
            parts.append(part)
            size -= len(part)
        return b"".join(parts)
