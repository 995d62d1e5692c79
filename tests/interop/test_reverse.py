"""PTR records that follow addresses, as nsupdate changes and dig sees them; both zones are always of one mind."""

from __future__ import annotations

import subprocess
import threading
import time

import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.reversename
import pytest

from bossa.testing import packets
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from tests.interop.test_nsupdate import with_admin_key

LOCAL = "net:127.0.0.0/8"
NET4, NET6 = "10.in-addr.arpa", "8.b.d.0.1.0.0.2.ip6.arpa"


@pytest.fixture
def kept(domain: Domain) -> Domain:
    """Return a domain whose zone has the option, and whose zones may be fetched."""
    domain.run("zone", "set", domain.name, "--ptr", "yes", check=True)
    for zone in (domain.name, NET4, NET6):
        domain.run("zone", "set", zone, "--allow-transfer", LOCAL, check=True)
    return domain


def ptr(domain: Domain, address: str) -> list[str]:
    """Return the names that dig -x finds."""
    done = subprocess.run(
        [*program("dig"), f"@{domain.address}", "-p", str(domain.dns_port), "+short", "-x", address],
        env=environment(), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    return done.stdout.split()


def ttl(domain: Domain, address: str) -> int:
    """Return the TTL of an address' PTR."""
    return domain.ask(dns.reversename.from_address(address), "PTR").answer[0].ttl


def nsupdate(domain: Domain, *lines: str) -> None:
    """Send one update of these lines, with the administrator's key."""
    done = with_admin_key(domain, "\n".join([f"zone {domain.name}", *lines]))
    assert (done.returncode, done.stderr) == (0, "")


def steps(domain: Domain, zone: str, serial: int) -> list[tuple[int, list[str]]]:
    """Fetch a zone's steps since a serial (IXFR): for each SOA its serial, and what follows it."""
    query = dns.message.make_query(zone, "IXFR")
    soa = query.find_rrset(query.authority, dns.name.from_text(zone), "IN", "SOA", create=True)
    soa.add(dns.rdata.from_text("IN", "SOA", f". . {serial} 0 0 0 0"))
    reply = dns.message.from_wire(domain.exchange(query.to_wire(), tcp=True), one_rr_per_rrset=True)
    told: list[tuple[int, list[str]]] = []
    for rrset in reply.answer:
        if rrset.rdtype == dns.rdatatype.SOA:
            told.append((rrset[0].serial, []))
        else:
            told[-1][1].append(f"{rrset.name} {rrset[0]}")
    return told


def test_nsupdate_brings_the_ptr_of_an_address_and_takes_it_along(kept: Domain) -> None:
    """RFC 1035 §3.5, RFC 3596 §2.5; nobody named the reverse zones, no rule speaks of them."""
    nsupdate(kept, "update add ws1.bossa.test 60 A 10.1.2.3", "update add ws1.bossa.test 90 AAAA 2001:db8::7")
    assert ptr(kept, "10.1.2.3") == ptr(kept, "2001:db8::7") == ["ws1.bossa.test."]
    assert (ttl(kept, "10.1.2.3"), ttl(kept, "2001:db8::7")) == (60, 90)
    (line,) = kept.run("record", "list", NET4, "3.2.1", check=True).stdout.splitlines()
    assert line.split()[:5] == [f"3.2.1.{NET4}", "60", "PTR", "ws1.bossa.test.", "ptr"]
    nsupdate(kept, "update delete ws1.bossa.test AAAA")
    assert (ptr(kept, "10.1.2.3"), ptr(kept, "2001:db8::7")) == (["ws1.bossa.test."], [])
    nsupdate(kept, "update delete ws1.bossa.test")
    assert ptr(kept, "10.1.2.3") == []
    kept.wait_for_log(r"ptr removed.*ws1\.bossa\.test")


def test_without_the_option_nothing_happens(domain: Domain) -> None:
    nsupdate(domain, "update add ws1.bossa.test 60 A 10.1.2.3")
    assert ptr(domain, "10.1.2.3") == []


def test_the_first_name_wins_and_the_log_says_so(kept: Domain) -> None:
    nsupdate(kept, "update add ws1.bossa.test 60 A 10.1.2.3")
    nsupdate(kept, "update add ws2.bossa.test 60 A 10.1.2.3")
    assert ptr(kept, "10.1.2.3") == ["ws1.bossa.test."]
    line = kept.wait_for_log("ptr left alone")
    assert all(word in line for word in ("ws2.bossa.test.", "10.1.2.3", "ws1.bossa.test. has it"))
    nsupdate(kept, "update delete ws1.bossa.test", "update add ws2.bossa.test 60 A 10.1.2.3")
    assert ptr(kept, "10.1.2.3") == []
    nsupdate(kept, "update delete ws2.bossa.test", "update add ws3.bossa.test 60 A 10.1.2.3")
    assert ptr(kept, "10.1.2.3") == ["ws3.bossa.test."]


def test_a_ptr_of_a_command_or_a_file_is_never_touched(kept: Domain) -> None:
    kept.run("record", "add", NET4, "3.2.1", "PTR", "ws1.bossa.test.", "--ttl", "7", check=True)
    kept.add_zone("9.10.in-addr.arpa", "@ 60 SOA ns1 h 1 2 3 4 5\n@ 60 NS ns1\n9.9 7 PTR ws1.bossa.test.\n")
    nsupdate(kept, "update add ws1.bossa.test 60 A 10.1.2.3", "update add ws1.bossa.test 60 A 10.9.9.9")
    nsupdate(kept, "update add ws1.bossa.test 300 A 10.1.2.3")
    nsupdate(kept, "update delete ws1.bossa.test")
    assert ptr(kept, "10.1.2.3") == ptr(kept, "10.9.9.9") == ["ws1.bossa.test."]
    assert ttl(kept, "10.1.2.3") == ttl(kept, "10.9.9.9") == 7


def test_a_key_that_may_change_one_name_only_keeps_its_ptr_true(kept: Domain) -> None:
    """The reverse zone is the server's to keep: the key may not change it."""
    key = kept.add_key("ws1.bossa.test")
    kept.allow(kept.name, "key:ws1.bossa.test", "self", types=["A", "AAAA"])
    update = kept.update(key=key)
    update.replace("ws1", 60, "A", "10.1.2.3")
    assert kept.send(update).rcode() == 0
    assert ptr(kept, "10.1.2.3") == ["ws1.bossa.test."]
    direct = kept.update(NET4, key=key)
    direct.add("4.2.1", 60, "PTR", "ws1.bossa.test.")
    assert kept.send(direct).rcode() == 5


def test_what_a_reverse_zone_gives_away_is_left_alone(kept: Domain) -> None:
    """RFC 2317 §4, RFC 1034 §4.2.1"""
    kept.run("record", "add", NET4, "3.2.1", "CNAME", "3.net.example.", check=True)
    kept.run("record", "add", NET4, "7", "NS", "ns.example.", check=True)
    before = kept.serial(NET4)
    nsupdate(kept, "update add ws1.bossa.test 60 A 10.1.2.3", "update add ws1.bossa.test 60 A 10.7.0.1")
    assert kept.serial(NET4) == before
    assert ptr(kept, "10.1.2.3") == ["3.net.example."]
    kept.wait_for_log("ptr left alone.*alias")


def test_ixfr_of_both_zones_shows_the_step(kept: Domain) -> None:
    """RFC 1995 §4"""
    forward, reverse = kept.serial(), kept.serial(NET4)
    nsupdate(kept, "update add ws1.bossa.test 60 A 10.1.2.3")
    nsupdate(kept, "update delete ws1.bossa.test", "update add ws2.bossa.test 60 A 10.1.2.3")
    a1, a2 = "ws1.bossa.test. 10.1.2.3", "ws2.bossa.test. 10.1.2.3"
    owner = f"3.2.1.{NET4}."
    one, two = f"{owner} ws1.bossa.test.", f"{owner} ws2.bossa.test."
    for zone, first, (old, new) in ((kept.name, forward, (a1, a2)), (NET4, reverse, (one, two))):
        assert steps(kept, zone, first) == [
            (first + 2, []),
            (first, []),
            (first + 1, [old]),
            (first + 1, [old]),
            (first + 2, [new]),
            (first + 2, []),
        ]


def test_a_restart_changes_nothing(kept: Domain) -> None:
    nsupdate(kept, "update add ws1.bossa.test 60 A 10.1.2.3")
    kept.restart()
    assert ptr(kept, "10.1.2.3") == ["ws1.bossa.test."]
    nsupdate(kept, "update delete ws1.bossa.test")
    assert ptr(kept, "10.1.2.3") == []


class Mover(threading.Thread):
    """A host that takes one address after the other, until the server is gone; ``moves`` counts what was answered."""

    def __init__(self, domain: Domain, number: int) -> None:
        super().__init__(daemon=True)
        self.domain = domain
        self.owner = f"host{number}.{domain.name}"
        self.net = f"10.{number}"
        self.moves = 0

    def run(self) -> None:
        """Move until nobody answers."""
        try:
            while True:
                self._move(self.moves + 1)
                self.moves += 1
        except OSError:
            return

    def _move(self, number: int) -> None:
        gone = packets.record(self.owner, "A", rclass=packets.ANY)
        new = packets.record(self.owner, "A", f"{self.net}.{number >> 8}.{number & 255}", ttl=60)
        message = packets.sign(packets.update(self.domain.name, gone, new), self.domain.admin_key)
        # Over TCP, which tells at once that the server is gone.
        reply = self.domain.exchange(message, tcp=True, timeout=10)
        if not reply:
            raise ConnectionError
        assert packets.rcode(reply) == 0


def transferred(domain: Domain, zone: str, rtype: str) -> set[tuple[str, str]]:
    """Fetch a zone (AXFR) and return owners and data of one type."""
    done = subprocess.run(
        [*program("dig"), f"@{domain.address}", "-p", str(domain.dns_port), "+noall", "+answer", zone, "AXFR"],
        env=environment(), capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    rows = (line.split() for line in done.stdout.splitlines() if line and not line.startswith(";"))
    return {(row[0], row[4]) for row in rows if row[3] == rtype}


@pytest.mark.timeout(300)
def test_kill_9_between_moves_leaves_both_zones_of_one_mind(kept: Domain) -> None:
    """One transaction: after a cut every address has its PTR, and every PTR its address."""
    for moves in (5, 25, 15):
        movers = [Mover(kept, number) for number in range(4)]
        for mover in movers:
            mover.start()
        deadline = time.monotonic() + 60
        while min(mover.moves for mover in movers) < moves:
            assert time.monotonic() < deadline, [mover.moves for mover in movers]
            time.sleep(0.005)
        kept.kill()
        for mover in movers:
            mover.join(20)
        kept.restart()
        addresses = {(owner, data) for owner, data in transferred(kept, kept.name, "A") if owner.startswith("host")}
        pointers = transferred(kept, NET4, "PTR")
        back = {(target, ".".join(reversed(owner.split(".")[:4]))) for owner, target in pointers}
        assert back == addresses
        assert len(addresses) == 4
