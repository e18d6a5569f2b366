from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.core.maps import to_fixed, to_float
from napari_wnet.errors import OutputError
from napari_wnet.io.exports import write_distance, write_embedding, write_picture
from napari_wnet.io.images import read_image


def test_maps_round_trip_exactly_with_axes_and_pixel_size(tmp_path: Path, rng: np.random.Generator) -> None:
    distance = rng.random((3, 12, 17)).astype(np.float16)
    embedding = to_float(to_fixed(rng.normal(size=(3, 8, 12, 17))))
    write_distance(tmp_path / "d.tif", distance, (0.5, 0.25), axes="TYX")
    write_embedding(tmp_path / "e.tif", embedding, (0.5, 0.25), axes="TCYX")
    for name, array, axes in (("d.tif", distance, "TYX"), ("e.tif", embedding, "TCYX")):
        file = read_image(tmp_path / name)
        assert (file.axes, file.array.dtype) == (axes, np.float32)
        assert file.pixel_size == pytest.approx((0.5, 0.25))
        np.testing.assert_array_equal(file.array, array)
        with tifffile.TiffFile(tmp_path / name) as tiff:
            assert tiff.is_imagej


def test_a_map_of_zeros_can_be_written(tmp_path: Path) -> None:
    write_distance(tmp_path / "d.tif", np.zeros((5, 6), np.float16))
    assert not read_image(tmp_path / "d.tif").array.any()


def test_pictures_round_trip(tmp_path: Path, rng: np.random.Generator) -> None:
    rgb = rng.integers(0, 256, (12, 17, 3), np.uint8)
    write_picture(tmp_path / "a.png", rgb[:, ::-1])
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture), rgb[:, ::-1])


@pytest.mark.parametrize("array", [np.zeros((4, 4, 3)), np.zeros((4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    with pytest.raises(OutputError, match="uint8"):
        write_picture(tmp_path / "a.png", array)
    assert not list(tmp_path.iterdir())
