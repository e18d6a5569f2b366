"""Resampling in windows is resampling the whole."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.image import resize_plane
from napari_wnet.core.resampling import Resampling


@pytest.mark.parametrize("target", [(41, 50), (100, 141), (137, 141), (137, 300), (411, 400), (2, 3)])
@pytest.mark.parametrize("step", [17, 64])
def test_windows_put_together_are_the_whole(target, step, rng):
    image = rng.normal(size=(2, 137, 141)).astype(np.float32)
    whole = resize_plane(image, target)
    how = Resampling(source=(137, 141), target=target)
    found = np.full_like(whole, np.nan)
    for top in range(0, target[0], step):
        for left in range(0, target[1], step):
            window = slice(top, min(top + step, target[0])), slice(left, min(left + step, target[1]))
            found[:, *window] = how.window(image[:, *how.needed(window)], window)
    np.testing.assert_allclose(found, whole, atol=1e-6)
    assert np.mean(found != whole) < 1e-3


def test_a_window_needs_little_more_than_itself():
    how = Resampling(source=(1000, 1000), target=(500, 2000))
    rows, columns = how.needed((slice(100, 200), slice(800, 1000)))
    assert rows.stop - rows.start < 2 * 100 + 10
    assert columns.stop - columns.start < 100 + 4
