"""The page for people who leave dnsmasq: its commands, run as they are printed, and what is there afterwards."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import dns.message
import pytest

import bossa.cli
from bossa.testing.debian import CHECKOUT, environment
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory
from tests.interop.fake_upstream import fake_upstream

PAGE = CHECKOUT / "docs" / "switching-from-dnsmasq.md"
HOSTS = "# of the network\n192.168.7.2 gate\nfd00:7::3 nas  nas6\n192.168.7.9 laptop\n"


def blocks() -> list[str]:
    """Return the page's indented blocks before its last chapter, which is root's."""
    text = PAGE.read_text().partition("## The machine's only resolver")[0]
    found = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [re.sub(r"^    ", "", block, flags=re.MULTILINE) for block in found]


def run(domain: Domain, block: str) -> None:
    """Run a block: our commands on this domain, in this process; the shell's in its directory."""
    for line in [one for one in block.splitlines() if one.startswith("./bossa ")]:
        assert bossa.cli.main([*shlex.split(line)[1:], "--data", str(domain.data)]) == 0, line
    if "nsupdate" in block:
        (domain.home / "lan.hosts").write_text(HOSTS)
        script = block.replace("10053", str(domain.dns_port))
        subprocess.run(["sh", "-ec", script], cwd=domain.home, env=environment(), check=True, timeout=30)


@pytest.fixture
def switched(domain_factory: DomainFactory) -> Domain:
    """Return a domain after all the page's commands."""
    with fake_upstream("www.example.org. 300 IN A 192.0.2.1") as upstream:
        domain = domain_factory(config_toml=upstream.config)
        for block in blocks():
            run(domain, block)
    return domain


def test_the_pages_commands_do_what_the_page_says(switched: Domain) -> None:
    assert switched.values("printer.home.arpa.") == ["192.168.7.20"]
    assert switched.values("print.home.arpa.") == ["192.168.7.20"]
    assert switched.values("20.7.168.192.in-addr.arpa.", "PTR") == ["printer.home.arpa."]
    assert switched.values("_ldap._tcp.home.arpa.", "SRV") == ["0 0 389 ldap.home.arpa."]
    assert switched.values("home.arpa.", "MX") == ["10 mail.home.arpa."]
    assert switched.values("home.arpa.", "TXT") == ['"v=spf1 mx -all"']
    assert [switched.values(f"{name}.home.arpa.") for name in ("gate", "laptop")] == [["192.168.7.2"], ["192.168.7.9"]]
    assert [switched.values(f"{name}.home.arpa.", "AAAA") for name in ("nas", "nas6")] == [["fd00:7::3"]] * 2
    assert switched.values("ads.example.") == switched.values("tracker.ads.example.") == ["0.0.0.0"]
    query = dns.message.make_query("x.home.arpa.", "A")
    assert switched.send(query).rcode() == 3


def test_every_setting_that_the_page_names_is_one(tmp_path: Path) -> None:
    from bossa.config.settings import KEYS

    known = {key.partition(".")[2] for key in KEYS}
    named = {
        "forwarders", "cache_size", "cache_max_ttl", "serve_stale", "addresses", "port_base", "recursion", "edns_size",
    }  # fmt: skip
    assert named <= known
    text = PAGE.read_text()
    assert all(f"`{name}" in text for name in named)
