"""Measurements against scikit-image's, and the table file against what was put in."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage.measure import regionprops

from napari_wnet.core.measure import format_table, measure
from napari_wnet.errors import ImageError, OutputError, ParamsError
from scenes import label_pair


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_channels", [1, 3])
def test_equals_regionprops(seed: int, n_channels: int) -> None:
    labels = label_pair(seed)[1] * 7  # numbers with gaps
    image = np.random.default_rng(seed).integers(0, 1000, (n_channels, *labels.shape)).astype(np.uint16)
    columns = measure(labels, image)
    regions = regionprops(labels, np.moveaxis(image, 0, -1))
    assert columns["label"].tolist() == [region.label for region in regions]
    assert columns["area"].tolist() == [region.area for region in regions]
    centroids = np.array([region.centroid for region in regions])
    np.testing.assert_allclose(np.stack([columns["centroid_y"], columns["centroid_x"]], axis=1), centroids, rtol=1e-12)
    intensities = np.array([region.intensity_mean for region in regions]).reshape(-1, n_channels)
    names = ["mean_intensity"] if n_channels == 1 else ["mean_intensity_0", "mean_intensity_1", "mean_intensity_2"]
    np.testing.assert_allclose(np.stack([columns[name] for name in names], axis=1), intensities, rtol=1e-12)
    assert list(columns) == ["label", "area", "centroid_y", "centroid_x", *names]


def test_pixel_size_scales_areas_and_positions() -> None:
    labels = label_pair(1)[0]
    pixels, units = measure(labels), measure(labels, pixel_size=(0.5, 0.25))
    np.testing.assert_allclose(units["area"], pixels["area"] * 0.125)
    np.testing.assert_allclose(units["centroid_y"], pixels["centroid_y"] * 0.5)
    np.testing.assert_allclose(units["centroid_x"], pixels["centroid_x"] * 0.25)
    assert np.issubdtype(pixels["area"].dtype, np.integer)


def test_labels_without_background_and_with_huge_numbers() -> None:
    labels = np.array([[5, 5, 2**40], [5, 5, 2**40]])
    columns = measure(labels, np.array([[[1.0, 2, 10], [3, 4, 20]]]))
    assert columns["label"].tolist() == [5, 2**40]
    assert columns["area"].tolist() == [4, 2]
    assert columns["centroid_x"].tolist() == [0.5, 2]
    assert columns["mean_intensity"].tolist() == [2.5, 15]


def test_no_objects_give_columns_without_rows() -> None:
    columns = measure(np.zeros((4, 5), np.int32), np.zeros((2, 4, 5)))
    assert list(columns) == ["label", "area", "centroid_y", "centroid_x", "mean_intensity_0", "mean_intensity_1"]
    assert {column.size for column in columns.values()} == {0}


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (4, 5, 3)])
def test_refuses_an_image_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="channels first"):
        measure(np.zeros((4, 5), int), np.zeros(shape))


def test_refuses_volumes_floats_and_bad_pixel_sizes() -> None:
    with pytest.raises(ImageError, match="one plane"):
        measure(np.zeros((2, 4, 5), int))
    with pytest.raises(ImageError, match="astype"):
        measure(np.zeros((4, 5)))
    for size in [(0, 1), (1, -1), (float("nan"), 1), (1, 1, 1)]:
        with pytest.raises(ParamsError, match="two numbers above 0"):
            measure(np.zeros((4, 5), int), pixel_size=size)  # type: ignore[arg-type]


def read_back(columns: dict[str, np.ndarray]) -> tuple[list[str], list[list[str]]]:
    header, *rows = csv.reader(io.StringIO(format_table(columns)))
    return header, rows


@given(st.lists(st.floats(allow_nan=False), max_size=8))
def test_numbers_read_back_exactly(numbers: list[float]) -> None:
    header, rows = read_back({"label": np.arange(len(numbers)), "value": np.array(numbers, float)})
    assert header == ["label", "value"]
    assert [(int(label), float(value)) for label, value in rows] == list(enumerate(numbers))


def test_text_reads_back() -> None:
    names = ["leaf, old", 'the "first"', "Blätter\nzwei", ""]
    assert read_back({"name": np.array(names)}) == (["name"], [[name] for name in names])


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(OutputError, match="differ in length"):
        format_table({"a": np.arange(2), "b": np.arange(3)})
