"""Between layers and arrays: what is read from a layer, where results belong. No viewer, no Qt, nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes

from napari_wnet.core.image import to_planes
from napari_wnet.datasets.naming import IMAGE_SUFFIX, LABELS_SUFFIX, stem
from napari_wnet.errors import ImageError
from napari_wnet.io.images import is_image_name

Array = npt.NDArray[Any]
Index = tuple[int, ...]
"""Which plane of a stack; empty for a single plane."""

MARK = "napari_wnet"
"""Key of this plugin's entry in a layer's metadata."""
MAX_CHANNELS = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """What is to be segmented, as it was when Run was pressed.

    Attributes
    ----------
    name : str
        Of the layer.
    planes : (*lead, C, Y, X) array-like
        A view of the layer's data; a lazy array stays lazy.
    rgb : bool
        Whether the channels are colours.
    channels : tuple of int
        Which channels, in the model's order; empty: all.
    placement : mapping
        Options for layers of the results: scale, translate, units and so on of the axes (*lead, Y, X).
    channel_axis : int or None
        Which of the layer's axes holds the channels; None: none does.
    """

    name: str
    planes: Any
    rgb: bool = False
    channels: tuple[int, ...] = ()
    placement: Mapping[str, Any] = field(default_factory=dict)
    channel_axis: int | None = None

    @property
    def lead(self) -> tuple[int, ...]:
        """Shape of the axes before channel, Y and X."""
        return tuple(self.planes.shape[:-3])

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the labels: leading axes, Y, X."""
        return (*self.lead, *self.planes.shape[-2:])

    def indices(self) -> Iterator[Index]:
        """Every plane in order."""
        return np.ndindex(*self.lead)

    def plane(self, index: Index) -> Array:
        """Read one plane, (C, Y, X), with the chosen channels.

        Raises
        ------
        ImageError
            If a chosen channel does not exist.
        """
        plane = np.asarray(self.planes[index])
        if not self.channels:
            return plane
        if max(self.channels) >= plane.shape[0]:
            raise ImageError(f"'{self.name}' has {plane.shape[0]} channels; choose other ones than {self.channels}.")
        return plane[list(self.channels)]


def read_source(layer: Layer, *, channel_axis: int | None = None, channels: tuple[int, ...] = ()) -> Source:
    """Return what a layer holds, as planes with channels.

    Raises
    ------
    ImageError
        If it is no image layer or its axes do not fit; the message says what to choose.
    """
    if not isinstance(layer, Image):
        raise ImageError(f"'{layer.name}' is a {type(layer).__name__} layer; choose an image layer.")
    data = full_size(layer)
    if layer.rgb:
        channel_axis = None
    if 0 in data.shape:
        raise ImageError(f"'{layer.name}' has no pixels (shape {tuple(data.shape)}); choose another image.")
    return Source(
        name=layer.name,
        planes=to_planes(data, rgb=layer.rgb, channel_axis=channel_axis),
        rgb=layer.rgb,
        channels=() if channel_axis is None else channels,
        placement=placement(layer, dropped_axis=channel_axis),
        channel_axis=channel_axis,
    )


def placement(layer: Layer, *, dropped_axis: int | None = None) -> dict[str, Any]:
    """Return the options that put a result over a layer: its transform, units and axis names, less one axis."""
    keep = [axis for axis in range(layer.ndim) if dropped_axis is None or axis != dropped_axis % layer.ndim]
    square = np.ix_(keep, keep)
    affine = np.asarray(layer.affine.affine_matrix)
    with_offset = [*keep, layer.ndim]
    options: dict[str, Any] = {
        "scale": np.asarray(layer.scale)[keep],
        "translate": np.asarray(layer.translate)[keep],
        "rotate": np.asarray(layer.rotate)[square],
        "affine": affine[np.ix_(with_offset, with_offset)],
        "units": tuple(layer.units[axis] for axis in keep),
    }
    if dropped_axis is None:
        options["shear"] = np.asarray(layer.shear)
    if any(not label.startswith("-") for label in layer.axis_labels):  # else they are napari's numbers
        options["axis_labels"] = tuple(layer.axis_labels[axis] for axis in keep)
    return options


def channel_axes(layer: Layer) -> tuple[int, ...]:
    """Return the axes of an image layer that can hold channels; none for 2D and for colour."""
    if not isinstance(layer, Image) or layer.rgb or layer.ndim < 3:
        return ()
    shape = _shape(layer)
    return tuple(axis for axis in range(layer.ndim) if 1 <= shape[axis] <= MAX_CHANNELS)


def likely_channel_axis(layer: Layer, in_channels: int) -> int | None:
    """Guess which axis holds channels: the one named so, else one of exactly the length a model reads, if not 1."""
    axes = channel_axes(layer)
    named = [axis for axis in axes if layer.axis_labels[axis].lower() in ("c", "ch", "channel", "channels")]
    fitting = [axis for axis in axes if in_channels > 1 and _shape(layer)[axis] == in_channels]
    return next(iter(named or fitting), None)


def n_channels(layer: Layer, axis: int) -> int:
    """Return how many channels an axis holds."""
    return int(_shape(layer)[axis])


def n_planes(layer: Layer, channel_axis: int | None = None) -> int:
    """Return how many planes a layer holds besides its channels."""
    shape = list(_shape(layer))
    if channel_axis is not None:
        del shape[channel_axis]
    return int(np.prod(shape[:-2], dtype=int))


