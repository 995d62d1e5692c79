"""Servers of a comparison: peers out of Debian's packages and bossa, each in a directory and on a port of its own."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode

from bossa.testing.bench import machine
from bossa.testing.debian import NoProgram, environment
from bossa.testing.domain import Domain
from bossa.testing.process import StartFailed

ADDRESS = "127.0.0.1"
_PROBE_SECONDS = 0.002

# Writes a server's configuration for a port into a directory, and returns the command that starts it.
Recipe = Callable[[Path, int], Sequence[str]]


class NoAnswer(Exception):
    """A server ended, or did not answer in time; the text is the end of its log."""


# What is wrong with the machine or a server, not with a comparison.
PROBLEMS = (machine.Unfit, NoAnswer, NoProgram, StartFailed, ValueError)


@dataclass(frozen=True, slots=True)
class Served:
    """A server that answers."""

    name: str
    port: int
    pid: int
    # None for peers.
    domain: Domain | None = None

    def pinned(self) -> list[int]:
        """Return its processes, all on the servers' core."""
        return machine.put_on_server_core(self.pid)


Running = AbstractContextManager[Served]


@dataclass(frozen=True, slots=True)
class Probe:
    """A name with an address that a server must know: by itself, or unless it is its ``own`` by asking on."""

    name: str
    own: bool = True

    def query(self) -> bytes:
        """Return the question."""
        return dns.message.make_query(self.name, "A", flags=0 if self.own else dns.flags.RD).to_wire()

    def is_answered(self, reply: dns.message.Message) -> bool:
        """Tell whether the server knows it."""
        sound = reply.rcode() == dns.rcode.NOERROR and bool(reply.answer)
        return sound and bool(reply.flags & dns.flags.AA) is self.own


@contextmanager
def peer(name: str, recipe: Recipe, home: Path, probe: Probe | str) -> Iterator[Served]:
    """Run a peer until the block ends; ``probe`` is a name with an address that it must know.  Raises NoAnswer."""
    home.mkdir()
    port = free_port()
    log = home / "log"
    with log.open("wb") as output:
        process = spawn(recipe(home, port), home, output.fileno())
    try:
        first_answer(port, probe, process, log)
        yield Served(name, port, process.pid)
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def bossa(
    home: Path, zones: Mapping[str, Path], prepare: Callable[[Domain], None] | None = None, *, config: str = ""
) -> Iterator[Served]:
    """Run bossa with one query worker and some zones until the block ends; ``prepare`` does what else it needs."""
    home.mkdir()
    domain = Domain(home, config_toml=config)
    try:
        domain.start()
        for name, file in zones.items():
            domain.run("zone", "import", name, str(file), check=True, timeout=1200)
        if prepare is not None:
            prepare(domain)
        yield Served("bossa", domain.dns_port, domain.server.pid, domain)
    finally:
        domain.close()


def spawn(
    command: Sequence[str], home: Path, output: int, env: dict[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Start a program that ends with this process."""
    libc = ctypes.CDLL(None)
    return subprocess.Popen(
        command,
        cwd=home,
        env=environment() if env is None else env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        # PR_SET_PDEATHSIG, prctl(2); this process has one thread.
        preexec_fn=lambda: libc.prctl(1, signal.SIGTERM),
    )


def first_answer(
    port: int, probe: Probe | str, process: subprocess.Popen[bytes], log: Path, *, timeout: float = 120.0
) -> float:
    """Ask for an address until there is one; return the moment of the answer.  Raises NoAnswer."""
    wanted = Probe(probe) if isinstance(probe, str) else probe
    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((ADDRESS, port))
        client.settimeout(_PROBE_SECONDS)
        while time.monotonic() < deadline and process.poll() is None:
            if _answered(client, wanted):
                return time.monotonic()
    raise NoAnswer(f"{process.args!r} on port {port}: {log.read_text(errors='replace')[-3000:]}")


def _answered(client: socket.socket, probe: Probe) -> bool:
    try:
        client.send(probe.query())
        reply = dns.message.from_wire(client.recv(4096))
    except TimeoutError:
        return False
    except OSError:
        # Nobody listens yet (ICMP port unreachable).
        time.sleep(_PROBE_SECONDS)
        return False
    return probe.is_answered(reply)


def free_port() -> int:
    """Return a port of the loopback address that is free for UDP and TCP."""
    while True:
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            datagrams.bind((ADDRESS, 0))
            port = int(datagrams.getsockname()[1])
            try:
                stream.bind((ADDRESS, port))
            except OSError:
                continue
            return port
