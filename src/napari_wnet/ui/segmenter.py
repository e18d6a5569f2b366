"""The Segment dock without its widgets: what runs, for which image, and where its results are shown."""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.errors import WNetError
from napari_wnet.ui.cache import MapsCache
from napari_wnet.ui.foreground import Foreground, read_foreground
from napari_wnet.ui.layers import Index, Source, displayed_index, read_source
from napari_wnet.ui.outputs import Outputs
from napari_wnet.ui.runner import LatestRunner, Runner
from napari_wnet.ui.settings import SegmentSettings
from napari_wnet.ui.work import (
    Catalog,
    Columns,
    Models,
    PlaneLabels,
    Reclustered,
    Request,
    RunResult,
    Tuning,
    catalog_steps,
    recluster_steps,
    run_steps,
    warm_up_steps,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What the dock points at: the layers, and a snapshot of its settings."""

    image: Layer
    foreground: Layer | None
    settings: SegmentSettings


@dataclass(kw_only=True, eq=False)
class Session:
    """What is known of an image that was segmented: enough to cluster it again."""

    source: Source
    outputs: Outputs
    basis: Hashable
    keys: Mapping[Index, Hashable]
    tables: Mapping[Index, Columns]
    in_channels: int
    metadata: Mapping[str, Any]


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
    said : Signal(str, str, str)
        A message for the dock, "info", "warning" or "error", and the part of it that deserves a notification.
    busyChanged : Signal(bool)
        Whether a run is going on.
    """

    catalogLoaded = Signal(object)  # noqa: N815
    modelLoaded = Signal(str, object)  # noqa: N815
    progressed = Signal(object)
    segmented = Signal(object)
    said = Signal(str, str, str)
    busyChanged = Signal(bool)  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self.cache = MapsCache()
        self._models = Models()
        self._sessions: WeakKeyDictionary[Layer, Session] = WeakKeyDictionary()
        self._job: Job | None = None
        self._source: Source | None = None
        self._began = 0.0
        self._tuned: Job | None = None
        self._had_labels, self._kept = False, ""
        self._wanted = ""
        self._catalog = Runner(self)
        self._catalog.returned.connect(self._on_catalog)
        self._loader = LatestRunner(self)
        self._loader.returned.connect(self._on_model)
        self._run = Runner(self)
        self._run.progressed.connect(self.progressed)
        self._run.returned.connect(self._on_run)
        self._run.cancelled.connect(self._on_cancelled)
        self._run.finished.connect(self._on_finished)
        self._tune = LatestRunner(self)
        self._tune.progressed.connect(self._on_plane)
        self._tune.returned.connect(self._on_tuned)
        for runner in (self._catalog, self._loader, self._run, self._tune):
            runner.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether a run is going on."""
        return self._run.busy

    @property
    def tuning(self) -> bool:
        """Whether cached maps are being clustered."""
        return self._tune.busy

    def load_catalog(self) -> None:
        """Find out which models and devices there are."""
        if not self._catalog.busy:
            self._catalog.start(catalog_steps())

    def load_model(self, name: str) -> None:
        """Read a model, to know what it recommends."""
        self._wanted = name
        self._loader.submit(self._model_steps)

    def run(self, job: Job) -> None:
        """Segment a job's image, unless something is wrong with it, which is said."""
        try:
            source, foreground = _read(job)
            everything = job.settings.planes == "all"
            request = Request(
                source=source,
                indices=list(source.indices()) if everything else [self._displayed(job)],
                model=job.settings.model,
                device=job.settings.device,
                params=job.settings.params,
                foreground=foreground,
                previous=self._previous(job.image),
            )
            self._run.start(run_steps(request, self._models, self.cache))
        except WNetError as error:
            self._on_failed(error)
            return
        self._tune.cancel()
        self._job, self._source, self._began = job, source, time.monotonic()
        self.busyChanged.emit(True)

    def tune(self, job: Job) -> None:
        """Cluster the cached maps of a job's image with its settings, if they were made with these settings."""
        session = self._sessions.get(job.image)
        if session is None or self.busy:
            return
        if session.basis != _basis(job.settings):
            self.said.emit("Press Run to apply this change: it needs the network.", "info", "")
            return
        self._tuned = job
        self._tune.submit(self._tuning_steps)

    def cancel(self) -> None:
        """Stop what runs; results that are complete stay."""
        if self.busy:
            self.said.emit("Cancelling...", "info", "")
        self._run.cancel()
        self._tune.cancel()

    def close(self) -> None:
        """Stop everything and give memory back."""
        for runner in (self._catalog, self._loader, self._run, self._tune):
            runner.cancel()
        self.cache.clear()

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._catalog, self._loader, self._run, self._tune)])

    def _model_steps(self) -> Any:
        return self._models.steps(self._wanted)

    def _tuning_steps(self) -> Any:
        """Describe the newest position of the sliders; called when the last one has been shown."""
        job, session = self._tuned, self._tuned_session()
        if job is None or session is None:
            raise WNetError("There is nothing to adjust; open an image and press Run.")
        self._had_labels, self._kept = session.outputs.labels is not None, ""
        _, foreground = _read(job)
        here = self._displayed(job)
        order = sorted(session.keys, key=lambda index: (index != here, index))
        tuning = Tuning(
            source=session.source,
            foreground=foreground,
            params=job.settings.params,
            in_channels=session.in_channels,
            keys={index: session.keys[index] for index in order},
            tables=session.tables,
            previous=session.outputs.snapshot(),
        )
        return recluster_steps(tuning, self.cache)

    def _on_catalog(self, catalog: Catalog | None) -> None:
        if catalog is not None:
            self.catalogLoaded.emit(catalog)
            self._catalog.start(warm_up_steps())

    def _on_model(self, model: Any) -> None:
        self.modelLoaded.emit(self._wanted, model.header)

    def _on_run(self, result: RunResult) -> None:
        job, source = self._job, self._source
        if job is None or source is None:
            return
        if job.image not in self._viewer.layers:
            self.said.emit(f"'{source.name}' was removed meanwhile; its labels were not added.", "info", "")
            return
        session = self._session(job, source, result)
        self._sessions[job.image] = session
        kept = session.outputs.publish(result, session.metadata)
        count = _objects(result.tables)
        news = " ".join([*result.notes, kept]).strip()
        text = f"{count} found with {result.model_name} in {time.monotonic() - self._began:.1f} s. {news}"
        self.said.emit(text.strip(), "warning" if kept else "info", news)
        self.segmented.emit(job)

    def _session(self, job: Job, source: Source, result: RunResult) -> Session:
        """Return what is known now; results of an earlier run stay valid for planes not run again on the same basis."""
        old = self._sessions.get(job.image)
        if old is not None and old.source.shape != source.shape:
            old = None
        outputs = Outputs(self._viewer, source.name, source.placement) if old is None else old.outputs
        outputs.move(source.placement)
        alike = old is not None and old.basis == _basis(job.settings)
        return Session(
            source=source,
            outputs=outputs,
            basis=_basis(job.settings),
            keys={**old.keys, **result.keys} if old is not None and alike else result.keys,
            tables={**old.tables, **result.tables} if old is not None and alike else result.tables,
            in_channels=result.in_channels,
            metadata=_metadata(job, result),
        )

    def _on_plane(self, plane: PlaneLabels) -> None:
        session = self._tuned_session()
        if session is None or (self._had_labels and session.outputs.labels is None):
            self._tune.cancel()  # deleted meanwhile: they are not to come back
            return
        kept = session.outputs.update(plane)
        self._had_labels = True
        self._kept = kept or self._kept
        if kept:
            self.said.emit(kept, "warning", kept)

    def _on_tuned(self, end: Reclustered) -> None:
        job, session = self._tuned, self._tuned_session()
        if job is None or session is None:
            return
        session.tables = end.tables
        session.metadata = {**session.metadata, "params": job.settings.params.to_dict()}
        session.outputs.describe(end.features, session.metadata)
        text = f"{_objects(end.tables)}. {self._kept}"
        if end.n_missing:
            text += f" {end.n_missing} of {len(session.keys)} planes are no longer in memory; press Run to update them."
        self.said.emit(text.strip(), "warning" if self._kept else "info", "")

    def _tuned_session(self) -> Session | None:
        """Return what the sliders work on, if its image is still there."""
        job = self._tuned
        return None if job is None or job.image not in self._viewer.layers else self._sessions.get(job.image)

    def _on_cancelled(self) -> None:
        self.said.emit("Cancelled; no layer was changed.", "info", "")

    def _on_failed(self, error: WNetError) -> None:
        self.said.emit(str(error), "error", str(error))

    def _on_finished(self) -> None:
        self._job = self._source = None
        self.busyChanged.emit(False)

    def _displayed(self, job: Job) -> Index:
        return displayed_index(job.image, self._viewer.dims.point, job.settings.axis)

    def _previous(self, image: Layer) -> Any:
        session = self._sessions.get(image)
        return None if session is None else session.outputs.snapshot()


def _read(job: Job) -> tuple[Source, Foreground | None]:
    settings = job.settings
    source = read_source(job.image, channel_axis=settings.axis, channels=settings.channels)
    return source, None if job.foreground is None else read_foreground(job.foreground, job.image, source)


def _basis(settings: SegmentSettings) -> Hashable:
    """Return what the maps depend on; the rest of the settings can change without the network."""
    return settings.model, settings.params.normalize, settings.channel_axis, settings.channels


def _objects(tables: Mapping[Index, Columns]) -> str:
    count = sum(len(table["label"]) for table in tables.values())
    return f"{count} object{'s' if count != 1 else ''}"


def _metadata(job: Job, result: RunResult) -> dict[str, Any]:
    return {
        "source": job.image.name,
        "model": result.model_name,
        "sha256": result.sha256,
        "params": job.settings.params.to_dict(),
        "settings": job.settings.to_dict(),
    }
