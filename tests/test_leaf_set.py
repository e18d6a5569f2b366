"""The real plants in tests/data/leaves are sound: images and labels fit each other and what was drawn by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import ndimage
from skimage.draw import polygon2mask
from skimage.io import imread

from napari_wnet.core.metrics import foreground_dice, symmetric_best_dice
from napari_wnet.datasets.folder import pairs

LEAVES = Path(__file__).parent / "data" / "leaves"
PLANTS: list[dict[str, Any]] = json.loads((LEAVES / "polygons.json").read_text("utf-8"))["plants"]
EIGHT = np.ones((3, 3), bool)

Array = npt.NDArray[Any]


@pytest.fixture(params=PLANTS, ids=lambda plant: plant["name"])
def plant(request: pytest.FixtureRequest) -> dict[str, Any]:
    return dict(request.param)


@pytest.fixture
def image(plant: dict[str, Any]) -> Array:
    return np.asarray(imread(LEAVES / "images" / f"{plant['name']}.png"))


@pytest.fixture
def labels(plant: dict[str, Any]) -> Array:
    return np.asarray(imread(LEAVES / "labels" / f"{plant['name']}.png"))


def green(image: Array) -> Array:
    """Return the largest region that is greener than soil, found without a look at the labels."""
    red, middle, blue = (ndimage.gaussian_filter(image[..., channel].astype(float), 0.7) for channel in range(3))
    total = red + middle + blue
    regions, _ = ndimage.label(ndimage.binary_opening(((2 * middle - red - blue) / total > 0.1) & (total > 140)))
    return (regions == np.bincount(regions[regions > 0]).argmax()).astype(np.uint8)


def painted(leaves: list[dict[str, Any]], shape: tuple[int, ...]) -> Array:
    """Paint polygons of x and y, from the lowest leaf to the topmost."""
    labels = np.zeros(shape, np.uint16)
    for number, leaf in enumerate(leaves, 1):
        for part in leaf["parts"]:
            labels[polygon2mask(shape, np.array(part)[:, ::-1])] = number
    return labels


def test_ten_pairs_fit_by_name_and_are_small() -> None:
    found = pairs(LEAVES / "images", LEAVES / "labels")
    assert [pair.name for pair in found.pairs] == [plant["name"] for plant in PLANTS]
    assert len(found.pairs) == 10 and not found.problems
    assert sum(path.stat().st_size for path in LEAVES.rglob("*.*")) < 4e6


def test_every_leaf_has_its_number(plant: dict[str, Any], image: Array, labels: Array) -> None:
    assert image.shape == (*labels.shape, 3)
    assert (image.dtype, labels.dtype) == (np.uint8, np.uint16)
    assert np.unique(labels).tolist() == list(range(len(plant["leaves"]) + 1))


def test_a_leaf_hangs_together_but_for_a_piece_of_its_petiole(labels: Array) -> None:
    for number in range(1, labels.max() + 1):
        regions, n_regions = ndimage.label(labels == number, EIGHT)
        sizes = np.bincount(regions.ravel())[1:]
        assert n_regions <= 2 and sizes.max() > 0.85 * sizes.sum() > 20


def test_the_labels_are_the_green_plant(image: Array, labels: Array) -> None:
    assert foreground_dice(green(image), labels) > 0.95


def test_the_plant_is_whole(labels: Array) -> None:
    assert not any(edge.any() for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]))


def test_the_labels_are_the_drawn_polygons(plant: dict[str, Any], labels: Array) -> None:
    drawn = np.where(labels > 0, painted(plant["leaves"], labels.shape), 0)
    assert symmetric_best_dice(drawn, labels) > 0.95
    assert np.mean(drawn[labels > 0] == labels[labels > 0]) > 0.97


def test_the_plant_only_gains_leaves_and_the_page_counts_them() -> None:
    counts = [len(plant["leaves"]) for plant in PLANTS]
    assert counts == sorted(counts) and counts[0] == 6 and counts[-1] == 22
    page = (LEAVES / "README.md").read_text("utf-8")
    rows = [line.split("|")[1:4:2] for line in page.splitlines() if line.startswith("| `zdr1")]
    assert [(name.strip(" `"), int(n_leaves)) for name, n_leaves in rows] == [
        (plant["name"], n_leaves) for plant, n_leaves in zip(PLANTS, counts, strict=True)
    ]
