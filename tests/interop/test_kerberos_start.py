"""What a start says of tickets and leaves for clients: lines to copy and krb5.conf; neither where there are none."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain
from bossa.testing.plugin import DomainFactory
from bossa.testing.process import StartFailed


def printed(domain: Domain, command: str) -> str:
    """Return the line of the latest banner that calls a program, "" when there is none."""
    latest = domain.log.rpartition("\nbossa ")[2] or domain.log
    return next((line.strip() for line in latest.splitlines() if line.startswith(f"  {command} ")), "")


def test_the_line_that_signs_the_administrator_in_works_as_it_is_printed(domain: Domain) -> None:
    exports = domain.run("env", check=True).stdout
    path = os.path.dirname(program("kinit")[0])
    script = f'PATH="{path}:$PATH"\n{exports}\n{printed(domain, "kinit")}'
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=domain.home,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Default principal: admin@BOSSA.TEST" in done.stdout
    assert f"FILE:{domain.data}/tickets" in done.stdout


def test_a_first_password_that_is_none_any_more_is_not_told_of(domain: Domain) -> None:
    assert "first password" in domain.log
    domain.run("user", "password", "admin", check=True)
    before = len(domain.log)
    domain.restart()
    assert "Try it" in domain.log[before:]
    assert "first password" not in domain.log[before:] and "kinit" not in domain.log[before:]


def test_where_tickets_are_switched_off_nothing_leads_to_them_until_they_are_on_again(
    domain_factory: DomainFactory,
) -> None:
    domain = domain_factory(config_toml="[kerberos]\nenabled = true\n")
    kept = (domain.data / "krb5.conf").read_text()
    (domain.home / "bossa.toml").write_text("[kerberos]\nenabled = false\n")
    domain.restart()
    assert not (domain.data / "krb5.conf").exists()
    assert "KRB5" not in domain.run("env", check=True).stdout
    assert domain.values("_kerberos._udp", "SRV") == []
    assert "switched off" in domain.run("user", "list").stderr
    (domain.home / "bossa.toml").write_text("")
    domain.restart()
    assert (domain.data / "krb5.conf").read_text() == kept
    assert "KRB5_CONFIG" in domain.run("env", check=True).stdout
    assert domain.run("user", "list", check=True).stdout.startswith("admin")


def test_settings_are_taken_though_krb5_conf_cannot_be_written(domain_factory: DomainFactory) -> None:
    domain = domain_factory(config_toml="[kerberos]\nudp_limit = 1400\n")
    config = domain.data / "krb5.conf"
    config.unlink()
    config.mkdir()
    (domain.home / "bossa.toml").write_text("[kerberos]\nudp_limit = 1300\npassword_min_length = 20\n")
    os.kill(domain.server.pid, signal.SIGHUP)
    domain.wait_for_log("krb5.conf not written")
    domain.wait_for_log("settings read again")
    assert (
        "20 characters" in domain.run("user", "add", "alice", "--password-stdin", text="nineteen characters\n").stderr
    )
    config.rmdir()
    domain.run("reload", check=True)
    assert "udp_preference_limit = 1300" in config.read_text()


def test_a_realm_without_its_master_key_gets_no_new_one(domain: Domain) -> None:
    """No key of an account would open under it."""
    domain.run("key", "remove", "admin", check=True)
    domain.stop()
    key = domain.data / "master.key"
    kept = key.read_bytes()
    key.unlink()
    for command in (["user", "add", "alice"], ["user", "list"]):
        done = domain.run(*command)
        assert (done.returncode, key.exists()) == (3, False), done.stdout
        assert "put back the master.key" in done.stderr
    with pytest.raises(StartFailed, match=r"put back the master\.key"):
        domain.server.start()
    assert not key.exists()
    key.write_bytes(kept)
    domain.server.start()
