from __future__ import annotations

import pytest

from bossa.gss.errors import GssError, Major
from bossa.gss.flags import ContextFlags
from bossa.gss.sequence import WIDTH, Window

TOP = (1 << 64) - 1
REPLAY, SEQUENCE = ContextFlags.REPLAY, ContextFlags.SEQUENCE

# Flags, the first number, the numbers taken, the one that is refused, and as what.
REFUSED = [
    (REPLAY, 5, (5,), 5, Major.DUPLICATE_TOKEN),
    (REPLAY, 5, (), 4, Major.DUPLICATE_TOKEN),
    (REPLAY, 5, (7, 5), 5, Major.DUPLICATE_TOKEN),
    (REPLAY, 5, (5, 200), 200, Major.DUPLICATE_TOKEN),
    (REPLAY, 5, (5, 5 + WIDTH), 5, Major.OLD_TOKEN),
    (REPLAY, 0, (0, TOP // 2 - 1), 0, Major.OLD_TOKEN),
    (REPLAY, TOP, (TOP, 0), TOP, Major.DUPLICATE_TOKEN),
    (SEQUENCE, 5, (), 6, Major.GAP_TOKEN),
    (SEQUENCE, 5, (5, 6), 5, Major.DUPLICATE_TOKEN),
    (SEQUENCE | REPLAY, 5, (5, 6), 8, Major.GAP_TOKEN),
    (SEQUENCE, TOP, (TOP,), 1, Major.GAP_TOKEN),
]


@pytest.mark.parametrize(("flags", "first", "taken", "number", "major"), REFUSED)
def test_numbers_out_of_turn(
    flags: ContextFlags, first: int, taken: tuple[int, ...], number: int, major: Major
) -> None:
    window = Window(first, flags)
    for one in taken:
        window.take(one)
    for _ in range(2):
        with pytest.raises(GssError) as refused:
            window.take(number)
        assert refused.value.major == major


@pytest.mark.parametrize(
    ("flags", "first", "taken"),
    [
        (REPLAY, 5, (5, 6, 7)),
        (REPLAY, 5, (9, 8, 5, 7, 6, 10)),
        (REPLAY, 5, (5 + WIDTH - 1, 5)),
        (REPLAY, TOP - 1, (1, TOP, 0, TOP - 1)),
        (SEQUENCE, TOP, (TOP, 0, 1)),
        (ContextFlags(0), 5, (5, 5, 90, 4)),
    ],
)
def test_numbers_that_are_taken(flags: ContextFlags, first: int, taken: tuple[int, ...]) -> None:
    window = Window(first, flags)
    for number in taken:
        window.take(number)
