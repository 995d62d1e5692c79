"""The workers of one protocol: started, fed in order, replaced when they lag or die.

Each worker is a fresh interpreter with one socket for each address (all bound
with SO_REUSEPORT by the owner, who keeps duplicates to answer through).
While a worker is loading the owner reads its sockets itself.  A worker that
is not heard of for a while, or does not take what it is given, is killed and
replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from bossa.observe import log, metrics
from bossa.workers.channel import MOST_ASKS, Order, decode_asks, decode_counters
from bossa.workers.desk import Desk
from bossa.workers.doors import Datagram, Doors
from bossa.workers.orders import Orders

# How long a worker may be silent, or leave what it is given; how long a new one may be before its first word, and how
# long it may take for the whole image.
LAG_LIMIT = 3.0
_START_LIMIT = 10.0
_LOAD_LIMIT = 120.0
_LOOK_EVERY = 1.0
# Before a dead worker's place is taken; longer each time that one dies young.
_RESTART_PAUSE = 0.2
_RESTART_PAUSE_MOST = 10.0
_YOUNG = 60.0
_STOP_LIMIT = 2.0
_ASK_BUFFER = 1 << 20

# Gives all that workers have to know, delta by delta, to what it is given.
Send = Callable[[bytes], Awaitable[None]]
Snapshot = Callable[[Send], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What the workers of a pool are: the module that they run, its first arguments, their name in the log.

    ``desk`` makes the desk of an owner without workers; with none every datagram is for the owner's rules.
    """

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    desk: Callable[[], Desk] | None = None
    # The metric that counts their starts.
    starts: str


@dataclass(slots=True)
class _Worker:
    """One worker process and the owner's ends of its channels."""

    number: int
    sockets: list[socket.socket]
    process: asyncio.subprocess.Process | None = None
    orders: Orders | None = None
    asks: socket.socket | None = None
    live: bool = False
    # Done when the worker says that it has come so far.
    here: asyncio.Future[None] | None = None
    # Whether it has said anything yet, and looks since it was last heard of.
    heard: bool = False
    silent: int = 0
    counters: dict[str, int] = field(default_factory=dict)
    started: float = 0.0

    @property
    def behind(self) -> int:
        """How many deltas it has yet to take in."""
        return self.orders.behind if self.orders is not None else 0


