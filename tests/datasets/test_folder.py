from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.datasets.folder import load_pair, load_steps, pairs
from napari_wnet.errors import ImageError, TrainingError
from napari_wnet.reports import drain

LABELS = np.zeros((20, 30), np.uint16)
LABELS[2:8, 2:8], LABELS[10:15, 3:9], LABELS[10:15, 9:20] = 1, 2, 5


def save(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, array)
    else:
        Image.fromarray(array).save(path)


@pytest.fixture
def folders(tmp_path: Path, rng: np.random.Generator) -> tuple[Path, Path]:
    """Three good pairs in three formats."""
    grey = rng.integers(0, 255, LABELS.shape, np.uint8)
    for name in ("a.png", "b.tif", "c.npy"):
        save(tmp_path / "images" / name, grey)
        save(tmp_path / "labels" / name, LABELS)
    return tmp_path / "images", tmp_path / "labels"


def found(images: Path, labels: Path) -> list[tuple[str, str, str]]:
    return [(pair.name, pair.image_path.name, pair.labels_path.name) for pair in pairs(images, labels).pairs]


def test_equal_names_belong_together_whatever_the_format(folders: tuple[Path, Path]) -> None:
    folders[1].joinpath("a.png").rename(folders[1] / "a.keep")
    save(folders[1] / "a.tif", LABELS)
    assert found(*folders) == [("a", "a.png", "a.tif"), ("b", "b.tif", "b.tif"), ("c", "c.npy", "c.npy")]


@pytest.mark.parametrize(
    ("image", "labels"),
    [
        ("x_img.png", "x_mask.png"),
        ("x.tif", "x_masks.tif"),
        ("x_image.tif", "x_label.npy"),
        ("x.ome.tif", "x_labels.tif"),
        ("x.png", "x_cp_masks.png"),
        ("x-RGB.png", "x-Label.png"),
        ("x_img.png", "x.png"),
        ("x_mask.png", "x_mask.png"),
    ],
)
def test_a_last_word_may_differ(tmp_path: Path, image: str, labels: str) -> None:
    save(tmp_path / "images" / image, LABELS.astype(np.uint8))
    save(tmp_path / "labels" / labels, LABELS)
    result = pairs(tmp_path / "images", tmp_path / "labels")
    assert [(pair.image_path.name, pair.labels_path.name) for pair in result.pairs] == [(image, labels)]
    assert result.problems == ()


def test_one_folder_may_hold_both(tmp_path: Path) -> None:
    for name in ("a.png", "a_masks.png", "plant_rgb.png", "plant_label.png", "plant_fg.png"):
        save(tmp_path / name, LABELS.astype(np.uint8))
    result = pairs(tmp_path, tmp_path / "." / "")
    assert [pair.name for pair in result.pairs] == ["a", "plant"]
    assert len(result.problems) == 1
    assert "plant_fg.png: no labels" in result.problems[0]


def test_what_does_not_fit_is_listed_and_the_rest_is_used(folders: tuple[Path, Path]) -> None:
    images, labels = folders
    save(images / "alone.png", LABELS.astype(np.uint8))
    save(labels / "orphan.png", LABELS)
    (images / "notes.txt").write_text("notes")
    (images / "old").mkdir()
    save(images / "twice.png", LABELS.astype(np.uint8))
    save(images / "twice.tif", LABELS.astype(np.uint8))
    save(labels / "twice.png", LABELS)
    for quiet in (".DS_Store", "Thumbs.db", ".b.tif"):
        (images / quiet).write_text("")
    result = pairs(images, labels)
    assert [pair.name for pair in result.pairs] == ["a", "b", "c"]
    text = "\n".join(result.problems)
    for words in (
        "alone.png: no labels",
        "orphan.png: no image",
        "notes.txt: not an image",
        "old: a folder",
        "twice: ",
    ):
        assert text.count(words) == 1
    assert len(result.problems) == 5


def test_nothing_found_says_what_was_looked_for(tmp_path: Path) -> None:
    save(tmp_path / "images" / "one.png", LABELS.astype(np.uint8))
    save(tmp_path / "labels" / "two.png", LABELS)
    with pytest.raises(TrainingError, match=r"one\.png.*two\.png.*same name"):
        pairs(tmp_path / "images", tmp_path / "labels")
    with pytest.raises(TrainingError, match="missing"):
        pairs(tmp_path / "images", tmp_path / "missing")


def test_a_pair_is_read_as_channels_first_and_int32(tmp_path: Path, rng: np.random.Generator) -> None:
    colour = rng.integers(0, 255, (20, 30, 4), np.uint8)
    save(tmp_path / "images" / "a.png", colour)
    save(tmp_path / "labels" / "a.png", LABELS)
    image, labels = load_pair(pairs(tmp_path / "images", tmp_path / "labels").pairs[0])
    np.testing.assert_array_equal(image, np.moveaxis(colour[..., :3], -1, 0))
    np.testing.assert_array_equal(labels, LABELS)
    assert labels.dtype == np.int32


REGIONS = np.zeros((20, 30), np.uint8)
REGIONS[2:5, 2:5] = REGIONS[8:11, 2:5] = REGIONS[14:17, 2:5] = 255


@pytest.mark.parametrize(
    ("image", "labels", "words"),
    [
        (np.zeros((20, 31), np.uint8), LABELS, r"20 x 31.*20 x 30"),
        (np.zeros((4, 20, 30), np.uint8), LABELS, "--axes"),
        (np.zeros((20, 30), np.uint8), np.stack([LABELS, LABELS]), "single planes"),
        (np.zeros((20, 30), np.uint8), REGIONS, "mask, not labels"),
    ],
)
def test_pairs_that_do_not_fit_are_refused(tmp_path: Path, image: np.ndarray, labels: np.ndarray, words: str) -> None:
    save(tmp_path / "images" / "a.npy", image)
    save(tmp_path / "labels" / "a.npy", labels)
    with pytest.raises(ImageError, match=words):
        load_pair(pairs(tmp_path / "images", tmp_path / "labels").pairs[0])


def test_unreadable_files_are_listed_and_the_rest_is_loaded(folders: tuple[Path, Path]) -> None:
    images, labels = folders
    for name, folder in (("text.png", images), ("cut.tif", labels), ("empty.npy", labels)):
        save(images / name, LABELS.astype(np.uint8))
        save(labels / name, LABELS)
        content = (folder / name).read_bytes()
        (folder / name).write_bytes({"text.png": b"text", "cut.tif": content[:200], "empty.npy": b""}[name])
    save(images / "nan.npy", np.full(LABELS.shape, np.nan))
    save(labels / "nan.npy", LABELS)
    folder_pairs = pairs(images, labels)
    loaded = drain(load_steps(folder_pairs))
    assert [sample.name for sample in loaded.samples] == ["a", "b", "c"]
    assert all(sample.image.shape == (1, 20, 30) and sample.n_objects == 3 for sample in loaded.samples)
    assert len(loaded.problems) == 4
    for name in ("text.png", "cut.tif", "empty.npy", "nan"):
        assert any(name in line for line in loaded.problems)
    assert [report.total for report in load_steps(folder_pairs)] == [7] * 7


def test_when_no_pair_can_be_used_the_first_reason_is_given(tmp_path: Path) -> None:
    save(tmp_path / "images" / "a.npy", np.zeros((5, 5)))
    save(tmp_path / "labels" / "a.npy", LABELS)
    with pytest.raises(TrainingError, match=r"None of the 1 pairs.*5 x 5"):
        drain(load_steps(pairs(tmp_path / "images", tmp_path / "labels")))
