"""Images that train and images that validate: from where, and never the same."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet.errors import ParamsError, TrainingError
from napari_wnet.reports import drain
from napari_wnet.train_data import DataParams, TrainingData, load_data_steps, pixels_sha256

LABELS = np.zeros((24, 24), np.uint16)
LABELS[2:8, 2:8], LABELS[12:20, 4:11] = 1, 2


def put(folder: Path, name: str, seed: int, labels: np.ndarray = LABELS) -> None:
    """Write an image, another for each seed, and its labels."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(seed).integers(0, 255, labels.shape[:2], np.uint8)
    tifffile.imwrite(folder / "images" / f"{name}.tif", image)
    tifffile.imwrite(folder / "labels" / f"{name}.tif", labels)


def load(folder: Path, validation: Path | None = None, **more: object) -> TrainingData:
    own = {"images": str(folder / "images"), "labels": str(folder / "labels")}
    if validation is not None:
        own |= {"validation_images": str(validation / "images"), "validation_labels": str(validation / "labels")}
    return drain(load_data_steps(DataParams(**{**own, **more})))  # type: ignore[arg-type]


def names(data: TrainingData) -> tuple[list[str], list[str], list[str]]:
    return [one.name for one in data.train], [one.name for one in data.validation], list(data.test_names)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    for number in range(12):
        put(tmp_path / "all", f"p{number:02}", number)
    return tmp_path / "all"


def test_a_folder_of_its_own_validates(tmp_path: Path, many: Path) -> None:
    for seed, name in enumerate(("x", "y", "z"), start=100):
        put(tmp_path / "held", name, seed)
    trained = [f"p{number:02}" for number in range(12)]
    assert names(load(many, tmp_path / "held")) == (trained, ["x", "y", "z"], [])
    assert names(load(many, tmp_path / "held", split="none", validate_on=1)) == (trained, ["x"], [])
    assert len(load(many).train) == 11
    with pytest.raises(ParamsError, match="give one"):
        load(many, tmp_path / "held", split="tenths")
    with pytest.raises(ParamsError, match="no --validation-images"):
        load(many, validation_labels=str(tmp_path / "held" / "labels"))
    with pytest.raises(TrainingError, match="missing"):
        load(many, tmp_path / "missing")


@pytest.mark.parametrize("factor", [0.5, 1.0, 1.5, 3.0])
def test_images_are_enlarged_in_their_own_numbers(many: Path, factor: float) -> None:
    own, larger = load(many), load(many, enlarge=factor)
    for one, other in zip((*own.train, *own.validation), (*larger.train, *larger.validation), strict=True):
        assert other.image.dtype == one.image.dtype
        assert other.image.shape == (1, *other.labels.shape)
        assert other.labels.shape == tuple(round(side * factor) for side in one.labels.shape)
        assert other.n_objects == one.n_objects
        assert other.diameter() == pytest.approx(factor * one.diameter(), rel=0.15)
        assert other.image.min() >= one.image.min()
        assert other.image.max() <= one.image.max()


def test_images_and_labels_that_validate_may_lie_in_one_folder(tmp_path: Path, many: Path) -> None:
    both = tmp_path / "both"
    both.mkdir()
    tifffile.imwrite(both / "x.tif", np.arange(576, dtype=np.uint16).reshape(24, 24))
    tifffile.imwrite(both / "x_labels.tif", LABELS)
    assert names(load(many, validation_images=str(both)))[1] == ["x"]


def test_an_image_in_two_parts_is_refused_by_its_pixels(many: Path) -> None:
    put(many, "p05", 3)  # validates, and is p03, which trains
    with pytest.raises(TrainingError, match=r"p03\.tif \(train\) and .*p05\.tif \(validation\).*--validation-images"):
        load(many, split="tenths")
    put(many, "p05", 5)
    put(many, "p10", 5)  # is left out for testing, and validates
    with pytest.raises(TrainingError, match=r"p05\.tif \(validation\) and .*p10\.tif \(test\)"):
        load(many, split="tenths")
    put(many, "p10", 11)
    with pytest.raises(TrainingError, match=r"p11\.tif \(train\) and .*p10\.tif \(test\)"):
        load(many, split="tenths")


