"""Soil and blades from photographs, and noise of many grain sizes; all of it repeats without a seam."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Array = npt.NDArray[np.float32]

FOLDER = Path(__file__).parent / "textures"
NOISE_SIDE = 512
NOISE_LEVELS = 8
BLADE_SIDE = 38
ZOOMS = (1.0, 1.35, 1.8)
NOISE_SEED = 20


@functools.cache
def noise(level: int) -> Array:
    """Return (512, 512) noise of mean 0 and deviation 1 whose grains are about ``2 ** level`` pixels wide."""
    rng = np.random.default_rng(NOISE_SEED + level)
    spectrum = np.fft.rfft2(rng.standard_normal((NOISE_SIDE, NOISE_SIDE)))
    rows, cols = np.fft.fftfreq(NOISE_SIDE), np.fft.rfftfreq(NOISE_SIDE)
    octaves = np.log2(np.maximum(np.hypot(rows[:, None], cols), 1e-6) * 2.0 ** (level + 1))
    field = np.fft.irfft2(spectrum * np.exp(-(octaves**2)), s=(NOISE_SIDE, NOISE_SIDE))
    field -= field.mean()
    return np.asarray(field / field.std(), np.float32)


@functools.cache
def soil(zoom: int) -> Array:
    """Return a photograph of soil, (Y, X, 3) with a mean of 1 in each channel, ready to be repeated."""
    image = _read("soil")
    lit = ndimage.gaussian_filter(image, (40, 40, 0), mode="mirror")
    image = image / lit.mean(axis=2, keepdims=True)
    image = np.clip(image / image.mean(axis=(0, 1)), 0, 4)
    if ZOOMS[zoom] > 1:
        image = ndimage.zoom(image, (ZOOMS[zoom], ZOOMS[zoom], 1), order=1)
    return _mirrored(image.astype(np.float32))


@functools.cache
def blades() -> tuple[Array, ...]:
    """Return pieces of real blades, (Y, X) with mean 0: how much brighter than its surroundings each pixel is."""
    strip = _read("blades").mean(axis=2)
    pieces = [strip[:, left : left + BLADE_SIDE] for left in range(0, strip.shape[1], BLADE_SIDE)]
    ratios = [piece / ndimage.gaussian_filter(piece, 8, mode="mirror") - 1 for piece in pieces]
    return tuple(_mirrored((ratio - ratio.mean()).astype(np.float32)) for ratio in ratios)


def cut(texture: Array, shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return a piece of a repeating texture, at a random place, turned and flipped at random."""
    top, left = (int(rng.integers(side)) for side in texture.shape[:2])
    turn = int(rng.integers(8))
    rows = (np.arange(top, top + shape[turn & 1]) % texture.shape[0])[:: -1 if turn & 2 else 1]
    cols = (np.arange(left, left + shape[1 - (turn & 1)]) % texture.shape[1])[:: -1 if turn & 4 else 1]
    piece = texture[rows[:, None], cols]
    return np.asarray(piece.swapaxes(0, 1) if turn & 1 else piece)


def rough(shape: tuple[int, int], rng: np.random.Generator, levels: tuple[int, ...], slope: float = 0.0) -> Array:
    """Return noise of several grain sizes with deviation 1; a larger `slope` favours the coarse ones."""
    weights = [2.0 ** (slope * level) * rng.uniform(0.5, 1.5) for level in levels]
    total = np.zeros(shape, np.float32)
    for level, weight in zip(levels, weights, strict=True):
        total += np.float32(weight) * cut(noise(level), shape, rng)
    return total / np.float32(np.sqrt(sum(weight**2 for weight in weights)))


def _read(name: str) -> npt.NDArray[np.float64]:
    return np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB")).astype(float)


def _mirrored(image: Array) -> Array:
    wide = np.concatenate([image, image[:, ::-1]], axis=1)
    return np.ascontiguousarray(np.concatenate([wide, wide[::-1]], axis=0))
