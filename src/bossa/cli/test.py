"""``bossa test``: fetch what the tests need, run every check, say how it went.

The programs come from `bossa.testing.debian`, in a process of its own as that
package stands above this one.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import bossa
from bossa.cli import checkout

ROOT = Path(bossa.__file__).resolve().parents[2]
RESULTS = ROOT / ".cache" / "tests.xml"
# Domains of tests hold keys, which are not to be left in /tmp.
TEMPORARY = ROOT / ".cache" / "pytest-tmp"

# How long each fuzzer runs in the long tier.
FUZZ_SECONDS = 20


@dataclass
class Report:
    """What was run so far, and what of it failed."""

    passed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def add(self, name: str, *, ok: bool) -> None:
        (self.passed if ok else self.failed).append(name)


def run_tests(*, long: bool, browser: bool, rest: list[str]) -> int:
    """Run the chosen tiers; ``rest`` goes to pytest, which is then all that runs.  0 when everything passed."""
    if not (ROOT / "pyproject.toml").exists():
        print("error: no tests here: bossa is installed without its checkout. Fix: git clone it", file=sys.stderr)
        return 1
    report = Report()
    try:
        _prepare(long=long)
        if not rest:
            _checks(report)
        counts = _pytest(report, long=long, browser=browser, rest=rest)
        if long and not rest:
            _fuzz(report)
    except checkout.CannotInstall as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    _tell(report, counts)
    return 1 if report.failed else 0


def _prepare(*, long: bool) -> None:
    for lock in ("test", "fuzz") if long else ("test",):
        _install(lock)
    tier = "long" if long else "default"
    if subprocess.run([sys.executable, "-m", "bossa.testing.debian", tier], cwd=ROOT, check=False).returncode:
        raise checkout.CannotInstall("cannot run the tests", "their programs are missing", "see the line above")


def _install(lock: str) -> None:
    """Install requirements/LOCK.txt beside bossa, once for each state of the file."""
    file, stamp = ROOT / "requirements" / f"{lock}.txt", Path(sys.prefix) / f"{lock}.stamp"
    with checkout.only_one(ROOT / ".cache" / "install.lock"):
        if stamp.exists() and stamp.read_bytes() == file.read_bytes():
            return
        checkout.say(f"installing what the tests need ({file.relative_to(ROOT)})")
        stamp.unlink(missing_ok=True)
        checkout.uv_install(ROOT, Path(sys.prefix), "-r", str(file), "--require-hashes")
        stamp.write_bytes(file.read_bytes())


def _checks(report: Report) -> None:
    bin_ = Path(sys.prefix) / "bin"
    _step(report, "ruff", [str(bin_ / "ruff"), "check", "--quiet", "."])
    _step(report, "format", [str(bin_ / "ruff"), "format", "--quiet", "--diff", "."])
    _step(report, "imports", [str(bin_ / "lint-imports"), "--cache-dir", ".cache/imports"], told=_broken_contracts)
    _step(report, "mypy", [str(bin_ / "mypy")])


def _step(report: Report, name: str, command: Sequence[str], *, told: Callable[[str], str] = str.strip) -> None:
    """Run one check, quiet unless it fails."""
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    ok = done.returncode == 0
    print(f"{name}: {'ok' if ok else 'FAILED'} ({time.monotonic() - begin:.1f} s)", flush=True)
    if not ok:
        print(told(done.stdout), flush=True)
    report.add(name, ok=ok)


def _broken_contracts(output: str) -> str:
    """What lint-imports printed, without its banner and the contracts that are kept."""
    _, mark, broken = output.partition("Broken contracts")
    return (mark + broken).strip() or output.strip()


def _pytest(report: Report, *, long: bool, browser: bool, rest: Sequence[str]) -> dict[str, int]:
    RESULTS.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", f"--junitxml={RESULTS}", f"--basetemp={TEMPORARY}"]
    if "-m" not in rest:
        command += ["-m", marker_expression(long=long, browser=browser)]
    command += rest or ["--quiet", "-n", str(_workers()), "--dist", "worksteal"]
    print(f"pytest: {shlex.join(command[3:])}", flush=True)
    report.add("pytest", ok=subprocess.run(command, cwd=ROOT, check=False).returncode == 0)
    return count(RESULTS)


def marker_expression(*, long: bool, browser: bool) -> str:
    """Which tests the chosen tiers leave in; the default tier is always in."""
    left_out = [name for name, chosen in (("long", long), ("browser", browser)) if not chosen]
    return " and ".join(f"not {name}" for name in left_out)


def _workers() -> int:
    """Most tests wait for a server rather than compute, so two on one core are not too many."""
    return max(2, min(8, os.cpu_count() or 2))


def count(results: Path) -> dict[str, int]:
    """Passed, failed and skipped, from pytest's own XML; zeros if it did not get that far."""
    if not results.exists():
        return {"passed": 0, "failed": 0, "skipped": 0}
    suites = ElementTree.parse(results).getroot().iter("testsuite")
    sums = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for suite in suites:
        for name in sums:
            sums[name] += int(suite.get(name, "0"))
    failed = sums["failures"] + sums["errors"]
    return {"passed": sums["tests"] - failed - sums["skipped"], "failed": failed, "skipped": sums["skipped"]}


def _fuzz(report: Report) -> None:
    for file in sorted((ROOT / "fuzz").glob("fuzz_*.py")):
        corpus = ROOT / ".cache" / "fuzz" / file.stem
        corpus.mkdir(parents=True, exist_ok=True)
        flags = [f"-max_total_time={FUZZ_SECONDS}", "-print_final_stats=0", f"-artifact_prefix={corpus}-"]
        _step(report, file.stem, [sys.executable, str(file), *flags, str(corpus)], told=_last_lines)


def _last_lines(output: str) -> str:
    return "\n".join(output.splitlines()[-40:])


def _tell(report: Report, counts: dict[str, int]) -> None:
    """The last line has a form that programs read: 'tests: N passed, N failed'."""
    print(f"ok: {' '.join(report.passed) or 'nothing'}; failed: {' '.join(report.failed) or 'nothing'}")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"tests: {counts['passed']} passed, {counts['failed']} failed{skipped}", flush=True)
