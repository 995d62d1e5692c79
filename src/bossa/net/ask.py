"""One question and its answer over UDP or TCP, blocking: what a command needs of a client."""

from __future__ import annotations

import socket
import time

Address = tuple[str, int]
# More than any answer of a name server or a KDC has.
_MOST = 1 << 20


def udp(address: Address, message: bytes, seconds: float, *, mark: int = 2) -> bytes:
    """Send a datagram, each time from a new port, and return the answer; raises OSError.

    It begins with the same octets, as many as ``mark``: the ID of DNS; 0 takes any.
    """
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        # Connected, so that "port unreachable" is an error at once and strangers are not heard.
        sock.connect(address)
        sock.send(message)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            answer = sock.recv(65535)
            if answer[:mark] == message[:mark]:
                return answer
    raise TimeoutError(f"no answer within {seconds:g} s")


def tcp(address: Address, message: bytes, seconds: float, *, width: int = 2) -> bytes:
    """Send a message with its length before it, in ``width`` octets, and return the answer; raises OSError.

    RFC 7766 §8 has two octets, RFC 4120 §7.2.2 four.
    """
    with socket.create_connection(address, seconds) as sock:
        sock.sendall(len(message).to_bytes(width, "big") + message)
        with sock.makefile("rb") as stream:
            head = stream.read(width)
            size = int.from_bytes(head, "big")
            answer = stream.read(min(size, _MOST))
    if len(head) < width or len(answer) < size:
        raise ConnectionError("the connection ended in the middle of the answer")
    return answer
