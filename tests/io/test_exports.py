from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.commands.export import FORMATS
from napari_wnet.core.maps import to_fixed, to_float
from napari_wnet.core.render import outlines
from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.export_context import ExportContext, label_planes, lead_names
from napari_wnet.io.exports import (
    EXPORTS,
    write_distance,
    write_embedding,
    write_outlines,
    write_picture,
)
from napari_wnet.io.images import read_image
from odd_labels import LARGE, ODD


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


def test_outlines_show_the_middle_plane_of_a_stack(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = np.stack([ODD["touching"] * n for n in (1, LARGE, 3)])
    image = rng.random((3, 2, *labels.shape[1:]))
    write_outlines(tmp_path / "a.png", labels, ExportContext(image=image))
    with Image.open(tmp_path / "a.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), outlines(image[1], labels[1]))


def test_outlines_without_their_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="--image"):
        write_outlines(tmp_path / "a.png", ODD["hole"])
    with pytest.raises(OutputError, match="planes"):
        write_outlines(tmp_path / "a.png", np.stack([ODD["hole"]] * 2), ExportContext(image=np.ones((1, 4, 4))))
    with pytest.raises(ImageError, match="very image"):
        write_outlines(tmp_path / "a.png", ODD["hole"], ExportContext(image=np.ones((1, 4, 5))))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", EXPORTS)
def test_every_export_writes_what_it_says_and_keeps_what_is_there(tmp_path: Path, name: str) -> None:
    export, labels = EXPORTS[name], np.stack([ODD["touching"]] * 2)
    path = tmp_path / ("a" + export.ending)
    context = ExportContext(lead="T", image=np.ones((2, 1, *labels.shape[1:])) if export.needs_image else None)
    export.write(path, labels, context)
    assert path.exists()
    with pytest.raises(OutputError, match="--overwrite"):
        export.write(path, labels, context)
    with pytest.raises(ImageError, match="integers"):
        export.write(tmp_path / "b", labels * 0.5, context)
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_the_command_line_knows_every_export() -> None:
    assert tuple(EXPORTS) == FORMATS
    assert len({export.ending for export in EXPORTS.values()}) == len(EXPORTS)


@pytest.mark.parametrize(
    ("lead", "n_axes", "expected"),
    [("", 0, ""), ("T", 1, "T"), ("", 1, "Z"), ("", 2, "TZ"), ("Z", 2, "TZ"), ("ZT", 2, "ZT"), ("QP", 2, "ZP")],
)
def test_axes_without_a_name_are_depth_then_time(lead: str, n_axes: int, expected: str) -> None:
    assert lead_names(n_axes, lead) == expected


def test_planes_know_their_place() -> None:
    labels = np.arange(12).reshape(2, 3, 1, 2)
    planes = list(label_planes(labels, "TZ"))
    assert [plane.place for plane in planes][3:5] == [{"T": 1, "Z": 0}, {"T": 1, "Z": 1}]
    np.testing.assert_array_equal(planes[4].labels, labels[1, 1])
    with pytest.raises(OutputError, match="no plane"):
        list(label_planes(np.ones(5, int)))
    with pytest.raises(OutputError, match="--axes"):
        list(label_planes(np.ones((1, 1, 1, 2, 2), int)))
