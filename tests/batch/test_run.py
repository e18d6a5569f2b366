"""A batch of files: what is skipped, what fails alone, what stops all of it."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import sys
import threading
import time
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from napari_wnet.batch import lanes as lanes_module
from napari_wnet.batch import reading, run, writing
from napari_wnet.batch.inputs import find_inputs
from napari_wnet.batch.job import BatchJob, FileResult, FileStarted
from napari_wnet.batch.kinds import ENDINGS, KINDS
from napari_wnet.batch.lanes import count_lanes
from napari_wnet.batch.outputs import WORK
from napari_wnet.batch.run import batch_steps
from napari_wnet.errors import NoRoomError, ParamsError, ProjectError
from napari_wnet.io.exports import EXPORTS
from napari_wnet.io.images import read_labels
from napari_wnet.network.device import threads
from napari_wnet.network.registry import load_model
from napari_wnet.pipeline import segment
from napari_wnet.reports import Progress, drain

SIDE = 96


@pytest.fixture(scope="module")
def model():
    return load_model("nuclei")


@pytest.fixture(params=[1, 2], autouse=True)
def lanes(request, monkeypatch) -> int:
    """Do the files one after the other, and two at a time."""
    monkeypatch.setattr(run, "count_lanes", lambda _: request.param)
    return request.param


@pytest.fixture
def images(tmp_path, nuclei_image) -> Path:
    """Return a folder with six images, the last of another size."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        tifffile.imwrite(folder / f"{number}.tif", nuclei_image[0, :SIDE, number * SIDE : (number + 1) * SIDE])
    tifffile.imwrite(folder / "5.tif", nuclei_image[0, 200:280, :130])
    return folder


@pytest.fixture
def job(tmp_path, model) -> BatchJob:
    return BatchJob(model=model, params=model.header.params, out=tmp_path / "out", device="cpu")


def other(job: BatchJob, **changes) -> BatchJob:
    return BatchJob(**{**vars(job), **changes})


def done(job: BatchJob, folder: Path) -> dict[str, FileResult]:
    results = drain(batch_steps(job, find_inputs([str(folder)], job.out).items))
    return {result.path.stem: result for result in results}


def states(job: BatchJob, folder: Path) -> dict[str, str]:
    return {stem: result.state for stem, result in done(job, folder).items()}


def labels(job: BatchJob) -> dict[str, np.ndarray]:
    return {path.name.split("_")[0]: tifffile.imread(path) for path in sorted(job.out.glob("*_labels.tif"))}


def test_labels_are_those_of_each_image_alone(job, images, model):
    done(job, images)
    found = labels(job)
    assert sorted(found) == ["0", "1", "2", "3", "4", "5"]
    for stem, own in found.items():
        alone = segment(tifffile.imread(images / f"{stem}.tif"), model, job.params, device="cpu")
        np.testing.assert_array_equal(own, alone.labels)


def test_images_that_the_network_sees_together_come_out_alike(job, images, monkeypatch):
    done(job, images)
    sizes = []
    together = run.predict_group_steps

    def noted(group, *arguments, **options):
        sizes.append(len(group))
        return together(group, *arguments, **options)

    monkeypatch.setattr(run, "predict_group_steps", noted)
    monkeypatch.setattr(run._Batch, "_most", lambda *_: 3)
    monkeypatch.setattr(run, "count_lanes", lambda _: 1)
    second = other(job, out=job.out.with_name("second"))
    done(second, images)
    assert sizes == [3, 2, 1]
    for stem, own in labels(job).items():
        np.testing.assert_array_equal(labels(second)[stem], own)


def test_each_file_is_told_as_it_begins_and_as_it_ends(job, images):
    reports = list(batch_steps(job, find_inputs([str(images)], job.out).items))
    for path in sorted(images.iterdir()):
        own = [report for report in reports if getattr(report, "path", None) == path]
        assert [type(report) for report in own] == [FileStarted, FileResult]
        assert own[1].state == "done"
        assert own[1].seconds > 0
        assert own[1].n_objects == tifffile.imread(own[1].outputs["labels"]).max()
        assert all(output.exists() for output in own[1].outputs.values())


