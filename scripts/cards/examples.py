"""Pictures of what a model does well and badly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.ndimage import uniform_filter

from cards.measuring import Found
from napari_wnet.core.overlaps import overlap_table
from napari_wnet.core.render import overlay

SIDE = 300
GAP = 6
N_EACH = 2
"""So many good and so many bad ones are shown."""

MARGIN = 16
NEARLY = 0.999

Picture = npt.NDArray[np.uint8]


def examples(found: Sequence[Found], window: int, *, good: bool) -> Picture:
    """Return rows of image, truth and result: images near the upper or the lower tenth of the scores."""
    ranked = sorted(found, key=lambda one: one.score, reverse=good)
    first = min(len(ranked) // 10, max(0, len(ranked) - N_EACH))
    rows = [_row(one, window, good=good) for one in ranked[first : first + N_EACH]]
    gap = np.full((GAP, rows[0].shape[1], 3), 255, np.uint8)
    return np.concatenate([part for row in rows for part in (row, gap)][:-1])


def _row(found: Found, window: int, *, good: bool) -> Picture:
    place = _window(found, window, good=good)
    image = found.scene.image[:, *place]
    blank = np.zeros(image.shape[1:], np.int32)
    shown = [blank, found.scene.labels[place], found.labels[place]]
    tiles = [_tile(overlay(image, labels)) for labels in shown]
    gap = np.full((SIDE, GAP, 3), 255, np.uint8)
    return np.concatenate([tiles[0], gap, tiles[1], gap, tiles[2]], axis=1)


def _window(found: Found, window: int, *, good: bool) -> tuple[slice, slice]:
    """Return the part of the image with most of what is right, or of what is wrong."""
    table = overlap_table(found.scene.labels, found.labels)
    matched = np.isin(table.true_labels, table.true_labels[table.rows[table.match(0.5)]])
    wanted = table.true_labels[matched if good else ~matched]
    weight = np.isin(found.scene.labels, wanted).astype(np.float32)
    shape = weight.shape
    sides = [min(window, length, _extent(found)) for length in shape]
    dense = uniform_filter(weight, sides, mode="constant")
    # Where several windows show as much, the middle one.
    row, column = np.argwhere(dense >= NEARLY * dense.max()).mean(axis=0)
    tops = [
        min(max(0, int(at) - side // 2), length - side)
        for at, side, length in zip((row, column), sides, shape, strict=True)
    ]
    rows, columns = (slice(top, top + side) for top, side in zip(tops, sides, strict=True))
    return rows, columns


def _extent(found: Found) -> int:
    """Return the side of a square around everything, with a margin."""
    objects = np.argwhere((found.scene.labels > 0) | (found.labels > 0))
    return int(np.ptp(objects, axis=0).max()) + 2 * MARGIN


def _tile(picture: Picture) -> Picture:
    height, width = picture.shape[:2]
    scale = SIDE / max(height, width)
    resized = Image.fromarray(picture).resize(
        (max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.LANCZOS
    )
    tile = np.full((SIDE, SIDE, 3), 255, np.uint8)
    tile[: resized.height, : resized.width] = np.asarray(resized)
    return tile
