"""Why a verb did not do what was asked, in three parts: what, why, and the fix; and the exit codes of commands."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum

from bossa.dns.errors import Declined


class Exit(IntEnum):
    """How a command ends; docs/commands.md tells scripts the same."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    UNREACHABLE = 3
    USAGE = 64


class Failure(Declined):
    """The verb failed: printed as ``error: WHAT: WHY. Fix: FIX.``"""

    def __init__(self, what: str, why: str, fix: str = "", exit: Exit = Exit.FAILED) -> None:
        super().__init__(what, why, fix, exit)
        self.what = what
        self.why = why
        self.fix = fix
        self.exit = exit

    def __str__(self) -> str:
        text = _sentence(f"{self.what}: {self.why}")
        return f"{text} Fix: {_sentence(self.fix)}" if self.fix else text


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else text + "."


def refused(what: str, why: str, fix: str = "") -> Failure:
    """Return the failure of something that bossa will not do as it was asked."""
    return Failure(what, why, fix, Exit.REFUSED)


def nearest(wanted: str, known: Iterable[str]) -> str:
    """Return a hint such as ``did you mean example.test.?``, "" when nothing is near."""
    found = get_close_matches(wanted, list(known), n=1, cutoff=0.6)
    return f"did you mean {found[0]}?" if found else ""
