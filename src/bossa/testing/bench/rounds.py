"""Whose turn it is, and what to do about a measurement that was disturbed."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from bossa.testing.bench.figures import Figures, Sample

TRIES = 4
# A disturbance is mostly somebody's short job: wait for its end.
_PAUSE_SECONDS = 0.5


def turns(names: Sequence[str], rounds: int) -> Iterator[str]:
    """Yield A B C, then C B A, and so on, so that drift of the machine favours nobody."""
    for number in range(rounds):
        yield from reversed(names) if number % 2 else names


def calm(measure: Callable[[], Sample], tries: int = TRIES, pause: float = _PAUSE_SECONDS) -> Sample:
    """Measure until nothing disturbs, ``tries`` times at most; then the least disturbed sample counts."""
    samples = [measure()]
    while samples[-1].disturbed and len(samples) < tries:
        time.sleep(pause)
        samples.append(measure())
    return min(samples, key=lambda sample: sample.foreign)


def compare(names: Sequence[str], rounds: int, measure: Callable[[str], Sample]) -> list[Figures]:
    """Measure each name once a round, in turn; tell on stderr how it goes."""
    samples: dict[str, list[Sample]] = {name: [] for name in names}
    for name in turns(names, rounds):
        sample = calm(partial(measure, name))
        samples[name].append(sample)
        mark = f"  (others took {sample.foreign:.0%})" if sample.disturbed else ""
        tell(f"  {len(samples[name])}/{rounds} {name:<6} {sample.rate:>9.0f}/s {sample.micros:8.2f} us{mark}")
    return [Figures(name, samples[name]) for name in names]


def tell(line: str) -> None:
    """Say something about the run, apart from its result."""
    print(line, file=sys.stderr, flush=True)
