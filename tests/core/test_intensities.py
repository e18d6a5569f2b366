"""The range of an image seen in blocks is that of the whole."""

from __future__ import annotations

import numpy as np
import pytest

from napari_wnet.core.image import intensity_range, is_informative
from napari_wnet.core.intensities import block_intensities, has_contrast, pooled_range
from napari_wnet.core.windows import Place
from napari_wnet.params import NormalizeParams


def in_blocks(image, params, step=(90, 70)):
    _, height, width = image.shape
    return [
        block_intensities(
            image[:, top : top + step[0], left : left + step[1]],
            Place(corner=(top, left), frame=(height, width)),
            params,
        )
        for top in range(0, height, step[0])
        for left in range(0, width, step[1])
    ]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float16", "float32", "float64"])
@pytest.mark.parametrize("method", ["percentile", "standardize", "none"])
@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("shape", [(1, 400, 1000), (3, 301, 333)])  # so large that a sample is taken of some types
def test_range_is_that_of_the_whole(dtype, method, together, shape):
    image = np.random.default_rng(0).gamma(2, 30, shape).clip(0, 255).astype(dtype)
    params = NormalizeParams(method=method, together=together)
    wanted, found = intensity_range(image, params), pooled_range(in_blocks(image, params), params)
    for one, other in zip(wanted, found, strict=True):
        assert one.shape == other.shape
        if method == "percentile":
            np.testing.assert_array_equal(one, other)
        else:  # sums of another order
            np.testing.assert_allclose(one, other, rtol=1e-14)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("few", ["bright", "dark"])
def test_sparse_objects_on_an_empty_ground_have_the_range_to_themselves(dtype, few):
    image = np.full((2, 300, 200), 50, dtype)
    image[:, 17, 33] = 90 if few == "bright" else 3
    for params in (NormalizeParams(), NormalizeParams(together=True)):
        for one, other in zip(
            intensity_range(image, params), pooled_range(in_blocks(image, params), params), strict=True
        ):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((1, 100, 80), np.uint8),
        np.stack([np.zeros((100, 80)), np.ones((100, 80))]),
        np.eye(100, dtype=bool)[None],
        np.arange(8000).reshape(1, 100, 80),
    ],
    ids=["constant", "two constants", "mask", "ramp"],
)
def test_contrast_is_seen_as_in_the_whole(image):
    assert has_contrast(in_blocks(image, NormalizeParams())) == is_informative(image)


def test_what_is_no_number_is_counted():
    image = np.ones((2, 200, 90), np.float32)
    image[0, 3, 4], image[1, 150, 80] = np.nan, np.inf
    assert sum(block.n_bad for block in in_blocks(image, NormalizeParams())) == 2


def test_the_digest_changes_with_any_pixel():
    image = np.zeros((1, 40, 40), np.uint8)
    before = in_blocks(image, NormalizeParams())[0].digest
    image[0, 39, 39] = 1
    assert in_blocks(image, NormalizeParams())[0].digest != before
