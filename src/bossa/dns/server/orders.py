"""What the owner tells the desks of the name server beside their image, and what they tell him."""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from enum import IntEnum

from bossa.workers.channel import OWN_ORDERS


class DnsOrder(IntEnum):
    """Orders of the name server's own."""

    # Settings of answers: networks that may recurse, what options get, the rate limit.
    NEAR = OWN_ORDERS
    OPTIONS = OWN_ORDERS + 1
    LIMIT = OWN_ORDERS + 2
    # Answers of others to remember, and what to forget of them; see bossa.dns.remembered.
    FILLS = OWN_ORDERS + 3


def encode_networks(networks: Iterable[bytes]) -> bytes:
    """Return networks, as octets of their prefixes, whose answers were held back; nothing when there are none."""
    found = list(networks)
    return marshal.dumps(found) if found else b""


def decode_networks(payload: bytes) -> list[bytes]:
    """Return what :func:`encode_networks` was given."""
    networks: list[bytes] = marshal.loads(payload)
    return networks
