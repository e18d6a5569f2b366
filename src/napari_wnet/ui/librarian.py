"""The Models dock without its widgets: the list of models, changes to it, and who has to hear of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_wnet.errors import WNetError
from napari_wnet.network.addition import Addition
from napari_wnet.ui.hub import join_hub, tell_models
from napari_wnet.ui.models_work import (
    Change,
    added_steps,
    fetched_steps,
    removed_steps,
    renamed_steps,
    shelved_steps,
)
from napari_wnet.ui.requests import ModelNews
from napari_wnet.ui.runner import LatestRunner, Runner, Steps

if TYPE_CHECKING:
    from napari_wnet.network.shelf import ShelvedModel


class Librarian(QObject):
    """Lists models, and changes those of the user's own.

    Attributes
    ----------
    listed : Signal(tuple of ShelvedModel)
        All models, after they have been looked for.
    wanted : Signal(str)
        Name of the model to be looked at, when it is listed next.
    progressed : Signal(Progress)
    said : Signal(str, str, str)
        A message, "info", "warning" or "error", and the part of it that deserves a notification.
    busyChanged : Signal(bool)
        Whether something is being changed.
    """

    listed = Signal(object)
    wanted = Signal(str)
    progressed = Signal(object)
    said = Signal(str, str, str)
    busyChanged = Signal(bool)  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._hub = join_hub(viewer)
        self._hub.on_adopted(self._on_adopted)
        self._hub.on_models(self._on_news)
        self._open = True
        self._news: ModelNews | None = None
        self._renamed: tuple[str, str] | None = None
        self._lister, self._work = LatestRunner(self), Runner(self)
        self._lister.returned.connect(self._on_listed)
        self._work.progressed.connect(self.progressed)
        self._work.returned.connect(self._on_changed)
        self._work.cancelled.connect(self._on_cancelled)
        self._work.finished.connect(self._on_finished)
        for runner in (self._lister, self._work):
            runner.failed.connect(self._on_failed)

    @property
    def busy(self) -> bool:
        """Whether something is being changed."""
        return self._work.busy

    def refresh(self) -> None:
        """Look for models again, and tell all docks what there is."""
        self._lister.submit(shelved_steps)

    def add(self, addition: Addition) -> None:
        """Put a model among the user's own."""
        self._begin(added_steps(addition))

    def rename(self, name: str, new: str) -> None:
        """Give one of the user's own models another name."""
        self._begin(renamed_steps(name, new))

    def remove(self, name: str) -> None:
        """Delete one of the user's own models."""
        self._begin(removed_steps(name))

    def fetch_all(self) -> None:
        """Bring all models onto this machine."""
        self._begin(fetched_steps())

    def cancel(self) -> None:
        """End what is being done; nothing half is left."""
        self._work.cancel()

    def close(self) -> None:
        """Stop everything."""
        for runner in (self._lister, self._work):
            runner.cancel()
        if self._open:
            self._hub.forget_adopted(self._on_adopted)
            self._hub.forget_models(self._on_news)
            self._hub.leave()
        self._open = False

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._lister, self._work)])

    def _begin(self, steps: Steps) -> None:
        try:
            self._work.start(steps)
        except WNetError as error:
            self._on_failed(error)
        else:
            self.busyChanged.emit(True)

    def _on_changed(self, change: Change) -> None:
        self._renamed = change.renamed
        self.wanted.emit(change.name)
        self.said.emit(change.said, "info", "")
        self.refresh()

    def _on_listed(self, shelved: tuple[ShelvedModel, ...]) -> None:
        self.listed.emit(shelved)
        models = tuple((one.entry.name, one.entry.description) for one in shelved)
        renamed, self._renamed = self._renamed, None
        if renamed is not None and renamed[0] in dict(models):
            renamed = None  # a hidden file had the name; whoever has chosen the model of the package keeps that
        self._news = ModelNews(models=models, renamed=renamed)
        tell_models(self._news)

    def _on_news(self, news: ModelNews) -> None:
        """Look again when somebody else has changed something."""
        if self._news is None or news.models != self._news.models:
            self.refresh()

    def _on_adopted(self, name: str) -> None:
        self.wanted.emit(name)
        self.refresh()

    def _on_cancelled(self) -> None:
        self.said.emit("Cancelled; nothing half is left, and what had been done already is in the list.", "info", "")
        if self._open:  # the last step may have been done before it heard of it
            self.refresh()

    def _on_failed(self, error: WNetError) -> None:
        self.said.emit(str(error), "error", str(error))

    def _on_finished(self) -> None:
        self.busyChanged.emit(False)
