"""What a training leaves to look at: pictures and event files, and nothing where they are not asked for."""

from __future__ import annotations

import errno
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_wnet import atomic, cli
from napari_wnet.io.panels import SIDE, Row, draw_panel
from napari_wnet.network.checkpoint import load_state, read_model

SMALL = ["--widths", "8", "16", "--batch-size", "8", "--crop-size", "32", "--warmup-steps", "0", "--device", "cpu"]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Three images to train on, fewer than a batch, of which one is without objects, and two to validate on."""
    rng = np.random.default_rng(0)
    for part, count in (("train", 3), ("held", 2)):
        for kind in ("images", "labels"):
            (tmp_path / part / kind).mkdir(parents=True)
        for number in range(count):
            labels = np.zeros((48, 40), np.uint16)
            if number != 2:
                labels[5:17, 5:15], labels[25:40, 12:30] = 1, 2
            image = (60 + 120 * (labels > 0) + rng.normal(0, 9, labels.shape)).clip(0, 255).astype(np.uint8)
            tifffile.imwrite(tmp_path / part / "images" / f"{part}{number}.tif", image)
            tifffile.imwrite(tmp_path / part / "labels" / f"{part}{number}.tif", labels)
    return tmp_path


def train(folder: Path, *more: object) -> int:
    data = ["--images", folder / "train" / "images", "--labels", folder / "train" / "labels"]
    data += ["--validation-images", folder / "held" / "images", "--validation-labels", folder / "held" / "labels"]
    return cli.main(["train", *map(str, [*data, "--out", folder / "m.safetensors", *SMALL, *more])])


def test_pictures_are_drawn_at_each_validation(folders: Path) -> None:
    assert train(folders, "--steps", 2, "--validate-every", 1, "--pictures") == 0
    pictures = sorted(path.name for path in (folders / "m.pictures").iterdir())
    assert pictures == ["step-000001.png", "step-000002.png"]
    picture = np.asarray(Image.open(folders / "m.pictures" / pictures[0]))
    assert picture.shape[1] > 3 * SIDE * 40 / 48
    assert picture.shape[0] > 2 * SIDE


def test_nothing_is_drawn_unasked(folders: Path) -> None:
    assert train(folders, "--steps", 1) == 0
    assert sorted(path.name for path in folders.iterdir()) == [
        "held",
        "m.csv",
        "m.safetensors",
        "m.state.safetensors",
        "train",
    ]
    provenance = read_model(folders / "m.safetensors").header.provenance
    assert provenance["split"] == "folders"
    assert provenance["n_images"] == {"train": 3, "validation": 2, "test": 0}


def test_a_picture_shows_what_was_annotated_and_what_was_found() -> None:
    image = np.zeros((1, 20, 30), np.uint8)
    true, found = np.zeros((20, 30), np.int32), np.zeros((20, 30), np.int32)
    true[3:9, 3:9] = 1
    found[3:9, 20:28] = 5
    panel = draw_panel([Row(name="a" * 300, image=image, true=true, found=found)], "step 1")
    coloured = panel.max(axis=2).astype(int) - panel.min(axis=2) > 60
    columns = np.flatnonzero(coloured.any(axis=0))
    width = panel.shape[1] // 3
    assert set(columns // width) == {1, 2}
    annotated, other = (columns[columns // width == place] - place * width for place in (1, 2))
    assert annotated.max() < width / 3
    assert other.min() > width / 2


class Writer:
    """Stands in for TensorBoard's."""

    made: list[Writer]

    def __init__(self, folder: str, purge_step: int | None) -> None:
        self.folder, self.purge_step, self.scalars, self.closed = folder, purge_step, [], False
        self.made.append(self)

    def add_scalar(self, tag: str, value: float, step: int) -> None:
        self.scalars.append((tag, step, value))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def test_event_files_have_what_the_table_has(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = types.ModuleType("torch.utils.tensorboard")
    Writer.made = []
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    assert train(folders, "--steps", 2, "--validate-every", 2, "--tensorboard", folders / "events") == 0
    (writer,) = Writer.made
    assert writer.closed
    assert (writer.folder, writer.purge_step) == (str(folders / "events"), None)
    assert {step for _, step, _ in writer.scalars} == {2}
    assert {"learning_rate", "loss/total", "validation/symmetric_best_dice"} <= {tag for tag, _, _ in writer.scalars}
    assert train(folders, "--steps", 4, "--validate-every", 2, "--tensorboard", folders / "events", "--resume") == 0
    assert Writer.made[1].purge_step == 4


def test_without_tensorboard_it_says_what_to_install(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    assert train(folders, "--steps", 1, "--tensorboard", folders / "events") == 2
    assert "pip install tensorboard" in capsys.readouterr().err
    assert not (folders / "m.safetensors").exists()


def test_a_full_disk_leaves_the_last_checkpoint_to_resume_from(
    folders: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = atomic._flush

    def full(partial: Path) -> None:
        if (folders / "m.state.safetensors").exists() and partial.stat().st_size > 20_000:
            partial.write_bytes(partial.read_bytes()[:5000])
            raise OSError(errno.ENOSPC, "No space left on device")
        real(partial)

    monkeypatch.setattr(atomic, "_flush", full)
    assert train(folders, "--steps", 4, "--validate-every", 2) == 1
    assert "disk is full" in capsys.readouterr().err
    assert load_state(folders / "m.state.safetensors")[1]["step"] == 2
    assert not list(folders.glob(".*.partial"))
    monkeypatch.setattr(atomic, "_flush", real)
    assert train(folders, "--steps", 4, "--validate-every", 2, "--resume") == 0
    assert read_model(folders / "m.safetensors").header.provenance["steps_done"] == 4


def test_images_without_objects_are_named_or_teach_the_background(
    folders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(folders, "--steps", 1) == 0
    assert "1 image to train on without any object, left out" in capsys.readouterr().err
    assert train(folders, "--steps", 2, "--fewest-objects", 0, "--overwrite") == 0
    assert "without any object" not in capsys.readouterr().err
    assert read_model(folders / "m.safetensors").header.diameter > 10


def test_a_diameter_is_learnt_and_not_told(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for size in ("30", "auto"):
        assert train(folders, "--steps", 1, "--diameter", size) == 1
        assert "leave out --diameter" in capsys.readouterr().err


def test_a_fine_tuning_takes_no_folder_to_validate(folders: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(folders, "--steps", 1, "--fine-tune") == 2
    assert "leave out --validation-images" in capsys.readouterr().err
