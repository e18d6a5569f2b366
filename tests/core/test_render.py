"""Pictures: what colours and outlines must tell, for any size and number of channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from napari_wnet.core.render import CASING, PALETTE, label_colours, outlines, overlay
from napari_wnet.errors import ImageError
from scenes import label_pair

Array = npt.NDArray[Any]


def disks(side: int, n: int) -> Array:
    """Return n x n disks that nearly touch, on (side, side) pixels."""
    pitch = side // n
    y, x = np.mgrid[:side, :side]
    cell = (y // pitch) * n + x // pitch + 1
    inside = (y % pitch - pitch / 2) ** 2 + (x % pitch - pitch / 2) ** 2 < (0.48 * pitch) ** 2
    return np.where(inside & (y < n * pitch) & (x < n * pitch), cell, 0)


@pytest.mark.parametrize("side", [64, 512, 1200])
def test_outlines_close_around_each_object_inside_it(side: int) -> None:
    labels = disks(side, 4)
    plain, drawn = overlay(np.zeros((1, side, side)), labels * 0), overlay(np.zeros((1, side, side)), labels)
    changed = (plain != drawn).any(axis=-1)
    assert not changed[labels == 0].any()
    for label in np.unique(labels[labels > 0]):
        own = labels == label
        edge = own & ~ndimage.binary_erosion(own, border_value=1)
        assert changed[edge].all()
        assert not changed[own].all()
        colours = np.unique(drawn[own & changed], axis=0)
        assert len(colours) == 1
        assert colours[0].tolist() in PALETTE.tolist()


def test_outlines_are_wider_on_larger_images_but_do_not_fill_small_objects() -> None:
    def mean_width(side: int, n: int) -> float:
        labels = disks(side, n)
        drawn = overlay(np.zeros((1, side, side)), labels).any(axis=-1)
        edge = (labels > 0) & ~ndimage.binary_erosion(labels > 0)
        return float(drawn.sum() / edge.sum())

    assert mean_width(512, 4) > 1.4
    assert mean_width(1536, 4) > 2.2 * mean_width(512, 4)
    small = disks(1024, 100)
    drawn = overlay(np.zeros((1, 1024, 1024)), small).any(axis=-1)
    assert drawn[small > 0].mean() < 0.75


NEIGHBOURS = [
    (slice(None, -2), slice(1, -1)),
    (slice(2, None), slice(1, -1)),
    (slice(1, -1), slice(None, -2)),
    (slice(1, -1), slice(2, None)),
]


def test_thin_outlines_are_the_objects_outermost_pixels_on_an_image_of_any_size() -> None:
    for side in (100, 2000):
        labels = np.zeros((side, side), int)
        labels[10:60, 10:60], labels[10:60, 60:90], labels[80, 80], labels[-5:, -5:] = 70_000, 2, 3, 4
        image = np.arange(side * side).reshape(1, side, side)
        plain, drawn = outlines(image, labels * 0), outlines(image, labels)
        changed = (plain != drawn).any(axis=-1)
        # The edge of the image is no outline.
        up, down, left, right = (np.pad(labels, 1, mode="edge")[rows, columns] for rows, columns in NEIGHBOURS)
        same = (labels == up) & (labels == down) & (labels == left) & (labels == right)
        np.testing.assert_array_equal(changed, (labels > 0) & ~same)
        assert (drawn[20, 59] != drawn[20, 60]).any()
    np.testing.assert_array_equal(plain, overlay(image, labels * 0))


def test_outlines_show_on_white_and_on_black() -> None:
    labels = disks(300, 3)
    image = np.broadcast_to(np.where(np.arange(300) < 150, 0, 255), (1, 300, 300))
    plain, drawn = overlay(image, labels * 0).astype(int), overlay(image, labels).astype(int)
    contrast = np.abs(plain - drawn).max(axis=-1)
    for label in range(1, 10):
        assert np.sum(contrast[labels == label] > 120) > 200


@given(st.integers(0, 11), st.integers(1, 3))
def test_close_objects_differ_in_colour(seed: int, scale: int) -> None:
    labels = np.kron(label_pair(seed)[0], np.ones((scale, scale), int))
    colours = label_colours(labels)
    assert colours[0].tolist() == [0, 0, 0]
    for axis in (0, 1):
        one, other = (np.moveaxis(labels, axis, 0)[part] for part in (slice(1, None), slice(None, -1)))
        touching = (one != other) & (one > 0) & (other > 0)
        assert (colours[one[touching]] != colours[other[touching]]).any(axis=-1).all()


def test_neighbours_in_a_grid_differ_and_the_colours_are_all_used() -> None:
    labels = disks(512, 16)
    colours = label_colours(labels)[1:].reshape(16, 16, 3)
    for one, other in [(colours[1:], colours[:-1]), (colours[:, 1:], colours[:, :-1])]:
        assert (one != other).any(axis=-1).all()
    assert len(np.unique(colours.reshape(-1, 3), axis=0)) == len(PALETTE)


def test_more_neighbours_than_colours() -> None:
    labels = np.arange(1, 26).reshape(5, 5)
    colours = label_colours(labels)[1:]
    used = np.unique(colours, axis=0, return_counts=True)[1]
    assert used.sum() == 25
    assert used.max() - used.min() <= 1


@pytest.mark.parametrize("n_channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64, np.bool_])
def test_any_channels_and_types(n_channels: int, dtype: type[np.generic]) -> None:
    image = (np.random.default_rng(0).random((n_channels, 40, 48)) * 200 > 100).astype(dtype)
    picture = overlay(image, np.zeros((40, 48), int))
    assert picture.shape == (40, 48, 3)
    assert picture.min() == 0
    assert picture.max() == 255


def test_grey_stays_grey_and_colours_stay_colours() -> None:
    rng = np.random.default_rng(0)
    none = np.zeros((40, 48), int)
    grey = overlay(rng.random((1, 40, 48)), none)
    assert (grey == grey[..., :1]).all()
    colour = rng.integers(0, 256, (3, 40, 48)).astype(np.uint8)
    picture = overlay(colour, none).astype(float)
    for channel in range(3):
        correlation = np.corrcoef(picture[..., channel].ravel(), colour[channel].ravel())[0, 1]
        assert correlation > 0.99
    weak_blue = colour * np.array([1, 1, 0.2])[:, None, None]
    assert overlay(weak_blue, none)[..., 2].max() < 80


def test_two_channels_are_told_apart() -> None:
    image = np.zeros((2, 20, 20))
    image[0, :, :10], image[1, :, 10:] = 5, 900
    picture = overlay(image, np.zeros((20, 20), int))
    assert picture[0, 0].tolist() == [255, 0, 0]
    assert picture[0, -1].tolist() == [0, 255, 255]


def test_numbers_of_labels_do_not_matter() -> None:
    labels = label_pair(1)[0]
    image = np.random.default_rng(0).random((1, *labels.shape))
    expected = overlay(image, labels)
    np.testing.assert_array_equal(overlay(image, labels.astype(np.uint64) * 2**50), expected)
    np.testing.assert_array_equal(overlay(image, labels * 3), expected)


def test_labels_without_background() -> None:
    labels = np.repeat([[3, 8]], 40, axis=0).repeat(30, axis=1)
    drawn = overlay(np.zeros((1, 40, 60)), labels).any(axis=-1)
    assert drawn[:, 29:31].all()
    assert not drawn[:, :20].any()


def test_shapes_are_checked() -> None:
    with pytest.raises(ImageError, match="channels first"):
        overlay(np.zeros((4, 5)), np.zeros((4, 5), int))
    with pytest.raises(ImageError, match="that very image"):
        overlay(np.zeros((1, 4, 5)), np.zeros((5, 4), int))
    with pytest.raises(ImageError, match="astype"):
        overlay(np.zeros((1, 4, 5)), np.zeros((4, 5)))


@pytest.mark.parametrize(("side", "width"), [(250, 1), (374, 1), (376, 2), (626, 3)])
def test_an_outline_is_so_wide_with_a_dark_rim_inside_and_nothing_beyond(side: int, width: int) -> None:
    """Of a square far from the frame, on a bright image: a hundred pixels a side, so that a rim has room."""
    labels = np.zeros((side, side + 100), int)
    labels[60:160, 60:160] = 1
    image = np.full((1, *labels.shape), 0.8)
    image[0, :10], image[0, 10:20] = 0, 1
    plain, drawn = overlay(image, labels * 0).astype(int), overlay(image, labels).astype(int)
    assert plain[100, 100].tolist() == [204, 204, 204]
    depth = ndimage.distance_transform_cdt(np.pad(labels, 1), "chessboard")[1:-1, 1:-1]
    # Outlines widen by pixels that touch with a side, the corners of a square are as deep in it both ways.
    line, rim = (depth > 0) & (depth <= width), depth == width + 1
    colours = np.unique(drawn[line], axis=0)
    assert len(colours) == 1
    assert colours[0].tolist() in PALETTE.tolist()
    np.testing.assert_array_equal(drawn[rim], np.rint(plain[rim] * CASING))
    rest = ~(line | rim)
    np.testing.assert_array_equal(drawn[rest], plain[rest])


@pytest.mark.parametrize(("radius", "cased"), [(7, False), (9, True)])
def test_objects_too_small_for_a_dark_rim_have_none(radius: int, cased: bool) -> None:
    y, x = np.mgrid[:100, :100]
    labels = ((y - 50) ** 2 + (x - 50) ** 2 <= radius**2).astype(int)
    image = np.full((1, 100, 100), 0.8)
    image[0, :10], image[0, 10:20] = 0, 1
    plain, thin, drawn = (draw(image, labels * own) for draw, own in ((overlay, 0), (outlines, 1), (overlay, 1)))
    assert (drawn != thin).any() == cased
    assert (thin != plain).any()


def test_channels_have_hues_in_even_distances_and_the_brightest_shows() -> None:
    image = np.zeros((4, 4, 10))
    for channel in range(4):
        image[channel, channel] = 1
    image[:2, 0, 5:] = 1  # red and the next, a yellowish green, in one place
    picture = overlay(image, np.zeros((4, 10), int))
    assert [picture[row, 0].tolist() for row in range(4)] == [[255, 0, 0], [128, 255, 0], [0, 255, 255], [128, 0, 255]]
    assert picture[0, 9].tolist() == [255, 255, 0]
