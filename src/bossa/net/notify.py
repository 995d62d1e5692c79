"""Tells systemd how far the service is.  sd_notify(3)"""

from __future__ import annotations

import contextlib
import os
import socket


def tell(state: str) -> None:
    """Send ``READY=1``, ``RELOADING=1`` or ``STOPPING=1`` to whoever started us, if that is systemd."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in ("/", "@"):
        return
    # An address in the abstract namespace is written with @ and begins with a zero octet.
    target = "\0" + address[1:] if address[0] == "@" else address
    # Nobody may be there any more; the service goes on without being watched.
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.sendto(state.encode(), target)
