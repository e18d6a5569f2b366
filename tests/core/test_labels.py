"""Regions of touching pixels, with and without the fast library."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from napari_wnet.core import labels as module
from napari_wnet.core.labels import connected_parts, object_ranks, renumber, strips

shapes = st.tuples(st.integers(0, 7), st.integers(1, 7))
images = shapes.flatmap(
    lambda shape: st.one_of(arrays(np.int32, shape, elements=st.integers(0, 3)), arrays(np.bool_, shape))
)


@pytest.mark.parametrize("library", ["fast", "skimage"])
@settings(derandomize=True, deadline=None, max_examples=200)
@given(image=images, connectivity=st.sampled_from([4, 8]))
def test_parts_are_the_regions_of_each_value(
    library: str, image: npt.NDArray[Any], connectivity: Literal[4, 8]
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if library == "skimage":
            patch.setattr(module, "cc3d", None)
        image.flags.writeable = False
        parts = connected_parts(image, connectivity)
    assert parts.dtype == np.int32
    assert parts.shape == image.shape
    structure = np.ones((3, 3)) if connectivity == 8 else None
    regions = [
        region == number
        for value in np.unique(image[image > 0])
        for region, count in [ndimage.label(image == value, structure)]
        for number in range(1, count + 1)
    ]
    np.testing.assert_array_equal(parts > 0, image > 0)
    assert sorted({int(parts[region].min()) for region in regions}) == list(range(1, len(regions) + 1))
    assert all(np.unique(parts[region]).size == 1 for region in regions)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(height=st.integers(0, 40), width=st.integers(0, 9), least=st.integers(1, 50), pixels=st.integers(1, 100))
def test_strips_cover_every_row_once_in_order(height: int, width: int, least: int, pixels: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STRIP_PIXELS", pixels)
        pieces = list(strips((height, width), least=least))
    assert [row for piece in pieces for row in range(height)[piece]] == list(range(height))
    assert all(piece.stop - piece.start >= least for piece in pieces[:-1])
    assert all((piece.stop - piece.start) * width <= max(pixels, least * width, width) for piece in pieces)


def test_labels_are_renumbered_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "STRIP_PIXELS", 10)
    image = np.random.default_rng(0).integers(0, 4, (9, 5)).astype(np.int32)
    before, numbers = image.copy(), np.array([0, 7, 5, 5], np.int32)
    renumber(image, numbers)
    np.testing.assert_array_equal(image, numbers[before])


@pytest.mark.parametrize("background", [False, True])
def test_ranks_are_labels_from_1_in_the_order_of_the_numbers(background):
    labels = np.array([[7, 7, 3_000_000_000], [7, 9, 9]])
    labels[0, 0] *= not background
    values, ranks = object_ranks(labels)
    assert values.tolist() == [7, 9, 3_000_000_000]
    np.testing.assert_array_equal(np.concatenate([[0], values])[ranks], labels)
    for empty in (np.zeros((2, 3), np.int32), np.zeros((0, 3), np.int32)):
        values, ranks = object_ranks(empty)
        assert not len(values)
        assert ranks.shape == empty.shape
        assert not ranks.any()
