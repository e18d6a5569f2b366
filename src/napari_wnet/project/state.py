"""What is kept of an open viewer: plain values and arrays, none of which changes afterwards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.labels import check_labels
from napari_wnet.errors import ImageError

Array = npt.NDArray[Any]
Plane = tuple[int, ...]
"""Which plane of a stack; empty for a single plane."""
Ticks = Mapping[Plane, frozenset[int]]


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelsState:
    """A labels layer and what the user said of its objects.

    Attributes
    ----------
    name : str
        Of the layer.
    labels : (*lead, Y, X) int32 array
        Not copied: whoever goes on editing gives a copy.
    done, locked : mapping of plane to set of int
        Which objects were ticked as done and which must not change.
    cleared : (*lead, Y, X) bool array or None
        Where the user said that there is no object.
    seeds : (N, D) float array or None
        Points, in the axes of `labels`, in pixels.
    corner : (int, int) or None
        Row and column of the image's pixel on which the first one of `labels` lies; None where they cover the whole.

    Raises
    ------
    ImageError
        If the arrays are not labels, a mask and points, or their shapes do not fit.
    """

    name: str
    labels: npt.NDArray[np.int32]
    done: Ticks = field(default_factory=dict)
    locked: Ticks = field(default_factory=dict)
    cleared: npt.NDArray[np.bool_] | None = None
    seeds: npt.NDArray[np.float64] | None = None
    corner: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        labels = check_labels(self.labels, f"The labels '{self.name}'")
        if labels.ndim < 2 or labels.size == 0:
            raise ImageError(
                f"The labels '{self.name}' have shape {labels.shape}; they need pixels in two axes or more."
            )
        if labels.max() > np.iinfo(np.int32).max:
            raise ImageError(f"The labels '{self.name}' go up to {labels.max()}; renumber them.")
        object.__setattr__(self, "labels", labels.astype(np.int32, copy=False))
        cleared, seeds = self.cleared, self.seeds
        if cleared is not None and (cleared.dtype != np.bool_ or cleared.shape != labels.shape):
            raise ImageError(
                f"The cleared area of '{self.name}' is {cleared.dtype} of shape {cleared.shape}; "
                f"give true and false for {labels.shape}."
            )
        if seeds is not None:
            seeds = np.asarray(seeds, np.float64)
            if seeds.ndim != 2 or seeds.shape[1] != labels.ndim or not np.isfinite(seeds).all():
                raise ImageError(f"The seeds of '{self.name}' must be finite points with {labels.ndim} coordinates.")
            object.__setattr__(self, "seeds", seeds)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageState:
    """A source image, which itself is not kept, and what was made from it.

    Attributes
    ----------
    name : str
        Of the layer.
    path : str
        The image file, where known. It is never opened here.
    shape : tuple of int
        Of the layer's data.
    sha256 : str
        As :func:`pixels_sha256` gives it: whether an image that is opened later is this one.
    settings : mapping
        What JSON can hold; its order, too, is kept.
    labels : tuple of LabelsState
    """

    name: str
    path: str = ""
    shape: tuple[int, ...] = ()
    sha256: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    labels: tuple[LabelsState, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))


@dataclass(frozen=True, kw_only=True, eq=False)
class ProjectState:
    """Everything that is kept.

    Attributes
    ----------
    images : tuple of ImageState
    settings : mapping
        Of the docks; what JSON can hold.
    problems : tuple of str
        What could not be read, for the user; empty in a state that is to be saved.
    """

    images: tuple[ImageState, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def pixels_sha256(pixels: Any) -> str:
    """Return a hash of an image's shape, type and values: the same whatever its layout in memory.

    Parameters
    ----------
    pixels : (..., Y, X) array-like
        A lazy one is read plane by plane.
    """
    digest = hashlib.sha256(f"{tuple(pixels.shape)} {np.dtype(pixels.dtype).newbyteorder('<').str}".encode())
    lead = pixels.shape[:-2]
    for index in np.ndindex(*lead):
        plane = np.asarray(pixels[index])
        digest.update(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
