"""Training from folders on the command line: what is written, resumed, refused and told."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import tifffile

from napari_wnet import cli
from napari_wnet.commands import console
from napari_wnet.core.metrics import evaluate_image
from napari_wnet.errors import ParamsError
from napari_wnet.network import training
from napari_wnet.network.checkpoint import read_model, save_state
from napari_wnet.pipeline import segment
from napari_wnet.train_data import split_names, spread
from napari_wnet.train_history import History, resumed
from napari_wnet.train_job import TrainJob

SMALL = ["--widths", "8", "16", "--batch-size", "2", "--crop-size", "32", "--warmup-steps", "0", "--device", "cpu"]


def disks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a noisy picture of light disks and their labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:64, :64]
    labels = np.zeros((64, 64), np.uint16)
    for number in range(1, 9):
        row, column = rng.integers(6, 58, 2)
        labels[(rows - row) ** 2 + (columns - column) ** 2 < 36] = number
    image = 40 + 120 * (labels > 0) + rng.normal(0, 8, labels.shape)
    return image.clip(0, 255).astype(np.uint8), labels


@pytest.fixture
def folders(tmp_path):
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for seed in range(6):
        image, labels = disks(seed)
        tifffile.imwrite(tmp_path / "images" / f"plate{seed}.tif", image)
        tifffile.imwrite(tmp_path / "labels" / f"plate{seed}_labels.tif", labels)
    return tmp_path


def train(folder, *arguments, out="model.safetensors"):
    data = ["--images", str(folder / "images"), "--labels", str(folder / "labels"), "--out", str(folder / out)]
    return cli.main(["train", *data, *SMALL, *map(str, arguments)])


def test_training_writes_a_model_that_says_where_it_comes_from(folders, capsys):
    (folders / "images" / "notes.txt").write_text("stray")
    (folders / "images" / "broken.png").write_text("no picture")
    (folders / "labels" / "broken.png").write_text("no labels")
    assert train(folders, "--steps", 4, "--validate-every", 2, "--licence", "CC0-1.0", "--data", "disks") == 0
    captured = capsys.readouterr()
    assert "5 images to train on, 1 to validate" in captured.out
    assert "notes.txt" in captured.err
    assert "broken.png" in captured.err
    assert "validation SBD" in captured.out
    model = read_model(folders / "model.safetensors")
    assert model.header.licence == "CC0-1.0"
    assert model.header.config.widths == (8, 16)
    assert model.header.provenance["data"] == "disks"
    assert model.header.provenance["n_images"] == {"train": 5, "validation": 1, "test": 0}
    assert model.header.provenance["params"]["steps"] == 4
    assert model.header.scores["validation"]["n_images"] == 1
    assert 8 < model.header.diameter < 13
    with (folders / "model.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [2, 4]
    assert all(float(row["loss_total"]) > 0 for row in rows)
    assert segment(disks(9)[0], folders / "model.safetensors", device="cpu").labels.shape == (64, 64)


def test_an_interrupted_training_resumes_to_the_same_model(folders, monkeypatch):
    assert train(folders, "--steps", 6, "--validate-every", 3, out="whole.safetensors") == 0
    monkeypatch.setattr("napari_wnet.network.training.REPORT_EVERY", 2)
    real = console.report_line

    def interrupt(report):
        if report.step == 4:
            raise KeyboardInterrupt
        return real(report)

    monkeypatch.setattr("napari_wnet.commands.console.report_line", interrupt)
    assert train(folders, "--steps", 6, "--validate-every", 3, out="parts.safetensors") == 0
    # Ctrl-C keeps the best so far.
    assert read_model(folders / "parts.safetensors").header.provenance["best_step"] == 3
    monkeypatch.setattr("napari_wnet.commands.console.report_line", real)
    assert train(folders, "--steps", 6, "--validate-every", 3, "--resume", out="parts.safetensors") == 0
    whole, parts = (read_model(folders / name) for name in ("whole.safetensors", "parts.safetensors"))
    for name, value in whole.network.state_dict().items():
        assert np.array_equal(value.numpy(), parts.network.state_dict()[name].numpy()), name


def test_a_training_that_goes_on_with_other_settings_says_so_and_its_model_too(folders, capsys):
    assert train(folders, "--steps", 2, "--validate-every", 1) == 0
    assert "changes" not in read_model(folders / "model.safetensors").header.provenance
    capsys.readouterr()
    assert train(folders, "--steps", 3, "--validate-every", 1, "--resume") == 0
    assert "other settings than before: params.steps 2 -> 3" in capsys.readouterr().err
    more = ("--steps", 4, "--validate-every", 1, "--learning-rate", 0.002, "--enlarge", 2, "--resume")
    assert train(folders, *more) == 0
    said = capsys.readouterr().err
    assert all(text in said for text in ("enlarge 1.0 -> 2", "params.learning_rate 0.001 -> 0.002"))
    assert train(folders, *more) == 0
    assert "other settings" not in capsys.readouterr().err
    assert read_model(folders / "model.safetensors").header.provenance["changes"] == [
        {"step": 2, "before": {"params.steps": 2}},
        {"step": 3, "before": {"enlarge": 1.0, "params.learning_rate": 0.001, "params.steps": 3}},
    ]


def test_other_training_images_are_told_in_words(folders, capsys):
    held = [f"--validation-{part}={folders / part}" for part in ("images", "labels")]
    for part in ("images", "labels"):
        (folders / part).rename(folders / f"all-{part}")
        (folders / part).mkdir()
        (folders / f"few-{part}").mkdir()
    for number, use in enumerate(["", "few-", "few-", "few-"]):
        for part, ending in (("images", ""), ("labels", "_labels")):
            name = f"plate{number}{ending}.tif"
            (folders / f"all-{part}" / name).rename(folders / f"{use}{part}" / name)
    few = ["train", f"--images={folders / 'few-images'}", f"--labels={folders / 'few-labels'}", *held, *SMALL]
    few += [f"--out={folders / 'model.safetensors'}", "--validate-every=1"]
    assert cli.main([*few, "--steps=1"]) == 0
    for part in ("images", "labels"):
        (folders / f"few-{part}" / f"plate3{'_labels' if part == 'labels' else ''}.tif").unlink()
    capsys.readouterr()
    assert cli.main([*few, "--steps=2", "--resume"]) == 0
    assert "than before: params.steps 1 -> 2, other training images" in capsys.readouterr().err


def test_a_training_does_not_go_on_where_it_would_be_validated_on_other_images(folders, capsys):
    """They may be among those that it has learnt from, and its best score was of others: the split goes by place."""
    assert train(folders, "--steps", 2, "--validate-every", 1) == 0
    image, labels = disks(7)
    tifffile.imwrite(folders / "images" / "another.tif", image)
    tifffile.imwrite(folders / "labels" / "another_labels.tif", labels)
    before = [path.read_bytes() for path in sorted(folders.glob("model.*"))]
    assert train(folders, "--steps", 3, "--validate-every", 1, "--resume") == 1
    assert "may have learnt from those that are to validate now" in capsys.readouterr().err
    assert [path.read_bytes() for path in sorted(folders.glob("model.*"))] == before
    assert train(folders, "--steps", 1, "--overwrite") == 0


@pytest.mark.parametrize("about", [None, 3, {}, {"settings": 3, "changes": []}, {"settings": {}, "changes": 3}])
def test_what_a_checkpoint_remembers_may_be_missing_or_odd(tmp_path, about):
    checkpoint = tmp_path / "model.state.safetensors"
    save_state(checkpoint, {}, {"step": 3, "about": about})
    assert resumed({"enlarge": 1.0}, checkpoint) == History(settings={"enlarge": 1.0})


def test_what_a_checkpoint_remembers_may_have_other_names(tmp_path):
    checkpoint = tmp_path / "model.state.safetensors"
    save_state(checkpoint, {}, {"step": 3, "about": {"settings": {"params": {"speed": 2}}, "changes": []}})
    found = resumed({"params": {"steps": 5}}, checkpoint)
    assert found.changes == ({"step": 3, "before": {"params.speed": 2, "params.steps": None}},)


def test_a_model_that_sees_images_enlarged_has_them_shown_so(folders):
    assert train(folders, "--steps", 1) == 0
    assert train(folders, "--steps", 1, "--enlarge", 2, out="larger.safetensors") == 0
    plain, larger = (read_model(folders / name).header for name in ("model.safetensors", "larger.safetensors"))
    assert plain.params.normalize.diameter == 0
    assert larger.diameter == pytest.approx(2 * plain.diameter, rel=0.05)
    assert larger.params.normalize.diameter == pytest.approx(larger.diameter / 2, abs=0.01)
    assert larger.provenance["enlarge"] == 2
    image = disks(7)[0]
    found = segment(image, folders / "larger.safetensors", device="cpu")
    assert found.labels.shape == image.shape
    assert found.params.normalize.diameter == larger.params.normalize.diameter


def test_fine_tuning_takes_a_diameter_instead_of_enlarging(folders, capsys):
    assert train(folders, "--steps", 1, "--fine-tune", "--enlarge", 2) == 2
    assert "leave out --enlarge" in capsys.readouterr().err


def test_a_training_that_diverges_leaves_its_best_model_and_says_so(folders, capsys, monkeypatch):
    real = training.total_loss
    calls = []

    def diverging(*arguments):
        calls.append(1)
        return {name: value * (float("nan") if len(calls) > 4 else 1) for name, value in real(*arguments).items()}

    monkeypatch.setattr(training, "total_loss", diverging)
    assert train(folders, "--steps", 6, "--validate-every", 3) == 1
    assert "diverged at step 5; train again with a lower learning rate" in capsys.readouterr().err
    assert read_model(folders / "model.safetensors").header.provenance["best_step"] == 3


def test_a_model_is_not_overwritten_unasked(folders, capsys):
    assert train(folders, "--steps", 1) == 0
    assert train(folders, "--steps", 1) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert train(folders, "--steps", 1, "--overwrite") == 0


def test_what_a_killed_training_left_is_not_overwritten_unasked(folders, capsys):
    assert train(folders, "--steps", 2, "--validate-every", 1) == 0
    (folders / "model.safetensors").unlink()
    left = [folders / "model.csv", folders / "model.state.safetensors"]
    before = [path.read_bytes() for path in left]
    for more in ([], ["--fine-tune"]):
        assert train(folders, "--steps", 1, *more) == 1
        assert "go on with it (--resume), begin anew (--overwrite)" in capsys.readouterr().err
    assert [path.read_bytes() for path in left] == before
    assert train(folders, "--steps", 3, "--validate-every", 1, "--resume") == 0
    (folders / "model.safetensors").unlink()
    assert train(folders, "--steps", 1, "--overwrite") == 0


def test_beginning_anew_leaves_no_older_checkpoint_to_resume_from(folders, monkeypatch):
    assert train(folders, "--steps", 2, "--validate-every", 1) == 0
    state = folders / "model.state.safetensors"
    assert state.exists()

    def killed(*_):
        raise RuntimeError("as if killed before the first checkpoint")

    monkeypatch.setattr(training, "total_loss", killed)
    with pytest.raises(RuntimeError, match="as if killed"):
        train(folders, "--steps", 2, "--overwrite")
    assert not state.exists()


def test_a_folder_that_cannot_be_made_is_said_before_anything_is_read(folders, capsys):
    assert train(folders, "--steps", 1, out="images/plate0.tif/new/model.safetensors") == 1
    captured = capsys.readouterr()
    assert "plate0.tif/new cannot be made" in captured.err
    assert "choose another one with --out" in captured.err
    assert "images to train on" not in captured.out


def test_the_log_of_a_resumed_training_has_each_step_once(folders, monkeypatch):
    monkeypatch.setattr("napari_wnet.network.training.REPORT_EVERY", 1)
    arguments = ("--steps", 6, "--validate-every", 2)
    assert train(folders, *arguments) == 0
    whole, state = (folders / name for name in ("model.csv", "model.state.safetensors"))
    kept = state.read_bytes()
    assert train(folders, "--steps", 8, "--validate-every", 2, "--resume") == 0
    state.write_bytes(kept)  # as if it had been killed after the report of step 8, before the checkpoint was written
    assert train(folders, "--steps", 8, "--validate-every", 2, "--resume") == 0
    with whole.open(newline="") as file:
        assert [int(row["step"]) for row in csv.DictReader(file)] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_training_goes_on_from_a_model(folders):
    assert train(folders, "--steps", 2) == 0
    assert (
        train(
            folders, "--steps", 1, "--learning-rate", 1e-7, "--init", folders / "model.safetensors", out="b.safetensors"
        )
        == 0
    )
    first, second = (read_model(folders / name) for name in ("model.safetensors", "b.safetensors"))
    weights = [model.network.embedding.weight.detach().numpy() for model in (first, second)]
    assert np.allclose(*weights, atol=1e-3)
    assert second.header.provenance["init"]


def test_settings_come_from_a_file_and_flags_win(folders):
    config = folders / "job.yaml"
    config.write_text(
        f"images: {folders / 'images'}\nlabels: {folders / 'labels'}\nout: {folders / 'c.safetensors'}\n"
        "name: mine\nnetwork:\n  widths: [8, 16]\n  embedding_dim: 4\n"
        "params:\n  steps: 3\n  batch_size: 2\n  crop_size: 32\n"
    )
    assert cli.main(["train", "--config", str(config), "--steps", "1", "--device", "cpu"]) == 0
    header = read_model(folders / "c.safetensors").header
    assert (header.name, header.config.embedding_dim, header.provenance["params"]["steps"]) == ("mine", 4, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("stps: 3", "no parameter 'stps'"),
        ("params:\n  stepps: 3", "did you mean 'steps'"),
        ("params:\n  steps: many", "number"),
        ("params: [1, 2]", "named values"),
        ("a: [", "YAML"),
    ],
)
def test_a_mistake_in_the_file_is_named(folders, capsys, text, says):
    config = folders / "job.yaml"
    config.write_text(text)
    assert train(folders, "--config", config) == 2
    assert says in capsys.readouterr().err


def test_what_is_missing_is_named(capsys):
    assert cli.main(["train", "--steps", "1"]) == 2
    assert "--images, --labels, --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["--resume"], 1, "no checkpoint to resume"),
        (["--split", "thirds"], 2, "choose one of"),
        (["--init", "nothing"], 1, "nuclei"),
        (["--crop-size", "33"], 1, "multiple"),
        (["--learning-rate", "7"], 2, "between"),
    ],
)
def test_what_cannot_work_is_refused(folders, capsys, arguments, status, says):
    assert train(folders, "--steps", 1, *arguments) == status
    captured = capsys.readouterr()
    assert says in captured.err
    assert not (folders / "model.safetensors").exists()


def test_images_with_different_channels_are_refused(folders, capsys):
    tifffile.imwrite(folders / "images" / "plate0.tif", np.zeros((64, 64, 3), np.uint8), photometric="rgb")
    assert train(folders, "--steps", 1) == 1
    assert "different numbers of channels" in capsys.readouterr().err


def test_the_model_file_must_be_safetensors(folders, capsys):
    assert train(folders, "--steps", 1, out="model.pth") == 1
    assert ".safetensors" in capsys.readouterr().err


def test_splits_never_share_an_image():
    names = [f"{number:03}" for number in range(40)]
    for how in ("tenths", "validation", "none"):
        parts = split_names(names, how)
        assert sorted(sum(parts.values(), ())) == names
    assert split_names(names, "tenths")["test"] == ("000", "010", "020", "030")
    assert split_names(names, "tenths")["validation"] == ("005", "015", "025", "035")
    assert split_names(names[:3], "validation") == {"train": ("000", "001"), "validation": ("002",), "test": ()}
    assert split_names(names[:1], "validation")["train"] == ("000",)


def test_a_job_is_checked_like_any_settings():
    assert TrainJob.from_dict(TrainJob(images="a").to_dict()) == TrainJob(images="a")
    with pytest.raises(ParamsError, match="choose one of"):
        TrainJob(split="halves")


def test_training_on_disks_finds_other_disks(folders):
    arguments = ["--steps", 150, "--validate-every", 150, "--learning-rate", 0.01, "--batch-size", 4, "--stem", 1]
    assert train(folders, *arguments, "--no-rotate", "--elastic", 0, "--blur", 0, "--ema", 0.9) == 0
    image, labels = disks(77)
    found = segment(image, folders / "model.safetensors", device="cpu").labels
    assert evaluate_image(labels, found).symmetric_best_dice > 0.7


def test_validation_looks_at_as_many_images_as_asked_for_evenly_spread():
    names = [f"{number:03}" for number in range(10)]
    assert spread(names, 4) == ("000", "002", "005", "007")
    assert spread(names, 0) == spread(names, 10) == spread(names, 99) == tuple(names)


def test_fewer_validation_images_leave_the_training_part_as_it_is(folders, capsys):
    for seed in range(6, 16):
        image, labels = disks(seed)
        tifffile.imwrite(folders / "images" / f"plate{seed}.tif", image)
        tifffile.imwrite(folders / "labels" / f"plate{seed}_labels.tif", labels)
    counts = {}
    for limit in (0, 1):
        name = f"on{limit}.safetensors"
        assert train(folders, "--steps", 1, "--validate-on", limit, out=name) == 0
        counts[limit] = read_model(folders / name).header.provenance["n_images"]
    assert counts[0] == {"train": 14, "validation": 2, "test": 0}
    assert counts[1] == {"train": 14, "validation": 1, "test": 0}
