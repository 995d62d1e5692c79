"""Medians, ratios and the table."""

import math

import pytest

from bossa.testing.bench.figures import Figures, Sample, count, percentile, ratio, table


def figures(name: str, *works: int) -> Figures:
    return Figures(name, [Sample(work, 2.0, 0.5) for work in works])


def test_a_sample_says_how_many_a_second_and_the_cpu_time_of_each():
    sample = Sample(work=200_000, seconds=2.0, cpu=1.0)
    assert (sample.rate, sample.micros) == (100_000, 5.0)


def test_a_sample_of_no_work_has_no_cpu_time_an_item():
    assert math.isnan(Sample(work=0, seconds=2.0, cpu=1.0).micros)


def test_one_outlier_does_not_move_the_median():
    assert figures("nsd", 100, 102, 9000).rate == 51


def test_the_median_of_an_even_number_of_rounds_is_the_middle_of_two():
    assert figures("nsd", 100, 200).rate == 75


def test_the_ratio_is_of_medians_and_the_subject_has_none_to_itself():
    bossa, bind = figures("bossa", 300, 300, 900), figures("bind", 200, 200, 100)
    assert ratio(bossa, bind) == "1.50"
    assert ratio(bossa, bossa) == ""


def test_losses_add_up_and_disturbed_samples_are_counted():
    samples = [Sample(1, 1, 1, foreign=0.2, lost=3), Sample(1, 1, 1, foreign=0.01, lost=4)]
    both = Figures("knot", samples)
    assert (both.lost, both.disturbed) == (7, 1)


def test_a_further_figure_has_its_median_over_the_samples_that_have_it():
    samples = [Sample(1, 1, 1, extra={"p50_ms": value}) for value in (1, 5, 2)] + [Sample(1, 1, 1)]
    assert Figures("bind", samples).extra("p50_ms") == 2
    assert math.isnan(Figures("bind", samples).extra("p99_ms"))


def test_json_has_every_sample():
    shown = Figures("bind", [Sample(10, 2, 1e-4, foreign=0.5, extra={"size": 53})]).as_json()
    assert (shown["rate"], shown["disturbed"]) == (5.0, 1)
    assert shown["samples"] == [{"rate": 5.0, "cpu_us": 10.0, "lost": 0, "foreign": 0.5, "size": 53}]


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_a_percentile_is_one_of_the_values(share: float, value: int):
    assert percentile(range(100, 0, -1), share) == value


def test_nothing_has_no_percentile():
    assert math.isnan(percentile([], 0.5))


def test_a_table_has_names_to_the_left_and_figures_to_the_right():
    assert table(["server", "q/s"], [["nsd", "9"], ["bind", "10 000"]]) == (
        "server     q/s\n"
        "nsd          9\n"
        "bind    10 000"
    )  # fmt: skip


def test_thousands_stand_apart():
    assert count(1234567.8) == "1 234 568"
