"""What of a layer is saved: undone edits, parts of slides, and nothing that could not be read again."""

from __future__ import annotations

import json

import dask.array
import numpy as np
import pytest
from napari.components import ViewerModel

from napari_wnet.project import ImageState, LabelsState, load_project
from napari_wnet.ui import archive
from napari_wnet.ui.autosave import Found
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.repairer import Repairer
from napari_wnet.ui.sessions import Job
from napari_wnet.ui.settings import NO_AXIS, SegmentSettings
from napari_wnet.ui.settled import settled

TIMEOUT = 60_000
SHAPE = (48, 40)


@pytest.fixture
def viewer(qapp):
    return ViewerModel()


def closed(repairer, project_folder) -> dict[str, LabelsState]:
    """Close a dock, and return what it has saved, by name."""
    repairer.close()
    assert repairer.wait(60)
    state = load_project(project_folder)
    assert not state.problems
    return {labels.name: labels for image in state.images for labels in image.labels}


def saves(repairer, qtbot) -> None:
    with qtbot.waitSignal(repairer.autosaver.saved, timeout=TIMEOUT):
        repairer.autosaver.save()


@pytest.mark.parametrize(
    ("dtype", "number"), [(np.int32, -3), (np.uint32, 2**31), (np.int64, 2**32 + 5), (np.uint64, 2**63)]
)
def test_numbers_that_cannot_be_kept_leave_out_their_layer_alone(
    viewer, repairer, project_folder, qtbot, dtype, number
):
    viewer.add_image(np.arange(48 * 40, dtype=np.uint16).reshape(SHAPE), name="cells")
    odd = np.ones(SHAPE, dtype)
    odd[:5] = number
    for name, labels in (("odd", odd), ("good", np.ones(SHAPE, np.int64))):
        repairer.choose(viewer.add_labels(labels, name=name))
        repairer.tick([1])
    with qtbot.waitSignal(repairer.autosaver.left_out, timeout=TIMEOUT) as heard:
        repairer.autosaver.save()
    assert "'odd' is not saved" in heard.args[0]
    assert "'good'" not in heard.args[0]
    assert list(closed(repairer, project_folder)) == ["good"]


def test_labels_that_were_mended_are_read_again_with_what_was_settled(viewer, repairer, project_folder):
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="cells")
    labels = np.ones(SHAPE, np.int32)
    labels[:5] = -3
    layer = viewer.add_labels(labels, name="odd")
    repairer.choose(layer)
    layer.data_setitem(np.nonzero(labels < 0), 0)
    layer.data_setitem((np.array([20]), np.array([20])), 4)
    found = closed(repairer, project_folder)["odd"]
    assert (found.labels == layer.data).all()
    assert found.locked[()] == {1, 4}


def test_labels_whose_array_was_replaced_by_another_size_stop_nothing(viewer, repairer, project_folder):
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="cells")
    viewer.add_image(np.zeros((7, 9), np.uint8), name="small")
    layer = viewer.add_labels(np.ones(SHAPE, np.int32), name="replaced")
    repairer.choose(layer)
    layer.data_setitem((np.array([3]), np.array([3])), 0)
    repairer.choose(viewer.add_labels(np.ones(SHAPE, np.int32), name="good"))
    repairer.tick([1])
    layer.data = np.ones((7, 9), np.int32)
    assert "good" in closed(repairer, project_folder)


def test_an_edit_that_was_saved_and_then_undone_is_gone(viewer, repairer, project_folder, qtbot):
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="cells")
    layer = viewer.add_labels(np.ones(SHAPE, np.int32), name="mine")
    repairer.choose(layer)
    layer.data_setitem((np.array([3, 4]), np.array([3, 4])), 2)
    saves(repairer, qtbot)
    assert load_project(project_folder).images[0].labels[0].labels.max() == 2
    layer.undo()
    assert (closed(repairer, project_folder)["mine"].labels == 1).all()


def test_new_data_of_settled_labels_are_saved(viewer, repairer, project_folder, qtbot):
    viewer.add_image(np.zeros(SHAPE, np.uint8), name="cells")
    layer = viewer.add_labels(np.ones(SHAPE, np.int32), name="mine")
    repairer.choose(layer)
    repairer.tick([1])
    saves(repairer, qtbot)
    layer.data = np.full(SHAPE, 5, np.int32)
    assert (closed(repairer, project_folder)["mine"].labels == 5).all()


def test_looking_through_a_stack_is_no_edit(viewer, repairer, qtbot):
    viewer.add_image(np.zeros((3, *SHAPE), np.uint8), name="stack")
    layer = viewer.add_labels(np.ones((3, *SHAPE), np.int32), name="mine")
    repairer.choose(layer)
    repairer.tick([1])
    saves(repairer, qtbot)
    autosaver = repairer.autosaver
    viewer.dims.set_current_step(0, 2)
    assert autosaver._n_edits == autosaver._n_saved
    layer.data_setitem((np.array([2]), np.array([3]), np.array([3])), 7)
    saves(repairer, qtbot)
    viewer.dims.set_current_step(0, 0)
    layer.undo()  # of a plane that is not seen
    assert autosaver._n_edits > autosaver._n_saved


