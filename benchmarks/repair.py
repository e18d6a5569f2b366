"""A simulated user mends every segmented image with clicks placed by the ground truth, and counts them.

python benchmarks/repair.py --images nuclei/images --labels nuclei/labels --part validation

Each object of the truth should end with IoU .7. An error is a group of objects taken for one, an object in pieces, a
missed or a false object, one with a poor outline, or a border in the wrong place; the user makes the edit that is meant
for it. Where that is not enough, the object is grown or shrunk by up to three key presses, or deleted (1 click) and
drawn (8 clicks). Clicks fall at random in the inner half of the object, the ends of cuts half a pixel off.
"""

from __future__ import annotations

import argparse
import contextlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.stats import rankdata

from napari_wnet.core import edits
from napari_wnet.core.changes import unused_number
from napari_wnet.core.doubt import doubts
from napari_wnet.core.maps import Maps
from napari_wnet.datasets.folder import load_pair, pairs
from napari_wnet.datasets.split import split
from napari_wnet.errors import EditError
from napari_wnet.network.registry import load_model
from napari_wnet.params import EditParams
from napari_wnet.pipeline import segment

GOOD = 0.7
DRAW_CLICKS = 8
MOST_PRESSES = 3
Labels = npt.NDArray[np.int32]


@dataclass
class Tally:
    """Errors, clicks, and edits that did what was meant, by kind of error."""

    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    clicks: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    meant: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def note(self, kind: str, clicks: int, success: bool) -> None:
        """Count one error, and whether the first edit did what was meant."""
        self.errors[kind] += 1
        self.clicks[kind] += clicks
        self.meant[kind] += success


