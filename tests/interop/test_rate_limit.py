"""Response rate limiting, by floods from loopback that end by themselves."""

from __future__ import annotations

import socket
import subprocess
import time

import pytest

from bossa.testing import packets
from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory

RATE, FLOOD = 10, 200
CLIENT = bytes(range(8))
COOKIE = b"\x00\x0a"


def limited(factory: DomainFactory, extra: str = "") -> Domain:
    """Return a domain with a limit, whose owner answers alone."""
    return factory(workers=0, config_toml=f"[dns]\nrate_limit = {RATE}\n{extra}")


def flood(domain: Domain, *wires: bytes, count: int = FLOOD, address: str = "127.0.0.1") -> list[bytes]:
    """Send ``count`` queries from one socket, as fast as answers come or fail to; return the answers."""
    answers = []
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(0.3)
        client.connect((address, domain.dns_port))
        for i in range(count):
            client.send(wires[i % len(wires)])
            if i % 20 == 19:
                time.sleep(0.002)
        while True:
            try:
                answers.append(client.recv(4096))
            except TimeoutError:
                return answers


def whole(answers: list[bytes]) -> int:
    """Return how many answers were not truncated."""
    return sum(not answer[2] & 2 for answer in answers)


def metric(domain: Domain, result: str) -> float:
    """Return how many answers were held back so."""
    import urllib.request

    with urllib.request.urlopen(f"http://127.0.0.1:{domain.web_port}/metrics", timeout=10) as page:
        lines = page.read().decode().splitlines()
    name = f'bossa_dns_rate_limited_total{{result="{result}"}} '
    return sum(float(line.removeprefix(name)) for line in lines if line.startswith(name))


def test_a_flood_of_one_question_gets_a_second_of_answers_and_half_of_the_rest_truncated(
    domain_factory: DomainFactory,
) -> None:
    """And the log says so once, the metrics all of it."""
    domain = limited(domain_factory)
    began = time.monotonic()
    answers = flood(domain, packets.query("ns1.bossa.test"))
    seconds = time.monotonic() - began
    assert RATE <= whole(answers) <= RATE * (1 + seconds)
    slipped = [answer for answer in answers if answer[2] & 2]
    held = FLOOD - whole(answers)
    assert len(slipped) == (held + 1) // 2
    assert {packets.counts(answer) for answer in slipped} == {(1, 0, 0, 0)}
    assert (metric(domain, "slipped"), metric(domain, "dropped")) == (len(slipped), held - len(slipped))
    domain.wait_for_log("answers limited.*127.0.0.0/24")
    assert domain.log.count("answers limited") <= 2, "one a minute, of which two may be touched"


def test_networks_of_ipv6_are_limited_too(domain_factory: DomainFactory) -> None:
    """As /56"""
    domain = limited(domain_factory)
    for wire in (packets.query("ns1.bossa.test"), packets.query("elsewhere.example")):
        assert RATE <= whole(flood(domain, wire, address="::1")) <= 3 * RATE
    domain.wait_for_log("answers limited.*::/56")


def test_what_the_owner_answers_is_limited_too(domain_factory: DomainFactory) -> None:
    """Refusals, queries with a client cookie only, and ANY are not prepared."""
    domain = limited(domain_factory)
    for wire in (
        packets.query("elsewhere.example"),
        packets.query("ns1.bossa.test", "A", packets.opt(options=COOKIE + b"\x00\x08" + CLIENT)),
        packets.query("bossa.test", "ANY"),
    ):
        assert RATE <= whole(flood(domain, wire)) <= 3 * RATE


def test_random_names_of_a_zone_share_one_account(domain_factory: DomainFactory) -> None:
    """As in a flood by which a zone is to be used against others."""
    domain = limited(domain_factory)
    names = [packets.query(f"r{i}.bossa.test") for i in range(FLOOD)]
    assert RATE <= whole(flood(domain, *names)) <= 3 * RATE
    assert whole(flood(domain, packets.query("ns1.bossa.test"), count=RATE)) == RATE, "names that exist do not suffer"


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


def test_who_has_a_valid_cookie_has_no_limit(domain_factory: DomainFactory) -> None:
    """RFC 7873 §5.2.5; a slipped answer is enough to learn one."""
    domain = limited(domain_factory, "rate_slip = 1\n")
    asking = packets.query("ns1.bossa.test", "A", packets.opt(options=COOKIE + b"\x00\x08" + CLIENT))
    slipped = flood(domain, asking)[-1]
    assert slipped[2] & 2
    cookie = slipped[-28:]
    assert cookie.startswith(COOKIE + b"\x00\x18" + CLIENT)
    known = packets.query("ns1.bossa.test", "A", packets.opt(options=cookie))
    assert whole(flood(domain, known)) == FLOOD


def test_signed_queries_have_no_limit(domain_factory: DomainFactory) -> None:
    """A key proves more than an address."""
    domain = limited(domain_factory)
    wire = packets.sign(packets.query("ns1.bossa.test"), domain.admin_key)
    assert whole(flood(domain, wire)) == FLOOD


@pytest.mark.parametrize("how", ["rate_exempt = ['127.0.0.0/8']", "rate_limit = 0"])
def test_a_reload_takes_the_limit_away(domain_factory: DomainFactory, how: str) -> None:
    """For some networks or for all"""
    domain = limited(domain_factory)
    assert whole(flood(domain, packets.query("ns1.bossa.test"))) < FLOOD
    limit = "" if how.startswith("rate_limit") else f"rate_limit = {RATE}\n"
    (domain.home / "bossa.toml").write_text(f"[dns]\n{limit}{how}\n")
    domain.run("reload", check=True)
    assert whole(flood(domain, packets.query("ns1.bossa.test"))) == FLOOD


def test_by_default_there_is_no_limit(shared_domain: Domain) -> None:
    """It is for servers that strangers reach."""
    assert whole(flood(shared_domain, packets.query("ns1.bossa.test"))) == FLOOD