@pytest.mark.parametrize(
    ("shape", "options", "axis"),
    [
        ((300, 400), {"scale": (0.5, 0.25), "translate": (7, 9)}, NO_AXIS),
        ((300, 400), {"scale": (2, 2), "affine": [[1, 0.5, 3], [-0.5, 1, 4], [0, 0, 1]]}, NO_AXIS),
        ((2, 300, 400), {"scale": (1, 0.5, 0.5)}, 0),
        ((300, 400, 3), {"rgb": True}, NO_AXIS),
    ],
)
def test_work_on_a_part_of_an_image_comes_back_over_that_part(
    viewer, repairer, project_folder, qtbot, shape, options, axis
):
    lazy = dask.array.from_array(np.arange(np.prod(shape), dtype=np.uint32).astype(np.uint8).reshape(shape))
    slide = viewer.add_image(lazy, name="slide", **options)
    settings = SegmentSettings(image="slide", model="m", channel_axis=axis)
    part = Job(image=slide, foreground=None, settings=settings, window=(slice(100, 160), slice(200, 290))).read()[0]
    labels = np.zeros(part.shape, np.int32)
    labels[5:10, 5:10] = 1
    made = {"kind": "labels", "source": "slide"}
    layer = viewer.add_labels(labels, name="slide labels", metadata={MARK: made}, **part.placement)
    repairer.choose(layer)
    layer.data_setitem((np.array([50]), np.array([60])), 3)
    assert closed(repairer, project_folder)["slide labels"].corner == (100, 200)
    viewer.layers.remove(layer)
    again = Repairer(viewer)
    with qtbot.waitSignal(again.autosaver.found, timeout=TIMEOUT) as found:
        again.autosaver.look(slide)
    (restored,) = again.autosaver.restore(found.args[0])
    assert (restored.data == layer.data).all()
    for pixel in ((0, 0), (59, 89), (30, 7)):
        np.testing.assert_allclose(restored.data_to_world(pixel), layer.data_to_world(pixel))
    again.choose(restored)
    assert again.image is slide
    again.tick([1])
    assert closed(again, project_folder)["slide labels"].corner == (100, 200)


def test_labels_that_cannot_be_placed_do_not_stop_the_others_and_stay_saved(viewer, repairer, project_folder, qtbot):
    image = viewer.add_image(np.zeros(SHAPE, np.uint8), name="cells")
    for name in ("first", "second"):
        layer = viewer.add_labels(np.full(SHAPE, 1 if name == "first" else 2, np.int32), name=name)
        repairer.choose(layer)
        repairer.tick([1])
    assert len(closed(repairer, project_folder)) == 2
    record = json.loads((project_folder / "project.json").read_text())
    (sha256,) = [one["sha256"] for one in record["images"]]
    small = LabelsState(name="small", labels=np.ones((5, 6), np.int32))  # a part, saved by an earlier version
    whole = LabelsState(name="whole", labels=np.ones(SHAPE, np.int32), done={(): frozenset({1})})
    beyond = LabelsState(name="beyond", labels=np.ones((5, 6), np.int32), corner=(46, 0))
    state = ImageState(name="cells", shape=SHAPE, sha256=sha256, labels=(small, beyond, whole))
    again = Repairer(viewer)
    told = []
    again.autosaver.said.connect(lambda *what: told.append(what))
    (restored,) = again.autosaver.restore(Found(image=image, state=state))
    assert restored.name == "whole"
    assert settled(restored).done(()) == {1}
    assert ["'small'" in text or "'beyond'" in text for text, _, _ in told] == [True, True]
    assert all(popup for _, _, popup in told)
    assert "small" not in viewer.layers
    offered = []
    again.autosaver.found.connect(offered.append)
    again.autosaver._on_looked(Found(image=image, state=state))
    assert not offered  # over and over
    again.close()
    assert again.wait(60)


def test_what_could_not_be_restored_is_saved_further_on(tmp_path, monkeypatch):
    monkeypatch.setenv("NAPARI_WNET_PROJECT", str(tmp_path / "autosave"))
    monkeypatch.setattr(archive, "_ours", set())

    def state(*names):
        labels = tuple(LabelsState(name=name, labels=np.ones((4, 4), np.int32)) for name in names)
        return ImageState(name="cells", shape=(4, 4), sha256="ab", labels=labels)

    first = archive.Archive(print)
    first.save([state("placed", "lost")])
    first.close()
    monkeypatch.setattr(archive, "_ours", set())  # another day
    second = archive.Archive(print)
    assert second.find("ab") is not None
    second.restored("ab", ["lost"])
    second.save([state("new")])
    second.close()
    (image,) = load_project(tmp_path / "autosave").images
    assert [labels.name for labels in image.labels] == ["new", "lost"]
