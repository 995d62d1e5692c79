"""The pytest plugin: whole domains as fixtures.

``domain`` is a fresh domain for one test, ``shared_domain`` one for all the
tests of a run that only read or keep to names of their own, ``domain_factory``
makes domains with a configuration of their own.  Each is on free ports and in
a temporary directory, and gone after the test, however that ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    # pytest loads this module in every run of everybody who has bossa: the rest comes when a fixture is used.
    from bossa.testing.domain import Domain


class DomainFactory(Protocol):
    """What the fixture ``domain_factory`` gives."""

    def __call__(self, *, name: str = ..., config_toml: str = ..., workers: int = ...) -> Domain:
        """Start a domain; it ends with the test."""


@pytest.fixture
def domain(domain_factory: DomainFactory) -> Domain:
    """Return a fresh domain of this test's own."""
    return domain_factory()


@pytest.fixture
def domain_factory(tmp_path: Path) -> Iterator[DomainFactory]:
    """Yield a function that starts domains for this test."""
    from bossa.testing.domain import Domain

    started: list[Domain] = []

    def factory(*, name: str = "bossa.test", config_toml: str = "", workers: int = 1) -> Domain:
        home = tmp_path / f"domain{len(started)}"
        home.mkdir()
        started.append(Domain(home, name=name, config_toml=config_toml, workers=workers))
        started[-1].start()
        return started[-1]

    try:
        yield factory
    finally:
        for one in started:
            one.close()


@pytest.fixture(scope="session")
def shared_domain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Domain]:
    """Yield one domain for the whole run."""
    from bossa.testing.domain import Domain

    domain = Domain(tmp_path_factory.mktemp("shared"))
    try:
        domain.start()
        yield domain
    finally:
        domain.close()
