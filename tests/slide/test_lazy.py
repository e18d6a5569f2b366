"""A slide for a viewer has the axes of an image layer and is read only where it is looked at."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import zarr

from napari_wnet.slide.lazy import open_lazy

CASES = {"YX": (60, 70), "CYX": (2, 60, 70), "TYX": (3, 60, 70), "YXS": (60, 70, 3)}


@pytest.mark.parametrize("axes", CASES)
def test_axes_of_a_tiff_become_those_of_a_layer(tmp_path, rng, axes):
    image = rng.integers(0, 255, CASES[axes]).astype(np.uint8)
    photometric = "rgb" if "S" in axes else "minisblack"
    tifffile.imwrite(tmp_path / "a.tif", image, metadata={"axes": axes}, photometric=photometric)
    slide = open_lazy(tmp_path / "a.tif")
    assert slide.axes == axes
    np.testing.assert_array_equal(np.asarray(slide.levels[0]), image)


def test_all_resolutions_of_an_ome_zarr_are_there(tmp_path, rng):
    image = rng.integers(0, 255, (2, 1, 64, 80)).astype(np.uint8)
    group = zarr.create_group(str(tmp_path / "a.zarr"))
    for number in range(2):
        group.create_array(str(number), data=image[..., :: 2**number, :: 2**number].copy())
    axes = [{"name": "c", "type": "channel"}, *({"name": name, "type": "space"} for name in "zyx")]
    datasets = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [1, 1, 2**n, 2**n]}]}
        for n in range(2)
    ]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    slide = open_lazy(tmp_path / "a.zarr")
    for number, level in enumerate(slide.levels):
        np.testing.assert_array_equal(np.asarray(level), image[:, 0, :: 2**number, :: 2**number])
    assert len(slide.levels) == 2
    assert slide.axes == "CYX"
