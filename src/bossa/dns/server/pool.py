"""The query workers: started, fed in order, replaced when they lag or die.

Each worker is a fresh interpreter with one socket for each address (all bound
with SO_REUSEPORT by the owner, who keeps duplicates to answer through).
While a worker is loading the owner reads its sockets itself.  A worker that
does not acknowledge a delta in time is killed, so that no client can be told
of a change which another client does not see.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from bossa.dns.image import Image
from bossa.dns.server.channel import FRAME_HEAD, Order, decode_ask, decode_counters, decode_head, encode_order
from bossa.dns.server.gate import Gate
from bossa.dns.server.nearness import Nearness
from bossa.net.peer import host_of
from bossa.net.udp import Batches, open_batch, reply
from bossa.observe import log, metrics

# How long a live worker may take for a delta, and a new one for the whole image.
LAG_LIMIT = 2.0
_LOAD_LIMIT = 120.0
# Before a dead worker's place is taken; longer each time that one dies young.
_RESTART_PAUSE = 0.2
_RESTART_PAUSE_MOST = 10.0
_YOUNG = 60.0
_STOP_LIMIT = 2.0
# Questions taken from one worker in one turn of the loop.
_TURN = 64
_ASK_BUFFER = 1 << 20
_MAX_DATAGRAM = 65535

# Takes a packet, the sender's raw address, and a function that sends the answer.
Reply = Callable[[bytes], None]
Datagram = Callable[[bytes, bytes, Reply], None]
Snapshot = Callable[[Callable[[bytes], Awaitable[None]]], Awaitable[None]]


@dataclass(slots=True)
class _Worker:
    """One worker process and the owner's ends of its channels."""

    number: int
    sockets: list[socket.socket]
    process: asyncio.subprocess.Process | None = None
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None
    asks: socket.socket | None = None
    live: bool = False
    sent: int = 0
    applied: int = 0
    waiting: dict[int, asyncio.Future[None]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    started: float = 0.0


class Pool:
    """Query workers over sets of UDP sockets; with no worker the owner answers from an image of its own.

    ``sockets[i]`` are worker i's, one an address; ``datagram`` takes what the
    owner has to answer.
    """

    def __init__(
        self, sockets: list[list[socket.socket]], workers: int, datagram: Datagram, snapshot: Snapshot, edns_size: int
    ) -> None:
        self._workers = [_Worker(number, group) for number, group in enumerate(sockets[:workers])]
        self._own = [one for group in sockets[workers:] for one in group]
        self._datagram = datagram
        self._snapshot = snapshot
        self._edns_size = edns_size
        self._image = Image(edns_size) if not workers else None
        self._batches: dict[socket.socket, Batches] = {}
        self._near = Nearness()
        # Answers of the owner's own image leave by it, unless every question is for the owner.
        self.gate = Gate(time.time)
        self.ask_owner = False
        self._networks = b""
        self._answered = 0
        self._revision = 0
        # What workers that have ended had counted.
        self._ended: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False

    def set_near(self, networks: bytes) -> None:
        """Tell every worker which clients may have questions passed on; see :mod:`bossa.dns.server.nearness`."""
        self._networks = networks
        self._near.set(networks)
        for worker in self._workers:
            if worker.writer is not None:
                worker.writer.write(encode_order(Order.NEAR, 0, networks))

    async def start(self) -> None:
        """Serve every socket, and start the workers; returns before they are live."""
        loop = asyncio.get_running_loop()
        if self._image is not None:
            await self._snapshot(self._apply_here)
        for sock in self._own:
            loop.add_reader(sock, self._read, sock)
        for worker in self._workers:
            self._serve_here(worker)
            self._start_keeping(worker)

    def _start_keeping(self, worker: _Worker) -> None:
        task = asyncio.get_running_loop().create_task(self._keep(worker))
        self._tasks.append(task)
        task.add_done_callback(lambda ended: self._kept_no_more(worker, ended))

    def _kept_no_more(self, worker: _Worker, ended: asyncio.Task[None]) -> None:
        """After a bug, which is the loop's to log, the place is filled anew all the same."""
        self._tasks.remove(ended)
        if ended.cancelled() or (error := ended.exception()) is None or self._stopping:
            return
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": f"worker {worker.number} could not be kept", "exception": error})
        loop.call_later(_RESTART_PAUSE_MOST, lambda: None if self._stopping else self._start_keeping(worker))

    async def publish(self, delta: bytes) -> None:
        """Give a delta to every worker; returns when each live one has applied it."""
        self._revision += 1
        if self._image is not None:
            self._image.apply(delta)
        waits = [self._send(worker, delta) for worker in self._workers if worker.writer is not None]
        live = [wait for worker, wait in waits if worker.live]
        # Two waits: when this loop itself was held up, the words that came meanwhile are read between them.
        for patience in (LAG_LIMIT, LAG_LIMIT / 4) if live else ():
            _, late = await asyncio.wait(live, timeout=patience)
            if not late:
                break
        for worker, wait in waits:
            if worker.live and not wait.done():
                log.warning("worker lags, is replaced", worker=worker.number, seconds=LAG_LIMIT)
                self._kill(worker)

    @property
    def revision(self) -> int:
        """How many changes were published so far."""
        return self._revision

    @property
    def live(self) -> int:
        """How many workers answer."""
        return sum(worker.live for worker in self._workers)

    def report(self) -> list[dict[str, int | float]]:
        """Return each worker's number, process id, revision, how far it is behind, and since when it runs."""
        return [
            {
                "number": worker.number,
                "pid": worker.process.pid if worker.process else 0,
                "revision": self._revision - (worker.sent - worker.applied),
                "behind": worker.sent - worker.applied,
                "started": worker.started,
            }
            for worker in self._workers
        ]

    def prepared_answers(self) -> dict[tuple[str, ...], float]:
        """Return how many answers came from images, by their code; for the metrics."""
        total = Counter(answered=self._answered, nxdomain=self._image.nxdomain if self._image else 0)
        total.update(self._ended)
        for worker in self._workers:
            total.update(worker.counters)
        return {("NOERROR",): total["answered"] - total["nxdomain"], ("NXDOMAIN",): total["nxdomain"]}

    async def stop(self) -> None:
        """End the workers, by request first."""
        self._stopping = True
        for worker in self._workers:
            if worker.writer is not None:
                worker.writer.write(encode_order(Order.STOP))
        processes = [worker.process.wait() for worker in self._workers if worker.process is not None]
        if processes:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_LIMIT):
                    await asyncio.gather(*processes)
        for worker in self._workers:
            self._kill(worker)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for sock in self._own + [one for worker in self._workers for one in worker.sockets]:
            asyncio.get_running_loop().remove_reader(sock)
            sock.close()

    def _send(self, worker: _Worker, delta: bytes) -> tuple[_Worker, asyncio.Future[None]]:
        assert worker.writer is not None, "only running workers are sent to"
        worker.sent += 1
        wait = asyncio.get_running_loop().create_future()
        worker.waiting[worker.sent] = wait
        worker.writer.write(encode_order(Order.DELTA, worker.sent, delta))
        return worker, wait

    async def _apply_here(self, delta: bytes) -> None:
        assert self._image is not None, "there is an image where there are no workers"
        self._image.apply(delta)

    # The life of one worker.

    async def _keep(self, worker: _Worker) -> None:
        """Run one worker after another in this place until stopped."""
        pause = _RESTART_PAUSE
        while not self._stopping:
            try:
                await self._launch(worker)
                await self._load_and_listen(worker)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as e:
                if not self._stopping:
                    log.error("worker ended", worker=worker.number, why=str(e) or type(e).__name__)
            finally:
                await self._bury(worker)
            if not self._stopping:
                young = time.time() - worker.started < _YOUNG
                pause = min(pause * 2, _RESTART_PAUSE_MOST) if young else _RESTART_PAUSE
                await asyncio.sleep(pause)

    async def _load_and_listen(self, worker: _Worker) -> None:
        listening = asyncio.get_running_loop().create_task(self._listen(worker))
        try:
            async with asyncio.timeout(_LOAD_LIMIT):
                await self._load(worker, listening)
            await listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    async def _launch(self, worker: _Worker) -> None:
        orders, orders_there = socket.socketpair()
        asks, asks_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asks_there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ASK_BUFFER)
        fds = [orders_there.fileno(), asks_there.fileno(), *(sock.fileno() for sock in worker.sockets)]
        try:
            worker.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bossa.dns.server.worker", str(self._edns_size), *map(str, fds),
                pass_fds=fds, stdin=asyncio.subprocess.DEVNULL, start_new_session=True, env=_environment(),
            )  # fmt: skip
        finally:
            orders_there.close()
            asks_there.close()
        asks.setblocking(False)
        worker.asks, worker.started = asks, time.time()
        metrics.add("bossa_dns_worker_starts_total")
        worker.reader, worker.writer = await asyncio.open_connection(sock=orders)
        asyncio.get_running_loop().add_reader(asks, self._take_asks, worker, asks)

    async def _load(self, worker: _Worker, listening: asyncio.Task[None]) -> None:
        """Send the whole image, slice by slice, then let the worker serve."""
        assert worker.writer is not None, "a launched worker has a channel"
        writer = worker.writer

        async def send(delta: bytes) -> None:
            self._send(worker, delta)
            await writer.drain()

        writer.write(encode_order(Order.NEAR, 0, self._networks))
        await self._snapshot(send)
        # Deltas sent from now on are applied before LIVE is read, since both go through one stream.
        if (wait := worker.waiting.get(worker.sent)) is not None:
            await asyncio.wait((wait, listening), return_when=asyncio.FIRST_COMPLETED)
        if listening.done():
            return
        for sock in worker.sockets:
            asyncio.get_running_loop().remove_reader(sock)
        worker.live = True
        writer.write(encode_order(Order.LIVE))

    async def _listen(self, worker: _Worker) -> None:
        """Take in what a worker says until it ends."""
        assert worker.reader is not None, "a launched worker has a channel"
        while True:
            head = await worker.reader.readexactly(FRAME_HEAD)
            size, order, sequence = decode_head(head)
            payload = await worker.reader.readexactly(size)
            if order is Order.COUNTERS:
                worker.counters = decode_counters(payload)
            elif order is Order.APPLIED:
                worker.applied = sequence
                wait = worker.waiting.pop(sequence, None)
                if wait is not None and not wait.done():
                    wait.set_result(None)

    def _kill(self, worker: _Worker) -> None:
        if worker.process is not None and worker.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                worker.process.kill()

    async def _bury(self, worker: _Worker) -> None:
        """Take a dead worker's sockets over, and let go of whoever waits for it."""
        worker.live = False
        self._kill(worker)
        self._ended.update(worker.counters)
        worker.counters = {}
        if worker.asks is not None:
            asyncio.get_running_loop().remove_reader(worker.asks)
            worker.asks.close()
        if worker.writer is not None:
            worker.writer.close()
        if worker.process is not None:
            await worker.process.wait()
        worker.process = worker.reader = worker.writer = worker.asks = None
        for wait in worker.waiting.values():
            if not wait.done():
                wait.set_result(None)
        worker.waiting.clear()
        worker.sent = worker.applied = 0
        if not self._stopping:
            self._serve_here(worker)

    # Datagrams that the owner answers.

    def _serve_here(self, worker: _Worker) -> None:
        for sock in worker.sockets:
            asyncio.get_running_loop().add_reader(sock, self._read, sock)

    def _read(self, sock: socket.socket) -> None:
        """Answer what waits on a socket that no worker serves."""
        batch = self._batches.get(sock)
        if batch is None:
            batch = self._batches[sock] = open_batch(sock)
        try:
            for i in range(batch.receive()):
                packet, address = batch.packet(i), batch.address(i)
                answer = self._image.answer(packet) if self._image is not None and not self.ask_owner else None
                if answer is None:
                    self._hand_over(sock, address, packet)
                    continue
                self._answered += 1
                fitting = self.gate.fit(host_of(address), self._near.fit(answer, address))
                if fitting is not None:
                    batch.answer(i, fitting)
        finally:
            batch.send()

    def _take_asks(self, worker: _Worker, asks: socket.socket) -> None:
        for _ in range(_TURN):
            try:
                ask = asks.recv(_MAX_DATAGRAM + 256, socket.MSG_DONTWAIT)
            except OSError:
                return
            if not ask:
                return
            index, address, packet = decode_ask(ask)
            self._hand_over(worker.sockets[index], address, packet)

    def _hand_over(self, sock: socket.socket, address: bytes, packet: bytes) -> None:
        self._datagram(packet, address, lambda answer: _reply(sock, answer, address))


def _reply(sock: socket.socket, answer: bytes, address: bytes) -> None:
    # Work that outlives the server finds its socket closed.
    if sock.fileno() >= 0:
        reply(sock, answer, address)


def _environment() -> dict[str, str]:
    """Return the environment of a worker: enough to find the package, and nothing secret."""
    kept = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}
