from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.maps import Maps
from napari_wnet.core.sizes import diameters, disagreement, liveliest_window
from napari_wnet.core.targets import distance_map


def squares(side: int, gap: int, count: int = 4, margin: int = 3) -> np.ndarray:
    size = 2 * margin + count * side + (count - 1) * gap
    labels = np.zeros((size, size), np.int32)
    for number in range(count * count):
        y, x = (margin + place * (side + gap) for place in divmod(number, count))
        labels[y : y + side, x : x + side] = number + 1
    return labels


def maps_of(distance: np.ndarray, foreground: np.ndarray | None = None) -> Maps:
    return Maps.from_floats(distance, np.zeros((2, *distance.shape), np.float32), foreground)


def test_objects_that_the_frame_cuts_do_not_count_where_others_are_enough() -> None:
    labels = squares(10, 4)
    np.testing.assert_allclose(diameters(labels), np.full(16, np.sqrt(400 / np.pi)))
    assert len(diameters(labels[4:, :])) == 12
    assert len(diameters(labels[4:18, 4:18])) == 1 or len(diameters(labels[4:18, 4:18])) == 4
    assert len(diameters(np.zeros((5, 5), np.int32))) == 0


def test_labels_agree_with_their_own_map_and_with_no_other() -> None:
    whole = squares(20, 4)
    own = maps_of(distance_map(whole), (whole > 0).astype(np.float32))
    error, count = disagreement(own, whole)
    assert count == np.count_nonzero(whole)
    assert error / count < 1e-3
    pieces = np.where(whole > 0, squares(9, 3, count=8)[: whole.shape[0], : whole.shape[1]], 0)
    assert disagreement(own, pieces)[0] / disagreement(own, pieces)[1] > 0.2


def test_foreground_in_which_nothing_was_found_counts() -> None:
    labels = squares(10, 4)
    full = np.ones(labels.shape, np.float32)
    assert disagreement(maps_of(distance_map(labels), full), labels)[1] == labels.size
    assert disagreement(maps_of(distance_map(labels)), labels)[1] == np.count_nonzero(labels)


@pytest.mark.parametrize("place", [(0, 0), (300, 130), (390, 390), (200, 0)])
@pytest.mark.parametrize("side", [100, 97, 200])
def test_the_window_is_where_something_is(place: tuple[int, int], side: int) -> None:
    image = np.zeros((2, 500, 490), np.float32)
    y, x = place
    image[:, y : y + 100, x : x + 100] = np.random.default_rng(0).normal(size=(2, 100, 100))
    rows, columns = liveliest_window(image, side)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (side, side)
    assert 0 <= rows.start <= rows.stop <= 500
    assert 0 <= columns.start <= columns.stop <= 490
    seen = (image[:, rows, columns] ** 2).sum() / (image**2).sum()
    assert seen > 0.8


def test_a_small_image_is_looked_at_whole() -> None:
    assert liveliest_window(np.zeros((1, 30, 500)), 600) == (slice(0, 30), slice(0, 500))
    rows, columns = liveliest_window(np.zeros((1, 30, 500)), 60)
    assert rows == slice(0, 30)
    assert columns.stop - columns.start == 60
