"""Why a port cannot be had: who holds it, and what the operator can do.

The holder is found through /proc/net/{udp,tcp}{,6} (proc(5)) and the file
descriptors of those processes that we may look into.
"""

from __future__ import annotations

import errno
import ipaddress
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from bossa.net.peer import Peer

# The state of a listening TCP socket in /proc/net/tcp, and of any open UDP socket in /proc/net/udp.
_HOLDING = {"tcp": "0A", "udp": "07"}


class CannotListen(Exception):
    """An address that cannot be listened on: ``what`` failed, ``why``, and the ``fix``; ``in_use`` by somebody else."""

    def __init__(self, what: str, why: str, fix: str, *, in_use: bool = False) -> None:
        super().__init__(f"{what}: {why}. Fix: {fix}.")
        self.in_use = in_use
        self.what = what
        self.why = why
        self.fix = fix


class Entry(NamedTuple):
    """One socket of /proc/net/{udp,tcp}: where it is bound, its owner and its inode."""

    host: str
    port: int
    state: str
    uid: int
    inode: int


def entries(text: str) -> Iterator[Entry]:
    """Read the lines of a /proc/net/udp, udp6, tcp or tcp6."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9:
            host, _, port = fields[1].partition(":")
            yield Entry(_host(host), int(port, 16), fields[3], int(fields[7]), int(fields[9]))


def _host(digits: str) -> str:
    """Read an address: words of 32 bits, each in the machine's order."""
    words = (int(digits[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(digits), 8))
    return str(ipaddress.ip_address(b"".join(words)))


def in_the_way(held: Entry, host: str, port: int) -> bool:
    """Tell whether a bound socket keeps another from ``host`` and ``port``."""
    if held.port != port:
        return False
    theirs, ours = ipaddress.ip_address(held.host), ipaddress.ip_address(host.partition("%")[0])
    if theirs.version != ours.version:
        # A socket on :: takes IPv4 too, unless it says otherwise; the table does not tell.
        return theirs.version == 6 and theirs.is_unspecified
    return theirs == ours or theirs.is_unspecified or ours.is_unspecified


def cannot_listen(protocol: str, host: str, port: int, error: OSError) -> CannotListen:
    """Return the exception for a failed bind(2); ``protocol`` is "udp" or "tcp"."""
    what = f"cannot listen on {Peer(host, port)}"
    if error.errno == errno.EADDRINUSE:
        why = f"in use by {_holder(protocol, host, port)}"
        return CannotListen(what, why, f"--port-base {_other_base(port)}", in_use=True)
    if error.errno == errno.EACCES:
        why = f"only root, or who has CAP_NET_BIND_SERVICE, may have port {port}"
        return CannotListen(what, why, f"--port-base {_other_base(port)}, or `bossa install-service`")
    if error.errno == errno.EADDRNOTAVAIL:
        why = f"this machine has no address {host}"
        return CannotListen(what, why, "listen on one of those that `ip -brief address` shows")
    if error.errno == errno.EAFNOSUPPORT:
        return CannotListen(what, "IPv6 is switched off on this machine", f"leave {host} out")
    return CannotListen(what, error.strerror or str(error), "see `ip -brief address` and `ss -lntup`")


def _other_base(port: int) -> int:
    """Return the next multiple of 10000 above the port that leaves room for every service."""
    base = (port // 10000 + 1) * 10000
    return base if base <= 60000 else 10000


def _holder(protocol: str, host: str, port: int) -> str:
    """Name the program on a port as well as /proc lets us."""
    held = [e for e in _table(protocol) if e.state == _HOLDING[protocol] and in_the_way(e, host, port)]
    for entry in held:
        if pid := _process(entry.inode):
            return f"pid {pid} ({_name(pid)})"
    return f"a program of uid {held[0].uid}" if held else "another program"


def _table(protocol: str) -> Iterator[Entry]:
    for name in (protocol, f"{protocol}6"):
        with suppress(OSError), open(f"/proc/net/{name}") as table:
            yield from entries(table.read())


def _process(inode: int) -> int | None:
    """Return the id of a process that has the socket open."""
    wanted = f"socket:[{inode}]"
    for pid in filter(str.isdigit, os.listdir("/proc")):
        # Processes end while we look, and those of others are closed to us.
        with suppress(OSError):
            for fd in os.listdir(f"/proc/{pid}/fd"):
                with suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{fd}") == wanted:
                        return int(pid)
    return None


def _name(pid: int) -> str:
    with suppress(OSError), open(f"/proc/{pid}/comm") as comm:
        return comm.read().strip()
    return "?"
