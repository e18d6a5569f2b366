"""What the sliders do: cached maps are clustered again, live, and never the network."""

from __future__ import annotations

from qtpy.QtCore import QObject, Signal

from napari_wnet.errors import WNetError
from napari_wnet.ui.cache import MapsCache
from napari_wnet.ui.requests import PlaneLabels, Reclustered
from napari_wnet.ui.runner import LatestRunner, Steps
from napari_wnet.ui.sessions import Job, Session, Sessions, count_objects
from napari_wnet.ui.work import recluster_steps


class Tuner(QObject):
    """Clusters the cached maps of a job's image, the newest job only.

    Attributes
    ----------
    said : Signal(str, str, str)
        As :class:`napari_wnet.ui.segmenter.Segmenter` says it.
    """

    said = Signal(str, str, str)

    def __init__(self, sessions: Sessions, cache: MapsCache, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._sessions, self._cache = sessions, cache
        self._wanted: Job | None = None
        self._job: Job | None = None
        self._had_labels, self._kept = False, ""
        self._revision = 0
        self.runner = LatestRunner(self)
        self.runner.progressed.connect(self._on_plane)
        self.runner.returned.connect(self._on_end)
        self.runner.failed.connect(self._on_failed)

    def submit(self, job: Job) -> None:
        """Apply a job's settings to what is cached, if that was made from the same image in the same way."""
        session = self._sessions.of(job.image)
        if session is None:
            return
        if session.basis != job.basis or session.data is not job.image.data:
            self.said.emit("Press Run to apply this: the network has to look again.", "info", "")
            return
        self._wanted = job
        self.runner.submit(self._steps)

    def _steps(self) -> Steps:
        """Describe the newest position of the sliders; called when the last one has been shown."""
        job = self._job = self._wanted
        session = self._session()
        if job is None or session is None:
            raise WNetError("There is nothing to adjust; open an image and press Run.")
        self._had_labels, self._kept = session.outputs.labels is not None, ""
        self._revision = session.outputs.revision
        return recluster_steps(session.tuning(job, self._sessions.displayed(job)), self._cache)

    def _session(self) -> Session | None:
        return None if self._job is None else self._sessions.of(self._job.image)

    def _on_plane(self, plane: PlaneLabels) -> None:
        session = self._session()
        if session is None or (self._had_labels and session.outputs.labels is None):
            self.runner.cancel()  # deleted meanwhile: they are not to come back
            return
        if session.outputs.revision != self._revision:
            self.runner.submit(self._steps)  # edited meanwhile: what was just made does not know of it
            return
        kept = session.outputs.update(plane)
        self._had_labels = True
        self._kept = kept or self._kept
        if kept:
            self.said.emit(kept, "warning", kept)

    def _on_end(self, end: Reclustered) -> None:
        job, session = self._job, self._session()
        if job is None or session is None:
            return
        session.tables = end.tables
        session.metadata = {**session.metadata, "params": job.settings.params.to_dict()}
        session.outputs.describe(end.features, session.metadata)
        text = f"{count_objects(end.tables)}. {self._kept}"
        if end.n_missing:
            text += f" {end.n_missing} of {len(session.keys)} planes are no longer in memory; press Run to update them."
        self.said.emit(text.strip(), "warning" if self._kept else "info", "")

    def _on_failed(self, error: WNetError) -> None:
        self.said.emit(str(error), "error", str(error))
