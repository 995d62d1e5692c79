"""What every comparison does around its own work: fetches programs, makes room, takes the load's core, tells errors."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from bossa.testing.bench import machine, servers
from bossa.testing.debian import TIERS, fetch

T = TypeVar("T")


def run(work: Callable[[Path, ExitStack], T]) -> T | None:
    """Do a comparison's work in a directory of its own; None when the machine or a server cannot, which is told."""
    try:
        fetch(TIERS["bench"])
        with machine.load_core(), ExitStack() as exits:
            home = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="bossa-bench-")))
            return work(home, exits)
    except servers.PROBLEMS as problem:
        print(f"error: {problem}", file=sys.stderr)
        return None


def as_text(figures: object) -> str:
    """Return figures for programs."""
    return json.dumps(figures, indent=1)
