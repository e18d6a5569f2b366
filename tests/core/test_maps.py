"""Maps keep what they are given to a known precision, and their fixed-point cosines carry no rounding at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_wnet.core.maps import UNIT, Maps, apply_by_value, to_fixed, to_float

steady = settings(deadline=None, derandomize=True, max_examples=60)
vectors = st.tuples(st.integers(2, 64), st.integers(1, 5), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.integers(-100, 100))
)


def unit(embedding: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    return embedding / np.maximum(np.linalg.norm(embedding, axis=0), 1e-12)


@steady
@given(vectors)
def test_embeddings_come_back_at_unit_length(embedding: npt.NDArray[Any]) -> None:
    maps = Maps.from_floats(np.zeros(embedding.shape[1:]), embedding)
    assert maps.embedding.dtype == np.int16
    np.testing.assert_allclose(to_float(maps.embedding), unit(embedding), atol=0.51 / UNIT)
    again = Maps.from_floats(np.zeros(embedding.shape[1:]), to_float(maps.embedding))
    np.testing.assert_allclose(to_float(again.embedding), unit(embedding), atol=6 / UNIT)


@steady
@given(arrays(np.int16, st.integers(1, 50), elements=st.integers(-UNIT, UNIT)))
def test_fixed_point_numbers_come_back(fixed: npt.NDArray[np.int16]) -> None:
    np.testing.assert_array_equal(to_fixed(to_float(fixed)), fixed)


@steady
@given(vectors, st.randoms(use_true_random=False))
def test_cosines_do_not_depend_on_the_order_of_adding(embedding: npt.NDArray[Any], random: Any) -> None:
    """So labels cannot depend on the processor, the block size or the side from which an image is read."""
    fixed = Maps.from_floats(np.zeros(embedding.shape[1:]), embedding).embedding.reshape(len(embedding), -1)
    pixels = fixed.T.astype(np.float32)
    directions = to_float(fixed)
    order = list(range(len(fixed)))
    random.shuffle(order)
    exact = (fixed.T.astype(np.int64) @ fixed.astype(np.int64)) / UNIT
    np.testing.assert_array_equal(pixels @ directions, exact)
    np.testing.assert_array_equal(pixels[:, order] @ directions[order], exact)
    np.testing.assert_array_equal(np.einsum("ne,em->nm", pixels, directions), exact)


def test_a_vector_without_direction_stays_nought() -> None:
    maps = Maps.from_floats(np.zeros((2, 3)), np.zeros((4, 2, 3)), np.zeros((2, 3)))
    assert (maps.embedding == 0).all()


@pytest.mark.parametrize("foreground", [True, False])
def test_empty_maps_are_nought_and_laid_out_like_any(foreground: bool) -> None:
    empty = Maps.empty((5, 7), 3, foreground=foreground)
    made = Maps.from_floats(np.zeros((5, 7)), np.ones((3, 5, 7)), np.zeros((5, 7)) if foreground else None)
    assert empty.shape == made.shape == (5, 7)
    assert (empty.foreground is not None) is foreground
    for name in ("distance", "embedding", "foreground"):
        one, other = getattr(empty, name), getattr(made, name)
        if one is not None:
            assert not one.any()
            assert (one.shape, one.dtype, one.strides) == (other.shape, other.dtype, other.strides)
    # A pixel's components lie side by side: reading one pixel's vector is one access.
    assert empty.embedding.strides[0] == empty.embedding.itemsize
    assert empty.nbytes == made.nbytes == 5 * 7 * (2 + 3 * 2 + 2 * foreground)


def test_distance_and_foreground_are_kept_in_half_precision() -> None:
    values = np.linspace(0, 1, 35).reshape(5, 7)
    maps = Maps.from_floats(values, np.ones((3, 5, 7)), 1 - values)
    assert maps.distance.dtype == np.float16
    np.testing.assert_allclose(maps.distance, values, atol=5e-4)
    assert maps.foreground is not None
    np.testing.assert_allclose(maps.foreground, 1 - values, atol=5e-4)


def test_a_function_by_table_is_the_function_of_each_value() -> None:
    every = np.arange(2**16, dtype=np.uint16).view(np.float16)
    numbers = every[np.isfinite(every)].reshape(-1, 2)
    np.testing.assert_array_equal(apply_by_value(lambda value: value > 0.3, numbers), numbers > np.float32(0.3))
    np.testing.assert_array_equal(apply_by_value(lambda value: 2 * value, numbers), 2 * numbers.astype(np.float32))
