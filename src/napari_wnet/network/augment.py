"""Random variation of training crops: one resampling for all geometry, then intensities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from scipy import ndimage

from napari_wnet.core.image import working_type
from napari_wnet.train_params import AugmentParams

FloatImage = npt.NDArray[np.float32]
Coordinates = npt.NDArray[np.float32]

ELASTIC_GRID_PX = 40
"""Spacing, about, of the control points of the elastic deformation."""


def warp_coordinates(
    rng: np.random.Generator, size: int, centre: tuple[float, float], params: AugmentParams
) -> Coordinates:
    """Return where each pixel of a crop comes from.

    Parameters
    ----------
    rng : numpy.random.Generator
    size : int
        Side of the crop in pixels.
    centre : (float, float)
        Row and column of the crop's centre in the source image.
    params : AugmentParams

    Returns
    -------
    (2, size, size) float32 array
        Source rows and columns.
    """
    angle = rng.uniform(0, 2 * np.pi) if params.rotate else 0.0
    scale = np.exp(rng.uniform(np.log(params.scale_low), np.log(params.scale_high)))
    mirror = rng.choice([-1.0, 1.0], 2) if params.flip else np.ones(2)
    if params.flip and not params.rotate:  # the quarter turns that flips alone do not reach
        angle = np.pi / 2 * rng.integers(0, 2)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * mirror / scale
    axis = np.arange(size, dtype=np.float32) - (size - 1) / 2
    rows, columns = axis[:, None], axis[None, :]
    coordinates = np.stack([turn[i, 0] * rows + turn[i, 1] * columns + np.float32(centre[i]) for i in range(2)]).astype(
        np.float32
    )
    if params.elastic > 0:
        knots = max(2, round(size / ELASTIC_GRID_PX))
        coarse = rng.uniform(-params.elastic, params.elastic, (2, knots, knots)).astype(np.float32)
        enlarge = _linear_weights(size, knots)
        coordinates += enlarge @ coarse @ enlarge.T
    return np.asarray(coordinates, np.float32)


def whole_coordinates(shape: tuple[int, ...], size: int) -> Coordinates:
    """Return where each pixel of a square comes from to which an image (Y, X) is stretched: exact at pixel centres."""
    axes = [((np.arange(size) + 0.5) * (length / size) - 0.5).clip(0, length - 1) for length in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij")).astype(np.float32)


def _linear_weights(size: int, knots: int) -> npt.NDArray[np.float32]:
    """Return the (size, knots) matrix that interpolates between the middles of equal cells, constant beyond."""
    place = np.clip((np.arange(size) + 0.5) * knots / size - 0.5, 0, knots - 1)
    return np.asarray(np.maximum(0, 1 - np.abs(place[:, None] - np.arange(knots))), np.float32)


def warp(array: npt.NDArray[Any], coordinates: Coordinates, *, order: int) -> npt.NDArray[Any]:
    """Sample at `coordinates`, mirrored beyond the frame: labels (Y, X) by order 0, (..., Y, X) linearly by order 1."""
    coordinates = np.stack([_mirrored(*pair) for pair in zip(coordinates, array.shape[-2:], strict=True)])
    # Sampling only the part that is reached keeps the cost of a crop independent of the size of its image.
    low = np.floor(coordinates.min((1, 2))).astype(int)
    high = np.ceil(coordinates.max((1, 2))).astype(int) + 1
    array = array[..., low[0] : high[0], low[1] : high[1]]
    coordinates = coordinates - low[:, None, None].astype(np.float32)
    if order == 0:
        return np.asarray(ndimage.map_coordinates(array, coordinates, order=0, mode="nearest", prefilter=False))
    return _interpolated(np.require(array, working_type(array), ["C", "W"]), coordinates)


def _mirrored(places: npt.NDArray[np.float32], length: int) -> npt.NDArray[np.float32]:
    """Fold places on an axis about its first and last pixel until they are on it."""
    period = np.float32(2 * (length - 1))
    if period == 0:
        return np.zeros_like(places)
    folded = np.mod(places, period)
    return np.asarray(np.minimum(folded, period - folded), np.float32)


def _interpolated(array: npt.NDArray[Any], coordinates: Coordinates) -> npt.NDArray[Any]:
    """Sample linearly: what scipy's map_coordinates gives, in a seventh of its time for three channels."""
    axes = [coordinates[axis] * np.float32(2 / max(array.shape[axis - 2] - 1, 1)) - 1 for axis in (1, 0)]
    places = torch.from_numpy(np.stack(axes, axis=-1)[None].astype(array.dtype))
    channels = torch.from_numpy(array.reshape(1, -1, *array.shape[-2:]))
    found = F.grid_sample(channels, places, mode="bilinear", padding_mode="border", align_corners=True)
    return np.asarray(found.numpy().reshape(*array.shape[:-2], *coordinates.shape[1:]))


def vary_intensities(image: FloatImage, rng: np.random.Generator, params: AugmentParams) -> FloatImage:
    """Change gamma, contrast, brightness, sharpness and noise of a normalised image (C, Y, X)."""
    gamma = np.float32(np.exp(rng.uniform(-params.gamma, params.gamma)))
    contrast = np.float32(1 + rng.uniform(-params.contrast, params.contrast))
    shift = np.float32(rng.uniform(-params.brightness, params.brightness))
    # Half of the crops stay sharp and clean, as most images are.
    sigma = max(0.0, rng.uniform(-params.blur, params.blur))
    noise = max(0.0, rng.uniform(-params.noise, params.noise))
    if params.gamma:
        image = np.sign(image) * np.abs(image) ** gamma
    image = image * contrast + shift
    if sigma > 0.3:  # less is no visible blur
        image = ndimage.gaussian_filter(image, (0, sigma, sigma))
    if noise > 0:
        image = image + np.float32(noise) * rng.standard_normal(image.shape, np.float32)
    return np.asarray(image, np.float32)