def test_it_is_the_same_image_in_whichever_format(tmp_path: Path, many: Path) -> None:
    put(tmp_path / "held", "other", 4)
    (tmp_path / "held" / "images" / "other.tif").unlink()
    image = np.random.default_rng(4).integers(0, 255, (24, 24), np.uint8)
    Image.fromarray(image).save(tmp_path / "held" / "images" / "other.png")
    with pytest.raises(TrainingError, match=r"p04\.tif \(train\) and .*other\.png \(validation\)"):
        load(many, tmp_path / "held")
    assert pixels_sha256(image[None]) == pixels_sha256(image[None].astype(np.float32))
    assert pixels_sha256(image[None]) != pixels_sha256(image[None, ::-1])


def test_it_is_the_same_image_at_whichever_brightness(tmp_path: Path, many: Path) -> None:
    put(tmp_path / "held", "other", 4)
    image = np.random.default_rng(4).integers(0, 255, (24, 24), np.uint8)
    tifffile.imwrite(tmp_path / "held" / "images" / "other.tif", image.astype(np.uint16) * 257)
    with pytest.raises(TrainingError, match=r"p04\.tif \(train\) and .*other\.tif \(validation\)"):
        load(many, tmp_path / "held")
    for same in (image / np.float32(255), image.astype(np.int16) - 128, image * 0.37 + 5):
        assert pixels_sha256(same[None]) == pixels_sha256(image[None])


def test_dark_images_with_the_same_bright_pixel_are_not_the_same() -> None:
    dark = np.random.default_rng(0).integers(0, 4, (2, 1, 24, 24)).astype(np.uint16)
    dark[..., 5, 5] = 65535
    assert pixels_sha256(dark[0]) != pixels_sha256(dark[1])


def test_an_image_in_two_folders_is_refused_by_its_name(tmp_path: Path, many: Path) -> None:
    for number in (3, 4, 5, 6, 7):
        put(tmp_path / "held", f"p{number:02}", 100 + number)
    with pytest.raises(TrainingError, match=r"p03\.tif \(train\).*and 2 more have the same names.*rename"):
        load(many, tmp_path / "held")


def test_empty_images_and_copies_within_one_part_are_no_leak(tmp_path: Path, many: Path) -> None:
    for name in ("p01", "p05"):
        tifffile.imwrite(many / "images" / f"{name}.tif", np.zeros(LABELS.shape, np.uint8))
    put(many, "p02", 3)
    assert len(load(many, split="tenths").train) == 9


@pytest.mark.parametrize(("count", "split"), [(1, "validation"), (1, "tenths"), (5, "tenths")])
def test_too_few_images_for_a_split_are_refused(tmp_path: Path, count: int, split: str) -> None:
    for number in range(count):
        put(tmp_path, f"p{number}", number)
    with pytest.raises(TrainingError, match=rf"The {count} image.*too few for --split {split}.*--split none"):
        load(tmp_path, split=split)
    assert len(load(tmp_path, split="none").train) == count


def test_validation_images_without_an_object_cannot_choose(tmp_path: Path, many: Path) -> None:
    put(tmp_path / "held", "empty", 50, np.zeros_like(LABELS))
    with pytest.raises(TrainingError, match="None of the validation images has an object"):
        load(many, tmp_path / "held")
    put(tmp_path / "held", "full", 51)
    assert names(load(many, tmp_path / "held"))[1] == ["empty", "full"]


def test_a_split_whose_validation_cannot_be_read_is_refused(many: Path) -> None:
    (many / "images" / "p05.tif").write_bytes(b"")
    with pytest.raises(TrainingError, match=r"None of the 1 pairs can be used.*p05"):
        load(many, split="tenths")


def test_images_without_objects_are_counted(many: Path) -> None:
    put(many, "p03", 3, np.zeros_like(LABELS))
    assert load(many).n_without_objects == 1


GREY = np.stack([LABELS.astype(np.uint8)] * 3, axis=-1)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (GREY, "colour or multichannel picture.*save them as an integer TIFF"),
        (LABELS + np.float32(0.25), "must be whole numbers"),
        (-LABELS.astype(np.int16), "negative|from 0"),
        (LABELS[:20], "export both at the same size"),
    ],
)
def test_labels_that_are_none_are_left_out_with_the_reason(many: Path, labels: np.ndarray, says: str) -> None:
    tifffile.imwrite(many / "labels" / "p03.tif", labels, photometric="rgb" if labels.ndim == 3 else "minisblack")
    data = load(many)
    assert "p03" not in names(data)[0]
    (problem,) = data.problems
    assert len(data.train) == 10
    assert re.search(says, problem)


def test_whole_numbers_stored_as_floats_are_labels(many: Path) -> None:
    tifffile.imwrite(many / "labels" / "p03.tif", LABELS.astype(np.float32))
    assert load(many).problems == ()
