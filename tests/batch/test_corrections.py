"""Corrected labels take the place of those that were found, and a replay and the next batch know it."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import tifffile

from napari_wnet import cli, load_model, save_labels
from napari_wnet.batch import corrections
from napari_wnet.batch.inputs import find_inputs
from napari_wnet.batch.job import CORRECTED, BatchJob
from napari_wnet.batch.outputs import WORK
from napari_wnet.batch.replay import replay_steps
from napari_wnet.batch.run import batch_steps
from napari_wnet.errors import ImageError, OutputError, ParamsError
from napari_wnet.io.images import read_image, read_labels
from napari_wnet.reports import drain


@pytest.fixture
def images(tmp_path, nuclei_image):
    """Return a folder of an image with a pixel size in a folder, and a stack beside it."""
    folder = tmp_path / "images"
    (folder / "plate 1").mkdir(parents=True)
    tifffile.imwrite(
        folder / "plate 1" / "a.ome.tif",
        nuclei_image[0, :96, :128],
        metadata={"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5},
    )
    stack = np.stack([nuclei_image[0, :96, 96 * n : 96 * (n + 1)] for n in range(2)])
    tifffile.imwrite(folder / "b.tif", stack, imagej=True, metadata={"axes": "ZYX"})
    return folder


@pytest.fixture
def out(images, tmp_path):
    assert segment(images, tmp_path / "out") == 0
    return tmp_path / "out"


def segment(images, out, *more):
    kinds = ["--save", "distmap,overlay"]
    return cli.main(["segment", str(images), "--out", str(out), "--recursive", "--device", "cpu", *kinds, *more])


def corrected(labels):
    """Return labels without the first object, and with a new one in a corner of the first plane."""
    changed = np.where(labels == 1, 0, labels)
    changed[(0,) * (labels.ndim - 2)][:4, :4] = labels.max() + 1
    return changed


@pytest.mark.parametrize("stem", ["plate 1/a", "b"])
def test_labels_table_and_overlay_are_those_of_the_corrected_labels(out, stem):
    before = read_labels(out / f"{stem}_labels.tif")
    files = {path: path.read_bytes() for path in sorted((out / stem).parent.iterdir()) if path.is_file()}
    labels = corrected(before)
    result = save_labels(out / f"{stem}.json", labels)
    np.testing.assert_array_equal(read_labels(result.outputs["labels"]), labels)
    planes = labels.reshape(-1, *labels.shape[-2:])
    assert result.n_objects == sum(len(np.unique(plane)) - 1 for plane in planes)
    rows = (out / f"{stem}.csv").read_text().splitlines()[1:]
    assert len(rows) == result.n_objects
    changed = {path.name for path, content in files.items() if path.read_bytes() != content}
    name = stem.split("/")[-1]
    middle = {f"{name}_overlay.png"} if labels.ndim == 2 else set()  # of a stack the overlay shows the second plane
    assert changed >= {f"{name}_labels.tif", f"{name}.csv", f"{name}.json"} | middle
    assert f"{name}_distmap.tif" not in changed
    assert set(files) == {path for path in (out / stem).parent.iterdir() if path.is_file()}
    assert not (out / stem).parent.joinpath(WORK).exists()


def test_labels_of_an_image_that_was_moved_are_saved_by_who_says_where_it_is(images, out, tmp_path):
    images.rename(tmp_path / "elsewhere")
    image, labels = (
        tmp_path / "elsewhere" / "plate 1" / "a.ome.tif",
        corrected(read_labels(out / "plate 1/a_labels.tif")),
    )
    with pytest.raises(ImageError, match="not there any more"):
        save_labels(out / "plate 1/a.json", labels)
    with pytest.raises(ImageError, match="has changed"):
        save_labels(out / "plate 1/a.json", labels, tmp_path / "elsewhere" / "b.tif")
    result = save_labels(out / "plate 1/a.json", labels, image)
    np.testing.assert_array_equal(read_labels(result.outputs["labels"]), labels)
    assert result.path == image


def test_a_pixel_keeps_its_size(out):
    save_labels(out / "plate 1" / "a.json", corrected(read_labels(out / "plate 1" / "a_labels.tif")))
    file = read_image(out / "plate 1" / "a_labels.tif")
    assert (file.pixel_size, file.unit) == (pytest.approx((0.5, 0.5)), "um")


def test_a_replay_is_compared_with_what_was_found_not_with_the_corrections(out, capsys):
    sidecar = out / "b.json"
    before = json.loads(sidecar.read_text())["result"]
    save_labels(sidecar, corrected(read_labels(out / "b_labels.tif")))
    after = json.loads(sidecar.read_text())["result"]
    assert after == {**before, "edited": True, "objects": after["objects"]}
    replay = drain(replay_steps(sidecar))
    assert replay.identical
    assert replay.edited
    assert replay.n_objects == before["objects"]
    assert cli.main(["replay", str(sidecar)]) == 0
    assert "corrected by hand" in capsys.readouterr().out


def test_the_next_batch_leaves_corrections_alone_unless_told(images, out):
    labels = corrected(read_labels(out / "b_labels.tif"))
    n_objects = save_labels(out / "b.json", labels).n_objects
    model = load_model("nuclei")
    kinds = ("labels", "distmap", "overlay")
    job = BatchJob(model=model, params=model.header.params, out=out, device="cpu", save=kinds)
    results = drain(batch_steps(job, find_inputs([str(images)], out, recursive=True).items))
    assert [(result.state, result.notes) for result in results] == [("skipped", (CORRECTED,)), ("skipped", ())]
    assert results[0].n_objects == n_objects
    np.testing.assert_array_equal(read_labels(out / "b_labels.tif"), labels)
    assert segment(images, out, "--overwrite") == 0
    assert (read_labels(out / "b_labels.tif") == 1).any()
    assert "edited" not in json.loads((out / "b.json").read_text())["result"]


KILLED = """
import os, sys
from pathlib import Path
import numpy as np
from napari_wnet import save_labels
from napari_wnet.batch import outputs
from napari_wnet.io.images import read_labels