def displayed_index(layer: Layer, point: Iterable[float], channel_axis: int | None = None) -> Index:
    """Return which plane of a layer a viewer's position (in world coordinates) lies on."""
    position = np.round(np.asarray(layer.world_to_data(tuple(point)), float)).astype(int)
    inside = np.clip(position, 0, np.array(_shape(layer)) - 1)
    axes = [axis for axis in range(layer.ndim) if channel_axis is None or axis != channel_axis % layer.ndim]
    return tuple(int(inside[axis]) for axis in axes[:-2])


def is_candidate(layer: Layer) -> bool:
    """Tell whether a layer is an image that is not a result of this plugin."""
    return isinstance(layer, Image) and MARK not in layer.metadata


def is_foreground(layer: Layer) -> bool:
    """Tell whether a layer can say where objects may be: labels, shapes, or a boolean image, none of our results."""
    boolean = isinstance(layer, Image) and layer.dtype == np.bool_
    return (isinstance(layer, Labels | Shapes) or boolean) and MARK not in layer.metadata


def is_labels(layer: Layer) -> bool:
    """Tell whether a layer holds labels to work on: a person's, a file's or ours, but no mere picture of a model's."""
    return isinstance(layer, Labels) and layer.metadata.get(MARK, {}).get("kind", "labels") == "labels"


def image_for(labels: Layer, layers: Iterable[Layer]) -> Layer | None:
    """Guess which image among layers labels belong to.

    It is the one that they were made from, by its name; else one of the same size whose name says so, as those of files
    do (`a_labels.tif` and `a.tif`), the newest first; else the newest of the same size.
    """
    images = [layer for layer in layers if is_candidate(layer)]
    made_from = labels.metadata.get(MARK, {}).get("source", "")
    made = [layer for layer in images if layer.name == made_from]
    alike = [layer for layer in reversed(images) if fits(layer, tuple(labels.data.shape))]
    of_labels = _names(labels, LABELS_SUFFIX) | ({made_from} - {""})
    named = [layer for layer in alike if of_labels & _names(layer, IMAGE_SUFFIX)]
    return next(iter(made or named or alike), None)


def _names(layer: Layer, suffix: re.Pattern[str]) -> set[str]:
    """Return the names of a layer, its own and that of its file, with and without what says of which kind it is."""
    own = stem(Path(layer.name)) if is_image_name(layer.name) else layer.name
    names = {own} if layer.source.path is None else {own, stem(Path(layer.source.path))}
    return (names | {suffix.sub("", name) for name in names}) - {""}


def channel_axis_beside(image: Layer, labels: Layer) -> int | None:
    """Return which axis of an image its labels do not have, the one of channels; None if they have all.

    Raises
    ------
    ImageError
        If the labels do not go with the image.
    """
    shape = tuple(labels.data.shape)
    fitting = fits(image, shape)
    if not fitting:
        raise ImageError(
            f"'{image.name}' is {_shape(image)}, '{labels.name}' {shape}: they do not go together. Choose the labels "
            "of this image."
        )
    return fitting[0]


def fits(image: Layer, shape: tuple[int, ...]) -> list[int | None]:
    """Return the axes of an image without which it has a shape, the likeliest for channels first; None: with all."""
    full = _shape(image)
    if full == shape:
        return [None]
    likely = likely_channel_axis(image, 1)
    axes = sorted(channel_axes(image), key=lambda axis: axis != likely)
    return [axis for axis in axes if full[:axis] + full[axis + 1 :] == shape]


def piece_placement(
    layer: Layer, corner: npt.ArrayLike = (0.0, 0.0), size: npt.ArrayLike = (1.0, 1.0)
) -> dict[str, Any]:
    """Return the options that put a plane over a piece of a layer's last two axes.

    Parameters
    ----------
    layer : Layer
    corner : (float, float)
        Where the piece's first pixel has its centre, in the layer's pixels.
    size : (float, float)
        Height and width of the piece's pixels, in the layer's.
    """
    origin = np.asarray(layer.data_to_world((0,) * layer.ndim))[-2:]
    steps = [np.asarray(layer.data_to_world(tuple(place)))[-2:] - origin for place in np.eye(layer.ndim)[-2:]]
    to_world = np.eye(3)
    to_world[:2, :2], to_world[:2, 2] = np.stack(steps, axis=1), origin
    return {"scale": size, "translate": corner, "affine": to_world, "units": layer.units[-2:]}


def full_size(layer: Layer) -> Any:
    """Return a layer's array, the largest of a pyramid; one that is no numpy array is wrapped and stays lazy."""
    data = layer.data[0] if layer.multiscale else layer.data
    return data if isinstance(data, np.ndarray) else dask.array.asarray(data)


def _shape(layer: Layer) -> tuple[int, ...]:
    shape = full_size(layer).shape
    return tuple(shape[:-1] if getattr(layer, "rgb", False) else shape)


def stacked_features(tables: Mapping[Index, Mapping[str, Array]]) -> dict[str, Array]:
    """Put the measurements of planes together in one features table.

    A single plane's rows belong to labels through ``index``, as napari wants it. In a stack every plane counts its
    objects from 1, so rows name their plane and have an ``index`` that is no label: nothing wrong is ever shown.
    """
    if not tables:
        return {"index": np.zeros(0, int)}
    if set(tables) == {()}:
        columns = tables[()]
        return {"index": columns["label"], **columns}
    order = sorted(tables)
    parts = [len(tables[index]["label"]) for index in order]
    stacked: dict[str, Array] = {"index": -1 - np.arange(sum(parts))}
    for axis in range(len(order[0])):
        name = "plane" if len(order[0]) == 1 else f"plane_{axis}"
        stacked[name] = np.repeat([index[axis] for index in order], parts)
    for column in tables[order[0]]:
        stacked[column] = np.concatenate([tables[index][column] for index in order])
    return stacked
