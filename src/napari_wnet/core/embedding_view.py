"""The embedding for people: as colours, and as the angle between two pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.maps import UNIT
from napari_wnet.errors import ImageError

Array = npt.NDArray[Any]
RGBImage = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.float32]
Pixel = tuple[int, int]

MAX_FIT_PIXELS = 20_000
"""Pixels that the principal components are fitted to; more change no visible digit."""
BLOCK_PIXELS = 1 << 18
DARKEST = 0.25
"""Brightness of the lowest value of a component, so that no object is as dark as the background."""
STRETCH = (1.0, 99.0)
SMALLEST_SPAN = 0.1
"""A component varies over at least this part of the widest one's range: noise is not blown up to full colour."""
N_COLOURS = 3


@dataclass(frozen=True, kw_only=True, eq=False)
class ColourAxes:
    """Which direction of the embedding is red, which green and which blue.

    Fitted to one image, they give others the same colours for the same embeddings.

    Attributes
    ----------
    projection : (E, 3) float32 array
    offset : (3,) float32 array
        A unit vector times the projection plus the offset are three values, mostly between 0 and 1.
    """

    projection: FloatArray
    offset: FloatArray

    @classmethod
    def fit(cls, embedding: Array, foreground: Array | None = None) -> ColourAxes:
        """Take the first three principal components of the foreground's embeddings, the widest first.

        The sign of each is such that its largest entry is positive, so that the same embedding always gives the same
        colours; each is stretched over its 1st to 99th percentile.

        Parameters
        ----------
        embedding : (E, Y, X) array
            Floats, or the whole numbers of :class:`napari_wnet.core.maps.Maps`.
        foreground : (Y, X) float or boolean array, optional
            Probability of belonging to an object. Without it, or where it is nowhere above one half, everything counts.

        Raises
        ------
        ImageError
            If the shapes are not as above, or there is no pixel.
        """
        pixels = _pixels(embedding, foreground)
        if not len(pixels):
            raise ImageError(f"The embedding has shape {embedding.shape}: there is no pixel to fit colours to.")
        chosen = np.arange(len(pixels)) if foreground is None else np.flatnonzero(foreground.ravel() > 0.5)
        if not chosen.size:
            chosen = np.arange(len(pixels))
        sample = pixels[chosen[:: -(-chosen.size // MAX_FIT_PIXELS)]].astype(np.float64) * _unit(embedding)
        return cls._of_sample(sample)

    @classmethod
    def _of_sample(cls, sample: Array) -> ColourAxes:
        mean = sample.mean(axis=0)
        centred = sample - mean
        components = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :N_COLOURS]
        # An eigenvector's sign is arbitrary; fixing it fixes the colours.
        largest = np.abs(components).argmax(axis=0)
        components = components * np.sign(components[largest, np.arange(components.shape[1])])
        components = np.pad(components, ((0, 0), (0, N_COLOURS - components.shape[1])))
        low, high = np.percentile(centred @ components, STRETCH, axis=0)
        span = np.maximum(high - low, SMALLEST_SPAN * (high - low).max())
        span[span == 0] = 1
        projection = components / span
        offset = 0.5 - (low + high) / (2 * span) - mean @ projection
        return cls(projection=projection.astype(np.float32), offset=offset.astype(np.float32))


def embedding_rgb(embedding: Array, foreground: Array | None = None, axes: ColourAxes | None = None) -> RGBImage:
    """Show an embedding as colours: like colour, like embedding.

    Parameters
    ----------
    embedding : (E, Y, X) array
        Floats, or the whole numbers of :class:`napari_wnet.core.maps.Maps`.
    foreground : (Y, X) float or boolean array, optional
        Probability of belonging to an object; the picture fades to black with it. None colours every pixel.
    axes : ColourAxes, optional
        Those of another image, to have its colours; by default they are fitted to this one.

    Returns
    -------
    (Y, X, 3) uint8 array

    Raises
    ------
    ImageError
        If the shapes are not as above, or the axes are of an embedding with another number of dimensions.
    """
    pixels = _pixels(embedding, foreground)
    shape = embedding.shape[1:]
    picture = np.empty((len(pixels), N_COLOURS), np.uint8)
    if not picture.size:
        return picture.reshape(*shape, N_COLOURS)
    axes = axes or ColourAxes.fit(embedding, foreground)
    if len(axes.projection) != len(embedding):
        raise ImageError(
            f"The colours are of embeddings with {len(axes.projection)} dimensions, this one has {len(embedding)}; fit "
            "them to an image of the same model."
        )
    projection = axes.projection * np.float32(_unit(embedding))
    brightness = np.ones(len(pixels), np.float32) if foreground is None else foreground.ravel().astype(np.float32)
    for start in range(0, len(pixels), BLOCK_PIXELS):
        block = slice(start, start + BLOCK_PIXELS)
        values = np.clip(pixels[block].astype(np.float32) @ projection + axes.offset, 0, 1)
        picture[block] = np.rint(255 * brightness[block, None] * (DARKEST + (1 - DARKEST) * values))
    return picture.reshape(*shape, N_COLOURS)


def angle_between(embedding: Array, one: Pixel, other: Pixel) -> float:
    """Return the angle between the embeddings of two pixels, in degrees from 0 to 180.

    Parameters
    ----------
    embedding : (E, Y, X) array
        Floats of any length, or the whole numbers of :class:`napari_wnet.core.maps.Maps`.
    one, other : (int, int)
        Row and column.

    Raises
    ------
    ImageError
        If a pixel lies outside, or has no embedding.
    """
    ends = []
    for row, column in (one, other):
        if not (0 <= row < embedding.shape[1] and 0 <= column < embedding.shape[2]):
            raise ImageError(f"The pixel ({row}, {column}) is outside the image; point at one inside.")
        vector = embedding[:, row, column].astype(np.float64)
        length = np.linalg.norm(vector)
        if not length > 0:
            raise ImageError(f"The pixel ({row}, {column}) has no embedding; point at another.")
        ends.append(vector / length)
    # Unlike the arc cosine, exact for small angles too, whose cosines are all nearly 1.
    apart, together = np.linalg.norm(ends[0] - ends[1]), np.linalg.norm(ends[0] + ends[1])
    return float(np.degrees(2 * np.arctan2(apart, together)))


def _pixels(embedding: Array, foreground: Array | None) -> Array:
    """Return the embedding as a row for each pixel: free of charge for Maps, which keeps them side by side."""
    if embedding.ndim != 3:
        raise ImageError(f"The embedding has shape {embedding.shape}; give one plane's, (E, Y, X).")
    shape = embedding.shape[1:]
    if foreground is not None and foreground.shape != shape:
        raise ImageError(f"The foreground has shape {foreground.shape}, the embedding {shape}; give one plane's.")
    return np.moveaxis(embedding, 0, -1).reshape(-1, embedding.shape[0])


def _unit(embedding: Array) -> float:
    """Return what makes components those of unit vectors."""
    return 1 / UNIT if embedding.dtype.kind in "iu" else 1.0
