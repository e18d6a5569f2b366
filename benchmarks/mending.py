"""An image on its way to being right, the hand that mends it, and what that costs: see repair.py."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core import edits
from napari_wnet.core.changes import unused_number
from napari_wnet.core.maps import Maps

GOOD = 0.7
DRAG_CLICKS = 2
MOST_CORNERS, CORNER_PX = 7, 3
"""Of a line that is drawn: how many changes of direction at most, and how far apart."""
Labels = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@dataclass
class Tally:
    """By kind of error: how many, right after one edit, all edits, those that did what was meant, what they cost."""

    errors: Counter[str] = field(default_factory=Counter)
    at_once: Counter[str] = field(default_factory=Counter)
    edits: Counter[str] = field(default_factory=Counter)
    meant: Counter[str] = field(default_factory=Counter)
    drawn: Counter[str] = field(default_factory=Counter)
    clicks: Counter[str] = field(default_factory=Counter)
    drags: Counter[str] = field(default_factory=Counter)

    def line(self, kind: str | None = None) -> str:
        """Return the figures of a kind of error, or of all."""
        counters = (self.errors, self.at_once, self.edits, self.meant, self.drawn, self.clicks, self.drags)
        counts = [sum(counter.values()) if kind is None else counter[kind] for counter in counters]
        errors, at_once, made, meant, drawn, clicks, drags = counts
        each, cost = max(errors, 1), clicks + DRAG_CLICKS * drags
        return (
            f"{errors:4} errors, {cost:4} clicks, {cost / each:5.2f} each"
            f" ({(clicks + drags) / each:.2f} with a drag as one); {100 * at_once / each:3.0f} % right at once;"
            f" {100 * meant / max(made, 1):3.0f} % of {made} edits did what was meant; {drawn} drawn"
        )


@dataclass
class Scene:
    """An image, and somebody who sees what its objects are; `hand_px` is how exact that person's hand is at best."""

    truth: Labels
    labels: Labels
    maps: Maps
    image: npt.NDArray[Any]
    rng: np.random.Generator
    hand_px: float = 1.0
    hand_part: float = 0.05

    def overlaps(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Return pixels shared by each true and predicted object, and the areas of both."""
        shape = int(self.truth.max()) + 1, int(self.labels.max()) + 1
        pairs = self.truth.ravel().astype(np.int64) * shape[1] + self.labels.ravel()
        shared = np.bincount(pairs, minlength=shape[0] * shape[1]).reshape(shape)
        return shared, shared.sum(axis=1), shared.sum(axis=0)

    def ious(self) -> npt.NDArray[np.float64]:
        """Return the best IoU of each true object, 0 for numbers that are none."""
        shared, true_areas, areas = self.overlaps()
        union = true_areas[:, np.newaxis] + areas - shared
        best = (shared / np.maximum(union, 1))[:, 1:].max(axis=1, initial=0)
        best[0] = 0
        return np.asarray(best)

    def right(self) -> set[int]:
        """Return the true objects that are as they should be."""
        return set(np.flatnonzero(self.ious() >= GOOD).tolist())

    def match(self, number: int) -> int:
        """Return the predicted object that covers most of a true one, 0 where that is background."""
        return int(np.bincount(self.labels[self.truth == number]).argmax())

    def looks(self, number: int) -> tuple[int, float, float]:
        """Return a true object's match, their IoU, and the part of its area that the match has."""
        label = self.match(number)
        own, found = self.truth == number, self.labels == label
        return label, (own & found).sum() / (own | found).sum(), found.sum() / own.sum()

    def click(self, mask: Mask) -> edits.Point:
        """Return a pixel in the inner half of a mask."""
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        inner = np.argwhere(depth >= 0.5 * depth.max())
        row, column = inner[self.rng.integers(len(inner))]
        return int(row), int(column)

    def worst(self, number: int, change: edits.Change) -> edits.Point:
        """Return a pixel in the middle of the largest part by which a made object differs from a true one."""
        wrong = (change.applied(self.labels) == change.objects[0]) != (self.truth == number)
        parts, _ = ndimage.label(wrong)
        largest = parts == np.bincount(parts.ravel())[1:].argmax() + 1
        depth = ndimage.distance_transform_edt(np.pad(largest, 1))[1:-1, 1:-1]
        row, column = np.unravel_index(int(depth.argmax()), depth.shape)
        return int(row), int(column)

    def box(self, number: int, *, zoomed: bool = False) -> edits.Box:
        """Return a box around a true object as a hand draws it: each side is off by a pixel or 5 % of the length."""
        ends = []
        for places, length in zip(np.nonzero(self.truth == number), self.truth.shape, strict=True):
            low, high = int(places.min()), int(places.max())
            off = max(self.hand_px, self.hand_part * (high + 1 - low)) * (0.5 if zoomed else 1)
            start, stop = np.clip(np.rint(self.rng.normal((low, high), off)).astype(int), 0, length - 1).tolist()
            start = max(0, min(start, stop - 2))  # nobody lets go at once
            ends.append([start, max(stop, start + 2)])
        return (ends[0][0], ends[1][0]), (ends[0][1], ends[1][1])

    def parts_would_do(self, label: int, inside: list[int]) -> bool:
        """Tell whether true objects taken for one would all be right, if that were parted where they meet."""
        mask = self.labels == label
        far = np.stack([ndimage.distance_transform_edt(self.truth != number) for number in inside])
        nearest = np.array(inside)[far.argmin(axis=0)]
        wanted = [(self.truth == number, mask & (nearest == number)) for number in inside]
        return all((own & part).sum() >= GOOD * (own | part).sum() for own, part in wanted)

    def border(self, label: int, one: int, others: list[int]) -> list[edits.Point]:
        """Return a path along the border of a true object and others, across the predicted one that holds them."""
        mask = self.labels == label
        near, far = ((np.isin(self.truth, numbers)) & mask for numbers in ([one], others))
        nearer = ndimage.distance_transform_edt(~near) < ndimage.distance_transform_edt(~far)
        edge = mask & ndimage.binary_dilation(nearer & mask) & ~nearer
        places = np.argwhere(edge if edge.any() else mask).astype(float)
        centre = places.mean(axis=0)
        _, _, axes = np.linalg.svd(places - centre, full_matrices=False)
        along = (places - centre) @ axes[0]
        count = max(2, min(MOST_CORNERS, int(np.ptp(along) / CORNER_PX) + 1))
        bins = np.minimum((count * (along - along.min()) / max(np.ptp(along), 1e-9)).astype(int), count - 1)
        corners = [places[bins == number].mean(axis=0) for number in range(count) if (bins == number).any()]
        ends = [centre + along.min() * axes[0], centre + along.max() * axes[0]]
        path = [ends[0], *corners, ends[1]] if len(corners) > 2 else ends
        return [
            (round(row), round(column))
            for row, column in np.array(path) + self.rng.normal(0, 0.5 * self.hand_px, (len(path), 2))
        ]

    def draw(self, number: int) -> None:
        """Put the true object over whatever is there; what was meant for it goes."""
        own = self.truth == number
        best = self.match(number)
        if best and np.bincount(self.truth[self.labels == best], minlength=2)[1:].argmax() + 1 == number:
            self.labels = np.where(self.labels == best, 0, self.labels)
        self.labels = np.where(own, unused_number(self.labels), self.labels)