@dataclass
class Scene:
    """An image on its way to being right."""

    truth: Labels
    labels: Labels
    maps: Maps
    rng: np.random.Generator

    def overlaps(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
        """Return pixels shared by each true and predicted object, and the areas of both."""
        shape = int(self.truth.max()) + 1, int(self.labels.max()) + 1
        shared = np.zeros(shape, int)
        np.add.at(shared, (self.truth.ravel(), self.labels.ravel()), 1)
        return shared, shared.sum(axis=1), shared.sum(axis=0)

    def iou(self, number: int) -> float:
        """Return the best IoU of a true object."""
        own = self.truth == number
        touched, shared = np.unique(self.labels[own], return_counts=True)
        areas = np.bincount(self.labels.ravel())
        scores = [n / (own.sum() + areas[label] - n) for label, n in zip(touched, shared, strict=True) if label]
        return max(scores, default=0.0)

    def click(self, mask: npt.NDArray[np.bool_]) -> edits.Point:
        """Return a pixel in the inner half of a mask."""
        depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
        inner = np.argwhere(depth >= 0.5 * depth.max())
        row, column = inner[self.rng.integers(len(inner))]
        return int(row), int(column)

    def draw(self, number: int) -> None:
        """Replace whatever is there by the true object."""
        touched, shared = np.unique(self.labels[self.truth == number], return_counts=True)
        best = int(touched[shared.argmax()])
        if best and (self.labels == best).sum() < 2 * (self.truth == number).sum():
            self.labels[self.labels == best] = 0
        self.labels[self.truth == number] = unused_number(self.labels)


def merged(scene: Scene) -> Iterator[tuple[int, list[int]]]:
    """Yield predicted objects that hold most of two or more true ones."""
    shared, true_areas, _ = scene.overlaps()
    for label in range(1, shared.shape[1]):
        inside = [int(n) for n in np.flatnonzero(shared[:, label] > 0.5 * true_areas) if n]
        if len(inside) > 1 and any(scene.iou(n) < GOOD for n in inside):
            yield label, inside


def torn(scene: Scene) -> Iterator[tuple[int, list[int]]]:
    """Yield true objects that hold most of two or more predicted ones."""
    shared, _, areas = scene.overlaps()
    for number in range(1, shared.shape[0]):
        pieces = [int(label) for label in np.flatnonzero(shared[number] > 0.5 * areas) if label]
        if len(pieces) > 1 and scene.iou(number) < GOOD:
            yield number, pieces


def repair(scene: Scene, tally: Tally, params: EditParams) -> None:
    """Do to a scene what a person would, one kind of error after another."""
    for label, inside in list(merged(scene)):
        part_merged(scene, tally, label, inside)
    for number, pieces in list(torn(scene)):
        scene.labels = edits.merge(scene.labels, pieces).applied(scene.labels)
        finish(scene, tally, "merge", len(pieces), [number])
    for number in range(1, int(scene.truth.max()) + 1):
        if (scene.truth == number).any() and scene.iou(number) < GOOD:
            mend(scene, tally, number, params)
    shared, _, areas = scene.overlaps()
    for label in range(1, shared.shape[1]):
        if areas[label] and shared[0, label] > 0.5 * areas[label]:
            scene.labels = edits.delete(scene.labels, label).applied(scene.labels)
            tally.note("delete", 1, True)


def part_merged(scene: Scene, tally: Tally, label: int, inside: list[int]) -> None:
    """Split a predicted object that holds several true ones: two by a cut, more by a click in each."""
    before = scene.labels
    if len(inside) == 2:
        path = border(scene, label, inside)
        try:
            scene.labels = edits.cut(before, path).applied(before)
        except EditError:
            scene.labels = before
        finish(scene, tally, "cut", 1, inside)
        return
    points = [scene.click((scene.truth == n) & (before == label)) for n in inside]
    scene.labels = edits.split(before, scene.maps, points).applied(before)
    finish(scene, tally, "split", len(points), inside)


def border(scene: Scene, label: int, pair: list[int]) -> list[edits.Point]:
    """Return the ends of a straight line between two true objects, across the predicted one that holds both."""
    mask = scene.labels == label
    one, other = ((scene.truth == n) & mask for n in pair)
    nearer = ndimage.distance_transform_edt(~one) < ndimage.distance_transform_edt(~other)
    edge = mask & ndimage.binary_dilation(nearer & mask) & ~nearer
    places = np.argwhere(edge if edge.any() else mask)
    centre = places.mean(axis=0)
    _, _, axes = np.linalg.svd(places - centre, full_matrices=False)
    along = (places - centre) @ axes[0]
    jitter = scene.rng.normal(0, 0.5, (2, 2))  # nobody's hand is exact
    ends = centre + np.array([[along.min()], [along.max()]]) * axes[0] + jitter
    return [(round(row), round(column)) for row, column in ends.tolist()]


def finish(scene: Scene, tally: Tally, kind: str, clicks: int, meant_for: list[int]) -> None:
    """Count an edit; what is still not right is made larger or smaller, or else drawn."""
    bad = [n for n in meant_for if scene.iou(n) < GOOD]
    tally.note(kind, clicks, not bad)
    for number in bad:
        tally.clicks[kind] += outlined(scene, number)


def outlined(scene: Scene, number: int) -> int:
    """Bring a true object's best match to the right size by key presses, or delete and draw it; return the clicks."""
    touched, shared = np.unique(scene.labels[scene.truth == number], return_counts=True)
    label = int(touched[shared.argmax()])
    before = scene.labels
    if label:
        for shaping in (edits.grow_object, edits.shrink_object):
            scene.labels = before
            for presses in range(1, MOST_PRESSES + 1):
                try:
                    scene.labels = shaping(scene.labels, label).applied(scene.labels)
                except EditError:
                    break
                if scene.iou(number) >= GOOD:
                    return presses
    scene.labels = before
    scene.draw(number)
    return DRAW_CLICKS + (1 if label else 0)


def mend(scene: Scene, tally: Tally, number: int, params: EditParams) -> None:
    """Add a missed object, or mend one with a poor outline."""
    own = scene.truth == number
    point = scene.click(own)
    if scene.labels[point] == 0:
        before = scene.labels
        try:
            scene.labels = edits.add(before, scene.maps, point, params).applied(before)
        except EditError:
            scene.labels = before
        finish(scene, tally, "add", 1, [number])
        return
    label = int(scene.labels[point])
    beside = rival(scene, number, label)
    if beside:  # the border between two objects is in the wrong place: join them and cut anew
        joined = edits.merge(scene.labels, (label, beside[0])).applied(scene.labels)
        trial = Scene(truth=scene.truth, labels=joined, maps=scene.maps, rng=scene.rng)
        with contextlib.suppress(EditError):
            trial.labels = edits.cut(joined, border(trial, label, [number, beside[1]])).applied(joined)
        if all(trial.iou(n) >= GOOD for n in (number, beside[1])):
            scene.labels = trial.labels
            tally.note("border", 3, True)
            return
    clicks = outlined(scene, number)
    tally.note("outline", clicks, clicks <= MOST_PRESSES)


def rival(scene: Scene, number: int, label: int) -> tuple[int, int] | None:
    """Return the predicted object that holds the rest of a true one, and the true object that it is meant for."""
    touched, shared = np.unique(scene.labels[scene.truth == number], return_counts=True)
    others = [(int(n), int(other)) for other, n in zip(touched, shared, strict=True) if other not in (0, label)]
    if not others:
        return None
    other = max(others)[1]
    owners, counts = np.unique(scene.truth[scene.labels == other], return_counts=True)
    owner = int(owners[counts.argmax()])
    return (other, owner) if owner not in (0, number) else None


def doubt_auc(scenes: list[Scene]) -> float:
    """Return the share of pairs in which a bad object is ranked as more doubtful than a good one."""
    bad, doubt = [], []
    for scene in scenes:
        shared, true_areas, areas = scene.overlaps()
        union = true_areas[:, np.newaxis] + areas - shared
        best = (shared / union)[1:].max(axis=0, initial=0)
        found = doubts(scene.labels, scene.maps)
        bad += [best[label] < GOOD for label in found.labels]
        doubt += found.doubt.tolist()
    wrong, ranks = np.array(bad), rankdata(doubt)
    return float((ranks[wrong].mean() - (wrong.sum() + 1) / 2) / (~wrong).sum())


def main() -> None:
    """Segment, mend, and print the tally."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--part", choices=("train", "validation", "test"), default="validation")
    parser.add_argument("--model", default="nuclei")
    parser.add_argument("--least-area", type=int, default=0, help="smaller true objects are left out")
    parser.add_argument("--angle", type=float, default=EditParams().angle)
    given = parser.parse_args()
    found = pairs(given.images, given.labels).pairs
    names = set(getattr(split([pair.name for pair in found]), given.part))
    model = load_model(given.model)
    scenes: list[Scene] = []
    rng = np.random.default_rng(0)
    for pair in found:
        if pair.name in names:
            image, truth = load_pair(pair)
            small = np.flatnonzero(np.bincount(truth.ravel()) < given.least_area)
            truth = np.where(np.isin(truth, small), 0, truth)
            result = segment(image, model)
            scenes.append(Scene(truth=truth, labels=result.labels.copy(), maps=result.maps, rng=rng))
    print(f"{len(scenes)} images, {sum(len(np.unique(s.truth)) - 1 for s in scenes)} objects, model {model.name}")
    print(f"a bad object ranks before a good one in {100 * doubt_auc(scenes):.0f} % of pairs")
    tally = Tally()
    for scene in scenes:
        repair(scene, tally, EditParams(angle=given.angle))
        assert all(scene.iou(n) >= GOOD for n in np.unique(scene.truth) if n), "an object was left"
    total, clicks, meant = (sum(part.values()) for part in (tally.errors, tally.clicks, tally.meant))
    for kind in tally.errors:
        n = tally.errors[kind]
        print(
            f"  {kind}: {n} errors, {tally.clicks[kind] / n:.2f} clicks each, {100 * tally.meant[kind] / n:.0f} % meant"
        )
    print(f"all: {total} errors, {clicks / total:.2f} clicks each; {100 * meant / total:.0f} % of edits were enough")
    print(f"without the tools (delete and draw): {DRAW_CLICKS + 1} clicks each at most")


if __name__ == "__main__":
    main()