def test_a_file_that_is_written_between_two_looks_is_told_too(job, images, monkeypatch):
    plain = run._Batch._store

    def stored(batch, work):
        plain(batch, work)
        work.stored.exception()  # which waits for it
        looks = iter([False])
        work.stored.done = lambda: next(looks, True)

    monkeypatch.setattr(run._Batch, "_store", stored)
    monkeypatch.setattr(run, "count_lanes", lambda _: 1)
    assert len(done(job, images)) == 6


def test_an_error_of_several_images_together_is_looked_for_in_each(job, images, monkeypatch):
    plain = run.predict_group_steps

    def picky(group, *arguments, **options):
        if len(group) > 1:
            raise RuntimeError("out of memory")
        return (yield from plain(group, *arguments, **options))

    monkeypatch.setattr(run, "predict_group_steps", picky)
    monkeypatch.setattr(run._Batch, "_most", lambda *_: 3)
    monkeypatch.setattr(run, "count_lanes", lambda _: 1)
    assert set(states(job, images).values()) == {"done"}


def test_failures_are_listed_as_they_happen_and_with_those_before(job, images):
    (images / "0.tif").write_bytes(b"")
    before = FileResult(path=images / "before.tif", state="failed", error="damaged")
    items = find_inputs([str(images)], job.out).items
    for report in batch_steps(job, items, earlier=[before]):
        if isinstance(report, FileResult) and report.state == "failed":
            break
    listed = (job.out / "failed.csv").read_text()
    assert "0.tif" in listed
    assert "before.tif" in listed
    drain(batch_steps(job, items[1:], earlier=[before]))
    assert "0.tif" not in (job.out / "failed.csv").read_text()
    assert "before.tif" in (job.out / "failed.csv").read_text()


def test_large_images_take_turns(job, images, monkeypatch):
    plain, at_once, most = lanes_module.segment_loaded, [], []

    def noted(*arguments):
        at_once.append(True)
        most.append(len(at_once))
        time.sleep(0.05)
        try:
            return plain(*arguments)
        finally:
            at_once.pop()

    monkeypatch.setattr(lanes_module, "segment_loaded", noted)
    monkeypatch.setattr(lanes_module, "LARGE_PX", 0)
    monkeypatch.setattr(run, "count_lanes", lambda _: 3)
    done(job, images)
    assert most == [1] * 6


def test_a_batch_that_is_closed_waits_for_no_lane(job, images, monkeypatch):
    begun, ended = [], []

    def slow(*_, **__):
        begun.append(True)
        try:
            for tile in range(3000):
                yield Progress(done=tile, total=3000)
                time.sleep(0.01)
        finally:
            ended.append(tile)

    monkeypatch.setattr(lanes_module, "predict_steps", slow)
    monkeypatch.setattr(run, "count_lanes", lambda _: 2)
    steps = batch_steps(job, find_inputs([str(images)], job.out).items)
    assert [type(next(steps)) for _ in range(2)] == [FileStarted, FileStarted]
    while len(begun) < 2:
        assert next(steps) is None
    steps.close()
    assert len(ended) == 2
    assert max(ended) < 2999
    assert not job.out.exists()


