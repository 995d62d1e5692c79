"""Cursors over received bytes, and the error that ends a decoding."""

from bossa.wire.errors import WireError
from bossa.wire.reader import Reader

__all__ = ["Reader", "WireError"]
