"""What commands print: tables for people at a terminal, plain columns for pipes, JSON for programs, errors for all."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

import msgspec

from bossa.admin.errors import Failure
from bossa.net.frames import Progress

# Beyond so many rows a terminal gets plain columns too: a drawn table takes a second for each ten thousand.
_MANY = 2000
# "bossa" where a command follows: not the name of the program, nor a part of a path or a domain.
_COMMAND = re.compile(
    r"(?<![\w./-])bossa(?= (?:up|status|check|env|reload|backup|restore|zone|record|key|policy|dns|cache|user|group"
    r"|service|host|delegation|trust|test|bench|man|completion|install-service|--help)\b)"
)


def json(value: object) -> None:
    """Print a result as JSON."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows under their heads at a terminal, bare where the output is piped."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty() and len(cells) <= _MANY:
        _drawn(head, cells)
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)] if cells else []
    for row in cells:
        print("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _drawn(head: Sequence[str], cells: Iterable[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in head:
        drawn.add_column(name, overflow="fold")
    for row in cells:
        # Text, not markup: what is in a zone is not ours.
        drawn.add_row(*map(Text, row))
    Console(highlight=False).print(drawn)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line."""
    shown = [(name, str(value)) for name, value in rows]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        print(f"{name:<{width}}  {value}".rstrip())


def size(octets: int) -> str:
    """Return octets as people read them."""
    for power, unit in ((3, "GB"), (2, "MB"), (1, "kB")):
        if octets >= 1000**power:
            return f"{octets / 1000**power:.1f} {unit}"
    return f"{octets} octets"


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"


def failure(error: Failure) -> None:
    """Print ``error: WHAT: WHY. Fix: FIX.`` on standard error."""
    print(f"error: {callable_here(str(error))}", file=sys.stderr)


def warnings(lines: Iterable[str]) -> None:
    """Print what is odd and did not stop the command on standard error."""
    for line in lines:
        print(f"warning: {callable_here(line)}", file=sys.stderr)


def callable_here(text: str) -> str:
    """Return words for people with the commands in them as they are typed here: in a checkout ``./bossa``."""
    return _COMMAND.sub("./bossa", text) if "BOSSA_CHECKOUT" in os.environ else text


class Bar:
    """One line on standard error that says how far a long job is; silent where that is no terminal."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stderr
        self._shows = self._out.isatty()
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Show a step."""
        self.show(progress.what, progress.done, progress.total)

    def show(self, what: str, done: int, total: int = 0) -> None:
        """Show so many done of a total, which may be unknown (0)."""
        if not self._shows:
            return
        text = f"{what} {done:,}" + (f" of {total:,}" if total else "")
        if total:
            filled = min(20, 20 * done // total)
            text = f"[{'#' * filled}{' ' * (20 - filled)}] {text}"
        self._out.write(f"\r{text:<{self._width}}")
        self._out.flush()
        self._width = len(text)

    def clear(self) -> None:
        """Take the line away."""
        if self._width:
            self._out.write(f"\r{'':<{self._width}}\r")
            self._out.flush()
            self._width = 0
