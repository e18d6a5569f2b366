"""Clicks and boxes in a real viewer, with the bundled outline network: no maps are needed, mistakes are corrected."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from napari_wnet.core import edits
from napari_wnet.errors import ModelError
from napari_wnet.ui import outliner
from napari_wnet.ui.repair_widget import RepairWidget

TIMEOUT = 60_000
PIECE = (slice(60, 290), slice(360, 590))


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def widget(viewer, nuclei_image, nuclei_labels, qtbot):
    """The Repair dock over a piece of the sample with its true labels, which nobody has made maps of."""
    viewer.add_image(nuclei_image[0][PIECE].copy(), name="nuclei")
    viewer.add_labels(nuclei_labels[PIECE].copy(), name="nuclei labels")
    widget = RepairWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Repair")
    qtbot.waitUntil(lambda: widget.repairer.outliner.ready, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: widget.model.rowCount() > 0, timeout=TIMEOUT)
    widget.tools.choose("add")
    yield widget
    widget.close_down()
    assert widget.repairer.wait(60)


@pytest.fixture
def layer(viewer, widget):
    return viewer.layers["nuclei labels"]


@pytest.fixture
def numbers(layer):
    """Objects that the frame does not cut, the largest first."""
    labels = layer.data
    frame = set(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]).tolist())
    areas = np.bincount(labels.ravel())
    return [int(n) for n in np.argsort(-areas) if n and areas[n] and n not in frame]


def iou(a, b) -> float:
    return (a & b).sum() / (a | b).sum()


def inner(mask) -> tuple[int, int]:
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return int(row), int(column)


def drag(layer, *path, modifiers=()):
    event = SimpleNamespace(type="mouse_press", button=1, modifiers=modifiers, position=layer.data_to_world(path[0]))
    steps = layer.mouse_drag_callbacks[-1](layer, event)
    next(steps, None)
    for place in path[1:]:
        event.type, event.position = "mouse_move", layer.data_to_world(place)
        next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def corners(mask):
    place = np.argwhere(mask)
    return tuple(place.min(axis=0).tolist()), tuple(place.max(axis=0).tolist())


def without(layer, number):
    """Take an object away and return where it was."""
    own = layer.data == number
    layer.data = np.where(own, 0, layer.data)
    return own


def test_a_click_on_a_missed_object_outlines_it_without_maps(widget, layer, numbers):
    widget.tools.choose("")
    assert "go by the image" in widget.status.text()
    widget.tools.choose("add")
    scores = []
    for number in numbers[:8]:
        own = without(layer, number)
        drag(layer, inner(own))
        scores.append(iou(layer.data == layer.data[inner(own)], own))
        layer.undo()
        assert not layer.data[own].any()
    assert np.mean(np.array(scores) > 0.7) >= 0.75


def test_a_box_outlines_what_is_in_it_even_if_it_is_of_another_object(layer, numbers):
    number = numbers[0]
    own = layer.data == number
    near = ndimage.binary_dilation(own, iterations=12) & (layer.data > 0) & ~own
    layer.data = np.where(own, layer.data[near][0] if near.any() else number, layer.data)
    before = layer.data.copy()
    drag(layer, *corners(own))
    assert iou(layer.data == layer.data[inner(own)], own) > 0.8
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_shift_click_makes_an_object_anew(widget, layer, numbers):
    own = layer.data == numbers[0]
    poor = own & (np.arange(own.shape[1]) < np.median(np.nonzero(own)[1]))
    layer.data = np.where(own & ~poor, 0, layer.data)
    drag(layer, inner(poor))
    assert "already" in widget.status.text()
    drag(layer, inner(poor), modifiers=("Shift",))
    made = layer.data == layer.data[inner(poor)]
    assert iou(made, own) > max(0.75, iou(poor, own))


def test_a_control_click_corrects_what_was_just_made_as_one_undo_step(widget, layer, numbers):
    number = numbers[0]
    own = without(layer, number)
    before = layer.data.copy()
    drag(layer, *corners(own))
    made = layer.data == layer.data[inner(own)]
    wrong = tuple(int(i) for i in np.argwhere(made)[len(np.argwhere(made)) // 4])
    drag(layer, wrong, modifiers=("Control",))
    assert "corrected" in widget.status.text()
    after = layer.data == widget.tools._pointing._made.change.objects[0]
    assert (after != made).any()
    assert widget.tools._pointing._made.prompt.less == (wrong,)
    layer.undo()
    np.testing.assert_array_equal(layer.data, before)


def test_a_control_click_outside_says_that_more_belongs_to_it(widget, layer, numbers):
    own = without(layer, numbers[0])
    half = own & (np.arange(own.shape[0])[:, np.newaxis] < np.median(np.nonzero(own)[0]))
    drag(layer, *corners(half))
    lacking = inner(own & ~half & (layer.data == 0))
    drag(layer, lacking, modifiers=("Control",))
    assert widget.tools._pointing._made.prompt.more == (lacking,)


def test_there_has_to_be_something_to_correct(widget, layer, numbers):
    before = layer.data.copy()
    drag(layer, (5, 5), modifiers=("Control",))
    assert "make one first" in widget.status.text()
    own = without(layer, numbers[0])
    drag(layer, inner(own))
    layer.undo()  # somebody took it back
    drag(layer, inner(own), modifiers=("Control",))
    assert "make one first" in widget.status.text()
    np.testing.assert_array_equal(layer.data, np.where(own, 0, before))
    drag(layer, (-9, 5), modifiers=("Control",))
    assert "outside" in widget.status.text()


def test_a_correction_that_leaves_nothing_leaves_all_as_it_was(widget, layer, numbers, monkeypatch):
    own = without(layer, numbers[0])
    drag(layer, inner(own))
    made = layer.data.copy()
    asked = widget.repairer.outliner.outline

    def nothing(image, labels, index, prompt):
        outline = asked(image, labels, index, prompt)
        return edits.Outline(frame=outline.frame, log_odds=outline.log_odds - (99 if prompt.less else 0))

    monkeypatch.setattr(widget.repairer.outliner, "outline", nothing)
    drag(layer, inner(own), modifiers=("Control",))
    np.testing.assert_array_equal(layer.data, made)
    assert "no object here" in widget.status.text()


def test_clicks_split_two_objects_that_were_taken_for_one(widget, layer, numbers):
    truth = layer.data.copy()
    near = {n: np.unique(truth[ndimage.binary_dilation(truth == n, iterations=3)]).tolist() for n in numbers}
    pair = next((n, m) for n, others in near.items() for m in others if m in near and m != n)
    gap = ndimage.binary_closing(np.isin(truth, pair), iterations=3) & (truth == 0)
    layer.data = np.where((truth == pair[1]) | gap, pair[0], truth)
    widget.tools.choose("split")
    drag(layer, inner(truth == pair[0]))
    drag(layer, inner(truth == pair[1]))
    for number in pair:
        assert iou(layer.data == layer.data[inner(truth == number)], truth == number) > 0.7


def test_an_image_of_another_size_is_not_looked_at(viewer, widget, layer, numbers):
    own = without(layer, numbers[0])
    widget.repairer.choose(layer, viewer.add_image(np.zeros((9, 9), np.uint8), name="small"))
    assert widget.repairer.outline(edits.Prompt.click(inner(own), 20.0)) is None
    drag(layer, inner(own))
    assert "Compute maps" in widget.status.text()
    assert not layer.data[own].any()


def test_a_box_far_too_large_is_not_looked_at(widget, layer):
    assert widget.repairer.outline(edits.Prompt.box(((0, 0), (200, 200)))) is not None
    assert widget.repairer.outline(edits.Prompt.box(((0, 0), (200, 60_000)))) is None


def test_without_the_network_the_dock_says_why_and_works_on(viewer, nuclei_image, nuclei_labels, monkeypatch, qtbot):
    def broken():
        raise ModelError("The outline network is gone.")
        yield

    monkeypatch.setattr(outliner, "_load_steps", broken)
    viewer.add_image(nuclei_image[0][PIECE].copy(), name="nuclei")
    labels = viewer.add_labels(nuclei_labels[PIECE].copy(), name="nuclei labels")
    widget = RepairWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Repair")
    qtbot.waitUntil(lambda: "is gone" in widget.status.text(), timeout=TIMEOUT)
    widget.tools.choose("add")
    number = int(labels.data.max())
    own = labels.data == number
    drag(labels, *corners(own))
    assert iou(labels.data == labels.data[inner(own)], own) > 0.5
    assert "Ctrl-click" not in widget.status.text()
    widget.close_down()
    assert widget.repairer.wait(60)


def test_the_image_that_is_looked_at_is_the_plane_that_is_seen(viewer, nuclei_image, nuclei_labels, qtbot):
    piece, truth = nuclei_image[0][PIECE], nuclei_labels[PIECE]
    viewer.add_image(np.stack([np.zeros_like(piece), piece]), name="stack")
    labels = viewer.add_labels(np.zeros((2, *truth.shape), np.int32), name="stack labels")
    widget = RepairWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Repair")
    qtbot.waitUntil(lambda: widget.repairer.outliner.ready, timeout=TIMEOUT)
    widget.tools.choose("add")
    viewer.dims.set_point(0, 1)
    number = int(np.bincount(truth.ravel())[1:].argmax()) + 1
    start, end = corners(truth == number)
    drag(labels, (1, *start), (1, *end))
    assert not labels.data[0].any()
    assert iou(labels.data[1] > 0, truth == number) > 0.8
    widget.close_down()
    assert widget.repairer.wait(60)