sidecar, moves = Path(sys.argv[1]), int(sys.argv[2])

def killed(stage, targets):
    for kind in list(targets)[:moves]:
        (stage / targets[kind].name).replace(targets[kind])
    os._exit(9)

outputs._move = killed
labels = read_labels(sidecar.with_name(sidecar.stem + "_labels.tif"))
save_labels(sidecar, np.where(labels == 1, 0, labels))
"""


def test_a_correction_that_was_killed_is_tidied_by_the_next_one(out):
    sidecar, labels = out / "plate 1" / "a.json", read_labels(out / "plate 1" / "a_labels.tif")
    assert subprocess.run([sys.executable, "-c", KILLED, str(sidecar), "1"], check=False).returncode == 9
    save_labels(sidecar, labels)
    np.testing.assert_array_equal(read_labels(out / "plate 1" / "a_labels.tif"), labels)
    assert not list(out.rglob(WORK))


@pytest.mark.parametrize("stem", ["plate 1/a", "b"])
@pytest.mark.parametrize("moves", [0, 1, 2])
def test_a_correction_that_was_killed_is_brought_to_its_end_by_the_next_batch(images, out, stem, moves):
    before = read_labels(out / f"{stem}_labels.tif")
    assert (before == 1).any()
    command = [sys.executable, "-c", KILLED, str(out / f"{stem}.json"), str(moves)]
    assert subprocess.run(command, check=False).returncode == 9
    assert list((out / stem).parent.glob(f"{WORK}/*"))
    assert segment(images, out) == 0
    np.testing.assert_array_equal(read_labels(out / f"{stem}_labels.tif"), np.where(before == 1, 0, before))
    info = json.loads((out / f"{stem}.json").read_text())
    assert info["result"]["edited"]
    assert len((out / f"{stem}.csv").read_text().splitlines()) - 1 == info["result"]["objects"]
    assert not list(out.rglob(WORK))


@pytest.mark.parametrize(
    ("change", "error", "why"),
    [
        (lambda labels: labels[:, :-1], ImageError, "shape"),
        (lambda labels: labels.astype(float), ImageError, "integers"),
        (lambda labels: np.where(labels == 1, -1, labels), ImageError, "negative"),
        (lambda labels: np.where(labels == 1, np.int64(2**40), labels), ImageError, "renumber"),
    ],
)
def test_what_are_no_labels_of_the_image_changes_nothing(out, change, error, why):
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}
    with pytest.raises(error, match=why):
        save_labels(out / "b.json", change(read_labels(out / "b_labels.tif")))
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before


def test_what_goes_wrong_while_writing_changes_nothing(out, monkeypatch):
    before = {path: path.read_bytes() for path in out.iterdir() if path.is_file()}

    def full(*_, **__):
        raise OutputError("the disk is full")

    monkeypatch.setattr(corrections, "write_sidecar", full)
    with pytest.raises(OutputError, match="full"):
        save_labels(out / "b.json", corrected(read_labels(out / "b_labels.tif")))
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before
    assert not (out / WORK).exists()


def test_an_image_that_changed_a_renamed_sidecar_and_another_file_are_refused(images, out):
    labels = read_labels(out / "b_labels.tif")
    (out / "b.json").rename(out / "c.json")
    with pytest.raises(OutputError, match="renamed"):
        save_labels(out / "c.json", labels)
    (out / "c.json").rename(out / "b.json")
    with pytest.raises(ParamsError, match=r"name the \.json file"):
        save_labels(out / "b.csv", labels)
    tifffile.imwrite(images / "b.tif", np.zeros((2, 96, 96), np.uint8), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(ImageError, match="has changed"):
        save_labels(out / "b.json", labels)
