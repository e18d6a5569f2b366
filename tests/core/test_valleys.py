"""Touching objects are one where nothing divides them: no valley, no angle."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.growth import Seeds
from napari_wnet.core.valleys import SHALLOW, undivided


def pair(*, pass_height: float, angle: float, second_peak: float = 0.8):
    """Return two objects side by side, their seeds, and a distance map with two peaks and a pass between."""
    labels = np.zeros((5, 12), np.int32)
    labels[1:4, 1:6], labels[1:4, 6:11] = 1, 2
    smooth = np.where(labels > 0, 0.1, 0).astype(np.float32)
    smooth[2, 3], smooth[2, 8] = 1, second_peak
    smooth[2, 5] = smooth[2, 6] = pass_height
    seeds = np.zeros_like(labels)
    seeds[2, 3], seeds[2, 8] = 1, 2
    turn = np.radians(angle)
    directions = np.array([[1, 0], [np.cos(turn), np.sin(turn)]], np.float32)
    windows = [(slice(2, 3), slice(3, 4)), (slice(2, 3), slice(8, 9))]
    return labels, Seeds(labels=seeds, windows=windows, directions=directions, areas=np.array([1, 1])), smooth


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("above", "angle", "one"), [(0.01, 29, True), (-0.01, 29, False), (0.01, 31, False)])
def test_a_pass_nearly_as_high_as_the_lower_peak_divides_nothing(above, angle, one, turned):
    labels, seeds, smooth = pair(pass_height=SHALLOW * 0.8 + above, angle=angle)
    if turned:
        seeds = Seeds(
            labels=seeds.labels.T,
            windows=[(columns, rows) for rows, columns in seeds.windows],
            directions=seeds.directions,
            areas=seeds.areas,
        )
        labels, smooth = labels.T, smooth.T
    assert undivided(labels, seeds, smooth, 30).tolist() == ([0, 1, 1] if one else [0, 1, 2])


def test_the_pass_is_as_high_as_the_lower_side_of_the_border_at_its_highest_place():
    labels, seeds, smooth = pair(pass_height=0.9, angle=0)
    smooth[2, 5] = SHALLOW * 0.8 - 0.01  # one side
    assert undivided(labels, seeds, smooth, 30).tolist() == [0, 1, 2]
    smooth[3, 5] = smooth[3, 6] = 0.9  # another place
    assert undivided(labels, seeds, smooth, 30).tolist() == [0, 1, 1]


def test_objects_that_do_not_touch_or_stay_alone_are_not_one():
    labels, seeds, smooth = pair(pass_height=0.9, angle=0)
    assert undivided(labels, seeds, smooth, 30, alone=[1]).tolist() == [0, 1, 2]
    assert undivided(labels, seeds, smooth, 30, alone=[2]).tolist() == [0, 1, 2]
    assert undivided(labels, seeds, smooth, 30, alone=[3]).tolist() == [0, 1, 1]
    labels[:, 6] = 0
    assert undivided(labels, seeds, smooth, 30).tolist() == [0, 1, 2]


def test_of_three_in_a_row_the_first_lends_its_number():
    labels, seeds, smooth = (np.ones((3, 9), np.int32) * [1, 1, 1, 3, 3, 3, 2, 2, 2], None, np.ones((3, 9), np.float32))
    marks = np.zeros_like(labels)
    marks[1, 1], marks[1, 7], marks[1, 4] = 1, 2, 3
    windows = [(slice(1, 2), slice(place, place + 1)) for place in (1, 7, 4)]
    seeds = Seeds(
        labels=marks, windows=windows, directions=np.tile([[1.0, 0]], (3, 1)).astype(np.float32), areas=np.ones(3, int)
    )
    assert undivided(labels.astype(np.int32), seeds, smooth, 30).tolist() == [0, 1, 1, 1]
    smooth[:, 5:7] = 0.1  # only the first and the third
    assert undivided(labels.astype(np.int32), seeds, smooth, 30).tolist() == [0, 1, 2, 1]
