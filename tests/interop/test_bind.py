"""BIND as our secondary and as our primary, with the commands and files that docs/secondaries-with-bind.md prints."""

from __future__ import annotations

import random
import re
import shlex
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.tsigkeyring
import dns.update
import dns.xfr
import dns.zone
import pytest

import bossa
from bossa.testing import packets
from bossa.testing.bind import Bind
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain, TsigKey

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

PAGE = (Path(bossa.__file__).resolve().parents[2] / "docs" / "secondaries-with-bind.md").read_text()
CLIENTS = 4
KILLS = 12


def printed(file: str) -> str:
    """Return a file as the page prints it."""
    found = re.search(rf"`bind/{re.escape(file)}`:\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None, f"the page has no {file}"
    return found[1]


def command(start: str) -> str:
    """Return the command of the page that begins so."""
    found = re.search(rf"^    ({re.escape(start)}.*)$", PAGE, re.MULTILINE)
    assert found is not None, f"the page has no command {start}"
    return found[1]


@dataclass
class Site:
    """A domain, and a folder for BIND, with the key of the page."""

    domain: Domain
    folder: Path

    @property
    def key(self) -> TsigKey:
        return TsigKey.parse((self.folder / "xfr.key").read_text())

    def bind(self, file: str) -> Bind:
        """Return a BIND with a configuration of the page, at our port."""
        return Bind(self.folder, printed(file).replace("10053", str(self.domain.dns_port)))

    def run(self, start: str, bind: Bind | None = None) -> None:
        """Run a command of the page, with BIND's port in it."""
        words = shlex.split(command(f"./bossa {start}").replace("5300", str(bind.port if bind else 0)))
        self.domain.run(*words[1:], check=True)

    def content(self, port: int, zone: str) -> dns.zone.Zone:
        """Return a server's zone as it transfers it to the key."""
        found = dns.zone.Zone(zone)
        query, _ = dns.xfr.make_query(found, keyring=self.key.dns)
        dns.query.inbound_xfr("127.0.0.1", found, query, port=port, timeout=20)
        return found


@pytest.fixture
def site(domain: Domain) -> Site:
    folder = domain.home / "bind"
    folder.mkdir()
    domain.run(*shlex.split(command("./bossa key add xfr"))[1:], check=True)
    return Site(domain, folder)


@pytest.fixture
def secondary(site: Site) -> Iterator[Bind]:
    """BIND as the page's secondary."""
    bind = site.bind("secondary.conf")
    site.run("zone set bossa.test --allow-transfer", bind)
    bind.start()
    yield bind
    bind.stop()


@pytest.fixture
def primary(site: Site) -> Iterator[Bind]:
    """BIND as the page's primary, followed by our domain."""
    # BIND sends the zone in the place of an increment that is larger.
    others = "".join(f"filler{n} A 192.0.2.1\n" for n in range(200))
    (site.folder / "example.test.db").write_text(printed("example.test.db") + others)
    made = subprocess.run(
        [*program("tsig-keygen"), "client"], env=environment(), capture_output=True, text=True, check=True
    )
    (site.folder / "client.key").write_text(made.stdout)
    bind = site.bind("primary.conf")
    bind.start()
    site.run("zone add example.test", bind)
    yield bind
    bind.stop()


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def our_serial(domain: Domain, zone: str) -> int | None:
    reply = domain.ask(dns.name.from_text(zone), "SOA")
    return reply.answer[0][0].serial if reply.rcode() == dns.rcode.NOERROR else None


# BIND as the secondary


def test_bind_fetches_our_zone_and_follows_by_increment(site: Site, secondary: Bind) -> None:
    """RFC 5936, RFC 1995, RFC 1996"""
    zone, domain = "bossa.test", site.domain
    wait_until(lambda: secondary.serial(zone) == domain.serial(), "BIND has the zone")
    assert domain.wait_for_log("transfer out.*kind=AXFR")
    for number in range(20):
        update = domain.update()
        update.replace(f"h{number % 5}", 60, "A", f"192.0.2.{number}")
        update.add(f"t{number}", 60, "TXT", f"number {number}")
        assert domain.send(update).rcode() == dns.rcode.NOERROR
    removal = domain.update()
    removal.delete("h3")
    domain.send(removal)
    site.run("record add bossa.test www")
    wait_until(lambda: secondary.serial(zone) == domain.serial(), "BIND follows", 10)
    assert site.content(secondary.port, zone) == site.content(domain.dns_port, zone)
    secondary.wait_for_log("received notify for zone 'bossa.test'")
    secondary.wait_for_log("transfer of 'bossa.test/IN'.*: Transfer status: success")
    domain.wait_for_log("transfer out.*kind=IXFR")
    assert domain.log.count("kind=AXFR") == 2, "BIND's first, and that of this test"


class Updater(threading.Thread):
    """A client that adds one name after the other, again and again until each is acknowledged."""

    def __init__(self, domain: Domain, number: int) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.finished = False
        self._domain = domain
        self._key = domain.admin_key
        self._number = number

    def run(self) -> None:
        count = 0
        while not self.finished:
            count += 1
            name = f"u{self._number}-{count}.{self._domain.name}"
            wire = packets.sign(
                packets.update(self._domain.name, packets.record(name, "A", "192.0.2.1", ttl=60)), self._key
            )
            if self._until_answered(wire) == dns.rcode.NOERROR:
                self.acknowledged.append(name)

    def _until_answered(self, wire: bytes) -> int | None:
        while not self.finished:
            try:
                return packets.rcode(self._domain.exchange(wire, timeout=1))
            except OSError:
                time.sleep(0.05)
        return None


@pytest.mark.timeout(600)
def test_bind_ends_equal_to_us_by_increment_when_we_are_killed_again_and_again(site: Site, secondary: Bind) -> None:
    """No acknowledged update is lost, and the history survives: BIND never needs the whole zone a second time."""
    domain, chance = site.domain, random.Random(1995)
    wait_until(lambda: secondary.serial("bossa.test") == domain.serial(), "BIND has the zone")
    domain.set_zone("bossa.test", history=100_000)
    updaters = [Updater(domain, number) for number in range(CLIENTS)]
    for updater in updaters:
        updater.start()
    for _ in range(KILLS):
        time.sleep(chance.uniform(0.2, 1.5))
        domain.kill()
        domain.restart()
    time.sleep(1)
    for updater in updaters:
        updater.finished = True
        updater.join(30)
    wait_until(lambda: secondary.serial("bossa.test") == domain.serial(), "BIND follows to the end", 60)
    given = re.findall(r"transfer out .*kind=(\w+) form=(\w+)", domain.log)
    ours, theirs = site.content(domain.dns_port, "bossa.test"), site.content(secondary.port, "bossa.test")
    assert ours == theirs
    acknowledged = [name for updater in updaters for name in updater.acknowledged]
    assert len(acknowledged) > 100
    held = {name.derelativize(ours.origin).to_text().rstrip(".") for name in ours.nodes}
    assert [name for name in acknowledged if name not in held] == []
    assert given[0] == ("AXFR", "whole")
    assert len(given) > 3
    assert set(given[1:]) - {("IXFR", "nothing")} == {("IXFR", "steps")}


# BIND as the primary


def nsupdate(site: Site, port: int, lines: str) -> None:
    done = subprocess.run(
        [*program("nsupdate"), "-k", str(site.folder / "client.key")],
        input=f"server 127.0.0.1 {port}\nzone example.test\n{lines}\nsend\n",
        env=environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def equal(site: Site, bind: Bind) -> bool:
    """Tell whether our copy is BIND's."""
    site.domain.set_zone("example.test", allow_transfer=("key:xfr",))
    return bool(site.content(site.domain.dns_port, "example.test") == site.content(bind.port, "example.test"))


def test_we_fetch_binds_zone_and_follow_by_increment(site: Site, primary: Bind) -> None:
    """RFC 5936, RFC 1995, RFC 1996"""
    domain = site.domain
    wait_until(lambda: our_serial(domain, "example.test") == 1, "we have BIND's zone")
    domain.wait_for_log("transfer in.*zone=example.test.*kind=AXFR")
    for number in range(10):
        nsupdate(
            site,
            primary.port,
            f"update delete h{number % 3}.example.test A\nupdate add h{number % 3}.example.test 60 A 192.0.2.{number}",
        )
    wait_until(lambda: our_serial(domain, "example.test") == primary.serial("example.test") == 11, "we follow", 10)
    domain.wait_for_log("transfer in.*zone=example.test.*kind=IXFR.*stored=steps")
    assert "increment not taken" not in domain.log
    assert domain.log.count("kind=AXFR") == 1
    assert equal(site, primary)


def test_updates_go_through_us_to_bind_and_come_back_as_increments(site: Site, primary: Bind) -> None:
    """RFC 2136 §6: nsupdate verifies BIND's signature, by a key that we do not have."""
    domain = site.domain
    wait_until(lambda: our_serial(domain, "example.test") == 1, "we have BIND's zone")
    site.run("zone set example.test --forward-updates")
    nsupdate(site, domain.dns_port, "update add hi.example.test 60 A 192.0.2.7")
    wait_until(lambda: our_serial(domain, "example.test") == 2, "we follow", 10)
    assert domain.values(dns.name.from_text("hi.example.test")) == ["192.0.2.7"]
    domain.wait_for_log("update passed on.*example.test.*code=NOERROR")
    assert equal(site, primary)


def test_while_bind_is_gone_we_answer_and_then_catch_up(site: Site, primary: Bind) -> None:
    domain = site.domain
    wait_until(lambda: our_serial(domain, "example.test") == 1, "we have BIND's zone")
    primary.stop()
    assert f"127.0.0.1:{primary.port}@xfr: " in domain.retransfer("example.test")
    domain.restart()
    assert our_serial(domain, "example.test") == 1
    primary.start()
    nsupdate(site, primary.port, "update add later.example.test 60 A 192.0.2.8")
    assert domain.retransfer("example.test") == ""
    assert our_serial(domain, "example.test") == 2
    assert equal(site, primary)
