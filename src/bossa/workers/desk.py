"""What a worker, or an owner without workers, asks of a protocol's desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

# Not answered, and not for the owner either.
SILENCE = b""


class Desk(Protocol):
    """Answers packets by what the owner told it; holds no sockets.

    The first ``kept`` octets of a packet begin its answer too.
    """

    kept: int

    def take(self, order: int, payload: bytes) -> None:
        """Take in what the owner says; orders that it does not know are passed over."""

    def known(self) -> Mapping[bytes, Mapping[bytes, bytes]]:
        """Return what may be answered by the packet alone; see :meth:`bossa.net.mmsg.Batch.answer_all`."""

    def count(self, answered: int) -> None:
        """Count answers that were known."""

    def answer(self, packet: bytes, host: bytes) -> bytes | None:
        """Return the answer behind the octets kept of the packet; SILENCE, or None when the owner has to say."""

    def counters(self) -> dict[str, int]:
        """Return what was done since the start."""

    def notice(self) -> bytes:
        """Return what the owner is to hear of once; nothing, mostly."""
