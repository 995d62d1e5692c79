"""UDP sockets: opening them for one or many workers, and answers sent later than their batch.

A wildcard socket has the kernel say with each datagram which local address was
asked (IP_PKTINFO, RFC 3542 §6.1 for IPv6), and the answer leaves from there;
addresses that the machine gets later are served too.  IPv6 sockets take
IPv6 only, so that 0.0.0.0 and :: can be listened on side by side.
"""

from __future__ import annotations

import socket

from bossa.net import mmsg, peer
from bossa.net.batches import Batches, open_batch
from bossa.net.holder import cannot_listen
from bossa.net.steer import steer

# Bursts wait here while a worker applies a change; the kernel grants up to net.core.rmem_max.
_BUFFER = 4 << 20
_EVERY_ADDRESS = ("0.0.0.0", "::")

__all__ = ["Batches", "open_batch", "open_sockets", "open_steered", "reply"]


def open_sockets(host: str, port: int, count: int = 1) -> list[socket.socket]:
    """Bind ``count`` sockets to one address, among which the kernel spreads what comes in.

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


def open_steered(host: str, port: int, workers: int) -> list[socket.socket]:
    """Bind a socket for each worker, and one behind them for what only the owner answers; see `bossa.net.steer`.

    Without workers there is one; where the kernel steers nothing, the last is left out.  Raises CannotListen.
    """
    sockets = open_sockets(host, port, workers + 1)
    if workers and not steer(sockets[0], workers):
        sockets.pop().close()
    return sockets


def _bound(host: str, port: int, *, shared: bool) -> socket.socket:
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=numeric)[0]
    sock = socket.socket(family, kind, protocol)
    try:
        _prepare(sock, shared=shared)
        if address[0] in _EVERY_ADDRESS:
            sock.setsockopt(*mmsg.ANSWER_FROM[family], 1)
        sock.bind(address)
    except OSError:
        sock.close()
        raise
    return sock


def _prepare(sock: socket.socket, *, shared: bool) -> None:
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)


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
