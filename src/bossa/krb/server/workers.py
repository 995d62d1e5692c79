"""The KDC's workers: a pool of desks, what they are told, and what they have issued."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Awaitable, Sequence

from bossa.directory.rows import Item
from bossa.krb.kdc.settings import KdcSettings
from bossa.krb.server.accounts import Accounts
from bossa.krb.server.orders import KdcOrder, encode_rows, encode_settings
from bossa.workers.doors import Datagram
from bossa.workers.pool import Pool, Send, Work


class TicketWorkers:
    """Desks over sets of UDP sockets, with no worker the owner's rules alone; ``pool`` is what moves bytes."""

    def __init__(
        self, sockets: list[list[socket.socket]], workers: int, datagram: Datagram, accounts: Accounts
    ) -> None:
        work = Work(name="kdc", module="bossa.krb.server.worker", starts="bossa_krb_worker_starts_total")

        async def snapshot(send: Send) -> None:
            async def send_rows(items: Sequence[Item]) -> None:
                await send(encode_rows(items))

            await accounts.snapshot(send_rows)

        self.pool = Pool(work, sockets, workers, datagram, snapshot)

    def trust(self, master_key: bytes) -> None:
        """Give the workers what opens the keys of accounts."""
        self.pool.tell(KdcOrder.MASTER_KEY, master_key)

    def use(self, settings: KdcSettings) -> None:
        """Give the workers the policy of the realm."""
        self.pool.tell(KdcOrder.SETTINGS, encode_settings(settings))

    def publish(self, items: Sequence[Item]) -> Awaitable[None] | None:
        """Give rows to every worker; None when they are in force at each live one, else what returns when they are."""
        return self.pool.publish(encode_rows(items))

    def counts(self) -> Counter[str]:
        """Return what workers answered, by :func:`bossa.krb.server.desk.tally`, and "dropped"."""
        return self.pool.counters()
