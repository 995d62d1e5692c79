"""The domain as dig sees it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain, TsigKey


def dig(domain: Domain, *words: str) -> str:
    """Run dig against the domain; return what it printed."""
    command = [*program("dig"), f"@{domain.address}", "-p", str(domain.dns_port), "+tries=1", "+time=5", *words]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_dig_short_prints_the_address_of_the_name_server(shared_domain: Domain) -> None:
    """The line that `bossa up` prints."""
    assert dig(shared_domain, "+short", "ns1.bossa.test") == "127.0.0.1\n"


def test_dig_has_no_warning_to_give(shared_domain: Domain) -> None:
    """Recursion was asked for and is available; nothing is malformed."""
    assert "WARNING" not in dig(shared_domain, "ns1.bossa.test")


@pytest.mark.parametrize(
    "how", ["+tcp", "+notcp", "+noedns", "+edns=0", "+bufsize=512", "+nocookie", "+cookie", "+dnssec"]
)
def test_dig_is_content_with_every_kind_of_question(shared_domain: Domain, how: str) -> None:
    """Status, flags and section counts."""
    said = dig(shared_domain, how, "+norecurse", "bossa.test", "SOA")
    assert "status: NOERROR" in said
    assert "flags: qr aa" in said
    assert "ANSWER: 1" in said


def test_dig_sees_nxdomain_with_its_soa(shared_domain: Domain) -> None:
    """RFC 2308 §3"""
    said = dig(shared_domain, "nothing.bossa.test")
    assert "status: NXDOMAIN" in said
    assert "AUTHORITY: 1" in said


def test_dig_retries_a_truncated_answer_over_tcp(shared_domain: Domain, put: Callable[[str], None], label: str) -> None:
    """RFC 7766 §5"""
    for letter in "abcdefgh":
        put(f"{label} 60 TXT {letter * 200}")
    said = dig(shared_domain, f"{label}.bossa.test", "TXT")
    assert "Truncated, retrying in TCP mode" in said
    assert "ANSWER: 8" in said


def test_dig_refuses_nothing_that_we_send_for_badvers(shared_domain: Domain) -> None:
    """RFC 6891 §6.1.3: dig asks again with the version that we know."""
    assert "status: BADVERS" in dig(shared_domain, "+edns=1", "+noednsnegotiation", "bossa.test", "SOA")
    assert "status: NOERROR" in dig(shared_domain, "+edns=1", "bossa.test", "SOA")


@pytest.mark.parametrize("tcp", ["+tcp", "+notcp"])
def test_dig_verifies_our_signatures(shared_domain: Domain, tcp: str) -> None:
    """`dig -k data/admin.key`, as printed for the user."""
    said = dig(shared_domain, tcp, "-k", str(shared_domain.data / "admin.key"), "bossa.test", "SOA")
    assert "status: NOERROR" in said
    assert "TSIG PSEUDOSECTION" in said


@pytest.mark.parametrize("algorithm", ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_dig_takes_the_key_form_that_key_add_prints(
    shared_domain: Domain, tmp_path: Path, label: str, algorithm: str
) -> None:
    """What `bossa key add` prints is a key file."""
    printed = shared_domain.run("key", "add", f"dig-{label}", "--algorithm", algorithm, check=True).stdout
    file = tmp_path / "key"
    file.write_text(printed)
    assert "status: NOERROR" in dig(shared_domain, "-k", str(file), "bossa.test", "SOA")


def test_dig_takes_a_key_on_its_command_line(shared_domain: Domain, admin: TsigKey) -> None:
    """`dig -y ALGORITHM:NAME:SECRET`"""
    words = f"{admin.algorithm}:{admin.name}:{admin.secret}"
    assert "status: NOERROR" in dig(shared_domain, "-y", words, "bossa.test", "SOA")


def test_dig_asks_many_questions_on_one_connection(shared_domain: Domain) -> None:
    """RFC 7766 §6.2.1"""
    said = dig(shared_domain, "+tcp", "+keepopen", "+short", "ns1.bossa.test", "A", "ns1.bossa.test", "AAAA")
    assert said.split() == ["127.0.0.1", "::1"]


def test_dig_reverses_an_address(shared_domain: Domain) -> None:
    """RFC 6303 §4: private addresses are answered here."""
    assert dig(shared_domain, "+short", "-x", "127.0.0.1") == "localhost.\n"
    assert "status: NXDOMAIN" in dig(shared_domain, "-x", "10.1.2.3")
