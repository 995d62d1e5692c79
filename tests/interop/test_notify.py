"""NOTIFY out, to a secondary of the test's own: once for a burst, signed, until it is acknowledged."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from bossa.testing import packets
from bossa.testing.domain import Domain
from bossa.testing.scripted import ScriptedServer

ZONE = "@ SOA ns1 host 1 3600 900 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n"


class Listener:
    """A secondary that acknowledges NOTIFYs, but for the first ``deaf`` ones, by ``answer``."""

    def __init__(self, deaf: int = 0) -> None:
        self.deaf = deaf
        self.answer: Callable[[bytes], bytes] = acknowledge
        self.server = ScriptedServer(self._hear)

    def _hear(self, request: bytes, tcp: bool) -> list[bytes | None]:
        self.deaf -= 1
        return [] if self.deaf >= 0 else [self.answer(request)]

    @property
    def serials(self) -> list[int]:
        """What was told, copies included."""
        messages = [dns.message.from_wire(one, keyring=False) for one in self.server.asked]
        return [message.answer[0][0].serial for message in messages]

    def wait(self, count: int, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while len(self.server.asked) < count:
            assert time.monotonic() < deadline, f"{len(self.server.asked)} of {count} messages came"
            time.sleep(0.02)


def acknowledge(request: bytes) -> bytes:
    bare = packets.header((1, 0, 0, 0), opcode=4, flags=0x8400, ident=int.from_bytes(request[:2], "big"))
    return bare + packets.question(dns.message.from_wire(request, keyring=False).question[0].name.to_text(), "SOA")


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.server.close()


@pytest.fixture
def zone(shared_domain: Domain, label: str) -> str:
    name = f"{label}.told.test"
    shared_domain.add_zone(name, ZONE)
    shared_domain.allow(name, "key:admin")
    return name


def tell(domain: Domain, zone: str, listener: Listener, key: str = "") -> None:
    domain.set_zone(zone, notify=(f"127.0.0.1:{listener.server.port}{key}",))


def change(domain: Domain, zone: str, count: int = 1) -> None:
    for number in range(count):
        update = domain.update(zone)
        update.replace("x", 60, "A", f"192.0.2.{number}")
        assert domain.send(update).rcode() == dns.rcode.NOERROR


def test_a_burst_of_changes_is_told_in_few_messages(shared_domain: Domain, zone: str, listener: Listener) -> None:
    """RFC 1996 §3.5, §3.7"""
    tell(shared_domain, zone, listener)
    listener.wait(1)
    message = dns.message.from_wire(listener.server.asked[0])
    assert (message.opcode(), message.flags & dns.flags.AA) == (dns.opcode.NOTIFY, dns.flags.AA)
    assert message.question[0].to_text() == f"{zone}. IN SOA"
    started = time.monotonic()
    change(shared_domain, zone, 30)
    bursts = (time.monotonic() - started) / 0.25 + 2
    deadline = time.monotonic() + 10
    while listener.serials[-1] != 31:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert len(listener.serials) <= 1 + bursts
    told = len(listener.serials)
    time.sleep(1.5)
    assert len(listener.serials) == told, "what was acknowledged is not told again"


def test_a_notify_is_signed_when_its_target_names_a_key(shared_domain: Domain, zone: str, listener: Listener) -> None:
    key = shared_domain.add_key(f"key-{zone}")
    listener.answer = lambda request: packets.sign_stream([acknowledge(request)], request, key)[0]
    tell(shared_domain, zone, listener, f"@key-{zone}")
    listener.wait(1)
    message = dns.message.from_wire(listener.server.asked[0], keyring=key.dns)
    assert message.had_tsig
    time.sleep(1.5)
    assert len(listener.serials) == 1


@pytest.mark.parametrize("how", ["deaf", "wrong ID", "unsigned", "REFUSED"])
def test_a_notify_is_repeated_until_it_is_acknowledged(
    shared_domain: Domain, zone: str, listener: Listener, how: str
) -> None:
    """RFC 1996 §3.6"""
    key = shared_domain.add_key(f"key-{zone}")

    def good(request: bytes) -> bytes:
        return packets.sign_stream([acknowledge(request)], request, key)[0]

    bad: dict[str, Callable[[bytes], bytes]] = {
        "wrong ID": lambda request: good(bytes((request[0] ^ 1, *request[1:2])) + request[2:]),
        "unsigned": acknowledge,
        "REFUSED": lambda request: acknowledge(request)[:3] + b"\x05" + acknowledge(request)[4:],
    }
    listener.deaf = 2 if how == "deaf" else 0
    listener.answer = bad.get(how, good)
    tell(shared_domain, zone, listener, f"@key-{zone}")
    listener.wait(2)
    listener.answer = good
    listener.wait(3)
    time.sleep(0.3)
    told = len(listener.serials)
    time.sleep(2)
    assert len(listener.serials) == told


def test_what_changes_while_nobody_listens_is_told_as_it_is_then(
    shared_domain: Domain, zone: str, listener: Listener
) -> None:
    listener.deaf = 1
    tell(shared_domain, zone, listener)
    listener.wait(1)
    change(shared_domain, zone, 3)
    listener.wait(2)
    assert listener.serials[:2] == [1, 4]


def test_a_zone_that_comes_back_with_the_serial_it_had_is_told_again(
    shared_domain: Domain, zone: str, listener: Listener
) -> None:
    tell(shared_domain, zone, listener)
    listener.wait(1)
    shared_domain.run("zone", "remove", zone, check=True)
    shared_domain.add_zone(zone, ZONE)
    tell(shared_domain, zone, listener)
    listener.wait(2)
    assert listener.serials == [1, 1]


def test_a_start_tells_every_zone_and_a_command_too(domain: Domain, listener: Listener) -> None:
    tell(domain, domain.name, listener)
    listener.wait(1)
    domain.restart()
    listener.wait(2)
    domain.run("record", "add", domain.name, "x", "A", "192.0.2.1", check=True)
    listener.wait(3)
    first = listener.serials[0]
    assert listener.serials == [first, first, first + 1]


def test_a_secondary_tells_its_own_secondaries_once_it_is_fetched(
    shared_domain: Domain, zone: str, domain: Domain, listener: Listener
) -> None:
    """RFC 1996 §2.1: in a chain each tells the next."""
    domain.follow(zone, f"127.0.0.1:{shared_domain.dns_port}")
    tell(domain, zone, listener)
    time.sleep(0.6)
    assert listener.server.asked == [], "there is nothing to fetch yet"
    shared_domain.set_zone(zone, allow_transfer=("net:127.0.0.0/8",))
    assert domain.retransfer(zone) == ""
    listener.wait(1)
    assert listener.serials == [1]
    change(shared_domain, zone)
    assert domain.retransfer(zone) == ""
    listener.wait(2)
    assert listener.serials == [1, 2]


@pytest.mark.long
def test_servers_that_are_gone_are_a_line_in_the_log_and_the_primary_is_not_told(domain: Domain) -> None:
    """RFC 1996 §2.3, §3.6: the zone's own name servers have port 53, which is nobody's here."""
    domain.add_zone("ns.test", f"{ZONE}@ NS ns2\nns2 A 127.0.0.77\n")
    domain.set_zone("ns.test", notify=("ns", "127.0.0.1:1"))
    domain.wait_for_log("notify failed.*zone=ns.test. to=127.0.0.77 ", timeout=45)
    domain.wait_for_log("notify failed.*zone=ns.test. to=127.0.0.1:1 ", timeout=45)
    assert "to=127.0.0.1 " not in domain.log
