"""Debian's dnsperf as the load: its query files, its command, and its report."""

from __future__ import annotations

import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bossa.testing.bench.servers import ADDRESS
from bossa.testing.debian import environment, program


@dataclass(frozen=True, slots=True)
class Report:
    """What dnsperf says about a run: answers in ``seconds``, their mean size in octets and their response codes."""

    completed: int
    lost: int
    seconds: float
    size: int
    codes: dict[str, int]

    @classmethod
    def parse(cls, text: str) -> Report:
        """Read the statistics; raises ValueError."""
        return cls(
            completed=int(_find(r"Queries completed:\s+(\d+)", text)),
            lost=int(_find(r"Queries lost:\s+(\d+)", text)),
            seconds=float(_find(r"Run time \(s\):\s+([\d.]+)", text)),
            size=int(_find(r"Average packet size:\s+request \d+, response (\d+)", text)),
            codes={code: int(number) for code, number in re.findall(r"([A-Z]+) (\d+) \([\d.]+%\)", text)},
        )

    def share(self, code: str) -> float:
        """Return the share of answers with a response code."""
        return self.codes.get(code, 0) / self.completed if self.completed else 0.0


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if found is None:
        raise ValueError(f"no {pattern!r} in dnsperf's report: {text[-2000:]}")
    return found[1]


def run(port: int, queries: Path, seconds: int, options: Sequence[str] = ()) -> Report:
    """Ask the queries of a file again and again, a hundred at a time."""
    target = ["-s", ADDRESS, "-p", str(port), "-d", str(queries)]
    how = ["-l", str(seconds), "-c", "1", "-q", "100", "-t", "1", *options]
    done = subprocess.run([*program("dnsperf"), *target, *how], env=environment(), capture_output=True, text=True)
    if done.returncode:
        raise ValueError(f"dnsperf: {done.stderr[-2000:]}")
    return Report.parse(done.stdout)


def write(file: Path, names: Iterator[str] | Sequence[str]) -> Path:
    """Write a query file that asks for addresses."""
    with file.open("w") as output:
        output.writelines(f"{name} A\n" for name in names)
    return file


def random_case(name: str, chance: random.Random) -> str:
    """Return a name with each letter's case up to chance, as resolvers that guard against forgers ask (0x20)."""
    bits = chance.getrandbits(len(name))
    return "".join(letter.upper() if bits >> place & 1 else letter for place, letter in enumerate(name))
