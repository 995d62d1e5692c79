"""Free places for whole domains: a port base that nobody else takes while it is held.

A base is held by an abstract Unix socket of that name, which the kernel gives
back when its owner ends, however it ends.  So two test runs on one machine
never choose the same base, although UDP sockets may share a port.
"""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

from bossa.net.holder import CannotListen
from bossa.net.listen import open_stream
from bossa.net.udp import open_sockets

# What a domain listens on, as offsets from its base: the protocols' own port numbers.
SERVICES = {"dns": 53, "web": 80, "kdc": 88, "kpasswd": 464}
_STREAM_ONLY = {"web"}
# Below Linux' range for outgoing connections (32768 and up), above the base that `bossa up` takes.
_BASES = range(10_500, 32_000, 500)


@dataclass(slots=True)
class Reservation:
    """A port base that is ours until it is released."""

    base: int
    _holder: socket.socket

    def release(self) -> None:
        """Give the base back."""
        self._holder.close()


def reserve() -> Reservation:
    """Hold a base whose ports are free on both loopback addresses; raises OSError when there is none."""
    for base in random.sample(_BASES, len(_BASES)):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            holder.bind(f"\0bossa-testing-{base}")
        except OSError:
            holder.close()
            continue
        if _all_free(base):
            return Reservation(base, holder)
        holder.close()
    raise OSError(f"no free port base between {_BASES.start} and {_BASES.stop}")


def one_port_for_both() -> tuple[socket.socket, socket.socket]:
    """Return a UDP and a TCP socket on one port of 127.0.0.1; a port chosen for UDP may be taken for TCP."""
    while True:
        (datagrams,) = open_sockets("127.0.0.1", 0)
        try:
            return datagrams, open_stream("127.0.0.1", datagrams.getsockname()[1])
        except CannotListen:
            datagrams.close()


def has_ipv6() -> bool:
    """Tell whether ::1 can be bound here."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def _all_free(base: int) -> bool:
    families = [(socket.AF_INET, "127.0.0.1")] + [(socket.AF_INET6, "::1")] * has_ipv6()
    return all(
        _free(family, kind, (address, base + offset))
        for service, offset in SERVICES.items()
        for kind in ([socket.SOCK_STREAM] if service in _STREAM_ONLY else [socket.SOCK_STREAM, socket.SOCK_DGRAM])
        for family, address in families
    )


def _free(family: socket.AddressFamily, kind: socket.SocketKind, address: tuple[str, int]) -> bool:
    with socket.socket(family, kind) as probe:
        # As a server does, so that the last test's closed connections do not count.
        if kind is socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True
