"""What the Segment dock does outside the GUI thread: generators without Qt, arrays in and arrays out."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Hashable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Labels as LabelsLayer

from napari_wnet.core.clustering import cluster
from napari_wnet.core.columns import LIVE
from napari_wnet.core.doubt import Doubts, doubts
from napari_wnet.core.embedding_view import ColourAxes, embedding_rgb
from napari_wnet.core.extras import check_installed
from napari_wnet.core.image import check_image, is_informative, match_channels
from napari_wnet.core.maps import Maps
from napari_wnet.core.measure import measure_plane
from napari_wnet.core.prompts import usual_length
from napari_wnet.errors import ImageError
from napari_wnet.params import SegmentParams
from napari_wnet.reports import Progress
from napari_wnet.ui.cache import MapsCache
from napari_wnet.ui.foreground import Foreground
from napari_wnet.ui.layers import Index, Source, stacked_features
from napari_wnet.ui.requests import (
    Array,
    Catalog,
    Columns,
    Labels,
    PlaneLabels,
    Reclustered,
    Request,
    RunResult,
    Tuning,
    checksum,
)
from napari_wnet.ui.size_advice import size_advice

if TYPE_CHECKING:
    from napari_wnet.network.checkpoint import Model


@dataclass
class Models:
    """The models used last, so that pressing Run again reads no file."""

    limit: int = 2
    _loaded: dict[Hashable, Model] = field(default_factory=dict)

    def steps(self, name: str) -> Generator[Progress, None, Model]:
        """Load a model by name or from a file, unless it is at hand and the file is unchanged.

        Raises
        ------
        ModelError
            If there is none, or no longer.
        """
        from napari_wnet.network.catalog import Places  # torch: seconds, and not on the GUI thread
        from napari_wnet.network.registry import load_steps

        own = Places.from_environment().user / f"{name}.safetensors"
        path = Path(name) if Path(name).is_file() else own
        key = (name, path.stat().st_mtime_ns if path.is_file() else 0)
        if key not in self._loaded:
            yield Progress(done=0, total=0, what=f"loading {Path(name).stem}")
            model = yield from load_steps(name)
            while len(self._loaded) >= self.limit:
                self._loaded.pop(next(iter(self._loaded)))
            self._loaded[key] = model
        return self._loaded[key]


def catalog_steps() -> Generator[Progress, None, Catalog]:
    """Find out which models and devices there are; importing torch alone takes a second or more."""
    yield Progress(done=0, total=0, what="looking for models")
    from napari_wnet.network.device import available_devices
    from napari_wnet.network.registry import list_models

    models = tuple((entry.name, entry.description) for entry in list_models())
    return Catalog(models=models, devices=tuple(available_devices()))


def warm_up_steps() -> Generator[Progress, None, None]:
    """Do once, unseen, what napari does for the first labels layer of a session: seconds of imports and compiling."""
    yield Progress(done=0, total=0, what="getting ready")
    LabelsLayer(np.zeros((2, 2), np.int32), features={"index": [0]})


def run_steps(request: Request, models: Models, cache: MapsCache) -> Generator[Progress, None, RunResult]:
    """Segment the planes of a request.

    A plane that cannot be used is left empty and noted, as long as another one can be.

    Raises
    ------
    WNetError
        If no plane can be used, or the model or the device cannot.
    """
    model = yield from models.steps(request.model)
    params = request.params or model.header.params
    check_installed(params.clustering.method)
    run = _Run(request, model)
    for number, index in enumerate(request.indices):
        try:
            image = prepared(request.source, index, model.header.config.in_channels, run.notes)
            mask = _mask(request.foreground, index, image.shape[-2:])
        except ImageError as error:
            run.refuse(index, error)
            continue
        if not is_informative(image):
            run.notes.append(f"{run.name(index)} has one value everywhere: there is nothing to find in it.")
        key, maps = yield from _mapped((image, number), (model, params), request, cache)
        yield Progress(done=number + 1, total=len(request.indices), what="clustering")
        labels = cluster(maps, params.clustering, mask)
        run.add(index, key, labels, image)
        run.show(index, maps, mask)
    return run.result()


class _Run:
    """The results of a run as they come together, plane by plane."""

    def __init__(self, request: Request, model: Model) -> None:
        shape = request.source.shape
        self.request, self.model = request, model
        self.distance, self.picture = np.zeros(shape, np.float32), np.zeros((*shape, 3), np.uint8)
        self.labels = np.zeros(shape, np.int32)
        self.axes: ColourAxes | None = None
        self.keys: dict[Index, Hashable] = {}
        self.tables: dict[Index, Columns] = {}
        self.notes: list[str] = []
        self.problems: list[ImageError] = []

    def add(self, index: Index, key: Hashable, labels: Labels, image: Array) -> None:
        self.keys[index], self.tables[index] = key, measure_plane(labels, image, properties=LIVE)
        self.labels[index] = labels

    def show(self, index: Index, maps: Maps, mask: npt.NDArray[np.bool_] | None) -> None:
        """Draw the maps of a plane; all planes have the colours of the first one in which there is something."""
        foreground = mask if maps.foreground is None else maps.foreground
        if self.axes is None and (foreground is None or (foreground > 0.5).any()):
            self.axes = ColourAxes.fit(maps.embedding, foreground)
        self.distance[index] = maps.distance
        self.picture[index] = embedding_rgb(maps.embedding, foreground, self.axes)

    def refuse(self, index: Index, problem: ImageError) -> None:
        self.problems.append(problem)
        self.notes.append(f"{self.name(index)} is left empty. {problem}")

    def name(self, index: Index) -> str:
        name = f"'{self.request.source.name}'"
        return f"Plane {', '.join(map(str, index))} of {name}" if index else name

    def result(self) -> RunResult:
        if not self.tables:
            raise self.problems[0]
        if not any(len(table["label"]) for table in self.tables.values()):
            self.notes.append(
                "No object was found. Estimate the object diameter, try a lower seed or foreground threshold, or "
                "another model."
            )
        params = self.request.params or self.model.header.params
        advice = size_advice((self.labels[index] for index in self.tables), params, self.model.header)
        self.notes += [advice] if advice else []
        return RunResult(
            distance=self.distance,
            picture=self.picture,
            labels=self.labels,
            indices=tuple(self.tables),
            keys=self.keys,
            tables=self.tables,
            checksums={index: checksum(self.labels[index]) for index in self.tables},
            model_name=self.model.header.name,
            sha256=self.model.sha256,
            in_channels=self.model.header.config.in_channels,
            edited=None if self.request.previous is None else self.request.previous.if_edited(),
            notes=tuple(dict.fromkeys(self.notes)),
        )


def maps_steps(request: Request, models: Models, cache: MapsCache) -> Generator[Progress, None, dict[Index, Hashable]]:
    """Compute the maps of a request's planes, and return the keys under which they are cached.

    Raises
    ------
    WNetError
        If the model, the device or a plane cannot be used.
    """
    model = yield from models.steps(request.model)
    params = request.params or model.header.params
    keys: dict[Index, Hashable] = {}
    for number, index in enumerate(request.indices):
        image = prepared(request.source, index, model.header.config.in_channels, [])
        keys[index], _ = yield from _mapped((image, number), (model, params), request, cache)
    return keys


def _mapped(
    plane: tuple[Array, int], way: tuple[Model, SegmentParams], request: Request, cache: MapsCache
) -> Generator[Progress, None, tuple[Hashable, Maps]]:
    """Make sure that the maps of a plane are cached, and return them with their key."""
    from napari_wnet.pipeline import predict_steps  # torch again

    (image, number), (model, params) = plane, way
    key = _key(image, model, params)
    maps = cache.get(key)
    if maps is None:
        steps = predict_steps(image, model, params, device=request.device)
        maps = yield from _scaled(steps, number, len(request.indices))
        cache.put(key, maps)
    return key, maps


def recluster_steps(tuning: Tuning, cache: MapsCache) -> Generator[PlaneLabels, None, Reclustered]:
    """Cluster cached maps again, the planes in the order given; the network is never run."""
    edited = None if tuning.previous is None else tuning.previous.if_edited()
    tables, n_missing = dict(tuning.tables), 0
    for index, key in tuning.keys.items():
        maps = cache.get(key)
        if maps is None:
            n_missing += 1
            continue
        kept = None if tuning.previous is None else tuning.previous.kept(index)
        labels = cluster(maps, tuning.params.clustering, _mask(tuning.foreground, index, maps.shape), kept)
        yield PlaneLabels(index=index, labels=labels, checksum=checksum(labels), edited=edited)
        # After the labels are on their way to the screen, and never for a position the slider has already left.
        image = prepared(tuning.source, index, tuning.in_channels, [])
        tables[index] = measure_plane(labels, image, properties=LIVE)
    return Reclustered(tables=tables, features=stacked_features(tables), n_missing=n_missing)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """The objects of a plane by doubt, of which layer and plane they are, and what was measured meanwhile.

    `table` is None where the layer is none of ours; `usual_px` is how long its objects are, 0 without any.
    """

    doubts: Doubts
    layer: LabelsLayer | None
    index: Index
    table: Columns | None
    usual_px: float


def doubt_steps(
    plane: Array, maps: Maps | None, where: tuple[LabelsLayer | None, Index, tuple[Source, int] | None]
) -> Generator[Progress, None, Ranked]:
    """Rank the objects of a plane, and measure them anew where their layer is one of ours."""
    yield Progress(done=0, total=0, what="ranking")
    labels, (layer, index, image) = plane.copy(), where
    table = None
    if image is not None:
        table = measure_plane(labels, prepared(image[0], index, image[1], []), properties=LIVE)
    return Ranked(
        doubts=doubts(labels, maps),
        layer=layer,
        index=index,
        table=table,
        usual_px=usual_length(labels),
    )


def _scaled(steps: Generator[Progress, None, Maps], number: int, n_planes: int) -> Generator[Progress, None, Maps]:
    """Pass on a plane's progress as progress over all planes."""
    plane = f"plane {number + 1} of {n_planes}, " if n_planes > 1 else ""
    with closing(steps):
        while True:
            try:
                report = next(steps)
            except StopIteration as end:
                return end.value
            total = max(report.total, 1)
            what = f"{plane}tile {min(report.done + 1, total)} of {total}"
            yield Progress(done=number * total + report.done, total=n_planes * total, what=what)


def prepared(source: Source, index: Index, in_channels: int, notes: list[str]) -> Array:
    """Read a plane as the model wants it, (in_channels, Y, X)."""
    image, note = match_channels(source.plane(index), in_channels, rgb=source.rgb)
    if note:
        notes.append(note)
    check_image(image, f"'{source.name}'")
    return image


def _mask(foreground: Foreground | None, index: Index, shape: tuple[int, ...]) -> npt.NDArray[np.bool_] | None:
    return None if foreground is None else foreground.mask(index, (shape[0], shape[1]))


def _key(image: Array, model: Model, params: SegmentParams) -> Hashable:
    """Identify maps by what they depend on: the pixels, the weights and the normalisation, not the tiles."""
    return zlib.crc32(np.ascontiguousarray(image).data), image.shape, image.dtype.str, model.sha256, params.normalize
