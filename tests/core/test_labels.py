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
from napari_wnet.core.labels import connected_parts

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
