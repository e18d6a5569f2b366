"""The table of a slide is that of its labels as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.measure import measure_plane
from napari_wnet.slide.measuring import block_sums, table
from slide_scenes import clusters


@pytest.mark.parametrize("n_channels", [1, 2])
@pytest.mark.parametrize("pixel_size", [None, (0.5, 0.25)])
def test_sums_over_blocks_are_measurements_of_the_whole(rng, n_channels, pixel_size):
    labels = clusters(150, 20, 0.2, seed=1)
    labels = (np.unique(labels, return_inverse=True)[1].reshape(labels.shape)).astype(np.int32)
    image = rng.normal(100, 20, (n_channels, *labels.shape)).astype(np.float32)
    blocks = []
    for top in range(0, 150, 40):
        for left in range(0, 150, 60):
            window = slice(top, min(top + 40, 150)), slice(left, min(left + 60, 150))
            part = labels[window]
            blocks.append(block_sums(part, image[:, *window], window) if part.any() else {})
    count = int(labels.max())
    found = table(blocks, labels.shape, count, n_channels=n_channels, pixel_size=pixel_size)
    wanted = measure_plane(labels, image, pixel_size)
    for name, column in found.items():
        np.testing.assert_allclose(column, wanted[name], rtol=1e-6, err_msg=name)


def test_without_objects_the_table_has_its_columns():
    found = table([{}, {}], (10, 10), 0, n_channels=1, pixel_size=None)
    assert {len(column) for column in found.values()} == {0}
    assert list(found)[:2] == ["label", "area_px"]
