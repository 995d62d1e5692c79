from __future__ import annotations

import subprocess
import sys

import pytest

from bossa.crypto.sealed import Seal, Unsealable

KEY = bytes(range(32))


def test_sealed_secret_opens_for_its_purpose_only() -> None:
    seal = Seal(KEY)
    sealed = seal.seal(b"tsig:a", b"secret")
    assert b"secret" not in sealed
    assert seal.open(b"tsig:a", sealed) == b"secret"
    with pytest.raises(Unsealable):
        seal.open(b"tsig:b", sealed)


def test_nonce_comes_from_the_random_source_and_leads_the_form() -> None:
    asked: list[int] = []

    def random(size: int) -> bytes:
        asked.append(size)
        return b"\xaa" * size

    sealed = Seal(KEY, random).seal(b"", b"")
    assert asked == [12]
    assert sealed[:13] == b"\x01" + b"\xaa" * 12
    assert len(sealed) == 1 + 12 + 16


def test_every_changed_octet_is_noticed() -> None:
    sealed = Seal(KEY).seal(b"p", b"s")
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(Unsealable):
            Seal(KEY).open(b"p", bytes(changed))


def test_other_master_key_or_a_stump_does_not_open() -> None:
    sealed = Seal(KEY).seal(b"p", b"s")
    with pytest.raises(Unsealable, match="another master key"):
        Seal(bytes(32)).open(b"p", sealed)
    with pytest.raises(Unsealable, match="cut short"):
        Seal(KEY).open(b"p", sealed[:28])
    with pytest.raises(Unsealable, match="form 2"):
        Seal(KEY).open(b"p", b"\x02" + sealed[1:])


def test_key_of_another_size_is_refused() -> None:
    with pytest.raises(Unsealable, match="32 octets, this one 31"):
        Seal(KEY[1:])


def test_import_leaves_the_cryptography_package_alone() -> None:
    code = "import sys, bossa.crypto.sealed; print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
