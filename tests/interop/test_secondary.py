"""The secondary role between two servers of ours: fetched, followed, expired, and back again."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.query
import dns.rcode
import dns.rdata
import dns.tsigkeyring
import dns.zone
import pytest

from bossa.testing import packets
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain, TsigKey

QUICK = "@ SOA ns1 host 1 1 1 3 1\n@ NS ns1\nns1 A 127.0.0.1\n"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Domain, Domain]]:
    """Two domains, one.test and two.test, that share a key."""
    both = []
    try:
        for name in ("one.test", "two.test"):
            both.append(Domain(tmp_path_factory.mktemp("pair"), name=name))
            both[-1].start()
        shared = both[0].add_key("peer")
        both[1].add_key("peer", secret=shared.secret)
        yield both[0], both[1]
    finally:
        for one in both:
            one.close()


@pytest.fixture
def served(pair: tuple[Domain, Domain], label: str) -> Iterator[str]:
    """A zone of one.test's that two.test follows by key, told by NOTIFY."""
    primary, secondary = pair
    name = f"{label}.zone.test"
    primary.add_zone(name, "@ SOA ns1 host 1 3600 900 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n")
    primary.set_zone(name, allow_transfer=("key:peer",), notify=(f"127.0.0.1:{secondary.dns_port}@peer",))
    primary.allow(name, "key:admin")
    follow(secondary, primary, name, key="peer")
    yield name


def follow(secondary: Domain, primary: Domain, zone: str, *, key: str = "") -> None:
    """Make a zone of ``secondary`` that follows ``primary``, and wait until it is fetched, and that is written down."""
    secondary.follow(zone, f"127.0.0.1:{primary.dns_port}" + (f"@{key}" if key else ""))
    wait_equal(secondary, primary, zone)
    secondary.wait_for_log(f"transfer in .*zone={re.escape(zone.rstrip('.'))}")


