"""The launcher ``./bossa`` and what it does at its first start, in copies of the checkout's few files it needs."""

import fcntl
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

import pytest

from bossa.cli import checkout

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "bossa",
    "pyproject.toml",
    "requirements/bootstrap.txt",
    "requirements/runtime.txt",
    "src/bossa/cli/checkout.py",
)

SAY_HELLO = """#!/bin/sh
printf '%s\\n' "$@" "checkout=$BOSSA_CHECKOUT"
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout in which nothing was started yet."""
    root = (tmp_path / "a checkout").resolve()
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    return root


@pytest.fixture
def installed(copy: Path) -> Path:
    """A checkout whose environment is there, with a Python that only tells how it was called."""
    folder = copy / ".venv" / "bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text(SAY_HELLO)
    (folder / "python").chmod(0o755)
    (folder / "bossa").touch()
    (copy / ".venv" / "bossa.stamp").write_bytes(launcher(copy).origin())
    return copy


def launcher(root: Path) -> ModuleType:
    """The launcher as a module."""
    loader = SourceFileLoader("launcher", str(root / "bossa"))
    spec = importlib.util.spec_from_loader("launcher", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    loader.exec_module(module)
    sys.dont_write_bytecode = written
    return module


def start(root: Path, *arguments: str, cwd: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    command = [sys.executable, str(root / "bossa"), *arguments]
    return subprocess.run(command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


def test_a_whole_environment_is_handed_over_to_with_the_arguments_and_the_checkout(installed: Path) -> None:
    done = start(installed, "zone", "list", cwd=Path("/"))
    command = str(installed / ".venv/bin/bossa")
    assert done.stdout.splitlines() == [command, "zone", "list", f"checkout={installed}"]
    assert done.stderr == ""


def test_a_link_to_the_launcher_starts_the_checkout_it_points_to(installed: Path, tmp_path: Path) -> None:
    link = tmp_path / "bossa-link"
    link.symlink_to(installed / "bossa")
    done = subprocess.run([sys.executable, str(link)], capture_output=True, text=True, check=True)
    assert f"checkout={installed}" in done.stdout


def test_the_second_start_imports_nothing_but_os_and_sys(installed: Path) -> None:
    code = "import os, sys; before = set(sys.modules); os.execv = lambda *_: print(set(sys.modules) - before);"
    code += "__file__ = sys.argv[1]; exec(compile(open(__file__).read(), __file__, 'exec'))"
    command = [sys.executable, "-c", code, str(installed / "bossa")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("name", ["requirements/runtime.txt", "requirements/bootstrap.txt", "pyproject.toml"])
def test_a_changed_lock_file_makes_the_environment_stale(installed: Path, name: str) -> None:
    assert launcher(installed).ready()
    with (installed / name).open("a") as file:
        file.write("\n# changed\n")
    assert not launcher(installed).ready()


def test_another_python_makes_the_environment_stale(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = launcher(installed)
    monkeypatch.setattr(sys, "version_info", (3, 99, 0, "final", 0))
    assert not module.ready()


def test_a_moved_checkout_makes_the_environment_stale(installed: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    installed.rename(moved)
    assert not launcher(moved).ready()


@pytest.mark.parametrize("name", ["bossa.stamp", "bin/python", "bin/bossa"])
def test_an_environment_with_a_part_missing_is_not_ready(installed: Path, name: str) -> None:
    (installed / ".venv" / name).unlink()
    assert not launcher(installed).ready()


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10)])
def test_an_old_python_is_told_so_in_one_line(
    copy: Path, version: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = launcher(copy)
    monkeypatch.setattr(sys, "version_info", (*version, 1, "final", 0))
    with pytest.raises(SystemExit) as end:
        module.main()
    text = str(end.value.code)
    assert (
        text == f"error: bossa needs Python 3.11 or newer, and this is {version[0]}.{version[1]}. Fix: python3.11 bossa"
    )


def test_the_installer_needs_the_standard_library_alone() -> None:
    code = (
        "import runpy, sys; runpy.run_path(sys.argv[1]); print(sorted({'bossa', 'typer', 'rich'} & set(sys.modules)))"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT / "src/bossa/cli/checkout.py")]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize(
    "printed",
    [
        "Retrying after connection broken by 'NewConnectionError': Failed to establish: [Errno 111] Connection refused",
        "[Errno -3] Temporary failure in name resolution",
        "error: Failed to fetch: `https://index.example/rich/`\n  Caused by: dns error: failed to lookup address",
        "error: error sending request for url (https://index.example/): operation timed out",
        "E: Could not connect to deb.example:80",
    ],
    ids=["pip, refused", "pip, no name server", "uv, no name server", "uv, silence", "apt"],
)
def test_a_network_that_is_not_there_is_one_line_with_the_fix(printed: str) -> None:
    why = "no package server can be reached. Fix: connect to the network, or set PIP_INDEX_URL to a server near you"
    assert str(checkout._explained("cannot install packages", printed)) == f"error: cannot install packages: {why}"


def test_any_other_failure_shows_the_last_that_was_printed() -> None:
    printed = "\n".join(["one", "two", "three", "", "hashes do not match"])
    assert "one / two / three / hashes do not match. Fix: " in str(checkout._explained("x", printed))


@pytest.mark.long
def test_without_an_index_the_first_start_says_so_in_one_line_and_leaves_no_stamp(copy: Path) -> None:
    # Port 1 of the loopback: refused at once, where a name that does not resolve may take long.
    closed = "http://127.0.0.1:1/packages"
    settings = {"PIP_INDEX_URL": closed, "PIP_CONFIG_FILE": os.devnull, "PIP_FIND_LINKS": "", "PIP_RETRIES": "0"}
    done = start(copy, **settings)
    *phases, last = done.stderr.splitlines()
    assert done.returncode == 1
    assert last.startswith("error: cannot fetch the installer: no package server can be reached. Fix: ")
    assert phases[-1] == "bossa: fetching the installer (uv)"
    assert not (copy / ".venv" / "bossa.stamp").exists()


class Steps:
    """Stands for the programs that the installer starts; keeps what it was asked to run."""

    def __init__(self, fail: str = "") -> None:
        self.commands: list[list[str]] = []
        self.fail = fail

    def run(self, command: list[str], what: str, *_: object) -> str:
        self.commands.append(command)
        if self.fail and self.fail in command:
            raise checkout.CannotInstall(what, "it broke", "mend it")
        return ""

    def names(self) -> list[str]:
        known = {"venv": "venv", "requirements/runtime.txt": "runtime", ".": "bossa", "apt-get": "apt"}
        return [next((known[word] for word in command if word in known), "uv") for command in self.commands]


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Steps:
    made = Steps()
    monkeypatch.setattr(checkout, "run", made.run)
    monkeypatch.setattr(checkout, "_settings_of_pip", lambda _: {})
    return made


@pytest.fixture
def install(copy: Path) -> Callable[[], int]:
    def install() -> int:
        module = launcher(copy)
        (copy / ".venv").mkdir(exist_ok=True)
        return checkout.install(copy, module.origin(), module.ready)

    return install


def test_the_first_install_goes_through_all_steps_and_stamps_last(
    copy: Path, steps: Steps, install: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkout, "_make_venv", lambda venv: steps.run(["venv"], str(venv)))
    assert install() == 0
    assert steps.names() == ["venv", "uv", "runtime", "bossa"]
    assert (copy / ".venv/bossa.stamp").read_bytes() == launcher(copy).origin()


@pytest.mark.parametrize("broken", ["requirements/runtime.txt", "."])
def test_an_install_that_breaks_off_leaves_no_stamp(
    installed: Path, steps: Steps, install: Callable[[], int], broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (installed / "pyproject.toml").write_text("# changed")
    steps.fail = broken
    assert install() == 1
    assert not (installed / ".venv/bossa.stamp").exists()
    assert capsys.readouterr().err.endswith("it broke. Fix: mend it\n")


def test_a_changed_lock_keeps_a_whole_environment_and_installs_into_it(
    installed: Path, steps: Steps, install: Callable[[], int]
) -> None:
    (installed / "pyproject.toml").write_text("# changed")
    assert install() == 0
    assert steps.names() == ["uv", "runtime", "bossa"]


@pytest.mark.parametrize("harm", ["no stamp", "no python", "another place"])
def test_a_broken_environment_is_made_again_from_nothing(
    installed: Path, steps: Steps, install: Callable[[], int], harm: str
) -> None:
    stamp, python = installed / ".venv/bossa.stamp", installed / ".venv/bin/python"
    if harm == "no stamp":
        stamp.unlink()
    elif harm == "no python":
        python.unlink()
        python.symlink_to("/nonexistent/python3")
    else:
        stamp.write_bytes(b"python 3.11 in /somewhere/else\n")
    left = installed / ".venv/left-over"
    left.touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", lambda *_: 0)
        install()
    assert steps.names()[0] == "venv"
    assert not left.exists()


def test_an_install_by_another_process_is_waited_for_and_used(
    copy: Path, steps: Steps, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = copy / ".cache/install.lock"
    lock.parent.mkdir()
    with lock.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        code = "import sys; from bossa.cli import checkout; sys.exit(checkout.install(sys.argv[1], b'', lambda: True))"
        command = [sys.executable, "-c", code, str(copy)]
        other = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert other.stderr is not None
        assert other.stderr.readline() == "bossa: waiting for another bossa that installs here\n"
        assert other.poll() is None
    assert other.wait(20) == 0
    other.stderr.close()
    assert steps.commands == []


def no_venv(monkeypatch: pytest.MonkeyPatch, *, uid: int, apt: bool) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/apt-get" if apt else None)
    monkeypatch.setattr(checkout, "_venv_package", lambda: "python3-venv")


def test_a_missing_venv_module_is_installed_by_root_on_debian(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    no_venv(monkeypatch, uid=0, apt=True)
    checkout.ensure_venv_module()
    assert steps.names() == ["apt", "apt"]
    assert steps.commands[1][-2:] == ["install", "python3-venv"]


def test_a_missing_venv_module_is_one_command_for_everybody_else(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    no_venv(monkeypatch, uid=1000, apt=True)
    fix = r"is missing\. Fix: as root: apt-get update && apt-get install python3-venv$"
    with pytest.raises(checkout.CannotInstall, match=fix):
        checkout.ensure_venv_module()
    assert steps.commands == []


def test_a_missing_venv_module_without_apt_names_no_package(steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    no_venv(monkeypatch, uid=0, apt=False)
    with pytest.raises(checkout.CannotInstall, match="no venv module"):
        checkout.ensure_venv_module()
    assert steps.commands == []


def test_pips_index_and_certificates_are_passed_to_uv_the_nearest_setting_first() -> None:
    listed = ":env:.index-url='https://near.example/packages'\nglobal.cert='/ca.pem'\n"
    listed += "global.index-url='https://far.example/packages'\nglobal.extra-index-url='https://more.example'\n"
    expected = {"UV_DEFAULT_INDEX": "https://near.example/packages", "SSL_CERT_FILE": "/ca.pem"}
    assert checkout.as_uv_settings(listed) == expected


def test_settings_of_uv_itself_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkout, "_settings_of_pip", lambda _: {"UV_DEFAULT_INDEX": "https://pip.example"})
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://own.example")
    monkeypatch.setenv("UV_CACHE_DIR", "/own")
    environment = checkout.uv_environment(tmp_path, tmp_path / ".venv")
    assert environment["UV_DEFAULT_INDEX"] == "https://own.example"
    assert environment["UV_CACHE_DIR"] == "/own"


def test_uvs_cache_is_in_the_checkout(tmp_path: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UV_CACHE_DIR", raising=False)
    assert checkout.uv_environment(tmp_path, tmp_path / ".venv")["UV_CACHE_DIR"] == str(tmp_path / ".cache/uv")


@pytest.mark.parametrize("lock", sorted(path.name for path in (ROOT / "requirements").glob("*.txt")))
def test_a_lock_file_pins_every_package_by_hash_and_names_no_index(lock: str) -> None:
    text = (ROOT / "requirements" / lock).read_text()
    packages = text.replace("\\\n", " ").splitlines()
    assert packages
    assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []
    assert "://" not in text
    assert "index" not in text


def test_the_project_asks_for_what_the_lock_was_made_from() -> None:
    import tomllib

    asked = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    lines = (ROOT / "requirements/runtime.in").read_text().splitlines()
    ours = [line for line in lines if line and not line.startswith("#")]
    assert sorted(asked) == sorted(set(ours) - {"editables", "hatchling"})
