"""Opening TCP sockets to listen on, with an error that says who holds the port."""

from __future__ import annotations

import socket

from bossa.net.holder import cannot_listen


def open_stream(host: str, port: int) -> socket.socket:
    """Bind a TCP socket to one address; IPv6 takes IPv6 only.  Raises CannotListen."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Connections of a server that has just ended do not hold the port; one that listens does.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0][4])
        sock.listen(512)
        sock.setblocking(False)
    except OSError as e:
        sock.close()
        raise cannot_listen("tcp", host, port, e) from e
    return sock
