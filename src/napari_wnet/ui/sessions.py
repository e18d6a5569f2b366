"""What the dock points at, and what is known of every image that was segmented."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Layer

from napari_wnet.ui.foreground import Foreground, read_foreground
from napari_wnet.ui.layers import Index, Source, displayed_index, read_source
from napari_wnet.ui.outputs import Outputs
from napari_wnet.ui.requests import Columns, RunResult, Snapshot, Tuning
from napari_wnet.ui.settings import SegmentSettings
from napari_wnet.ui.slides import Window, cropped


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What the dock points at: the layers, a snapshot of its settings, and the part of the image that is meant."""

    image: Layer
    foreground: Layer | None
    settings: SegmentSettings
    window: Window | None = None

    @property
    def basis(self) -> Hashable:
        """What the maps depend on; the rest of the settings can change without the network."""
        settings = self.settings
        return settings.model, settings.params.normalize, settings.channel_axis, settings.channels

    def read(self) -> tuple[Source, Foreground | None]:
        """Return snapshots of the layers.

        Raises
        ------
        ImageError
            If a layer cannot be what it is chosen for.
        """
        source = read_source(self.image, channel_axis=self.settings.axis, channels=self.settings.channels)
        foreground = None if self.foreground is None else read_foreground(self.foreground, self.image, source)
        if self.window is None:
            return source, foreground
        if foreground is not None:
            foreground = foreground.cropped(self.window, source.shape[-2:])
        return cropped(source, self.image, self.window), foreground


@dataclass(kw_only=True, eq=False)
class Session:
    """What is known of an image that was segmented: enough to cluster it again."""

    source: Source
    data: Any
    outputs: Outputs
    basis: Hashable
    keys: Mapping[Index, Hashable]
    tables: Mapping[Index, Columns]
    in_channels: int
    metadata: Mapping[str, Any]
    window: Window | None = None

    def tuning(self, job: Job, here: Index) -> Tuning:
        """Return what clustering the cached maps again needs, the plane that is seen first.

        Raises
        ------
        ImageError
            If the foreground layer cannot be one.
        """
        order = sorted(self.keys, key=lambda index: (index != here, index))
        return Tuning(
            source=self.source,
            foreground=replace(job, window=self.window).read()[1],
            params=job.settings.params,
            in_channels=self.in_channels,
            keys={index: self.keys[index] for index in order},
            tables=self.tables,
            previous=self.outputs.snapshot(),
        )

    def show_labels(self, result: RunResult) -> str:
        """Show the labels of a run, and return what is to be said; a new layer has nothing of earlier runs in it."""
        before = self.outputs.labels
        said = self.outputs.show_labels(result)
        if self.outputs.labels is not before:
            self.keys, self.tables = result.keys, result.tables
        return said


class Sessions:
    """The sessions of a viewer's images; one is forgotten with its layer."""

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._sessions: WeakKeyDictionary[Layer, Session] = WeakKeyDictionary()

    def of(self, image: Layer) -> Session | None:
        """Return the session of an image that is still in the viewer."""
        return self._sessions.get(image) if image in self._viewer.layers else None

    def image_of(self, labels: Layer) -> Layer | None:
        """Return the image whose session made these labels."""
        return next((image for image, session in self._sessions.items() if session.outputs.labels is labels), None)

    def snapshot(self, image: Layer) -> Snapshot | None:
        """Return the labels that a run would replace."""
        session = self.of(image)
        return None if session is None else session.outputs.snapshot()

    def displayed(self, job: Job) -> Index:
        """Return which plane is seen."""
        return displayed_index(job.image, self._viewer.dims.point, job.settings.axis)

    def record(self, job: Job, source: Source, result: RunResult) -> Session:
        """Note what a run gave; what is known of other planes stays, where it was made in the same way."""
        old = self.of(job.image)
        if old is not None and old.source.shape != source.shape:
            old = None
        outputs = Outputs(self._viewer, source.name, source.placement) if old is None else old.outputs
        same_part = old is None or old.window == job.window
        outputs.move(source.placement, with_labels=same_part)
        alike = old is not None and old.basis == job.basis and same_part
        session = self._sessions[job.image] = Session(
            source=source,
            data=job.image.data,
            outputs=outputs,
            basis=job.basis,
            keys={**old.keys, **result.keys} if old is not None and alike else result.keys,
            tables={**old.tables, **result.tables} if old is not None and alike else result.tables,
            in_channels=result.in_channels,
            metadata=_metadata(job, result),
            window=job.window,
        )
        return session


def count_objects(tables: Mapping[Index, Columns]) -> str:
    """Return the number of measured objects, in words."""
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