def wait_until(true: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


def serial_of(domain: Domain, zone: str) -> int | None:
    """Return a zone's serial, None when it gets no answer."""
    reply = domain.ask(dns.name.from_text(zone), "SOA")
    return reply.answer[0][0].serial if reply.rcode() == dns.rcode.NOERROR else None


def wait_equal(secondary: Domain, primary: Domain, zone: str) -> None:
    wait_until(lambda: serial_of(secondary, zone) == serial_of(primary, zone), f"{zone} has the primary's serial")


def put(domain: Domain, zone: str, name: str, address: str) -> None:
    update = domain.update(zone)
    update.replace(name, 60, "A", address)
    assert domain.send(update).rcode() == dns.rcode.NOERROR


def edes(reply: dns.message.Message) -> list[int]:
    return [int(option.code) for option in reply.options if isinstance(option, dns.edns.EDEOption)]


@pytest.mark.parametrize("key", ["peer", ""], ids=["signed", "unsigned"])
def test_two_servers_are_secondaries_of_each_others_zones(pair: tuple[Domain, Domain], label: str, key: str) -> None:
    for primary, secondary in (pair, pair[::-1]):
        zone = f"{label}.{primary.name}"
        primary.add_zone(zone, "@ SOA ns1 host 7 3600 900 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\nx TXT a b\n")
        who = f"key:{key}" if key else "net:127.0.0.0/8"
        primary.set_zone(zone, allow_transfer=(who,))
        follow(secondary, primary, zone, key=key)
        assert secondary.content(zone) == primary.content(zone)
        assert secondary.ask(dns.name.from_text(f"x.{zone}"), "TXT").flags & dns.flags.AA


def test_changes_follow_by_notify_and_increment(pair: tuple[Domain, Domain], served: str) -> None:
    primary, secondary = pair
    since = len(secondary.log)
    for number in range(5):
        put(primary, served, "moving", f"192.0.2.{number}")
        put(primary, served, f"n{number}", "192.0.2.1")
    removal = primary.update(served)
    removal.delete("n3")
    primary.send(removal)
    wait_equal(secondary, primary, served)
    assert serial_of(secondary, served) == 12
    assert secondary.content(served) == primary.content(served)
    line = secondary.wait_for_log(f"transfer in.*{served}.*kind=IXFR", since=since)
    assert "stored=steps" in line
    assert "kind=AXFR" not in secondary.log[since:]


def test_a_secondary_hands_the_steps_on_as_they_were(pair: tuple[Domain, Domain], served: str) -> None:
    """RFC 1995 §4: the history of a secondary has the primary's serials."""
    primary, secondary = pair
    secondary.set_zone(served, allow_transfer=("net:127.0.0.0/8",))
    for number in range(3):
        put(primary, served, "stepping", f"192.0.2.{number}")
        wait_equal(secondary, primary, served)
    query = dns.message.make_query(served, "IXFR")
    soa = query.find_rrset(query.authority, dns.name.from_text(served), "IN", "SOA", create=True)
    soa.add(dns.rdata.from_text("IN", "SOA", ". . 1 0 0 0 0"))
    reply = dns.message.from_wire(secondary.exchange(query.to_wire(), tcp=True), one_rr_per_rrset=True)
    serials = [rrset[0].serial for rrset in reply.answer if rrset.rdtype.name == "SOA"]
    assert serials == [4, 1, 2, 2, 3, 3, 4, 4]


def test_commands_show_what_a_secondary_is(pair: tuple[Domain, Domain], served: str) -> None:
    primary, secondary = pair
    shown = secondary.run("zone", "show", served, check=True).stdout
    for line in (
        rf"secondary of +127.0.0.1:{primary.dns_port}@peer",
        "state +current",
        "expires +20",
        "next refresh +20",
    ):
        assert re.search(line, shown), line
    listed = secondary.run("zone", "list", check=True).stdout
    assert f"secondary of 127.0.0.1:{primary.dns_port}@peer" in listed
    assert any(served in line and "secondary, current" in line for line in secondary.run("status").stdout.splitlines())
    assert secondary.run("zone", "retransfer", served, check=True).stdout == f"zone {served} is current, serial 1\n"
    assert "fetched, serial 1, 2 names" in secondary.run("zone", "retransfer", served, "--full", check=True).stdout
    assert secondary.run("zone", "retransfer", "two.test").returncode == 2


def test_records_of_a_secondary_are_the_primarys_to_change(
    pair: tuple[Domain, Domain], served: str, tmp_path: Path
) -> None:
    secondary = pair[1]
    file = tmp_path / "zone"
    file.write_text(QUICK)
    for command in (
        ("record", "add", served, "x", "A", "192.0.2.1"),
        ("record", "remove", served, "ns1"),
        ("zone", "import", served, str(file), "--replace"),
    ):
        done = secondary.run(*command)
        assert done.returncode == 2
        assert f"it is a secondary of 127.0.0.1:{pair[0].dns_port}@peer" in done.stderr
    update = secondary.update(served)
    update.add("x", 60, "A", "192.0.2.1")
    secondary.allow(served, "key:admin")
    assert secondary.send(update).rcode() == dns.rcode.REFUSED
    secondary.wait_for_log("update refused.*the zone has a primary, and passes no updates on")


def test_a_zone_that_was_never_fetched_is_servfail_and_not_ready(pair: tuple[Domain, Domain], label: str) -> None:
    """RFC 8914 §4.15"""
    primary, secondary = pair
    zone = f"{label}.late.test"
    secondary.run("zone", "add", zone, "--primary", f"127.0.0.1:{primary.dns_port}", check=True)
    for name in (zone, f"www.{zone}"):
        for tcp in (False, True):
            reply = secondary.ask(dns.name.from_text(name), "SOA", tcp=tcp)
            assert (reply.rcode(), edes(reply)) == (dns.rcode.SERVFAIL, [dns.edns.EDECode.NOT_READY])
    assert "not fetched" in secondary.run("zone", "show", zone, check=True).stdout
    status = secondary.run("status")
    assert status.returncode == 1
    assert f"Zone {zone}. is not fetched" in status.stdout
    refused = secondary.run("zone", "set", zone, "--primary", "none")
    assert "it was never fetched" in refused.stderr
    primary.add_zone(zone, QUICK)
    primary.set_zone(zone, allow_transfer=("net:127.0.0.0/8",))
    wait_equal(secondary, primary, zone)
    secondary.remove_zone(zone)


def test_without_its_primary_a_zone_is_served_until_it_expires(domain_factory: Callable[..., Domain]) -> None:
    """RFC 1034 §4.3.5, RFC 8914 §4.25; a restart in between makes nothing younger."""
    primary, secondary = domain_factory(name="one.test"), domain_factory(name="two.test")
    zone = "quick.test"
    primary.add_zone(zone, QUICK.replace("1 1 1 3 1", "1 1 1 6 1"))
    primary.set_zone(zone, allow_transfer=("net:127.0.0.0/8",))
    follow(secondary, primary, zone)
    primary.kill()
    secondary.restart()
    apex = dns.name.from_text(zone)
    assert secondary.ask(apex, "SOA").rcode() == dns.rcode.NOERROR
    wait_until(lambda: serial_of(secondary, zone) is None, "the zone expires")
    reply = secondary.ask(dns.name.from_text(f"ns1.{zone}"))
    assert (reply.rcode(), edes(reply)) == (dns.rcode.SERVFAIL, [24])
    secondary.wait_for_log("zone expired.*quick.test")
    assert "Zone quick.test. is expired" in secondary.run("status").stdout
    secondary.restart()
    assert secondary.ask(apex, "SOA").rcode() == dns.rcode.SERVFAIL
    transfer = dns.message.make_query(zone, "AXFR")
    secondary.set_zone(zone, allow_transfer=("net:127.0.0.0/8",))
    assert secondary.send(transfer, tcp=True).rcode() == dns.rcode.SERVFAIL
    primary.restart()
    wait_equal(secondary, primary, zone)
    assert secondary.ask(dns.name.from_text(f"ns1.{zone}")).answer[0][0].address == "127.0.0.1"
    assert secondary.run("status").returncode == 0


def test_a_secondary_that_was_away_catches_up_by_increment(domain_factory: Callable[..., Domain]) -> None:
    primary, secondary = domain_factory(name="one.test"), domain_factory(name="two.test")
    primary.set_zone("one.test", allow_transfer=("net:127.0.0.0/8",))
    follow(secondary, primary, "one.test")
    secondary.stop()
    for number in range(10):
        put(primary, "one.test", f"n{number}", "192.0.2.1")
    since = len(secondary.log)
    secondary.restart()
    wait_equal(secondary, primary, "one.test")
    assert secondary.content("one.test") == primary.content("one.test")
    secondary.wait_for_log("transfer in.*kind=IXFR.*stored=steps", since=since)


def test_a_zone_of_ours_becomes_a_secondary_and_ours_again(pair: tuple[Domain, Domain], label: str) -> None:
    primary, secondary = pair
    zone = f"{label}.moves.test"
    for domain, serial in ((primary, 9), (secondary, 5)):
        domain.add_zone(zone, QUICK.replace("1 1 1 3 1", f"{serial} 3600 900 1209600 300"))
    primary.run("record", "add", zone, "only", "A", "192.0.2.7", check=True)
    primary.set_zone(zone, allow_transfer=("key:peer",))
    secondary.run("zone", "set", zone, "--primary", f"127.0.0.1:{primary.dns_port}@peer", check=True)
    wait_equal(secondary, primary, zone)
    assert secondary.content(zone) == primary.content(zone)
    secondary.run("zone", "set", zone, "--primary", "none", check=True)
    secondary.run("record", "add", zone, "mine", "A", "192.0.2.8", check=True)
    assert serial_of(secondary, zone) == 11


# NOTIFY by hand


def notify(domain: Domain, zone: str, *, serial: int | None = None, source: str = "127.0.0.1") -> dns.message.Message:
    message = dns.message.make_query(zone, "SOA", flags=dns.flags.AA)
    message.set_opcode(dns.opcode.NOTIFY)
    if serial is not None:
        soa = message.find_rrset(message.answer, dns.name.from_text(zone), "IN", "SOA", create=True)
        soa.add(dns.rdata.from_text("IN", "SOA", f". . {serial} 0 0 0 0"))
    return dns.query.udp(message, domain.address, port=domain.dns_port, timeout=5, source=source)


def test_a_notify_of_the_primary_is_acknowledged_and_followed(pair: tuple[Domain, Domain], served: str) -> None:
    """RFC 1996 §3.7, §3.11"""
    primary, secondary = pair
    primary.set_zone(served, notify=("none",))
    put(primary, served, "quiet", "192.0.2.1")
    time.sleep(0.6)
    assert serial_of(secondary, served) == 1
    assert notify(secondary, served, serial=1).rcode() == dns.rcode.NOERROR
    time.sleep(0.3)
    assert serial_of(secondary, served) == 1, "that serial was no news"
    reply = notify(secondary, served, serial=2)
    assert (reply.rcode(), reply.opcode()) == (dns.rcode.NOERROR, dns.opcode.NOTIFY)
    assert reply.flags & dns.flags.AA
    assert reply.flags & dns.flags.QR
    wait_equal(secondary, primary, served)


def test_a_notify_of_a_stranger_is_refused(pair: tuple[Domain, Domain], served: str) -> None:
    """RFC 1996 §3.10"""
    secondary = pair[1]
    assert notify(secondary, served, source="127.0.0.2").rcode() == dns.rcode.REFUSED
    secondary.wait_for_log(r"notify refused.*client=127\.0\.0\.2.*is no primary of the zone")
    assert notify(secondary, "two.test").rcode() == dns.rcode.REFUSED
    assert notify(secondary, "elsewhere.test").rcode() == dns.rcode.NOTAUTH


def test_metrics_count_transfers_and_notifies(pair: tuple[Domain, Domain], served: str) -> None:
    primary, secondary = pair
    put(primary, served, "counted", "192.0.2.1")
    wait_equal(secondary, primary, served)
    with socket.create_connection(("127.0.0.1", secondary.web_port), 5) as client:
        client.sendall(f"GET /metrics HTTP/1.0\r\nHost: 127.0.0.1:{secondary.web_port}\r\n\r\n".encode())
        text = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    for wanted in (
        'bossa_dns_transfers_total{direction="in",kind="IXFR",result="done"}',
        'bossa_dns_transfers_total{direction="in",kind="AXFR",result="done"}',
        'bossa_dns_notifies_total{direction="in",result="done"}',
        f'bossa_zone_refresh_age{{zone="{served}."}}',
        f'bossa_zone_expired{{zone="{served}."}} 0.0',
    ):
        assert wanted in text


# Updates passed on


def nsupdate(
    domain: Domain, key: TsigKey, script: str, tmp_path: Path, *flags: str
) -> subprocess.CompletedProcess[str]:
    file = tmp_path / "nsupdate.key"
    file.write_text(key.file)
    return subprocess.run(
        [*program("nsupdate"), *flags, "-k", str(file)],
        input=f"server 127.0.0.1 {domain.dns_port}\n{script}\nsend\n",
        env=environment(), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("flags", [(), ("-v",)], ids=["UDP", "TCP"])
def test_nsupdate_verifies_the_primary_through_a_secondary(
    pair: tuple[Domain, Domain], served: str, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    """RFC 2136 §6, RFC 8945 §5.5: a key that only the primary has."""
    primary, secondary = pair
    key = primary.add_key(f"client-{served}")
    primary.allow(served, f"key:client-{served}")
    script = f"zone {served}\nupdate add passed.{served} 60 A 192.0.2.44"
    refused = nsupdate(secondary, key, script, tmp_path, *flags)
    assert refused.returncode != 0
    assert "BADKEY" in refused.stderr
    secondary.set_zone(served, forward_updates=True)
    done = nsupdate(secondary, key, script, tmp_path, *flags)
    assert (done.returncode, done.stderr) == (0, "")
    assert addresses(primary, f"passed.{served}") == ["192.0.2.44"]
    wait_equal(secondary, primary, served)
    assert addresses(secondary, f"passed.{served}") == ["192.0.2.44"]
    secondary.wait_for_log(f"update passed on.*{served}.*code=NOERROR")


def addresses(domain: Domain, name: str) -> list[str]:
    return domain.values(dns.name.from_text(name))


def test_what_the_primary_refuses_comes_back_with_its_signature(
    pair: tuple[Domain, Domain], served: str, tmp_path: Path
) -> None:
    primary, secondary = pair
    secondary.set_zone(served, forward_updates=True)
    stranger = primary.add_key(f"stranger-{served}")
    update = primary.update(served, key=stranger)
    update.add("x", 60, "A", "192.0.2.1")
    reply = secondary.send(update)
    assert reply.rcode() == dns.rcode.REFUSED
    assert reply.had_tsig
    wrong = TsigKey(stranger.name, stranger.algorithm, "A" * 42 + "8=")
    done = nsupdate(secondary, wrong, f"zone {served}\nupdate add x.{served} 60 A 192.0.2.1", tmp_path)
    assert "BADSIG" in done.stderr


def test_the_octets_of_a_forwarded_answer_are_the_primarys_but_for_the_id(
    pair: tuple[Domain, Domain], served: str
) -> None:
    primary, secondary = pair
    secondary.set_zone(served, forward_updates=True)
    key = primary.add_key(f"raw-{served}")
    primary.allow(served, f"key:{key.name.rstrip('.')}")
    record = packets.record(f"raw.{served}", "A", "192.0.2.1", ttl=60)
    request = packets.sign(packets.update(served, record, ident=0xBEEF), key)
    reply = secondary.exchange(request)
    assert reply[:2] == b"\xbe\xef"
    assert packets.rcode(reply) == dns.rcode.NOERROR
    assert packets.reply_is_signed(reply, request, key)


def test_a_key_that_the_secondary_has_too_is_checked_there_first(pair: tuple[Domain, Domain], served: str) -> None:
    """RFC 8945 §5.5"""
    primary, secondary = pair
    secondary.set_zone(served, forward_updates=True)
    primary.allow(served, "key:peer")
    key = TsigKey.parse(primary.run("key", "show", "peer", check=True).stdout)
    update = primary.update(served, key=key)
    update.add("both", 60, "A", "192.0.2.45")
    assert secondary.send(update).rcode() == dns.rcode.NOERROR
    assert addresses(primary, f"both.{served}") == ["192.0.2.45"]
    # Both have a key of this name, each its own.
    request = packets.sign(packets.update(served, packets.record(f"x.{served}", "A", "192.0.2.1")), primary.admin_key)
    reply = secondary.exchange(request)
    assert packets.rcode(reply) == dns.rcode.NOTAUTH
    secondary.wait_for_log("update refused.*BADSIG.*key=admin")


def test_an_unsigned_update_is_the_primarys_to_judge(pair: tuple[Domain, Domain], served: str) -> None:
    primary, secondary = pair
    secondary.set_zone(served, forward_updates=True)
    wire = packets.update(served, packets.record(f"plain.{served}", "A", "192.0.2.46", ttl=60))
    assert packets.rcode(secondary.exchange(wire)) == dns.rcode.REFUSED
    primary.allow(served, "net:127.0.0.0/8")
    assert packets.rcode(secondary.exchange(wire)) == dns.rcode.NOERROR
    assert addresses(primary, f"plain.{served}") == ["192.0.2.46"]


def test_an_update_whose_primary_is_gone_is_servfail_in_bounded_time(domain_factory: Callable[..., Domain]) -> None:
    primary, secondary = domain_factory(name="one.test"), domain_factory(name="two.test")
    primary.set_zone("one.test", allow_transfer=("net:127.0.0.0/8",))
    follow(secondary, primary, "one.test")
    secondary.set_zone("one.test", forward_updates=True)
    wire = packets.update("one.test", packets.record("x.one.test", "A", "192.0.2.1", ttl=60))
    primary.stop()
    started = time.monotonic()
    reply = secondary.exchange(wire, timeout=15)
    assert packets.rcode(reply) == dns.rcode.SERVFAIL
    assert time.monotonic() - started < 10
    secondary.wait_for_log("update not passed on.*one.test")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("zone", "add", "a.test", "--primary", "nowhere"), "it is no server"),
        (("zone", "add", "a.test", "--primary", "127.0.0.1@nokey"), "there is no such key"),
        (("zone", "add", "a.test", "--primary", "127.0.0.1", "--ns", "x"), "NS records and mailbox come from it"),
        (("zone", "set", "one.test", "--forward-updates", "yes"), "only a secondary has a primary"),
        (("zone", "set", "one.test", "--forward-updates", "maybe"), "is not one of"),
        (("zone", "set", "one.test", "--notify", "127.0.0.1:0"), "it is no server"),
        (("zone", "retransfer", "one.test"), "it has no primary"),
    ],
)
def test_commands_that_make_no_sense_say_why(
    pair: tuple[Domain, Domain], arguments: tuple[str, ...], says: str
) -> None:
    done = pair[0].run(*arguments)
    assert done.returncode in (2, 64)
    assert says in done.stderr


