"""The user's foreground: a layer that says where objects may be, as a mask of each plane."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes

from napari_wnet.errors import ImageError
from napari_wnet.ui.layers import Index, Source

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
        if mask.shape != shape:
            raise ImageError(
                f"The foreground '{self.name}' has {' x '.join(map(str, mask.shape))} px, the image {shape[0]} x "
                f"{shape[1]}; choose a foreground layer of the image's size."
            )
        return mask

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
        n_axes = len(source.lead) + 2
        n_axes = n_axes if layer.ndim == n_axes else 2
        corners = [_in_pixels(part, layer, image)[:, -n_axes:] for part in layer.data]
        return Foreground(name=layer.name, shapes=tuple(zip(corners, layer.shape_type, strict=True)))
    if not isinstance(layer, Labels | Image):
        raise ImageError(f"A {type(layer).__name__} layer cannot be a foreground; choose labels, shapes or a mask.")
    return Foreground(name=layer.name, data=layer.data[0] if layer.multiscale else layer.data)


def _in_pixels(corners: npt.NDArray[Any], layer: Layer, image: Layer) -> npt.NDArray[Any]:
    """Bring a shape's corners from its layer's coordinates to the image's pixels."""
    return np.array([image.world_to_data(layer.data_to_world(corner)) for corner in corners])


def _plane_of(corners: npt.NDArray[Any]) -> Index:
    return tuple(int(value) for value in np.round(corners[:, :-2].mean(axis=0)))
