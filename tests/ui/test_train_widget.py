"""The Fine-tune dock: from open layers to an adopted model, with every way a training can end."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtGui import QGuiApplication

from napari_wnet.core.holdout import ImageSplit, Rectangle
from napari_wnet.errors import ChannelsError, DeviceError
from napari_wnet.fine_tune.compare import Comparison, HeldOutPiece
from napari_wnet.fine_tune.files import read_pairs_steps
from napari_wnet.fine_tune.interrupted import save_request
from napari_wnet.fine_tune.worker import FineTuneOutcome, fine_tune_to_file
from napari_wnet.lock import FolderLock
from napari_wnet.network.checkpoint import read_header
from napari_wnet.network.registry import load_model
from napari_wnet.project.training import REQUEST
from napari_wnet.reports import EpochReport, Progress, drain
from napari_wnet.train_params import FINE_TUNE
from napari_wnet.ui import course
from napari_wnet.ui import trainer as trainer_module
from napari_wnet.ui.archive import training_folder
from napari_wnet.ui.segment_widget import SegmentWidget
from napari_wnet.ui.segmenter import Segmenter
from napari_wnet.ui.settled import settled
from napari_wnet.ui.train_widget import TrainWidget
from ui_stand_ins import blobs, save_random_model

TIMEOUT = 30_000


class Training:
    """Stands in for the other process: a training whose reports and end a test chooses."""

    def __init__(self) -> None:
        self.requests = []
        self.better = True
        self.error: Exception | None = None
        self.held = False
        self.stopped = self.closed = False

    def in_process(self, function, request, *, threads):
        assert function is fine_tune_to_file
        assert threads >= 1
        self.requests.append(request)
        return self._steps(request)

    def _steps(self, request):
        try:
            yield Progress(done=0, total=0, what="reading the model")
            for step in (5, 10, 15):
                scores = {"symmetric_best_dice": 0.5 + step / 100, "average_precision_0.5": 0.4 + step / 100}
                yield EpochReport(
                    step=step,
                    steps=15,
                    losses={"total": 1 / step},
                    learning_rate=1e-3,
                    seconds_left=70,
                    validation=scores if step > 5 else None,
                    best_step=10 if step > 5 else None,
                    previews=(("cells", np.full((32, 16), step, np.int32)),) if step > 5 else (),
                )
            while self.held:
                yield None
            if self.error is not None:
                raise self.error
        except KeyboardInterrupt:
            self.stopped = True
        except GeneratorExit:
            self.closed = True
            raise
        save_random_model(request.out)
        name = request.pairs[0].name if request.pairs else "none"
        held = Rectangle(top=0, left=64, bottom=64, right=96)
        scores = {name: 0.5 for name in ("symmetric_best_dice", "average_precision_0.5", "average_precision_0.75")}
        current = {**scores, "n_predicted": 3.0, "n_true": 2.0}
        new = {**current, "symmetric_best_dice": 0.8 if self.better else 0.2}
        labels = np.ones((64, 32), np.int32)
        piece = HeldOutPiece(name=name, rectangle=held, true=labels, known=None, current=labels, new=2 * labels)
        return FineTuneOutcome(
            path=request.out,
            base=request.base,
            comparison=Comparison(pieces=(piece,), current=current, new=new),
            splits={name: ImageSplit(train=None, held_out=held)},
            step=10,
            steps_done=15,
            seconds=1.0,
        )


@pytest.fixture
def viewer(make_napari_viewer):
    return make_napari_viewer()


@pytest.fixture
def training(monkeypatch):
    training = Training()
    monkeypatch.setattr(trainer_module, "in_process", training.in_process)
    return training


@pytest.fixture(autouse=True)
def models(monkeypatch, tmp_path):
    monkeypatch.setenv("NAPARI_WNET_USER_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def dock(viewer, qtbot, training, monkeypatch):
    monkeypatch.setattr(course, "PREVIEW_EVERY_S", 0.0)
    widget = TrainWidget(viewer)
    monkeypatch.setattr(widget.verdict, "may_go", lambda: True)
    viewer.window.add_dock_widget(widget, name="Fine-tune")
    qtbot.waitUntil(lambda: widget.base_box.value() == "nuclei", timeout=TIMEOUT)
    yield widget
    widget.close_down()
    assert widget.trainer.wait(60)


@pytest.fixture
def pair(viewer):
    image = blobs(6)
    truth = np.zeros(image.shape, np.int32)
    for number, value in enumerate(np.unique(image)[1:], start=1):
        truth[image == value] = number
    return viewer.add_image(image, name="cells"), viewer.add_labels(truth, name="truth")


def finished(dock, qtbot) -> None:
    qtbot.waitUntil(lambda: not dock.trainer.busy, timeout=TIMEOUT)


def test_a_better_model_is_adopted_and_chosen_everywhere(viewer, dock, pair, training, models, oracle, qtbot):
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    dock.start_button.click()
    assert not dock.start_button.isEnabled()
    assert dock.stop_button.isEnabled()
    held_out = viewer.layers["cells held out (never trains)"]
    assert len(held_out.data) == 1
    finished(dock, qtbot)
    assert dock.plot.points("loss")[0] == [5, 10, 15]
    assert dock.plot.points("symmetric_best_dice") == ([10, 15], [0.6, 0.65])
    assert "better" in dock.verdict.headline.text()
    assert "0.800" in dock.verdict.cells["symmetric_best_dice", "new"].text()
    dock.verdict.name_edit.setText("my cells")
    dock.verdict.adopt_button.click()
    qtbot.waitUntil(lambda: dock.base_box.value() == "my cells", timeout=TIMEOUT)
    assert read_header(models / "my cells.safetensors").name == "my cells"
    assert load_model("my cells").path == models / "my cells.safetensors"
    assert segment.inputs.model_box.value() == "my cells"
    assert "cells held out (never trains)" not in viewer.layers
    assert not training.requests[0].out.parent.exists()  # the temporary folder is gone
    segment.segmenter.close()
    assert segment.segmenter.wait(60)


def test_docks_of_other_viewers_hear_of_an_adopted_model(dock, pair, training, models, qtbot):
    other, heard = Segmenter(ViewerModel()), []
    other.modelsChanged.connect(heard.append)
    dock.start_button.click()
    finished(dock, qtbot)
    dock.verdict.name_edit.setText("my cells")
    dock.verdict.adopt_button.click()
    qtbot.waitUntil(lambda: dock.base_box.value() == "my cells", timeout=TIMEOUT)
    assert "my cells" in dict(heard[-1].models)
    other.close()
    assert other.wait(60)


def test_a_worse_model_is_adopted_only_when_confirmed(dock, pair, training, models, qtbot, monkeypatch):
    training.better = False
    dock.start_button.click()
    finished(dock, qtbot)
    assert "NOT better" in dock.verdict.headline.text()
    asked = []
    monkeypatch.setattr(dock.verdict, "_confirmed", lambda: bool(asked.append(1)))
    dock.verdict.adopt_button.click()
    assert asked
    assert not models.exists()
    dock.verdict.discard_button.click()
    assert dock.trainer.outcome is None
    assert not training.requests[0].out.parent.exists()
    assert dock.verdict.isHidden()


def test_the_two_models_are_shown_in_turn_and_leave_no_trace(viewer, dock, pair, qtbot):
    dock.start_button.click()
    finished(dock, qtbot)
    before = [layer.name for layer in viewer.layers]
    dock.verdict.show_button.click()
    new, current = viewer.layers["cells held out: new"], viewer.layers["cells held out: current"]
    assert (new.visible, current.visible) == (True, False)
    assert not pair[1].visible  # it would hide the difference
    np.testing.assert_allclose(new.translate, (0, 64))
    viewer.keymap[next(key for key in viewer.keymap if str(key) == "Y")](viewer)
    assert (new.visible, current.visible) == (False, True)
    dock.verdict.clear_layers()
    assert [layer.name for layer in viewer.layers] == before
    assert pair[1].visible


def test_stop_keeps_the_best_and_cancel_keeps_nothing(dock, pair, training, qtbot):
    training.held = True
    dock.start_button.click()
    qtbot.waitUntil(lambda: "Step 15" in dock.status.text(), timeout=TIMEOUT)
    dock.stop_button.click()
    finished(dock, qtbot)
    assert training.stopped
    assert dock.trainer.outcome is not None
    dock.start_button.click()
    qtbot.waitUntil(lambda: len(training.requests) == 2 and "Step 15" in dock.status.text(), timeout=TIMEOUT)
    dock.cancel_button.click()
    finished(dock, qtbot)
    assert training.closed
    assert dock.trainer.outcome is None
    assert "nothing is kept" in dock.status.text()
    assert [layer.name for layer in dock._viewer.layers] == ["cells", "truth"]
    assert not training.requests[1].out.parent.exists()


def test_a_failed_training_says_why_and_the_dock_goes_on(dock, pair, training, qtbot):
    training.error = DeviceError("There was not enough memory; set a smaller batch.")
    dock.start_button.click()
    finished(dock, qtbot)
    assert "smaller batch" in dock.status.text()
    assert [layer.name for layer in dock._viewer.layers] == ["cells", "truth"]
    training.error = None
    dock.start_button.click()
    finished(dock, qtbot)
    assert dock.trainer.outcome is not None


def test_only_one_training_at_a_time(viewer, dock, pair, training, qtbot):
    training.held = True
    dock.start_button.click()
    other = TrainWidget(viewer)
    viewer.window.add_dock_widget(other, name="Another")
    other.start()
    assert "going on already" in other.status.text()
    assert sum("never trains" in layer.name for layer in viewer.layers) == 1  # those of the first
    dock.cancel_button.click()
    finished(dock, qtbot)
    other.close_down()
    assert other.trainer.wait(60)


def test_it_learns_from_a_snapshot(dock, pair, training, qtbot):
    training.held = True
    dock.start_button.click()
    before = training.requests[0].pairs[0].labels.copy()
    pair[1].data[:] = 0
    assert (training.requests[0].pairs[0].labels == before).all()
    dock.cancel_button.click()
    finished(dock, qtbot)


def test_what_is_held_out_is_shown_as_it_learns(viewer, dock, pair, training, qtbot):
    training.held = True
    dock.start_button.click()
    qtbot.waitUntil(lambda: "Step 15" in dock.status.text(), timeout=TIMEOUT)
    rectangle, preview = viewer.layers["cells held out (never trains)"], viewer.layers["cells held out, as it learns"]
    qtbot.waitUntil(lambda: bool((preview.data == 15).all()), timeout=TIMEOUT)
    np.testing.assert_allclose(preview.extent.world, rectangle.extent.world, atol=1.2)  # the width of the drawn edge
    assert dock.plot.drawn("loss")[0] == [5, 10, 15]
    viewer.layers.remove(preview)
    dock.cancel_button.click()
    finished(dock, qtbot)
    assert "cells held out, as it learns" not in viewer.layers


def test_folders_are_learned_from_as_well_or_only(viewer, dock, pair, training, tmp_path, qtbot):
    training.held = True
    dock.folders.edits["images"].setText(str(tmp_path / "images"))
    dock.start_button.click()
    assert (training.requests[0].images_dir, len(training.requests[0].pairs)) == (str(tmp_path / "images"), 1)
    assert dock.copy_command(str(tmp_path / "new")) == ""
    assert "not from both" in dock.status.text()
    dock.cancel_button.click()
    finished(dock, qtbot)
    dock.folders.only_box.setChecked(True)
    dock.start_button.click()
    assert not training.requests[1].pairs
    dock.cancel_button.click()
    finished(dock, qtbot)
    assert f"--images {tmp_path / 'images'}" in dock.copy_command(str(tmp_path / "new"))


def test_layers_removed_while_it_trains_do_no_harm(viewer, dock, pair, training, qtbot):
    training.held = True
    dock.start_button.click()
    viewer.layers.clear()
    training.held = False
    finished(dock, qtbot)
    dock.verdict.show_button.click()
    assert dock.trainer.outcome is not None


def test_what_counts_is_what_was_chosen(viewer, dock, pair, training, qtbot):
    training.held = True
    settled(pair[1]).tick((), [1, 2, 3, 4])
    dock.learn_box.setCurrentIndex(dock.learn_box.findData("done"))
    dock.start_button.click()
    assert training.requests[0].pairs[0].done == {1, 2, 3, 4}
    dock.cancel_button.click()
    finished(dock, qtbot)
    dock.learn_box.setCurrentIndex(dock.learn_box.findData("region"))
    dock.start_button.click()
    assert "region layer" in dock.status.text()
    region = np.zeros(pair[1].data.shape, np.int32)
    region[:, :80] = 1
    layer = viewer.add_labels(region, name="region")
    dock.pair_list._rows[0].region.setLayer(layer)
    dock.pair_list._rows[0].labels.setLayer(pair[1])
    dock.start_button.click()
    assert (training.requests[1].pairs[0].region == (region > 0)).all()
    dock.cancel_button.click()
    finished(dock, qtbot)


def test_pairs_that_do_not_go_together_are_refused(viewer, dock, pair, training):
    _, labels = pair
    viewer.layers.remove(labels)
    dock.start_button.click()
    assert "nothing to learn from" in dock.status.text()
    small = viewer.add_labels(np.ones((8, 8), np.int32), name="small")
    dock.start_button.click()
    assert "do not go" in dock.status.text()
    viewer.layers.remove(small)
    far = viewer.add_labels(labels.data, name="far", scale=(2, 2))
    dock.start_button.click()
    assert "scales" in dock.status.text()
    viewer.layers.remove(far)
    viewer.add_labels((labels.data == 1).astype(np.int32), name="one")
    dock.start_button.click()
    assert dock.status.text().count("object") >= 1
    assert not training.requests


def test_several_pairs_are_learned_from(viewer, dock, pair, training, qtbot):
    training.held = True
    viewer.add_image(blobs(5), name="others")
    viewer.add_labels((blobs(5) > 0) * pair[1].data, name="other truth")
    dock.pair_list.add_button.click()
    dock.pair_list._rows[0].labels.setLayer(pair[1])
    dock.pair_list._rows[0].image.setLayer(pair[0])
    dock.pair_list._rows[1].labels.setLayer(viewer.layers["other truth"])
    dock.pair_list._rows[1].image.setLayer(viewer.layers["others"])
    dock.start_button.click()
    assert [one.name for one in training.requests[0].pairs] == ["cells", "others"]
    dock.cancel_button.click()
    finished(dock, qtbot)
    dock.pair_list.remove(dock.pair_list._rows[1])
    assert len(dock.pair_list.pairs()) == 1


@pytest.mark.parametrize("name", ["", "../x", ".hidden", "a/b", "nuclei"])
def test_bad_names_are_refused(dock, pair, models, qtbot, name):
    dock.start_button.click()
    finished(dock, qtbot)
    dock.verdict.name_edit.setText(name)
    dock.verdict.adopt_button.click()
    qtbot.waitUntil(lambda: "name" in dock.status.text(), timeout=TIMEOUT)
    assert not models.exists() or not list(models.iterdir())
    assert dock.trainer.outcome is not None  # nothing is lost by it


def test_the_command_repeats_it_from_saved_layers(dock, pair, tmp_path, qtbot):
    settled(pair[1]).tick((), [1, 2, 3])
    dock.learn_box.setCurrentIndex(dock.learn_box.findData("done"))
    dock.form.setValue(FINE_TUNE.replace(steps=77, freeze_first=True))
    folder = tmp_path / "my layers"
    text = dock.copy_command(str(folder))
    clipboard = QGuiApplication.clipboard()
    assert clipboard.text() == text
    assert "--steps 77" in text
    assert "--freeze-first" in text
    assert f"--threads {trainer_module.n_threads()}" in text  # else the last digits of the losses differ
    assert f"'{folder}/images'" in text  # quoted for the shell
    (read,) = drain(read_pairs_steps(folder / "images", folder / "labels", None, folder / "done.json")).pairs
    assert (read.image[0] == pair[0].data).all()
    assert (read.labels == pair[1].data).all()
    assert read.done == [1, 2, 3]
    assert dock.copy_command(str(folder)) == ""
    assert "exists already" in dock.status.text()


def test_folders_are_read_in_the_other_process(tmp_path):
    from napari_wnet.fine_tune import TrainingPair
    from napari_wnet.fine_tune.files import save_pairs
    from napari_wnet.fine_tune.worker import FineTuneRequest

    image = blobs(6)
    labels = np.searchsorted(np.unique(image), image).astype(np.int32)
    folder = save_pairs(tmp_path / "saved", [TrainingPair(image=image[None], labels=labels, name="one")])
    request = FineTuneRequest(
        pairs=(),
        base=str(save_random_model(tmp_path / "grey.safetensors")),
        params=FINE_TUNE.replace(steps=2, validate_every=1, crop_size=32, batch_size=2),
        device="cpu",
        out=tmp_path / "new.safetensors",
        images_dir=str(folder / "images"),
        labels_dir=str(folder / "labels"),
    )
    outcome = drain(fine_tune_to_file(request))
    assert list(outcome.splits) == ["one"]
    assert read_header(outcome.path).provenance["images"][0]["name"] == "one"


def test_a_real_training_in_a_process_of_its_own(viewer, dock, pair, tmp_path, monkeypatch, qtbot):
    from napari_wnet.process import in_process

    monkeypatch.setattr(trainer_module, "in_process", in_process)
    base = save_random_model(tmp_path / "grey.safetensors")
    dock.base_box.setValue(str(base))
    dock.form.setValue(FINE_TUNE.replace(steps=4, validate_every=2, crop_size=32, batch_size=2, report_every=1))
    dock.start_button.click()
    qtbot.waitUntil(lambda: not dock.trainer.busy, timeout=120_000)
    assert dock.trainer.outcome is not None
    assert len(dock.plot.points("loss")[0]) == 4
    assert read_header(dock.trainer.outcome.path).provenance["fine_tuned_from"]["name"] == "grey"
    assert isinstance(viewer.layers["truth"], Labels)


def test_what_it_shows_itself_is_not_offered_to_learn_from(viewer, dock, pair, training, qtbot):
    training.held = True
    dock.start_button.click()
    qtbot.waitUntil(lambda: "Step 15" in dock.status.text(), timeout=TIMEOUT)
    assert "cells held out, as it learns" in viewer.layers
    box = dock.pair_list._rows[0].labels
    assert [box.itemText(row) for row in range(box.count())] == ["truth"]
    dock.cancel_button.click()
    finished(dock, qtbot)


def test_channels_beside_those_of_the_labels_are_learned_from(viewer, dock, pair, training, qtbot):
    image, labels = pair
    colours = np.stack([image.data, image.data // 2, 255 - image.data])
    viewer.layers.remove(image)
    viewer.add_image(colours, name="stained")
    training.held = True
    dock.start_button.click()
    (one,) = training.requests[0].pairs
    assert (one.image == colours).all()
    assert (one.labels == labels.data).all()
    dock.cancel_button.click()
    finished(dock, qtbot)


def test_a_model_with_other_channels_can_be_fitted(viewer, dock, pair, training, qtbot):
    assert dock.adapt_box.isHidden()
    training.error = ChannelsError("The images have 3 channel(s), the model nuclei reads 1.")
    dock.start_button.click()
    finished(dock, qtbot)
    assert not dock.adapt_box.isHidden()
    dock.adapt_box.setChecked(True)
    training.error = None
    dock.start_button.click()
    finished(dock, qtbot)
    assert [one.adapt_channels for one in training.requests] == [False, True]
    dock.base_box.setValue("another.safetensors")
    assert dock.adapt_box.isHidden()
    assert not dock.request().adapt_channels


def test_a_closed_segment_dock_hears_no_more_of_adopted_models(viewer, dock, pair, training, models, oracle, qtbot):
    segment = SegmentWidget(viewer)
    viewer.window.add_dock_widget(segment, name="Segment")
    dock.start_button.click()
    finished(dock, qtbot)
    segment.close_down()
    assert segment.segmenter.wait(60)
    dock.verdict.name_edit.setText("mine")
    dock.verdict.adopt_button.click()
    qtbot.waitUntil(lambda: dock.base_box.value() == "mine", timeout=TIMEOUT)
    assert segment.inputs.model_box.value() != "mine"


def test_previews_come_at_intervals_and_the_newest_is_shown(viewer, dock, pair, training, monkeypatch, qtbot):
    monkeypatch.setattr(course, "PREVIEW_EVERY_S", 600.0)
    training.held = True
    dock.start_button.click()
    qtbot.waitUntil(lambda: "Step 15" in dock.status.text(), timeout=TIMEOUT)
    dock.course.finish()
    shown = viewer.layers["cells held out, as it learns"].data
    first = int(shown.max())
    report = EpochReport(
        step=16,
        steps=20,
        losses={"total": 0.1},
        learning_rate=1e-3,
        seconds_left=1,
        previews=(("cells", np.full((32, 16), 16, np.int32)),),
    )
    dock.course.report(report)
    dock.course.finish()
    assert int(viewer.layers["cells held out, as it learns"].data.max()) == first
    dock.course._next_preview = 0.0
    dock.course.report(dataclasses.replace(report, previews=()))  # what waited is shown with a later report
    dock.course.finish()
    assert (viewer.layers["cells held out, as it learns"].data == 16).all()
    dock.cancel_button.click()
    finished(dock, qtbot)


def test_start_waits_until_the_last_model_is_saved(dock, pair, training, models, qtbot, monkeypatch):
    dock.start_button.click()
    finished(dock, qtbot)
    dock.verdict.adopt_button.click()
    assert dock.trainer._keep.busy
    dock.start()
    assert "being saved" in dock.status.text()
    qtbot.waitUntil(lambda: dock.base_box.value() == "nuclei-tuned", timeout=TIMEOUT)
    assert (models / "nuclei-tuned.safetensors").exists()


def test_without_open_images_there_is_nothing_to_compare_and_nothing_is_hidden(viewer, dock, pair, qtbot):
    dock.start_button.click()
    finished(dock, qtbot)
    viewer.layers.remove(pair[0])
    for _ in range(2):
        dock.verdict.show_button.click()
        assert "not open" in dock.verdict.show_button.text()
    assert pair[1].visible


def test_comparison_layers_that_were_deleted_come_again_and_labels_come_back(viewer, dock, pair, qtbot):
    dock.start_button.click()
    finished(dock, qtbot)
    for _ in range(2):
        dock.verdict.show_button.click()
        for kind in ("new", "current"):
            viewer.layers.remove(f"cells held out: {kind}")
    assert not pair[1].visible
    dock.verdict.clear_layers()
    assert pair[1].visible


def test_copying_a_command_changes_nothing_for_the_training(viewer, dock, pair, training, tmp_path, qtbot):
    training.held = True
    dock.start_button.click()
    sources = dict(dock._sources)
    other = viewer.add_image(blobs(5), name="others")
    dock.pair_list._rows[0].image.setLayer(other)
    assert dock.copy_command(str(tmp_path / "layers"))
    assert dock._sources == sources == {"cells": pair[0]}
    dock.cancel_button.click()
    finished(dock, qtbot)


def test_a_training_that_was_cut_short_can_be_taken_up_or_forgotten(viewer, pair, dock, training, tmp_path, qtbot):
    folder = tmp_path / "autosave-training"
    assert dock.resume_row.isHidden()
    training.held = True
    dock.start_button.click()
    request = training.requests[0]
    assert request.resumable
    assert request.out.parent == folder
    save_request(request)  # as the other process does
    dock.close_down()
    assert dock.trainer.wait(60)
    assert (folder / REQUEST).exists()
    again = TrainWidget(viewer)
    viewer.window.add_dock_widget(again, name="Again")
    assert not again.resume_row.isHidden()
    again.start()  # would take its place
    assert "Resume, or Forget" in again.status.text()
    assert (folder / REQUEST).exists()
    assert len(training.requests) == 1
    training.held = False
    again.resume_row.resume_button.click()
    finished(again, qtbot)
    assert again.resume_row.isHidden()
    taken_up = training.requests[1]
    assert (taken_up.pairs[0].labels == request.pairs[0].labels).all()
    assert taken_up.params == request.params
    assert again.trainer.outcome is not None
    again.verdict.discard_button.click()
    assert not folder.exists()
    again.close_down()
    assert again.trainer.wait(60)
    folder.mkdir()
    save_request(request)
    last = TrainWidget(viewer)
    viewer.window.add_dock_widget(last, name="Last")
    last.resume_row.forget_button.click()
    assert not folder.exists()
    assert last.resume_row.isHidden()
    last.close_down()
    assert last.trainer.wait(60)


@pytest.mark.parametrize("yes", [True, False])
def test_a_new_model_is_not_discarded_by_another_training_without_asking(dock, pair, training, monkeypatch, qtbot, yes):
    dock.start_button.click()
    finished(dock, qtbot)
    model = dock.trainer.outcome.path
    asked = []
    monkeypatch.setattr(dock.verdict, "may_go", lambda: asked.append(1) or yes)
    dock.start_button.click()
    finished(dock, qtbot)
    assert len(asked) == 1
    assert len(training.requests) == (2 if yes else 1)
    assert dock.trainer.outcome is not None
    assert dock.trainer.outcome.path.exists()
    assert yes or dock.trainer.outcome.path == model
    dock.trainer.discard()
    dock.start_button.click()
    finished(dock, qtbot)
    assert len(asked) == 1


def test_a_pair_that_is_chosen_twice_is_refused(dock, pair, training):
    """What one of them trains, the other would judge."""
    dock.pair_list.add()
    dock.start_button.click()
    assert "cells and cells #2 are the same image" in dock.status.text()
    assert not training.requests


def test_a_second_window_trains_elsewhere(viewer, pair, dock, training, qtbot):
    training.held = True
    lock = FolderLock(training_folder())
    dock.start_button.click()
    request = training.requests[0]
    assert not request.resumable
    assert request.out.parent != training_folder()
    dock.cancel_button.click()
    finished(dock, qtbot)
    lock.release()
    assert not request.out.parent.exists()
