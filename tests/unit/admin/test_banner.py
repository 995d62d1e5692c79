"""The first lines of a server: few, of services that exist, with lines to copy."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bossa.admin.banner import Greeting, lines
from bossa.admin.status import Service

NAMES = {"DNS": 10053, "Kerberos": 10088, "kpasswd": 10464, "Web": 10080}


def greeting(*services: str, administrator: str = "", data: str = "/srv/bossa data") -> Greeting:
    return Greeting(
        version="1",
        domain="bossa.test",
        realm="BOSSA.TEST",
        data=Path(data),
        services=[Service(name=name, addresses=(f"127.0.0.1:{NAMES[name]}",)) for name in services],
        dns=("127.0.0.1", 10053),
        command="./bossa",
        administrator=administrator,
    )


def test_a_domain_with_everything_greets_in_fifteen_lines() -> None:
    told = lines(greeting(*NAMES, administrator="admin"))
    assert len(told) <= 15
    assert all(any(f":{port}" in line for line in told) for port in NAMES.values())


def test_the_line_that_signs_the_administrator_in_survives_a_shell() -> None:
    (line,) = [one for one in lines(greeting(*NAMES, administrator="admin")) if "kinit" in one]
    assert shlex.split(line) == ["kinit", "admin", "<", "/srv/bossa data/first-password", "&&", "klist"]
    assert any(
        "first password in /srv/bossa data/first-password" in one for one in lines(greeting(administrator="admin"))
    )


@pytest.mark.parametrize("services", [("DNS",), ("DNS", "Kerberos", "kpasswd")])
def test_without_an_administrator_nobody_is_told_to_sign_in(services: tuple[str, ...]) -> None:
    told = "\n".join(lines(greeting(*services)))
    assert "kinit" not in told and "password" not in told.replace("kpasswd", "")
