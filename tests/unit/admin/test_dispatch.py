"""Calls by name: how verbs are found and how their failures go back."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bossa.admin import zones
from bossa.admin.dispatch import answer
from bossa.admin.errors import Exit
from bossa.admin.office import VERBS, Office
from bossa.dns.errors import Rcode, Refused, StoreFailed
from bossa.net.frames import Reply
from tests.unit.admin.desk import NOW, Asked, make_office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return make_office(tmp_path)


def ask(office: Office, verb: str, args: object, **more: Any) -> Reply:
    return asyncio.run(answer(office, Asked(verb, msgspec.msgpack.encode(args), **more)))


def test_a_verb_is_found_by_its_name(office: Office) -> None:
    reply = ask(office, "zone.add", zones.ZoneAdd(name="a.test"))
    assert msgspec.msgpack.decode(reply.ok or b"", type=zones.ZoneDone).name == "a.test"


def test_an_unknown_verb_is_told_its_nearest(office: Office) -> None:
    error = ask(office, "zone.lst", {}).error
    assert error is not None
    assert (error.why, error.exit) == ("no such verb; did you mean zone.list?", Exit.USAGE)


@pytest.mark.parametrize("args", [None, 1, {"name": 5}, {}, ["x", "y"]])
def test_arguments_of_another_shape_are_told(office: Office, args: object) -> None:
    error = ask(office, "zone.add", args).error
    assert error is not None
    assert "arguments" in error.why


@pytest.mark.parametrize(
    ("raised", "code"),
    [(Refused(Rcode.NOTAUTH, "there is no zone"), Exit.REFUSED), (StoreFailed("disk full"), Exit.UNREACHABLE)],
)
def test_what_the_names_refuse_becomes_an_error(
    office: Office, monkeypatch: pytest.MonkeyPatch, raised: Exception, code: Exit
) -> None:
    async def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(office.names, "create_zone", fail)
    error = ask(office, "zone.add", zones.ZoneAdd(name="a.test")).error
    assert error is not None
    assert (error.what, error.exit) == ("zone add", code)


@pytest.mark.parametrize("verb", ["status", "reload"])
def test_without_a_server_its_verbs_say_so(office: Office, verb: str) -> None:
    error = ask(office, verb, {}).error
    assert error is not None
    assert error.exit == Exit.UNREACHABLE


def test_every_verb_names_its_structs_and_says_what_it_does() -> None:
    for name, verb in VERBS.items():
        assert issubclass(verb.args, msgspec.Struct), name
        assert issubclass(verb.result, msgspec.Struct), name
        assert verb.run.__doc__, name


def test_a_copy_for_a_backup_lies_in_the_data_directory_and_forgotten_ones_go(office: Office, tmp_path: Path) -> None:
    old, other = tmp_path / ".backup-old.db", tmp_path / ".backup-other.db"
    old.touch()
    other.touch()
    os.utime(old, (NOW - 100_000, NOW - 100_000))
    copied = msgspec.msgpack.decode(ask(office, "backup.copy", {}).ok or b"")
    assert copied["size"] == 100
    assert Path(copied["path"]).parent == tmp_path
    assert (old.exists(), other.exists()) == (False, True)
