"""The Repair dock in a real viewer: clicks and keys mend labels, one undo step each, and what is settled stays."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_wnet.core.doubt import doubts
from napari_wnet.core.edits import merge
from napari_wnet.ui.outliner import Outliner
from napari_wnet.ui.repair_widget import RepairWidget
from napari_wnet.ui.work import Models, Ranked
from ui_stand_ins import blobs, save_random_model

TIMEOUT = 20_000


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def repair(viewer, monkeypatch, qtbot):
    """The dock while the outline network is not there: the maps decide; see test_pointing.py for the other case."""
    monkeypatch.setattr(Outliner, "load", lambda self: None)
    widget = RepairWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Repair")
    yield widget
    widget.close_down()
    assert widget.repairer.wait(60)


@pytest.fixture
def labels(viewer, segment, repair, qtbot):
    """Labels of four discs, segmented in the Segment dock and chosen in the Repair dock."""
    viewer.add_image(blobs(), name="cells")
    segment.run_button.click()
    qtbot.waitUntil(lambda: not segment.segmenter.busy, timeout=TIMEOUT)
    layer = viewer.layers["cells labels"]
    viewer.layers.selection.active = layer
    qtbot.waitUntil(lambda: repair.model.rowCount() == 4, timeout=TIMEOUT)
    return layer


def middle(labels, number) -> tuple[int, int]:
    return tuple(round(place) for place in np.argwhere(labels.data == number).mean(axis=0))


def drag(layer, start, end, *modifiers) -> None:
    """Press, move and release the left button, as napari reports it."""
    event = SimpleNamespace(type="mouse_press", button=1, modifiers=modifiers, position=layer.data_to_world(start))
    callback = layer.mouse_drag_callbacks[-1]
    steps = callback(layer, event)
    next(steps, None)
    if start != end:
        event.type, event.position = "mouse_move", layer.data_to_world(end)
        next(steps, None)
    event.type = "mouse_release"
    next(steps, None)


def click(layer, point, *modifiers) -> None:
    drag(layer, point, point, *modifiers)


def press(layer, key) -> None:
    layer.keymap[next(bound for bound in layer.keymap if str(bound) == key)](layer)


# Tools


def test_the_newest_labels_are_chosen_with_their_image_and_maps(labels, repair):
    assert repair.repairer.labels is labels
    assert repair.repairer.image.name == "cells"
    assert repair.repairer.maps() is not None
    assert not repair.maps_button.isVisibleTo(repair)


def test_delete_and_add_are_one_click_and_one_undo_each(labels, repair):
    before = labels.data.copy()
    point = middle(labels, 3)
    repair.buttons["delete"].click()
    click(labels, point)
    assert 3 not in labels.data
    repair.buttons["add"].click()
    click(labels, point)
    assert ((labels.data > 0) == (before > 0)).all()
    labels.undo()
    assert 3 not in labels.data
    labels.undo()
    assert (labels.data == before).all()
    labels.redo()
    assert 3 not in labels.data


def test_merge_by_two_clicks_or_a_drag_and_split_again(labels, repair):
    before = labels.data.copy()
    a, b = middle(labels, 1), middle(labels, 3)
    repair.buttons["join"].click()
    click(labels, a)
    click(labels, b)
    assert (labels.data[before == 3] == 1).all()
    labels.undo()
    assert (labels.data == before).all()
    drag(labels, a, b)
    assert (labels.data[before == 3] == 1).all()
    repair.buttons["split"].click()
    click(labels, a)
    assert "other part" in repair.status.text()
    click(labels, b)
    assert ((labels.data == 1) == (before == 1)).all()
    assert len(np.unique(labels.data)) == 5
    labels.undo()
    assert (labels.data[before == 3] == 1).all()


def test_shift_click_splits_into_a_third_part(labels, repair):
    plane = np.zeros_like(labels.data)
    plane[10:20, 5:90] = 1
    labels.data = plane
    repair.buttons["split"].click()
    click(labels, (15, 10))
    click(labels, (15, 80))
    assert len(np.unique(labels.data)) == 3
    click(labels, (15, 45), "Shift")
    assert len(np.unique(labels.data)) == 4
    labels.undo()
    assert len(np.unique(labels.data)) == 2  # one step


def test_keys_choose_tools_and_do_things_under_the_pointer(viewer, labels, repair):
    press(labels, "D")
    assert repair.tools.tool == "delete"
    assert repair.buttons["delete"].isChecked()
    press(labels, "Q")
    assert repair.tools.tool == ""
    assert not repair.buttons["delete"].isChecked()
    viewer.cursor.position = labels.data_to_world(middle(labels, 4))
    area = (labels.data == 4).sum()
    press(labels, "G")
    assert (labels.data == 4).sum() > area
    press(labels, "U")
    press(labels, "K")
    assert repair.repairer.settled.done(()) == {4}
    press(labels, "K")
    assert repair.repairer.settled.done(()) == frozenset()
    viewer.cursor.position = (0, 0)
    press(labels, "G")
    assert "no object here" in repair.status.text()


def test_buttons_act_on_the_object_picked_last(labels, repair):
    repair.buttons["grow"].click()
    assert "press G" in repair.status.text()
    repair.tools.picked.emit(2)
    area = (labels.data == 2).sum()
    repair.buttons["grow"].click()
    assert (labels.data == 2).sum() > area


def test_the_wheel_turns_the_angle_as_one_step(labels, repair):
    before = labels.data.copy()
    repair.buttons["turn"].click()
    (callback,) = labels.mouse_wheel_callbacks
    event = SimpleNamespace(position=labels.data_to_world(middle(labels, 4)), delta=(0, -1), handled=False)
    for _ in range(3):
        callback(labels, event)
    assert event.handled
    assert "45 degrees" in repair.status.text()
    labels.undo()
    assert (labels.data == before).all()


def test_the_camera_is_given_back_with_the_tool(viewer, labels, repair):
    repair.tools.choose("turn")
    assert not viewer.scene.camera.mouse_zoom
    repair.tools.choose("join")
    assert viewer.scene.camera.mouse_zoom
    assert not labels.mouse_pan
    repair.tools.choose("")
    assert labels.mouse_pan
    repair.tools.choose("add")
    labels.mode = "paint"  # a brush of napari's
    assert repair.tools.tool == ""
    assert str(labels.mode) == "paint"


@pytest.mark.parametrize("tool", ["split", "join", "delete"])
def test_a_click_beside_everything_says_so_and_changes_nothing(labels, repair, tool):
    before = labels.data.copy()
    repair.tools.choose(tool)
    click(labels, (0, 0))
    assert "no object here" in repair.status.text()
    click(labels, (-5, 900))
    assert "outside" in repair.status.text()
    assert (labels.data == before).all()


# What is settled stays


def test_edited_and_ticked_objects_stay_when_a_slider_moves(labels, repair, segment, qtbot):
    repair.tools.choose("delete")
    click(labels, middle(labels, 4))
    small = int(labels.data[middle(labels, 1)])
    repair.repairer.tick([small])
    kept = labels.data == small
    segment.form.editor("clustering__min_area").parts[0].value = 140
    qtbot.waitUntil(lambda: not segment.segmenter.tuning, timeout=TIMEOUT)
    assert ((labels.data == small) == kept).all()
    assert 0 < len(np.unique(labels.data)) - 1 < 4
    segment.form.editor("clustering__min_area").parts[0].value = 10
    qtbot.waitUntil(lambda: not segment.segmenter.tuning, timeout=TIMEOUT)
    assert len(np.unique(labels.data)) - 1 == 3  # the deleted one does not come back


def test_a_tick_in_the_list_is_the_same_as_by_key(labels, repair):
    index = repair.model.index(2, 0)
    assert repair.model.setData(index, Qt.CheckState.Checked.value, Qt.ItemDataRole.CheckStateRole)
    assert repair.repairer.settled.done(()) == {repair.model.label(2)}
    assert repair.model.data(index, Qt.ItemDataRole.CheckStateRole) == Qt.CheckState.Checked
    assert repair.count.text() == "1 of 4 done"


# The list


def test_the_list_leads_to_objects_and_passes_over_the_done(viewer, labels, repair):
    repair.next_button.click()
    first = repair.model.label(0)
    assert labels.selected_label == first
    np.testing.assert_allclose(viewer.scene.camera.center[-2:], repair.model.place(0))
    repair.repairer.tick([repair.model.label(1)])
    press(labels, "N")
    assert labels.selected_label == repair.model.label(2)
    repair.previous_button.click()
    assert labels.selected_label == first
    repair.previous_button.click()
    assert "no further" in repair.status.text()


def test_the_list_follows_edits_and_undo(labels, repair, qtbot):
    repair.tools.choose("delete")
    click(labels, middle(labels, 2))
    qtbot.waitUntil(lambda: repair.model.rowCount() == 3, timeout=TIMEOUT)
    labels.undo()
    qtbot.waitUntil(lambda: repair.model.rowCount() == 4, timeout=TIMEOUT)


def test_the_measurements_follow_edits(labels, repair, qtbot):
    before = labels.features.set_index("label")["area_px"]
    repair.tools.choose("delete")
    click(labels, middle(labels, 2))
    qtbot.waitUntil(lambda: len(labels.features) == 3, timeout=TIMEOUT)
    assert labels.features.set_index("label")["area_px"].equals(before.drop(2))
    labels.undo()
    qtbot.waitUntil(lambda: len(labels.features) == 4, timeout=TIMEOUT)


# Seeds


def test_seeds_are_edited_live(viewer, labels, repair, qtbot):
    before = labels.data.copy()
    repair.seeds_button.click()
    points = viewer.layers["cells labels seeds"]
    assert len(points.data) == 4
    gone = tuple(np.rint(points.data[3]).astype(int))
    points.remove([3])
    assert labels.data[gone] == 0
    assert (labels.data > 0).sum() == (before > 0).sum() - (before == before[gone]).sum()
    points.add(gone)
    assert labels.data[gone] > 0
    labels.undo()
    labels.undo()
    assert (labels.data == before).all()
    qtbot.waitUntil(lambda: len(points.data) == 4, timeout=TIMEOUT)


def test_seeds_follow_other_edits(viewer, labels, repair, qtbot):
    repair.seeds_button.click()
    points = viewer.layers["cells labels seeds"]
    repair.tools.choose("delete")
    click(labels, middle(labels, 2))
    qtbot.waitUntil(lambda: len(points.data) == 3, timeout=TIMEOUT)
    assert (labels.data[tuple(np.rint(points.data).astype(int).T)] > 0).all()


# Labels from elsewhere


def test_labels_from_a_file_go_by_shape_until_maps_are_computed(viewer, repair, oracle, model_file, qtbot):
    image = blobs()
    viewer.add_image(image, name="cells")
    layer = viewer.add_labels((image > 0).astype(np.int32) * 5, name="mine")
    layer.metadata["napari_wnet"] = {"model": str(model_file)}
    assert repair.repairer.labels is layer
    assert "shapes alone" in repair.status.text()
    assert not repair.buttons["turn"].isEnabled()
    place = np.argwhere(image == 100)
    repair.tools.choose("add")
    click(layer, (0, 0))
    assert "A click needs" in repair.status.text()
    drag(layer, tuple(place.min(axis=0)), tuple(place.max(axis=0)))
    assert (layer.data[image == 100] == 6).mean() > 0.8  # the ellipse
    layer.undo()
    repair.tools.choose("split")
    centres = [tuple(round(place) for place in np.argwhere(image == value).mean(axis=0)) for value in (100, 110)]
    click(layer, centres[0])
    click(layer, centres[1])
    assert layer.data[centres[0]] != layer.data[centres[1]]
    repair.maps_button.click()
    qtbot.waitUntil(lambda: not repair.repairer.busy, timeout=TIMEOUT)
    assert repair.repairer.maps() is not None
    assert repair.buttons["turn"].isEnabled()
    assert oracle.calls == [(1, *image.shape)]


def test_a_stack_is_edited_in_the_plane_that_is_seen(viewer, segment, repair, qtbot):
    viewer.add_image(np.stack([blobs(), blobs()[:, ::-1]]), name="stack")
    segment.run_button.click()
    qtbot.waitUntil(lambda: not segment.segmenter.busy, timeout=TIMEOUT)
    layer = viewer.layers["stack labels"]
    viewer.layers.selection.active = layer
    viewer.dims.set_current_step(0, 1)
    before = layer.data.copy()
    repair.tools.choose("delete")
    place = np.argwhere(layer.data[1] == 2).mean(axis=0)
    click(layer, (1, *np.rint(place).astype(int)))
    assert 2 not in layer.data[1]
    assert (layer.data[0] == before[0]).all()
    assert repair.repairer.settled.edited((1,)) == {2}
    layer.undo()
    assert (layer.data == before).all()
    viewer.dims.ndisplay = 3
    click(layer, (1, 10, 10))
    assert "2D" in repair.status.text()


def test_an_undo_is_promised_for_as_long_as_there_is_one(viewer, segment, repair, labels, qtbot):
    def move_a_slider():
        segment.form.setValue(segment.form.value().replace(clustering__min_area=2))

    repair.tools.choose("delete")
    for number, after in ((1, labels.undo), (2, move_a_slider)):
        click(labels, tuple(np.rint(np.argwhere(labels.data == number).mean(axis=0)).astype(int)))
        assert repair.status.text() == f"Deleted object {number}. Ctrl+Z takes it back."
        qtbot.wait(500)  # the objects are ranked anew meanwhile
        assert repair.status.text().endswith("takes it back.")
        after()
        qtbot.waitUntil(lambda number=number: repair.status.text() == f"Deleted object {number}.", timeout=TIMEOUT)


def test_an_object_is_turned_in_its_own_plane(viewer, segment, repair, qtbot):
    """Numbers begin anew in each plane: the object of that number in another plane is another one."""
    viewer.add_image(np.stack([blobs(), blobs()[::-1, ::-1]]), name="stack")
    segment.run_button.click()
    qtbot.waitUntil(lambda: not segment.segmenter.busy, timeout=TIMEOUT)
    layer = viewer.layers["stack labels"]
    viewer.layers.selection.active = layer
    before = layer.data.copy()
    for plane in (0, 1, 0):
        viewer.dims.set_current_step(0, plane)
        assert repair.repairer.turn(1, repair.repairer.params, -1) is not None
        for index in (0, 1):
            alike = ((layer.data[index] == 1) & (before[index] == 1)).sum() / (before[index] == 1).sum()
            assert alike > 0.8, (plane, index)


def test_closing_the_dock_gives_everything_back(viewer, labels, repair):
    assert labels.mouse_wheel_callbacks
    n_drags = len(labels.mouse_drag_callbacks)
    repair.tools.choose("turn")
    repair.seeds.show()
    repair.close_down()
    assert "cells labels seeds" not in viewer.layers
    assert len(labels.mouse_drag_callbacks) == n_drags - 1
    assert not labels.mouse_wheel_callbacks
    assert viewer.scene.camera.mouse_zoom
    assert not labels.keymap


def test_without_labels_the_dock_says_what_to_do(repair):
    assert "nothing to repair yet" in repair.status.text()
    assert not repair.buttons["delete"].isEnabled()
    repair.next_button.click()
    assert "no further" in repair.status.text()


def test_labels_of_small_integers_do_not_wrap(viewer, repair):
    labels = np.zeros((40, 60), np.uint8)
    labels[5:35, 5:55] = 255
    layer = viewer.add_labels(labels, name="small")
    repair.tools.choose("split")
    click(layer, (20, 10))
    click(layer, (20, 50))
    assert "int32" in repair.status.text()
    assert set(np.unique(layer.data)) == {0, 255}
    assert repair.buttons["split"].isChecked()


@pytest.mark.parametrize(("dtype", "number"), [(np.int32, 2**31 - 1), (np.uint16, 2**16 - 1)])
def test_a_number_that_labels_have_no_room_for_is_refused(viewer, repair, dtype, number):
    labels = np.zeros((40, 60), dtype)
    labels[5:35, 5:55] = number
    layer = viewer.add_labels(labels, name="full")
    repair.tools.choose("split")
    click(layer, (20, 10))
    click(layer, (20, 50))
    assert ("'int64'" if dtype is np.int32 else "'int32'") in repair.status.text()
    assert set(np.unique(layer.data)) == {0, number}


def test_large_numbers_are_merged_and_ranked(viewer, repair, qtbot):
    labels = np.zeros((40, 60), np.int64)
    labels[5:35, 5:30], labels[5:35, 30:55] = 3_000_000_000, 3_000_000_001
    layer = viewer.add_labels(labels, name="far")
    qtbot.waitUntil(lambda: repair.repairer.usual_px == 30, timeout=TIMEOUT)
    assert repair.repairer.edit(lambda plane, _: merge(plane, (3_000_000_000, 3_000_000_001))) is not None
    assert set(np.unique(layer.data)) == {0, 3_000_000_000}


def test_shift_click_takes_nothing_else_back(labels, repair):
    plane = np.zeros_like(labels.data)
    plane[10:20, 5:90], plane[40:50, 5:50] = 1, 2
    labels.data = plane
    repair.buttons["split"].click()
    click(labels, (15, 10))
    click(labels, (15, 80))
    repair.tools.do("grow", 2)
    grown = labels.data.copy()
    click(labels, (15, 45), "Shift")  # the split is not the last edit any more: this begins another
    assert (labels.data == grown).all()
    assert "other part" in repair.status.text()


def test_maps_of_every_plane_that_was_computed_stay(viewer, repair, oracle, model_file, qtbot):
    viewer.add_image(np.stack([blobs(), blobs()[:, ::-1]]), name="stack")
    layer = viewer.add_labels((viewer.layers["stack"].data > 0).astype(np.int32), name="mine")
    layer.metadata["napari_wnet"] = {"model": str(model_file)}
    for plane in (0, 1):
        viewer.dims.set_current_step(0, plane)
        qtbot.waitUntil(lambda: repair.maps_button.isVisibleTo(repair), timeout=TIMEOUT)
        repair.maps_button.click()
        qtbot.waitUntil(lambda: not repair.repairer.busy, timeout=TIMEOUT)
        assert repair.repairer.maps() is not None
    viewer.dims.set_current_step(0, 0)
    assert repair.repairer.maps() is not None
    assert len(oracle.calls) == 2


def test_maps_of_an_image_with_channels_are_made_as_the_model_recommends(
    viewer, repair, oracle, tmp_path, qtbot, monkeypatch
):
    model = save_random_model(tmp_path / "two.safetensors", in_channels=2)
    asked = []
    predict = oracle.predict_steps
    monkeypatch.setattr(
        "napari_wnet.pipeline.predict_steps",
        lambda image, model, params, **options: asked.append(params) or predict(image, model, params, **options),
    )
    viewer.add_image(np.stack([blobs(), blobs() // 2]), name="cells")
    layer = viewer.add_labels((blobs() > 0).astype(np.int32), name="mine")
    layer.metadata["napari_wnet"] = {"model": "two", "settings": {"model": str(model)}}
    repair.maps_button.click()
    qtbot.waitUntil(lambda: not repair.repairer.busy, timeout=TIMEOUT)
    assert repair.repairer.maps() is not None
    assert oracle.calls == [(2, *blobs().shape)]
    assert asked[0].clustering.angle == 40  # not this package's own default


def test_maps_for_labels_of_another_program_come_from_the_model_that_is_chosen(
    viewer, segment, repair, model_file, qtbot, monkeypatch
):
    asked = []
    steps = Models.steps
    monkeypatch.setattr(Models, "steps", lambda self, name: asked.append(name) or steps(self, name))
    viewer.add_image(blobs(), name="cells")
    viewer.add_labels((blobs() > 0).astype(np.int32), name="theirs")
    repair.maps_button.click()
    qtbot.waitUntil(lambda: not repair.repairer.busy, timeout=TIMEOUT)
    assert repair.repairer.maps() is not None
    assert asked == [str(model_file)]


def test_pictures_of_other_models_results_are_not_listed(viewer, labels, repair):
    for kind in ("comparison", "preview"):
        viewer.add_labels(labels.data.copy(), name=kind, metadata={"napari_wnet": {"kind": kind}})
    assert [repair.labels_box.itemText(row) for row in range(repair.labels_box.count())] == ["cells labels"]


def test_a_box_makes_the_object_that_fills_it(viewer, labels, repair):
    before = labels.data.copy()
    place = np.argwhere(before == 3)
    corners = tuple(place.min(axis=0)), tuple(place.max(axis=0))
    repair.buttons["delete"].click()
    click(labels, middle(labels, 3))
    repair.buttons["add"].click()
    assert not labels.mouse_pan
    drag(labels, *corners)
    made = labels.data == labels.data[tuple(np.rint(place.mean(axis=0)).astype(int))]
    shared = (made & (before == 3)).sum() / (made | (before == 3)).sum()
    assert shared > 0.8
    assert "fills the box" in repair.status.text()
    labels.undo()
    assert 3 not in labels.data
    drag(labels, (30, 30), (31, 31))  # a click all the same
    assert "only background" in repair.status.text()


def test_a_box_takes_nothing_from_what_is_done(labels, repair):
    repair.repairer.tick([2])
    before = labels.data.copy()
    place = np.argwhere(before == 2)
    repair.buttons["add"].click()
    drag(labels, tuple(place.min(axis=0)), tuple(place.max(axis=0)))
    assert ((labels.data == 2) == (before == 2)).all()


@pytest.mark.parametrize(("tool", "overlay"), [("add", "selection_box"), ("split", "polygon")])
def test_what_is_dragged_is_seen_until_the_button_is_released(labels, repair, tool, overlay):
    seen = labels._overlays[overlay]
    repair.tools.choose(tool)
    event = SimpleNamespace(type="mouse_press", button=1, modifiers=(), position=(10, 10))
    steps = labels.mouse_drag_callbacks[-1](labels, event)
    next(steps)
    event.type, event.position = "mouse_move", (20, 30)
    next(steps)
    assert seen.visible
    if tool == "add":
        assert seen.bounds == ((10, 10), (21, 31))  # the overlay counts from the corner of the first pixel
    else:
        assert [list(point) for point in seen.points] == [[10, 10], [20, 30]]
    event.type = "mouse_release"
    next(steps, None)
    assert not (seen.visible if tool == "add" else seen.points)


def test_labels_go_with_the_image_they_name_not_with_the_one_that_is_chosen(viewer, repair):
    viewer.add_image(blobs(), name="A")
    viewer.add_image(blobs(), name="B")
    viewer.add_labels((blobs() > 0).astype(np.int32), name="mine", metadata={"napari_wnet": {"source": "A"}})
    assert repair.repairer.image.name == "A"
    assert repair.image_box.layer().name == "A"


def test_maps_belong_to_the_image_they_were_asked_for(viewer, repair, oracle, model_file, qtbot):
    oracle.gate = threading.Event()
    first, second = viewer.add_image(blobs(), name="A"), viewer.add_image(blobs(), name="B")
    made = {"model": str(model_file)}
    for name in "AB":
        viewer.add_labels(
            (blobs() > 0).astype(np.int32), name=f"of {name}", metadata={"napari_wnet": {**made, "source": name}}
        )
    repair.labels_box.setLayer(viewer.layers["of A"])
    repair.maps_button.click()
    repair.labels_box.setLayer(viewer.layers["of B"])
    oracle.gate.set()
    qtbot.waitUntil(lambda: not repair.repairer.busy, timeout=TIMEOUT)
    assert repair.repairer._hub.maps(first, ()) is not None
    assert repair.repairer._hub.maps(second, ()) is None


def test_buttons_act_on_nothing_that_was_picked_elsewhere(viewer, labels, repair):
    repair.tools.picked.emit(2)
    other = viewer.add_labels(labels.data.copy(), name="other")
    viewer.layers.selection.active = other
    before = other.data.copy()
    repair.buttons["grow"].click()
    assert "Click an object first" in repair.status.text()
    assert (other.data == before).all()


def test_a_ranking_of_labels_that_were_left_is_dropped(viewer, labels, repair, qtbot):
    stale = repair.model.rowCount()
    other = viewer.add_labels((labels.data == 1).astype(np.int32), name="other")
    viewer.layers.selection.active = other
    qtbot.waitUntil(lambda: repair.model.rowCount() == 1, timeout=TIMEOUT)
    features = other.features.copy()
    left = Ranked(
        doubts=doubts(labels.data, None), layer=labels, index=(), table={"label": np.arange(1, 5)}, usual_px=9.0
    )
    repair.repairer._on_ranked(left)
    assert repair.model.rowCount() == 1 != stale
    assert other.features.equals(features)


def test_a_box_over_labels_of_small_integers_says_what_to_do(viewer, repair):
    mask = np.zeros((40, 60), np.uint8)
    mask[5:35, 5:30] = 255
    layer = viewer.add_labels(mask, name="small")
    repair.tools.choose("add")
    drag(layer, (5, 35), (34, 55))
    assert "int32" in repair.status.text()
    assert set(np.unique(layer.data)) == {0, 255}
