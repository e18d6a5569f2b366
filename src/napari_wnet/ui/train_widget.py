"""The Fine-tune dock: what was repaired teaches the model, and a better one can be adopted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari.layers import Layer
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from napari_wnet.errors import WNetError
from napari_wnet.params import DEFAULT_MODEL
from napari_wnet.train_params import FINE_TUNE, TrainParams
from napari_wnet.ui.access import add_row
from napari_wnet.ui.chooser import ModelChooser, WideBox
from napari_wnet.ui.colours import RUN_STYLE
from napari_wnet.ui.course import Course
from napari_wnet.ui.dock import Dock, named_bar, scrolling, set_bar
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.held_out import HeldOut
from napari_wnet.ui.keyboard import enable
from napari_wnet.ui.layers import is_candidate
from napari_wnet.ui.learn_box import LearnBox, LearnFrom
from napari_wnet.ui.loss_plot import LossPlot
from napari_wnet.ui.pair_list import FolderFields, PairList
from napari_wnet.ui.resume_row import ResumeRow
from napari_wnet.ui.runner import Runner
from napari_wnet.ui.section import Section
from napari_wnet.ui.trainer import Trainer, command_for
from napari_wnet.ui.verdict import Verdict
from napari_wnet.ui.work import catalog_steps

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_wnet.fine_tune import TrainingPair
    from napari_wnet.fine_tune.worker import FineTuneOutcome, FineTuneRequest
    from napari_wnet.ui.requests import Catalog

READY = "Repair a few objects first, then press Start: a few minutes on a laptop. A part of the labels is held out."
SHOWN = ("steps", "learning_rate", "freeze_first", "replay")


class TrainWidget(Dock):
    """Fine-tunes a model on layers, and compares the new model with the current one.

    Parameters
    ----------
    napari_viewer : napari.Viewer
    """

    LEAST_WIDTH = 350

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, 2, parent)
        viewer = self._viewer
        self.trainer = Trainer(viewer, self)
        self.base_box, self.learn_box, self.device_box = ModelChooser(), LearnBox(), WideBox()
        self.pair_list, self.folders = PairList(viewer), FolderFields()
        self.form = ParamsForm(TrainParams, shown=SHOWN)
        self.start_button, self.stop_button = QPushButton("Start"), QPushButton("Stop")
        self.cancel_button, self.command_button = QPushButton("Cancel"), QPushButton("Copy as command...")
        self.progress_bar, self.adapt_box = named_bar(), QCheckBox("fit the first layer to the images' channels")
        self.plot, self.verdict, self.held_out = LossPlot(), Verdict(viewer), HeldOut(viewer)
        self.resume_row = ResumeRow()
        self._catalog = Runner(self)
        self._sources: dict[str, Layer] = {}
        self.course = Course(self.progress_bar, self.status, self.plot, self.held_out)
        self.form.setDefault(FINE_TUNE)
        self.form.reset()
        self._lay_out()
        self._connect()
        self._show_busy(False)
        self.resume_row.offer(self.trainer.interrupted())
        self.status.say(READY)
        self._catalog.start(catalog_steps())

    def close_down(self) -> None:
        """Stop what runs and let go of the layers."""
        self._catalog.cancel()
        self.course.clear()
        self.verdict.clear_layers()
        self.held_out.hide()
        self.trainer.close()
        self.pair_list.release()

    def learn_from(self) -> LearnFrom:
        """Return what of the labels counts."""
        return self.learn_box.value()

    def _sources_of(self, request: FineTuneRequest) -> dict[str, Layer]:
        """Return the images that a request was just made of, by the names of their pairs."""
        chosen = self.pair_list.pairs() if request.pairs else []
        return {pair.name: one.image for pair, one in zip(request.pairs, chosen, strict=True)}

    def request(self) -> FineTuneRequest:
        """Return what a press of Start would learn: snapshots, nothing of which changes afterwards.

        Raises
        ------
        WNetError
            If layers do not go together.
        """
        from napari_wnet.fine_tune.worker import FineTuneRequest

        chosen = [] if self.folders.only() else self.pair_list.pairs()
        pairs: list[TrainingPair] = []
        colour: list[str] = []
        if chosen or not self.folders.images():
            pairs, colour = self.trainer.training_pairs(chosen, self.learn_from())
        return FineTuneRequest(
            pairs=tuple(pairs),
            colour=tuple(colour),
            base=self.base_box.value() or DEFAULT_MODEL,
            params=self.form.value(),
            device=self.device_box.currentText(),
            out=Path("new.safetensors"),
            images_dir=self.folders.images(),
            labels_dir=self.folders.labels(),
            adapt_channels=self.adapt_box.isVisibleTo(self) and self.adapt_box.isChecked(),
        )

    def start(self) -> None:
        """Begin to learn from the chosen layers; a new model that was not adopted is discarded, if that is meant."""
        if self.trainer.waiting and not self.verdict.may_go():
            return
        try:
            request = self.request()
            self._sources = self._sources_of(request)
            if request.images_dir:
                self.held_out.hide()  # what is held out depends on the folder's images too: it is drawn at the end
            else:
                self.held_out.show(request.pairs, self._sources)
            self.trainer.start(request)
        except WNetError as error:
            self.held_out.hide()
            self.status.say(str(error), "error", str(error))
            return
        self._begin()

    def resume(self) -> None:
        """Go on with the training that was interrupted, on the images that are open under their names."""
        try:
            request = self.trainer.resume()
            if request is None:
                return
            names = {layer.name: layer for layer in self._viewer.layers if is_candidate(layer)}
            self._sources = {pair.name: names[pair.name] for pair in request.pairs if pair.name in names}
            if not request.images_dir:
                self.held_out.show(request.pairs, self._sources)
        except WNetError as error:
            self.status.say(str(error), "error", str(error))
            return
        self.base_box.setValue(request.base)
        self.form.setValue(request.params)
        self._begin()

    def _on_forgotten(self) -> None:
        self.trainer.forget()
        self.resume_row.offer(None)

    def _begin(self) -> None:
        """Clear away what is left of the training before."""
        self.resume_row.offer(None)
        self.course.begin()
        self.verdict.clear_layers()
        self.verdict.hide()
        self.status.say("Starting...")

    def copy_command(self, folder: str = "") -> str:
        """Save the layers into a new folder, and put the command that does the same into the clipboard."""
        if self.folders.images() and not self.folders.only():
            self.status.say(
                "A command learns from folders or from layers that are saved, not from both; choose.", "warning"
            )
            return ""
        folder = folder or QFileDialog.getSaveFileName(self, "Save the layers into a new folder", "fine-tune")[0]
        if not folder:
            return ""
        from napari_wnet.fine_tune.files import save_pairs

        try:
            request = self.request()
            text = command_for(request, save_pairs(folder, request.pairs), FINE_TUNE)
        except WNetError as error:
            self.status.say(str(error), "error", str(error))
            return ""
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(text)
        self.status.say(f"Saved to {folder}; the command is in the clipboard.")
        return text

    def _lay_out(self) -> None:
        self.device_box.addItem("auto")
        self.adapt_box.hide()
        self.verdict.hide()
        rows = QFormLayout()
        add_row(rows, "start from", self.base_box)
        rows.addRow("", self.adapt_box)
        add_row(rows, "learn from", self.learn_box)
        add_row(rows, "device", self.device_box)
        buttons = QHBoxLayout()
        for button, stretch in ((self.start_button, 3), (self.stop_button, 1), (self.cancel_button, 1)):
            buttons.addWidget(button, stretch)
        layout = self.page()
        layout.addLayout(rows)
        layout.addWidget(self.pair_list)
        layout.addWidget(Section("Pairs from folders as well", self.folders))
        layout.addLayout(buttons)
        layout.addWidget(self.resume_row)
        layout.addWidget(self.progress_bar)
        layout.addWidget(self.status)
        layout.addWidget(scrolling(self.verdict, self.plot, self.form, self.command_button), 1)
        self.set_keys(self.start_button, self.cancel_button)
        self._explain()
        self._on_learn()

    def _explain(self) -> None:
        self.start_button.setStyleSheet(RUN_STYLE)
        self.start_button.setToolTip("Learn from these layers, in the background.")
        self.stop_button.setToolTip("End now and keep the best model so far.")
        self.cancel_button.setToolTip("End now and keep nothing.")
        self.command_button.setToolTip("Save the layers, and copy the command that does the same without napari.")
        self.adapt_box.setToolTip(
            "Each channel of the images counts, to begin with, as the model's own channels do on average; learning "
            "then tells them apart. The new model reads images with these channels only."
        )

    def _connect(self) -> None:
        self.left.connect(self.close_down)
        self.start_button.clicked.connect(self.start)
        self.stop_button.clicked.connect(self._on_stop)
        self.cancel_button.clicked.connect(self.trainer.cancel)
        self.command_button.clicked.connect(lambda: self.copy_command())
        self.learn_box.currentIndexChanged.connect(self._on_learn)
        self._catalog.returned.connect(self._on_catalog)
        self.trainer.reported.connect(self.course.report)
        self.trainer.learned.connect(self._on_learned)
        self.trainer.adopted.connect(self._on_adopted)
        self.trainer.modelsChanged.connect(self.base_box.setNews)
        self.trainer.said.connect(self.status.say)
        self.resume_row.resumed.connect(self.resume)
        self.resume_row.forgotten.connect(self._on_forgotten)
        self.trainer.channelsDiffer.connect(self.adapt_box.show)
        self.base_box.modelChanged.connect(lambda: self.adapt_box.hide())
        self.trainer.busyChanged.connect(self._show_busy)
        self.verdict.adopted.connect(self.trainer.adopt)
        self.verdict.discarded.connect(self._on_discarded)

    def _on_catalog(self, catalog: Catalog | None) -> None:
        if catalog is None:
            return
        self.base_box.setCatalog(catalog)
        for device in catalog.devices:
            if self.device_box.findText(device) < 0:
                self.device_box.addItem(device)

    def _on_learn(self) -> None:
        self.pair_list.show_regions(self.learn_from() == "region")

    def _on_stop(self) -> None:
        enable({self.stop_button: False, self.cancel_button: True})
        self.trainer.stop()

    def _on_learned(self, outcome: FineTuneOutcome) -> None:
        self.course.finish()
        self.held_out.draw(outcome.splits, self._sources)
        self.verdict.show_outcome(outcome, self._sources)
        better = outcome.comparison.better
        self.status.say("Done: look at the scores, then adopt or discard.", "info" if better else "warning")

    def _on_adopted(self, name: str) -> None:
        self._put_away()
        self.base_box.setValue(name)
        self.status.say(f"'{name}' is adopted and chosen in every dock. Open the next image and press Run.")

    def _on_discarded(self) -> None:
        self._put_away()
        self.trainer.discard()
        self.status.say("Discarded; nothing is left of it.")

    def _put_away(self) -> None:
        self.verdict.clear_layers()
        self.verdict.hide()
        self.held_out.hide()

    def _show_busy(self, busy: bool) -> None:
        enable({self.start_button: not busy, self.stop_button: busy, self.cancel_button: busy})
        set_bar(self.progress_bar, 0, 0 if busy else 1)
        if not busy and self.trainer.outcome is None:  # cancelled, or failed: nothing is held out any more
            self.course.clear()
            self.held_out.hide()
