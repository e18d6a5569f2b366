"""From the light of a scene to the pixels of a picture: lamp, colour, exposure, lens, sensor, compression."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from napari_wnet.datasets.rosettes.textures import cut, noise

Array = npt.NDArray[np.float32]

WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def photograph(canvas: Array, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Return a (3, Y, X) uint8 picture of a canvas of linear intensities, which is changed."""
    _illuminate(canvas, rng)
    _colour(canvas, rng)
    _expose(canvas, rng)
    canvas = _focus(canvas, rng)
    _add_noise(canvas, rng)
    picture = (np.clip(canvas, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    if rng.random() < 0.5:
        picture = _compressed(picture, int(rng.integers(45, 96)))
    return picture


def _illuminate(canvas: Array, rng: np.random.Generator) -> None:
    """Light the scene unevenly: a gradient, and darker corners."""
    rows = np.linspace(-1, 1, canvas.shape[1], dtype=np.float32)[:, None]
    cols = np.linspace(-1, 1, canvas.shape[2], dtype=np.float32)
    down, right = (np.float32(slope) for slope in rng.normal(0, 0.07, 2))
    corner = np.float32(max(0.0, rng.normal(0, 0.1)))
    canvas *= np.clip(1 + down * rows + right * cols - corner * (rows**2 + cols**2), 0.4, 1.6)


def _colour(canvas: Array, rng: np.random.Generator) -> None:
    balance = rng.normal(1, 0.05, 3)
    if rng.random() < 0.06:  # lamps of blue and red diodes, or of warm white
        balance *= rng.choice([[0.8, 0.88, 1.2], [1.15, 0.92, 1.12], [1.15, 1.0, 0.75]])
    grey = np.tensordot(WEIGHTS, canvas, axes=1)
    vivid = np.float32(rng.uniform(0.7, 1.3))
    for channel in range(3):
        canvas[channel] = (grey + vivid * (canvas[channel] - grey)) * np.float32(np.clip(balance[channel], 0.6, 1.4))


def _expose(canvas: Array, rng: np.random.Generator) -> None:
    bright = float(np.percentile(canvas[1, ::4, ::4], 99.5))
    wanted = rng.uniform(0.38, 0.6) if rng.random() < 0.35 else rng.uniform(0.55, 1.1)
    veil, gamma = rng.uniform(0, 0.05), rng.uniform(0.75, 1.25)
    np.maximum(canvas, 0, out=canvas)
    canvas *= np.float32(1 / max(bright, 0.05))
    np.power(canvas, np.float32(gamma), out=canvas)
    canvas *= np.float32(wanted - veil)
    canvas += np.float32(veil)


def _focus(canvas: Array, rng: np.random.Generator) -> Array:
    if rng.random() < 0.75:
        sigma = float(rng.choice([rng.uniform(0.3, 0.9), rng.uniform(0.8, 1.6)], p=[0.75, 0.25]))
        canvas = ndimage.gaussian_filter(canvas, (0, sigma, sigma), mode="nearest", truncate=3)
    if rng.random() < 0.3:
        blurred = ndimage.uniform_filter(canvas, (0, 3, 3), mode="nearest")
        canvas = canvas + np.float32(rng.uniform(0.2, 1.0)) * (canvas - blurred)
    return canvas


def _add_noise(canvas: Array, rng: np.random.Generator) -> None:
    strength = np.float32(rng.uniform(0, 0.02) if rng.random() < 0.8 else rng.uniform(0.02, 0.05))
    shape = canvas.shape[1], canvas.shape[2]
    grey = cut(noise(0), shape, rng)
    for channel in range(3):
        own = rng.standard_normal(shape, dtype=np.float32)
        canvas[channel] += strength * (np.float32(0.7) * own + np.float32(0.5) * grey)


def _compressed(picture: npt.NDArray[np.uint8], quality: int) -> npt.NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0))).save(file, "JPEG", quality=quality)
    return np.ascontiguousarray(np.asarray(Image.open(file)).transpose(2, 0, 1))
