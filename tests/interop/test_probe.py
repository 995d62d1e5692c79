"""``bossa dns probe`` against bossa over sockets: green with keys and tickets, and the cause of what is provoked."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bossa.admin import words
from bossa.admin.probe import Plan
from bossa.admin.session import StepLine
from bossa.cli import probing
from bossa.dns import types
from bossa.dns.probe.conversation import Cause, Way
from bossa.krb.keytab import Keytab, KeytabEntry
from bossa.testing.domain import Domain
from tests.interop.cast import PASSWORD
from tests.interop.clock import Clock

WS1 = "host/ws1.bossa.test"
PLAN = Plan(words.absolute("bossa.test"))
Run = Callable[..., list[StepLine]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """Yield a fresh domain, in which hosts may change what is theirs."""
    domain = Domain(tmp_path_factory.mktemp("probed"))
    try:
        domain.start()
        yield domain
    finally:
        domain.close()


@pytest.fixture(scope="module")
def keytab(site: Domain) -> Path:
    """Return the keytab of host/ws1.bossa.test."""
    return site.directory.add_service(WS1)


@pytest.fixture
def run(site: Domain) -> Run:
    """Return a function that probes with a clock so many seconds off, and returns the steps."""

    def run(
        off: float = 0, *, plan: Plan = PLAN, service: str = "", spnego: bool = False, **named: Any
    ) -> list[StepLine]:
        files = probing.Files(kdc=f"127.0.0.1:{site.kdc_port}", **named)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(probing, "time", Clock(off))
            address = ("127.0.0.1", site.dns_port)
            return list(probing.probe(plan, files, address, service=service, spnego=spnego))

    return run


def failed(lines: list[StepLine]) -> StepLine:
    return next(line for line in lines if line.state == "failed")


def all_ok(lines: list[StepLine]) -> None:
    assert {line.state for line in lines} == {"ok"}, lines


def test_the_administrators_key_passes_every_step(site: Domain) -> None:
    done = site.run("dns", "probe", f"127.0.0.1:{site.dns_port}", "bossa.test", "--key", str(site.data / "admin.key"))
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("✓") == 6


def test_a_hosts_ticket_passes_every_step_and_nothing_is_left(site: Domain, keytab: Path) -> None:
    before = site.content("bossa.test")
    server = f"127.0.0.1:{site.dns_port}"
    done = site.run("dns", "probe", server, "bossa.test", "--keytab", str(keytab), "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["cause"]) == (0, True, "")
    assert "kept for 3600 s, its answer signed" in report["lines"][3]["found"]
    assert {row for row in before if row[1] != "SOA"} == {row for row in site.content("bossa.test") if row[1] != "SOA"}


def test_verbose_says_what_the_octets_mean(site: Domain, keytab: Path) -> None:
    server = f"127.0.0.1:{site.dns_port}"
    said = site.run("dns", "probe", server, "bossa.test", "--keytab", str(keytab), "-v", check=True).stdout
    for words_ in (
        "krb5 token, AP-REQ",
        "krb5 token, AP-REP",
        "MIC token of the acceptor, under the acceptor's subkey",
    ):
        assert words_ in said


@pytest.mark.parametrize("way", Way)
@pytest.mark.parametrize("rtype", [types.A, types.AAAA])
def test_negotiated_as_windows_does_it_and_over_both_ways(run: Run, keytab: Path, way: Way, rtype: int) -> None:
    plan = Plan(words.absolute("bossa.test"), type=rtype, way=way)
    all_ok(run(keytab=keytab, spnego=True, plan=plan))


def test_tickets_of_kinit_serve_as_well(site: Domain, run: Run, keytab: Path) -> None:
    seat = site.seat().kinit_keytab(WS1, keytab)
    all_ok(run(ccache=seat.ccache))


@pytest.mark.parametrize("off", [1000, -1000])
def test_a_wrong_clock_is_explained_with_a_shared_key(site: Domain, run: Run, off: int) -> None:
    line = failed(run(off, key=site.data / "admin.key"))
    assert line.cause == Cause.CLOCK
    assert line.why.startswith("BADTIME") and ("behind" if off > 0 else "ahead of") in line.why


@pytest.mark.parametrize("off", [1000, -1000])
def test_a_wrong_clock_is_explained_by_the_kdc(run: Run, keytab: Path, off: int) -> None:
    line = failed(run(off, keytab=keytab))
    assert (line.cause, line.what) == (Cause.CLOCK, f"ticket of {WS1}@BOSSA.TEST")
    assert "s behind this one" in line.why if off > 0 else "s ahead of this one" in line.why


def test_a_wrong_clock_is_explained_with_tickets_that_are_there(site: Domain, run: Run, keytab: Path) -> None:
    seat = site.seat().kinit_keytab(WS1, keytab)
    assert failed(run(1000, ccache=seat.ccache)).cause == Cause.CLOCK


def test_a_principal_in_other_letters_is_explained(run: Run, keytab: Path) -> None:
    line = failed(run(keytab=keytab, principal="host/WS1.bossa.test"))
    assert line.cause == Cause.PRINCIPAL
    assert f"but of {WS1}@BOSSA.TEST: letter case counts" in line.why


def test_a_principal_that_the_kdc_does_not_know_is_explained(run: Run, keytab: Path, tmp_path: Path) -> None:
    first = Keytab.decode(keytab.read_bytes()).entries[0]
    gone = KeytabEntry(first.principal._replace(parts=("host", "gone.bossa.test")), first.realm, 1, first.key)
    file = tmp_path / "gone.keytab"
    file.write_bytes(Keytab((gone,)).encode())
    line = failed(run(keytab=file))
    assert line.cause == Cause.PRINCIPAL
    assert "knows no host/gone.bossa.test@BOSSA.TEST" in line.why


def test_a_realm_made_of_a_zones_name_is_explained(run: Run, keytab: Path) -> None:
    line = failed(run(keytab=keytab, realm="ZONE.TEST"))
    assert (line.cause, line.fix) == (Cause.REALM, "--realm BOSSA.TEST")


def test_a_service_that_the_kdc_does_not_know_is_explained(run: Run, keytab: Path) -> None:
    line = failed(run(keytab=keytab, service="DNS/bossa.test"))
    assert line.cause == Cause.PRINCIPAL
    assert "knows no DNS/bossa.test" in line.why


def test_a_ticket_for_another_service_is_explained(run: Run, keytab: Path) -> None:
    line = failed(run(keytab=keytab, service=WS1))
    assert (line.cause, line.what) == (Cause.PRINCIPAL, "key negotiated by TKEY over TCP")


def test_an_old_key_is_explained_by_its_version(site: Domain, run: Run) -> None:
    old = site.directory.add_service("host/old.bossa.test")
    site.directory.rotate("host/old.bossa.test")
    line = failed(run(keytab=old))
    assert line.cause == Cause.KVNO
    assert "version 1 of the keytab's keys" in line.why


def test_an_expired_ticket_is_explained(site: Domain, run: Run, keytab: Path) -> None:
    seat = site.seat().kinit_keytab(WS1, keytab, "-l", "1h")
    line = failed(run(7200, ccache=seat.ccache))
    assert line.cause == Cause.TICKET
    assert "expired" in line.why


def test_what_no_rule_allows_is_explained_with_the_rule_that_would(site: Domain, keytab: Path) -> None:
    server = f"127.0.0.1:{site.dns_port}"
    done = site.run("dns", "probe", server, "bossa.test", "--keytab", str(keytab), "--name", "ws2", "--json")
    report = json.loads(done.stdout)
    line = next(one for one in report["lines"] if one["state"] == "failed")
    assert (done.returncode, line["cause"]) == (2, "policy")
    rule = "bossa policy add bossa.test --allow krb5:host/ws1.bossa.test@BOSSA.TEST --subdomain ws2.bossa.test"
    assert line["fix"].endswith(rule)
    assert site.run(*rule.split()[1:]).returncode == 0
    assert site.run("dns", "probe", server, "bossa.test", "--keytab", str(keytab), "--name", "ws2").returncode == 0


def test_a_user_without_rights_is_explained(site: Domain, run: Run) -> None:
    site.directory.add_user("carol", PASSWORD)
    seat = site.kinit("carol", PASSWORD)
    assert failed(run(ccache=seat.ccache)).cause == Cause.POLICY


def test_a_key_that_is_not_there_and_one_of_another_secret_are_explained(
    site: Domain, run: Run, tmp_path: Path
) -> None:
    text = (site.data / "admin.key").read_text()
    file = tmp_path / "other.key"
    file.write_text(text.replace('"admin"', '"nobody"'))
    assert failed(run(key=file)).cause == Cause.KEY
    secret = text.split('secret "', 1)[1].split('"', 1)[0]
    file.write_text(text.replace(secret, "A" * (len(secret) - 1) + "="))
    assert failed(run(key=file)).cause == Cause.SECRET


def test_a_zone_that_is_not_there_and_a_server_that_is_silent_are_told(site: Domain, run: Run) -> None:
    key = site.data / "admin.key"
    line = failed(run(key=key, plan=Plan(words.absolute("lab.bossa.test"))))
    assert line.cause == Cause.ZONE
    done = site.run("dns", "probe", "127.0.0.1:9", "bossa.test", "--key", str(key))
    assert done.returncode == 3


def test_check_goes_the_whole_round(site: Domain) -> None:
    done = site.run("check")
    assert done.returncode == 0, done.stdout
    for step in ("joins", "key negotiated by TKEY over TCP", "adds check-", "is gone"):
        assert step in done.stdout
    assert "check-" not in site.run("host", "list").stdout
