"""Other people's programs that update by key: Kea's DHCP-DDNS daemon, and certbot's plugin without an authority."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bossa.testing.bench.servers import ADDRESS, free_port, spawn
from bossa.testing.debian import CLIENTS, environment, program
from bossa.testing.domain import Domain, TsigKey

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

FQDN, IP = "laptop.bossa.test.", "10.1.2.3"
PTR = "3.2.1.10.in-addr.arpa."
DHCID = "000101" + "5a" * 32
OTHER_DHCID = "000101" + "a5" * 32
# The plugin's client, which a certificate authority's challenge would drive.
CERTBOT = """
import sys
import dns.tsig
from certbot_dns_rfc2136._internal.dns_rfc2136 import _RFC2136Client
verb, port, name, secret, record, text = sys.argv[1:]
client = _RFC2136Client("127.0.0.1", int(port), name, secret, dns.tsig.HMAC_SHA256)
if verb == "add":
    client.add_txt_record(record, text, 60)
else:
    client.del_txt_record(record, text)
"""


class Kea:
    """A ``kea-dhcp-ddns`` that updates a domain under a key."""

    def __init__(self, domain: Domain, key: TsigKey, home: Path) -> None:
        self.port = free_port()
        conf = home / "kea.conf"
        conf.write_text(json.dumps(self._config(domain, key)))
        self._log = home / "log"
        env = environment() | {"KEA_PIDFILE_DIR": str(home), "KEA_LOCKFILE_DIR": str(home)}
        with self._log.open("ab") as log:
            self._process = spawn([*program("kea-dhcp-ddns"), "-c", str(conf)], home, log.fileno(), env)
        self.wait_for("DHCP_DDNS_STARTED")

    def _config(self, domain: Domain, key: TsigKey) -> dict[str, Any]:
        servers = [{"ip-address": ADDRESS, "port": domain.dns_port}]

        def zone(name: str) -> dict[str, Any]:
            return {"ddns-domains": [{"name": name, "key-name": key.name, "dns-servers": servers}]}

        logger = {"name": "kea-dhcp-ddns", "output_options": [{"output": "stdout"}], "severity": "INFO"}
        return {
            "DhcpDdns": {
                "ip-address": ADDRESS,
                "port": self.port,
                # Its own 100 ms are less than a busy disk takes.
                "dns-server-timeout": 5000,
                "tsig-keys": [{"name": key.name, "algorithm": "HMAC-SHA256", "secret": key.secret}],
                "forward-ddns": zone("bossa.test."),
                "reverse-ddns": zone("10.in-addr.arpa."),
                "loggers": [logger],
            }
        }

    @property
    def log(self) -> str:
        """Everything it wrote so far."""
        return self._log.read_text(errors="replace")

    def wait_for(self, word: str, since: int = 0) -> None:
        """Wait until the log says a word."""
        deadline = time.monotonic() + 20
        while word not in self.log[since:]:
            assert self._process.poll() is None and time.monotonic() < deadline, self.log
            time.sleep(0.02)

    def request(self, kind: int, dhcid: str, outcome: str) -> None:
        """Send a name change request (0 adds, 1 removes) as the DHCP server does, and wait for its outcome."""
        since = len(self.log)
        asked = {
            "change-type": kind,
            "forward-change": True,
            "reverse-change": True,
            "fqdn": FQDN,
            "ip-address": IP,
            "dhcid": dhcid,
            "lease-expires-on": "20991231235959",
            "lease-length": 1800,
            "use-conflict-resolution": True,
        }
        text = json.dumps(asked).encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(len(text).to_bytes(2, "big") + text, (ADDRESS, self.port))
        self.wait_for(outcome, since)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(20)


@pytest.fixture
def key(domain: Domain) -> TsigKey:
    """Return the key of whoever updates."""
    made = domain.add_key("ddns")
    for zone in ("bossa.test", "10.in-addr.arpa"):
        domain.allow(zone, "key:ddns", "zone")
    return made


@pytest.fixture
def kea(domain: Domain, key: TsigKey, tmp_path: Path) -> Iterator[Kea]:
    home = tmp_path / "kea"
    home.mkdir()
    made = Kea(domain, key, home)
    yield made
    made.stop()


def records(domain: Domain, zone: str, owner: str) -> set[str]:
    """Return the types of the records at a name."""
    return {rtype for name, rtype, _, _ in domain.content(zone) if name == owner}


def test_kea_adds_a_leases_names_and_takes_them_away(domain: Domain, kea: Kea) -> None:
    """RFC 4703 §5.3, RFC 4701: address and DHCID together, if nobody has the name; and the way back."""
    kea.request(0, DHCID, "DHCP_DDNS_ADD_SUCCEEDED")
    assert domain.values("laptop") == [IP]
    assert records(domain, "bossa.test", FQDN) == {"A", "DHCID"}
    assert records(domain, "10.in-addr.arpa", PTR) == {"PTR", "DHCID"}
    kea.request(1, DHCID, "DHCP_DDNS_REMOVE_SUCCEEDED")
    assert not records(domain, "bossa.test", FQDN)
    assert not records(domain, "10.in-addr.arpa", PTR)


def test_a_name_of_another_dhcp_client_is_not_keas_to_take(domain: Domain, kea: Kea) -> None:
    """RFC 4703 §5.3.2: YXDOMAIN, then NXRRSET for another DHCID."""
    kea.request(0, DHCID, "DHCP_DDNS_ADD_SUCCEEDED")
    before = domain.content("bossa.test")
    kea.request(0, OTHER_DHCID, "DHCP_DDNS_ADD_FAILED")
    assert domain.content("bossa.test") == before
    kea.request(0, DHCID, "DHCP_DDNS_ADD_SUCCEEDED")


@pytest.fixture
def certbot(domain: Domain, key: TsigKey, tmp_path: Path) -> Callable[..., None]:
    """Return a function that has the plugin add or delete a challenge."""
    python = shutil.which("python3", path="/usr/bin:/bin")
    assert python is not None, "Debian's certbot runs with Debian's Python"
    script = tmp_path / "plugin.py"
    script.write_text(CERTBOT)
    packages = CLIENTS / "usr" / "lib" / "python3" / "dist-packages"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL"))}

    def run(verb: str, record: str, text: str) -> None:
        words = [python, str(script), verb, str(domain.dns_port), key.name, key.secret, record, text]
        env = kept | {"PYTHONPATH": str(packages)}
        done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    return run


def test_certbots_plugin_answers_a_challenge_and_cleans_up(domain: Domain, certbot: Callable[..., None]) -> None:
    """RFC 8555 §8.4: two challenges may stand at one name."""
    record = "_acme-challenge.www.bossa.test"
    certbot("add", record, "first")
    certbot("add", record, "second")
    assert domain.values("_acme-challenge.www", "TXT") == ['"first"', '"second"']
    certbot("delete", record, "first")
    assert domain.values("_acme-challenge.www", "TXT") == ['"second"']
    certbot("delete", record, "second")
    assert domain.values("_acme-challenge.www", "TXT") == []
