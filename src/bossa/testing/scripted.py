"""A name server of a test's own on loopback, which answers by a script: a primary or secondary that misbehaves."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterable

_ATTEMPTS = 50

# Takes a request and whether it came over TCP; returns the messages to send back.  None over TCP: hang up.
Script = Callable[[bytes, bool], Iterable[bytes | None]]


class ScriptedServer:
    """Answers on one port over UDP and TCP until it is closed; ``asked`` is what came, in its order."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asked: list[bytes] = []
        self._stream, self._datagrams = _pair()
        self._open: list[socket.socket] = [self._stream, self._datagrams]
        for work in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens on 127.0.0.1."""
        return int(self._datagrams.getsockname()[1])

    def close(self) -> None:
        """Listen no more, and end every connection."""
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()

    def _serve_udp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                request, client = self._datagrams.recvfrom(65535)
                if not request:
                    return
                self.asked.append(request)
                for reply in self.script(request, False):
                    if reply is not None:
                        self._datagrams.sendto(reply, client)

    def _serve_tcp(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._stream.accept()
                self._open.append(client)
                threading.Thread(target=self._converse, args=(client,), daemon=True).start()

    def _converse(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, client.makefile("rb") as stream:
            while head := stream.read(2):
                request = stream.read(int.from_bytes(head, "big"))
                self.asked.append(request)
                for reply in self.script(request, True):
                    if reply is None:
                        return
                    client.sendall(len(reply).to_bytes(2, "big") + reply)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return a listening socket and one for datagrams on the same port."""
    for _ in range(_ATTEMPTS):
        stream = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(stream.getsockname())
        except OSError:
            stream.close()
            datagrams.close()
            continue
        return stream, datagrams
    raise OSError("no port is free for both UDP and TCP")
