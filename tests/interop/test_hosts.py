"""Machines that join a fresh domain, and what their own tickets let them change: the lines of the README."""

from __future__ import annotations

import json
import shlex
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from bossa.krb.keytab import Keytab
from bossa.testing.domain import Domain
from bossa.testing.kerberos import Seat

Join = Callable[..., Path]


@pytest.fixture
def join(domain: Domain) -> Join:
    """Return a function that has a host join, and returns its keytab."""

    def join(name: str, *words: str) -> Path:
        file = domain.home / f"{name}.keytab"
        domain.run("host", "join", name, "--keytab", str(file), *words, check=True)
        return file

    return join


def nsupdate(domain: Domain, seat: Seat, *lines: str) -> str:
    """Send an update under a ticket; return what nsupdate complains of."""
    text = "".join(f"{line}\n" for line in (f"server 127.0.0.1 {domain.dns_port}", *lines, "send"))
    return seat.run("nsupdate", "-g", text=text, check=False).stdout


def test_a_host_joins_signs_in_and_changes_its_own_names_alone(domain: Domain, join: Join) -> None:
    file = join("ws1", "--address", "10.1.2.3")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert domain.values("ws1") == ["10.1.2.3"]
    assert domain.values("3.2.1.10.in-addr.arpa.", "PTR") == ["ws1.bossa.test."]
    seat = domain.seat().kinit_keytab("host/ws1.bossa.test", file)
    assert not nsupdate(domain, seat, "update delete ws1.bossa.test A", "update add ws1.bossa.test 300 A 10.1.2.4")
    assert not nsupdate(domain, seat, "update add 4.2.1.10.in-addr.arpa 300 PTR ws1.bossa.test")
    assert domain.values("ws1") == ["10.1.2.4"]
    assert domain.values("4.2.1.10.in-addr.arpa.", "PTR") == ["ws1.bossa.test."]
    since = len(domain.log)
    assert nsupdate(domain, seat, "update add ws2.bossa.test 300 A 10.1.2.4") == "update failed: REFUSED\n"
    (line,) = [one for one in domain.log[since:].splitlines() if "update refused" in one]
    assert "its own names are ws1.bossa.test." in line and "ws2.bossa.test. A" in line


def test_the_line_for_the_timer_keeps_the_name_fresh(domain: Domain) -> None:
    """The command that join prints, run as it is."""
    file = domain.home / "ws1.keytab"
    said = domain.run("host", "join", "ws1", "--keytab", str(file), "--address", "10.1.2.3", check=True).stdout
    line = said.splitlines()[-1]
    _, _, _, _, _, _, *words = shlex.split(line)
    domain.run(*words, "--address", "10.1.2.5", "--address", "fd00::5", check=True)
    assert (domain.values("ws1"), domain.values("ws1", "AAAA")) == (["10.1.2.5"], ["fd00::5"])
    serial = domain.serial()
    domain.run(*words, "--address", "10.1.2.5", "--address", "fd00::5", check=True)
    assert domain.serial() == serial
    domain.run(*words, check=True)
    assert domain.values("ws1") != ["10.1.2.5"]


def test_refresh_needs_nothing_but_the_keytab_and_the_servers_addresses(
    domain: Domain, join: Join, tmp_path: Path
) -> None:
    file = join("ws1")
    where = ["--server", f"127.0.0.1:{domain.dns_port}", "--kdc", f"127.0.0.1:{domain.kdc_port}"]
    elsewhere = {"BOSSA_DATA": str(tmp_path / "nothing")}
    words = ["host", "refresh", "--keytab", str(file), *where, "--address", "10.9.9.9"]
    done = domain.run(*words, env=elsewhere)
    assert done.returncode == 0, done.stdout + done.stderr
    assert domain.values("ws1") == ["10.9.9.9"]


def test_an_address_that_leads_elsewhere_stays_so_and_is_told(domain: Domain, join: Join) -> None:
    join("ws1", "--address", "10.1.2.3")
    file = domain.home / "ws2.keytab"
    done = domain.run("host", "join", "ws2", "--keytab", str(file), "--address", "10.1.2.3")
    assert done.returncode == 0
    assert "10.1.2.3 leads to ws1.bossa.test already" in done.stdout
    assert domain.values("3.2.1.10.in-addr.arpa.", "PTR") == ["ws1.bossa.test."]


def test_joining_again_makes_new_keys_and_removal_takes_names_and_account(domain: Domain, join: Join) -> None:
    file = join("ws1", "--address", "10.1.2.3")
    join("ws1", "--address", "10.1.2.3")
    assert {one.kvno for one in Keytab.decode(file.read_bytes()).entries} == {1, 2}
    (host,) = json.loads(domain.run("host", "list", "--json", check=True).stdout)["hosts"]
    assert (host["name"], host["kvno"], host["addresses"]) == ("ws1.bossa.test", 2, ["10.1.2.3"])
    assert host["seen"] > 0
    said = domain.run("host", "remove", "ws1", check=True).stdout
    assert said == "host ws1.bossa.test removed, with 1 records of its name\n"
    assert domain.values("ws1") == []
    assert json.loads(domain.run("host", "list", "--json", check=True).stdout) == {"hosts": []}
    assert domain.run("host", "remove", "ws1").returncode == 2
    domain.seat().fails("kinit", "-k", "-t", str(file), "host/ws1.bossa.test")


def test_a_host_without_addresses_is_not_given_this_machines(domain: Domain, join: Join) -> None:
    join("elsewhere")
    assert domain.values("elsewhere") == []


def test_a_keytab_of_no_host_is_refused(domain: Domain) -> None:
    file = domain.directory.add_service("HTTP/web.bossa.test")
    where = ["--server", f"127.0.0.1:{domain.dns_port}", "--kdc", f"127.0.0.1:{domain.kdc_port}"]
    done = domain.run("host", "refresh", "--keytab", str(file), *where, "--address", "10.1.2.3")
    assert done.returncode == 1
    assert "policy" in done.stdout
