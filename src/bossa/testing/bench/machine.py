"""The machine under a comparison: which core runs what, and who took how much of it.  All of it is in proc(5)."""

from __future__ import annotations

import os
import platform
import re
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from bossa.testing.bench.figures import Sample

SERVER_CORE, LOAD_CORE = 0, 1
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
# Nice levels count only inside an autogroup (sched(7)); between them, only this file does.
_FIRST = "-15"

T = TypeVar("T")


class Unfit(Exception):
    """This machine cannot run the comparison; the text says why."""


@dataclass(frozen=True, slots=True)
class CoreTime:
    """Seconds since the boot that one core spent on programs, and that the host took away from it.

    Interrupts are left out: those of the loopback interface are the comparison's own work, and not in any
    thread's time.
    """

    busy: float
    stolen: float

    @classmethod
    def parse(cls, stat: str, core: int) -> CoreTime:
        """Read a core's line of /proc/stat; raises Unfit when there is none."""
        found = re.search(rf"^cpu{core} (.*)$", stat, re.MULTILINE)
        if found is None:
            raise Unfit(f"there is no core {core}")
        user, nice, system, _idle, _iowait, _irq, _softirq, stolen, *_guest = map(int, found[1].split())
        return cls((user + nice + system) / _TICKS, stolen / _TICKS)


def foreign(before: CoreTime, after: CoreTime, own: float, elapsed: float) -> float:
    """Return the share of a core that went neither to ``own`` seconds of work nor to idleness."""
    others = max(0.0, after.busy - before.busy - own)
    return (others + after.stolen - before.stolen) / elapsed


def tree(pid: int) -> list[int]:
    """Return a process and all that it started, as far as they live."""
    children: list[str] = []
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            children += (task / "children").read_text().split()
    return [pid, *(one for child in children for one in tree(int(child)))]


def threads(pids: list[int]) -> list[Path]:
    """Return the directories of all threads of some processes."""
    return [task for pid in pids if (_PROC / str(pid)).exists() for task in (_PROC / str(pid) / "task").iterdir()]


def cpu_seconds(pids: list[int]) -> float:
    """Return the CPU time of all threads of some processes so far; one that ends while we look counts nothing."""
    total = 0
    for task in threads(pids):
        with suppress(OSError):
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def pss_bytes(pid: int) -> int:
    """Return a process' memory; what it shares with others is shared out."""
    found = re.search(r"^Pss:\s+(\d+) kB", (_PROC / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None, "the kernel always writes that line"
    return int(found[1]) * 1024


def put_on_server_core(pid: int) -> list[int]:
    """Move a server with all its processes and threads to its core, ahead of others; return the processes."""
    pids = tree(pid)
    for task in threads(pids):
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(task.name), {SERVER_CORE})
    for one in pids:
        _raise(one)
    return pids


@contextmanager
def load_core() -> Iterator[None]:
    """Put this process, and with it the load that it starts, on the other core; raises Unfit when there is none."""
    cores, nice = os.sched_getaffinity(0), _nice()
    if not {SERVER_CORE, LOAD_CORE} <= cores:
        raise Unfit("a comparison needs two cores, one for the server and one for the load")
    os.sched_setaffinity(0, {LOAD_CORE})
    _raise(os.getpid())
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)
        _raise(os.getpid(), nice)


def _nice() -> str:
    """Return the level of this process' autogroup."""
    try:
        return (_PROC / "self" / "autogroup").read_text().split()[-1]
    except OSError:
        return "0"


def _raise(pid: int, nice: str = _FIRST) -> None:
    # Not every user may, and not every kernel has autogroups.
    with suppress(OSError):
        (_PROC / str(pid) / "autogroup").write_text(nice)


@dataclass(frozen=True, slots=True)
class Costs:
    """What some work took: elapsed time, the server's CPU time, and the share that others took of a core."""

    seconds: float
    cpu: float
    foreign: float

    def sample(
        self, work: int, *, seconds: float = 0.0, lost: int = 0, extra: dict[str, float] | None = None
    ) -> Sample:
        """Make a sample of it; ``seconds`` when the load knows them better."""
        return Sample(work, seconds or self.seconds, self.cpu, self.foreign, lost, extra or {})


def watch(server: list[int], load: Callable[[], T]) -> tuple[T, Costs]:
    """Run a load against a server's processes; children that it starts must have ended on return."""
    before = _Moment.now(server)
    result = load()
    after = _Moment.now(server)
    elapsed, cpu = after.clock - before.clock, after.server - before.server
    shares = (
        foreign(before.server_core, after.server_core, cpu, elapsed),
        foreign(before.load_core, after.load_core, after.load - before.load, elapsed),
    )
    return result, Costs(elapsed, cpu, max(shares))


@dataclass(frozen=True, slots=True)
class _Moment:
    clock: float
    server: float
    load: float
    server_core: CoreTime
    load_core: CoreTime

    @classmethod
    def now(cls, server: list[int]) -> _Moment:
        stat = (_PROC / "stat").read_text()
        cores = CoreTime.parse(stat, SERVER_CORE), CoreTime.parse(stat, LOAD_CORE)
        return cls(time.monotonic(), cpu_seconds(server), _own_seconds(), *cores)


def _own_seconds() -> float:
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def describe() -> str:
    """Return the machine in a line."""
    model = re.search(r"^model name\s*: (.*)$", (_PROC / "cpuinfo").read_text(), re.MULTILINE)
    cores = f"{os.cpu_count()} × {model[1] if model else platform.machine()}"
    return f"{cores}, Linux {platform.release()}, Python {platform.python_version()}"
