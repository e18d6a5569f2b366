"""The Batch dock without its widgets: which files there are, what runs, and what has become of each."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_wnet.batch.inputs import Inputs, Item
from napari_wnet.batch.job import FileResult, FileStarted
from napari_wnet.errors import WNetError
from napari_wnet.reports import Progress
from napari_wnet.scheduler import THREADS
from napari_wnet.ui.batch_settings import BatchSettings, Order, in_the_dock
from napari_wnet.ui.batch_table import FileModel
from napari_wnet.ui.batch_work import BatchDone, batch_work_steps, listing_steps, pausable
from napari_wnet.ui.hub import join_hub
from napari_wnet.ui.requests import ModelNews
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.tally import Tally, counted, summary
from napari_wnet.ui.work import catalog_steps


class Batcher(QObject):
    """Segments folders outside the GUI thread.

    Attributes
    ----------
    files : FileModel
        The files and their states.
    moved : Signal(Tally)
        One more file is done.
    said : Signal(str, str, str)
        A message, "info", "warning" or "error", and the part of it that deserves a notification.
    busyChanged : Signal(bool)
        Whether a batch is going on.
    asked : Signal(int)
        Whether labels may be replaced that were corrected by hand, of so many files; nothing has been done yet.
    catalogLoaded : Signal(Catalog)
    adopted : Signal(str)
        Name of a model that is to be used from now on.
    modelsChanged : Signal(ModelNews)
        Other models can be chosen.
    chosenChanged : Signal()
        The Segment dock is set to something else.
    """

    moved = Signal(object)
    said = Signal(str, str, str)
    busyChanged = Signal(bool)  # noqa: N815
    asked = Signal(int)
    catalogLoaded = Signal(object)  # noqa: N815
    adopted = Signal(str)
    modelsChanged = Signal(object)  # noqa: N815
    chosenChanged = Signal()  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hub = join_hub(viewer)
        self._hub.on_adopted(self._on_adopted)
        self._hub.on_models(self._on_models)
        self._hub.follow(self._on_chosen)
        self._open = True
        self.files = FileModel(self)
        self.files.translate = in_the_dock
        self.tally = Tally()
        self.outcome: BatchDone | None = None
        self._paused = threading.Event()
        self._order: Order | None = None
        self._cut_short = False
        self._current = ""
        self._to_ask = 0
        self._listed_out = ""
        self._catalog, self._lister, self._run = Runner(self), LatestRunner(self), Runner(self)
        self._catalog.returned.connect(self.catalogLoaded)
        self._lister.returned.connect(self._on_listed)
        self._run.progressed.connect(self._on_report)
        self._run.returned.connect(self._on_done)
        self._run.cancelled.connect(self._on_cancelled)
        self._run.finished.connect(self._on_finished)
        for runner in (self._catalog, self._lister, self._run):
            runner.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a batch is going on."""
        return self._run.busy

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused.is_set()

    def load_catalog(self) -> None:
        """Find out which models and devices there are."""
        self._catalog.start(catalog_steps())

    def chosen_model(self) -> str:
        """Return the model of the Segment dock; empty: it has not been opened."""
        return "" if self._hub.chosen is None else self._hub.chosen.settings.model

    def list_files(self, settings: BatchSettings) -> None:
        """List what is in a folder."""
        if self.busy:
            return
        if settings.out != self._listed_out:
            self.files.forget()
        self._listed_out = settings.out
        self._lister.submit(lambda: listing_steps(settings))

    def order(self, settings: BatchSettings) -> Order:
        """Return what a press of Start means now.

        Raises
        ------
        WNetError
            If the Segment dock is to be followed, and has nothing to say.
        """
        chosen = self._hub.chosen
        if not settings.follows:
            return Order(settings=settings)
        if chosen is None:
            raise WNetError("Open the Segment dock first, or choose the parameters that the model recommends.")
        if chosen.recommended is None:
            raise WNetError("The Segment dock is reading its model; try again in a moment.")
        channels = settings.channels or ",".join(map(str, chosen.settings.channels))
        settings = settings.replace(model=chosen.settings.model, channels=channels)
        params, recommended = chosen.settings.params, chosen.recommended
        return Order(settings=settings, params=params, recommended=recommended, known=chosen.known)

    def start(self, settings: BatchSettings, sure: bool = False) -> None:
        """Segment a folder; what was cancelled goes on.

        Parameters
        ----------
        settings : BatchSettings
        sure : bool
            Whether labels that were corrected by hand may be replaced; else :attr:`asked` says how many there are.

        Raises
        ------
        WNetError
            If that cannot be, or another batch is going on.
        """
        order = self.order(settings)
        again: Sequence[Item] = ()
        if self._cut_short and order == self._order and settings.overwrite:  # else it would begin from the start
            again = self.files.unfinished()
        self._begin(order, again, sure or bool(again))

    def retry(self, settings: BatchSettings) -> None:
        """Segment the files that failed once more.

        Raises
        ------
        WNetError
            As for :meth:`start`.
        """
        failed = self.files.failed()
        if failed:
            self._begin(self.order(settings), failed)

    def _begin(self, order: Order, again: Sequence[Item], sure: bool = True) -> None:
        if self._hub.batching or self.busy:
            raise WNetError("A batch is going on already; cancel it or wait for it before another one is started.")
        order.check()
        paths = {item.path for item in again}
        earlier = [result for result in self.files.results() if again and result.path not in paths]
        self._lister.cancel()
        self._paused.clear()
        self._order, self._cut_short, self.outcome, self._current = order, True, None, ""
        steps = batch_work_steps(order, self._hub.models, again, earlier, sure=sure)
        self._run.start(pausable(steps, self._paused))
        self._hub.batching = True
        if again:
            self.files.forget(earlier)
        self.tally = Tally()
        self.tally.start(len(again))
        self.busyChanged.emit(True)

    def pause(self, paused: bool) -> None:
        """Begin no other file until told so; what the network looks at now is looked at to its next tile."""
        if not self.busy or paused == self.paused:
            return
        self.tally.pause(paused)
        if paused:
            self._paused.set()
        else:
            self._paused.clear()
        elsewhere = self._order is not None and self._order.settings.scheduler != THREADS
        rest = "; workers finish what they have in hand" if elsewhere else ""
        self.said.emit(f"Paused{rest}. Resume goes on." if paused else "Going on...", "info", "")

    def cancel(self) -> None:
        """End the batch; what is finished stays, and what is being written is written to its end."""
        if self.busy:
            self.said.emit("Cancelling: what is being written is finished...", "info", "")
        self._run.cancel()

    def close(self) -> None:
        """Stop everything."""
        for runner in (self._catalog, self._lister, self._run):
            runner.cancel()
        if self._open:
            self._hub.batching = self._hub.batching and not self._run.busy
            self._hub.forget_adopted(self._on_adopted)
            self._hub.forget_models(self._on_models)
            self._hub.unfollow(self._on_chosen)
            self._hub.leave()
        self._open = False

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._catalog, self._lister, self._run)])

    def _on_listed(self, inputs: Inputs) -> None:
        self.files.setItems(inputs.items)
        n_others = len(inputs.problems)
        others = {0: "", 1: "; 1 other is left out"}.get(n_others, f"; {n_others} others are left out")
        self.said.emit(f"{counted(len(inputs.items))}{others}. Press Start.", "info", "")

    def _on_report(self, report: object) -> None:
        if isinstance(report, Inputs):
            self.files.forget()
            self.files.setItems(report.items)
            self.tally.start(len(report.items))
            self.moved.emit(self.tally)
        elif isinstance(report, FileResult):
            self.files.report(report)
            self.tally.add(report)
            self.moved.emit(self.tally)
        elif isinstance(report, FileStarted):
            self.files.report(report)
            self._current = report.path.name
            if not self.paused:  # a report that was on its way when it was paused
                self.said.emit(f"Segmenting {self._current}...", "info", "")
        elif isinstance(report, Progress) and not self.paused:
            self._say_progress(report)

    def _say_progress(self, report: Progress) -> None:
        if report.what == "report":
            self.said.emit("Writing the report...", "info", "")
        elif not self._current:
            self.said.emit(f"{report.what.capitalize()}...", "info", "")
        elif report.total > 1:
            what = "tile" if report.what == "tiles" else report.what
            self.said.emit(f"Segmenting {self._current}, {what} {report.done} of {report.total}...", "info", "")

    def _on_done(self, outcome: BatchDone) -> None:
        self._cut_short = False
        if outcome.n_corrected:
            self._to_ask = outcome.n_corrected
            return
        self.outcome = outcome
        text = summary(self.tally, outcome)
        self.said.emit(text, "warning" if self.tally.failed else "info", text)

    def _on_cancelled(self) -> None:
        self.said.emit("Cancelled; what is finished stays, and Start goes on from there.", "info", "")

    def _on_failed(self, error: WNetError) -> None:
        text = in_the_dock(str(error))
        self.said.emit(text, "error", text)

    def _on_finished(self) -> None:
        self._hub.batching = False
        self._paused.clear()
        self.files.stop()
        self.busyChanged.emit(False)
        n_corrected, self._to_ask = self._to_ask, 0
        if n_corrected:
            self.said.emit("Nothing was replaced.", "info", "")
            self.asked.emit(n_corrected)

    def _on_adopted(self, name: str) -> None:
        self.adopted.emit(name)

    def _on_models(self, news: ModelNews) -> None:
        self.modelsChanged.emit(news)

    def _on_chosen(self) -> None:
        self.chosenChanged.emit()

    @property
    def out(self) -> Path:
        """The folder of the results that are listed."""
        return Path(self._order.settings.out if self.busy and self._order is not None else self._listed_out)
