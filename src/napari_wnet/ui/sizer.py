"""The object diameter of the Segment dock: what is typed or estimated goes into the parameters, and comes back."""

from __future__ import annotations

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QWidget

from napari_wnet.params import SegmentParams
from napari_wnet.ui.dock import StatusLine
from napari_wnet.ui.form import ParamsForm
from napari_wnet.ui.input_form import InputForm
from napari_wnet.ui.requests import FoundSize
from napari_wnet.ui.resized import Resized, with_diameter
from napari_wnet.ui.segmenter import Segmenter
from napari_wnet.ui.sessions import Job


class Sizer(QObject):
    """Keeps the row of the diameter and the form of the parameters in step, and has the diameter estimated.

    Parameters
    ----------
    parent : QWidget
        The dock.
    inputs : InputForm
        Has the row, the image and the model.
    form : ParamsForm
        Of :class:`SegmentParams`.
    segmenter : Segmenter
    status : StatusLine
    """

    def __init__(
        self, parent: QWidget, inputs: InputForm, form: ParamsForm, segmenter: Segmenter, status: StatusLine
    ) -> None:
        super().__init__(parent)
        self._inputs, self._form, self._segmenter, self._status = inputs, form, segmenter, status
        self._row = inputs.diameter_row
        self._last: Resized | None = None
        self._row.valueChanged.connect(self._on_typed)
        self._row.estimate_button.clicked.connect(self._estimate)
        form.valueChanged.connect(self._on_params)
        segmenter.estimated.connect(self._on_estimated)

    def _on_typed(self, diameter: float) -> None:
        self._last = self._resized(diameter)
        self._form.setValue(self._last.after)

    def _resized(self, diameter: float) -> Resized:
        now, usual, known = self._form.value(), self._form.default(), self._row.known
        before = now if self._last is None else self._last.base(now, usual, known)
        after = with_diameter(before, usual, diameter, known)
        return Resized(before=before, after=after, usual=usual, known=known)

    def _on_params(self, params: SegmentParams) -> None:
        self._row.setValue(params.normalize.diameter)

    def _estimate(self) -> None:
        image = self._inputs.image()
        if image is not None:
            settings = self._inputs.value().replace(params=self._resized(0.0).after)
            self._segmenter.estimate(Job(image=image, foreground=None, settings=settings))

    def _on_estimated(self, job: Job, found: FoundSize) -> None:
        if job.image is self._inputs.image() and job.settings.model == self._inputs.model_box.value():
            self._on_typed(found.diameter)
            self._status.say(found.text)
        else:
            self._status.say("Another image or model was chosen meanwhile; the diameter stays. Press Estimate again.")
