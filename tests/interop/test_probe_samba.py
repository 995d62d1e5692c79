"""``bossa dns probe`` against Samba's domain controller, with its own KDC's tickets: green, or what old Samba does."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bossa.testing.samba import ZONE, Samba

pytestmark = [pytest.mark.long, pytest.mark.timeout(120)]

# The first release whose MACs of answers begin with the length of the request's MAC.
PREFIXED = (4, 21)


@pytest.fixture(scope="module")
def samba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Samba]:
    made = Samba(tmp_path_factory.mktemp("samba"))
    made.start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def keytab(samba: Samba) -> Path:
    return samba.add_machine("ws1", "Machine-secret-1")


def probe(samba: Samba, keytab: Path, *words: str) -> dict[str, Any]:
    """Probe Samba's zone as a machine, and return the report."""
    server, kdc = f"127.0.0.1:{samba.dns_port}", f"127.0.0.1:{samba.kdc_port}"
    command = [sys.executable, "-m", "bossa.cli", "dns", "probe", server, ZONE, "--kdc", kdc, "--keytab", str(keytab)]
    done = subprocess.run(
        [*command, "--json", *words], cwd=samba.home, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


@pytest.mark.parametrize("how", [(), ("--tcp",), ("--spnego",), ("--type", "A")])
def test_nothing_is_amiss_but_the_macs_of_a_samba_that_leaves_out_the_prefix(
    samba: Samba, keytab: Path, how: tuple[str, ...]
) -> None:
    report = probe(samba, keytab, *how)
    states = {line["what"].partition(" ")[0]: line["state"] for line in report["lines"]}
    assert states["ticket"] == states["key"] == "ok", report
    amiss = [line for line in report["lines"] if line["state"] != "ok"]
    assert {line["cause"] for line in amiss} == (set() if samba.version >= PREFIXED else {"prefix"}), report
    # What was asked is done all the same.
    assert all("(NOERROR)" in line["why"] for line in amiss), report
