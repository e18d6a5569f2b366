"""Making the one object that fills a rectangle drawn around it: labels and maps in, changed pixels out."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.special import expit

from napari_wnet.core.changes import Change
from napari_wnet.core.clustering import BACKGROUND_DISTANCE
from napari_wnet.core.growth import direction
from napari_wnet.core.labels import LabelArray
from napari_wnet.core.maps import UNIT, Maps
from napari_wnet.core.placing import leaves_a_rim, placed
from napari_wnet.core.prompts import Box, Outline
from napari_wnet.core.windows import SQUARE, Mask, Window, widened
from napari_wnet.errors import EditError

FloatMap = npt.NDArray[np.float32]

LEAST_SIDE_PX = 3
MARGIN_PX, MARGIN_PART = 2, 0.15
"""How far beyond the box the object may go, as hands are not exact: pixels, and part of its longer side."""
GUESS = 6.0
"""How steeply the first guess of what is inside falls at the rim of the inscribed ellipse."""
ROUND, BEYOND, CONTRAST, LIKE_INSIDE, LIKE_OUTSIDE, OFFSET = 5.0, 0.9, 0.65, 2.6, -1.2, -1.45
"""Weights of the log odds that a pixel is the object's: a logistic regression on the validation images of nuclei."""
LEAST_CONTRAST = 0.1
"""Differences of the foreground between inside and outside that are smaller than this are not blown up."""
OTHERS = 1.0
"""What is taken off the log odds of pixels that are a neighbour's."""
LEAST_EXTENT = 0.7
"""What the maps show has to reach over this part of the box's height and width; else it is something else."""
HIDDEN_PART = 0.5
"""An object at the image's frame is taken to go on beyond it by this part of what is seen."""
REPLACED_PART = 0.25
"""An object mostly within the box is replaced if the new one takes this part of it and what is left is a rim."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Frame:
    """Where the pixels of a window lie with regard to the box.

    Attributes
    ----------
    window : (slice, slice)
        What is looked at: the box and a margin.
    drawn : (slice, slice)
        The box.
    radius : (h, w) float32 array
        From 0 in the middle to 1 on the inscribed ellipse, and on.
    beyond : (h, w) float32 array
        Pixels outside the box.
    """

    window: Window
    drawn: Window
    radius: FloatMap
    beyond: FloatMap


def enclose(
    labels: LabelArray, maps: Maps | None, box: Box, *, kept: Collection[int] = (), outline: Outline | None = None
) -> Change:
    """Make the object that fills a rectangle, whatever is there: nothing, pieces, a poor outline, part of another.

    Each pixel's log odds add up what the maps say (its foreground and its embedding, compared with what is inside and
    outside the inscribed ellipse, so that faint objects count as well) and where it lies in the box. Where the maps say
    nothing, that leaves the ellipse. Picking the one of many thresholds' outlines that fits the box best did no better:
    the box is less exact than the maps (benchmarks/repair.py).

    Parameters
    ----------
    labels : (Y, X) integer array
    maps : Maps or None
        Of the same plane; without them the object is the ellipse, less what is its neighbours'.
    box : ((int, int), (int, int))
        Row and column of two opposite corners, both inside; what is beyond the image is cut off.
    kept : collection of int
        Labels of objects that give no pixel away.
    outline : Outline, optional
        Of what fills the box, as a network that looks at the image sees it; the maps are then not asked.

    Returns
    -------
    Change
        The new object replaces those mostly within the box and takes over the largest's label; from others it takes
        what is clearly its own. What it cuts off them becomes objects too, crumbs excepted.

    Raises
    ------
    EditError
        If the box is outside the image or too small, or all in it is kept.
    """
    frame = _frame(_drawn(box, labels.shape), labels.shape)
    held = labels[frame.window]
    allowed = ~np.isin(held, list(kept))
    inside = _mostly_inside(labels, frame.drawn) - set(kept)
    log_odds = _log_odds(maps, frame) if outline is None else outline.part(frame.window)
    least = LEAST_EXTENT if outline is None else 0.0
    claim = _claim(log_odds - OTHERS * _neighbours(held, frame, inside), frame, allowed, least)
    taken, counts = np.unique(held[claim], return_counts=True)
    shares = {int(n): int(count) / np.count_nonzero(held == n) for n, count in zip(taken, counts, strict=True) if n}
    replaced = [
        number
        for number, share in shares.items()
        if number in inside and share >= REPLACED_PART and leaves_a_rim(labels, number, frame.window, claim)
    ]
    return placed(labels, frame.window, claim, replaced)


def _drawn(box: Box, shape: tuple[int, ...]) -> Window:
    """Return the part of the image in a box."""
    rows, columns = (
        slice(max(0, min(ends)), min(max(ends) + 1, length))
        for ends, length in zip(zip(*box, strict=True), shape, strict=True)
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise EditError("This box is outside the image; drag it around an object.")
    if min(_lengths((rows, columns))) < LEAST_SIDE_PX:
        raise EditError("This box is too small; drag a larger box, from corner to corner around the object.")
    return rows, columns


def _frame(drawn: Window, shape: tuple[int, ...]) -> _Frame:
    window = widened(drawn, max(MARGIN_PX, round(MARGIN_PART * max(_lengths(drawn)))), shape)
    across, outside = [], []
    for part, side, length in zip(window, drawn, shape, strict=True):
        places = np.arange(part.start, part.stop) + 0.5
        outside.append(np.maximum(side.start + 0.5 - places, places - side.stop + 0.5))
        hidden = HIDDEN_PART * (side.stop - side.start)
        low = side.start - (hidden if side.start == 0 else 0)
        high = side.stop + (hidden if side.stop == length else 0)
        across.append((2 * places - low - high) / (high - low))
    return _Frame(
        window=window,
        drawn=drawn,
        radius=np.hypot(across[0][:, np.newaxis], across[1]).astype(np.float32),
        beyond=np.maximum(np.maximum(outside[0][:, np.newaxis], outside[1]), 0).astype(np.float32),
    )


def _lengths(window: Window) -> tuple[int, int]:
    return window[0].stop - window[0].start, window[1].stop - window[1].start


def _mostly_inside(labels: LabelArray, drawn: Window) -> set[int]:
    """Return the objects more than half of which lies in a window."""
    around = labels[widened(drawn, max(_lengths(drawn)), labels.shape)]
    found = zip(*np.unique(labels[drawn], return_counts=True), strict=True)
    # The whole plane is looked through only for those that the surroundings do not rule out.
    return {
        int(number)
        for number, count in found
        if number and all(2 * count > np.count_nonzero(place == number) for place in (around, labels))
    }


def _log_odds(maps: Maps | None, frame: _Frame) -> FloatMap:
    """Return for each pixel how much speaks for its belonging to the object."""
    place: FloatMap = (ROUND * (1 - frame.radius) - BEYOND * frame.beyond).astype(np.float32)
    if maps is None:
        return place
    guess = expit(GUESS * (1 - frame.radius))
    presence = _presence(maps, frame.window)
    vectors = maps.vectors(frame.window)
    means, likeness = [], []
    for weight in (guess, 1 - guess):
        means.append(float((presence * weight).sum() / weight.sum()))
        likeness.append(vectors @ direction(np.tensordot(weight, vectors, 2)) / UNIT)
    contrast = (presence - sum(means) / 2) / (abs(means[0] - means[1]) + LEAST_CONTRAST)
    seen = CONTRAST * contrast + LIKE_INSIDE * likeness[0] + LIKE_OUTSIDE * likeness[1] + OFFSET
    return np.asarray(place + seen, np.float32)


def _presence(maps: Maps, window: Window) -> FloatMap:
    """Return from 0 to 1 how much there is an object; of a distance, only where it begins to rise counts."""
    if maps.foreground is not None:
        return maps.foreground[window].astype(np.float32)
    return np.asarray(np.clip(maps.distance[window] / (2 * BACKGROUND_DISTANCE), 0, 1), np.float32)


def _neighbours(held: LabelArray, frame: _Frame, inside: Iterable[int]) -> Mask:
    """Tell which pixels are those of objects that go on outside the box, the one in its middle excepted."""
    numbers, places = np.unique(held, return_inverse=True)
    middle = np.bincount(places.ravel(), weights=expit(GUESS * (1 - frame.radius)).ravel())
    return np.asarray((held != 0) & ~np.isin(held, [*inside, int(numbers[middle.argmax()])]))


def _claim(log_odds: FloatMap, frame: _Frame, allowed: Mask, least_extent: float) -> Mask:
    """Return the object: one connected part of what is allowed, without holes; the ellipse if that is too small."""
    ellipse = frame.radius <= 1
    for mask in (log_odds > 0, ellipse):
        parts, _ = ndimage.label(mask & allowed, SQUARE)
        weights = np.bincount(parts.ravel(), weights=np.clip(1.3 - frame.radius, 0, None).ravel())
        weights[0] = 0
        claim = ndimage.binary_fill_holes(parts == weights.argmax()) & allowed if weights.any() else parts > 0
        extents = (
            claim.any(axis=axis).sum() / (side.stop - side.start)
            for axis, side in zip((1, 0), frame.drawn, strict=True)
        )
        if claim.any() and min(extents) >= least_extent:
            break
    if not claim.any():
        raise EditError("All in this box belongs to objects that are done; take the mark off one of them first.")
    return np.asarray(claim)
