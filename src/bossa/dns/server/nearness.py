"""Which clients see "recursion available": those whose questions are passed on.

Prepared answers say RA; for the other clients the bit is taken out.  RFC 1035 §4.1.1
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from typing import TYPE_CHECKING

# A worker takes networks as numbers, and starts sooner without the module that names them.
if TYPE_CHECKING:
    from bossa.dns.policy import Network

_RA = 0x80
_VERSION = {4: 4, 16: 6}


class Nearness:
    """The networks whose clients may have questions passed on; starts with none."""

    def __init__(self) -> None:
        self._networks: list[tuple[int, int, int]] = []

    def set(self, encoded: bytes) -> None:
        """Take networks over, as :func:`encode` made them."""
        self._networks = marshal.loads(encoded)

    def includes(self, host: bytes) -> bool:
        """Tell whether a host, four octets or sixteen, is in one of the networks."""
        number, version = int.from_bytes(host, "big"), _VERSION[len(host)]
        return any(v == version and number & mask == network for v, network, mask in self._networks)


def without_recursion(tail: bytes) -> bytes:
    """Return an answer, all but its ID, without "recursion available"."""
    return tail[:1] + bytes((tail[1] & ~_RA,)) + tail[2:]


def encode(networks: Iterable[Network]) -> bytes:
    """Return networks in the form that :meth:`Nearness.set` takes."""
    return marshal.dumps([(one.version, int(one.network_address), int(one.netmask)) for one in networks])
