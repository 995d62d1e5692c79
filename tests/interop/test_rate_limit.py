"""Response rate limiting, by floods from loopback that end by themselves."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from urllib.error import URLError

import pytest

from bossa.testing import packets
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory

RATE, FLOOD = 10, 200
CLIENT = bytes(range(8))
COOKIE = b"\x00\x0a"
# The IDs of queries that end a few others, and how many these are.
_ENDS = (0xFFFE, 0xFFFF)
_FEW = 20


def limited(factory: DomainFactory, extra: str = "", workers: int = 1) -> Domain:
    """Return a domain with a limit, whose workers answer: the accounts are of one process."""
    domain = factory(workers=workers, config_toml=f"[dns]\nrate_limit = {RATE}\n{extra}")
    deadline = time.monotonic() + 20
    while sample(domain, "bossa_dns_workers ") != workers:
        assert time.monotonic() < deadline, "no worker is live"
        time.sleep(0.05)
    return domain


@dataclass(frozen=True, slots=True)
class Flood:
    """What came back to a flood, and how long it took."""

    answers: list[bytes]
    seconds: float

    @property
    def whole(self) -> int:
        """How many answers were not truncated."""
        return sum(not answer[2] & 2 for answer in self.answers)

    @property
    def slipped(self) -> list[bytes]:
        """The truncated ones."""
        return [answer for answer in self.answers if answer[2] & 2]

    @property
    def was_limited(self) -> bool:
        """Whether a second's answers came whole, and no more than the rate after it."""
        return RATE <= self.whole <= RATE * (1 + self.seconds)


def flood(domain: Domain, *wires: bytes, count: int = FLOOD, address: str = "127.0.0.1") -> Flood:
    """Send ``count`` queries from one socket, a few at a time, each few followed by two signed ones.

    These have no limit, and the second is answered after all before it: no answer is waited for in vain.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    ends = [packets.sign(packets.query("ns1.bossa.test", ident=ident), domain.admin_key) for ident in _ENDS]
    answers, began = [], time.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(20)
        client.connect((address, domain.dns_port))
        for first in range(0, count, _FEW):
            for i in range(first, min(first + _FEW, count)):
                client.send(wires[i % len(wires)])
            # The first may overtake answers that leave at the end of its batch; the second is in a later one.
            for end in ends:
                client.send(end)
                while (answer := client.recv(4096))[:2] != end[:2]:
                    answers.append(answer)
    return Flood(answers, time.monotonic() - began)


def metric(domain: Domain, result: str) -> float:
    """Return how many answers were held back so."""
    return sample(domain, f'bossa_dns_rate_limited_total{{result="{result}"}} ')


def sample(domain: Domain, name: str) -> float:
    """Return a sample of the metrics by its name and what follows it; 0 when there is none."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{domain.web_port}/metrics", timeout=10) as page:
            lines = page.read().decode().splitlines()
    except URLError:
        # The page comes up a moment after the names.
        return -1
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_flood_of_one_question_gets_a_second_of_answers_and_half_of_the_rest_truncated(
    domain_factory: DomainFactory, workers: int
) -> None:
    """And the log says so once, the metrics all of it."""
    domain = limited(domain_factory, workers=workers)
    got = flood(domain, packets.query("ns1.bossa.test"))
    assert got.was_limited
    held = FLOOD - got.whole
    assert len(got.slipped) == (held + 1) // 2
    assert {packets.counts(answer) for answer in got.slipped} == {(1, 0, 0, 0)}
    # Workers tell their counts once a second.
    expected, deadline = (len(got.slipped), held - len(got.slipped)), time.monotonic() + 10
    while (metric(domain, "slipped"), metric(domain, "dropped")) != expected:
        assert time.monotonic() < deadline, f"{expected} were held back, and the metrics tell of others"
        time.sleep(0.1)
    domain.wait_for_log("answers limited.*127.0.0.0/24")
    assert domain.log.count("answers limited") <= 2, "one a minute, of which two may be touched"


def test_networks_of_ipv6_are_limited_too(domain_factory: DomainFactory) -> None:
    """As /56"""
    domain = limited(domain_factory)
    for wire in (packets.query("ns1.bossa.test"), packets.query("elsewhere.example")):
        assert flood(domain, wire, address="::1").was_limited
    domain.wait_for_log("answers limited.*::/56")


