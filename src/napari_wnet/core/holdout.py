"""Which part of few labelled images is held out to judge a training: whole images, or each cut in two by a line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.partial import Mask, countable
from napari_wnet.errors import TrainingError

ENOUGH_IMAGES = 5
"""From so many images with objects on, whole images are held out."""
SHARE = 0.25
"""Of the objects, about, that are held out."""
LEAST_OBJECTS = 3
CROSSED_COST = 0.5
"""An object cut by the line is lost to both sides in part: so much as missing the share by half as much."""


@dataclass(frozen=True, kw_only=True)
class Rectangle:
    """A part of an image: rows from `top` up to `bottom` and columns from `left` up to `right`, ends excluded."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Return what cuts it out of (..., Y, X)."""
        return slice(self.top, self.bottom), slice(self.left, self.right)


@dataclass(frozen=True, kw_only=True)
class ImageSplit:
    """What one image is used for; the two parts share no pixel, and either may be missing."""

    train: Rectangle | None
    held_out: Rectangle | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Objects:
    """The objects that count in one image: their centres (N, 2) and extents along both axes (N, 2, 2)."""

    shape: tuple[int, int]
    centres: npt.NDArray[np.float64]
    extents: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.centres)

    @property
    def whole(self) -> Rectangle:
        return Rectangle(top=0, left=0, bottom=self.shape[0], right=self.shape[1])


def hold_out(labels: Sequence[npt.NDArray[Any]], known: Sequence[Mask | None]) -> tuple[ImageSplit, ...]:
    """Choose what trains and what is held out.

    Parameters
    ----------
    labels : sequence of (Y, X) integer arrays
    known : sequence of (Y, X) bool arrays or None
        Where the labels are true; only objects known at least by half count.

    Returns
    -------
    tuple of ImageSplit
        One for each image. With five or more images that have objects, about a fifth of the images is held out as
        a whole; with fewer, each image that has two objects or more is cut in two, so that about a quarter of its
        objects is held out. At least two objects are held out and at least one trains.

    Raises
    ------
    TrainingError
        If there are fewer than three objects, or they cannot be told apart by place.
    """
    images = [_objects(one, where) for one, where in zip(labels, known, strict=True)]
    total = sum(map(len, images))
    if total < LEAST_OBJECTS:
        raise TrainingError(_too_few(total))
    if sum(len(image) > 0 for image in images) >= ENOUGH_IMAGES:
        return _by_image(images)
    splits = [_cut(image, 1) for image in images]
    if _held(images, splits) < 2:
        _hold_more(images, splits)
    if _held(images, splits) < 2:
        raise TrainingError("The objects lie within one another, so none can be held out; label some elsewhere.")
    return tuple(splits)


def _too_few(total: int) -> str:
    counted = {0: "No object is", 1: "Only one object is", 2: "Only two objects are"}[total]
    return (
        f"{counted} labelled and known: at least three are needed, one to learn from and two to judge the result. "
        "Label more objects, tick more of them as done, or enlarge the region."
    )


def _objects(labels: npt.NDArray[Any], known: Mask | None) -> _Objects:
    _, places = np.unique(countable(labels, known), return_inverse=True)
    numbers = places.reshape(labels.shape)
    if labels.size and (countable(labels, known) > 0).all():
        numbers = numbers + 1  # no background, so the first number is an object's
    boxes = [box for box in ndimage.find_objects(numbers) if box is not None]
    extents = np.array([[(side.start, side.stop) for side in box] for box in boxes], np.int64).reshape(-1, 2, 2)
    centres = ndimage.center_of_mass(numbers > 0, numbers, np.arange(1, len(boxes) + 1)) if boxes else []
    shape = (labels.shape[0], labels.shape[1])
    return _Objects(shape=shape, centres=np.array(centres, float).reshape(-1, 2), extents=extents)


def _by_image(images: Sequence[_Objects]) -> tuple[ImageSplit, ...]:
    """Hold out the images whose number of objects is most like the others'."""
    counts = np.array([len(image) for image in images])
    used = np.flatnonzero(counts)
    typical = used[np.argsort(np.abs(counts[used] - np.median(counts[used])), kind="stable")]
    n_images = max(1, used.size // ENOUGH_IMAGES)
    while counts[typical[:n_images]].sum() < 2:
        n_images += 1
    held = set(typical[:n_images].tolist())
    return tuple(
        ImageSplit(train=None, held_out=image.whole) if place in held else ImageSplit(train=image.whole, held_out=None)
        for place, image in enumerate(images)
    )


def _cut(image: _Objects, least: int) -> ImageSplit:
    """Cut an image by the line that costs least and holds out `least` objects or more; uncut if there is none."""
    best, parts = np.inf, ImageSplit(train=image.whole, held_out=None)
    for axis in (0, 1):
        lines = np.arange(1, image.shape[axis])
        centres, extents = image.centres[:, axis], image.extents[:, axis]
        after = (centres[None] >= lines[:, None]).sum(1)
        crossed = ((extents[None, :, 0] < lines[:, None]) & (extents[None, :, 1] > lines[:, None])).sum(1)
        for held, is_after in ((after, True), (len(image) - after, False)):
            possible = (held >= least) & (held < len(image))
            if not possible.any():
                continue
            cost = np.abs(held / len(image) - SHARE) + CROSSED_COST * crossed / len(image)
            cost = np.where(possible, cost, np.inf)
            place = np.flatnonzero(cost == cost.min())
            line = int(lines[place[place.size // 2]])  # the middle of the gap between objects
            if cost.min() < best:
                best, parts = float(cost.min()), _parts(image.shape, axis, line, is_after)
    return parts


def _parts(shape: tuple[int, int], axis: int, line: int, held_after: bool) -> ImageSplit:
    height, width = shape
    if axis == 0:
        before = Rectangle(top=0, left=0, bottom=line, right=width)
        after = Rectangle(top=line, left=0, bottom=height, right=width)
    else:
        before = Rectangle(top=0, left=0, bottom=height, right=line)
        after = Rectangle(top=0, left=line, bottom=height, right=width)
    return ImageSplit(train=before, held_out=after) if held_after else ImageSplit(train=after, held_out=before)


def _hold_more(images: Sequence[_Objects], splits: list[ImageSplit]) -> None:
    """Hold out two objects, where one each did not come to that: of the fullest image, or else whole images."""
    fullest = max(range(len(images)), key=lambda place: len(images[place]))
    splits[fullest] = _cut(images[fullest], 2) if len(images[fullest]) > 2 else splits[fullest]
    for place in range(len(images) - 1, -1, -1):
        if _held(images, splits) >= 2:
            return
        if place != fullest and len(images[place]):
            splits[place] = ImageSplit(train=None, held_out=images[place].whole)


def _held(images: Sequence[_Objects], splits: Sequence[ImageSplit]) -> int:
    """Count the objects whose centres are held out."""
    return sum(int(_within(image.centres, split.held_out).sum()) for image, split in zip(images, splits, strict=True))


def _within(centres: npt.NDArray[np.float64], part: Rectangle | None) -> npt.NDArray[np.bool_]:
    if part is None:
        return np.zeros(len(centres), bool)
    rows, columns = centres.T
    inside = (rows >= part.top) & (rows < part.bottom) & (columns >= part.left) & (columns < part.right)
    return np.asarray(inside, bool)
