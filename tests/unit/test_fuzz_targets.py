"""The fuzzers that make up what stands behind the encryption get there: their seeds are given what they ask for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FUZZ = Path(__file__).resolve().parents[2] / "fuzz"


@pytest.fixture
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return a fuzzer, which finds its neighbours as it does when it is run."""
    monkeypatch.syspath_prepend(FUZZ)
    spec = importlib.util.spec_from_file_location(request.param, FUZZ / f"{request.param}.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    sys.modules.pop("small_realm", None)
    return made


@pytest.mark.parametrize("target", ["fuzz_kdc", "fuzz_kpasswd", "fuzz_gss"], indirect=True)
def test_every_seed_holds_the_invariant_and_reaches_what_is_behind_the_encryption(target: ModuleType) -> None:
    assert [seed for seed in target.SEEDS if not target.taken(seed)] == []
