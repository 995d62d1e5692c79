"""The domain as nsupdate changes it: additions, deletions, prerequisites, every algorithm, and what it is told."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain


def nsupdate(domain: Domain, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run nsupdate with a script; the server line is put in front of it."""
    return subprocess.run(
        [*program("nsupdate"), "-t", "10", *words],
        env=environment(),
        input=f"server {domain.address} {domain.dns_port}\n{script}\nsend\n",
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def with_admin_key(domain: Domain, script: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run `nsupdate -k data/admin.key`, the line that `bossa up` prints."""
    return nsupdate(domain, script, "-k", str(domain.data / "admin.key"), *words)


@pytest.mark.parametrize("transport", [(), ("-v",)], ids=["udp", "tcp"])
def test_nsupdate_adds_and_deletes(shared_domain: Domain, label: str, transport: tuple[str, ...]) -> None:
    """With the administrator's key, and without naming the zone: nsupdate finds it by the SOA."""
    done = with_admin_key(shared_domain, f"update add {label}.bossa.test 60 A 192.0.2.1", *transport)
    assert (done.returncode, done.stderr) == (0, "")
    assert shared_domain.values(label) == ["192.0.2.1"]
    done = with_admin_key(shared_domain, f"update delete {label}.bossa.test A", *transport)
    assert (done.returncode, done.stderr) == (0, "")
    assert shared_domain.values(label) == []


@pytest.mark.parametrize("algorithm", ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_nsupdate_signs_with_every_algorithm(shared_domain: Domain, tmp_path: Path, label: str, algorithm: str) -> None:
    """The key file is what `bossa key add` prints."""
    file = tmp_path / "key"
    file.write_text(shared_domain.run("key", "add", f"ns-{label}", "--algorithm", algorithm, check=True).stdout)
    shared_domain.allow("bossa.test", f"key:ns-{label}", "subdomain", f"{label}.bossa.test")
    done = nsupdate(shared_domain, f"update add x.{label}.bossa.test 60 TXT hello", "-k", str(file))
    assert (done.returncode, done.stderr) == (0, "")
    assert shared_domain.values(f"x.{label}", "TXT") == ['"hello"']


@pytest.mark.parametrize(
    ("prerequisite", "code"),
    [
        ("prereq nxdomain ns1.bossa.test", "YXDOMAIN"),
        ("prereq yxdomain no.bossa.test", "NXDOMAIN"),
        ("prereq nxrrset ns1.bossa.test A", "YXRRSET"),
        ("prereq yxrrset ns1.bossa.test MX", "NXRRSET"),
        ("prereq yxrrset ns1.bossa.test A 192.0.2.9", "NXRRSET"),
    ],
)
def test_nsupdate_is_told_which_prerequisite_failed(
    shared_domain: Domain, label: str, prerequisite: str, code: str
) -> None:
    """RFC 2136 §3.2"""
    done = with_admin_key(shared_domain, f"{prerequisite}\nupdate add {label}.bossa.test 60 A 192.0.2.1")
    assert (done.returncode, f"update failed: {code}" in done.stderr) == (2, True), done.stderr
    assert shared_domain.values(label) == []


def test_nsupdate_with_prerequisites_that_hold_is_done(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §3.2.3"""
    script = f"prereq yxrrset ns1.bossa.test A 127.0.0.1\nupdate add {label}.bossa.test 60 A 192.0.2.1"
    assert with_admin_key(shared_domain, script).returncode == 0
    assert shared_domain.values(label) == ["192.0.2.1"]


def test_nsupdate_without_a_key_is_refused(shared_domain: Domain, label: str) -> None:
    """Default deny."""
    done = nsupdate(shared_domain, f"update add {label}.bossa.test 60 A 192.0.2.1")
    assert (done.returncode, "update failed: REFUSED" in done.stderr) == (2, True), done.stderr


def test_nsupdate_with_a_wrong_secret_is_told_badsig(shared_domain: Domain, label: str) -> None:
    """RFC 8945 §5.2.2; the reason, not a complaint about the answer's signature."""
    done = nsupdate(shared_domain, f"update add {label}.bossa.test 60 A 192.0.2.1", "-y", "hmac-sha256:admin:AAAA")
    assert done.returncode == 2
    assert "BADSIG" in done.stderr, done.stderr


def test_nsupdate_with_an_unknown_key_is_told_badkey(shared_domain: Domain, label: str) -> None:
    """RFC 8945 §5.2.1"""
    done = nsupdate(shared_domain, f"update add {label}.bossa.test 60 A 192.0.2.1", "-y", "hmac-sha256:ghost:AAAA")
    assert done.returncode == 2
    assert "BADKEY" in done.stderr, done.stderr


def test_nsupdate_changes_many_records_in_one_message(shared_domain: Domain, label: str) -> None:
    """RFC 2136 §3.6: one step of the serial."""
    before = shared_domain.serial()
    script = "\n".join(f"update add {n}.{label}.bossa.test 60 A 192.0.2.{n}" for n in range(200))
    assert with_admin_key(shared_domain, script).returncode == 0
    assert shared_domain.serial() == before + 1
    assert shared_domain.values(f"199.{label}") == ["192.0.2.199"]


def test_record_list_shows_what_nsupdate_added(shared_domain: Domain, label: str) -> None:
    """The command and the server see one store."""
    assert with_admin_key(shared_domain, f"update add {label}.bossa.test 60 A 192.0.2.1").returncode == 0
    listed = shared_domain.run("record", "list", "bossa.test", check=True).stdout
    assert any(label in line and "192.0.2.1" in line for line in listed.splitlines())
