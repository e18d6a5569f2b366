"""The object diameter in the docks: shown, typed, estimated, recommended."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from napari_wnet import sizing
from napari_wnet.network.checkpoint import read_model, save_model
from napari_wnet.network.header import ModelHeader
from napari_wnet.params import AUTO, SegmentParams, WNetConfig
from napari_wnet.reports import Progress
from napari_wnet.sizing import SizeEstimate
from napari_wnet.ui.as_text import params_flags
from napari_wnet.ui.batch_form import BatchForm
from napari_wnet.ui.batch_settings import BatchSettings, Order
from napari_wnet.ui.diameter_row import DiameterRow
from napari_wnet.ui.resized import with_diameter
from napari_wnet.ui.segment_widget import SegmentWidget
from napari_wnet.ui.size_advice import size_advice
from ui_stand_ins import blobs

TIMEOUT = 20_000
USUAL = SegmentParams().replace(clustering__min_area=25)


def test_the_row_says_what_nothing_means(qtbot) -> None:
    row = DiameterRow()
    qtbot.addWidget(row)
    assert not row.box.isEnabled()
    row.setKnown(24.3)
    assert row.box.isEnabled()
    assert row.box.text() == "as trained (24 px)"
    with qtbot.assertNotEmitted(row.valueChanged):
        row.setValue(31.5)
    assert row.value() == 31.5
    with qtbot.waitSignal(row.valueChanged) as told:
        row.box.setValue(40)
    assert told.args == [40]


def test_the_smallest_object_goes_along_without_drifting() -> None:
    params = USUAL
    for diameter in (*np.arange(24, 4, -0.5), *np.arange(4, 60, 0.7), 0.0):
        params = with_diameter(params, USUAL, float(diameter), 24.0)
    assert params == USUAL
    assert with_diameter(USUAL, USUAL, 48.0, 24.0).clustering.min_area == 100
    own = USUAL.replace(clustering__min_area=7)
    assert with_diameter(own, USUAL, 48.0, 24.0).clustering.min_area == 28


def sized_model(model_file: Path) -> Path:
    """Return a model that says which diameter it knows."""
    model = read_model(model_file)
    path = model_file.with_name("sized.safetensors")
    save_model(path, model.network, dataclasses.replace(model.header, diameter=20.0))
    return path


@pytest.fixture
def dock(make_napari_viewer, oracle, model_file, qtbot):
    viewer = make_napari_viewer()
    viewer.add_image(blobs(), name="cells")
    widget = SegmentWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Segment")
    widget.inputs.model_box.setValue(str(sized_model(model_file)))
    qtbot.waitUntil(lambda: widget.ready and widget.inputs.diameter_row.known == 20, timeout=TIMEOUT)
    yield widget
    widget.segmenter.close()
    assert widget.segmenter.wait(60)


def estimating(found: SizeEstimate):
    def steps(images, model, params, *, device):
        yield Progress(done=0, total=1, what="estimating")
        assert params.normalize.diameter == 0
        assert [image.shape for image in images] == [(1, 64, 96)]
        return found

    return steps


@pytest.mark.parametrize(("found", "shown", "area"), [(80.0, 80.0, 160), (25.0, 0.0, 10), (0.0, 0.0, 10)])
def test_estimate_sets_the_diameter_where_it_matters(dock, qtbot, monkeypatch, found, shown, area) -> None:
    estimate = SizeEstimate(diameter=found, n_objects=9, disagreement=0.03)
    monkeypatch.setattr(sizing, "estimate_steps", estimating(estimate))
    row = dock.inputs.diameter_row
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        row.estimate_button.click()
        assert not dock.run_button.isEnabled()
    assert row.value() == shown
    params = dock.value().params
    assert (params.normalize.diameter, params.clustering.min_area) == (shown, area)
    assert ("Press Run" in dock.status.text()) == bool(shown)
    assert (
        "could not be estimated" in dock.status.text() if not found else f"about {found:.0f} px" in dock.status.text()
    )
    assert dock.run_button.isEnabled()


def test_a_typed_diameter_is_used_reset_and_restored(dock, qtbot) -> None:
    row = dock.inputs.diameter_row
    row.box.setValue(40)
    typed = dock.value()
    assert typed.params.with_diameter(0.0, 20.0) == dock.form.default()
    dock.reset_button.click()
    assert row.value() == 0
    dock.setValue(typed)
    assert row.value() == 40
    assert dock.value() == typed


def test_the_smallest_object_set_by_hand_comes_back_with_the_diameter(dock) -> None:
    row, form = dock.inputs.diameter_row, dock.form
    form.setValue(form.value().replace(clustering__min_area=40))
    row.box.setValue(1)
    assert form.value().clustering.min_area == 0
    form.setValue(form.value().replace(clustering__angle=33.0))
    row.box.setValue(3)
    row.box.setValue(0)
    assert (form.value().clustering.min_area, form.value().clustering.angle) == (40, 33.0)
    row.box.setValue(40)
    form.setValue(form.value().replace(clustering__min_area=100))
    row.box.setValue(0)
    assert form.value().clustering.min_area == 25


def test_estimate_is_asked_as_trained_whatever_was_typed(dock, qtbot, monkeypatch) -> None:
    asked = []

    def steps(images, model, params, *, device):
        yield Progress(done=0, total=1, what="estimating")
        asked.append(params)
        return SizeEstimate(diameter=80.0, n_objects=9, disagreement=0.03)

    monkeypatch.setattr(sizing, "estimate_steps", steps)
    for typed in (120.0, 1.0):
        dock.inputs.diameter_row.box.setValue(typed)
        with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
            dock.inputs.diameter_row.estimate_button.click()
    assert asked == [dock.form.default()] * 2


def test_an_estimate_for_an_image_that_is_not_chosen_any_more_says_so(dock, qtbot, monkeypatch) -> None:
    monkeypatch.setattr(
        sizing, "estimate_steps", estimating(SizeEstimate(diameter=80.0, n_objects=9, disagreement=0.03))
    )
    other = dock._viewer.add_image(blobs(), name="other")
    first = dock.inputs.image()
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.inputs.diameter_row.estimate_button.click()
        dock.setValue(dock.value().replace(image="other" if first is not other else "cells"))
    assert dock.inputs.image() is not first
    assert dock.inputs.diameter_row.value() == 0
    assert "Press Estimate again" in dock.status.text()


def test_a_model_without_a_diameter_has_none_to_set(dock, qtbot, model_file) -> None:
    row = dock.inputs.diameter_row
    assert row.estimate_button.isEnabled()
    dock.inputs.model_box.setValue(str(model_file))
    qtbot.waitUntil(lambda: dock.ready and row.known == 0, timeout=TIMEOUT)
    assert not row.box.isEnabled()
    assert not row.estimate_button.isEnabled()


def test_a_run_recommends_to_set_it(dock, qtbot) -> None:
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.run_button.click()
    assert "trained on 20 px" not in dock.status.text()  # the discs are 10 to 16 px wide
    dock.inputs.image().data = blobs(shape=(64, 96))[:, :] * (np.indices((64, 96)).sum(axis=0) % 9 > 2)
    with qtbot.waitSignal(dock.segmenter.busyChanged, timeout=TIMEOUT, check_params_cb=lambda busy: not busy):
        dock.run_button.click()
    assert "press Estimate" in dock.status.text()


def header(diameter: float) -> ModelHeader:
    return ModelHeader(name="m", config=WNetConfig(), diameter=diameter)


def squares(side: int, count: int) -> np.ndarray:
    labels = np.zeros((count * (side + 4) + 4, side + 8), np.int32)
    for number in range(count):
        labels[4 + number * (side + 4) :][:side, 4 : 4 + side] = number + 1
    return labels


def test_advice_is_given_where_objects_are_of_another_size() -> None:
    plain = SegmentParams()
    small = size_advice([squares(6, 4)], plain, header(16.0))
    assert "about 7 px wide; the model was trained on 16 px" in small
    assert "press Estimate" in small
    assert "68 px" in size_advice([squares(60, 4)], plain, header(16.0))
    assert size_advice([squares(14, 4)], plain, header(16.0)) == ""
    assert size_advice([squares(6, 2)], plain, header(16.0)) == ""
    assert size_advice([squares(6, 4)], plain.replace(normalize__diameter=7.0), header(16.0)) == ""
    assert size_advice([squares(6, 4)], plain, header(0.0)) == ""


def test_a_copied_command_gives_the_smallest_object_with_the_diameter() -> None:
    kept = USUAL.replace(normalize__diameter=48.0)
    assert params_flags(kept, USUAL) == ["--diameter", "48.0", "--min-area", "25"]
    assert params_flags(USUAL.replace(normalize__diameter=AUTO), USUAL) == ["--diameter", "auto"]


def test_the_batch_dock_can_have_it_estimated_for_each_image(qtbot) -> None:
    form = BatchForm()
    qtbot.addWidget(form)
    form.setValue(BatchSettings(folder="a", out="b", sized=True))
    assert form.value().sized
    order = Order(settings=form.value())
    assert order.used(USUAL).normalize.diameter == AUTO
    set_here = USUAL.with_diameter(8.0, 24.0)
    used = Order(settings=form.value(), params=set_here, recommended=USUAL, known=24.0).used(USUAL)
    assert used == USUAL.replace(normalize__diameter=AUTO)
    own = set_here.replace(clustering__min_area=10)
    used = Order(settings=form.value(), params=own, recommended=USUAL, known=24.0).used(USUAL)
    assert used == USUAL.replace(normalize__diameter=AUTO, clustering__min_area=90)
    assert Order(settings=BatchSettings(), params=set_here).used(USUAL) == set_here
