"""A run that stops anywhere goes on where it stopped and ends with the same files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from napari_wnet.errors import ImageError, OutputError, ProjectError
from napari_wnet.network.wnet import WNet
from napari_wnet.params import WNetConfig
from napari_wnet.slide import assemble, run, store
from napari_wnet.slide.run import segment_zarr, segment_zarr_steps
from slide_scenes import PARAMS, cell_maps, give_maps, labels_in, tiny_model

SCENE = {"seed": 5, "size": 190, "spacing": 14, "gone": 0.3, "noise": 0.2, "foreground": True}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_model(tmp_path_factory.mktemp("model"), WNet(WNetConfig(widths=(4, 8), stem=1)).eval())


@pytest.fixture(autouse=True)
def small_levels(monkeypatch):
    monkeypatch.setattr(assemble, "SMALLEST_LEVEL", 128)


@pytest.fixture
def image(tmp_path, monkeypatch):
    """Return the path of a slide whose maps are hand-made."""
    path = tmp_path / "in" / "image.npy"
    path.parent.mkdir()
    np.save(path, give_maps(monkeypatch, cell_maps(SCENE)))
    return path


def steps(image, folder, model, params=PARAMS, **options):
    return segment_zarr_steps(image, folder / "a_labels.ome.zarr", model, params, block=64, device="cpu", **options)


def finish(going):
    reports = []
    while True:
        try:
            reports.append(next(going))
        except StopIteration as stop:
            return stop.value, reports


def everything(folder):
    """Return what a run leaves: labels of all levels, and the text of the table and the sidecar."""
    levels = [labels_in(folder / "a_labels.ome.zarr", level).tobytes() for level in range(2)]
    return levels, (folder / "a.csv").read_text(), json.loads((folder / "a.json").read_text())["result"]


def test_stopped_at_every_block_a_run_ends_with_the_same_files(tmp_path, image, model):
    _, reports = finish(steps(image, tmp_path / "whole", model))
    wanted = everything(tmp_path / "whole")
    assert len(reports) > 30
    folder = tmp_path / "stopped"
    for _ in range(2 * len(reports)):
        going = steps(image, folder, model)
        try:
            for _ in range(2):  # the first report says only how far it had come
                next(going)
        except StopIteration:
            break
        going.close()
    else:
        pytest.fail("it does not get on")
    assert everything(folder) == wanted
    assert sorted(path.name for path in folder.iterdir()) == ["a.csv", "a.json", "a_labels.ome.zarr"]


@pytest.mark.parametrize("stage", ["maps", "parts", "plan", "objects", "ranks", "labels", "levels", "complete"])
def test_a_crash_between_writing_and_marking_costs_no_more_than_that_block(tmp_path, image, model, monkeypatch, stage):
    finish(steps(image, tmp_path / "whole", model))
    real = store.Work.save

    def crash(work, where, name, arrays, **options):
        if where == stage and name in ("000000", "all", "000002"):
            raise KeyboardInterrupt
        real(work, where, name, arrays, **options)

    with monkeypatch.context() as patch:
        patch.setattr(store.Work, "save", crash)
        with pytest.raises(KeyboardInterrupt):
            finish(steps(image, tmp_path / "out", model))
    finish(steps(image, tmp_path / "out", model))
    assert everything(tmp_path / "out") == everything(tmp_path / "whole")


def test_a_crash_while_results_are_put_in_their_places_is_mended(tmp_path, image, model, monkeypatch):
    finish(steps(image, tmp_path / "whole", model))
    for name in ("labels_sha256", "write_table", "write_sidecar"):
        folder = tmp_path / name
        with monkeypatch.context() as patch:
            patch.setattr(run, name, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                finish(steps(image, folder, model))
        finish(steps(image, folder, model))
        assert everything(folder) == everything(tmp_path / "whole")
        assert not (folder / ".a.partial").exists()


def interrupted(image, folder, model, **options):
    going = steps(image, folder, model, **options)
    for _ in range(12):
        next(going)
    going.close()


def test_another_run_is_refused_and_says_what_differs(tmp_path, image, model):
    interrupted(image, tmp_path, model)
    with pytest.raises(OutputError, match=r"differs in: params\.clustering\.angle\."):
        finish(steps(image, tmp_path, model, PARAMS.replace(clustering__angle=30.0)))
    (tmp_path / "other").mkdir()
    other = tiny_model(tmp_path / "other", WNet(WNetConfig(widths=(4, 8), stem=1)).eval())
    with pytest.raises(OutputError, match="differs in: model"):
        finish(steps(image, tmp_path, other))
    result, _ = finish(steps(image, tmp_path, model, PARAMS.replace(clustering__angle=30.0), overwrite=True))
    assert result.n_objects > 0


def test_a_file_that_has_changed_is_begun_anew(tmp_path, model):
    array = np.random.default_rng(0).integers(0, 255, (150, 140)).astype(np.uint8)
    image = tmp_path / "image.npy"
    np.save(image, array)
    interrupted(image, tmp_path / "one", model)
    np.save(image, np.roll(array, 30))
    finish(steps(image, tmp_path / "one", model))
    finish(steps(image, tmp_path / "two", model))
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


def test_an_array_that_has_changed_is_refused(tmp_path, image, model):
    array = np.load(image)
    interrupted(array, tmp_path, model)
    with pytest.raises(OutputError, match="of another image"):
        finish(steps(np.roll(array, 3), tmp_path, model))
    result, _ = finish(steps(array, tmp_path, model))
    assert result.n_objects > 0


def test_an_array_that_has_changed_is_begun_anew_by_who_may_replace(tmp_path, image, model):
    array, other = np.load(image), np.roll(np.load(image), 30)
    interrupted(array, tmp_path / "one", model)
    finish(steps(other, tmp_path / "one", model, overwrite=True))
    finish(steps(other, tmp_path / "two", model))
    assert everything(tmp_path / "one") == everything(tmp_path / "two")


@pytest.mark.parametrize("damage", ["truncated", "flipped", "result"])
def test_damaged_temporary_data_is_found_and_the_remedy_named(tmp_path, image, model, damage):
    going = steps(image, tmp_path, model)
    while next(going).what != "objects":
        pass
    going.close()
    work = tmp_path / ".a.partial"
    where = work / "parts" if damage == "result" else work / "arrays.zarr" / "embedding" / "c"
    for file in (path for path in where.rglob("*") if path.is_file()):
        data = bytearray(file.read_bytes())
        if damage == "flipped":
            data[len(data) // 2] ^= 255
        file.write_bytes(data if damage == "flipped" else data[: len(data) // 2])
    with pytest.raises(OutputError, match=r"is damaged .*Delete the folder .*\.a\.partial and run again"):
        finish(steps(image, tmp_path, model))
    shutil.rmtree(work)
    assert finish(steps(image, tmp_path, model))[0].n_objects > 0


def test_results_are_not_replaced_without_being_asked(tmp_path, image, model):
    first = finish(steps(image, tmp_path, model))[0]
    again = finish(steps(image, tmp_path, model))[0]
    assert again.notes == ("Finished before.",)
    assert (again.labels, again.n_objects) == (first.labels, first.n_objects)
    (first.sidecar).unlink()
    with pytest.raises(OutputError, match="exists already"):
        finish(steps(image, tmp_path, model))
    assert finish(steps(image, tmp_path, model, overwrite=True))[0].n_objects > 0


OTHER_RUN = """
import sys
import numpy as np
from napari_wnet.network.checkpoint import read_model
from napari_wnet.slide.run import segment_zarr_steps

