"""Sockets of a datagram service: opening them for one or many workers, the loop that serves them, answers sent later.

A wildcard socket has the kernel say with each datagram which local address was
asked (IP_PKTINFO, RFC 3542 §6.1 for IPv6), and the answer leaves from there;
addresses that the machine gets later are served too.  IPv6 sockets take
IPv6 only, so that 0.0.0.0 and :: can be listened on side by side.
"""

from __future__ import annotations

import ipaddress
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from bossa.net import mmsg, peer
from bossa.net.holder import CannotListen, cannot_listen
from bossa.net.mmsg import SLOTS, Answer
from bossa.net.plain import PlainBatch

# Bursts wait here while a worker applies a change; the kernel grants up to net.core.rmem_max.
_BUFFER = 4 << 20
# Full batches from one socket before the others, and the control descriptor, get their turn.
_BATCHES = 4
# Ports that the kernel chose for UDP and that TCP may turn out to have taken.
_CHOICES = 16

__all__ = [
    "Batches",
    "CannotListen",
    "Door",
    "Listening",
    "listen",
    "open_batch",
    "open_sockets",
    "open_tcp",
    "reply",
    "serve",
]


class Batches(Protocol):
    """Datagrams of one socket in batches; see :class:`bossa.net.mmsg.Batch`."""

    dropped: int

    def receive(self) -> int: ...
    def packet(self, i: int) -> bytes: ...
    def address(self, i: int) -> bytes: ...
    def answer(self, i: int, data: bytes) -> None: ...
    def send(self) -> int: ...
    def turn(self, prepared: Mapping[bytes, bytes], answer: Answer) -> int: ...


class Door(NamedTuple):
    """A socket, and who answers what comes through it."""

    sock: socket.socket
    answer: Answer


@dataclass(frozen=True, slots=True)
class Listening:
    """The sockets of a service: ``udp[i][k]`` worker i's for address k, ``tcp[k]`` bound for address k."""

    udp: list[list[socket.socket]]
    tcp: list[socket.socket]

    @property
    def port(self) -> int:
        """The port of them all."""
        port: int = self.udp[0][0].getsockname()[1]
        return port

    def close(self) -> None:
        """Close every socket."""
        for sock in [*self.tcp, *(one for group in self.udp for one in group)]:
            sock.close()


def listen(addresses: Sequence[str], port: int, copies: int = 1) -> Listening:
    """Bind every address for UDP, once for each of ``copies`` workers, and for TCP, all to one port.

    Port 0 lets the kernel choose.  Raises CannotListen.
    """
    for last in [False] * (_CHOICES if port == 0 else 0) + [True]:
        try:
            return _listen(addresses, port, copies)
        except CannotListen as e:
            # A chosen port was free for the first socket, and taken for a later one.
            if last or not e.in_use:
                raise
    raise AssertionError("the last try returns or raises")


def _listen(addresses: Sequence[str], port: int, copies: int) -> Listening:
    opened: list[list[socket.socket]] = []
    tcp: list[socket.socket] = []
    try:
        for host in addresses:
            opened.append(open_sockets(host, port, copies))
            port = opened[0][0].getsockname()[1]
            tcp.append(open_tcp(host, port))
    except CannotListen:
        Listening(opened, tcp).close()
        raise
    return Listening([list(group) for group in zip(*opened, strict=True)], tcp)


def open_tcp(host: str, port: int) -> socket.socket:
    """Bind one TCP socket; raises CannotListen.

    It listens already, since a bound one with SO_REUSEADDR does not yet keep others from the port.
    """
    family, kind, protocol, address = _resolve(host, port, socket.SOCK_STREAM)
    try:
        sock = socket.socket(family, kind, protocol)
    except OSError as e:
        raise cannot_listen("tcp", host, port, e) from e
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen()
    except OSError as e:
        sock.close()
        raise cannot_listen("tcp", host, port, e) from e
    return sock


def open_sockets(host: str, port: int, count: int = 1) -> list[socket.socket]:
    """Bind ``count`` sockets to one address, among which the kernel spreads the clients.

    Port 0 lets the kernel choose one port for all.  Raises CannotListen, also
    when another program that would share the port holds it: the first socket
    is bound without SO_REUSEPORT, and gets it afterwards.
    """
    sockets: list[socket.socket] = []
    try:
        for i in range(count):
            sockets.append(_bound(host, port, shared=i > 0))
            port = sockets[0].getsockname()[1]
            sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, count > 1)
    except OSError as e:
        for sock in sockets:
            sock.close()
        raise cannot_listen("udp", host, port, e) from e
    return sockets


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    family, kind, protocol, address = _resolve(host, port, socket.SOCK_DGRAM)
    sock = socket.socket(family, kind, protocol)
    try:
        _prepare(sock, shared=shared)
        if ipaddress.ip_address(host.partition("%")[0]).is_unspecified:
            sock.setsockopt(*mmsg.ANSWER_FROM[family], 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _resolve(
    host: str, port: int, kind: int
) -> tuple[socket.AddressFamily, socket.SocketKind, int, peer.SocketAddress]:
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, found, protocol, _, address = socket.getaddrinfo(host, port, type=kind, flags=flags)[0]
    return family, found, protocol, address  # type: ignore[return-value]  # numeric addresses have no other form


def _prepare(sock: socket.socket, *, shared: bool) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


def open_batch(sock: socket.socket) -> Batches:
    """Return the fastest way of receiving in batches that this machine has."""
    return mmsg.Batch(sock) if mmsg.available() else PlainBatch(sock)


def reply(sock: socket.socket, data: bytes, address: bytes) -> bool:
    """Send one answer to a return address, from the owner's duplicate of a worker's socket.

    Returns False when the network did not take it: then it is lost, as
    datagrams are, and the client asks again.
    """
    try:
        sock.sendmsg([data], peer.control(address), socket.MSG_DONTWAIT, peer.decode(address))
    except OSError as e:
        if e.errno not in mmsg.PASSING:
            raise
        return False
    return True


def serve(doors: Sequence[Door], prepared: Mapping[bytes, bytes], control: int, on_control: Callable[[], bool]) -> None:
    """Answer what comes through the doors until ``on_control`` returns False.

    ``on_control`` is called when the descriptor ``control`` can be read or is
    at its end, and has its turn after at most four batches of each socket.
    See Batch.turn for ``prepared``, which may change between turns.
    """
    poller = select.poll()
    poller.register(control, select.POLLIN)
    rooms = {}
    for sock, answer in doors:
        poller.register(sock, select.POLLIN)
        rooms[sock.fileno()] = open_batch(sock), answer
    while True:
        for fd, _ in poller.poll():
            if fd == control:
                if not on_control():
                    return
                continue
            batch, answer = rooms[fd]
            for _ in range(_BATCHES):
                # A batch that is not full has emptied the socket.
                if batch.turn(prepared, answer) < SLOTS:
                    break