def test_what_is_finished_is_skipped_and_what_is_missing_is_made(job, images):
    assert set(states(job, images).values()) == {"done"}
    (job.out / "1_labels.tif").unlink()
    (job.out / "2.json").unlink()
    tifffile.imwrite(job.out / "3_labels.tif", np.ones((SIDE, SIDE), np.uint16))  # mended by hand
    before = done(job, images)
    assert {stem: result.state for stem, result in before.items()} == {
        "0": "skipped", "1": "failed", "2": "failed", "3": "skipped", "4": "skipped", "5": "skipped",
    }  # fmt: skip
    assert before["0"].n_objects == labels(job)["0"].max()
    assert (labels(job)["3"] == 1).all()
    for path in (*job.out.glob("1*"), *job.out.glob("2*")):
        path.unlink()
    assert sorted(stem for stem, state in states(job, images).items() if state == "done") == ["1", "2"]


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ("params", "other parameters"),
        ("model", "another model"),
        ("image", "another image"),
        ("axes", "other axes"),
        ("channels", "other axes or channels"),
        ("foreground", "another foreground"),
        ("save", "other outputs"),
    ],
)
def test_what_would_come_out_otherwise_is_not_replaced_unasked(job, images, tmp_path, changed, why, model):
    for path in sorted(images.iterdir())[1:]:
        path.unlink()
    done(job, images)
    before = labels(job)["0"]
    if changed == "image":
        tifffile.imwrite(images / "0.tif", np.flipud(tifffile.imread(images / "0.tif")))
    mask = tmp_path / "mask.tif"
    tifffile.imwrite(mask, np.ones((SIDE, SIDE), np.uint8))
    path = shutil.copy(model.path, tmp_path / "other.safetensors")
    changes = {
        "params": {"params": job.params.replace(clustering__angle=30.0)},
        "model": {"model": type(model)(**{**vars(model), "sha256": "0" * 64, "path": Path(path)})},
        "axes": {"axes": "YX"},
        "channels": {"channels": "0"},
        "foreground": {"foreground": mask},
        "save": {"save": ("labels", "overlay")},
    }
    changed_job = other(job, **changes.get(changed, {}))
    result = done(changed_job, images)["0"]
    assert result.state == "failed"
    assert why in result.error
    assert "--overwrite" in result.error
    np.testing.assert_array_equal(labels(job)["0"], before)
    assert done(other(changed_job, overwrite=True), images)["0"].state == "done"
    assert done(changed_job, images)["0"].state == "skipped"


def test_what_a_version_without_some_settings_has_made_is_skipped(job, images):
    done(job, images)
    for path in job.out.glob("?.json"):
        info = json.loads(path.read_text())
        for name in ("peak_part", "mutex_reach", "n_sampled"):
            del info["params"]["clustering"][name]
        path.write_text(json.dumps(info))
    assert set(states(job, images).values()) == {"skipped"}
    other_job = other(job, params=job.params.replace(clustering__mutex_reach=9))
    assert set(states(other_job, images).values()) == {"failed"}


