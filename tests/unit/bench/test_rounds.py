"""Turns, and what is done about disturbed measurements."""

import pytest

from bossa.testing.bench import rounds
from bossa.testing.bench.figures import DISTURBED, Sample


def sample(foreign: float) -> Sample:
    return Sample(1, 1.0, 1.0, foreign)


def test_every_other_round_runs_backwards():
    assert "".join(rounds.turns("ABC", 3)) == "ABCCBAABC"


def test_a_calm_measurement_is_not_repeated():
    shares = iter([DISTURBED])
    assert rounds.calm(lambda: sample(next(shares))).foreign == DISTURBED


def test_a_disturbed_measurement_is_repeated_until_a_calm_one():
    shares = iter([0.3, 0.2, 0.01, 0.0])
    assert rounds.calm(lambda: sample(next(shares)), pause=0).foreign == 0.01
    assert next(shares) == 0.0


def test_after_the_last_try_the_least_disturbed_counts():
    shares = iter([0.3, 0.1, 0.2])
    assert rounds.calm(lambda: sample(next(shares)), tries=3, pause=0).foreign == 0.1


def test_each_server_is_measured_once_a_round(capsys: pytest.CaptureFixture[str]):
    order: list[str] = []

    def measure(name: str) -> Sample:
        order.append(name)
        return sample(0.0)

    figures = rounds.compare(["bossa", "nsd"], 3, measure)
    assert order == ["bossa", "nsd", "nsd", "bossa", "bossa", "nsd"]
    assert [(one.name, len(one.samples)) for one in figures] == [("bossa", 3), ("nsd", 3)]
    assert capsys.readouterr().err.count("nsd") == 3
