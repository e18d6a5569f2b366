"""Folders of images, labels, regions and lists of ticked objects, and the command that learns from them."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fine_tuning import CONFIG, TINY_MODEL
from napari_wnet import cli
from napari_wnet.commands import fine_tune
from napari_wnet.errors import TrainingError
from napari_wnet.fine_tune import FineTuneJob, TrainingPair, fine_tune_params, fine_tune_steps
from napari_wnet.fine_tune.files import read_pairs_steps
from napari_wnet.network.checkpoint import read_model, save_model
from napari_wnet.reports import EpochReport, drain
from scenes import disks_picture

FLAGS = ["--steps", "4", "--batch-size", "2", "--crop-size", "32", "--validate-every", "2", "--report-every", "1"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part in ("images", "labels", "regions"):
        (tmp_path / part).mkdir()
    for seed in range(2):
        picture, labels = disks_picture(seed)
        tifffile.imwrite(tmp_path / "images" / f"plate{seed}.tif", picture[0])
        tifffile.imwrite(tmp_path / "labels" / f"plate{seed}_labels.tif", labels.astype(np.uint16))
    region = np.zeros((96, 96), np.uint8)
    region[:70] = 255
    tifffile.imwrite(tmp_path / "regions" / "plate1.tif", region)
    (tmp_path / "done.json").write_text(json.dumps({"plate0": [1, 2, 3, 4]}))
    save_model(tmp_path / "tiny.safetensors", TINY_MODEL.network, TINY_MODEL.header, half=False)
    return tmp_path


def read(folder: Path, **changes: Any) -> Any:
    given = {"regions": folder / "regions", "done": folder / "done.json", **changes}
    return drain(read_pairs_steps(folder / "images", folder / "labels", **given))


def tune(folder: Path, *arguments: object, out: str = "new.safetensors") -> int:
    places = {"images": "images", "labels": "labels", "init": "tiny.safetensors", "out": out}
    data = [text for flag, name in places.items() for text in (f"--{flag}", str(folder / name))]
    return cli.main(["train", "--fine-tune", *data, "--device", "cpu", *FLAGS, *map(str, arguments)])


def test_regions_and_ticks_go_to_the_images_of_their_name(folder: Path) -> None:
    (folder / "labels" / "stray.txt").write_text("stray")
    found = read(folder)
    first, second = found.pairs
    assert (first.name, first.mode, first.done) == ("plate0", "done", [1, 2, 3, 4])
    assert (second.name, second.mode) == ("plate1", "region")
    assert np.array_equal(second.region, np.arange(96)[:, None].repeat(96, 1) < 70)
    assert "stray.txt" in found.problems[0]
    assert [one.mode for one in read(folder, regions=None, done=None).pairs] == ["everything"] * 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[1, 2]", 'JSON such as {"plate1"'),
        ('{"plate0": "all"}', "JSON such as"),
        ("{", "JSON such as"),
        ('{"plate7": [1]}', "names plate7, but there is no such image with labels; there are plate0, plate1"),
    ],
)
def test_a_list_of_ticks_that_makes_no_sense_is_refused(folder: Path, text: str, says: str) -> None:
    (folder / "done.json").write_text(text)
    with pytest.raises(TrainingError) as error:
        read(folder)
    assert says in str(error.value)


def test_what_is_missing_or_belongs_to_no_image_is_told(folder: Path) -> None:
    with pytest.raises(TrainingError, match="--done"):
        read(folder, done=folder / "nowhere.json")
    with pytest.raises(TrainingError, match=r"folder of regions, .* cannot be read"):
        read(folder, regions=folder / "nowhere")
    (folder / "regions" / "plate1.tif").rename(folder / "regions" / "other.tif")
    with pytest.raises(TrainingError, match=r"folder of regions.* names other"):
        read(folder)


def test_the_command_repeats_what_arrays_gave(folder: Path) -> None:
    """The losses of the first steps are the same from files as from layers."""
    region = tifffile.imread(folder / "regions" / "plate1.tif")
    layers = [(*disks_picture(seed), f"plate{seed}") for seed in range(2)]
    pairs = [
        TrainingPair(
            image=image[0],
            labels=labels.astype(np.uint16),
            name=name,
            region=region if name == "plate1" else None,
            done=[1, 2, 3, 4] if name == "plate0" else None,
        )
        for image, labels, name in layers
    ]
    params = fine_tune_params(TINY_MODEL).replace(steps=4, batch_size=2, crop_size=32, validate_every=2, report_every=1)
    steps = fine_tune_steps(FineTuneJob(pairs=pairs, base=TINY_MODEL, params=params, device="cpu"))
    wanted = [report.losses["total"] for report in steps if isinstance(report, EpochReport)]
    tune(folder, "--regions", folder / "regions", "--done", folder / "done.json")
    with (folder / "new.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["loss_total"]) for row in rows] == wanted
    assert float(rows[1]["validation_symmetric_best_dice"]) >= 0


def test_the_command_writes_a_model_and_says_which_is_better(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_wnet.fine_tune.compare import Comparison

    for better in (True, False):
        monkeypatch.setattr(Comparison, "better", better)
        assert tune(folder, "--overwrite", "--licence", "CC0-1.0", "--seed", 3) == (0 if better else 1)
        said = capsys.readouterr()
        assert "AP .5    current" in said.out
        assert "held-out pieces" in said.out
        assert ("no better than the current one" in said.err) is not better
    header = read_model(folder / "new.safetensors").header
    assert (header.name, header.licence, header.config) == ("new", "CC0-1.0", CONFIG)
    assert header.provenance["params"]["seed"] == 3
    assert header.provenance["params"]["learning_rate"] == fine_tune_params(TINY_MODEL).learning_rate


def test_a_configuration_file_changes_the_light_settings(folder: Path) -> None:
    (folder / "job.yaml").write_text("params:\n  learning_rate: 0.0001\n  loss:\n    steady: base\n")
    tune(folder, "--config", folder / "job.yaml")
    params = read_model(folder / "new.safetensors").header.provenance["params"]
    assert params["learning_rate"] == 0.0001
    assert params["loss"]["steady"] == "base"
    assert params["patience"] == fine_tune_params(TINY_MODEL).patience


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [(["--resume"], 2, "leave out --resume"), (["--done", "no.json"], 1, "--done"), (["--replay", "0.5"], 1, "replay")],
)
def test_what_cannot_be_done_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], status: int, says: str
) -> None:
    assert tune(folder, *arguments) == status
    assert says in capsys.readouterr().err
    assert not (folder / "new.safetensors").exists()


def test_models_are_not_overwritten_unasked_and_end_in_safetensors(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(folder, out="tiny.safetensors") == 1
    assert "--overwrite" in capsys.readouterr().err
    assert tune(folder, out="new.pth") == 1
    assert ".safetensors" in capsys.readouterr().err


def test_flags_of_fine_tuning_need_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = [f"--images={folder / 'images'}", f"--labels={folder / 'labels'}", f"--out={folder / 'x.safetensors'}"]
    assert cli.main(["train", *data, "--done", str(folder / "done.json")]) == 2
    assert "belong to --fine-tune" in capsys.readouterr().err


def test_ctrl_c_keeps_the_best_so_far(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = fine_tune.report_line

    def interrupt(report: EpochReport) -> str:
        if report.step == 3:
            raise KeyboardInterrupt
        return real(report)

    monkeypatch.setattr("napari_wnet.commands.fine_tune.report_line", interrupt)
    tune(folder)
    assert read_model(folder / "new.safetensors").header.provenance["steps_done"] == 3
