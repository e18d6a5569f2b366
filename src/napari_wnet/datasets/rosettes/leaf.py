"""Which pixels a leaf covers, and where on the leaf each of them lies."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.rosettes.plant import Leaf, Outline

Array = npt.NDArray[np.float32]

SAMPLES = 384
STRAIGHT = 1e-3
THINNEST = 0.75
"""Half width in pixels below which a petiole would be lost between the pixels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Patch:
    """A leaf in its bounding box, as (Y, X) arrays.

    Attributes
    ----------
    leaf : Leaf
    place : tuple of slice
        Rows and columns of the box in the image.
    depth : array
        Distance to the edge in pixels, roughly; negative outside.
    along : array
        Place along the blade, 0 at its base, 1 at its tip; negative on the petiole.
    across : array
        Distance from the midrib in pixels; the sign says on which side.
    half : array
        Half width of the leaf there, in pixels.
    """

    leaf: Leaf
    place: tuple[slice, slice]
    depth: Array
    along: Array
    across: Array
    half: Array

    @property
    def inside(self) -> npt.NDArray[np.bool_]:
        """The pixels that belong to the leaf."""
        return self.depth > 0


def make_patch(leaf: Leaf, shape: tuple[int, int]) -> Patch | None:
    """Return the pixels of a leaf in an image of this shape; None if it lies wholly outside."""
    total = leaf.petiole + leaf.length
    stations = np.linspace(0, total, SAMPLES, dtype=np.float32)
    halves = np.stack([_half_width(leaf, stations, side) for side in (0, 1)])
    place = _box(leaf, stations, halves, shape)
    if place is None:
        return None
    rows = np.arange(place[0].start, place[0].stop, dtype=np.float32)[:, None] - np.float32(leaf.base[0])
    cols = np.arange(place[1].start, place[1].stop, dtype=np.float32) - np.float32(leaf.base[1])
    cos, sin = np.float32(np.cos(leaf.direction)), np.float32(np.sin(leaf.direction))
    station, across = _unbend(cols * cos + rows * sin, rows * cos - cols * sin, np.float32(leaf.bend / total))
    step = np.float32(total / (SAMPLES - 1))
    index = np.clip((station / step + np.float32(0.5)).astype(np.int32), 0, SAMPLES - 1)
    index += (across < 0) * np.int32(SAMPLES)
    slopes = np.gradient(halves, float(step), axis=1)
    shorten = (1 / np.sqrt(1 + slopes**2)).astype(np.float32).ravel()
    half = halves.ravel()[index]
    depth = (half - np.abs(across)) * shorten[index]
    depth = np.minimum(depth, np.minimum(station + 1, np.float32(total) - station))
    along = (station - np.float32(leaf.petiole)) / np.float32(leaf.length)
    return Patch(leaf=leaf, place=place, depth=depth, along=along, across=across, half=half)


def _unbend(ahead: Array, aside: Array, curvature: np.float32) -> tuple[Array, Array]:
    """Return how far along and how far from a circular midrib points lie that are given in its frame at the start."""
    if abs(curvature) * (np.abs(ahead).max() + 1) < STRAIGHT:
        return np.broadcast_arrays(ahead + 0 * aside, aside)[0], aside + 0 * ahead
    radius = 1 / curvature
    side = np.sign(radius)
    rest = (radius - aside) * side
    station = np.arctan2(ahead, rest) * abs(radius)
    return station, (abs(radius) - np.hypot(ahead, rest)) * side


def _half_width(leaf: Leaf, stations: Array, side: int) -> Array:
    """Return the half width along one side of a leaf."""
    rng = np.random.default_rng([leaf.seed, side])
    blade = (stations - leaf.petiole) / leaf.length
    width = leaf.outline.width * leaf.length * rng.normal(1, 0.05)
    wide = width * _blade(leaf.outline, np.clip(blade, 0, 1), rng)
    stem = max(THINNEST, leaf.thickness) * (1.25 - 0.25 * stations / max(leaf.petiole, 1e-3))
    stem = stem * np.clip(1 - 2.5 * blade, 0, 1) ** 0.5 * (blade < 1)
    return np.asarray(np.cbrt(wide**3 + np.maximum(stem, 0) ** 3), np.float32)


def _blade(outline: Outline, along: Array, rng: np.random.Generator) -> npt.NDArray[np.floating]:
    """Return the half width of a blade as a share of its largest."""
    top = outline.rise / (outline.rise + outline.fall)
    profile = (along / top) ** outline.rise * ((1 - along) / (1 - top)) ** outline.fall
    if outline.teeth:
        phase = (along * outline.n_teeth + rng.uniform()) % 1
        tooth = np.where(phase < 0.75, phase / 0.75, (1 - phase) / 0.25) ** outline.sharpness
        profile = profile * (1 + outline.teeth * (tooth - 0.4) * np.clip(4 * along, 0, 1) * (1.1 - along))
    if outline.lobes:
        lobe = np.cos(2 * np.pi * (along * outline.n_lobes + 0.3 + rng.normal(0, 0.06)))
        profile = profile * (1 + outline.lobes * (lobe - 0.5) * np.clip(1.2 - along, 0, 1) * 0.6)
    wave = np.zeros_like(along)
    for frequency in (1.5, 3.1, 5.7):
        wave = wave + np.sin(2 * np.pi * (frequency * along + rng.uniform())) / frequency**0.5
    return np.asarray(profile * (1 + outline.waves * wave))


def _box(leaf: Leaf, stations: Array, halves: Array, shape: tuple[int, int]) -> tuple[slice, slice] | None:
    turned = leaf.direction + leaf.bend * stations / stations[-1]
    step = stations[1]
    rows = leaf.base[0] + np.cumsum(np.sin(turned)) * step
    cols = leaf.base[1] + np.cumsum(np.cos(turned)) * step
    edges = []
    for line, across, size in ((rows, np.cos(turned), shape[0]), (cols, -np.sin(turned), shape[1])):
        ends = np.concatenate([line + across * halves[0], line - across * halves[1], line])
        low, high = max(0, int(np.floor(ends.min())) - 2), min(size, int(np.ceil(ends.max())) + 3)
        if low >= high:
            return None
        edges.append(slice(low, high))
    return edges[0], edges[1]
