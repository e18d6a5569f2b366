"""What the Measure dock does outside the GUI thread: planes of labels in, tables out."""

from __future__ import annotations

from collections.abc import Generator, Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Layer

from napari_wnet.core.measure import PixelSize, measure_plane
from napari_wnet.core.tables import FRAME, object_table, trait_table, with_growth
from napari_wnet.core.traits import plane_traits
from napari_wnet.reports import Progress
from napari_wnet.ui.layers import Index, Source
from napari_wnet.ui.requests import checksum

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneTables:
    """What was measured of a plane, and of which pixels and settings that holds."""

    key: Hashable
    objects: Mapping[str, Any]
    traits: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """What a labels layer is in numbers.

    Attributes
    ----------
    objects, traits : DataFrame
        A row for each object, and for each plane.
    names : tuple of str
        Columns of the axes before Y and X, the first of both tables.
    frames, object_growth : DataFrame or None
        Growth, where all planes of a stack with one further axis were measured.
    known : mapping of index to PlaneTables
    layer : Labels
        Which layer that is.
    """

    objects: DataFrame
    traits: DataFrame
    names: tuple[str, ...]
    frames: DataFrame | None
    object_growth: DataFrame | None
    known: Mapping[Index, PlaneTables]
    layer: Layer


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasureRequest:
    """What is to be measured.

    Attributes
    ----------
    layer : Labels
        Whose labels these are.
    labels : (*lead, Y, X) array-like
    indices : tuple of index
        Planes.
    names : tuple of str
        Of the axes before Y and X.
    source : Source or None
        The image.
    pixel_size : (float, float) or None
    interval, time_unit
        From frame to frame.
    known : mapping of index to PlaneTables
        What was measured before: planes that have not changed since are not measured again.
    """

    layer: Layer
    labels: Any
    indices: tuple[Index, ...]
    names: tuple[str, ...] = ()
    source: Source | None = None
    pixel_size: PixelSize | None = None
    interval: float = 1.0
    time_unit: str = FRAME
    known: Mapping[Index, PlaneTables] = field(default_factory=dict)


def measure_steps(request: MeasureRequest) -> Generator[Progress, None, Tables]:
    """Measure planes of labels.

    Raises
    ------
    ImageError
        If the labels are none, or the image does not fit them.
    """
    known: dict[Index, PlaneTables] = {}
    for done, index in enumerate(request.indices):
        yield Progress(done=done, total=len(request.indices), what="measuring")
        known[index] = _plane(request, index)
    frames = object_growth = None
    objects = object_table({index: known[index].objects for index in request.indices}, request.names)
    traits = trait_table({index: known[index].traits for index in request.indices}, request.names)
    if len(request.names) == 1 and len(request.indices) > 1:
        frames, object_growth = (
            with_growth(
                table.rename(columns={request.names[0]: "t"}), interval=request.interval, time_unit=request.time_unit
            )
            for table in (traits, objects)
        )
    return Tables(
        objects=objects,
        traits=traits,
        names=request.names,
        frames=frames,
        object_growth=object_growth,
        known=known,
        layer=request.layer,
    )


def _plane(request: MeasureRequest, index: Index) -> PlaneTables:
    labels = np.array(request.labels[index])  # a copy: somebody may be painting meanwhile
    source = request.source
    key = checksum(labels), labels.shape, request.pixel_size, source
    before = request.known.get(index)
    if before is not None and before.key == key:
        return before
    image = None if source is None else source.plane(index)
    if image is not None and source is not None and source.rgb:
        image = image[:3]
    return PlaneTables(
        key=key,
        objects=measure_plane(labels, image, request.pixel_size),
        traits=plane_traits(labels, request.pixel_size),
    )
