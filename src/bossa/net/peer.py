"""Who sent a packet: return addresses as octets, and as people read them.

A *return address* is what a batch hands out for a datagram and takes back to
answer it: the sender's sockaddr as the kernel wrote it (16 octets for IPv4, 28
for IPv6).  On a wildcard socket it is padded to 32 octets, and the control
message follows that names the local address which was asked, so that the
answer leaves from there.  It holds no pointers: another process may use it.
"""

from __future__ import annotations

import socket
import sys
from struct import Struct
from typing import NamedTuple

# struct sockaddr_in and sockaddr_in6: family and scope in the machine's order, the rest in the network's.
_IPV4 = Struct("=H2s4s8x")
_IPV6 = Struct("=H2s4s16sI")
# Where a control message starts in a return address.
CONTROL_AT = 32
# struct cmsghdr: its length, level and type.
_CONTROL = Struct("@Nii")

# Not in the socket module of Python 3.11; <linux/in.h>.
IP_PKTINFO = 8

# Where the host lies in a sockaddr.
HOST_AT = {socket.AF_INET: (4, 8), socket.AF_INET6: (8, 24)}
_AF_INET = int(socket.AF_INET).to_bytes(2, sys.byteorder)

SocketAddress = tuple[str, int] | tuple[str, int, int, int]


class Peer(NamedTuple):
    """An address and a port, for logs and policies; ``local`` is our address that was asked.

    A datagram tells it on wildcard sockets alone; elsewhere it is "", and its socket knows.
    """

    host: str
    port: int
    local: str = ""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def decode(cls, address: bytes) -> Peer:
        """Read the sender from a return address."""
        host, port = decode(address)[:2]
        return cls(host, port, _local(address))


def _local(address: bytes) -> str:
    """Return the local address of a control message: ipi_spec_dst of in_pktinfo, ipi6_addr of in6_pktinfo."""
    if len(address) <= CONTROL_AT:
        return ""
    note = address[CONTROL_AT + _CONTROL.size :]
    if address[:2] == _AF_INET:
        return socket.inet_ntop(socket.AF_INET, note[4:8])
    return socket.inet_ntop(socket.AF_INET6, note[:16])


def decode(address: bytes) -> SocketAddress:
    """Return the sockaddr of a return address as the socket module wants it."""
    if int.from_bytes(address[:2], sys.byteorder) == socket.AF_INET:
        _, port, host = _IPV4.unpack_from(address)
        return socket.inet_ntop(socket.AF_INET, host), int.from_bytes(port, "big")
    _, port, flow, host, scope = _IPV6.unpack_from(address)
    text = socket.inet_ntop(socket.AF_INET6, host)
    return text, int.from_bytes(port, "big"), int.from_bytes(flow, "big"), scope


def host_of(address: bytes) -> bytes:
    """Return the host of a return address, 4 or 16 octets."""
    return address[4:8] if address[:2] == _AF_INET else address[8:24]


def encode(family: int, address: SocketAddress) -> bytes:
    """Return the sockaddr of what the socket module gave for a sender."""
    port = address[1].to_bytes(2, "big")
    if family == socket.AF_INET:
        return _IPV4.pack(family, port, socket.inet_aton(address[0]))
    host, _, flow, scope = address  # type: ignore[misc]  # four parts in this family
    plain = host.partition("%")[0]
    return _IPV6.pack(family, port, flow.to_bytes(4, "big"), socket.inet_pton(socket.AF_INET6, plain), scope)


def control(address: bytes) -> list[tuple[int, int, bytes]]:
    """Return the control message of a return address, as sendmsg takes it; none but on wildcard sockets."""
    if len(address) <= CONTROL_AT:
        return []
    size, level, kind = _CONTROL.unpack_from(address, CONTROL_AT)
    return [(level, kind, address[CONTROL_AT + _CONTROL.size : CONTROL_AT + size])]


def encode_control(level: int, kind: int, data: bytes) -> bytes:
    """Return a control message as the kernel lays it out, padded to a whole word."""
    raw = _CONTROL.pack(_CONTROL.size + len(data), level, kind) + data
    return raw + bytes(-len(raw) % 8)


def without_interface(family: int, note: bytes) -> bytes:
    """Return an in_pktinfo or in6_pktinfo with interface 0: the routing table chooses the way back."""
    return bytes(4) + note[4:] if family == socket.AF_INET else note[:16] + bytes(4)
