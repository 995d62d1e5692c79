"""MIT's library verifies our PACs: what `kvno -k` alone would not tell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bossa.crypto.enctypes import Key
from bossa.krb.pac import DelegationInfo, find_in, put_in, sign_service
from bossa.krb.pac.container import BufferType
from bossa.testing import debian
from tests.unit.krb.pac.specimens import NOW, REALM, content, part

SCRIPT = Path(__file__).with_name("libkrb5.py")
SERVICE = "HTTP/web.bossa.test"
AUTHTIME = NOW - 60
# KRB5KRB_AP_ERR_MODIFIED as libkrb5 counts.
MODIFIED = -1765328384 + 41
SIZES = {17: 16, 18: 32, 19: 16, 20: 32}


def ask(octets: bytes, pac: bytes, server: Key, kdc: Key) -> tuple[int, int]:
    """Return what libkrb5 says of the PAC, and of the ticket."""
    said = {
        "part": octets.hex(),
        "pac": pac.hex(),
        "client": f"alice@{REALM}",
        "service": f"{SERVICE}@{REALM}",
        "server_key": f"{server.enctype} {server.octets.hex()}",
        "kdc_key": f"{kdc.enctype} {kdc.octets.hex()}",
        "authtime": str(AUTHTIME),
    }
    debian.program("kvno")
    done = subprocess.run(
        [sys.executable, str(SCRIPT)],
        input=json.dumps(said),
        env=debian.environment(),
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    of_pac, of_ticket = map(int, done.stdout.split())
    return of_pac, of_ticket


@pytest.mark.parametrize("enctype", SIZES)
def test_mits_library_verifies_our_signatures(enctype: int) -> None:
    server, kdc = Key(enctype, b"s" * SIZES[enctype]), Key(enctype, b"k" * SIZES[enctype])
    info = DelegationInfo(SERVICE, (f"cifs/a@{REALM}",))
    says = content("alice").replaced(BufferType.DELEGATION_INFO, info.encode())
    made = put_in(part("alice"), sign_service(says, part("alice"), server, kdc))
    pac = find_in(made)
    assert pac is not None
    assert ask(made.encode(), pac, server, kdc) == (0, 0)
    wrong = Key(enctype, b"x" * SIZES[enctype])
    assert ask(made.encode(), pac, server, wrong)[1] == MODIFIED
    assert ask(made.encode(), pac, wrong, kdc)[0] == MODIFIED