steps = segment_zarr_steps(np.load(sys.argv[1]), sys.argv[2], read_model(sys.argv[3]), block=64, device="cpu")
for _ in range(3):
    next(steps)
print("begun", flush=True)
sys.stdin.read()
"""


def test_two_runs_into_one_place_are_noticed_and_the_place_of_one_that_was_killed_is_free(tmp_path, model):
    image = tmp_path / "image.npy"
    np.save(image, np.random.default_rng(0).integers(0, 255, (150, 140)).astype(np.uint8))
    labels = tmp_path / "out" / "{0}_labels.ome.zarr"
    arguments = [sys.executable, "-c", OTHER_RUN, str(image), str(labels), str(model.path)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "begun\n"
        for overwrite in (False, True):
            with pytest.raises(ProjectError, match=rf"process {other.pid} .* makes \{{0\}}_labels.ome.zarr .*--out"):
                segment_zarr(np.load(image), labels, model, block=64, device="cpu", overwrite=overwrite)
        beside = segment_zarr(np.load(image), labels.with_name("b_labels.ome.zarr"), model, block=64, device="cpu")
        assert beside.labels.exists()
        other.kill()
    segment_zarr(np.load(image), labels, model, block=64, device="cpu")
    names = ["b.csv", "b.json", "b_labels.ome.zarr", "{0}.csv", "{0}.json", labels.name]
    assert sorted(path.name for path in labels.parent.iterdir()) == names


def test_too_little_room_on_the_disk_is_said_before_anything_is_written(tmp_path, image, model, monkeypatch):
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(OutputError, match=r"and 1 MB are free: 1 MB are missing"):
        finish(steps(image, tmp_path / "out", model))
    assert not (tmp_path / "out").exists()


def test_numbers_that_are_none_are_refused_and_nothing_is_left(tmp_path, model):
    image = np.ones((100, 90), np.float32)
    image[70, 3] = np.nan
    with pytest.raises(ImageError, match="1 NaN or infinite"):
        segment_zarr(image, tmp_path / "a.ome.zarr", model, PARAMS, block=64)
    assert list(tmp_path.iterdir()) == []
