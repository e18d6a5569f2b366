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


@pytest.mark.parametrize("n_whole", [4, 5])
def test_five_whole_objects_are_enough(n_whole: int) -> None:
    labels = np.zeros((100, 100), np.int32)
    for number in range(n_whole):
        labels[10 + 12 * number : 20 + 12 * number, 20:30] = number + 1
    labels[90:, 20:30], labels[:4, 60:80], labels[40:60, :3], labels[40:70, 99] = 10, 11, 12, 13
    areas = [100] * n_whole + ([] if n_whole == 5 else [100, 80, 60, 30])
    np.testing.assert_allclose(diameters(labels), np.sqrt(4 * np.array(areas) / np.pi))


def test_what_differs_is_summed_over_objects_and_foreground() -> None:
    labels = np.zeros((6, 8), np.int32)
    labels[:, :3] = 1
    distance, foreground = np.zeros((6, 8)), np.zeros((6, 8))
    distance[:, :4], distance[:, 6] = distance_map(labels)[:, :4], 0.5
    distance[0, 0] += 0.25 if distance[0, 0] < 0.5 else -0.25
    foreground[:, 4], foreground[:, 6], foreground[:, 7] = 0.5, 0.51, 0.49
    error, count = disagreement(maps_of(distance, foreground), labels)
    assert count == 6 * 3 + 6
    assert error == pytest.approx(0.25 + 6 * 0.5, abs=2e-3)


def test_the_liveliest_window_has_the_greatest_variance_of_all() -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(size=(3, 61, 83)) * np.linspace(0.1, 1, 83) * np.linspace(1, 0.5, 61)[:, np.newaxis] + 1e3
    rows, columns = liveliest_window(image, 20)
    mean = image.mean(axis=0)
    variances = {
        (top, left): mean[top : top + 20, left : left + 20].var() for top in range(61 - 19) for left in range(83 - 19)
    }
    assert (rows.start, columns.start) == max(variances, key=variances.__getitem__)
    assert (rows.stop - rows.start, columns.stop - columns.start) == (20, 20)


def test_channels_count_together() -> None:
    image = np.zeros((2, 40, 40))
    image[1] = 1
    chequered = np.indices((10, 10)).sum(axis=0) % 2
    image[0, :10, :10], image[1, :10, :10] = chequered, 1 - chequered  # what one adds the other takes away
    image[1, 30:, 30:] -= 0.5 * chequered
    assert liveliest_window(image, 10) == (slice(30, 40), slice(30, 40))
