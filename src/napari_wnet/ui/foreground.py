"""The user's foreground: a layer that says where objects may be, as a mask of each plane."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes

from napari_wnet.errors import ImageError
from napari_wnet.ui.layers import Index, Source

Window = tuple[slice, slice]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class Foreground:
    """A snapshot of a foreground layer; shapes are drawn into a mask only when a plane is asked for.

    Attributes
    ----------
    name : str
        Of the layer.
    data : (Y, X) or (*lead, Y, X) array-like or None
        Non-zero is foreground; without leading axes it holds for every plane.
    shapes : tuple of (corners, shape type)
        In place of `data`; corners in pixels of the image, 2 columns for every plane, or those of the image.
    """

    name: str
    data: Any = None
    shapes: tuple[tuple[npt.NDArray[Any], str], ...] = ()

    def mask(self, index: Index, shape: tuple[int, int]) -> Mask:
        """Return the mask of one plane.

        Raises
        ------
        ImageError
            If the layer is not of the image's size.
        """
        mask = self._drawn(index, shape) if self.shapes else self._read(index)
        self._check(mask.shape, shape)
        return mask

    def lazy(self, shape: tuple[int, int]) -> Any:
        """Return the mask of a single plane as something that is read, or drawn, where it is sliced."""
        return Drawn(foreground=self, shape=shape) if self.shapes else self.data[(0,) * (self.data.ndim - 2)]

    def _check(self, own: tuple[int, ...], shape: tuple[int, ...]) -> None:
        if own != shape:
            raise ImageError(
                f"The foreground '{self.name}' has {' x '.join(map(str, own))} px, the image {shape[0]} x {shape[1]}; "
                "choose a foreground layer of the image's size."
            )

    def cropped(self, window: Window, shape: tuple[int, ...]) -> Foreground:
        """Return the foreground of a window of an image of a size.

        Raises
        ------
        ImageError
            If the layer is not of the image's size.
        """
        rows, columns = window
        if self.shapes:
            corner = rows.start, columns.start
            moved = [(np.append(part[:, :-2], part[:, -2:] - corner, axis=1), kind) for part, kind in self.shapes]
            return replace(self, shapes=tuple(moved))
        self._check(tuple(self.data.shape[-2:]), shape)
        return replace(self, data=self.data[..., rows, columns])

    def _read(self, index: Index) -> Mask:
        lead = self.data.ndim - 2
        if lead not in (0, len(index)):
            raise ImageError(f"The foreground '{self.name}' has {lead + 2} axes; it needs 2, or those of the image.")
        try:
            return np.asarray(self.data[index[:lead]]) != 0
        except IndexError as error:
            raise ImageError(f"The foreground '{self.name}' has fewer planes than the image.") from error

    def _drawn(self, index: Index, shape: tuple[int, int]) -> Mask:
        here = [(part[:, -2:], kind) for part, kind in self.shapes if part.shape[1] == 2 or _plane_of(part) == index]
        if not here:
            return np.zeros(shape, bool)
        flat = Shapes([part for part, _ in here], shape_type=[kind for _, kind in here])
        return np.asarray(flat.to_labels(shape)) > 0


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """A mask of shapes that is drawn where it is sliced: that of a slide would not fit into memory.

    Attributes
    ----------
    foreground : Foreground
    shape : (int, int)
    """

    foreground: Foreground
    shape: tuple[int, int]

    @property
    def dtype(self) -> np.dtype[np.bool_]:
        """Of the mask."""
        return np.dtype(bool)

    def __getitem__(self, window: Window) -> Mask:
        """Return a window of the mask."""
        rows, columns = window
        size = (rows.stop - rows.start, columns.stop - columns.start)
        return self.foreground.cropped(window, self.shape).mask((), size)


def read_foreground(layer: Layer, image: Layer, source: Source) -> Foreground:
    """Return a snapshot of a foreground layer that work outside the GUI thread can use.

    Raises
    ------
    ImageError
        If the layer is of another kind, or has no shapes.
    """
    if isinstance(layer, Shapes):
        if not len(layer.data):
            raise ImageError(f"The foreground '{layer.name}' has no shapes; draw one, or choose no foreground.")
        columns = _columns(layer, image, source)
        corners = [_in_pixels(part, layer, image)[:, columns] for part in layer.data]
        return Foreground(name=layer.name, shapes=tuple(zip(corners, layer.shape_type, strict=True)))
    if not isinstance(layer, Labels | Image):
        raise ImageError(f"A {type(layer).__name__} layer cannot be a foreground; choose labels, shapes or a mask.")
    return Foreground(name=layer.name, data=layer.data[0] if layer.multiscale else layer.data)


def _columns(layer: Layer, image: Layer, source: Source) -> list[int]:
    """Return which of the image's axes say where a shape is: those of planes too, if the layer has them."""
    n_axes = len(source.lead) + 2
    if source.channel_axis is not None and layer.ndim == image.ndim:
        # Drawn while one channel was seen, and meant for the plane, whatever its channels.
        return [axis for axis in range(image.ndim) if axis != source.channel_axis % image.ndim]
    return list(range(image.ndim))[-n_axes if layer.ndim == n_axes else -2 :]


def _in_pixels(corners: npt.NDArray[Any], layer: Layer, image: Layer) -> npt.NDArray[Any]:
    """Bring a shape's corners from its layer's coordinates to the image's pixels."""
    return np.array([image.world_to_data(layer.data_to_world(corner)) for corner in corners])


def _plane_of(corners: npt.NDArray[Any]) -> Index:
    return tuple(int(value) for value in np.round(corners[:, :-2].mean(axis=0)))
