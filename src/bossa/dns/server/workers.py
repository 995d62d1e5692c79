"""The query workers: a pool of desks, and what they have in common that is the name server's own."""

from __future__ import annotations

import socket
import time
from collections import Counter
from collections.abc import Callable

from bossa.dns.server.desk import Clocks, Desk, Sizes
from bossa.dns.server.orders import DnsOrder, decode_networks
from bossa.workers.doors import Datagram
from bossa.workers.pool import Pool, Snapshot, Work


class QueryWorkers:
    """Desks over sets of UDP sockets, in workers or with the owner; ``pool`` is what moves bytes."""

    def __init__(
        self, sockets: list[list[socket.socket]], workers: int, datagram: Datagram, snapshot: Snapshot, sizes: Sizes
    ) -> None:
        work = Work(
            name="query",
            module="bossa.dns.server.worker",
            arguments=(str(sizes.edns), str(sizes.remembered)),
            desk=lambda: Desk(sizes, Clocks(time.time, time.monotonic)),
            starts="bossa_dns_worker_starts_total",
        )
        self.pool = Pool(work, sockets, workers, datagram, snapshot)
        self.pool.noticed = self._hear
        # Hears of networks whose answers the rate limit held back.
        self.limited: Callable[[bytes], None] = lambda network: None

    def remember_from(self, fills: Callable[[], bytes]) -> None:
        """Tell workers that start what others answered."""
        self.pool.told_at_start = lambda: [(DnsOrder.FILLS, fills())]

    def fill(self, fills: bytes) -> None:
        """Share what others answered, made by :func:`bossa.dns.remembered.encode_fills`."""
        self.pool.spread(DnsOrder.FILLS, fills)

    def recalled(self) -> int:
        """Return how many answers of others were given from memory."""
        return self.pool.counters()["recalled"]

    def prepared_answers(self) -> dict[tuple[str, ...], float]:
        """Return how many answers came from images, by their code; for the metrics."""
        total = self.pool.counters()
        return {("NOERROR",): total["answered"] - total["nxdomain"], ("NXDOMAIN",): total["nxdomain"]}

    def rate_limited(self) -> Counter[str]:
        """Return how many of these the rate limit held back: "slipped" and "dropped"."""
        total = self.pool.counters()
        return Counter({how: total[how] for how in ("slipped", "dropped")})

    def _hear(self, notice: bytes) -> None:
        for network in decode_networks(notice):
            self.limited(network)