def test_a_clustering_whose_package_is_missing_is_refused_before_any_file(job, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimage_cpp", None)
    with pytest.raises(ParamsError, match=r"napari-wnet\[clusterings\]"):
        done(other(job, params=job.params.replace(clustering__method="mutex")), images)
    assert not job.out.exists()


def test_bad_files_fail_alone_and_are_listed_until_they_are_mended(job, images):
    (images / "empty.tif").write_bytes(b"")
    (images / "text.png").write_text("no picture")
    whole = (images / "4.tif").read_bytes()
    (images / "4.tif").write_bytes(whole[: len(whole) // 2])
    np.save(images / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    tifffile.imwrite(images / "mixed.tif", np.zeros((2, SIDE, SIDE), np.uint8), metadata={"axes": "CYX"})
    found = states(job, images)
    bad = {"empty", "text", "4", "objects", "mixed"}
    assert {stem for stem, state in found.items() if state == "failed"} == bad
    with (job.out / "failed.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {Path(row["file"]).stem for row in rows} == bad
    assert all(row["why"] for row in rows)
    for stem in bad - {"4"}:
        next(images.glob(f"{stem}.*")).unlink()
    (images / "4.tif").write_bytes(whole)
    assert states(job, images)["4"] == "done"
    assert not (job.out / "failed.csv").exists()


def test_the_list_replaces_neither_a_table_nor_a_file_of_the_users(job, images):
    (images / "0.tif").rename(images / "failed.tif")
    (images / "empty.tif").write_bytes(b"")
    done(job, images)
    assert (job.out / "failed.tif.csv").read_text().startswith("label,")
    assert "empty.tif" in (job.out / "failed.csv").read_text()
    (job.out / "failed.csv").write_text("mine")
    done(job, images)
    assert (job.out / "failed.csv").read_text() == "mine"
    assert "empty.tif" in (job.out / "failed_files.csv").read_text()


def test_an_unexpected_error_is_that_files_alone(job, images, monkeypatch, caplog):
    plain = writing.finish

    def broken(image, *arguments):
        if image.shape[-1] != SIDE:
            raise ZeroDivisionError("a fault of ours")
        return plain(image, *arguments)

    monkeypatch.setattr(writing, "finish", broken)
    found = done(job, images)
    assert [stem for stem, result in found.items() if result.state == "failed"] == ["5"]
    assert "ZeroDivisionError: a fault of ours" in found["5"].error
    assert "could not be segmented" in caplog.text


@pytest.mark.parametrize(
    ("error", "says"), [(ZeroDivisionError("ours"), "please report it"), (MemoryError(), "not enough memory")]
)
def test_an_error_in_the_network_is_that_files_alone(job, images, monkeypatch, error, says):
    plain = run.predict_group_steps

    def broken(group, *arguments, **options):
        if group[0].shape[-1] != SIDE:
            raise error
        return (yield from plain(group, *arguments, **options))

    def broken_alone(image, *arguments, **options):
        return (yield from broken([image], *arguments, **options))[0]

    monkeypatch.setattr(run, "predict_group_steps", broken)
    monkeypatch.setattr(lanes_module, "predict_steps", broken_alone)
    found = done(job, images)
    assert [stem for stem, result in found.items() if result.state == "failed"] == ["5"]
    assert says in found["5"].error


def test_a_file_that_changes_while_it_is_read_fails(job, images, monkeypatch):
    plain = reading.read_image

    def slow(path):
        file = plain(path)
        if path.stem == "2":
            path.write_bytes(path.read_bytes() + b"more")
        return file

    monkeypatch.setattr(reading, "read_image", slow)
    found = done(job, images)
    assert [stem for stem, result in found.items() if result.state == "failed"] == ["2"]
    assert "changed while it was read" in found["2"].error


def test_a_disk_with_too_little_room_stops_all_before_anything_is_half_there(job, images, monkeypatch):
    usage = namedtuple("usage", "total used free")
    left = iter([10**9, 10**9])
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: usage(0, 0, next(left, 1000)))
    with pytest.raises(NoRoomError, match=r"too full: .* MB are free\. Make room for 1[67] MB more"):
        done(job, images)
    assert len(list(job.out.glob("*.json"))) == 2
    assert len(list(job.out.iterdir())) == 2 * 3
    monkeypatch.undo()
    assert sorted(states(job, images).values()) == ["done"] * 4 + ["skipped"] * 2


def test_a_disk_that_fills_up_while_it_is_written_stops_all(job, images, monkeypatch):
    def full(*_: object, **__: object) -> None:
        raise NoRoomError("the disk is full")

    monkeypatch.setattr(writing, "write_table", full)
    with pytest.raises(NoRoomError):
        done(job, images)
    assert not job.out.exists() or list(job.out.iterdir()) == []


def test_a_run_that_is_ended_goes_on_where_it_was(job, images):
    steps = batch_steps(job, find_inputs([str(images)], job.out).items)
    for report in steps:
        if isinstance(report, FileResult):
            break
    steps.close()
    assert not (job.out / WORK).exists()
    finished = len(list(job.out.glob("*.json")))
    assert 1 <= finished < 6
    assert len(list(job.out.iterdir())) == 3 * finished
    assert sorted(states(job, images).values()).count("skipped") == finished
    assert len(labels(job)) == 6
    assert threading.active_count() < 20


def test_the_threads_of_the_network_are_shared_among_lanes_and_given_back(job, images, lanes):
    with threads(4):
        done(job, images)
        assert torch.get_num_threads() == 4
    noted = {json.loads(path.read_text())["run"]["threads"] for path in job.out.glob("?.json")}
    assert noted == {4 // lanes}


def test_large_images_are_done_one_at_a_time(job, images, monkeypatch):
    at_work, most = [], []
    plain = lanes_module.segment_loaded

    def watched(job, loaded):
        at_work.append(loaded)
        most.append(len(at_work))
        try:
            return plain(job, loaded)
        finally:
            at_work.remove(loaded)

    monkeypatch.setattr(lanes_module, "segment_loaded", watched)
    monkeypatch.setattr(lanes_module, "LARGE_PX", 100)
    done(job, images)
    assert max(most, default=1) == 1


@pytest.mark.parametrize(
    ("n_threads", "n_items", "n_lanes"), [(1, 100, 1), (2, 100, 2), (16, 100, 4), (2, 7, 1), (2, 8, 2)]
)
def test_lanes_are_as_many_as_threads_and_files_allow(n_threads, n_items, n_lanes):
    with threads(n_threads):
        assert count_lanes(n_items) == n_lanes


def test_two_batches_do_not_write_into_one_folder(job, images):
    items = find_inputs([str(images)], job.out).items
    first = batch_steps(job, items)
    next(first)
    with pytest.raises(ProjectError, match=f"^{re.escape(str(job.out))} is being written to by another batch"):
        drain(batch_steps(job, items))
    first.close()
    assert set(states(job, images).values()) <= {"done", "skipped"}


def test_results_lie_in_folders_as_the_images_do(job, images):
    (images / "plate 1").mkdir()
    (images / "0.tif").rename(images / "plate 1" / "ä.tif")
    items = find_inputs([str(images)], job.out, recursive=True).items
    drain(batch_steps(job, items))
    assert (job.out / "plate 1" / "ä_labels.tif").exists()
    assert (job.out / "1_labels.tif").exists()
    again = drain(batch_steps(job, items))
    assert {result.state for result in again} == {"skipped"}


def test_somebody_elses_json_is_left_alone(job, images):
    job.out.mkdir()
    (job.out / "0.json").write_text("mine")
    found = done(job, images)
    assert [stem for stem, result in found.items() if result.state == "failed"] == ["0"]
    assert "exists already" in found["0"].error
    assert (job.out / "0.json").read_text() == "mine"


def test_labels_that_somebody_drew_beside_the_image_are_never_replaced(job, images):
    mine = images / "0_labels.tif"
    tifffile.imwrite(mine, np.ones((SIDE, SIDE), np.uint16))
    drawn = mine.read_bytes()
    items = find_inputs([str(images / "0.tif")], images).items
    for overwrite in (False, True):
        (result,) = drain(batch_steps(other(job, out=images, overwrite=overwrite), items))
        assert result.state == "failed"
        assert "0_labels.tif exists already and is not known to be a result" in result.error
        assert "--overwrite" not in result.error
        assert mine.read_bytes() == drawn
    assert sorted(path.name for path in images.glob("0*")) == ["0.tif", "0_labels.tif"]


def test_what_earlier_results_left_is_named_until_it_is_replaced(job, images):
    items = find_inputs([str(images / "0.tif")], job.out).items

    def result(angle, *save):
        params = job.params.replace(clustering__angle=angle)
        (done,) = drain(batch_steps(other(job, params=params, save=("labels", *save), overwrite=True), items))
        assert done.state == "done"
        return json.loads((job.out / "0.json").read_text())["result"]

    assert "earlier" not in result(30.0, "overlay")
    for angle in (40.0, 50.0):
        found = result(angle)
        assert (found["earlier"], set(found["files"])) == (["0_overlay.png"], {"labels", "table"})
    assert "earlier" not in result(60.0, "overlay")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission_fails_alone(job, images):
    (images / "0.tif").chmod(0)
    assert [stem for stem, state in states(job, images).items() if state == "failed"] == ["0"]


def test_every_kind_is_written_and_replaced(job, images):
    for path in sorted(images.iterdir())[1:]:
        path.unlink()
    everything = other(job, save=tuple(KINDS))
    outputs = done(everything, images)["0"].outputs
    assert set(outputs) == {*KINDS, "table", "sidecar"}
    assert all(path.exists() for path in outputs.values())
    np.testing.assert_array_equal(read_labels(outputs["zarr"]), read_labels(outputs["labels"]))
    assert done(everything, images)["0"].state == "skipped"
    changed = other(everything, params=job.params.replace(clustering__seed_threshold=0.9), overwrite=True)
    assert done(changed, images)["0"].state == "done"
    np.testing.assert_array_equal(read_labels(outputs["zarr"]), read_labels(outputs["labels"]))
    assert sorted(path.name for path in job.out.iterdir()) == sorted(path.name for path in outputs.values())


def test_the_kinds_that_are_named_are_those_that_can_be_written():
    assert [*KINDS] == [kind for kind in ENDINGS if kind not in ("table", "sidecar")]
    assert {kind: export.ending for kind, export in EXPORTS.items()}.items() < ENDINGS.items()
