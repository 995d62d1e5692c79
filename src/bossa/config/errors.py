"""Why a configuration is not taken: every problem with its place, what is wrong, and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from bossa.admin.errors import Failure


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: ``where`` is ``bossa.toml:7``, the name of a variable, or the key that a flag set."""

    where: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        return str(Failure(self.where, self.what, self.fix))


class ConfigError(Exception):
    """The configuration has ``problems``, one line each when printed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def nearest(wanted: str, known: Iterable[str]) -> str | None:
    """Return the known name that was probably meant."""
    found = get_close_matches(wanted.lower(), list(known), n=1, cutoff=0.6)
    return found[0] if found else None
