"""What a layer says of its pixels, whatever units and transforms it has."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels

from napari_wnet.ui.pixel_size import PixelSizeBox, pixel_size_of


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scale": (2, 3)}, None),
        ({"scale": (2, 3), "units": ("um", "um")}, (2, 3)),
        ({"scale": (500, 0.25), "units": ("nm", "mm")}, (0.5, 250)),
        ({"scale": (2, 3), "units": ("s", "s")}, None),
        ({"scale": (2, 2), "units": ("um", "um"), "rotate": 30}, (2, 2)),
        ({"units": ("um", "um"), "affine": np.diag([0.5, 0.25, 1])}, (0.5, 0.25)),
        ({"units": ("um", "um"), "shear": [0.5]}, None),
    ],
)
def test_the_size_is_in_micrometres_or_unknown(options, expected):
    found = pixel_size_of(Labels(np.zeros((4, 5), int), **options))
    assert found == (None if expected is None else pytest.approx(expected))


def test_the_last_two_axes_of_a_stack_count():
    layer = Labels(np.zeros((3, 4, 5), int), scale=(10, 2, 3), units=("s", "um", "um"))
    assert pixel_size_of(layer) == pytest.approx((2, 3))


@pytest.mark.parametrize("size", [None, (0.65, 0.65), (0.5, 0.25)])
def test_the_field_gives_back_what_was_put_in(qtbot, size):
    box = PixelSizeBox()
    qtbot.addWidget(box)
    box.setValue(size)
    assert box.value() == size
