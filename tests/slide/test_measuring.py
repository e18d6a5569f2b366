"""The table of a slide is that of its labels as a whole."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.measure import measure
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
    wanted = measure(labels, image, pixel_size)
    unit, square = ("px", "px") if pixel_size is None else ("um", "um2")
    names = {"label": "label", "area": f"area_{square}"}
    names |= {f"centroid_{axis}": f"centroid_{axis}_{unit}" for axis in "yx"}
    endings = [""] if n_channels == 1 else ["_0", "_1"]
    names |= {f"mean_intensity{ending}": f"mean_intensity{ending}" for ending in endings}
    for old, new in names.items():
        np.testing.assert_allclose(found[new], wanted[old], rtol=1e-9)
    for number in (1, count // 2, count):
        rows, columns = np.nonzero(labels == number)
        box = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        assert [int(found[f"bbox_{side}_px"][number - 1]) for side in ("top", "left", "bottom", "right")] == box
        assert bool(found["at_border"][number - 1]) == bool(min(box[:2]) == 0 or max(box[2:]) == 150)
        for channel, ending in zip(image, endings, strict=True):
            assert found[f"max_intensity{ending}"][number - 1] == channel[rows, columns].max()
            assert found[f"min_intensity{ending}"][number - 1] == channel[rows, columns].min()


def test_without_objects_the_table_has_its_columns():
    found = table([{}, {}], (10, 10), 0, n_channels=1, pixel_size=None)
    assert {len(column) for column in found.values()} == {0}
    assert list(found)[:2] == ["label", "area_px"]
