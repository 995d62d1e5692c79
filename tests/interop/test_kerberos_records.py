"""The realm's SRV and URI records stand in the zone by themselves, as dig reads them."""

from __future__ import annotations

import subprocess

import pytest

from bossa.testing.debian import environment, program
from bossa.testing.domain import Domain


def dig(domain: Domain, name: str, rtype: str) -> list[str]:
    """Return the answers of `dig +short`."""
    command = [
        *program("dig"),
        f"@{domain.address}",
        "-p",
        str(domain.dns_port),
        "+short",
        f"{name}.{domain.name}",
        rtype,
    ]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=20, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("_kerberos._udp", "kdc"),
        ("_kerberos._tcp", "kdc"),
        ("_kpasswd._udp", "kpasswd"),
        ("_kpasswd._tcp", "kpasswd"),
    ],
)
def test_a_srv_record_leads_to_the_server_and_its_port(shared_domain: Domain, name: str, port: str) -> None:
    """RFC 4120 §7.2.3.2"""
    expected = {"kdc": shared_domain.place.kdc_port, "kpasswd": shared_domain.place.kpasswd_port}[port]
    (answer,) = dig(shared_domain, name, "SRV")
    _, _, found, host = answer.split()
    assert int(found) == expected
    assert shared_domain.values(host) == [shared_domain.address]


def test_uri_records_name_both_transports(shared_domain: Domain) -> None:
    """What MIT's library asks for first: krb5srv:m:TRANSPORT:HOST:PORT"""
    found = dig(shared_domain, "_kerberos", "URI")
    port = shared_domain.kdc_port
    assert {answer.split(":")[2] for answer in found} == {"udp", "tcp"}
    assert all(answer.rstrip('"').endswith(f":{port}") for answer in found), found


def test_a_txt_record_names_the_realm(shared_domain: Domain) -> None:
    """Which realm a host is in: what dns_lookup_realm asks for."""
    assert dig(shared_domain, "_kerberos", "TXT") == ['"BOSSA.TEST"']