class Pool:
    """Workers over sets of UDP sockets; with no worker the owner answers from a desk of its own, if there is to be one.

    ``sockets[i]`` are worker i's, one an address, and those behind them the
    owner's; ``datagram`` takes what the owner has to answer.
    """

    def __init__(
        self, work: Work, sockets: list[list[socket.socket]], workers: int, datagram: Datagram, snapshot: Snapshot
    ) -> None:
        self._work = work
        self._workers = [_Worker(number, group) for number, group in enumerate(sockets[:workers])]
        self._own = [one for group in sockets[workers:] for one in group]
        self._snapshot = snapshot
        self._desk = work.desk() if not workers and work.desk is not None else None
        self._doors = Doors(self._desk, datagram)
        # Returns what a worker that starts is told after the settings.
        self.told_at_start: Callable[[], Iterable[tuple[int, bytes]]] = tuple
        # Hears what desks have to say.
        self.noticed: Callable[[bytes], None] = lambda notice: None
        # The last of each order that tells of settings, for workers that start later.
        self._settings: dict[int, bytes] = {}
        self._revision = 0
        # What workers that have ended had counted.
        self._ended: Counter[str] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._watch: asyncio.TimerHandle | None = None
        self._asks = memoryview(bytearray(MOST_ASKS))

    def tell(self, order: int, payload: bytes) -> None:
        """Tell whoever answers, now and later, of a setting."""
        self._settings[order] = payload
        self.spread(order, payload)

    def spread(self, order: int, payload: bytes) -> None:
        """Tell whoever answers now."""
        if self._desk is not None:
            self._desk.take(order, payload)
        for worker in self._workers:
            if worker.orders is not None:
                worker.orders.tell(order, payload)

    async def start(self) -> None:
        """Serve every socket, and start the workers; returns before they are live."""
        loop = asyncio.get_running_loop()
        if self._desk is not None:
            await self._snapshot(self._apply_here)
        self._doors.open(self._own)
        for worker in self._workers:
            self._doors.open(worker.sockets)
            self._start_keeping(worker)
        self._watch = loop.call_later(_LOOK_EVERY, self._look)

    def _look(self) -> None:
        """Kill workers that were not heard of for too long, and come back."""
        if self._desk is not None and (notice := self._desk.notice()):
            self.noticed(notice)
        for worker in self._workers:
            worker.silent += 1
            limit = LAG_LIMIT if worker.heard else _START_LIMIT
            if worker.process is not None and worker.silent * _LOOK_EVERY > limit:
                log.warning("worker is silent, is replaced", kind=self._work.name, worker=worker.number, seconds=limit)
                self._kill(worker)
        self._watch = asyncio.get_running_loop().call_later(_LOOK_EVERY, self._look)

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

    def publish(self, delta: bytes) -> Coroutine[Any, Any, None] | None:
        """Give a delta to every worker; None when it is in force at each live one, else what returns when it is."""
        self._revision += 1
        if self._desk is not None:
            self._desk.take(Order.DELTA, delta)
        late = [w for w in self._workers if w.orders is not None and not w.orders.give(delta) and w.live]
        return self._drained(late) if late else None

    async def _drained(self, late: list[_Worker]) -> None:
        """Wait for workers whose channel is full; who does not empty it is killed."""
        waits = {worker.orders.drained(): worker for worker in late if worker.orders is not None}
        # Two waits: when this loop itself was held up, what happened meanwhile is seen between them.
        for patience in (LAG_LIMIT, LAG_LIMIT / 4):
            _, left = await asyncio.wait(waits, timeout=patience)
            if not left:
                return
        for wait in left:
            number = waits[wait].number
            log.warning("worker takes nothing, is replaced", kind=self._work.name, worker=number, seconds=LAG_LIMIT)
            self._kill(waits[wait])
        # Until it has ended it may still answer from what it had.
        await asyncio.wait(left, timeout=_STOP_LIMIT)

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
                "revision": self._revision - worker.behind,
                "behind": worker.behind,
                "started": worker.started,
            }
            for worker in self._workers
        ]

    def counters(self) -> Counter[str]:
        """Return what all desks did since the start."""
        total = Counter(self._ended)
        for counters in (self._desk.counters() if self._desk else {}, *(worker.counters for worker in self._workers)):
            total.update(counters)
        return total

    async def stop(self) -> None:
        """End the workers, by request first."""
        self._stopping = True
        if self._watch is not None:
            self._watch.cancel()
        for worker in self._workers:
            if worker.orders is not None:
                worker.orders.tell(Order.STOP)
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
        sockets = self._own + [one for worker in self._workers for one in worker.sockets]
        self._doors.leave(sockets)
        for sock in sockets:
            sock.close()

    async def _apply_here(self, delta: bytes) -> None:
        assert self._desk is not None, "there is a desk where there are no workers"
        self._desk.take(Order.DELTA, delta)

    # The life of one worker.

    async def _keep(self, worker: _Worker) -> None:
        """Run one worker after another in this place until stopped."""
        pause = _RESTART_PAUSE
        while not self._stopping:
            try:
                await self._launch(worker)
                await self._load_and_listen(worker)
                if not self._stopping:
                    log.error("worker ended", kind=self._work.name, worker=worker.number, why="it is gone")
            except (OSError, TimeoutError) as e:
                if not self._stopping:
                    why = str(e) or type(e).__name__
                    log.error("worker ended", kind=self._work.name, worker=worker.number, why=why)
            finally:
                await self._bury(worker)
            if not self._stopping:
                young = time.time() - worker.started < _YOUNG
                pause = min(pause * 2, _RESTART_PAUSE_MOST) if young else _RESTART_PAUSE
                await asyncio.sleep(pause)

    async def _load_and_listen(self, worker: _Worker) -> None:
        orders = worker.orders
        assert orders is not None, "a launched worker has a channel"
        loading = asyncio.get_running_loop().create_task(self._load(worker, orders))
        try:
            async with asyncio.timeout(_LOAD_LIMIT):
                await asyncio.wait((loading, orders.ended), return_when=asyncio.FIRST_COMPLETED)
                if loading.done():
                    await loading
            await orders.ended
        finally:
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)

    async def _launch(self, worker: _Worker) -> None:
        there, asks, asks_there = self._connect(worker)
        orders = worker.orders
        assert orders is not None and orders.progress.fd is not None, "they were just made"
        fds = [orders.progress.fd, there.fileno(), asks_there.fileno(), *(sock.fileno() for sock in worker.sockets)]
        try:
            worker.process = await _whole(
                asyncio.create_subprocess_exec(
                    sys.executable, "-m", self._work.module, *self._work.arguments, *map(str, fds),
                    pass_fds=fds, stdin=asyncio.subprocess.DEVNULL, start_new_session=True, env=_environment(),
                )
            )  # fmt: skip
        finally:
            there.close()
            asks_there.close()
            orders.progress.close()
        worker.asks, worker.started = asks, time.time()
        metrics.add(self._work.starts)
        asyncio.get_running_loop().add_reader(asks, self._take_asks, worker, asks)

    def _connect(self, worker: _Worker) -> tuple[socket.socket, socket.socket, socket.socket]:
        """Open a worker's channels; return its end of the orders, and both ends of the asks."""
        orders, there = socket.socketpair()
        asks, asks_there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        asks_there.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ASK_BUFFER)
        asks.setblocking(False)
        worker.orders = Orders(orders, lambda order, payload: self._hear(worker, order, payload))
        worker.here = asyncio.get_running_loop().create_future()
        worker.heard, worker.silent = False, 0
        return there, asks, asks_there

    async def _load(self, worker: _Worker, orders: Orders) -> None:
        """Send the whole image, slice by slice, then let the worker serve."""

        async def send(delta: bytes) -> None:
            if not orders.give(delta):
                await orders.drained()

        for order, payload in self._settings.items():
            orders.tell(order, payload)
        for order, payload in self.told_at_start():
            orders.tell(order, payload)
        await self._snapshot(send)
        # Deltas sent from now on are applied before LIVE is read, since both go through one stream.
        orders.tell(Order.HERE)
        assert worker.here is not None, "a launched worker has a channel"
        await worker.here
        self._doors.leave(worker.sockets)
        worker.live = True
        orders.tell(Order.LIVE)

    def _hear(self, worker: _Worker, order: int, payload: bytes) -> None:
        """Take in what a worker says."""
        worker.heard, worker.silent = True, 0
        if order == Order.COUNTERS:
            worker.counters = decode_counters(payload)
        elif order == Order.NOTICE:
            self.noticed(payload)
        elif order == Order.HERE and worker.here is not None and not worker.here.done():
            worker.here.set_result(None)

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
        if worker.orders is not None:
            worker.orders.close()
        if worker.process is not None:
            await worker.process.wait()
        worker.process = worker.orders = worker.asks = worker.here = None
        if not self._stopping:
            self._doors.open(worker.sockets)

    def _take_asks(self, worker: _Worker, asks: socket.socket) -> None:
        try:
            size = asks.recv_into(self._asks, 0, socket.MSG_DONTWAIT)
        except OSError:
            return
        for index, address, packet in decode_asks(bytes(self._asks[:size])):
            self._doors.hand_over(worker.sockets[index], address, packet)


async def _whole(starting: Coroutine[Any, Any, asyncio.subprocess.Process]) -> asyncio.subprocess.Process:
    """Wait for a process to start; one that starts while we are cancelled is killed, since nobody else knows of it."""
    task = asyncio.ensure_future(starting)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        process = await task
        process.kill()
        await process.wait()
        raise


def _environment() -> dict[str, str]:
    """Return the environment of a worker: enough to find the package, and nothing secret."""
    kept = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")
    return {name: os.environ[name] for name in kept if name in os.environ}
