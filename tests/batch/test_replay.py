"""A result can be made again from the file beside it."""

from __future__ import annotations

import json
import os
import shutil
import sys

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


def test_of_more_threads_than_any_machine_has_a_few_are_made_and_that_is_told(results):
    info = json.loads((results / "a.json").read_text())
    info["run"]["threads"] = 1000
    info["result"]["labels_sha256"] = "0" * 64
    (results / "a.json").write_text(json.dumps(info))
    steps = replay_steps(results / "a.json")
    next(steps)
    most = torch.get_num_threads()
    assert most < 1000
    assert f"threads: 1000 then, {most} now" in drain(steps).differences


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


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("input", {"absolute_path": 3}),
        ("input", {"path": None}),
        ("foreground", {"path": None}),
        ("input", {"path": "a\0b", "absolute_path": "a\0b"}),
        ("input", {"shape": "wide"}),
        ("foreground", {}),
        ("foreground", {"path": ["mask.tif"], "absolute_path": "/", "sha256": ""}),
        ("model", {"path": 7}),
        ("run", {"threads": 10**9}),
        ("run", {"threads": -1}),
        ("run", {"device": "abacus"}),
        ("result", {"files": {"labels": "../a_labels.tif"}}),
        ("result", {"labels_sha256": None}),
        ("params", {"clustering": {"angle": [[[]]] * 10_000}}),
    ],
)
def test_a_sidecar_that_was_tampered_with_is_refused_in_words(results, tmp_path, capsys, part, change):
    info = json.loads((results / "a.json").read_text())
    info[part] = {**info[part], **change} if change else change
    (results / "a.json").write_text(json.dumps(info))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert cli.main(["replay", str(results / "a.json"), "--out", str(tmp_path / "copy"), "--overwrite"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(str(results / "a.json"))
    assert len(said) < 2000
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("text", ["[" * 100_000, '{"format": "napari-wnet result", "format_version": true}'])
def test_a_sidecar_of_no_sense_is_in_the_way_of_a_batch_and_told(tmp_path, nuclei_image, capsys, text):
    tifffile.imwrite(tmp_path / "a.tif", nuclei_image[0, :64, :64])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.json").write_text(text)
    assert cli.main(["segment", str(tmp_path / "a.tif"), "--out", str(tmp_path / "out"), "--device", "cpu"]) == 1
    assert "exists already" in capsys.readouterr().err
    assert (tmp_path / "out" / "a.json").read_text() == text


@pytest.mark.parametrize("files", [{"labels": "x" * 5000}, {"labels": ".."}, {"labels": None}, [], "a_labels.tif"])
def test_results_under_names_that_cannot_be_are_in_the_way_too(results, capsys, files):
    info = json.loads((results / "a.json").read_text())
    info["result"]["files"] = files
    (results / "a.json").write_text(json.dumps(info))
    command = ["segment", str(results.parent / "a.tif"), "--out", str(results), "--channels", "1", "--angle", "40"]
    more = ["--foreground", str(results.parent / "mask.tif"), "--save", "overlay", "--device", "cpu"]
    assert cli.main([*command, *more]) == 1
    assert "settings that cannot be read" in capsys.readouterr().err


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode there")
def test_names_that_are_no_unicode_are_segmented_listed_and_made_again(tmp_path, nuclei_image, capsys):
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    odd, bad = (images / os.fsdecode(name) for name in (b"t\xfcr.tif", b"\xfcbel.tif"))
    tifffile.imwrite(tmp_path / "a.tif", nuclei_image[0, :64, :64])
    (tmp_path / "a.tif").rename(odd)
    bad.write_bytes(b"no image")
    assert cli.main(["segment", str(images), "--out", str(out), "--save", "geojson,coco,roi", "--device", "cpu"]) == 1
    assert "unexpected" not in capsys.readouterr().err
    assert "\\udcfcbel.tif" in (out / "failed.csv").read_text()
    assert "\\udcfcr.tif" in (out / "report.html").read_text()
    labels = out / os.fsdecode(b"t\xfcr_labels.tif")
    assert cli.main(["replay", str(out / os.fsdecode(b"t\xfcr.json"))]) == 0
    assert cli.main(["measure", str(labels), "--out", str(tmp_path / "table.csv")]) == 0
    assert cli.main(["export", str(labels), "--as", "geojson,coco", "--out", str(tmp_path / "exports")]) == 0
    assert cli.main(["segment", str(odd), "--out", str(out), "--save", "geojson,coco,roi", "--device", "cpu"]) == 0
    assert "finished before" in capsys.readouterr().out


def test_a_copy_takes_the_place_of_an_earlier_copy_alone(results, tmp_path, capsys):
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "a_labels.tif").write_text("mine")
    again = ["replay", str(results / "a.json"), "--out", str(copy)]
    for more in [], ["--overwrite"]:
        assert cli.main([*again, *more]) == 1
        said = capsys.readouterr().err
        assert "a_labels.tif exists already and is not known to be a result" in said
        assert "--overwrite" not in said
        assert (copy / "a_labels.tif").read_text() == "mine"
    (copy / "a_labels.tif").unlink()
    assert cli.main(again) == 0
    assert cli.main(again) == 1
    assert "have it replaced (--overwrite)" in capsys.readouterr().err
    assert cli.main([*again, "--overwrite"]) == 0
