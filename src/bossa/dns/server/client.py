"""Questions to other name servers that we know by address: primaries, secondaries.

Over UDP each has its own random ID and a socket whose port the kernel draws
and which hears nobody else (RFC 5452 §9.2).  Everything has an end in time.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from bossa.dns import tsig
from bossa.dns.errors import TransferFailed, TsigError
from bossa.dns.message import Message
from bossa.dns.remote import Remote
from bossa.dns.tsig import Key
from bossa.net.tcp import frame

T = TypeVar("T")

_MAX_DATAGRAM = 65535
# What a server says of our signature.
_OTHERS_FAULT = frozenset(TsigError) - {TsigError.NOERROR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long is waited, in seconds: for each try over UDP, for a connection, a message, a whole transfer."""

    tries: Sequence[float] = (1.0, 2.0)
    connect: float = 5.0
    message: float = 20.0
    transfer: float = 3600.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A question as it goes out; ``mac`` is b"" without a key."""

    wire: bytes
    key: Key | None
    mac: bytes

    @classmethod
    def sign(cls, wire: bytes, key: Key | None, now: float) -> Sent:
        """Sign a message, if there is a key."""
        if key is None:
            return cls(wire, None, b"")
        signed = tsig.sign_request(wire, key, int(now))
        raw = tsig.find(Message.decode(signed))
        assert raw is not None, "it was just signed"
        return cls(signed, key, raw.mac)

    def verify(self, reply: Message, now: float) -> None:
        """Raise TransferFailed for an answer whose signature is wrong, and WireError for one without."""
        if self.key is None:
            return
        found = tsig.verify_reply(reply, self.key, self.mac, int(now))
        if found.request.error in _OTHERS_FAULT:
            raise TransferFailed(f"the server says {TsigError(found.request.error).name}")
        if isinstance(found, tsig.Unverified):
            raise TransferFailed(f"{found.error.name}: {found.reason}")
        if abs(found.offset) > found.request.fudge:
            raise TransferFailed(f"BADTIME: the server's clock is off by {found.offset} s")


def key_of(remote: Remote, keys: Mapping[bytes, Key]) -> Key | None:
    """Return the key that is shared with a server; raises TransferFailed when it is gone."""
    if remote.key is None:
        return None
    key = keys.get(remote.key)
    if key is None:
        raise TransferFailed(f"there is no key {Remote('', key=remote.key).text[1:]}")
    return key


async def ask_udp(remote: Remote, wire: bytes, accept: Callable[[bytes], T | None], tries: Sequence[float]) -> T:
    """Return what ``accept`` makes of the answer; it says None to what is none.

    Raises TimeoutError, OSError, and what ``accept`` last raised (TransferFailed) when nothing better came.
    """
    loop, failed = asyncio.get_running_loop(), None
    with _connected(remote) as sock:
        for wait in tries:
            sock.send(wire)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    while True:
                        try:
                            found = accept(await loop.sock_recv(sock, _MAX_DATAGRAM))
                        except TransferFailed as e:
                            # It may be a forgery; the true answer is perhaps behind it.
                            failed = e
                            continue
                        if found is not None:
                            return found
    raise failed or TimeoutError("no answer over UDP")


async def ask_tcp(remote: Remote, wire: bytes, patience: Patience) -> bytes:
    """Return the first message that comes back over a connection; raises TimeoutError and OSError."""
    async with connection(remote, patience) as (reader, writer):
        writer.write(frame(wire))
        return await message(reader, patience)


@asynccontextmanager
async def connection(
    remote: Remote, patience: Patience
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Open a connection that is gone at the end."""
    async with asyncio.timeout(patience.connect):
        reader, writer = await asyncio.open_connection(remote.host, remote.port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def message(reader: asyncio.StreamReader, patience: Patience) -> bytes:
    """Read one message; raises ConnectionError when the connection ends before."""
    try:
        async with asyncio.timeout(patience.message):
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
    except asyncio.IncompleteReadError:
        raise ConnectionError("the connection ended in the middle of an answer") from None


def _connected(remote: Remote) -> socket.socket:
    """Return a UDP socket that takes datagrams of this server only."""
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    info = socket.getaddrinfo(remote.host, remote.port, type=socket.SOCK_DGRAM, flags=numeric)[0]
    family, kind, protocol, _, address = info
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock
