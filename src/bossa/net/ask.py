"""One question and its answer over UDP or TCP, blocking: what a command needs of a client."""

from __future__ import annotations

import socket
import time

Address = tuple[str, int]


def udp(address: Address, message: bytes, seconds: float) -> bytes:
    """Send a datagram and return the answer with the same ID, each time from a new port; raises OSError."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        # Connected, so that "port unreachable" is an error at once and strangers are not heard.
        sock.connect(address)
        sock.send(message)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            sock.settimeout(left)
            answer = sock.recv(65535)
            if answer[:2] == message[:2]:
                return answer
    raise TimeoutError(f"no answer within {seconds:g} s")


def tcp(address: Address, message: bytes, seconds: float) -> bytes:
    """Send a message with its length before it and return the answer.  RFC 7766 §8; raises OSError."""
    with socket.create_connection(address, seconds) as sock:
        sock.sendall(len(message).to_bytes(2, "big") + message)
        with sock.makefile("rb") as stream:
            head = stream.read(2)
            answer = stream.read(int.from_bytes(head, "big"))
    if len(head) < 2 or len(answer) < int.from_bytes(head, "big"):
        raise ConnectionError("the connection ended in the middle of the answer")
    return answer