@pytest.mark.parametrize("workers", [1, 3])
def test_what_the_owner_answers_is_limited_too(domain_factory: DomainFactory, workers: int) -> None:
    """Refusals and ANY are not prepared; there is one owner to all workers."""
    domain = limited(domain_factory, workers=workers)
    for wire in (packets.query("elsewhere.example"), packets.query("bossa.test", "ANY")):
        assert flood(domain, wire).was_limited


def test_refusals_of_updates_and_transfers_are_limited_too(domain_factory: DomainFactory) -> None:
    """Whoever may not do anything here may be forging somebody's address."""
    domain = limited(domain_factory)
    update = packets.update("bossa.test", packets.record("x.bossa.test", "A", "192.0.2.1"))
    assert flood(domain, update, packets.query("bossa.test", "IXFR")).was_limited


def test_random_names_of_a_zone_share_one_account(domain_factory: DomainFactory) -> None:
    """As in a flood by which a zone is to be used against others."""
    domain = limited(domain_factory)
    names = [packets.query(f"r{i}.bossa.test") for i in range(FLOOD)]
    assert flood(domain, *names).was_limited
    assert flood(domain, packets.query("ns1.bossa.test"), count=RATE).whole == RATE, "names that exist do not suffer"


def test_dig_comes_by_tcp_while_its_network_is_limited(domain_factory: DomainFactory) -> None:
    """RFC 7766 §5; TCP has no limit."""
    domain = limited(domain_factory, "rate_slip = 1\n")
    flood(domain, packets.query("ns1.bossa.test"))
    command = [*program("dig"), "@127.0.0.1", "-p", str(domain.dns_port), "+nocookie", "+tries=1", "ns1.bossa.test"]
    for _ in range(3):
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30, check=True)
        assert "Truncated, retrying in TCP mode" in done.stdout
        assert "ANSWER: 1" in done.stdout
    for _ in range(3 * RATE):
        assert packets.counts(domain.exchange(packets.query("ns1.bossa.test"), tcp=True))[1] == 1


def test_a_client_cookie_alone_proves_nothing(domain_factory: DomainFactory) -> None:
    cookie = packets.opt(options=COOKIE + b"\x00\x08" + CLIENT)
    assert flood(limited(domain_factory), packets.query("ns1.bossa.test", "A", cookie)).was_limited


def test_who_has_a_valid_cookie_has_no_limit(domain_factory: DomainFactory) -> None:
    """RFC 7873 §5.2.5; a slipped answer is enough to learn one."""
    domain = limited(domain_factory, "rate_slip = 1\n")
    asking = packets.query("ns1.bossa.test", "A", packets.opt(options=COOKIE + b"\x00\x08" + CLIENT))
    slipped = flood(domain, asking).slipped[0]
    cookie = slipped[-28:]
    assert cookie.startswith(COOKIE + b"\x00\x18" + CLIENT)
    known = packets.query("ns1.bossa.test", "A", packets.opt(options=cookie))
    assert flood(domain, known).whole == FLOOD


def test_signed_queries_have_no_limit(domain_factory: DomainFactory) -> None:
    """A key proves more than an address."""
    domain = limited(domain_factory)
    wire = packets.sign(packets.query("ns1.bossa.test"), domain.admin_key)
    assert flood(domain, wire).whole == FLOOD


@pytest.mark.parametrize("how", ["rate_exempt = ['127.0.0.0/8']", "rate_limit = 0"])
def test_a_reload_takes_the_limit_away(domain_factory: DomainFactory, how: str) -> None:
    """For some networks or for all"""
    domain = limited(domain_factory)
    assert flood(domain, packets.query("ns1.bossa.test")).whole < FLOOD
    limit = "" if how.startswith("rate_limit") else f"rate_limit = {RATE}\n"
    (domain.home / "bossa.toml").write_text(f"[dns]\n{limit}{how}\n")
    domain.run("reload", check=True)
    assert flood(domain, packets.query("ns1.bossa.test")).whole == FLOOD


def test_by_default_there_is_no_limit(shared_domain: Domain) -> None:
    """It is for servers that strangers reach."""
    assert flood(shared_domain, packets.query("ns1.bossa.test")).whole == FLOOD
