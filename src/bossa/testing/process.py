"""One ``bossa up`` as a child process that does not outlive its parent.

The child is started through a few lines of Python that ask the kernel to kill
it when its parent dies (prctl(2), PR_SET_PDEATHSIG), so that a test run that
was killed leaves nothing behind.  The server tells on a pipe when it answers.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# argv: the parent's pid, then the command.  The pid is compared because the parent may have died before prctl.
_SHIM = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


# In which workers see that their owner has gone, on a busy machine.
_WORKERS_SECONDS = 10.0


class StartFailed(RuntimeError):
    """The server ended, or said nothing in time; the text is what it logged."""


class Server:
    """A running ``bossa up``; ``ready`` is what it told when it began to answer."""

    def __init__(self, arguments: Sequence[str], *, env: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._arguments = list(arguments)
        self._env = dict(env)
        self._cwd = cwd
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.ready: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """The owner process."""
        assert self._process is not None, "the server was never started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout: float = 20.0) -> None:
        """Start, and return when the server answers; raises StartFailed."""
        reading, writing = os.pipe()
        try:
            self._process = self._spawn(writing)
            os.close(writing)
            self.ready = json.loads(self._first_line(reading, timeout))
        finally:
            os.close(reading)

    def stop(self, timeout: float = 10.0) -> int:
        """End the server as systemd does (SIGTERM) and return its exit code; after ``timeout`` it is killed."""
        return self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """Kill the server without a warning (SIGKILL); its workers have ended on return, and given its ports back."""
        handles = list(_handles(_children(self.pid))) if self.running else []
        self._end(signal.SIGKILL, 10.0)
        for handle in handles:
            select.select([handle], [], [], _WORKERS_SECONDS)
            os.close(handle)

    def _spawn(self, writing: int) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "bossa.cli", *self._arguments, "--ready-fd", str(writing)]
        shim = [sys.executable, "-I", "-S", "-c", _SHIM, str(os.getpid())]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*shim, *command],
                cwd=self._cwd,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[writing],
            )

    def _first_line(self, reading: int, timeout: float) -> bytes:
        """Wait for the line on the pipe; the pipe's end means that the server has ended."""
        line = b""
        deadline = time.monotonic() + timeout
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            ready, _, _ = select.select([reading], [], [], max(0.0, left))
            part = os.read(reading, 4096) if ready else b""
            if not part:
                self.kill()
                raise StartFailed(self._log.read_text(errors="replace")[-4000:] or "the server logged nothing")
            line += part
        return line

    def _end(self, number: signal.Signals, timeout: float) -> int:
        process = self._process
        assert process is not None, "the server was never started"
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()


def _children(pid: int) -> list[int]:
    """Return the processes that a process has started, as far as they live."""
    found = " ".join(file.read_text() for file in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(one) for one in found.split()]


def _handles(pids: Sequence[int]) -> Iterator[int]:
    """Open the processes that still live, to wait for their ends."""
    for pid in pids:
        with suppress(ProcessLookupError):
            yield os.pidfd_open(pid)
