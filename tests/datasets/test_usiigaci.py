from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.datasets.usiigaci import convert
from napari_wnet.errors import ImageError, OutputError

CELLS = np.zeros((20, 24), np.uint8)
CELLS[2:6, 2:6], CELLS[10:15, 3:9], CELLS[10:15, 9:20], CELLS[18, 18] = 3, 200, 7, 3  # one cell in two pieces


def add(folder: Path, raw: np.ndarray, labels: dict[str, Image.Image]) -> None:
    """Add one set in the exact layout of the repository."""
    folder.mkdir(parents=True)
    tifffile.imwrite(folder / "raw.tif", raw)
    (folder / "RoiSet.zip").write_bytes(b"PK")
    for name, picture in labels.items():
        picture.save(folder / name)


def coloured(cells: np.ndarray) -> Image.Image:
    colours = np.zeros((256, 3), np.uint8)
    colours[3], colours[7], colours[200] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    return Image.fromarray(colours[cells])


@pytest.fixture
def raw() -> np.ndarray:
    raw = np.full((20, 24), 256, np.uint16)
    raw[0, :6] = 0, 257, 513, 514, 65534, 65535
    return raw


@pytest.fixture
def source(tmp_path: Path, raw: np.ndarray) -> Path:
    root = tmp_path / "Usiigaci"
    train = root / "Mask R-CNN" / "train"
    add(train / "set1", raw, {"instances_ids.png": Image.fromarray(CELLS), "labeled.png": coloured(CELLS)})
    add(train / "set10", raw, {"labeled.png": coloured(CELLS)})
    indexed = Image.fromarray(CELLS)
    indexed.putpalette([value for index in range(256) for value in (index % 2 * 255, 0, 0)])
    add(train / "set2", raw, {"labeled.png": indexed})
    add(root / "Mask R-CNN" / "val" / "set46", raw, {"instances_ids.png": Image.fromarray(CELLS)})
    tifffile.imwrite(root / "raw.tif", raw)
    return root


def load(path: Path) -> np.ndarray:
    with Image.open(path) as picture:
        return np.asarray(picture)


def test_training_sets_are_converted_and_validation_sets_are_not(source: Path, tmp_path: Path) -> None:
    result = convert(source, tmp_path / "out")
    assert result.names == ("set1", "set10", "set2")
    assert result.n_objects == 9
    assert any("not 45" in note for note in result.notes)


def test_intensities_are_divided_by_257_rounding_down(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out")
    image = load(tmp_path / "out" / "images" / "set1.png")
    assert image.dtype == np.uint8
    assert image[0, :7].tolist() == [0, 1, 1, 2, 254, 255, 0]


def test_numbers_colours_and_palettes_give_the_same_cells(source: Path, tmp_path: Path) -> None:
    convert(source, tmp_path / "out")
    by_number, by_colour, by_index = (load(tmp_path / "out" / "labels" / f"set{n}.png") for n in (1, 10, 2))
    assert by_number.dtype == np.uint16
    expected = np.searchsorted([0, 3, 7, 200], CELLS)
    np.testing.assert_array_equal(by_number, expected)
    np.testing.assert_array_equal(by_index, expected)
    # Ordered by blue, green, red: the red cell (3) comes first, then the green (7), then the blue (200).
    np.testing.assert_array_equal(by_colour, expected)


def test_of_two_copies_the_one_with_labels_is_used(source: Path, tmp_path: Path, raw: np.ndarray) -> None:
    add(source / "Mask R-CNN" / "train" / "set3", raw, {})
    add(source / "TrainingData" / "set3", raw, {"labeled.png": coloured(CELLS)})
    add(source / "TrainingData" / "set4", raw, {})
    result = convert(source, tmp_path / "out")
    assert "set3" in result.names
    assert any("set4 has none of instances_ids.png" in note for note in result.notes)


def test_other_pixels_and_sizes_are_listed_and_left_out(source: Path, tmp_path: Path, raw: np.ndarray) -> None:
    train = source / "Mask R-CNN" / "train"
    add(train / "set5", raw.astype(np.float32), {"instances_ids.png": Image.fromarray(CELLS)})
    add(train / "set6", raw[:10], {"instances_ids.png": Image.fromarray(CELLS)})
    result = convert(source, tmp_path / "out")
    assert result.names == ("set1", "set10", "set2")
    for words in ("float32", "set6: the image is (10, 24)"):
        assert any(words in note for note in result.notes)


def test_results_are_replaced_only_on_request(source: Path, tmp_path: Path) -> None:
    first = convert(source, tmp_path / "out")
    with pytest.raises(OutputError, match="--overwrite"):
        convert(source, tmp_path / "out")
    assert convert(source, tmp_path / "out", overwrite=True) == first


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"oist/Usiigaci"):
        convert(tmp_path, tmp_path / "out")
