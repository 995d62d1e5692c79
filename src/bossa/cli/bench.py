"""``bossa bench NAME``: a comparison from the checkout's bench/ directory."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import bossa
from bossa.admin.errors import Exit, Failure, nearest

BENCH = Path(bossa.__file__).resolve().parents[2] / "bench"


def run_bench(name: str, rest: list[str]) -> int:
    """Run ``main(rest)`` of bench/NAME.py, or list what there is; raises Failure."""
    found = available(BENCH)
    if not BENCH.is_dir():
        raise Failure("bench", "bossa is installed without its checkout", "git clone it")
    if not name:
        for one, path in found.items():
            print(f"{one:<16} {_first_line(path)}".rstrip())
        return 0
    if name not in found:
        raise Failure(
            f"bench {name}", "no such comparison", nearest(name, found) or "bossa bench lists them", Exit.USAGE
        )
    return _run(found[name], rest)


def available(directory: Path) -> dict[str, Path]:
    """Return the comparisons by name; files that begin with an underscore are their shared parts."""
    return {path.stem.replace("_", "-"): path for path in sorted(directory.glob("[!_]*.py"))}


def _first_line(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text()))
    return text.splitlines()[0] if text else ""


def _run(path: Path, rest: list[str]) -> int:
    # The comparisons share files beside them.
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(f"bench_{path.stem}", path)
    assert spec is not None and spec.loader is not None, "a path that ends in .py has a loader"
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return int(module.main(rest))
