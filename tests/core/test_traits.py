"""Traits of an image against known shapes, and against scikit-image's measurements of all objects as one."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.draw import disk
from skimage.measure import regionprops

from napari_wnet.core.traits import TRAITS, plane_traits
from napari_wnet.errors import ImageError, ParamsError
from scenes import cells, label_pair


@pytest.mark.parametrize("seed", range(6))
def test_all_objects_as_one_equal_regionprops(seed: int) -> None:
    labels = label_pair(seed)[1]
    found = plane_traits(labels)
    (union,) = regionprops((labels > 0).astype(int))
    assert found["n_objects"] == len(np.unique(labels[labels > 0]))
    assert found["total_area_px"] == union.area
    assert found["hull_area_px"] == union.area_convex
    assert found["compactness"] == pytest.approx(union.solidity)
    assert found["cover"] == pytest.approx((labels > 0).mean())
    assert found["diameter_px"] == pytest.approx(union.feret_diameter_max, abs=1)


def test_the_distribution_of_areas() -> None:
    labels = np.repeat(np.arange(5), [10, 1, 2, 4, 9])[None]
    found = plane_traits(labels)
    names = ("mean", "sd", "min", "q1", "median", "q3", "max")
    values = [found[f"{name}_area_px"] for name in names]
    assert values == pytest.approx([4, np.std([1, 2, 4, 9], ddof=1), 1, 1.75, 3, 5.25, 9])


def test_a_rosette_of_two_leaves() -> None:
    labels = np.zeros((60, 120), int)
    labels[disk((30, 20), 10.5)], labels[disk((30, 100), 10.5)] = 3, 8
    found = plane_traits(labels, (0.5, 0.5))
    assert found["n_objects"] == 2
    assert found["diameter_um"] == pytest.approx(0.5 * 101, rel=0.01)
    hull = np.pi * 10.5**2 + 80 * 21
    assert found["hull_area_um2"] == pytest.approx(0.25 * hull, rel=0.03)
    assert found["compactness"] == pytest.approx(2 * np.pi * 10.5**2 / hull, rel=0.03)


@pytest.mark.parametrize("size", [(0.5, 0.5), (2.0, 0.5)])
def test_pixels_need_not_be_square(size: tuple[float, float]) -> None:
    y, x = np.meshgrid(np.arange(0, 60, size[0]), np.arange(0, 60, size[1]), indexing="ij")
    found = plane_traits((np.hypot(y - 30, x - 30) <= 20).astype(int), size)
    assert found["total_area_um2"] == pytest.approx(np.pi * 400, rel=0.02)
    assert found["diameter_um"] == pytest.approx(40, abs=max(size))
    assert found["compactness"] == pytest.approx(1, abs=0.06)


def test_numbers_do_not_matter() -> None:
    labels = cells(60, 9)
    numbers = np.array([0, 2**40, 7, 5, 900, 3, 1, 2, 4, 6])
    assert plane_traits(numbers[labels]) == plane_traits(labels)


def test_an_image_without_objects() -> None:
    for shape in ((4, 5), (0, 5)):
        found = plane_traits(np.zeros(shape, int))
        nothing = {name for name, value in found.items() if value == 0}
        assert nothing == {"n_objects", "total_area_px", "cover", "diameter_px", "hull_area_px"}
        assert all(np.isnan(value) for name, value in found.items() if name not in nothing)


def test_one_object_has_no_spread() -> None:
    found = plane_traits(np.array([[0, 0, 0], [0, 4, 0], [0, 0, 0]]))
    assert np.isnan(found["sd_area_px"])
    assert (found["mean_area_px"], found["diameter_px"], found["compactness"]) == (1, 1, 1)


def test_every_trait_has_its_unit_in_its_name() -> None:
    assert list(plane_traits(np.eye(3, dtype=int), (1, 1))) == [trait.title(known=True) for trait in TRAITS]


def test_refuses_stacks_and_bad_pixel_sizes() -> None:
    with pytest.raises(ImageError, match="one plane"):
        plane_traits(np.zeros((2, 4, 5), int))
    with pytest.raises(ParamsError, match="above 0"):
        plane_traits(np.zeros((4, 5), int), (1, 0))
