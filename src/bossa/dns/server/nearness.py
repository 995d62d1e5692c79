"""Which clients see "recursion available": the answer for a raw address, looked up once and remembered.

Prepared answers say RA; for clients whose questions are not passed on the bit
is taken out.  RFC 1035 §4.1.1
"""

from __future__ import annotations

import marshal
import socket
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bossa.net.peer import decode

# A worker takes networks as numbers, and starts sooner without the module that names them.
if TYPE_CHECKING:
    from bossa.dns.policy import Network

# Addresses remembered; then all are forgotten and looked up again.
_REMEMBERED = 50_000
_RA = 0x80
_IPV4 = int(socket.AF_INET).to_bytes(2, sys.byteorder)


class Nearness:
    """The networks whose clients may have questions passed on; starts with none."""

    def __init__(self) -> None:
        self._networks: list[tuple[int, int, int]] = []
        self._known: dict[bytes, bool] = {}

    def set(self, encoded: bytes) -> None:
        """Take networks over, as :func:`encode` made them."""
        self._networks = marshal.loads(encoded)
        self._known.clear()

    def fit(self, answer: bytes, address: bytes) -> bytes:
        """Return a prepared answer as this client gets it; ``address`` is the raw sender."""
        # Behind the port: IPv4's four octets, or IPv6's sixteen after the flow label.
        host = address[4:8] if address[:2] == _IPV4 else address[8:24]
        near = self._known.get(host)
        if near is None:
            near = self._look_up(host, address)
        return answer if near else answer[:3] + bytes((answer[3] & ~_RA,)) + answer[4:]

    def _look_up(self, host: bytes, address: bytes) -> bool:
        import ipaddress

        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        ip = ipaddress.ip_address(decode(address)[0].partition("%")[0])
        number, version = int(ip), ip.version
        near = any(v == version and number & mask == network for v, network, mask in self._networks)
        self._known[host] = near
        return near


def encode(networks: Iterable[Network]) -> bytes:
    """Return networks in the form that :meth:`Nearness.set` takes."""
    return marshal.dumps([(one.version, int(one.network_address), int(one.netmask)) for one in networks])
