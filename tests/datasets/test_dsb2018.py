from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_wnet.datasets.dsb2018 import (
    REFERENCE_NAMES_SHA256,
    REFERENCE_PAIRS,
    REMOVED,
    convert,
    read_steps,
)
from napari_wnet.datasets.split import names_sha256
from napari_wnet.errors import ImageError, OutputError
from napari_wnet.reports import drain

GOOD = "00071198d059ba7f5914a526d124d28e6d010c92466da21d4a04cd5413362552"
OTHER = "003cee89357d9fe13516167fd67b609a164651b21934585648c740d2c3d86dc1"
STAINED = "0121d6759c5adb290c8e828fc882f37dfaf3663ec885c663859948c154a443ed"
BRIGHT = "08275a5b1c2dfcd739e8c4888a5ee2d29f83eccfa75185404ced1dc0866ea992"
DROPPED = "7b38c9173ebe69b4c6ba7e703c0c27f39305d9b2910f46405993d2ea7a963b80"


def add(source: Path, picture_id: str, rgb: np.ndarray, masks: dict[str, np.ndarray]) -> None:
    """Add one picture in the exact layout and formats of the public set."""
    folder = source / picture_id
    (folder / "images").mkdir(parents=True)
    (folder / "masks").mkdir()
    alpha = np.full(rgb.shape[:2], 255, np.uint8)
    Image.fromarray(np.dstack([rgb, alpha])).save(folder / "images" / f"{picture_id}.png")
    for name, mask in masks.items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(folder / "masks" / f"{name}.png")


def spot(row: int, column: int) -> np.ndarray:
    mask = np.zeros((32, 40), bool)
    mask[row : row + 5, column : column + 6] = True
    return mask


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "clone" / "stage1_train"
    grey = np.zeros((32, 40, 3), np.uint8) + np.arange(40, dtype=np.uint8)[:, None]
    masks = {"ff": spot(2, 2), "0e": spot(20, 30), "aa": spot(2, 8), "11": np.zeros((32, 40), bool)}
    add(root, GOOD, grey, masks)
    add(root, OTHER, grey // 2, {"mask1": spot(5, 5)})
    add(root, STAINED, grey + np.array([20, 0, 20], np.uint8), {"mask1": spot(5, 5)})
    add(root, BRIGHT, 255 - grey, {"mask1": spot(5, 5)})
    add(root, DROPPED, grey, {"mask1": spot(5, 5)})
    return tmp_path / "clone"


def test_grey_pictures_on_dark_ground_are_converted(source: Path, tmp_path: Path) -> None:
    result = convert(source, tmp_path / "out")
    assert result.names == (GOOD[:16], OTHER[:16])
    assert result.n_objects == 4
    with Image.open(tmp_path / "out" / "images" / f"{GOOD[:16]}.png") as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), np.broadcast_to(np.arange(40), (32, 40)))
    with Image.open(tmp_path / "out" / "labels" / f"{GOOD[:16]}.png") as picture:
        assert picture.mode == "I;16"
        # In the order of the file names 0e, aa, ff; the empty 11 is no object.
        expected = 1 * spot(20, 30) + 2 * spot(2, 8) + 3 * spot(2, 2)
        np.testing.assert_array_equal(np.asarray(picture), expected)


def test_what_is_left_out_is_listed(source: Path, tmp_path: Path) -> None:
    notes = convert(source, tmp_path / "out").notes
    for picture_id, words in ((STAINED, "colour"), (BRIGHT, "bright"), (DROPPED, "not annotated")):
        assert any(picture_id[:16] in note and words in note for note in notes)
    assert str(REFERENCE_PAIRS) in notes[-1]


def test_the_folder_itself_may_be_named(source: Path, tmp_path: Path) -> None:
    assert convert(source / "stage1_train", tmp_path / "out").names == (GOOD[:16], OTHER[:16])


def test_a_damaged_picture_and_a_mask_of_another_size_do_not_stop_the_rest(source: Path, tmp_path: Path) -> None:
    root = source / "stage1_train"
    (root / GOOD / "images" / f"{GOOD}.png").write_text("text")
    add(root, "ab" * 32, np.zeros((8, 8, 3), np.uint8), {"m": spot(1, 1)})
    add(root, "cd" * 32, np.zeros((8, 8, 3), np.uint8), {})
    result = convert(source, tmp_path / "out")
    assert result.names == (OTHER[:16],)
    for words in (f"{GOOD}.png is no PNG", "m.png is (32, 40)", "cdcdcdcdcdcdcdcd: left out, since it has no masks"):
        assert any(words in note for note in result.notes)


def test_results_are_replaced_only_on_request(source: Path, tmp_path: Path) -> None:
    first = convert(source, tmp_path / "out")
    with pytest.raises(OutputError, match="--overwrite"):
        convert(source, tmp_path / "out")
    assert convert(source, tmp_path / "out", overwrite=True) == first


def test_another_layout_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"stage1_train\.zip.*lopuhin"):
        convert(tmp_path, tmp_path / "out")


@pytest.mark.skipif("NAPARI_WNET_DATA" not in os.environ, reason="needs the converted set: NAPARI_WNET_DATA is not set")
def test_the_reference_is_the_set_the_scores_are_on() -> None:
    names = [path.stem for path in Path(os.environ["NAPARI_WNET_DATA"], "nuclei", "images").glob("*.png")]
    assert len(names) == REFERENCE_PAIRS
    assert names_sha256(names) == REFERENCE_NAMES_SHA256
    assert not REMOVED & set(names)


def test_it_reads_as_training_data_what_it_converts(source: Path, tmp_path: Path) -> None:
    converted = convert(source, tmp_path / "out")
    data = drain(read_steps(source))
    assert tuple(data.subsets) == converted.names
    assert sum(int(sample.labels.max()) for sample in data.samples()) == converted.n_objects
    assert set(data.problems) == set(converted.notes[:-1])
