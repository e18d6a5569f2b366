"""The Segment dock without its widgets: what runs, for which image, and where its results are shown."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pint
from napari.components import ViewerModel
from qtpy.QtCore import QObject, QTimer, Signal

from napari_wnet.errors import WNetError
from napari_wnet.params import SegmentParams
from napari_wnet.ui.foreground import Foreground
from napari_wnet.ui.hub import Chosen, join_hub
from napari_wnet.ui.layers import Index, Source, stacked_features
from napari_wnet.ui.pixel_angle import PixelAngle
from napari_wnet.ui.requests import Catalog, ModelNews, Request, RunResult
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.sessions import Job, count_objects
from napari_wnet.ui.settings import SegmentSettings
from napari_wnet.ui.size_work import estimate_size_steps
from napari_wnet.ui.slides import SegmentedSlide, is_slide, show_slide, slide_request, slide_steps, view_window
from napari_wnet.ui.tuner import Tuner
from napari_wnet.ui.work import catalog_steps, run_steps, warm_up_steps

if TYPE_CHECKING:
    from napari_wnet.network.checkpoint import Model


class Segmenter(QObject):
    """Runs jobs outside the GUI thread and shows their results as layers.

    Attributes
    ----------
    catalogLoaded : Signal(Catalog)
    modelLoaded : Signal(str, ModelHeader)
        The name or path asked for, and what the model says of itself.
    progressed : Signal(Progress)
    segmented : Signal(Job)
        A run has ended and its layers are there.
    estimated : Signal(Job, FoundSize)
        How large the objects of a job's image are.
    said : Signal(str, str, str)
        A message for the dock, "info", "warning" or "error", and the part of it that deserves a notification.
    busyChanged : Signal(bool)
        Whether a run is going on.
    adopted : Signal(str)
        Name of a model that is to be used from now on.
    modelsChanged : Signal(ModelNews)
        Other models can be chosen.
    pixel_angle : PixelAngle
        Compares the embeddings of two pixels.
    """

    catalogLoaded = Signal(object)  # noqa: N815
    modelLoaded = Signal(str, object)  # noqa: N815
    progressed = Signal(object)
    segmented = Signal(object)
    estimated = Signal(object, object)
    said = Signal(str, str, str)
    busyChanged = Signal(bool)  # noqa: N815
    adopted = Signal(str)
    modelsChanged = Signal(object)  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._hub = join_hub(viewer)
        self._hub.on_adopted(self._on_adopted)
        self._hub.on_models(self._on_models)
        self._open = True
        self._sessions = self._hub.sessions
        self._running: tuple[Job, Source, float] | None = None
        self._running_slide: Job | None = None
        self._sizing: Job | None = None
        self._showing: Generator[None, None, Job] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._show_more)
        self._wanted = ""
        self._catalog, self._loader, self._run = Runner(self), LatestRunner(self), Runner(self)
        self._tuner = Tuner(self._sessions, self._hub.cache, self)
        self._tuner.said.connect(self.said)
        self.pixel_angle = PixelAngle(viewer, self._hub, self)
        self.pixel_angle.said.connect(self.said)
        self._catalog.returned.connect(self._on_catalog)
        self._loader.returned.connect(self._on_model)
        self._run.progressed.connect(self.progressed)
        self._run.returned.connect(self._on_run)
        self._run.cancelled.connect(self._on_cancelled)
        self._run.finished.connect(self._on_finished)
        for runner in (self._catalog, self._loader, self._run):
            runner.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a run is going on, or its result not quite shown."""
        return self._run.busy or self._showing is not None

    @property
    def tuning(self) -> bool:
        """Whether cached maps are being clustered."""
        return self._tuner.runner.busy

    def load_catalog(self) -> None:
        """Find out which models and devices there are."""
        if not self._catalog.busy:
            self._catalog.start(catalog_steps())

    def load_model(self, name: str) -> None:
        """Read a model, to know what it recommends."""
        self._wanted = name
        self._loader.submit(self._model_steps)

    def note(self, settings: SegmentSettings, recommended: SegmentParams | None, known: float) -> None:
        """Tell the other docks what this one is set to."""
        if self._open:
            self._hub.note_chosen(Chosen(settings=settings, recommended=recommended, known=known))

    def displayed(self, job: Job) -> Index:
        """Return which plane of a job's image is seen."""
        return self._sessions.displayed(job)

    def estimate(self, job: Job) -> None:
        """Find out how large the objects are in the plane of a job's image that is seen, or the part of a slide."""
        try:
            if is_slide(job.image, job.settings.axis):
                job = replace(job, window=view_window(job.image))
            request = self._request(job, job.read()[0], None, [self._sessions.displayed(job)])
            self._run.start(estimate_size_steps(request, self._hub.models))
        except WNetError as error:
            self._on_failed(error)
            return
        self._sizing = job
        self.said.emit("Estimating how large the objects are...", "info", "")
        self.busyChanged.emit(True)

    def run(self, job: Job) -> None:
        """Segment a job's image, unless something is wrong with it, which is said."""
        try:
            if is_slide(job.image, job.settings.axis):
                if job.settings.area == "whole":
                    self._run_slide(job)
                    return
                job = replace(job, window=view_window(job.image))
            source, foreground = job.read()
            everything = job.settings.planes == "all"
            indices = list(source.indices()) if everything else [self._sessions.displayed(job)]
            request = self._request(job, source, foreground, indices)
            self._run.start(run_steps(request, self._hub.models, self._hub.cache))
        except WNetError as error:
            self._on_failed(error)
            return
        self._tuner.runner.cancel()
        self._running = job, source, time.monotonic()
        self.busyChanged.emit(True)

    def _request(self, job: Job, source: Source, foreground: Foreground | None, indices: Sequence[Index]) -> Request:
        return Request(
            source=source,
            indices=indices,
            model=job.settings.model,
            device=job.settings.device,
            params=job.settings.params,
            foreground=foreground,
            previous=self._sessions.snapshot(job.image),
        )

    def _run_slide(self, job: Job) -> None:
        """Segment an image that does not fit into memory, with the labels on the disk."""
        request = slide_request(job.image, job.settings, job.read()[1])
        self._run.start(slide_steps(request, self._hub.models))
        self._tuner.runner.cancel()
        self._running_slide = job
        self.busyChanged.emit(True)

    def tune(self, job: Job) -> None:
        """Cluster the cached maps of a job's image with its settings, unless a run is going to."""
        if not self.busy:
            self._tuner.submit(job)

    def cancel(self) -> None:
        """Stop what runs; results that are complete stay."""
        if self._run.busy:
            self.said.emit("Cancelling...", "info", "")
        self._run.cancel()
        self._tuner.runner.cancel()

    def close(self) -> None:
        """Stop everything and give memory back."""
        self._showing = None
        self.pixel_angle.stop()
        for runner in self._runners:
            runner.cancel()
        if self._open:
            self._hub.forget_adopted(self._on_adopted)
            self._hub.forget_models(self._on_models)
            self._hub.leave()
        self._open = False

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in self._runners])

    def _model_steps(self) -> Generator[Any, None, tuple[str, Model]]:
        name = self._wanted
        model = yield from self._hub.models.steps(name)
        return name, model

    @property
    def _runners(self) -> tuple[Runner, ...]:
        return self._catalog, self._loader, self._run, self._tuner.runner

    def _on_catalog(self, catalog: Catalog | None) -> None:
        if catalog is not None:
            self.catalogLoaded.emit(catalog)
            # napari's units are read at first use, and would be lacking in a layer made meanwhile in another thread.
            pint.get_application_registry().parse_units("pixel")
            self._catalog.start(warm_up_steps())

    def _on_model(self, named: tuple[str, Model]) -> None:
        name, model = named
        self.modelLoaded.emit(name, model.header)

    def _on_run(self, result: Any) -> None:
        if self._sizing is not None:
            self.estimated.emit(self._sizing, result)
        elif self._running_slide is not None:
            self._on_slide(self._running_slide, result)
        elif self._running is not None:
            self._on_result(self._running, result)

    def _on_slide(self, job: Job, slide: SegmentedSlide) -> None:
        if job.image in self._viewer.layers:
            show_slide(self._viewer, job.image, job.settings, slide)
        result = slide.result
        news = " ".join(result.notes)
        text = f"{result.n_objects} objects found. Labels, table and settings are in {result.labels.parent}. {news}"
        self.said.emit(text.strip(), "info", news)

    def _on_result(self, running: tuple[Job, Source, float], result: RunResult) -> None:
        job, source, began = running
        if job.image not in self._viewer.layers:
            self.said.emit(f"'{source.name}' was removed meanwhile; its labels were not added.", "info", "")
            return
        self._showing = self._shown(job, source, result, began)
        self._show_more()

    def _show_more(self) -> None:
        """Show the next piece of a result, and leave the window time for other things before the one after it."""
        if self._showing is None:
            return
        try:
            next(self._showing)
        except StopIteration as end:
            self._showing = None
            self.segmented.emit(end.value)
            self._on_finished()
        else:
            self._soon.start(0)

    def _shown(self, job: Job, source: Source, result: RunResult, began: float) -> Generator[None, None, Job]:
        session = self._sessions.record(job, source, result)
        session.outputs.show_images(result, session.metadata)
        yield
        kept = session.show_labels(result)
        yield
        session.outputs.describe(stacked_features(session.tables), session.metadata)
        news = " ".join([*result.notes, kept]).strip()
        found = f"{count_objects(result.tables)} found with {result.model_name}"
        text = f"{found} in {time.monotonic() - began:.1f} s. {news}"
        self.said.emit(text.strip(), "warning" if kept else "info", news)
        return job

    def _on_adopted(self, name: str) -> None:
        self.adopted.emit(name)

    def _on_models(self, news: ModelNews) -> None:
        self.modelsChanged.emit(news)

    def _on_cancelled(self) -> None:
        again = "Run goes on where it was" if self._running_slide is not None else "no layer was changed"
        self.said.emit(f"Cancelled; {again}.", "info", "")

    def _on_failed(self, error: WNetError) -> None:
        self.said.emit(str(error), "error", str(error))

    def _on_finished(self) -> None:
        if self.busy:
            return  # the thread has ended, but its result is not all shown
        self._running = self._running_slide = self._sizing = None
        self.busyChanged.emit(False)
