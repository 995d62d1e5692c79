"""Commands as an installed bossa has them, whoever runs the tests."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    # ./bossa test sets it, and then commands are named ./bossa.
    monkeypatch.delenv("BOSSA_CHECKOUT", raising=False)
