"""What the owner tells the KDC's workers: the master key, the settings, and the rows of the realm.

Orders travel over a socket pair that only the two have; no secret stands in
an argument or in the environment.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable
from enum import IntEnum

import msgspec

from bossa.directory.rows import Item
from bossa.krb.kdc.settings import KdcSettings
from bossa.workers.channel import OWN_ORDERS


class KdcOrder(IntEnum):
    """Orders of the KDC's own; rows of the realm are deltas."""

    MASTER_KEY = OWN_ORDERS
    SETTINGS = OWN_ORDERS + 1


def encode_rows(items: Iterable[Item]) -> bytes:
    """Return rows, None for those that are gone."""
    return marshal.dumps(list(items))


def decode_rows(payload: bytes) -> list[Item]:
    """Return what :func:`encode_rows` was given."""
    items: list[Item] = marshal.loads(payload)
    return items


def encode_settings(settings: KdcSettings) -> bytes:
    """Return the policy of the realm."""
    return msgspec.msgpack.encode(settings)


def decode_settings(payload: bytes) -> KdcSettings:
    """Return what :func:`encode_settings` was given."""
    return msgspec.msgpack.decode(payload, type=KdcSettings)
