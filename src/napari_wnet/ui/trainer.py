"""The Fine-tune dock without its widgets: what is learned from which layers, in what process, and what comes of it."""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_wnet.errors import ChannelsError, TrainingError, WNetError
from napari_wnet.flags import changed_flags
from napari_wnet.lock import FolderLock
from napari_wnet.network.names import check_name
from napari_wnet.process import in_process
from napari_wnet.project.training import REQUEST, STATE
from napari_wnet.reports import Progress
from napari_wnet.train_params import TrainParams
from napari_wnet.ui.archive import training_folder
from napari_wnet.ui.foreground import read_foreground
from napari_wnet.ui.hub import join_hub, tell_models
from napari_wnet.ui.layers import channel_axis_beside, displayed_index, placement, read_source
from napari_wnet.ui.learn_box import LearnFrom
from napari_wnet.ui.requests import ModelNews
from napari_wnet.ui.runner import Runner
from napari_wnet.ui.settled import settled

if TYPE_CHECKING:
    from napari_wnet.fine_tune import TrainingPair
    from napari_wnet.fine_tune.worker import FineTuneOutcome, FineTuneRequest

LEAVE_S = 5.0
"""How long to wait for a training to end when its dock is closed."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LayerPair:
    """Layers to learn from.

    Attributes
    ----------
    image, labels : Layer
    region : Layer or None
        Where everything is labelled.
    """

    image: Layer
    labels: Labels
    region: Layer | None = None


class Trainer(QObject):
    """Fine-tunes a model in a process of its own.

    Attributes
    ----------
    reported : Signal(object)
        EpochReport or Progress.
    learned : Signal(FineTuneOutcome)
        The training has ended; its model is in a temporary folder until it is adopted.
    adopted : Signal(str)
        Name of a model that is now among the user's.
    modelsChanged : Signal(ModelNews)
        Other models can be chosen.
    said : Signal(str, str, str)
        A message, "info", "warning" or "error", and the part of it that deserves a notification.
    busyChanged : Signal(bool)
        Whether a training is going on.
    channelsDiffer : Signal()
        A training has ended as the images have other channels than the model.
    """

    reported = Signal(object)
    learned = Signal(object)
    adopted = Signal(str)
    modelsChanged = Signal(object)  # noqa: N815
    said = Signal(str, str, str)
    busyChanged = Signal(bool)  # noqa: N815
    channelsDiffer = Signal()  # noqa: N815

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._hub = join_hub(viewer)
        self._hub.on_models(self._on_models)
        self._open = True
        self._folder: Path | None = None
        self._lock: FolderLock | None = None
        self._leaving = False
        self._train, self._keep = Runner(self), Runner(self)
        self._train.progressed.connect(self.reported)
        self._train.returned.connect(self._on_learned)
        self._train.cancelled.connect(self._on_cancelled)
        self._train.failed.connect(self._on_failed)
        self._train.finished.connect(self._on_finished)
        self._keep.returned.connect(self._on_kept)
        self._keep.failed.connect(self._complain)
        self.outcome: FineTuneOutcome | None = None

    @property
    def busy(self) -> bool:
        """Whether a training is going on."""
        return self._train.busy

    @property
    def waiting(self) -> bool:
        """Whether a new model waits to be adopted or discarded."""
        return self.outcome is not None and not self._keep.busy

    def training_pairs(self, pairs: Sequence[LayerPair], learn: LearnFrom) -> tuple[list[TrainingPair], list[str]]:
        """Return snapshots of layers, and the names of those in colour.

        Raises
        ------
        WNetError
            If layers do not go together, or say nothing.
        """
        if not pairs:
            raise TrainingError("There is nothing to learn from: choose an image and its labels.")
        read: list[TrainingPair] = []
        colour: list[str] = []
        for pair in pairs:
            snapshot, rgb = self._snapshot(pair, learn)
            name, count = snapshot.name, sum(one.name.split(" #")[0] == snapshot.name for one in read)
            snapshot = replace(snapshot, name=f"{name} #{count + 1}" if count else name)
            read.append(snapshot)
            colour += [snapshot.name] if rgb else []
        return read, colour

    def start(self, request: FineTuneRequest) -> None:
        """Begin to learn.

        Raises
        ------
        WNetError
            If a training is going on already, here or in another dock of this viewer, or one that was cut short would
            be overwritten.
        """
        if self._hub.training:
            raise WNetError("A training is going on already; stop it or wait for it before another one is started.")
        if self._keep.busy:
            raise WNetError("The last model is being saved; press Start again in a moment.")
        if not request.resumable and self.interrupted() is not None:
            raise WNetError("A training that was cut short waits here: press Resume, or Forget to begin another.")
        from napari_wnet.fine_tune.worker import fine_tune_to_file

        self.discard()
        request = self._placed(request)
        self._train.start(in_process(fine_tune_to_file, request, threads=n_threads()))
        self._hub.training = True
        self.busyChanged.emit(True)

    def interrupted(self) -> Path | None:
        """Return the folder of a training that a crash has ended, if there is one and no window is at it."""
        folder = training_folder()
        if self._folder is not None or not (folder / REQUEST).is_file():
            return None
        try:
            FolderLock(folder).release()
        except WNetError:
            return None
        return folder

    def resume(self) -> FineTuneRequest | None:
        """Take up the training that was interrupted; return what it learns.

        Raises
        ------
        WNetError
            If it cannot be read, or another one is going on.
        """
        folder = self.interrupted()
        if folder is None:
            return None
        from napari_wnet.fine_tune.interrupted import load_request

        request = load_request(folder)
        self.start(request)
        return request

    def forget(self) -> None:
        """Remove what is left of a training that was interrupted."""
        folder = self.interrupted()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)

    def _placed(self, request: FineTuneRequest) -> FineTuneRequest:
        """Return a request whose model goes to the folder that outlives a crash, or, if that is taken, to another."""
        folder = training_folder()
        try:
            self._lock = FolderLock(folder)
        except WNetError:
            folder = Path(tempfile.mkdtemp(prefix="napari-wnet-"))
        else:
            if not request.resumable:
                (folder / STATE).unlink(missing_ok=True)  # of a training whose request is gone: it is not this one's
        self._folder = folder
        return replace(request, out=folder / "new.safetensors", resumable=self._lock is not None)

    def stop(self) -> None:
        """End the training; the best so far is kept."""
        self.said.emit("Stopping; the best model so far is kept...", "info", "")
        self._train.stop()

    def cancel(self) -> None:
        """End the training and keep nothing."""
        self._train.cancel()

    def adopt(self, name: str) -> None:
        """Put the new model among the user's under a name."""
        if self.outcome is None:
            return
        try:
            wanted = check_name(name)
        except WNetError as error:
            self._complain(error)
            return
        if not self._keep.busy:
            self._keep.start(_adopt_steps(self.outcome.path, wanted))

    def discard(self) -> None:
        """Forget the new model; nothing is left of it."""
        self.outcome = None
        if self._lock is not None:
            self._lock.release()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = self._lock = None

    def close(self) -> None:
        """Stop everything; a training that goes on can be taken up again later."""
        self._leaving = self._lock is not None and (self._train.busy or self.outcome is not None)
        self._train.cancel()
        self._keep.cancel()
        if self._leaving and self._lock is not None:
            self._train.wait(LEAVE_S)
            self._lock.release()
        else:
            self.discard()
        if self._open:
            self._hub.training = self._hub.training and not self._train.busy
            self._hub.forget_models(self._on_models)
            self._hub.leave()
        self._open = False

    def wait(self, seconds: float) -> bool:
        """Wait for the threads to end and tell whether they have."""
        return all([runner.wait(seconds) for runner in (self._train, self._keep)])

    def _snapshot(self, pair: LayerPair, learn: LearnFrom) -> tuple[TrainingPair, bool]:
        from napari_wnet.fine_tune import TrainingPair

        channel_axis = channel_axis_beside(pair.image, pair.labels)
        source = read_source(pair.image, channel_axis=channel_axis)
        index = displayed_index(pair.image, self._viewer.dims.point, channel_axis)
        labels = np.asarray(pair.labels.data)
        if not np.issubdtype(labels.dtype, np.integer):
            raise TrainingError(f"'{pair.labels.name}' holds {labels.dtype} values; labels are integers.")
        scale = placement(pair.image, dropped_axis=channel_axis)["scale"]
        if not np.allclose(scale[-2:], pair.labels.scale[-2:]):
            raise TrainingError(
                f"'{pair.image.name}' and '{pair.labels.name}' have different scales, so they lie apart in the viewer; "
                "choose the labels of this image, or give both the same scale."
            )
        region = None
        if learn == "region":
            if pair.region is None:
                raise TrainingError(f"Choose a region layer for '{pair.image.name}', or learn from everything.")
            region = read_foreground(pair.region, pair.image, source).mask(index, (source.shape[-2], source.shape[-1]))
        done = settled(pair.labels).done(index) if learn == "done" else None
        image = np.array(source.plane(index))
        # A copy: what is edited while it trains is for the next time.
        plane = np.array(labels[index])
        return TrainingPair(image=image, labels=plane, name=pair.image.name, region=region, done=done), source.rgb

    def _on_learned(self, outcome: FineTuneOutcome) -> None:
        self.outcome = outcome
        self.learned.emit(outcome)

    def _on_cancelled(self) -> None:
        if self._leaving:
            return
        self.discard()
        self.said.emit("Cancelled; nothing is kept of it.", "info", "")

    def _on_failed(self, error: WNetError) -> None:
        self.discard()
        self._complain(error)
        if isinstance(error, ChannelsError):
            self.channelsDiffer.emit()

    def _on_finished(self) -> None:
        self._hub.training = False
        self.busyChanged.emit(False)

    def _on_kept(self, kept: tuple[str, ModelNews]) -> None:
        name, news = kept
        self.discard()
        tell_models(news)  # the docks of other viewers too
        self._hub.tell_adopted(name)
        self.adopted.emit(name)

    def _on_models(self, news: ModelNews) -> None:
        self.modelsChanged.emit(news)

    def _complain(self, error: WNetError) -> None:
        self.said.emit(str(error), "error", str(error))


