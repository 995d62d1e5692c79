"""By which of its addresses this machine speaks with another one; nothing is sent to find out."""

from __future__ import annotations

import socket

# Addresses for examples, which are nobody's: the way to them is the way to everybody.  RFC 5737 §3, RFC 3849 §2
ELSEWHERE = ("192.0.2.1", "2001:db8::1")
_PORT = 53


def source_address(host: str) -> str | None:
    """Return our address on the way to an address; None where no way leads there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((host, _PORT))
            return str(sock.getsockname()[0]).partition("%")[0]
    except OSError:
        return None
