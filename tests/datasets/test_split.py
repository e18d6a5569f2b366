from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_wnet.datasets.split import halves, split
from napari_wnet.errors import TrainingError


@given(st.sets(st.text(min_size=1, max_size=4)), st.randoms())
def test_every_name_has_one_use_whatever_the_order(names: set[str], random: object) -> None:
    shuffled = list(names)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    parts = split(shuffled)
    assert parts == split(sorted(names))
    assert sorted(parts.train + parts.validation + parts.test) == sorted(names)


@pytest.mark.parametrize(("count", "test", "validation"), [(541, 55, 54), (45, 5, 4), (1, 1, 0), (6, 1, 1), (0, 0, 0)])
def test_sizes_of_the_parts(count: int, test: int, validation: int) -> None:
    parts = split(f"{number:03d}" for number in range(count))
    assert (len(parts.test), len(parts.validation)) == (test, validation)


def test_places_among_the_sorted_names_decide() -> None:
    parts = split(["set10", "set1", "set2", "set3", "set4", "set5", "set6"])
    assert parts.test == ("set1",)
    assert parts.validation == ("set5",)  # sorted as text: set1, set10, set2, ...


def test_a_name_that_comes_twice_is_refused() -> None:
    with pytest.raises(TrainingError, match="b come twice"):
        split(["a", "b", "c", "b"])


def test_halves_are_a_function_of_seed_and_names_on_every_machine() -> None:
    names = [f"n{number:02d}" for number in range(11)]
    first, second = halves(reversed(names), 0)
    assert (len(first), len(second)) == (5, 6)
    assert sorted(first + second) == names
    assert list(first) == sorted(first)
    assert first == ("n00", "n05", "n06", "n07", "n09")
    assert halves(names, 1) != (first, second)
    with pytest.raises(TrainingError, match="come twice"):
        halves(["a", "a"], 0)