def n_threads() -> int:
    """Return how many processor threads a training takes: one core is left to the viewer."""
    return max(1, (os.cpu_count() or 2) - 1)


def _adopt_steps(path: Path, name: str) -> Generator[Progress, None, tuple[str, ModelNews]]:
    yield Progress(done=0, total=0, what="saving the model")
    from napari_wnet.network.catalog import list_models
    from napari_wnet.network.own import adopt_model

    adopt_model(path, name)
    return name, ModelNews(models=tuple((entry.name, entry.description) for entry in list_models()))


def command_for(request: FineTuneRequest, folder: Path, default: TrainParams) -> str:
    """Return the command that learns the same from a folder into which the pairs were saved."""
    words = ["napari-wnet", "train", "--fine-tune", "--init", request.base]
    images, labels = request.images_dir or str(folder / "images"), request.labels_dir or str(folder / "labels")
    words += ["--images", images, "--labels", labels]
    words += ["--regions", str(folder / "regions")] if any(pair.region is not None for pair in request.pairs) else []
    words += ["--done", str(folder / "done.json")] if any(pair.done is not None for pair in request.pairs) else []
    words += ["--adapt-channels"] if request.adapt_channels else []
    # The number of threads decides in which order floats are added up, and so the last digits of every loss.
    words += ["--device", request.device, "--threads", str(n_threads()), *changed_flags(request.params, default)]
    return shlex.join([*words, "--out", str(folder / "new.safetensors")])
