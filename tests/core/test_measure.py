"""Measurements against scikit-image's, object by object, and against what is known of simple shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.draw import disk, ellipse
from skimage.measure import regionprops

from napari_wnet.core.columns import ALL, COLUMNS, LIVE, ShapeColumn
from napari_wnet.core.measure import measure_plane
from napari_wnet.errors import ImageError, ParamsError
from scenes import cells, label_pair

SAME = {
    "area_px": "area",
    "perimeter_px": "perimeter_crofton",
    "length_px": "axis_major_length",
    "width_px": "axis_minor_length",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
}
BOX = ("bbox_top_px", "bbox_left_px", "bbox_bottom_px", "bbox_right_px")


def of_regions(labels: np.ndarray, name: str, image: np.ndarray | None = None) -> np.ndarray:
    return np.array([getattr(region, name) for region in regionprops(labels, image)])


def check_against_regionprops(labels: np.ndarray) -> None:
    columns = measure_plane(labels)
    assert columns["label"].tolist() == of_regions(labels, "label").tolist()
    for name, theirs in SAME.items():
        np.testing.assert_allclose(columns[name], of_regions(labels, theirs), rtol=1e-9, atol=1e-6, err_msg=name)
    boxes = of_regions(labels, "bbox").reshape(-1, 4)
    assert [columns[name].tolist() for name in BOX] == boxes.T.tolist()
    centroids = of_regions(labels, "centroid").reshape(-1, 2)
    np.testing.assert_allclose(np.stack([columns["centroid_y_px"], columns["centroid_x_px"]], 1), centroids)


@pytest.mark.parametrize("seed", range(6))
def test_shapes_equal_regionprops(seed: int) -> None:
    check_against_regionprops(label_pair(seed)[1] * 7)  # numbers with gaps, ragged outlines, objects in several parts


@given(arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.integers(0, 3)))
def test_any_plane_equals_regionprops(labels: np.ndarray) -> None:
    check_against_regionprops(labels)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, bool])
def test_intensities_equal_regionprops(n_channels: int, dtype: Any) -> None:
    labels = label_pair(2)[1]
    image = np.random.default_rng(3).integers(0, 200, (n_channels, *labels.shape)).astype(dtype)
    columns = measure_plane(labels, image)
    pairs = {"mean_intensity": "mean", "sd_intensity": "std", "min_intensity": "min", "max_intensity": "max"}
    for ours, theirs in pairs.items():
        names = [ours] if n_channels == 1 else [f"{ours}_{c}" for c in range(n_channels)]
        for channel, name in zip(image, names, strict=True):
            expected = of_regions(labels, f"intensity_{theirs}", channel.astype(float))
            np.testing.assert_allclose(columns[name], expected, rtol=1e-10, atol=1e-10, err_msg=name)


def test_the_spread_of_large_values_keeps_its_digits() -> None:
    image = 1e9 + np.array([[0.0, 1, 0, 1]])
    assert measure_plane(np.ones((1, 4), int), image[None])["sd_intensity"] == pytest.approx(0.5)


def test_a_pixel_that_is_no_number_spoils_its_own_object_only() -> None:
    labels = np.array([[1, 1, 2, 2]])
    columns = measure_plane(labels, np.array([[[np.nan, 1, 2, 4]]]))
    assert np.isnan(columns["mean_intensity"][0])
    assert columns["mean_intensity"][1] == 3


@pytest.mark.parametrize("radius", [5, 10, 25, 60])
def test_a_disc(radius: int) -> None:
    labels = np.zeros((150, 150), np.uint8)
    labels[disk((70.0, 75.0), radius + 0.5)] = 9
    columns = measure_plane(labels)
    true = radius + 0.5
    assert columns["area_px"] == pytest.approx(np.pi * true**2, rel=0.04)
    assert columns["perimeter_px"] == pytest.approx(2 * np.pi * true, rel=0.03)
    assert columns["length_px"] == pytest.approx(2 * true, rel=0.03)
    assert columns["width_px"] == pytest.approx(2 * true, rel=0.03)
    assert columns["eccentricity"] == pytest.approx(0, abs=1e-6)
    assert 0.95 < columns["circularity"] <= 1
    assert 0.94 < columns["solidity"] <= 1
    assert (columns["centroid_y_px"], columns["centroid_x_px"]) == (70, 75)


def test_a_rectangle_has_no_dents() -> None:
    labels = np.zeros((30, 50), int)
    labels[5:15, 10:40] = 1
    columns = measure_plane(labels)
    assert columns["area_px"] == 300
    assert columns["solidity"] == 1
    assert columns["perimeter_px"] == pytest.approx(80, rel=0.07)  # along the axes Crofton's formula is at its worst
    # The second moment of n points in a row is (n^2 - 1) / 12.
    assert columns["length_px"] == pytest.approx(4 * np.sqrt((30**2 - 1) / 12))
    assert columns["width_px"] == pytest.approx(4 * np.sqrt((10**2 - 1) / 12))
    assert [int(columns[name][0]) for name in BOX] == [5, 10, 15, 40]


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1, np.pi / 2])
def test_an_ellipse_in_any_direction(angle: float) -> None:
    labels = np.zeros((200, 200), int)
    labels[ellipse(100, 100, 30, 70, rotation=angle)] = 1
    columns = measure_plane(labels)
    assert columns["length_px"] == pytest.approx(140, rel=0.02)
    assert columns["width_px"] == pytest.approx(60, rel=0.02)
    assert columns["eccentricity"] == pytest.approx(np.sqrt(1 - (3 / 7) ** 2), rel=0.01)
    assert columns["perimeter_px"] == pytest.approx(328.9, rel=0.02)  # by Ramanujan's formula
    assert columns["solidity"] == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("size", [(0.5, 0.5), (1.0, 0.5), (0.25, 1.0)])
def test_one_shape_measures_the_same_through_any_pixels(size: tuple[float, float]) -> None:
    """An ellipse of 40 by 20 micrometres, at an angle, seen through pixels that need not be square."""
    height, width = size
    y, x = np.meshgrid(np.arange(-30, 30, height), np.arange(-30, 30, width), indexing="ij")
    along, across = 0.8 * x + 0.6 * y, -0.6 * x + 0.8 * y
    labels = ((along / 20) ** 2 + (across / 10) ** 2 <= 1).astype(int)
    columns = measure_plane(labels, pixel_size=size)
    assert columns["area_um2"] == pytest.approx(np.pi * 200, rel=0.02)
    assert columns["perimeter_um"] == pytest.approx(96.88, rel=0.03)
    assert columns["length_um"] == pytest.approx(40, rel=0.02)
    assert columns["width_um"] == pytest.approx(20, rel=0.02)
    assert columns["eccentricity"] == pytest.approx(np.sqrt(0.75), rel=0.01)
    assert columns["circularity"] == pytest.approx(4 * np.pi * np.pi * 200 / 96.88**2, rel=0.06)
    assert columns["solidity"] == pytest.approx(1, abs=0.04)
    assert columns["centroid_y_um"] == pytest.approx(30, abs=1)


def test_square_pixels_scale_everything_and_the_unit_is_in_the_name() -> None:
    labels = label_pair(1)[0]
    pixels, units = measure_plane(labels), measure_plane(labels, pixel_size=(0.5, 0.5))
    for column in (column for column in COLUMNS if isinstance(column, ShapeColumn)):
        ours, theirs = column.title(known=True), column.title(known=False)
        np.testing.assert_allclose(units[ours], pixels[theirs] * 0.5**column.power)
    assert not any(name.endswith("_px") and not name.startswith("bbox") for name in units)
    assert np.issubdtype(pixels["area_px"].dtype, np.integer)


@given(st.permutations(range(1, 10)))
def test_numbers_do_not_matter_but_for_their_order(numbers: list[int]) -> None:
    labels = cells(60, 9)
    table = np.array([0, *(2**33 * number for number in numbers)])
    before, after = measure_plane(labels), measure_plane(table[labels])
    order = np.argsort(numbers)
    for name in before:
        if name != "label":
            np.testing.assert_allclose(after[name], before[name][order], err_msg=name)
    assert after["label"].tolist() == [2**33 * number for number in range(1, 10)]


def test_more_than_65535_objects_of_one_pixel() -> None:
    labels = np.arange(1, 300 * 300 + 1).reshape(300, 300)
    columns = measure_plane(labels)
    assert len(columns["label"]) == 90_000
    assert set(columns["area_px"]) == {1}
    assert set(columns["solidity"]) == {1}
    assert columns["at_border"].sum() == 4 * 299


def test_one_pixel() -> None:
    columns = measure_plane(np.array([[0, 0, 0], [0, 4, 0], [0, 0, 0]]))
    found = {name: column[0] for name, column in columns.items()}
    assert (found["area_px"], found["length_px"], found["width_px"], found["eccentricity"]) == (1, 0, 0, 0)
    assert (found["solidity"], found["circularity"], bool(found["at_border"])) == (1, 1, False)
    assert found["perimeter_px"] == pytest.approx(np.pi / 4 * (2 + np.sqrt(2)))


def test_what_touches_the_border_is_marked() -> None:
    labels = np.zeros((9, 9), int)
    labels[0, 4], labels[4, 0], labels[8, 4], labels[4, 8], labels[4, 4] = 1, 2, 3, 4, 5
    assert measure_plane(labels)["at_border"].tolist() == [True, True, True, True, False]


@pytest.mark.parametrize("shape", [(4, 5), (0, 5), (4, 0)])
def test_no_objects_give_columns_without_rows(shape: tuple[int, int]) -> None:
    columns = measure_plane(np.zeros(shape, np.int32), np.zeros((2, *shape)))
    full = measure_plane(np.ones((4, 5), np.int32), np.zeros((2, 4, 5)))
    assert list(columns) == list(full)
    assert {column.size for column in columns.values()} == {0}


def test_only_what_is_asked_for_is_measured() -> None:
    columns = measure_plane(np.ones((4, 5), int), np.zeros((1, 4, 5)), properties=LIVE)
    assert list(columns) == ["label", "area_px", "mean_intensity", "centroid_y_px", "centroid_x_px"]
    with pytest.raises(ParamsError, match="choose from area"):
        measure_plane(np.ones((4, 5), int), properties=("area", "volume"))
    assert set(LIVE) < set(ALL)


@pytest.mark.parametrize("shape", [(5, 4), (3, 5, 4), (4, 5, 3)])
def test_refuses_an_image_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError, match="channels first"):
        measure_plane(np.zeros((4, 5), int), np.zeros(shape))


def test_refuses_volumes_floats_and_bad_pixel_sizes() -> None:
    with pytest.raises(ImageError, match="one plane"):
        measure_plane(np.zeros((2, 4, 5), int))
    with pytest.raises(ImageError, match="astype"):
        measure_plane(np.zeros((4, 5)))
    for size in [(0, 1), (1, -1), (float("nan"), 1), (1, 1, 1)]:
        with pytest.raises(ParamsError, match="two numbers above 0"):
            measure_plane(np.zeros((4, 5), int), pixel_size=size)  # type: ignore[arg-type]
