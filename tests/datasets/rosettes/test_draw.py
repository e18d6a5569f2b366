"""What a synthetic rosette promises: the same picture each time, and labels that are exact."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label

from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.errors import ParamsError

SMALL = RosetteParams(size=(200, 232))
SERIES = range(24)


@pytest.fixture(scope="module")
def series() -> list[tuple[np.ndarray, np.ndarray]]:
    return [rosette(5, index, SMALL) for index in SERIES]


def test_the_same_arguments_give_the_same_picture_in_any_order(series):
    for index in (17, 3, 0):
        image, labels = rosette(5, index, SMALL)
        np.testing.assert_array_equal(image, series[index][0])
        np.testing.assert_array_equal(labels, series[index][1])


def test_another_seed_or_index_gives_another_picture(series):
    images = [image for image, _ in series] + [rosette(6, index, SMALL)[0] for index in (0, 1)]
    assert len({image.tobytes() for image in images}) == len(images)


def test_pictures_are_rgb_of_the_size_asked_for(series):
    for image, labels in series:
        assert (image.dtype, image.shape) == (np.uint8, (3, 200, 232))
        assert (labels.dtype, labels.shape) == (np.int32, (200, 232))
        assert np.ptp(image.astype(int)) > 30


def test_leaves_are_numbered_without_gaps_and_large_enough(series):
    for _, labels in series:
        areas = np.bincount(labels.ravel())[1:]
        assert areas.size >= 1
        assert areas.min() >= SMALL.min_area


def test_a_larger_smallest_leaf_gives_fewer_leaves_and_no_hole_in_the_plant(series):
    few = RosetteParams(size=SMALL.size, min_area=200)
    dropped = 0
    for index in (*range(8), 11):
        labels = rosette(5, index, few)[1]
        areas = np.bincount(labels.ravel())[1:]
        assert areas.size == 0 or areas.min() >= 200
        dropped += series[index][1].max() - labels.max()
        # What a dropped leaf had covered belongs to what lies under it, never to something else.
        assert not (labels > 0)[series[index][1] == 0].any()
    assert dropped > 10


def test_most_of_a_leaf_is_in_one_piece(series):
    shares = []
    for _, labels in series:
        for number in range(1, labels.max() + 1):
            pieces = np.bincount(label(labels == number, connectivity=2).ravel())[1:]
            shares.append(pieces.max() / pieces.sum())
    assert np.mean(shares) > 0.95
    assert np.mean(np.array(shares) > 0.9) > 0.85


def test_plants_have_as_many_leaves_as_allowed():
    params = RosetteParams(size=SMALL.size, min_leaves=4, max_leaves=6, groups=0)
    counts = [rosette(1, index, params)[1].max() for index in range(12)]
    assert max(counts) <= 6
    assert np.median(counts) >= 4


def test_sizes_and_counts_cover_seedlings_and_canopies():
    params = RosetteParams(size=(160, 160))
    found = [rosette(2, index, params)[1] for index in range(60)]
    covered, counts = [(labels > 0).mean() for labels in found], [labels.max() for labels in found]
    assert min(covered) < 0.08 and max(covered) > 0.4
    assert 0.08 < np.mean(covered) < 0.4
    assert min(counts) <= 5 and max(counts) >= 18


def test_a_plant_stands_out_from_the_ground(series):
    """Leaves are greener than the ground in nearly all pictures: else labels and image would not fit together."""
    greener = []
    for image, labels in series:
        red, green, blue = image.astype(float)
        excess = 2 * green - red - blue
        greener.append(excess[labels > 0].mean() - excess[labels == 0].mean())
    assert np.mean(np.array(greener) > 5) > 0.8


def test_edges_in_the_picture_lie_where_the_labels_change(series):
    here, beside = [], []
    for image, labels in series:
        steps = np.abs(np.diff(image.astype(float), axis=2)).sum(axis=0)
        steps /= steps.mean()
        for shift, found in ((0, here), (-3, beside), (3, beside)):
            border = np.diff(np.roll(labels, shift, axis=1), axis=1) != 0
            found.append(steps[border].mean())
    assert np.mean(here) > 1.5 * np.mean(beside)


@pytest.mark.parametrize(("seed", "index"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(seed, index):
    with pytest.raises(ParamsError, match="0 or more"):
        rosette(seed, index)


def test_a_size_is_two_numbers_or_one():
    assert RosetteParams(size=(128,)).size == (128, 128)
    assert RosetteParams.from_dict(SMALL.to_dict()) == SMALL
    with pytest.raises(ParamsError, match="height and a width"):
        RosetteParams(size=(128, 128, 128))
    with pytest.raises(ParamsError, match="between 96 and"):
        RosetteParams(size=(64, 128))


def test_fewest_leaves_are_not_more_than_most():
    with pytest.raises(ParamsError, match="lower it"):
        RosetteParams(min_leaves=9, max_leaves=5)


def test_the_smallest_pictures_can_be_drawn():
    for index in range(8):
        image, labels = rosette(3, index, RosetteParams(size=(96, 96)))
        assert image.shape == (3, 96, 96)
        assert labels.shape == (96, 96)
