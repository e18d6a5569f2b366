"""What the plants stand on: soil of many kinds, moss, perlite, pots, trays, meshes, plain sheets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.rosettes.textures import ZOOMS, cut, noise, rough, soil

Array = npt.NDArray[np.float32]
Shape = tuple[int, int]

SOILS = np.array(
    [(0.16, 0.12, 0.09), (0.08, 0.08, 0.08), (0.27, 0.22, 0.18), (0.25, 0.16, 0.1), (0.2, 0.16, 0.09),
     (0.13, 0.13, 0.14), (0.42, 0.36, 0.28), (0.19, 0.13, 0.12)]
)  # fmt: skip
SHEETS = np.array(
    [(0.1, 0.22, 0.5), (0.05, 0.05, 0.06), (0.7, 0.7, 0.68), (0.25, 0.4, 0.55), (0.4, 0.4, 0.42), (0.45, 0.16, 0.12),
     (0.75, 0.72, 0.6)]
)  # fmt: skip
RIMS = np.array([(0.35, 0.35, 0.36), (0.06, 0.06, 0.07), (0.75, 0.75, 0.74), (0.45, 0.23, 0.15), (0.12, 0.25, 0.5)])


def ground(shape: Shape, middle: tuple[float, float], rng: np.random.Generator) -> Array:
    """Return a background as a (3, Y, X) array of linear intensities.

    Parameters
    ----------
    shape : tuple of int
    middle : tuple of float
        Row and column of the plant: pots are about there.
    rng : numpy.random.Generator
    """
    if rng.random() < 0.07:
        canvas = _sheet(shape, rng)
    else:
        canvas = _soil(shape, rng)
        if rng.random() < 0.45:
            _add_moss(canvas, rng)
        if rng.random() < 0.5:
            _add_specks(canvas, rng)
    if rng.random() < 0.06:
        _add_mesh(canvas, rng)
    if rng.random() < 0.42:
        _add_pot(canvas, middle, rng)
    return canvas


def _near(palette: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    colour = palette[int(rng.integers(len(palette)))] * rng.uniform(0.75, 1.3) * rng.normal(1, 0.06, 3)
    return np.asarray(np.clip(colour, 0.02, 0.95), np.float32)


def _soil(shape: Shape, rng: np.random.Generator) -> Array:
    base = _near(SOILS, rng)
    if rng.random() < 0.4:
        base *= np.float32(rng.uniform(0.4, 0.8))
    if rng.random() < 0.78:
        photograph = _photograph(shape, rng)
        vivid, contrast = np.float32(rng.uniform(0.3, 1.2)), np.float32(rng.uniform(0.6, 1.7))
        value = photograph.mean(axis=2)
        planes = [value + vivid * (photograph[..., c] - value) for c in range(3)]
        grains = rough(shape, rng, (1, 2, 3), -0.2) * np.float32(rng.uniform(0, 0.15))
        return np.stack([base[c] * np.clip(1 + contrast * (planes[c] - 1) + grains, 0.05, 4) for c in range(3)])
    first = int(rng.integers(0, 3))
    fine = rough(shape, rng, (0, 1, 2, 3, 4), rng.uniform(-0.3, 0.2))
    # Crumbs with dark gaps between them: where noise passes zero there is a gap.
    gaps = np.exp(-np.abs(cut(noise(first + 2), shape, rng)) * np.float32(rng.uniform(2, 6)))
    coarse = rough(shape, rng, (5, 6, 7))
    value = np.exp(np.float32(rng.uniform(0.15, 0.45)) * fine + np.float32(rng.uniform(0.02, 0.12)) * coarse)
    value *= 1 - np.float32(rng.uniform(0.1, 0.5)) * gaps
    other = _near(SOILS, rng)
    share = np.clip(0.3 + 0.4 * cut(noise(first + 1), shape, rng), 0, 1)
    return np.stack([(base[c] + (other[c] - base[c]) * share) * value for c in range(3)]).astype(np.float32)


def _photograph(shape: Shape, rng: np.random.Generator) -> Array:
    """Return soil from two places of the photograph, so that no repetition shows."""
    sheet = soil(int(rng.integers(len(ZOOMS))))
    share = np.clip(cut(noise(int(rng.integers(4, 7))), shape, rng) * 4 + 0.5, 0, 1)[..., None]
    first = cut(sheet, shape, rng)
    return np.asarray(first + (cut(sheet, shape, rng) - first) * share)


def _sheet(shape: Shape, rng: np.random.Generator) -> Array:
    base, value = _near(SHEETS, rng), 1 + np.float32(rng.uniform(0, 0.06)) * rough(shape, rng, (2, 6, 7), 0.3)
    return np.stack([base[c] * value for c in range(3)])


def _add_moss(canvas: Array, rng: np.random.Generator) -> None:
    shape = canvas.shape[1], canvas.shape[2]
    bare = rng.uniform(-0.8, 1.5)
    patches = np.float32(rng.uniform(0.3, 1.0)) * rough(shape, rng, (5, 7), 0.3)
    share = np.clip(0.5 * (patches - bare) + 0.35 * rough(shape, rng, (0, 1, 2, 3), 0.4), 0, 1)
    share *= np.float32(rng.uniform(0.3, 0.9))
    value = np.exp(0.3 * rough(shape, rng, (0, 1, 2, 3, 4), 0.2))
    green = np.array([rng.uniform(0.55, 0.95), 1.0, rng.uniform(0.2, 0.55)]) * rng.uniform(0.1, 0.33)
    for channel in range(3):
        canvas[channel] += share * (np.float32(green[channel]) * value - canvas[channel])


def _add_specks(canvas: Array, rng: np.random.Generator) -> None:
    shape = canvas.shape[1], canvas.shape[2]
    level = int(rng.integers(0, 4))
    share = np.clip((cut(noise(level), shape, rng) - np.float32(rng.uniform(1.9, 3.2))) * 3, 0, 1)
    colour = np.array([1, rng.uniform(0.7, 1), rng.uniform(0.45, 1)]) * rng.uniform(0.3, 0.85)
    for channel in range(3):
        canvas[channel] += share * (np.float32(colour[channel]) - canvas[channel])


def _add_mesh(canvas: Array, rng: np.random.Generator) -> None:
    rows, cols = _turned((canvas.shape[1], canvas.shape[2]), (0.0, 0.0), rng.uniform(0, np.pi / 2))
    pitch = rng.uniform(8, 40)
    thick = rng.uniform(0.12, 0.35)
    share = ((rows / pitch % 1 < thick) | (cols / pitch % 1 < thick)).astype(np.float32) * np.float32(0.9)
    colour = _near(SHEETS, rng)
    for channel in range(3):
        canvas[channel] += share * (colour[channel] - canvas[channel])


def _turned(shape: Shape, middle: tuple[float, float], angle: float) -> tuple[Array, Array]:
    rows = np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(middle[0])
    cols = np.arange(shape[1], dtype=np.float32) - np.float32(middle[1])
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return rows * cos + cols * sin, cols * cos - rows * sin


def _add_pot(canvas: Array, middle: tuple[float, float], rng: np.random.Generator) -> None:
    """Put the rim of a pot around the middle, its shadow inside, and a table outside."""
    shape = canvas.shape[1], canvas.shape[2]
    side = min(shape)
    centre = middle[0] + rng.normal(0, 0.04) * side, middle[1] + rng.normal(0, 0.04) * side
    half = side * rng.uniform(0.4, 0.72)
    rows, cols = _turned(shape, centre, rng.normal(0, 0.08))
    corner = half * (1 if rng.random() < 0.25 else rng.uniform(0.05, 0.5))
    # Distance from a square with round corners; a circle where the corners are as large as they can be.
    y, x = np.abs(rows) - np.float32(half - corner), np.abs(cols) - np.float32(half - corner)
    outside = np.hypot(np.maximum(y, 0), np.maximum(x, 0)) + np.minimum(np.maximum(y, x), 0) - np.float32(corner)
    canvas *= 1 - np.float32(rng.uniform(0, 0.7)) * np.exp(np.minimum(outside, 0) / np.float32(rng.uniform(3, 14)))
    width = rng.uniform(0.015, 0.07) * side
    rim, table = _near(RIMS, rng), _near(SHEETS if rng.random() < 0.6 else SOILS, rng)
    across = np.clip(outside / np.float32(width), 0, 1)
    gleam = 1 + np.float32(rng.uniform(-0.3, 0.6)) * np.sin(across * np.float32(np.pi * rng.uniform(0.7, 2.5)))
    gleam *= 1 + 0.03 * cut(noise(2), shape, rng)
    on, beyond = np.clip(outside + 1, 0, 1), np.clip(outside - np.float32(width) + 1, 0, 1)
    flat = 1 + np.float32(rng.uniform(0.02, 0.15)) * cut(noise(int(rng.integers(1, 6))), shape, rng)
    flat *= 1 - 0.6 * np.exp(-np.maximum(outside - np.float32(width), 0) / 6)
    for channel in range(3):
        plane = canvas[channel]
        plane += on * (rim[channel] * gleam - plane)
        plane += beyond * (table[channel] * flat - plane)
