"""What the contract suites run on: add an engine to ENGINES and it has to pass all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bossa.directory.ports import DirectoryStore
from bossa.dns.ports import ZoneStore
from bossa.store.engine import Engine
from bossa.store.realm import RealmRows
from bossa.store.sqlite import SqliteEngine
from bossa.store.zones import ZoneRows
from tests.contract.memory import MemoryRealm, MemoryZones

# Each opens the store that lives at a path, the same one again after a close.
ENGINES: dict[str, Callable[[Path], Engine]] = {"sqlite": SqliteEngine.open}


@pytest.fixture(params=sorted(ENGINES))
def open_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Open this test's store, as often as it likes; the last one is closed at the end."""
    opened: list[Engine] = []

    def open_it() -> Engine:
        opened.append(ENGINES[request.param](tmp_path / "bossa.db"))
        return opened[-1]

    yield open_it
    for engine in opened:
        engine.close()


@pytest.fixture
def engine(open_engine: Callable[[], Engine]) -> Engine:
    return open_engine()


@pytest.fixture(params=["memory", *sorted(ENGINES)])
def zones(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ZoneStore]:
    """A fresh ZoneStore of each kind."""
    if request.param == "memory":
        yield MemoryZones()
        return
    opened = ENGINES[request.param](tmp_path / "bossa.db")
    yield ZoneRows(opened)
    opened.close()


@pytest.fixture(params=["memory", *sorted(ENGINES)])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DirectoryStore]:
    """A fresh DirectoryStore of each kind."""
    if request.param == "memory":
        yield MemoryRealm()
        return
    opened = ENGINES[request.param](tmp_path / "bossa.db")
    yield RealmRows(opened)
    opened.close()
