"""A leaf painted over what lies under it: its shadow, its relief in the light, its colours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.datasets.rosettes.leaf import Patch
from napari_wnet.datasets.rosettes.look import Light, Look
from napari_wnet.datasets.rosettes.textures import blades, cut, noise, rough

Array = npt.NDArray[np.float32]

PAINTING = 2
"""Distinguishes what is drawn for a leaf's paint from what is drawn for its two edges, 0 and 1."""
DARKEST, BRIGHTEST = 0.35, 1.7
YELLOW = np.array([0.78, 0.7, 0.3], np.float32)


def paint(canvas: Array, patch: Patch, look: Look, light: Light) -> None:
    """Paint a leaf on a (3, Y, X) canvas of linear intensities, in place."""
    rng = np.random.default_rng([patch.leaf.seed, PAINTING])
    cover = np.clip(patch.depth + np.float32(0.5), 0, 1)
    _cast_shadow(canvas, patch, cover, light, rng)
    shade, shine = _lit(_relief(patch, look, rng), light, look.gloss)
    shade *= 1 + _surface(patch, look, rng)
    below = canvas[:, patch.place[0], patch.place[1]]
    for channel, pigment in enumerate(_pigments(patch, look, rng)):
        below[channel] += cover * (pigment * shade + shine - below[channel])


def _cast_shadow(canvas: Array, patch: Patch, cover: Array, light: Light, rng: np.random.Generator) -> None:
    size = (patch.leaf.length + patch.leaf.petiole) * rng.uniform(0.5, 1.5)
    shift = np.round(-light.direction[:2] * light.distance * size * 2).astype(int)
    blur = max(1, round(light.softness * size))
    box, inner = [], []
    for side, place, offset in zip(canvas.shape[1:], patch.place, shift, strict=True):
        low, high = max(0, place.start + offset - 2 * blur), min(side, place.stop + offset + 2 * blur)
        start, stop = max(low, place.start + offset), min(high, place.stop + offset)
        if start >= stop:
            return
        box.append(slice(low, high))
        inner.append((slice(start - low, stop - low), slice(start - offset - place.start, stop - offset - place.start)))
    fallen = np.zeros((box[0].stop - box[0].start, box[1].stop - box[1].start), np.float32)
    fallen[inner[0][0], inner[1][0]] = cover[inner[0][1], inner[1][1]]
    for _ in range(2):
        fallen = ndimage.uniform_filter(fallen, 2 * (blur // 2) + 1, mode="nearest")
    canvas[:, box[0], box[1]] *= 1 - np.float32(light.shadow) * fallen


def _relief(patch: Patch, look: Look, rng: np.random.Generator) -> Array:
    """Return the height of the surface in pixels."""
    leaf, wide = patch.leaf, patch.leaf.outline.width * patch.leaf.length
    side = np.clip(patch.across / np.maximum(patch.half, 1), -1.2, 1.2)
    away = np.abs(side)
    fold, cup, droop, lean = rng.normal((look.fold, look.cup, look.droop, 0), 0.08)
    turns, start = rng.uniform(1.5, 4), rng.uniform(0, 2 * np.pi)
    rows = fold * away + cup * away**2 + lean * side
    rows += look.ripple * away**3 * np.sin(2 * np.pi * turns * patch.along + start + (side > 0))
    height = wide * rows - droop * leaf.length * 0.5 * np.maximum(patch.along, 0) ** 2
    phase = patch.along * np.float32(look.n_veins) - 1.3 * away
    height += look.quilt * wide / 6 * np.cos(2 * np.pi * phase) * np.minimum(away * 2, 1)
    level = int(np.clip(np.log2(max(wide, 2) / 2), 1, 5))
    height += look.quilt * 2.0**level / 4 * cut(noise(level), height.shape, rng)
    return np.asarray(height, np.float32)


def _lit(height: Array, light: Light, gloss: float) -> tuple[Array, Array]:
    """Return how bright the relief is, 1 where it is flat, and what it reflects as highlights."""
    if min(height.shape) < 2:
        return np.ones_like(height), np.zeros_like(height)
    down, right = np.gradient(height)
    long = np.sqrt(1 + down * down + right * right)
    towards = light.direction
    facing = (towards[2] - down * towards[0] - right * towards[1]) / long
    shade = light.ambient / long + (1 - light.ambient) * np.maximum(facing, 0) / towards[2]
    if not gloss:
        return np.clip(shade, DARKEST, BRIGHTEST), np.zeros_like(height)
    half = towards + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half)
    mirror = np.maximum((half[2] - down * half[0] - right * half[1]) / long, 0)
    return np.clip(shade, DARKEST, BRIGHTEST), np.float32(gloss) * mirror**30


def _surface(patch: Patch, look: Look, rng: np.random.Generator) -> Array:
    """Return what the brightness varies by: blade texture, speckle, blotches, the margin, the round of the petiole."""
    shape = patch.depth.shape
    pieces = blades()
    texture = np.float32(look.texture) * cut(pieces[int(rng.integers(len(pieces)))], shape, rng)
    texture += np.float32(look.speckle) * cut(noise(int(rng.integers(2))), shape, rng)
    texture += np.float32(rng.uniform(0.01, 0.05)) * rough(shape, rng, (2, 3, 4, 5), 0.2)
    texture += np.float32(look.margin) * np.exp(-np.maximum(patch.depth, 0) / np.float32(1.5))
    stalk = np.clip(-patch.along * 8, 0, 1)
    texture -= np.float32(0.25) * stalk * np.clip(patch.across / np.maximum(patch.half, 1), -1, 1) ** 2
    texture += np.float32(rng.normal(0, 0.12)) * (np.clip(patch.along, -0.2, 1) - np.float32(0.5))
    return np.asarray(texture, np.float32)


def _pigments(patch: Patch, look: Look, rng: np.random.Generator) -> list[Array]:
    leaf, along = patch.leaf, patch.along
    wide = leaf.outline.width * leaf.length
    ripe = np.float32(leaf.maturity)
    colour = (ripe * look.grown + (1 - ripe) * look.young) * np.float32(rng.normal(1, look.unlike))
    colour = np.clip(colour * rng.normal(1, look.unlike / 3, 3).astype(np.float32), 0.03, 1)
    slim = np.maximum(0.6, 0.05 * wide * (1.15 - np.clip(along, 0, 1)))
    veins = look.rib * np.exp(-((patch.across / slim) ** 2)) * np.clip(1.1 - 0.8 * along, 0, 1)
    if look.side_veins and wide > 8:
        away = np.abs(patch.across) / np.maximum(patch.half, 1)
        phase = (along * np.float32(look.n_veins) - 1.3 * away + 0.5 * (patch.across > 0)) % 1 - 0.5
        lines = np.exp(-((phase * wide / look.n_veins * 1.5) ** 2)) * np.clip(1.2 - away, 0, 1) * (along > 0)
        veins = np.maximum(veins, look.side_veins * lines)
    stalk = np.clip(0.5 - along * 7, 0, 1)
    ill = np.zeros_like(along)
    if look.yellowing and rng.random() < look.yellowing:
        start = rng.uniform(-0.4, 0.6)
        spread = np.clip(along - np.float32(start) + 0.2 * cut(noise(4), along.shape, rng), 0, 1)
        ill = np.float32(rng.uniform(0.3, 1)) * spread
    return [_mix(_mix(_mix(colour[c], look.vein[c], veins), look.petiole[c], stalk), YELLOW[c], ill) for c in range(3)]


def _mix(first: Array | np.float32, second: np.float32, share: Array | float) -> Array:
    return np.asarray(first + (second - first) * share, np.float32)
