"""The file of the cookies' secrets."""

import os

import pytest

from bossa.dns.cookies import ROLL_AFTER
from bossa.dns.server.cookiefile import CookieFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cookie.secret"


def test_the_secret_outlives_the_server_and_is_private(path):
    first = CookieFile(path, os.urandom).secrets(1000)
    assert len(first) == 1 and len(first[0]) == 16
    assert path.stat().st_mode & 0o777 == 0o600
    assert CookieFile(path, os.urandom).secrets(2000) == first


def test_the_secret_rolls_over_after_a_week_also_when_the_server_was_down(path):
    first = CookieFile(path, os.urandom).secrets(1000)
    file = CookieFile(path, os.urandom)
    both = file.secrets(1000 + ROLL_AFTER)
    assert both[1:] == first and both[0] != first[0]
    assert CookieFile(path, os.urandom).secrets(1000 + ROLL_AFTER) == both
    assert file.secrets(1000 + ROLL_AFTER + 86400) == both[:1]


@pytest.mark.parametrize("text", [b"", b"\x00\xff", b"1000 abc\n"])
def test_a_damaged_file_is_made_anew(path, text):
    path.write_bytes(text)
    made = CookieFile(path, os.urandom).secrets(1000)
    assert CookieFile(path, os.urandom).secrets(1000) == made


def test_what_a_damaged_file_holds_is_not_logged(path, monkeypatch):
    said = []
    monkeypatch.setattr("bossa.observe.log.warning", lambda text, **fields: said.append((text, fields)))
    path.write_bytes(b"e5e973e5a6b2a43f48e7dc849e37bfcf 1000\n")
    CookieFile(path, os.urandom).secrets(1000)
    ((_, fields),) = said
    assert fields == {"file": str(path), "why": "damaged"}


def test_a_copy_with_a_wider_mode_is_made_private(path):
    CookieFile(path, os.urandom).secrets(1000)
    path.chmod(0o644)
    CookieFile(path, os.urandom).secrets(1000)
    assert path.stat().st_mode & 0o777 == 0o600


def test_secrets_that_the_disk_does_not_take_are_used_and_offered_again(tmp_path):
    there = tmp_path / "gone"
    file = CookieFile(there / "cookie.secret", os.urandom)
    made = file.secrets(1000)
    assert file.secrets(1001) == made
    there.mkdir()
    assert file.secrets(1002) == made
    assert CookieFile(there / "cookie.secret", os.urandom).secrets(1003) == made
