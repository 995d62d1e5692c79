"""A checkout's own environment: what ``./bossa`` makes at its first start.

Run by whatever Python starts the launcher, before any package is there: the
standard library only, and nothing of bossa.  All that is written stays inside
the checkout, except Debian's python3-venv where root lacks it.

Invariant: ``.venv/bossa.stamp`` is there only while the environment is whole.
It goes before anything changes and comes back last, so an interrupted install
is made again from nothing.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

# What pip, uv and apt-get print when there is no way to the packages.
_NO_NETWORK = re.compile(
    r"name resolution|name or service not known|failed to establish|connection (refused|error|reset|failed)|dns error"
    r"|network is unreachable|no route to host|timed? ?out|max retries|could ?n[o']t (resolve|connect)"
    r"|error sending request|failed to lookup|unable to connect|failed to fetch",
    re.IGNORECASE,
)


class CannotInstall(Exception):
    """One step failed: what, why, and the fix."""

    def __init__(self, what: str, why: str, fix: str) -> None:
        super().__init__(f"error: {what}: {why}. Fix: {fix}")


def install(root: str | Path, origin: bytes, ready: Callable[[], bool]) -> int:
    """Make the environment of the checkout at ``root`` out of what ``origin`` holds; the exit code.

    ``ready`` says whether another process has done it while we waited.
    """
    try:
        root = Path(root)
        with only_one(root / ".cache" / "install.lock"):
            if not ready():
                _make(root, origin)
    except CannotInstall as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"error: cannot install into {root}: {problem}. Fix: see to it, then start again", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        say("interrupted; the next start goes on")
        return 130
    return 0


def _make(root: Path, origin: bytes) -> None:
    begin = time.monotonic()
    venv, stamp = root / ".venv", root / ".venv" / "bossa.stamp"
    kept = _same_ground(stamp, origin) and runs(venv / "bin" / "python")
    stamp.unlink(missing_ok=True)
    if not kept:
        _make_venv(venv)
    say("fetching the installer (uv)")
    _install_uv(root)
    say(f"installing {_count(root / 'requirements/runtime.txt')} packages")
    uv_install(root, venv, "-r", "requirements/runtime.txt", "--require-hashes")
    say("installing bossa itself")
    uv_install(root, venv, "--no-deps", "--no-build-isolation", "--editable", ".")
    stamp.write_bytes(origin)
    say(f"ready after {time.monotonic() - begin:.1f} s")


def _same_ground(stamp: Path, origin: bytes) -> bool:
    """Whether the old environment was whole, of this Python and in this place."""
    try:
        with stamp.open("rb") as file:
            return file.readline() == origin.partition(b"\n")[0] + b"\n"
    except OSError:
        return False


def _make_venv(venv: Path) -> None:
    here = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    ensure_venv_module()
    say(f"making .venv for {here}")
    # Not --clear: it leaves a .venv that is a file or a dangling link.
    if venv.is_symlink() or venv.is_file():
        venv.unlink()
    elif venv.exists():
        shutil.rmtree(venv)
    run([sys.executable, "-m", "venv", str(venv)], "cannot make .venv")


def ensure_venv_module() -> None:
    """Debian keeps Python's venv in a package of its own, which may be missing."""
    specs = [importlib.util.find_spec(name) for name in ("venv", "ensurepip")]
    # A folder that is left over without its files has a spec, but no origin.
    if all(spec is not None and spec.origin for spec in specs):
        return
    what, package = "cannot make .venv", _venv_package()
    if shutil.which("apt-get") is None:
        raise CannotInstall(what, "this Python has no venv module", "install your system's package of Python's venv")
    if os.geteuid() != 0:
        fix = f"as root: apt-get update && apt-get install {package}"
        raise CannotInstall(what, f"the package {package} is missing", fix)
    say(f"installing Debian's {package}")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "-q", "update"], what, environment)
    run(["apt-get", "-q", "-y", "--no-install-recommends", "install", package], what, environment)


def _venv_package() -> str:
    ours = f"python3.{sys.version_info.minor}"
    default = os.path.realpath("/usr/bin/python3")
    return "python3-venv" if os.path.basename(default) == ours else f"{ours}-venv"


def _install_uv(root: Path) -> None:
    pip = [str(root / ".venv/bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # Pip's cache is outside the checkout; a start that finds no network should say so soon.
    pip += ["--no-cache-dir", "--retries", "2", "--only-binary", ":all:"]
    run([*pip, "--require-hashes", "-r", str(root / "requirements/bootstrap.txt")], "cannot fetch the installer")


def uv_install(root: Path, venv: Path, *arguments: str) -> None:
    """``uv pip install`` with these arguments, from the checkout into the environment at ``venv``."""
    uv = [str(venv / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    run([*uv, *arguments], "cannot install packages", uv_environment(root, venv), root)


def uv_environment(root: Path, venv: Path) -> dict[str, str]:
    """Uv keeps its cache in the checkout, and asks the index that pip is set to unless it has one of its own."""
    own = {"UV_CACHE_DIR": str(root / ".cache" / "uv"), "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
    if not os.environ.keys() & {"UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"}:
        own |= _settings_of_pip(venv)
    return {**own, **os.environ}


def _settings_of_pip(venv: Path) -> dict[str, str]:
    command = [str(venv / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return as_uv_settings(listed)


def as_uv_settings(listed: str) -> dict[str, str]:
    """What ``pip config list`` prints, as far as uv has a variable for it."""
    names = {"index-url": "UV_DEFAULT_INDEX", "cert": "SSL_CERT_FILE"}
    # Pip's own order: the file's [global], then [install], then the environment.
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found = re.findall(r"^(global|install|:env:)\.([a-z-]+)='(.*)'$", listed, re.MULTILINE)
    ordered = sorted((row for row in found if row[1] in names), key=lambda row: ranks[row[0]])
    return {names[option]: value for _, option, value in ordered}


def run(
    command: Sequence[str], what: str, environment: Mapping[str, str] | None = None, where: Path | None = None
) -> str:
    """Run one step and return what it printed; quiet unless it fails."""
    done = subprocess.run(
        command, env=environment, cwd=where, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
    )  # fmt: skip
    if done.returncode:
        raise _explained(what, done.stdout)
    return done.stdout


def _explained(what: str, output: str) -> CannotInstall:
    if _NO_NETWORK.search(output):
        why = "no package server can be reached"
        return CannotInstall(what, why, "connect to the network, or set PIP_INDEX_URL to a server near you")
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return CannotInstall(what, " / ".join(lines[-5:]) or "no word why", "see to it, then start again")


def runs(python: Path) -> bool:
    """Whether the environment's interpreter starts at all: the one it was made from may be gone."""
    try:
        return subprocess.run([str(python), "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock file at ``path``, and say so once if that means to wait."""
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another bossa that installs here")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(text: str) -> None:
    print(f"bossa: {text}", file=sys.stderr, flush=True)


def _count(lock: Path) -> int:
    return sum("==" in line for line in lock.read_text().splitlines())
