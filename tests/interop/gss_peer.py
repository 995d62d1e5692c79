"""MIT's gss-client and gss-server, and what they say to each other: an octet of flags, a length, a token."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bossa.gss.acceptor import Acceptor
from bossa.gss.context import Context, Step
from bossa.gss.errors import GssError
from bossa.gss.initiator import Initiator
from bossa.gss.spnego import NegTokenResp
from bossa.testing.debian import environment, program
from bossa.testing.kerberos import Seat

NAME = "HTTP@web.bossa.test"
MESSAGE = "Sing, goddess, of tickets."

NOOP, CONTEXT, DATA, MIC, CONTEXT_NEXT, WRAPPED, ENCRYPTED, SEND_MIC = (1 << bit for bit in range(8))
_HEAD = struct.Struct(">BI")
_LONGEST = 1 << 20


def send(peer: socket.socket, flags: int, token: bytes = b"") -> None:
    """Send one token."""
    peer.sendall(_HEAD.pack(flags, len(token)) + token)


def receive(peer: socket.socket) -> tuple[int, bytes]:
    """Receive one token; EOFError when the peer has gone."""
    flags, size = _HEAD.unpack(_octets(peer, _HEAD.size))
    assert size <= _LONGEST
    return flags, _octets(peer, size)


def _octets(peer: socket.socket, size: int) -> bytes:
    octets = b""
    while len(octets) < size:
        more = peer.recv(size - len(octets))
        if not more:
            raise EOFError
        octets += more
    return octets


@dataclass
class Heard:
    """What a server took in."""

    context: Context
    messages: list[bytes] = field(default_factory=list)
    flags: list[int] = field(default_factory=list)


def serve(peer: socket.socket, acceptor: Acceptor) -> Heard:
    """Be gss-server for one connection."""
    flags, _ = receive(peer)
    assert flags == NOOP | CONTEXT_NEXT
    context: Context | None = None
    while context is None:
        flags, token = receive(peer)
        assert flags == CONTEXT
        reply, context = _step(peer, acceptor, token)
        if reply:
            send(peer, CONTEXT, reply)
    heard = Heard(context)
    while True:
        flags, token = receive(peer)
        if flags & NOOP:
            return heard
        data = token
        if flags & WRAPPED:
            data, sealed = context.unwrap(token)
            assert sealed == bool(flags & ENCRYPTED)
        heard.messages.append(data)
        heard.flags.append(flags)
        send(peer, *((MIC, context.get_mic(data)) if flags & SEND_MIC else (NOOP, b"")))


def _step(peer: socket.socket, acceptor: Acceptor, token: bytes) -> Step:
    try:
        return acceptor.step(token, time.time())
    except GssError as refused:
        send(peer, CONTEXT, refused.token)
        # SPNEGO's initiator rejects in turn, and would die of a connection that is closed before.
        while peer.recv(1024):
            pass
        raise


def establish(peer: socket.socket, initiator: Initiator) -> Context:
    """Be gss-client until there is a context."""
    send(peer, NOOP | CONTEXT_NEXT)
    token, context = initiator.step(None, time.time())
    send(peer, CONTEXT, token)
    while context is None:
        flags, token = receive(peer)
        assert flags == CONTEXT
        reply, context = initiator.step(token, time.time())
        if reply:
            send(peer, CONTEXT, reply)
    return context


def negotiate(peer: socket.socket, word: bytes) -> NegTokenResp:
    """Say one word of a negotiation and read the answer."""
    send(peer, CONTEXT, word)
    flags, answer = receive(peer)
    assert flags == CONTEXT
    return NegTokenResp.decode(answer)


def ask(peer: socket.socket, context: Context, message: bytes, flags: int) -> None:
    """Send one message as gss-client does, and verify the signature that comes back."""
    token = context.wrap(message, sealed=bool(flags & ENCRYPTED)) if flags & WRAPPED else message
    send(peer, DATA | flags, token)
    came, mic = receive(peer)
    if flags & SEND_MIC:
        assert came == MIC
        context.verify_mic(message, mic)
    else:
        assert came == NOOP


def gss_client(seat: Seat, acceptor: Acceptor, *words: str, message: str = MESSAGE) -> tuple[Heard, str]:
    """Let gss-client talk to an acceptor of ours; return what we heard and what it printed."""
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as pool:
        listener.settimeout(20)
        heard = pool.submit(serve_one, listener, acceptor)
        port = str(listener.getsockname()[1])
        done = seat.run("gss-client", "-port", port, *words, "127.0.0.1", NAME, message, check=False)
        return heard.result(20), done.stdout


def serve_one(listener: socket.socket, acceptor: Acceptor) -> Heard:
    """Take one connection and be its server."""
    peer, _ = listener.accept()
    with peer:
        peer.settimeout(20)
        return serve(peer, acceptor)


@contextmanager
def gss_server(seat: Seat, keytab: Path) -> Iterator[socket.socket]:
    """Run gss-server for one connection, and yield our end of it; it logs beside the keytab."""
    ours, its = socket.socketpair()
    words = ["-inetd", "-export", "-logfile", str(keytab.with_suffix(".log")), "-keytab", str(keytab), NAME]
    with ours, its:
        variables = environment() | seat.variables | {"KRB5RCACHENAME": "none:"}
        ours.settimeout(20)
        with subprocess.Popen([*program("gss-server"), *words], env=variables, stdin=its) as server:
            its.close()
            try:
                yield ours
            finally:
                ours.close()
                server.wait(20)
