"""Messages over TCP, each behind its length, pipelined, answered as answers get ready: DNS and Kerberos.

RFC 1035 §4.2.2, RFC 7766 §6.2.1.1 (pipelining), §6.2.3 (idle time), §7 (answers in any order), §8
(length and message in one write), RFC 4120 §7.2.2.  Invariants: every connection has a time by
which it has to come forward or be closed; none holds more than one read and
``pipeline`` messages; when there are too many, the one that has been quiet
longest makes room for the new one.  A bug in the handler goes to the loop's
exception handler and costs that connection.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from bossa.net.peer import Peer

# Several messages: of a transfer, say.  They are taken one by one as the client reads.
Reply = bytes | Iterable[bytes] | None
# Answers one message.  It is not cancelled when the client goes away, only when ``Limits.answer`` is over.
Handler = Callable[[bytes, Peer], Awaitable[Reply]]

_BACKLOG = 512


@dataclass(frozen=True, slots=True)
class Framing:
    """How long a length is, and the largest message; ``refusal`` answers a larger one, and the connection closes."""

    size: int = 2
    most: int = 65535
    refusal: Callable[[], bytes] = bytes

    def frame(self, message: bytes) -> bytes:
        """Return a message behind its length; raises OverflowError when it is too long for that."""
        return len(message).to_bytes(self.size, "big") + message


_DNS = Framing()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What connections may cost; times are seconds."""

    # Connections in all, and from one address.
    connections: int = 150
    per_address: int = 100
    # Messages of one connection in work at a time; the rest waits in the kernel.
    pipeline: int = 32
    # Without a question or an answer under way.
    idle: float = 10.0
    # From the first octet of a message to its last.
    message: float = 5.0
    # For a reader so slow that our buffer stays full.
    write: float = 10.0
    # For an answer of the handler.
    answer: float = 60.0
    # Octets that wait for a slow reader before nothing more is read or answered.
    buffer: int = 65536


def frame(message: bytes) -> bytes:
    """Return a message behind its length; raises OverflowError over 65535 octets.  RFC 1035 §4.2.2"""
    return _DNS.frame(message)


async def serve(
    sockets: Sequence[socket.socket], handler: Handler, limits: Limits | None = None, framing: Framing = _DNS
) -> TcpServer:
    """Answer messages over TCP on bound sockets, which the server then owns."""
    server = TcpServer(handler, limits or Limits(), framing)
    await server.start(sockets)
    return server


class TcpServer:
    """The connections of all sockets, and their limits.  ``counts`` says how connections went, for the metrics."""

    def __init__(self, handler: Handler, limits: Limits, framing: Framing = _DNS) -> None:
        self.handler = handler
        self.limits = limits
        self.framing = framing
        self.counts: Counter[str] = Counter()
        # In the order in which they came, which decides between those that are quiet equally long.
        self._hosts: dict[str, dict[Connection, None]] = {}
        self._count = 0
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._gone = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return self._count

    async def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to listen."""
        loop = asyncio.get_running_loop()
        for sock in sockets:
            self._servers.append(await loop.create_server(lambda: Connection(self), sock=sock, backlog=_BACKLOG))
        self._sweep()

    async def close(self, grace: float = 2.0) -> None:
        """Listen no more, let answers under way leave within ``grace`` seconds, then end everything."""
        for server in self._servers:
            server.close()
        for connection in self._all():
            connection.finish()
        if self._count:
            self._gone.clear()
            try:
                await asyncio.wait_for(self._gone.wait(), grace)
            except TimeoutError:
                for connection in self._all():
                    connection.end("stopped")
        if self._sweeper is not None:
            self._sweeper.cancel()

    def admit(self, connection: Connection) -> bool:
        """Take a new connection in, if need be in the place of the one that has been quiet longest."""
        self.counts["opened"] += 1
        host = connection.peer.host
        same = self._hosts.get(host, {})
        if len(same) >= self.limits.per_address:
            room = self._make_room(same)
        else:
            room = self._count < self.limits.connections or self._make_room(self._all())
        if not room:
            self.counts["refused"] += 1
            return False
        # Looked up again: the one that made room may have been the last of this host.
        self._hosts.setdefault(host, {})[connection] = None
        self._count += 1
        return True

    def forget(self, connection: Connection) -> None:
        """Let go of a connection that has ended; harmless for one that was let go before."""
        same = self._hosts.get(connection.peer.host)
        if same is None or connection not in same:
            return
        del same[connection]
        if not same:
            del self._hosts[connection.peer.host]
        self._count -= 1
        if not self._count:
            self._gone.set()

    def _all(self) -> list[Connection]:
        return [connection for same in self._hosts.values() for connection in same]

    def _make_room(self, among: Iterable[Connection]) -> bool:
        quiet = [connection for connection in among if not connection.busy]
        if not quiet:
            return False
        min(quiet, key=lambda connection: connection.active).end("displaced")
        return True

    def _sweep(self) -> None:
        """Close whatever is over its time, and come back."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in self._all():
            connection.check(now)
        limits = self.limits
        pause = min(1.0, min(limits.idle, limits.message, limits.write, limits.answer) / 4)
        self._sweeper = loop.call_later(pause, self._sweep)


class Connection(asyncio.Protocol):
    """One client's connection; everything it has under way belongs to it."""

    def __init__(self, server: TcpServer) -> None:
        self.peer = Peer("", 0)
        self.active = 0.0
        self._server = server
        self._limits = server.limits
        self._framing = server.framing
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._received = bytearray()
        self._tasks: dict[asyncio.Task[None], float] = {}
        self._writing = asyncio.Lock()
        # Since when a message is incomplete, our buffer is full, we are on the way out; None when not.
        self._partial: float | None = None
        self._full: float | None = None
        self._closing: float | None = None
        self._drained = asyncio.Event()
        self._drained.set()
        self._reading = True
        self._lost = False

    @property
    def busy(self) -> bool:
        """Whether an answer is under way."""
        return bool(self._tasks) and self._full is None

    # What the transport calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Come in, or not."""
        # uvloop's transports have the methods of asyncio.Transport without being of its class.
        self._transport = cast(asyncio.Transport, transport)
        address = transport.get_extra_info("peername")
        if address is None:
            # The client had gone before it was accepted.
            self._transport.abort()
            return
        self.peer = Peer(address[0], address[1], transport.get_extra_info("sockname")[0])
        self.active = self._loop.time()
        self._transport.set_write_buffer_limits(high=self._limits.buffer)
        if not self._server.admit(self):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take octets in."""
        if self._closing is None:
            self._received += data
            self._advance()

    def eof_received(self) -> bool:
        """Finish what was asked; the client may still read.  RFC 7766 §6.2.4"""
        self.finish()
        return True

    def pause_writing(self) -> None:
        """Note that the client does not read."""
        self._full = self._loop.time()
        self._drained.clear()
        self._advance()

    def resume_writing(self) -> None:
        """Note that it reads again."""
        self._full = None
        self.active = self._loop.time()
        self._drained.set()
        self._advance()

    def connection_lost(self, exc: Exception | None) -> None:
        """Leave; handlers finish what they do, and nobody gets their answers."""
        self._lost = True
        self._drained.set()
        self._server.forget(self)

    # What the server calls.

    def finish(self) -> None:
        """Read no more; close when all answers are sent."""
        if self._closing is None:
            self._closing = self._loop.time()
        self._advance()

    def end(self, why: str) -> None:
        """Drop the connection now, and what it has under way."""
        self._server.counts[why] += 1
        for task in self._tasks:
            task.cancel()
        self._lost = True
        self._transport.abort()
        self._server.forget(self)

    def check(self, now: float) -> None:
        """End or close the connection when one of its times is over."""
        limits = self._limits
        if self._full is not None and now > self._full + limits.write:
            self.end("slow reader")
        elif self._partial is not None and now > self._partial + limits.message:
            self.end("slow writer")
        elif self._tasks:
            if now > next(iter(self._tasks.values())) + limits.answer:
                self.end("no answer")
        elif self._closing is not None:
            if now > max(self._closing, self.active) + limits.write:
                self.end("slow reader")
        elif now > self.active + limits.idle:
            self._server.counts["idle"] += 1
            self.finish()

    # Reading.

    def _advance(self) -> None:
        """Start on what is there and allowed, then read on, wait, or close."""
        received, at, size = self._received, 0, self._framing.size
        room = self._limits.pipeline - len(self._tasks) if self._full is None else 0
        while room and (end := self._message_end(at)):
            self._start(bytes(received[at + size : end]))
            at = end
            room -= 1
        del received[:at]
        if int.from_bytes(received[:size], "big") > self._framing.most:
            self._refuse()
        if not room or not received:
            self._partial = None
        elif at or self._partial is None:
            self._partial = self._loop.time()
        self._read_on(wanted=room > 0 and self._closing is None)
        if self._closing is not None and room and not self._tasks:
            # Whatever is left is no whole message, and the rest will not come.
            self._partial = None
            self._transport.close()

    def _message_end(self, at: int) -> int:
        """Return where the message that starts at ``at`` ends; 0 when it is not whole, or is none that we take."""
        start = at + self._framing.size
        length = int.from_bytes(self._received[at:start], "big")
        end = start + length
        return (
            end if start <= len(self._received) and end <= len(self._received) and length <= self._framing.most else 0
        )

    def _refuse(self) -> None:
        """Say that a message is too long, and close: where the next one begins cannot be known."""
        self._server.counts["too long"] += 1
        self._received.clear()
        if refusal := self._framing.refusal():
            self._transport.write(self._framing.frame(refusal))
        if self._closing is None:
            self._closing = self._loop.time()

    def _read_on(self, *, wanted: bool) -> None:
        if wanted == self._reading or self._transport.is_closing():
            return
        self._reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def _start(self, message: bytes) -> None:
        self.active = self._loop.time()
        task = self._loop.create_task(self._answer(message))
        self._tasks[task] = self.active
        task.add_done_callback(self._done)

    # Answering.

    async def _answer(self, message: bytes) -> None:
        reply = await self._server.handler(message, self.peer)
        if reply is None:
            return
        # No other answer comes between the messages of one.
        async with self._writing:
            for part in (reply,) if isinstance(reply, bytes) else reply:
                await self._drained.wait()
                if self._lost:
                    return
                self._transport.write(self._framing.frame(part))

    def _done(self, task: asyncio.Task[None]) -> None:
        del self._tasks[task]
        self.active = self._loop.time()
        if self._lost and task.cancelled():
            return
        if task.cancelled():
            self.end("cancelled")
        elif error := task.exception():
            self._loop.call_exception_handler(
                {"message": f"bug while answering {self.peer} over TCP", "exception": error, "task": task}
            )
            if not self._lost:
                self.end("failed")
        elif not self._lost:
            self._advance()
