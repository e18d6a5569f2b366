"""The Segment dock: an image becomes labels, and sliders adjust them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from napari.layers import Shapes
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_wnet.errors import WNetError
from napari_wnet.params import SegmentParams
from napari_wnet.reports import Progress
from napari_wnet.ui.colours import CHECKED_STYLE, RUN_STYLE
from napari_wnet.ui.copy_row import CopyRow, copy_text
from napari_wnet.ui.dock import Dock, named_bar, scrolling, set_bar
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.image_text import image_code, image_command
from napari_wnet.ui.input_form import InputForm
from napari_wnet.ui.keyboard import enable
from napari_wnet.ui.layers import MARK
from napari_wnet.ui.requests import Catalog, ModelNews
from napari_wnet.ui.segmenter import Segmenter
from napari_wnet.ui.sessions import Job
from napari_wnet.ui.settings import SegmentSettings
from napari_wnet.ui.sizer import Sizer

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

BEGIN = "Open an image to begin: File > Open Files, or File > Open Sample > napari-wnet."
READY = "Press Run. The sliders below then adjust the result at once."
CLOCK_MS = 250


class SegmentWidget(Dock):
    """Segments an image layer and adjusts the result.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        Whose layers are read and added to.
    """

    LEAST_WIDTH = 330
    valueChanged = Signal(object)  # noqa: N815

    def __init__(self, napari_viewer: Viewer, parent: QWidget | None = None) -> None:
        super().__init__(napari_viewer, 2, parent)
        self.segmenter = Segmenter(self._viewer, self)
        self.inputs = InputForm(self._viewer)
        self.form = ParamsForm(SegmentParams, shown=("clustering",), but=("normalize__diameter",))
        self.run_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.reset_button, self.angle_button = (
            QPushButton("Reset to the model's values"),
            QPushButton("Compare two pixels"),
        )
        self.copy_row = CopyRow()
        self.sizer = Sizer(self, self.inputs, self.form, self.segmenter, self.status)
        self.progress_bar, self.elapsed = named_bar(), QLabel()
        self._timer = QTimer(self)
        self._started = 0.0
        self._kept_for = self._ready_model = ""
        self._run_when_ready = False
        self._spoken_of = self.value().image
        self._lay_out()
        self._connect()
        self._fit_foreground_use()
        self._show_busy(False)
        self._say_what_to_do()
        self.segmenter.load_catalog()

    def value(self) -> SegmentSettings:
        """Return the dock's settings."""
        return self.inputs.value().replace(params=self.form.value())

    def setValue(self, settings: SegmentSettings) -> None:  # noqa: N802
        """Make these settings; layers that are not there leave the choice as it is."""
        self._kept_for = settings.model  # these parameters, not those the model recommends
        self.inputs.setValue(settings)
        self.form.setValue(settings.params)

    @property
    def ready(self) -> bool:
        """Whether the chosen model has been read, so that its recommended values are shown."""
        return bool(self._ready_model) and self._ready_model == self.inputs.model_box.value()

    def choose_image(self, layer: Layer | None) -> None:
        """Choose a layer, or the image that it is a result of; say so if it is no image."""
        result_of = {} if layer is None else layer.metadata.get(MARK, {})
        self.inputs.image_box.setLayer(self.inputs.image_box.named(result_of.get("source", "")) or layer)
        if layer is not None and not result_of and self.inputs.image() is not layer:
            self._complain(f"'{layer.name}' is a {type(layer).__name__} layer; choose an image layer.")

    def run(self) -> None:
        """Segment the chosen image, as soon as it is known what the model recommends."""
        image, model = self.inputs.image(), self.inputs.model_box.value()
        self._run_when_ready = image is not None and not self.ready
        if image is None:
            self._complain(BEGIN)
        elif self._run_when_ready:
            self.status.say("Loading the model...")
            if model:  # else the models are not listed yet, and the first of them will be chosen and loaded
                self.segmenter.load_model(model)
        else:
            self.status.say(f"Segmenting '{image.name}'...")
            self.segmenter.run(Job(image=image, foreground=self.inputs.foreground(), settings=self.value()))

    def close_down(self) -> None:
        """Stop what runs and let go of the layers."""
        self.segmenter.close()
        self.inputs.release()

    def _lay_out(self) -> None:
        self.run_button.setStyleSheet(RUN_STYLE)
        self.run_button.setToolTip("Find the objects in the image.")
        self.cancel_button.setToolTip("Stop within a tile; no layer is changed.")
        self.reset_button.setToolTip("Set everything below to what the model recommends.")
        self.angle_button.setCheckable(True)
        self.angle_button.setStyleSheet(CHECKED_STYLE)
        self.angle_button.setToolTip(
            "Click a pixel in the picture, then point at others: the angle between their embeddings is shown. Within "
            "the angle set above they can be one object. Esc ends."
        )
        buttons, news, bar = QHBoxLayout(), QWidget(), QHBoxLayout()
        buttons.addWidget(self.run_button, 3)
        buttons.addWidget(self.cancel_button, 1)
        bar.addWidget(self.progress_bar, 1)
        bar.addWidget(self.elapsed)
        column = QVBoxLayout(news)
        column.setContentsMargins(2, 0, 2, 0)
        column.addLayout(bar)
        column.addWidget(self.status, 1)
        self.elapsed.setStyleSheet("QLabel { min-width: 2.6em; }")  # nothing moves as it grows
        self.elapsed.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = self.page()
        layout.addWidget(self.inputs)
        layout.addLayout(buttons)
        layout.addWidget(news)
        title = QLabel("<b>Adjust the result</b>")
        layout.addWidget(scrolling(title, self.form, self.angle_button, self.reset_button, self.copy_row), 1)
        self.set_keys(self.run_button, self.cancel_button)

    def _connect(self) -> None:
        self.left.connect(self.close_down)
        self.run_button.clicked.connect(self.run)
        self.cancel_button.clicked.connect(self.segmenter.cancel)
        self.reset_button.clicked.connect(self._reset)
        self.form.valueChanged.connect(self._on_params)
        self.inputs.valueChanged.connect(self._on_inputs)
        self.inputs.foregroundChanged.connect(self._on_foreground)
        self.inputs.modelChanged.connect(self._on_model_chosen)
        self.segmenter.catalogLoaded.connect(self._on_catalog)
        self.segmenter.adopted.connect(self.inputs.model_box.setValue)
        self.segmenter.modelsChanged.connect(self._on_models)
        self.segmenter.modelLoaded.connect(self._on_model_loaded)
        self.segmenter.progressed.connect(self._show_progress)
        self.segmenter.segmented.connect(self._on_segmented)
        self.segmenter.said.connect(self.status.say)
        self.angle_button.toggled.connect(self._compare)
        self.segmenter.pixel_angle.activeChanged.connect(self.angle_button.setChecked)
        self.form.valueChanged.connect(self.segmenter.pixel_angle.setParams)
        self.copy_row.command_button.clicked.connect(self._copy_command)
        self.copy_row.code_button.clicked.connect(self._copy_code)
        self.valueChanged.connect(self._note)
        self.segmenter.busyChanged.connect(self._show_busy)
        self._timer.timeout.connect(self._show_elapsed)

    def _on_catalog(self, catalog: Catalog) -> None:
        self.inputs.setCatalog(catalog)
        if not catalog.models and not self.inputs.model_box.value():
            self._complain("No model is installed; choose a model file.", "warning")
        self._show_buttons()

    def _on_models(self, news: ModelNews) -> None:
        if news.renamed is not None and news.renamed[0] == self.inputs.model_box.value():
            self._kept_for = news.renamed[1]  # it is the same model, and so are the parameters
        self.inputs.model_box.setNews(news)

    def _on_model_chosen(self, model: str) -> None:
        self._ready_model = ""
        self.inputs.diameter_row.setKnown(0.0)  # until it is read
        self.segmenter.load_model(model)
        self._on_inputs()

    def _on_model_loaded(self, model: str, header: Any) -> None:
        if model != self.inputs.model_box.value():
            return
        names = header.channels or [f"channel {number + 1}" for number in range(header.config.in_channels)]
        self.inputs.setChannels(names)
        self.form.setDefault(header.params)
        self.inputs.diameter_row.setKnown(header.diameter)
        if self._kept_for != model:
            self._reset()
        self._kept_for, self._ready_model = "", model
        self._show_buttons()
        self._note()
        if header.notes:
            self._complain(" ".join(header.notes), "warning")
        if self._run_when_ready:
            self.run()

    def _on_inputs(self) -> None:
        self._show_buttons()
        settings = self.value()
        if settings.image != self._spoken_of:
            self.segmenter.pixel_angle.stop()
        if settings.image != self._spoken_of and not self.segmenter.busy:  # what was said was said of another image
            self._spoken_of = settings.image
            self._say_what_to_do()
        self.valueChanged.emit(settings)

    def _on_params(self) -> None:
        self._tune()
        self.valueChanged.emit(self.value())

    def _on_foreground(self) -> None:
        before = self.form.value()
        self._fit_foreground_use()
        if self.form.value() == before:  # else the form has said so
            self._tune()  # the mask cuts what is clustered, so that the network need not run

    def _fit_foreground_use(self) -> None:
        """Take what is drawn in a few strokes for a region, what is painted or computed for the objects."""
        layer = self.inputs.foreground()
        self.form.editor("clustering__foreground_use").setEnabled(layer is not None)
        if layer is not None:
            use = "region" if isinstance(layer, Shapes) else "objects"
            self.form.setValue(self.form.value().replace(clustering__foreground_use=use))

    def _reset(self) -> None:
        self.form.reset()
        self._fit_foreground_use()

    def _tune(self) -> None:
        image = self.inputs.image()
        if image is not None:
            self.segmenter.tune(Job(image=image, foreground=self.inputs.foreground(), settings=self.value()))

    def _on_segmented(self, job: Job) -> None:
        now = self.value()
        if (now.params, now.foreground) != (job.settings.params, job.settings.foreground):  # changed meanwhile
            self._tune()

    def _compare(self, on: bool) -> None:
        tool = self.segmenter.pixel_angle
        if on and not tool.active:
            tool.setParams(self.form.value())
            tool.start(self.inputs.image())
        elif tool.active and not on:
            tool.stop()

    def _note(self) -> None:
        recommended = self.form.default() if self.ready else None
        self.segmenter.note(self.value(), recommended, self.inputs.diameter_row.known)

    def _job(self) -> Job:
        image = self.inputs.image()
        if image is None:
            raise WNetError(BEGIN)
        if not self.ready:
            raise WNetError("The model is being read; try again in a moment.")
        return Job(image=image, foreground=self.inputs.foreground(), settings=self.value())

    def _copy_command(self) -> None:
        copy_text(lambda: image_command(self._job(), self.form.default()), self.status)

    def _copy_code(self) -> None:
        copy_text(self._code, self.status)

    def _code(self) -> str:
        job = self._job()
        return image_code(job, self.form.default(), self.segmenter.displayed(job))

    def _complain(self, text: str, level: str = "error") -> None:
        self.status.say(text, level, text)

    def _say_what_to_do(self) -> None:
        self.status.say(BEGIN if self.inputs.image() is None else READY)

    def _show_busy(self, busy: bool) -> None:
        self._show_buttons()
        # Shown or hidden, the bar would have the whole window laid out anew; so it is only emptied.
        set_bar(self.progress_bar, 0, 0 if busy else 1)
        if busy:
            self._started = time.monotonic()
            self._timer.start(CLOCK_MS)
        else:
            self._timer.stop()
        self._show_elapsed()

    def _show_buttons(self) -> None:
        busy = self.segmenter.busy
        ready = self.inputs.image() is not None and bool(self.inputs.model_box.value())
        row = self.inputs.diameter_row
        states = {self.run_button: ready and not busy, row.estimate_button: ready and not busy and row.known > 0}
        enable({**states, self.cancel_button: busy})

    def _show_progress(self, report: Progress) -> None:
        count = f": {report.done} of {report.total}" if report.total > 1 else ""
        set_bar(self.progress_bar, report.done, report.total, report.what + count)

    def _show_elapsed(self) -> None:
        self.elapsed.setText(f"{time.monotonic() - self._started:.0f} s" if self._started else "")
