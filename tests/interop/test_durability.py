"""Nothing that was acknowledged is lost, and nothing is there by halves: power cuts and full disks."""

from __future__ import annotations

import contextlib
import random
import resource
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain, TsigKey

NOERROR, SERVFAIL = 0, 2
CLIENTS = 8
# Messages carried out at least between two kills.
EACH_TIME = 40


class Updater(threading.Thread):
    """A client that sends one update after the other, each with two names and a mark of how far it came.

    ``acknowledged`` is the highest number that was answered with NOERROR;
    ``pending`` a number that was sent and not answered, or 0.
    """

    def __init__(self, domain: Domain, key: TsigKey, number: int) -> None:
        super().__init__(name=f"updater {number}", daemon=True)
        self.owner = f"c{number}.{domain.name}"
        self.acknowledged = 0
        self.pending = 0
        self.paused = threading.Event()
        self.go_on = threading.Event()
        self.finished = False
        self.problems: list[str] = []
        self._address = (domain.address, domain.dns_port)
        self._zone = domain.name
        self._key = key
        self._tcp = number % 4 == 0

    def run(self) -> None:
        """Update until the server is gone; then wait until it is back."""
        while True:
            with contextlib.suppress(OSError, EOFError), self._connect() as stream:
                while not self.finished:
                    self._one(stream)
            self.paused.set()
            if self.finished:
                return
            self.go_on.wait()
            self.go_on.clear()

    def names(self, number: int) -> tuple[str, str]:
        """Return the two names that one message adds."""
        return f"a{number}.{self.owner}", f"b{number}.{self.owner}"

    def _one(self, stream: socket.socket) -> None:
        number = self.acknowledged + 1
        mark = packets.record(self.owner, "TXT", str(number), ttl=60)
        added = [packets.record(name, "A", "192.0.2.1", ttl=60) for name in self.names(number)]
        message = packets.update(self._zone, packets.record(self.owner, "TXT", rclass=packets.ANY), mark, *added)
        self.pending = number
        reply = self._exchange(stream, packets.sign(message, self._key))
        if packets.rcode(reply) != NOERROR:
            self.problems.append(f"{self.name}: rcode {packets.rcode(reply)} for message {number}")
        self.acknowledged, self.pending = number, 0

    def _connect(self) -> socket.socket:
        stream = socket.socket(socket.AF_INET, socket.SOCK_STREAM if self._tcp else socket.SOCK_DGRAM)
        # An answer that does not come within this time has died with the server.
        stream.settimeout(2)
        stream.connect(self._address)
        return stream

    def _exchange(self, stream: socket.socket, wire: bytes) -> bytes:
        if not self._tcp:
            stream.send(wire)
            return stream.recv(4096)
        stream.sendall(len(wire).to_bytes(2, "big") + wire)
        with stream.makefile("rb", buffering=0) as file:
            size = int.from_bytes(file.read(2), "big")
            if not size:
                raise EOFError
            return file.read(size)


def exists(domain: Domain, name: str) -> bool:
    """Ask whether a name owns an address."""
    return packets.counts(domain.exchange(packets.query(name)))[1] == 1


def settle(domain: Domain, updater: Updater, since: int) -> None:
    """Check what an updater left since a number; find out whether its pending message was carried out."""
    for number in range(since + 1, updater.acknowledged + 1):
        found = [exists(domain, name) for name in updater.names(number)]
        assert found == [True, True], f"acknowledged message {number} of {updater.name}: {found}"
    if updater.pending:
        found = [exists(domain, name) for name in updater.names(updater.pending)]
        assert len(set(found)) == 1, f"half of message {updater.pending} of {updater.name}: {found}"
        if found[0]:
            updater.acknowledged = updater.pending
        updater.pending = 0
    expected = [f'"{updater.acknowledged}"'] if updater.acknowledged else []
    assert domain.values(f"{updater.owner}.", "TXT") == expected


def kill_under_load(domain: Domain, kills: int, pause: Callable[[], float]) -> int:
    """Kill the server so many times under eight updating clients; return how many messages were carried out."""
    updaters = [Updater(domain, domain.admin_key, number) for number in range(CLIENTS)]
    first = domain.serial()
    for updater in updaters:
        updater.start()
    for _ in range(kills):
        settled = [updater.acknowledged for updater in updaters]
        time.sleep(pause())
        work_done(updaters, sum(settled))
        domain.kill()
        for updater in updaters:
            assert updater.paused.wait(20)
            updater.paused.clear()
        domain.restart()
        for updater, since in zip(updaters, settled, strict=True):
            settle(domain, updater, since)
        assert domain.serial() == first + sum(updater.acknowledged for updater in updaters)
        for updater in updaters:
            updater.go_on.set()
    return finish(domain, updaters, first)


def work_done(updaters: list[Updater], before: int) -> None:
    """Wait until the clients had some messages carried out, however slow the machine is at the moment."""
    deadline = time.monotonic() + 20
    while sum(updater.acknowledged for updater in updaters) < before + EACH_TIME:
        assert time.monotonic() < deadline, "the updates do not come forward"
        time.sleep(0.01)


