"""The fixture `domain` itself: quickly there, on ports of its own, and gone after the test however that ends."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory

TESTS = """
import pathlib, time

def note(domain):
    pid = domain.server.pid
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
    print(f"PIDS {pid} {children}", flush=True)
    assert domain.values("ns1") == ["127.0.0.1"]

def test_passed(domain):
    note(domain)

def test_failed(domain):
    note(domain)
    assert False

def test_waits(domain):
    note(domain)
    time.sleep(60)
"""


def start_pytest(folder: Path, name: str) -> subprocess.Popen[str]:
    """Run one of the tests above in a pytest of its own."""
    file = folder / "test_inner.py"
    file.write_text(TESTS)
    plugin = ["-p", "bossa.testing.plugin"] if not installed() else []
    command = [sys.executable, "-m", "pytest", "-q", "-s", *plugin, f"--rootdir={folder}", "-c", os.devnull]
    return subprocess.Popen([*command, f"{file}::{name}"], stdout=subprocess.PIPE, text=True, cwd=folder)


def installed() -> bool:
    """Tell whether pytest finds the plugin by its entry point."""
    return any(entry.name == "bossa" for entry in entry_points(group="pytest11"))


def noted(process: subprocess.Popen[str]) -> list[int]:
    """Return the processes that the inner test told of."""
    assert process.stdout is not None
    for line in process.stdout:
        if "PIDS" in line:
            return [int(pid) for pid in line.split("PIDS")[1].split()]
    raise AssertionError("the inner test told of no processes")


def wait_until_gone(pid: int) -> None:
    """Wait at most five seconds for the end of a process that is not our child."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 5)[0], f"process {pid} still lives"
    finally:
        os.close(handle)


@pytest.mark.parametrize("name", ["test_passed", "test_failed"])
def test_nothing_is_left_after_a_test(tmp_path: Path, name: str) -> None:
    """Whether it passed or failed."""
    with start_pytest(tmp_path, name) as inner:
        pids = noted(inner)
        assert inner.wait(30) == (name == "test_failed")
    for pid in pids:
        wait_until_gone(pid)


def test_nothing_is_left_when_pytest_is_killed(tmp_path: Path) -> None:
    """SIGKILL leaves no time to clean up; the kernel does it."""
    with start_pytest(tmp_path, "test_waits") as inner:
        pids = noted(inner)
        inner.send_signal(signal.SIGKILL)
        inner.wait(10)
    for pid in pids:
        wait_until_gone(pid)


def test_two_domains_live_side_by_side(domain: Domain, domain_factory: DomainFactory) -> None:
    """Each on its ports, with its names and its keys."""
    other = domain_factory(name="second.test")
    assert other.dns_port != domain.dns_port
    assert other.admin_key != domain.admin_key
    assert other.values("ns1.second.test.") == ["127.0.0.1"]
    assert domain.ask("ns1.second.test.").answer == []


def test_a_restarted_domain_keeps_its_ports_and_data(domain: Domain) -> None:
    """Also after it was killed."""
    port = domain.dns_port
    domain.run("record", "add", domain.name, "kept", "A", "192.0.2.1", check=True)
    domain.restart()
    assert domain.values("kept") == ["192.0.2.1"]
    domain.kill()
    domain.restart()
    assert domain.dns_port == port
    assert domain.values("kept") == ["192.0.2.1"]
