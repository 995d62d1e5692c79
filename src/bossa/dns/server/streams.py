"""TCP connections to resolvers, kept for the next question for a while.  RFC 7766 §6.2.1, §6.2.3

A connection carries one question at a time, so that a reply belongs to it or
to nobody.  One that the other side has closed meanwhile costs a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from bossa.dns.relay import Answer
from bossa.dns.routes import Address
from bossa.net.tcp import frame

# Idle connections to one resolver.
_KEPT = 2
# Messages on one connection that answer nothing we asked.
_MOST_WRONG = 8

# Reads a message; None when it does not answer the query.
Read = Callable[[bytes], Answer | None]


class _Stream:
    """One connection, and when it closes if nobody needs it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self._closing: asyncio.TimerHandle | None = None

    @property
    def is_open(self) -> bool:
        return not (self.reader.at_eof() or self.writer.is_closing())

    def keep(self, closing: asyncio.TimerHandle | None) -> None:
        if self._closing is not None:
            self._closing.cancel()
        self._closing = closing

    def close(self) -> None:
        self.keep(None)
        self.writer.transport.abort()


class Streams:
    """Connections by resolver; an idle one is closed after ``idle`` seconds."""

    def __init__(self, idle: float) -> None:
        self._idle = idle
        self._kept: dict[Address, list[_Stream]] = {}

    async def ask(self, address: Address, query: bytes, read: Read) -> Answer:
        """Send a query and return what ``read`` makes of the first message that it takes.

        Raises OSError and EOFError.
        """
        stream = self._take(address)
        if stream is not None:
            # The other side may have closed it at any time.  RFC 7766 §6.2.4
            with contextlib.suppress(ConnectionError, EOFError):
                return await self._on(stream, address, query, read)
        return await self._on(_Stream(*await asyncio.open_connection(*address)), address, query, read)

    def close(self) -> None:
        """Close what is idle."""
        for streams in self._kept.values():
            for stream in streams:
                stream.close()
        self._kept.clear()

    async def _on(self, stream: _Stream, address: Address, query: bytes, read: Read) -> Answer:
        """Ask on one connection, which is kept only after an answer: what came late would answer the next question."""
        kept = False
        try:
            stream.writer.write(frame(query))
            for _ in range(_MOST_WRONG):
                answer = read(await _message(stream.reader))
                if answer is not None:
                    kept = self._keep(address, stream)
                    return answer
            raise ConnectionAbortedError("messages that answer nothing we asked")
        finally:
            if not kept:
                stream.close()

    def _take(self, address: Address) -> _Stream | None:
        streams = self._kept.get(address, [])
        while streams:
            stream = streams.pop()
            if stream.is_open:
                stream.keep(None)
                return stream
            stream.close()
        return None

    def _keep(self, address: Address, stream: _Stream) -> bool:
        streams = self._kept.setdefault(address, [])
        if len(streams) >= _KEPT or not stream.is_open:
            return False
        streams.append(stream)
        stream.keep(asyncio.get_running_loop().call_later(self._idle, self._drop, address, stream))
        return True

    def _drop(self, address: Address, stream: _Stream) -> None:
        self._kept[address].remove(stream)
        if not self._kept[address]:
            del self._kept[address]
        stream.close()


async def _message(reader: asyncio.StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
