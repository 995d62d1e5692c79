"""A verb called: by the running server over its socket, or in this process where none runs."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from bossa.admin.errors import Exit, Failure
from bossa.admin.office import Verb
from bossa.net.caller import Caller, ServerLost, connect
from bossa.net.frames import Progress, Reply

A = TypeVar("A", bound=msgspec.Struct)
R = TypeVar("R", bound=msgspec.Struct)
# How long a server that starts or stops holds the store before or after it answers on its socket.
_PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Stream:
    """What goes to a verb, and who takes what comes from it."""

    chunks: Iterable[bytes] | None = None
    on_data: Callable[[bytes], None] | None = None
    on_progress: Callable[[Progress], None] | None = None


def call(data: Path, verb: Verb[A, R], args: A, stream: Stream = Stream(), *, offline: bool = True) -> R:
    """Run a verb on a data directory and return its result; raises Failure.

    ``offline`` False is for verbs that make sense only while a server runs.
    """
    reply = _over_socket(data, verb.name, args, stream)
    if reply is None and not offline:
        raise Failure(
            verb.name.replace(".", " "), f"no server runs on {data}", "start it with bossa up", Exit.UNREACHABLE
        )
    if reply is None:
        reply = _offline(data, verb.name, args, stream)
    if reply.error is not None:
        e = reply.error
        raise Failure(e.what, e.why, e.fix, Exit(e.exit))
    assert reply.ok is not None, "a final reply has one of the two"
    return msgspec.msgpack.decode(reply.ok, type=verb.result)


def _over_socket(data: Path, verb: str, args: msgspec.Struct, stream: Stream) -> Reply | None:
    """Ask the running server; None when none runs."""
    try:
        sock = connect(data)
        if sock is None:
            return None
        with sock:
            return Caller(sock, stream.on_progress, stream.on_data).call(verb, args, stream.chunks)
    except OSError as e:
        fix = "run the command as the server's user"
        raise Failure(f"server of {data}", e.strerror or str(e), fix, Exit.UNREACHABLE) from e
    except ServerLost as e:
        raise Failure(f"server of {data}", str(e), "see the server's log", Exit.UNREACHABLE) from e


def _offline(data: Path, verb: str, args: msgspec.Struct, stream: Stream) -> Reply:
    if not _is_domain(data):
        raise Failure(
            f"data directory {data}",
            "there is no domain in it",
            "bossa up makes one, --data names another",
            Exit.UNREACHABLE,
        )
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return _in_process(data, _Own(verb, msgspec.msgpack.encode(args), stream))
        except Failure as e:
            # A server that has the store may begin to answer in a moment; nothing else gets better by itself.
            if not _is_busy(e) or time.monotonic() > end:
                raise
        time.sleep(0.1)
        if (reply := _over_socket(data, verb, args, stream)) is not None:
            return reply


def _is_domain(data: Path) -> bool:
    try:
        return (data / "bossa.db").exists()
    except OSError as e:
        fix = "run the command as the owner of the data directory"
        raise Failure(f"data directory {data}", e.strerror or str(e), fix, Exit.UNREACHABLE) from e


def _is_busy(failure: Failure) -> bool:
    from bossa.files.sqlite import DatabaseBusy

    return isinstance(failure.__cause__, DatabaseBusy)


def _in_process(data: Path, own: _Own) -> Reply:
    """Run a verb without a server; raises Failure for every trouble with the data directory."""
    import asyncio

    from bossa import opening
    from bossa.admin.dispatch import answer

    async def run() -> Reply:
        async with opening.offline(data) as office:
            return await answer(office, own)

    try:
        return asyncio.run(run())
    except opening.TROUBLES as e:
        trouble = opening.trouble(e, data)
        if trouble is e:
            raise
        raise trouble from e


class _Own:
    """A call that never leaves the process."""

    def __init__(self, verb: str, args: bytes, stream: Stream) -> None:
        self.verb = verb
        self.args = args
        self._stream = stream

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._stream.chunks or ():
            yield chunk

    async def progress(self, what: str, done: int, total: int = 0) -> None:
        if self._stream.on_progress is not None:
            self._stream.on_progress(Progress(what, done, total))

    async def send(self, data: bytes) -> None:
        if self._stream.on_data is not None:
            self._stream.on_data(data)
