"""Figures from samples: medians, ratios, and the table that shows them.  Pure."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

# A core's share that work of others may take before a measurement counts as disturbed.
DISTURBED = 0.05


@dataclass(frozen=True, slots=True)
class Sample:
    """One measurement: ``work`` items done in ``seconds``, with ``cpu`` seconds of all of the server's threads.

    ``foreign`` is the larger of the shares that others took of the server's core and of the load's.
    """

    work: int
    seconds: float
    cpu: float
    foreign: float = 0.0
    lost: int = 0
    extra: Mapping[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Items a second."""
        return self.work / self.seconds

    @property
    def micros(self) -> float:
        """CPU microseconds an item."""
        return self.cpu / self.work * 1e6 if self.work else float("nan")

    @property
    def disturbed(self) -> bool:
        """Whether somebody else's work fell into it."""
        return self.foreign > DISTURBED


@dataclass(frozen=True, slots=True)
class Figures:
    """What the samples of one server say."""

    name: str
    samples: Sequence[Sample]

    @property
    def rate(self) -> float:
        """The median of items a second."""
        return self.median(lambda sample: sample.rate)

    @property
    def micros(self) -> float:
        """The median of CPU microseconds an item."""
        return self.median(lambda sample: sample.micros)

    @property
    def lost(self) -> int:
        """Items lost in all samples."""
        return sum(sample.lost for sample in self.samples)

    @property
    def disturbed(self) -> int:
        """How many samples stayed disturbed in spite of being repeated."""
        return sum(sample.disturbed for sample in self.samples)

    def extra(self, name: str) -> float:
        """The median of one of the further figures; NaN when no sample has it."""
        values = [sample.extra[name] for sample in self.samples if name in sample.extra]
        return statistics.median(values) if values else float("nan")

    def median(self, of: Callable[[Sample], float]) -> float:
        """The median of a figure over the samples."""
        return statistics.median(map(of, self.samples))

    def as_json(self) -> dict[str, Any]:
        """All of it for a program."""
        samples = [
            {"rate": one.rate, "cpu_us": one.micros, "lost": one.lost, "foreign": one.foreign, **one.extra}
            for one in self.samples
        ]
        return {
            "name": self.name,
            "rate": self.rate,
            "cpu_us": self.micros,
            "lost": self.lost,
            "disturbed": self.disturbed,
            "samples": samples,
        }


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the values do not exceed (nearest rank); NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def ratio(subject: Figures, peer: Figures) -> str:
    """How many times the peer's rate the subject's is, from their medians."""
    return "" if subject is peer else f"{subject.rate / peer.rate:.2f}"


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out text in columns: the first to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join([first, *rest]).rstrip()

    return "\n".join(map(line, [headings, *rows]))


def count(number: float) -> str:
    """A whole number with its thousands apart."""
    return f"{number:,.0f}".replace(",", " ")
