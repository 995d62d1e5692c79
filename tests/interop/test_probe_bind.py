"""``bossa dns probe`` against BIND with GSS-TSIG, with our KDC's tickets: green, and the causes of BIND's refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bossa.admin import words
from bossa.admin.probe import Plan
from bossa.cli import probing
from bossa.testing.bind import Bind
from bossa.testing.domain import Domain
from tests.interop.clock import Clock

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]

CONF = """
include "{home}/ddns.key";
options {{
  directory "{home}";
  listen-on port 5300 {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }};
  pid-file none;
  recursion no;
  dnssec-validation no;
  tkey-gssapi-keytab "{home}/named.keytab";
}};
controls {{ }};
zone "bind.test" {{
  type primary;
  file "bind.test.zone";
  update-policy {{
    grant ddns. zonesub ANY;
    grant BOSSA.TEST krb5-self . A AAAA TXT;
  }};
}};
"""
ZONE = """$TTL 300
@ SOA ns1.bind.test. hostmaster.bind.test. 1 3600 900 1209600 300
@ NS ns1
ns1 A 127.0.0.1
"""
ANY = "host/any.bind.test"


class Site:
    """A domain that gives tickets, and a BIND that takes them."""

    def __init__(self, domain: Domain, home: Path) -> None:
        self.domain = domain
        self.home = home
        (home / "bind.test.zone").write_text(ZONE)
        (home / "ddns.key").write_text(domain.add_key("ddns").file)
        self.server_keytab = home / "named.keytab"
        shutil.copy(domain.directory.add_service("DNS/ns1.bind.test"), self.server_keytab)
        self.keytab = domain.directory.add_service(ANY)
        self.bind = Bind(home, CONF.format(home=home))

    def probe(self, *words: str) -> dict[str, Any]:
        """Probe BIND's zone and return the report."""
        server, kdc = f"127.0.0.1:{self.bind.port}", f"127.0.0.1:{self.domain.kdc_port}"
        done = self.domain.run("dns", "probe", server, "bind.test", "--kdc", kdc, "--json", *words)
        assert done.stdout, done.stderr
        report: dict[str, Any] = json.loads(done.stdout)
        return report

    def cause(self, *words: str) -> str:
        """Probe with a host's keytab; return the cause of what fails."""
        found: str = self.probe("--keytab", str(self.keytab), *words)["cause"]
        return found


@pytest.fixture
def site(domain: Domain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    home = tmp_path / "bind"
    home.mkdir()
    made = Site(domain, home)
    # BIND's libkrb5 is told where the realm is; and keeps its replay cache in the test's folder.
    monkeypatch.setenv("KRB5_CONFIG", str(domain.krb5_conf()))
    monkeypatch.setenv("KRB5RCACHEDIR", str(home))
    made.bind.start()
    monkeypatch.delenv("KRB5_CONFIG")
    yield made
    made.bind.stop()


@pytest.mark.parametrize("how", [(), ("--tcp",), ("--spnego",), ("--type", "A")])
def test_every_step_is_green_with_a_ticket(site: Site, how: tuple[str, ...]) -> None:
    report = site.probe("--keytab", str(site.keytab), *how)
    assert report["ok"], report
    assert {line["state"] for line in report["lines"]} == {"ok"}, report


def test_every_step_is_green_with_a_shared_key(site: Site) -> None:
    assert site.probe("--key", str(site.home / "ddns.key"))["ok"]


def test_another_hosts_name_is_refused_by_policy(site: Site) -> None:
    assert site.cause("--name", "ws2", "--type", "A") == "policy"


def test_keys_of_another_version_are_told_though_bind_says_nothing(site: Site) -> None:
    site.domain.directory.rotate("DNS/ns1.bind.test")
    report = site.probe("--keytab", str(site.keytab))
    (line,) = [one for one in report["lines"] if one["state"] == "failed"]
    assert report["cause"] == "kvno"
    assert "key version 2" in line["why"] and "its clock is right" in line["why"]


def test_a_wrong_clock_is_found_though_bind_says_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    seat = site.domain.seat().kinit_keytab(ANY, site.keytab)
    # A ticket that is there already: the KDC would have found the clock first.
    seat.kvno("DNS/ns1.bind.test")
    monkeypatch.setattr(probing, "time", Clock(-1000))
    files = probing.Files(ccache=seat.ccache, kdc=f"127.0.0.1:{site.domain.kdc_port}")
    plan = Plan(words.absolute("bind.test"))
    lines = list(probing.probe(plan, files, ("127.0.0.1", site.bind.port), service="", spnego=False))
    assert [line.cause for line in lines if line.state == "failed"] == ["clock"]
