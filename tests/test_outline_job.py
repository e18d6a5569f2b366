"""Training the outline network on the command line: what is written, resumed and refused."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_wnet import cli, outline_job
from napari_wnet.errors import TrainingError
from napari_wnet.network.outline.file import read_outline
from scenes import cells

SMALL = ["--batch-size", "4", "--warmup-steps", "0", "--device", "cpu", "--threads", "1"]


@pytest.fixture
def folders(tmp_path):
    """Two data sets of six and three images."""
    for kind, count in (("nuclei", 6), ("cells", 3)):
        for part in ("images", "labels"):
            (tmp_path / kind / part).mkdir(parents=True)
        for seed in range(count):
            labels = cells(48, 6, seed=seed)
            image = 40 + 120 * (labels > 0) + np.random.default_rng(seed).normal(0, 8, labels.shape)
            tifffile.imwrite(tmp_path / kind / "images" / f"{seed}.tif", image.astype(np.uint8))
            tifffile.imwrite(tmp_path / kind / "labels" / f"{seed}.tif", labels.astype(np.uint16))
    return tmp_path


def train(folder, *arguments, kinds=("nuclei", "cells"), out="outline.safetensors"):
    images, labels = ([str(folder / kind / part) for kind in kinds] for part in ("images", "labels"))
    data = ["--images", *images, "--labels", *labels, "--out", str(folder / out)]
    return cli.main(["train-outline", *data, *SMALL, *map(str, arguments)])


def test_training_writes_a_network_that_says_where_it_comes_from(folders, capsys):
    given = ["--steps", 4, "--validate-every", 2, "--licence", "MIT", "--data", "made up", "--name", "mine"]
    assert train(folders, *given) == 0
    told = capsys.readouterr().out
    assert "5 images to train on, 1 to validate" in told
    assert "2 images to train on, 1 to validate" in told
    assert "right_box_0" in told
    card = read_outline(folders / "outline.safetensors").card
    assert (card["name"], card["licence"]) == ("mine", "MIT")
    assert card["provenance"]["n_images"] == {"train": [5, 2], "validation": [1, 1], "test": [0, 0]}
    assert card["provenance"]["params"]["steps"] == 4
    assert set(card["scores"]["validation"]) >= {"right_box_0", "mended_click_1"}
    with (folders / "outline.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["2", "4"]
    assert float(rows[-1]["validation_iou_box_0"]) > 0


def test_a_configuration_file_says_the_same_as_flags(folders):
    (folders / "outline.yaml").write_text("params:\n  steps: 2\n  validate_every: 2\nlicence: MIT\n")
    assert train(folders, "--config", folders / "outline.yaml", kinds=("nuclei",)) == 0
    card = read_outline(folders / "outline.safetensors").card
    assert card["provenance"]["params"]["steps"] == 2
    assert card["licence"] == "MIT"


def test_a_training_goes_on_where_it_stopped(folders, capsys):
    assert train(folders, "--steps", 2, "--validate-every", 2) == 0
    assert train(folders, "--steps", 4, "--validate-every", 2) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert train(folders, "--steps", 4, "--validate-every", 2, "--resume") == 0
    assert read_outline(folders / "outline.safetensors").card["provenance"]["steps_done"] == 4


def test_a_training_that_replaces_another_does_not_leave_the_checkpoint_of_that(folders, monkeypatch, capsys):
    state = folders / "outline.state.safetensors"
    state.write_bytes(b"hours of work")

    def killed(run):
        assert not run.resume
        assert not state.exists()
        raise TrainingError("killed")
        yield

    monkeypatch.setattr(outline_job, "train_outline_steps", killed)
    assert train(folders, "--steps", 1, "--overwrite", kinds=("nuclei",)) == 1
    assert "killed" in capsys.readouterr().err
    assert not state.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--images", "a", "b", "--labels", "c", "--out", "o.safetensors"], "2 folders of images and 1 of labels"),
        (["--images", "a"], "--labels, --out"),
        (["--images", "a", "--labels", "b", "--out", "o.safetensors", "--hand-px", "-1"], "hand_px"),
    ],
)
def test_wrong_use_is_said(arguments, said, capsys):
    assert cli.main(["train-outline", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_what_cannot_be_written_is_said_before_anything_is_read(folders, capsys):
    (folders / "outline.state.safetensors").write_bytes(b"hours of work")
    assert train(folders, "--steps", 1) == 1
    captured = capsys.readouterr()
    assert "begin anew (--overwrite)" in captured.err
    assert "to validate" not in captured.out
    assert (folders / "outline.state.safetensors").read_bytes() == b"hours of work"


def test_a_file_that_is_no_model_s_is_refused(folders, capsys):
    assert train(folders, out="outline.pt") == 1
    assert ".safetensors" in capsys.readouterr().err
