"""A folder in one call gives what the command gives."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch

from napari_wnet import cli, load_model, segment_folder
from napari_wnet.batch import folder as folder_module
from napari_wnet.batch.inputs import find_inputs
from napari_wnet.batch.job import BatchJob, FileResult
from napari_wnet.batch.run import batch_steps
from napari_wnet.errors import ImageError, ParamsError
from napari_wnet.reports import drain


@pytest.fixture
def images(tmp_path, nuclei_image):
    folder = tmp_path / "images"
    (folder / "more").mkdir(parents=True)
    for number, name in enumerate(("a.tif", "b.tif", "more/c.tif")):
        tifffile.imwrite(folder / name, nuclei_image[0, :96, number * 96 : (number + 1) * 96])
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def test_labels_are_those_of_the_command(images, tmp_path):
    results = segment_folder(images, tmp_path / "python", recursive=True, device="cpu", save=["overlay"])
    assert cli.main(["segment", str(images), "--out", str(tmp_path / "command"), "--recursive", "--device", "cpu"]) == 1
    assert {result.path.name: result.state for result in results} == {
        "a.tif": "done", "b.tif": "done", "broken.png": "failed", "c.tif": "done",
    }  # fmt: skip
    names = sorted(path.relative_to(tmp_path / "python") for path in (tmp_path / "python").rglob("*_labels.tif"))
    assert len(names) == 3
    for name in names:
        own, other = (tifffile.imread(tmp_path / kind / name) for kind in ("python", "command"))
        np.testing.assert_array_equal(own, other)
    assert (tmp_path / "python" / "a_overlay.png").exists()
    assert (tmp_path / "python" / "report.html").exists()
    assert (tmp_path / "python" / "failed.csv").exists()


def test_params_patterns_and_threads_are_passed_on(images, tmp_path, monkeypatch):
    seen = []

    def noted(job, items, *, scheduler):
        seen.append((job, [item.path.name for item in items], scheduler, torch.get_num_threads()))
        return iter(())

    monkeypatch.setattr(folder_module, "batch_steps", noted)
    monkeypatch.setattr(folder_module, "drain", lambda steps: tuple(steps))
    model = load_model("nuclei")
    params = model.header.params.replace(clustering__angle=31.0)
    before = torch.get_num_threads()
    options = {"patterns": ["a*"], "threads": 3, "scheduler": "processes", "report": False}
    assert segment_folder(images, tmp_path / "out", model, params, **options) == ()
    ((job, names, scheduler, threads),) = seen
    assert (job.params, job.model, job.report, names, scheduler) == (params, model, False, ["a.tif"], "processes")
    assert threads == 3
    assert torch.get_num_threads() == before


def test_what_cannot_be_is_refused_with_words(images, tmp_path):
    with pytest.raises(ParamsError, match="nothing called outline"):
        segment_folder(images, tmp_path / "out", save=["outline"])
    with pytest.raises(TypeError, match="recursiv"):
        segment_folder(images, tmp_path / "out", recursiv=True)
    with pytest.raises(ImageError, match="no image to segment"):
        segment_folder(images, tmp_path / "out", patterns=["*.jpg"])


def test_results_of_before_are_in_the_list_of_failures(images, tmp_path):
    model = load_model("nuclei")
    job = BatchJob(model=model, params=model.header.params, out=tmp_path / "out", device="cpu")
    items = find_inputs([str(images)], job.out).items
    first = {result.path.name: result for result in drain(batch_steps(job, items))}
    assert "broken.png" in (job.out / "failed.csv").read_text()
    again = [item for item in items if item.path.name == "broken.png"]
    earlier = [result for result in first.values() if result.state == "done"]
    also = FileResult(path=images / "z.tif", state="failed", error="gone")
    drain(batch_steps(job, again, earlier=[*earlier, also]))
    assert [line.split(",")[0].split("/")[-1] for line in (job.out / "failed.csv").read_text().splitlines()[1:]] == [
        "z.tif", "broken.png",
    ]  # fmt: skip
    tifffile.imwrite(images / "broken.tif", tifffile.imread(images / "a.tif"))
    (images / "broken.tif").rename(images / "broken.png")
    (images / "broken.png").write_bytes(open_png(images / "a.tif"))
    drain(batch_steps(job, again, earlier=earlier))
    assert not (job.out / "failed.csv").exists()


def open_png(path):
    """Return an image as the bytes of a PNG file."""
    import io

    from PIL import Image

    held = io.BytesIO()
    Image.fromarray(tifffile.imread(path)).save(held, "PNG")
    return held.getvalue()


def test_fewer_threads_than_one_are_refused(tmp_path):
    with pytest.raises(ParamsError, match="give 1 or more"):
        segment_folder(tmp_path, tmp_path / "out", threads=-1)
