"""Numbers as people read them."""

import pytest

from bossa.web.words import duration, moment, number, size


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (0, "0 octets"),
        (999, "999 octets"),
        (1000, "1.0 kB"),
        (123456, "123 kB"),
        (999_999, "1.0 MB"),
        (2.5e9, "2.5 GB"),
        (7e15, "7000 TB"),
    ],
)
def test_sizes_have_two_or_three_digits(octets, text):
    assert size(octets) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (86405, "1 d"), (90000, "1 d 1 h")],
)
def test_durations_have_their_two_largest_units(seconds, text):
    assert duration(seconds) == text


def test_counts_have_thin_spaces():
    assert number(1234567) == "1\u2009234\u2009567"


def test_moments_are_in_utc():
    assert moment(0) == "1970-01-01 00:00 UTC"
