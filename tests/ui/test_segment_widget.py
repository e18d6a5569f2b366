"""The Segment dock as a user drives it: press, wait, look."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer

from napari_wnet.params import ClusteringParams, SegmentParams
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.segment_widget import SegmentWidget
from napari_wnet.ui.settings import SegmentSettings
from ui_stand_ins import blobs, save_random_model

TIMEOUT = 20_000


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def dock(viewer, oracle, model_file, qtbot):
    """A docked widget with a small model, and a network that is always right."""
    widget = docked(viewer, qtbot, model_file)
    yield widget
    widget.segmenter.close()
    assert widget.segmenter.wait(60)


def docked(viewer, qtbot, model):
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    widget.inputs.model_box.setValue(str(model))
    qtbot.waitUntil(lambda: widget.form.value().clustering.angle == 40, timeout=TIMEOUT)
    return widget


def run(dock, qtbot):
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.run_button.click()


def move(dock, qtbot, field, value):
    """Move a slider and wait for what follows from it."""
    with qtbot.waitSignal(dock.segmenter.said, timeout=TIMEOUT):
        dock.form.editor(f"clustering__{field}").parts[0].value = value
    qtbot.waitUntil(lambda: not dock.segmenter.tuning, timeout=TIMEOUT)


def test_a_result_is_shown_piece_by_piece(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells")
    seen = []
    viewer.layers.events.inserted.connect(lambda: QTimer.singleShot(0, lambda: seen.append(len(viewer.layers))))
    run(dock, qtbot)
    assert seen[:2] == [3, 3]  # the window was free for other things between the maps and the labels
    assert not dock.segmenter.busy


def test_closing_while_a_result_is_shown_adds_no_more(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells")
    viewer.layers.events.inserted.connect(lambda: dock.segmenter.close())
    dock.run_button.click()
    qtbot.waitUntil(lambda: "cells embedding" in viewer.layers, timeout=TIMEOUT)
    qtbot.wait(50)
    assert "cells labels" not in viewer.layers
    assert not dock.segmenter.busy


def test_run_adds_the_layers(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells", scale=(0.5, 0.5), translate=(1, 2), units=("um", "um"))
    run(dock, qtbot)
    assert [layer.name for layer in viewer.layers] == ["cells", "cells distmap", "cells embedding", "cells labels"]
    labels = viewer.layers["cells labels"]
    assert labels.data.max() == 4
    assert (labels.extent.world == viewer.layers["cells"].extent.world).all()
    assert labels.units == viewer.layers["cells"].units
    assert {"index", "area_px", "centroid_y_px", "centroid_x_px", "mean_intensity"} <= set(labels.features)
    assert sorted(labels.features["mean_intensity"]) == [100, 110, 120, 130]
    made = labels.metadata[MARK]
    assert SegmentParams.from_dict(made["params"]) == dock.form.value()
    assert (made["model"], made["source"]) == ("grey", "cells")
    assert "4 objects" in dock.status.text()
    assert dock.inputs.image() is viewer.layers["cells"]
    assert dock.run_button.isEnabled()
    assert not dock.cancel_button.isEnabled()


def test_sliders_cluster_again_without_the_network(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    labels, n_calls = viewer.layers["cells labels"], len(oracle.calls)
    move(dock, qtbot, "min_area", 120)
    assert labels.data.max() == 2
    assert len(labels.features) == 2
    assert labels.metadata[MARK]["params"]["clustering"]["min_area"] == 120
    move(dock, qtbot, "min_area", 10)
    assert labels.data.max() == 4
    move(dock, qtbot, "seed_threshold", 1.0)
    assert labels.data.max() == 0
    assert len(oracle.calls) == n_calls
    assert len(viewer.layers) == 4


@pytest.mark.parametrize("method", ["paper", "authors", "mutex", "meanshift", "hdbscan"])
def test_every_clustering_is_live(viewer, dock, oracle, qtbot, method):
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    labels, n_calls = viewer.layers["cells labels"], len(oracle.calls)
    dock.form.setValue(dock.form.value().replace(clustering__peak_sigma=0.0, clustering__min_cluster_size=20))
    qtbot.waitUntil(lambda: not dock.segmenter.tuning, timeout=TIMEOUT)
    before = labels.data.copy()
    move(dock, qtbot, "method", method)
    assert labels.metadata[MARK]["params"]["clustering"]["method"] == method
    np.testing.assert_array_equal(labels.data, before)
    assert len(oracle.calls) == n_calls


def test_a_clustering_whose_package_is_missing_says_what_to_install(viewer, dock, qtbot, monkeypatch):
    monkeypatch.setitem(sys.modules, "bioimage_cpp", None)
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    before = viewer.layers["cells labels"].data.copy()
    move(dock, qtbot, "method", "mutex")
    assert "napari-wnet[clusterings]" in dock.status.text()
    np.testing.assert_array_equal(viewer.layers["cells labels"].data, before)
    move(dock, qtbot, "method", "angular")
    assert "4 objects" in dock.status.text()


def test_what_needs_the_network_waits_for_run(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    before = viewer.layers["cells labels"].data.copy()
    dock.form.setValue(dock.form.value().replace(normalize__invert=True, clustering__min_area=120))
    assert "Press Run" in dock.status.text()
    assert (viewer.layers["cells labels"].data == before).all()
    run(dock, qtbot)
    assert len(oracle.calls) == 2
    assert viewer.layers["cells labels"].data.max() == 2


def test_a_slider_moved_during_the_run_counts(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    oracle.gate = threading.Event()
    dock.run_button.click()
    dock.form.editor("clustering__min_area").parts[0].value = 120
    oracle.gate.set()
    qtbot.waitUntil(lambda: len(viewer.layers) == 4 and viewer.layers[-1].data.max() == 2, timeout=TIMEOUT)


def test_edited_labels_are_never_overwritten(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    edited = viewer.layers["cells labels"]
    edited.paint((5, 5), 9)
    painted = edited.data == 9
    move(dock, qtbot, "min_area", 120)
    assert (np.unique(edited.data) == [0, 1, 2, 9]).all()  # small ones go, what was painted stays
    assert ((edited.data == 9) == painted).all()
    assert len(viewer.layers) == 4
    kept = edited.data.copy()
    run(dock, qtbot)
    assert "kept" in dock.status.text()
    assert viewer.layers["cells labels [1]"].data.max() == 2
    move(dock, qtbot, "min_area", 10)
    assert viewer.layers["cells labels [1]"].data.max() == 4
    assert (edited.data == kept).all()
    assert len(viewer.layers) == 5


def test_labels_changed_behind_the_history_are_never_overwritten(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    edited = viewer.layers["cells labels"]
    edited.data[:5, :5] = 7
    kept = edited.data.copy()
    move(dock, qtbot, "min_area", 120)
    assert "kept" in dock.status.text()
    assert (edited.data == kept).all()
    assert viewer.layers["cells labels [1]"].data.max() == 2


def test_cancel_leaves_everything_as_it_was(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    oracle.gate = threading.Event()
    dock.run_button.click()
    assert not dock.run_button.isEnabled()
    assert dock.cancel_button.isEnabled()
    qtbot.waitUntil(lambda: dock.progress_bar.maximum() == 3, timeout=TIMEOUT)
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT):
        dock.cancel_button.click()
        oracle.gate.set()
    assert len(viewer.layers) == 1
    assert "Cancelled" in dock.status.text()
    assert oracle.closed == 1
    oracle.gate = None
    run(dock, qtbot)
    assert len(viewer.layers) == 4


def test_errors_reach_the_user_and_the_dock_goes_on(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    for error, words in (
        (RuntimeError("mat1 and mat2"), "RuntimeError"),
        (RuntimeError("CUDA out of memory"), "not enough memory"),
        (MemoryError(), "not enough memory"),
    ):
        oracle.error = error
        notification_manager.records.clear()
        run(dock, qtbot)
        text = dock.status.text()
        assert words in text
        assert text in [record.message for record in notification_manager.records]
        assert len(viewer.layers) == 1
    oracle.error = None
    run(dock, qtbot)
    assert len(viewer.layers) == 4


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # napari drawing NaN
def test_bad_images_get_words_not_tracebacks(viewer, dock, qtbot):
    for data, words in (
        (np.full((20, 20), np.nan), "NaN"),
        (np.zeros((1, 1)), "2 x 2"),
        (np.zeros((20, 20)), "one value"),
        (np.ones((20, 20), bool), "one value"),
    ):
        viewer.add_image(data, name="bad", contrast_limits=(0, 1))
        run(dock, qtbot)
        assert words in dock.status.text()
    viewer.add_image(blobs(), name="good")
    run(dock, qtbot)
    assert viewer.layers["good labels"].data.max() == 4


def test_unusual_number_types_work(viewer, dock, qtbot):
    for dtype in (np.int32, np.float64, np.uint64, bool):
        name = np.dtype(dtype).name
        viewer.add_image(blobs().astype(dtype), name=name)
        run(dock, qtbot)
        assert viewer.layers[f"{name} labels"].data.max() == 4


def test_colour_on_a_grey_model_is_said_before_and_after(viewer, dock, qtbot):
    viewer.add_image(np.stack([blobs()] * 3, axis=-1), name="rgb", rgb=True)
    assert "luminance" in dock.inputs.hint.text()
    run(dock, qtbot)
    assert "luminance" in dock.status.text()
    assert viewer.layers["rgb labels"].data.shape == blobs().shape


def test_channels_are_asked_for_where_needed(viewer, oracle, qtbot, tmp_path):
    model = save_random_model(tmp_path / "two.safetensors", in_channels=2)
    viewer.add_image(blobs(), name="plain")
    dock = docked(viewer, qtbot, model)
    dock.show()
    assert not dock.inputs.axis_box.isVisibleTo(dock)
    stack = np.stack([np.zeros_like(blobs()), blobs(), 2 * blobs()])
    viewer.add_image(stack, name="three")
    assert dock.inputs.axis_box.isVisibleTo(dock)
    dock.setValue(dock.value().replace(channel_axis=0, channels=(2, 1)))
    assert dock.inputs.channel_picker.isVisibleTo(dock)
    assert not dock.inputs.planes_box.isVisibleTo(dock)
    run(dock, qtbot)
    assert oracle.calls == [(2, *blobs().shape)]
    labels = viewer.layers["three labels"]
    assert labels.data.shape == blobs().shape
    assert labels.features["mean_intensity_0"].tolist() == (2 * labels.features["mean_intensity_1"]).tolist()
    dock.inputs.axis_box.setCurrentIndex(0)
    run(dock, qtbot)
    assert "2 channel" in dock.status.text()
    dock.segmenter.close()


def test_a_stack_whole_and_plane_by_plane(viewer, dock, oracle, qtbot):
    stack = np.stack([blobs(2), blobs(3), blobs(4)])
    viewer.add_image(stack, name="stack", scale=(5, 1, 1))
    dock.inputs.planes_box.setCurrentIndex(dock.inputs.planes_box.findData("current"))
    viewer.dims.set_current_step(0, 1)
    run(dock, qtbot)
    labels = viewer.layers["stack labels"]
    assert [int(plane.max()) for plane in labels.data] == [0, 3, 0]
    viewer.dims.set_current_step(0, 2)
    run(dock, qtbot)
    assert [int(plane.max()) for plane in labels.data] == [0, 3, 4]
    assert labels.features["plane"].tolist() == [1, 1, 1, 2, 2, 2, 2]
    dock.inputs.planes_box.setCurrentIndex(dock.inputs.planes_box.findData("all"))
    run(dock, qtbot)
    assert [int(plane.max()) for plane in labels.data] == [2, 3, 4]
    assert len(oracle.calls) == 3
    assert labels.scale.tolist() == [5, 1, 1]
    assert len(labels.features) == 9
    move(dock, qtbot, "min_area", 100)
    assert [int(plane.max()) for plane in labels.data] == [1, 2, 3]
    assert len(labels.features) == 6
    assert len(oracle.calls) == 3


def test_a_foreground_layer_cuts_live(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    mask = np.zeros(blobs().shape, int)
    mask[:, :40] = 1
    mask_layer = viewer.add_labels(mask, name="region")
    run(dock, qtbot)
    labels = viewer.layers["cells labels"]
    assert labels.data[:, 40:].any()
    dock.inputs.foreground_box.setLayer(mask_layer)
    qtbot.waitUntil(lambda: not labels.data[:, 40:].any(), timeout=TIMEOUT)
    assert labels.data.any()
    assert len(oracle.calls) == 1


def test_a_drawn_rectangle_is_a_region_and_painted_labels_are_the_objects(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    rectangle = viewer.add_shapes([[[-1, -1], [-1, 40], [70, 40], [70, -1]]], name="left")
    painted = viewer.add_labels(np.ones(blobs().shape, int), name="painted")
    run(dock, qtbot)
    labels = viewer.layers["cells labels"]
    everywhere = labels.data.copy()
    assert not dock.form.editor("clustering__foreground_use").isEnabled()
    dock.inputs.foreground_box.setLayer(rectangle)
    assert dock.form.editor("clustering__foreground_use").isEnabled()
    assert dock.form.value().clustering.foreground_use == "region"
    qtbot.waitUntil(lambda: not labels.data[:, 42:].any(), timeout=TIMEOUT)
    assert labels.data.any()
    assert ((labels.data > 0) <= (everywhere > 0)).all()
    dock.reset_button.click()
    assert dock.form.value().clustering.foreground_use == "region"
    dock.inputs.foreground_box.setLayer(painted)
    assert dock.form.value().clustering.foreground_use == "objects"
    qtbot.waitUntil(lambda: (labels.data > 0).all(), timeout=TIMEOUT)
    assert len(oracle.calls) == 1


def test_each_image_keeps_its_own_maps(viewer, dock, oracle, qtbot):
    first = viewer.add_image(blobs(4), name="first")
    run(dock, qtbot)
    second = viewer.add_image(blobs(3, (80, 70)), name="second")
    run(dock, qtbot)
    dock.form.editor("clustering__min_area").parts[0].value = 120
    dock.choose_image(first)
    dock.form.editor("clustering__min_area").parts[0].value = 121
    qtbot.waitUntil(lambda: not dock.segmenter.tuning, timeout=TIMEOUT)
    assert viewer.layers["first labels"].data.max() == 2
    assert viewer.layers["first labels"].data.shape == first.data.shape
    assert viewer.layers["second labels"].data.shape == second.data.shape
    assert len(oracle.calls) == 2


def test_a_changed_image_needs_the_network(viewer, dock, qtbot):
    image = viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    image.data = np.roll(image.data, 5, axis=1)
    before = viewer.layers["cells labels"].data.copy()
    dock.form.editor("clustering__min_area").parts[0].value = 120
    assert "Press Run" in dock.status.text()
    assert (viewer.layers["cells labels"].data == before).all()
    run(dock, qtbot)
    assert ((viewer.layers["cells labels"].data > 0) <= (image.data > 0)).all()


def test_layers_may_go_and_change_names_while_running(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    viewer.add_image(blobs(3), name="others")
    run(dock, qtbot)
    for change in ("rename", "labels", "source"):
        oracle.gate = threading.Event()
        dock.form.setValue(dock.form.value().replace(normalize__low=dock.form.value().normalize.low + 1))
        dock.run_button.click()
        if change == "rename":
            viewer.layers["others"].name = "renamed"
        elif change == "labels":
            viewer.layers.remove("others labels")
        else:
            viewer.layers.remove("renamed")
        oracle.gate.set()
        qtbot.waitUntil(lambda: not dock.segmenter.busy, timeout=TIMEOUT)
    assert "removed" in dock.status.text()
    viewer.layers.clear()
    assert dock.inputs.image() is None
    assert "Open an image" in dock.status.text()
    assert not dock.run_button.isEnabled()


def test_labels_deleted_while_tuning_stay_deleted_until_the_next_move(viewer, dock, qtbot):
    viewer.add_image(blobs(), name="cells")
    run(dock, qtbot)
    dock.form.editor("clustering__min_area").parts[0].value = 120
    viewer.layers.remove("cells labels")
    qtbot.waitUntil(lambda: not dock.segmenter.tuning, timeout=TIMEOUT)
    assert "cells labels" not in viewer.layers
    move(dock, qtbot, "min_area", 10)
    assert viewer.layers["cells labels"].data.max() == 4


def test_closing_the_viewer_stops_the_work(make_napari_viewer, oracle, model_file, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(blobs(), name="cells")
    dock = docked(viewer, qtbot, model_file)
    oracle.seconds, oracle.n_tiles = 0.01, 10_000
    dock.run_button.click()
    qtbot.waitUntil(lambda: bool(oracle.calls), timeout=TIMEOUT)
    segmenter = dock.segmenter
    viewer.close()
    qtbot.waitUntil(lambda: oracle.closed == 1, timeout=TIMEOUT)
    assert segmenter is not None


def test_closing_the_dock_stops_the_work(viewer, dock, oracle, qtbot):
    viewer.add_image(blobs(), name="cells")
    oracle.seconds, oracle.n_tiles = 0.01, 10_000
    dock.run_button.click()
    qtbot.waitUntil(lambda: bool(oracle.calls), timeout=TIMEOUT)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: oracle.closed == 1, timeout=TIMEOUT)
    viewer.add_image(blobs(), name="later")


def test_choosers_follow_the_viewer(viewer, dock, qtbot):
    assert dock.inputs.image() is None
    first = viewer.add_image(blobs(), name="first")
    assert dock.inputs.image() is first
    second = viewer.add_image(blobs(), name="second")
    assert dock.inputs.image() is second
    viewer.layers.selection.active = first
    assert dock.inputs.image() is first
    labels = viewer.add_labels(np.zeros((64, 96), int), name="region")
    assert dock.inputs.image() is first
    assert dock.inputs.image_box.findText("region") < 0
    dock.inputs.foreground_box.setLayer(labels)
    first.name = "renamed"
    assert dock.inputs.image() is first
    assert dock.inputs.image_box.currentText() == "renamed"
    viewer.layers.remove(first)
    viewer.layers.remove(labels)
    assert dock.inputs.image() is second
    assert dock.inputs.foreground() is None


def test_the_model_brings_its_recommended_values(viewer, dock, qtbot, tmp_path):
    assert dock.form.value() == SegmentParams(clustering=ClusteringParams(angle=40.0, min_area=10))
    dock.form.setValue(SegmentParams())
    dock.reset_button.click()
    assert dock.form.value().clustering.angle == 40
    wrong = tmp_path / "damaged.safetensors"
    wrong.write_bytes(b"nonsense")
    with qtbot.waitSignal(dock.segmenter.said, timeout=TIMEOUT) as said:
        dock.inputs.model_box.setValue(str(wrong))
    assert said.args[1] == "error"
    assert "damaged" in dock.status.text()


def test_settings_come_back(viewer, dock, qtbot, rgb_model_file):
    viewer.add_image(np.stack([blobs()] * 3), name="stack")
    viewer.add_labels(np.zeros((64, 96), int), name="region")
    settings = SegmentSettings(
        image="stack",
        foreground="region",
        planes="current",
        model=str(rgb_model_file),
        device="cpu",
        params=SegmentParams(clustering=ClusteringParams(angle=12.5)),
    )
    dock.setValue(settings)
    qtbot.waitUntil(lambda: "channel" in "".join(dock.inputs.channel_names), timeout=TIMEOUT)
    qtbot.waitUntil(lambda: len(dock.inputs.channel_names) == 3, timeout=TIMEOUT)
    assert dock.value() == settings.replace(channel_axis=0, channels=(0, 1, 2))
    assert SegmentSettings.from_dict(dock.value().to_dict()) == dock.value()


def test_run_with_nothing_open_says_what_to_do(viewer, dock):
    dock.run()
    assert "Open an image" in dock.status.text()


def test_choosing_a_layer_that_is_no_image_is_said(viewer, dock, qtbot):
    image = viewer.add_image(blobs(), name="cells")
    labels = viewer.add_labels(np.zeros((64, 96), int), name="region")
    dock.choose_image(labels)
    assert "region" in dock.status.text()
    assert "image layer" in dock.status.text()
    dock.choose_image(image)
    run(dock, qtbot)
    other = viewer.add_image(blobs(), name="other")
    assert dock.inputs.image() is other
    dock.choose_image(viewer.layers["cells labels"])
    assert dock.inputs.image() is image


def test_run_before_the_model_is_known_waits_for_it(viewer, oracle, model_file, qtbot):
    viewer.add_image(blobs(), name="cells")
    dock = SegmentWidget(viewer)
    viewer.window.add_dock_widget(dock)
    dock.inputs.model_box.setValue(str(model_file))
    dock.run()
    qtbot.waitUntil(lambda: "cells labels" in viewer.layers, timeout=TIMEOUT)
    qtbot.waitUntil(lambda: not dock.segmenter.busy, timeout=TIMEOUT)
    assert viewer.layers["cells labels"].metadata[MARK]["params"]["clustering"]["angle"] == 40
    dock.segmenter.close()


def test_the_bundled_model_finds_the_nuclei(viewer, nuclei_image, nuclei_labels, qtbot):
    part = np.s_[:256, :256]
    viewer.add_image(np.array(nuclei_image[0][part]), name="nuclei")
    dock = SegmentWidget(viewer)
    viewer.window.add_dock_widget(dock)
    qtbot.waitUntil(lambda: dock.ready, timeout=3 * TIMEOUT)
    assert dock.value().model == "nuclei"
    run(dock, qtbot)
    labels, true = viewer.layers["nuclei labels"], nuclei_labels[part]
    n_true = len(np.unique(true)) - 1
    assert abs(len(labels.features) - n_true) <= 0.3 * n_true
    overlap = 2 * ((labels.data > 0) & (true > 0)).sum() / ((labels.data > 0).sum() + (true > 0).sum())
    assert overlap > 0.8
    move(dock, qtbot, "min_area", 200)
    assert len(labels.features) > 0
    assert labels.features["area_px"].min() >= 200
    dock.segmenter.close()
    assert dock.segmenter.wait(60)


def test_run_waits_until_the_models_are_listed(viewer, oracle, monkeypatch, qtbot):
    viewer.add_image(blobs(), name="cells")
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    assert not widget.inputs.model_box.value()
    widget.run()
    qtbot.waitUntil(lambda: "cells labels" in viewer.layers and not widget.segmenter.busy, timeout=TIMEOUT)
    assert "4 objects" in widget.status.text()
    widget.close_down()
    assert widget.segmenter.wait(60)
