"""A result can be made again from the file beside it."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import tifffile
import torch

from napari_wnet import cli
from napari_wnet.batch.replay import replay_steps
from napari_wnet.errors import ImageError, ModelError, ParamsError
from napari_wnet.io.sidecar import labels_sha256
from napari_wnet.network.registry import load_model
from napari_wnet.reports import drain


@pytest.fixture
def results(tmp_path, nuclei_image):
    """Return a folder with the results of a stack of two channels, of which one is used, and its image beside it."""
    stack = np.stack([nuclei_image[0, :96, 96 * n : 96 * (n + 1)] for n in range(4)]).reshape(2, 2, 96, 96)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TCYX"})
    mask = np.ones((96, 96), np.uint8)
    mask[:, :30] = 0
    tifffile.imwrite(tmp_path / "mask.tif", mask)
    arguments = ["--channels", "1", "--angle", "40", "--foreground", str(tmp_path / "mask.tif"), "--device", "cpu"]
    out = str(tmp_path / "out")
    assert cli.main(["segment", str(tmp_path / "a.tif"), "--out", out, "--save", "overlay", *arguments]) == 0
    return tmp_path / "out"


def test_the_same_labels_come_out_and_a_copy_is_written(results, tmp_path, capsys):
    assert cli.main(["replay", str(results / "a.json"), "--out", str(tmp_path / "copy")]) == 0
    assert "identical labels" in capsys.readouterr().out
    first, second = (tifffile.imread(folder / "a_labels.tif") for folder in (results, tmp_path / "copy"))
    assert first.any()
    np.testing.assert_array_equal(first, second)
    assert sorted(path.name for path in results.iterdir()) == sorted(p.name for p in (tmp_path / "copy").iterdir())
    before, after = (json.loads((folder / "a.json").read_text()) for folder in (results, tmp_path / "copy"))
    assert before["result"] == after["result"]
    assert before["params"] == after["params"]


@pytest.mark.parametrize(
    ("method", "flags"),
    [
        ("paper", ["--peak-part", "0.6"]),
        ("authors", ["--peak-part", "0.6", "--peak-sigma", "1.5", "--peak-distance", "4"]),
        ("mutex", ["--mutex-reach", "6", "--mutex-weight", "0.8"]),
        ("meanshift", ["--angle", "35"]),
        ("hdbscan", ["--min-cluster-size", "30", "--n-sampled", "900"]),
    ],
)
def test_each_clustering_has_its_flags_and_is_made_again(tmp_path, nuclei_image, method, flags):
    tifffile.imwrite(tmp_path / "a.tif", nuclei_image[0, :96, :96])
    out = tmp_path / "out"
    words = ["segment", str(tmp_path / "a.tif"), "--out", str(out), "--device", "cpu", "--clustering", method, *flags]
    assert cli.main(words) == 0
    assert tifffile.imread(out / "a_labels.tif").any()
    found = json.loads((out / "a.json").read_text())["params"]["clustering"]
    assert found["method"] == method
    given = dict(zip(flags[::2], flags[1::2], strict=True))
    for flag, value in given.items():
        assert found[flag.removeprefix("--").replace("-", "_")] == float(value)
    assert drain(replay_steps(out / "a.json")).identical


def test_nothing_is_written_unless_asked(results, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    assert drain(replay_steps(results / "a.json")).identical
    assert sorted(tmp_path.rglob("*")) == before


def test_the_thread_count_is_that_of_the_first_time_and_is_put_back(results, monkeypatch):
    info = json.loads((results / "a.json").read_text())
    info["run"]["threads"] = 3
    (results / "a.json").write_text(json.dumps(info))
    steps = replay_steps(results / "a.json")
    before = torch.get_num_threads()
    next(steps)
    assert torch.get_num_threads() == 3
    steps.close()
    assert torch.get_num_threads() == before


def test_labels_that_differ_are_told_with_what_may_be_why(results, capsys):
    info = json.loads((results / "a.json").read_text())
    labels = tifffile.imread(results / "a_labels.tif")
    labels[0, 50, 50:60] += 7
    tifffile.imwrite(results / "a_labels.tif", labels)
    info["result"]["labels_sha256"] = labels_sha256(labels)
    info["versions"]["torch"] = "0.1"
    info["run"]["precision"] = "float8"
    (results / "a.json").write_text(json.dumps(info))
    assert cli.main(["replay", str(results / "a.json")]) == 1
    said = capsys.readouterr().err
    assert "10 pixels" in said
    assert "torch: 0.1 then" in said
    assert "precision: float8 then" in said


def test_a_folder_that_was_moved_with_its_image_is_replayed(results, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.move(results, moved)
    for name in ("a.tif", "mask.tif"):
        shutil.move(tmp_path / name, moved / name)
    assert drain(replay_steps(moved / "a.json")).identical


def test_an_image_that_changed_or_went_is_told(results, tmp_path):
    image = tmp_path / "a.tif"
    image.write_bytes(image.read_bytes() + b"more")
    with pytest.raises(ImageError, match=r"has changed since a\.json"):
        drain(replay_steps(results / "a.json"))
    image.unlink()
    with pytest.raises(ImageError, match="not there any more"):
        drain(replay_steps(results / "a.json"))


def test_the_model_is_found_by_its_file_its_name_or_its_hash_and_nothing_else_will_do(results, tmp_path):
    info = json.loads((results / "a.json").read_text())
    own = shutil.copy(load_model("nuclei").path, tmp_path / "own.safetensors")
    for path, name in ((str(own), "no such model"), ("nowhere", "nuclei")):
        info["model"] |= {"path": path, "name": name}
        (results / "a.json").write_text(json.dumps(info))
        assert drain(replay_steps(results / "a.json")).identical
    info["model"] |= {"path": "nowhere", "name": "what it was called then"}
    (results / "a.json").write_text(json.dumps(info))
    assert drain(replay_steps(results / "a.json")).identical
    info["model"] |= {"path": str(own), "name": "nuclei", "sha256": "0" * 64}
    (results / "a.json").write_text(json.dumps(info))
    with pytest.raises(ModelError, match="is another now"):
        drain(replay_steps(results / "a.json"))


def test_a_file_that_is_no_sidecar_is_refused(tmp_path, capsys):
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(ParamsError, match="not a napari-wnet result"):
        drain(replay_steps(tmp_path / "x.json"))
    assert cli.main(["replay", str(tmp_path / "x.json")]) == 1
    assert "x.json" in capsys.readouterr().err