# A large zone


class Impatient(threading.Thread):
    """A client that asks the owner again and again over one connection, and keeps how long each answer took."""

    def __init__(self, domain: Domain) -> None:
        super().__init__(daemon=True)
        self.waits: list[float] = []
        self.finished = False
        self._domain = domain

    def run(self) -> None:
        wire = packets.query(self._domain.name, "SOA")
        with socket.create_connection((self._domain.address, self._domain.dns_port), 20) as client:
            while not self.finished:
                started = time.monotonic()
                client.sendall(len(wire).to_bytes(2, "big") + wire)
                client.recv(4096)
                self.waits.append(time.monotonic() - started)
                time.sleep(0.002)
                # A quiet connection is closed; this one never is.


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_large_zone_comes_in_while_others_are_answered(domain_factory: Callable[..., Domain], tmp_path: Path) -> None:
    primary, secondary = domain_factory(name="one.test"), domain_factory(name="two.test")
    file = tmp_path / "large"
    hosts = "".join(f"h{n} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}\n" for n in range(100_000))
    file.write_text("$TTL 300\n@ SOA ns1 host 1 3600 900 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n" + hosts)
    primary.run("zone", "import", "large.test", str(file), check=True, timeout=300)
    primary.set_zone("large.test", allow_transfer=("net:127.0.0.0/8",))
    client = Impatient(secondary)
    client.start()
    secondary.follow("large.test", f"127.0.0.1:{primary.dns_port}")
    wait_until(lambda: serial_of(secondary, "large.test") == 1, "the zone is fetched", 300)
    file.write_text(file.read_text().replace("host 1 3600", "host 2 3600").replace("h9 A 10.0", "h9 A 10.99"))
    primary.run("zone", "import", "large.test", str(file), "--replace", check=True, timeout=300)
    assert secondary.retransfer("large.test") == ""
    client.finished = True
    client.join(30)
    assert addresses(secondary, "h9.large.test") == ["10.99.0.9"]
    secondary.wait_for_log("transfer in.*zone=large.test.*stored=difference")
    waits = sorted(client.waits)
    print(f"{len(waits)} answers, the longest waits {[round(1000 * wait) for wait in waits[-8:]]} ms")
    # All of it in one go would be seconds.
    assert waits[-1] < 1.0
