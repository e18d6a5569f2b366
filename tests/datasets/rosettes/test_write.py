"""Folders of synthetic rosettes: what training reads, the same with any number of processes, nothing overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from skimage.io import imread

from napari_wnet.datasets.folder import load_steps, pairs
from napari_wnet.datasets.rosettes.draw import rosette
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.datasets.rosettes.write import Series, synthesize, synthesize_steps
from napari_wnet.errors import OutputError, ParamsError
from napari_wnet.reports import drain

PARAMS = RosetteParams(size=(96, 112), max_leaves=12)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def four(tmp_path: Path) -> Path:
    synthesize(tmp_path / "four", Series(n_images=4, seed=3, params=PARAMS))
    return tmp_path / "four"


def test_training_reads_what_was_drawn(four):
    samples = drain(load_steps(pairs(four / "images", four / "labels")))
    assert samples.problems == ()
    assert [sample.name for sample in samples.samples] == [f"rosette-{index:06d}" for index in range(4)]
    for index, sample in enumerate(samples.samples):
        image, labels = rosette(3, index, PARAMS)
        np.testing.assert_array_equal(sample.image, image)
        np.testing.assert_array_equal(sample.labels, labels)


def test_files_are_rgb_and_16_bit(four):
    image, labels = (imread(four / folder / "rosette-000002.png") for folder in ("images", "labels"))
    assert (image.dtype, image.shape) == (np.uint8, (96, 112, 3))
    assert (labels.dtype, labels.shape) == (np.uint16, (96, 112))


def test_the_record_makes_the_same_files_again(four, tmp_path):
    record = json.loads((four / "rosettes.json").read_text(encoding="utf-8"))
    series = Series(n_images=record["n"], seed=record["seed"], params=RosetteParams.from_dict(record["params"]))
    assert synthesize(tmp_path / "again", series).n_objects == record["n_leaves"] > 4
    assert files(tmp_path / "again") == files(four)
    assert set(record["versions"]) >= {"numpy", "scipy"}


def test_processes_make_the_same_files(four, tmp_path):
    synthesize(tmp_path / "two", Series(n_images=4, seed=3, params=PARAMS), workers=2)
    assert files(tmp_path / "two") == files(four)


def test_a_longer_series_begins_with_the_shorter(four, tmp_path):
    synthesize(tmp_path / "six", Series(n_images=6, seed=3, params=PARAMS))
    longer = files(tmp_path / "six")
    assert {name: data for name, data in files(four).items() if name.endswith("png")}.items() <= longer.items()


def test_every_picture_is_reported(tmp_path):
    reports = list(synthesize_steps(tmp_path / "out", Series(n_images=3, params=PARAMS)))
    assert [report.done for report in reports] == [0, 1, 2, 3]
    assert {report.total for report in reports} == {3}


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(OutputError, match=r"not empty.*--overwrite"):
        synthesize(tmp_path, Series(n_images=1, params=PARAMS))
    assert files(tmp_path) == {"notes.txt": b"mine"}


def test_overwriting_leaves_no_picture_of_a_longer_series_but_all_else(four):
    (four / "images" / "mine.png").write_bytes(b"mine")
    synthesize(four, Series(n_images=2, seed=9, params=PARAMS), overwrite=True)
    names = {"rosette-000000.png", "rosette-000001.png"}
    assert {path.name for path in (four / "images").iterdir()} == names | {"mine.png"}
    assert {path.name for path in (four / "labels").iterdir()} == names
    np.testing.assert_array_equal(
        imread(four / "images" / "rosette-000001.png"), rosette(9, 1, PARAMS)[0].transpose(1, 2, 0)
    )


def test_an_unfinished_series_has_no_record(four):
    steps = synthesize_steps(four, Series(n_images=3, seed=9, params=PARAMS), overwrite=True)
    next(steps)
    next(steps)
    steps.close()
    assert not (four / "rosettes.json").exists()


def test_a_file_in_place_of_the_folder_is_explained(tmp_path):
    (tmp_path / "out").write_text("a file", encoding="utf-8")
    with pytest.raises(OutputError, match="not a folder"):
        synthesize(tmp_path / "out", Series(n_images=1, params=PARAMS))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda out: synthesize(out, Series(n_images=0)), "give 1 to"),
        (lambda out: synthesize(out, Series(n_images=-4)), "give 1 to"),
        (lambda out: synthesize(out, Series(n_images=1, seed=-1)), "0 or more"),
        (lambda out: synthesize(out, Series(n_images=1), workers=0), "give 1 to"),
    ],
)
def test_numbers_out_of_range_write_nothing(make, match, tmp_path):
    with pytest.raises(ParamsError, match=match):
        make(tmp_path / "out")
    assert not (tmp_path / "out").exists()