def finish(domain: Domain, updaters: list[Updater], first: int) -> int:
    """End the clients; check everything once more from the exported zone; return how many messages there were."""
    for updater in updaters:
        updater.finished = True
    for updater in updaters:
        updater.join(20)
        assert updater.problems == []
    total = sum(updater.acknowledged for updater in updaters)
    assert domain.serial() == first + total
    exported = domain.run("zone", "export", domain.name, check=True).stdout
    addresses = [line for line in exported.splitlines() if line.endswith("192.0.2.1")]
    assert len(addresses) == 2 * total
    return total


@pytest.mark.timeout(180)
def test_kill_9_under_eight_updating_clients_loses_nothing(domain: Domain) -> None:
    """RFC 2136 §3.5; every acknowledged update is there, no half message, one serial step for each."""
    chance = random.Random(2136)
    assert kill_under_load(domain, 3, lambda: chance.uniform(0.3, 0.8)) > 100


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_thirty_kills_under_eight_updating_clients_lose_nothing(domain: Domain) -> None:
    """The same for longer, with cuts in the first milliseconds after a start too."""
    chance = random.Random(30)
    assert kill_under_load(domain, 30, lambda: chance.choice((0.01, 0.1, 0.5, 1.5))) > 1000


def test_a_stop_under_load_loses_nothing_either(domain: Domain) -> None:
    """A graceful stop answers what it has taken."""
    updaters = [Updater(domain, domain.admin_key, number) for number in range(CLIENTS)]
    first = domain.serial()
    for updater in updaters:
        updater.start()
    time.sleep(0.5)
    assert domain.stop() == 0
    for updater in updaters:
        assert updater.paused.wait(20)
    domain.restart()
    for updater in updaters:
        settle(domain, updater, 0)
    assert domain.serial() == first + sum(updater.acknowledged for updater in updaters)


# A full disk


@contextlib.contextmanager
def file_size_limit(domain: Domain, room: int) -> Iterator[Callable[[], None]]:
    """Let no file of the server grow by more than ``room`` octets; yield a function that lifts the limit.

    The kernel then fails the write, as it does on a full disk (setrlimit(2), RLIMIT_FSIZE).
    """
    pid = domain.server.pid
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in domain.data.iterdir() if file.is_file())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + room, hard))

    def lift() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))

    try:
        yield lift
    finally:
        if domain.server.running and domain.server.pid == pid:
            lift()


def fill_until_servfail(domain: Domain, attempts: int = 3000) -> list[int]:
    """Send updates of some kilobytes until one is not stored; return the numbers of those that were."""
    key = domain.admin_key
    stored: list[int] = []
    for number in range(attempts):
        texts = [packets.record(f"f{number}.{domain.name}", "TXT", f"{n}{'x' * 200}", ttl=60) for n in range(4)]
        before = domain.serial()
        code = packets.rcode(domain.exchange(packets.sign(packets.update(domain.name, *texts), key)))
        if code == SERVFAIL:
            assert domain.serial() == before, "the zone is as before"
            assert domain.values(f"f{number}", "TXT") == []
            return stored
        assert code == NOERROR
        stored.append(number)
    raise AssertionError(f"{attempts} updates went into a full disk")


def survive_full_disk(domain: Domain, make_room: Callable[[], None]) -> None:
    """Fill the disk, ask while it is full, make room, and go on without a restart."""
    pid = domain.server.pid
    stored = fill_until_servfail(domain)
    assert domain.values("ns1") == ["127.0.0.1"], "the service goes on"
    assert domain.ask("ns1", tcp=True, key=domain.admin_key).had_tsig
    for number in stored[-3:]:
        assert len(domain.values(f"f{number}", "TXT")) == 4
    make_room()
    update = domain.update()
    update.add("after", 60, "A", "192.0.2.1")
    assert domain.send(update).rcode() == NOERROR
    assert domain.server.running
    assert domain.server.pid == pid
    serial = domain.serial()
    domain.kill()
    domain.restart()
    assert domain.serial() == serial
    assert domain.values("after") == ["192.0.2.1"]
    assert all(len(domain.values(f"f{number}", "TXT")) == 4 for number in stored)


def test_a_full_disk_is_servfail_and_recovers_without_a_restart(domain: Domain) -> None:
    """RFC 2136 §3.4.2.1: SERVFAIL, and all that was done is undone."""
    with file_size_limit(domain, 64 * 1024) as lift:
        survive_full_disk(domain, lift)


def test_a_command_on_a_full_disk_fails_and_says_why(domain: Domain) -> None:
    """The zone is as before, and the server lives."""
    with file_size_limit(domain, 0):
        fill_until_servfail(domain)
        done = domain.run("record", "add", domain.name, "x", "TXT", "y" * 200)
        assert done.returncode != 0
        assert done.stderr.startswith("error: ")
        assert domain.values("x", "TXT") == []
    domain.run("record", "add", domain.name, "x", "TXT", "y", check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of four megabytes for a domain's data."""
    place = tmp_path / "small" / "data"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(place)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"this test mounts a file system, for which it has to be root: {done.stderr}"
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.mark.long
def test_a_really_full_disk_is_servfail_and_recovers_without_a_restart(small_disk: Path) -> None:
    """The same with ENOSPC; another file takes the room, and gives it back."""
    domain = Domain(small_disk.parent)
    try:
        domain.start()
        ballast = small_disk / "ballast"
        free = shutil.disk_usage(small_disk).free
        ballast.write_bytes(b"\0" * max(0, free - 128 * 1024))
        survive_full_disk(domain, ballast.unlink)
    finally:
        domain.close()
