"""The flags of up, and which command lines mean it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bossa.cli import up


@pytest.mark.parametrize(
    "line",
    ["", "up", "--port-base 20000", "--data up", "--data=x up", "up --data x --domain a.test", "--nonsense", "up zone"],
)
def test_these_start_the_server(line: str) -> None:
    assert up.is_up(line.split())


@pytest.mark.parametrize(
    "line", ["zone list", "--data x zone list", "--help", "--version", "up --help", "zone up", "ups"]
)
def test_these_do_not(line: str) -> None:
    assert not up.is_up(line.split())


def test_flags_come_before_or_after_the_verb() -> None:
    for line in ("--port-base=1 up --data d", "up --port-base 1 --data=d", "--data d --port-base 1"):
        assert up._parse(line.split()) == {"port_base": "1", "data": "d"}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("up --port 1", "did you mean --port-base"),
        ("up --data", "needs a value (DIR)"),
        ("up zone", "one argument too many: zone"),
        ("up --ready-fd x", "number of an open file"),
    ],
)
def test_a_flag_that_is_none_is_a_usage_error(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert up.start(line.split()) == 64
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("line", ["--port-base x", "up --domain -x-", "--log-format xml"])
def test_a_value_that_is_none_is_a_usage_error(line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert up.start([*line.split(), "--data", str(tmp_path / "data")]) == 64
    assert capfd.readouterr().err.startswith("error: --")
    assert not (tmp_path / "data").exists()


def test_the_data_directory_is_the_variables_or_the_checkouts_or_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOSSA_DATA", raising=False)
    monkeypatch.delenv("BOSSA_CHECKOUT", raising=False)
    assert up.default_data() == Path("data")
    monkeypatch.setenv("BOSSA_CHECKOUT", "/src/bossa")
    assert up.default_data() == Path("/src/bossa/data")
    monkeypatch.setenv("BOSSA_DATA", "/d")
    assert up.default_data() == Path("/d")


def test_up_reaches_the_daemon_without_the_library_of_commands() -> None:
    code = """
import sys, types
fake = types.ModuleType("bossa.daemon")
class UpFlags(dict):
    __init__ = lambda self, **fields: dict.__init__(self, fields)
fake.UpFlags, fake.run = UpFlags, lambda flags: print(flags["port_base"], flags["data"]) or 7
sys.modules["bossa.daemon"] = sys.modules["bossa.opening"] = fake
from bossa.cli import main
code = main(["--port-base", "20000", "--data", "d"])
print(sorted({"typer", "rich", "asyncio", "argparse", "msgspec"} & set(sys.modules)), code)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["20000 d", "[] 7"]
