"""The bounded table against a model that counts everything anew."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bossa.dns.shelf import Shelf

KEYS = st.binary(min_size=1, max_size=1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), KEYS, st.integers(1, 60)),
        st.tuples(st.just("hit"), KEYS, st.just(0)),
        st.tuples(st.just("pop"), KEYS, st.just(0)),
        st.tuples(st.just("clear"), st.just(b""), st.just(0)),
    ),
    max_size=60,
)
LIMIT = 100


class Model:
    """Two lists, oldest first, and nothing remembered of their sizes."""

    def __init__(self) -> None:
        self.new: list[tuple[bytes, int]] = []
        self.used: list[tuple[bytes, int]] = []

    def put(self, key: bytes, size: int) -> None:
        was_used = any(k == key for k, _ in self.used)
        self.pop(key, 0)
        if size <= LIMIT:
            (self.used if was_used else self.new).append((key, size))
        while sum(s for _, s in self.new + self.used) > LIMIT:
            (self.new or self.used).pop(0)

    def hit(self, key: bytes, _: int) -> None:
        for place in (self.new, self.used):
            for item in [item for item in place if item[0] == key]:
                place.remove(item)
                self.used.append(item)
                break
            else:
                continue
            break
        while sum(s for _, s in self.used) > LIMIT * 0.8:
            self.new.append(self.used.pop(0))

    def pop(self, key: bytes, _: int) -> None:
        self.new = [item for item in self.new if item[0] != key]
        self.used = [item for item in self.used if item[0] != key]

    def clear(self, key: bytes, _: int) -> None:
        self.new, self.used = [], []


@given(STEPS)
def test_the_shelf_does_what_the_model_does_and_stays_within_its_limit(steps: list[tuple[str, bytes, int]]) -> None:
    shelf: Shelf[int] = Shelf(LIMIT, lambda key, value: value)
    model = Model()
    for what, key, value in steps:
        getattr(model, what)(key, value)
        getattr(shelf, what)(*((key, value) if what == "put" else (key,) if key else ()))
        assert list(shelf.new.items()) == model.new
        assert list(shelf.used.items()) == model.used
        assert shelf.octets == sum(s for _, s in model.new + model.used) <= LIMIT
        assert all(shelf.get(k) == v for k, v in model.new + model.used)
        assert len(shelf) == len(model.new) + len(model.used)
