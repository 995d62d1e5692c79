"""The server's end of the control socket: DIRECTORY/control.sock, for its owner alone.

One connection carries one call (see :mod:`bossa.net.frames`).  A client that
sends nothing, or takes nothing, is dropped after a while; a client that ends
in the middle of its stream ends the call.  What a verb means is the
handler's business.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bossa.net.frames import (
    LENGTH,
    SOCKET_NAME,
    FrameError,
    Progress,
    Reply,
    Request,
    Trouble,
    encode,
    length,
    socket_path,
)

_requests = msgspec.msgpack.Decoder(Request)
_BROKEN = Reply(error=Trouble("the call", "the server met an error of its own", "see the server's log"))
_BUSY = Reply(error=Trouble("the call", "the server has too many calls open", "try again in a moment", 3))


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a client may keep the server waiting, in seconds, and how many may call at once."""

    request: float = 10.0
    chunk: float = 120.0
    write: float = 60.0
    calls: int = 64


class AlreadyServed(OSError):
    """Another server answers on this directory's socket."""


class CallBroken(Exception):
    """The client went away, stood still or sent no frames in the middle of its call."""


class Call:
    """One call of one client: the verb, its encoded arguments, and the way back."""

    def __init__(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self.verb = request.verb
        self.args = bytes(request.args)
        self._streams = request.stream
        self._reader = reader
        self._writer = writer
        self._limits = limits

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the chunks of the client's stream; the next is read from the socket only when asked for."""
        while self._streams:
            chunk = await _read_frame(self._reader, self._limits.chunk)
            self._streams = bool(chunk)
            if chunk:
                yield chunk

    async def progress(self, what: str, done: int, total: int = 0) -> None:
        """Tell the client how far the verb has come."""
        await self._send(Reply(progress=Progress(what, done, total)))

    async def send(self, data: bytes) -> None:
        """Send a piece of a long result; waits for a slow client, and lets others have their turn."""
        await self._send(Reply(data=data))
        await asyncio.sleep(0)

    async def _send(self, reply: Reply) -> None:
        await _write(self._writer, reply, self._limits.write)


Handler = Callable[[Call], Awaitable[Reply]]


class ControlServer:
    """A listening control socket; :meth:`close` ends it and removes the socket."""

    def __init__(self, directory: Path, handler: Handler, limits: Limits) -> None:
        self._path = directory / SOCKET_NAME
        self._handler = handler
        self._limits = limits
        self._calls: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def start(self, sock: socket.socket) -> None:
        """Accept calls on a listening socket."""
        self._inode = os.stat(self._path).st_ino
        self._server = await asyncio.start_unix_server(self._connected, sock=sock)

    async def close(self) -> None:
        """Stop accepting, end the calls that run, remove the socket if it is still ours."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._calls):
            task.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        try:
            if os.stat(self._path).st_ino == self._inode:
                os.unlink(self._path)
        except FileNotFoundError:
            pass

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "a connection is a task"
        self._calls.add(task)
        try:
            await self._serve(reader, writer)
        except (CallBroken, ConnectionError, asyncio.CancelledError):
            # Nobody is left to be told; a cancelled call belongs to a server that stops.
            pass
        finally:
            self._calls.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reply = _BUSY
        if len(self._calls) <= self._limits.calls:
            try:
                request = _requests.decode(await _read_frame(reader, self._limits.request))
                reply = await self._answer(Call(request, reader, writer, self._limits))
            except (msgspec.DecodeError, FrameError) as e:
                reply = Reply(error=Trouble("the call", f"it is no request: {e}", "use the bossa command", 64))
        await _write(writer, reply, self._limits.write)

    async def _answer(self, call: Call) -> Reply:
        """Run the handler; a bug of it goes to the loop's exception handler, and the client hears that there is one."""
        work = asyncio.ensure_future(self._handler(call))
        try:
            await asyncio.wait((work,))
        finally:
            work.cancel()
        error = work.exception()
        if error is None:
            return work.result()
        if isinstance(error, CallBroken | ConnectionError):
            raise error
        context = {"message": f"the call {call.verb}", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
        return _BROKEN


async def serve(directory: Path, handler: Handler, *, limits: Limits | None = None) -> ControlServer:
    """Listen on DIRECTORY/control.sock (0600) and answer each call by ``handler``.

    The socket of a server that is gone is replaced.  Raises AlreadyServed when
    somebody answers there, OSError when the directory takes no socket.
    """
    server = ControlServer(directory, handler, limits or Limits())
    await server.start(_listen(directory))
    return server


def _listen(directory: Path) -> socket.socket:
    with socket_path(directory) as path:
        _clear(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # The mode of the open socket becomes the file's, so it is never open to others, not even for a moment.
            os.fchmod(sock.fileno(), 0o600)
            sock.bind(path)
            sock.listen(64)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
    return sock


def _clear(path: str) -> None:
    """Remove the socket of a dead server; raises AlreadyServed when it lives."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(f"{path} is there and is no socket")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(2.0)
            probe.connect(path)
    except FileNotFoundError:
        return
    except ConnectionRefusedError:
        os.unlink(path)
        return
    except TimeoutError:
        # Its backlog is full: slow, and alive.
        pass
    raise AlreadyServed(f"another server answers on {path}")


async def _read_frame(reader: asyncio.StreamReader, seconds: float) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            size = length(await reader.readexactly(LENGTH.size))
            return await reader.readexactly(size)
    except asyncio.IncompleteReadError as e:
        raise CallBroken("the client ended in the middle of its call") from e
    except TimeoutError as e:
        raise CallBroken(f"the client sent nothing for {seconds:g} s") from e


async def _write(writer: asyncio.StreamWriter, reply: Reply, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            writer.write(encode(reply))
            await writer.drain()
    except TimeoutError as e:
        writer.transport.abort()
        raise CallBroken(f"the client took nothing for {seconds:g} s") from e
