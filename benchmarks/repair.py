"""A simulated user mends every segmented image by hand, and counts clicks and drags.

python benchmarks/repair.py --images nuclei/images --labels nuclei/labels --part validation

Each object of the truth should end with IoU .7. The user sees what the objects are, and how the labels differ from
that, but does not know what an edit will do:

- objects taken for one, where their common outline looks right (IoU .7): if each part would look right as well, lines
  along their borders, one less than there are objects; else a box around each but the largest;
- an object in pieces: where they add up to it (IoU .7), a click on each;
- an outline that is nearly right (IoU .6) but an eighth too large or small in area: up to three presses that grow or
  shrink the object;
- all else (a missed object, another outline, one of many taken for one, and what is still not right): a box; where that
  is not enough, up to two clicks at what is most wrong with it, and the presses if they are all that it takes by these
  rules; the same once more with a second box, for which the user zooms in; and else the object is deleted (1 click) and
  drawn (8 clicks);
- a false object: a click.

N objects taken for one are N - 1 errors.

What an edit makes wrong that was right counts: the edit did not do what was meant, and mending it, by a box or drawn,
is part of the same error's cost. Clicks on false objects that came with an edit count as well.

Clicks fall at random in the inner half of the object, the corners of lines half a pixel off, the sides of boxes a pixel
or 5 % of their length (standard deviations), half of that when zoomed in; `--hand-px 0 --hand-part 0` places all by the
ground truth. A drag counts as two clicks, press and release; the figures with a drag as one action stand beside that.
"""

from __future__ import annotations

import argparse
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from mending import GOOD, Labels, Scene, Tally
from scipy.stats import rankdata

from napari_wnet.core import edits
from napari_wnet.core.doubt import doubts
from napari_wnet.datasets.folder import load_pair, pairs
from napari_wnet.datasets.split import split
from napari_wnet.errors import EditError
from napari_wnet.network.inference import fused
from napari_wnet.network.outline.net import OutlineNet
from napari_wnet.network.outline.predict import predict_outline
from napari_wnet.network.registry import load_model, load_outline
from napari_wnet.pipeline import segment

DRAW_CLICKS = 8
MOST_PRESSES = 3
BOXES = 2
CORRECTIONS = 2
SAME_OUTLINE = 0.7
NEARLY, OFF_SIZE = 0.6, 1.125


class User:
    """Mends one scene."""

    def __init__(self, scene: Scene, tally: Tally, network: OutlineNet | None, *, boxes: bool = True) -> None:
        self.scene = scene
        self.tally = tally
        self.network = network
        self.boxes = boxes
        shared, _, areas = scene.overlaps()
        self.false = set(np.flatnonzero((areas > 0) & (shared[0] > 0.5 * areas)).tolist()) - {0}

    def repair(self) -> None:
        """Do what a person would, one kind of error after another."""
        for label, inside in list(merged(self.scene)):
            self.error("merged", inside, lambda label=label, inside=inside: self.part(label, inside))
        for number, pieces in list(torn(self.scene)):
            self.error("torn", [number], lambda number=number, pieces=pieces: self.join(number, pieces))
        for number in range(1, int(self.scene.truth.max()) + 1):
            if (self.scene.truth == number).any() and number not in self.scene.right():
                own = self.scene.truth == number
                kind = "outline" if (self.scene.labels[own] > 0).mean() > 0.5 else "missed"
                self.error(kind, [number], lambda number=number: self.resize(number))
        self.delete_false()

    def error(self, kind: str, meant_for: list[int], first: Callable[[], None]) -> None:
        """Mend an error, beginning in some way, to its end, and whatever that damages."""
        before, made, drawn = self.scene.right(), self.tally.edits[kind], self.tally.drawn[kind]
        count = max(1, len(meant_for) - 1)
        self.tally.errors[kind] += count
        self.kind = kind
        first()
        tries: Counter[int] = Counter()
        while wrong := before.union(meant_for) - self.scene.right():
            number = min(wrong)
            if tries[number] < (BOXES if self.boxes else 1):
                self.enclose(number, [number], zoomed=tries[number] > 0)
            else:
                self.draw(number)
            tries[number] += 1
        at_once = self.tally.edits[kind] - made <= count and self.tally.drawn[kind] == drawn
        self.tally.at_once[kind] += count * at_once

    def edit(self, made: Callable[[Labels], Labels], meant_for: list[int], clicks: int = 0, drags: int = 0) -> None:
        """Make an edit and note its cost, and whether it did what was meant and no harm."""
        before = self.scene.right()
        with contextlib.suppress(EditError):
            self.scene.labels = made(self.scene.labels)
        after = self.scene.right()
        self.tally.edits[self.kind] += 1
        self.tally.meant[self.kind] += after >= before | set(meant_for)
        self.tally.clicks[self.kind] += clicks
        self.tally.drags[self.kind] += drags

    def part(self, label: int, inside: list[int]) -> None:
        """Part objects that were taken for one, if that is all that is wrong: by lines, or by boxes."""
        scene = self.scene
        if not same(scene.labels == label, np.isin(scene.truth, inside)):
            return
        left = sorted(inside, key=lambda number: np.count_nonzero(scene.truth == number))
        by_lines = not self.boxes or scene.parts_would_do(label, inside)
        while len(left) > 1:
            number, *left = left
            meant = inside if len(left) == 1 else [number]
            if by_lines:
                held = int(np.bincount(scene.labels[scene.truth == left[-1]]).argmax())
                line = scene.border(held, number, left)
                self.edit(lambda labels, line=line: edits.cut(labels, line).applied(labels), meant, drags=1)
            else:
                self.enclose(number, meant)

    def join(self, number: int, pieces: list[int]) -> None:
        """Click on an object's pieces, if they make the whole."""
        if same(np.isin(self.scene.labels, pieces), self.scene.truth == number):
            self.edit(lambda labels: edits.merge(labels, pieces).applied(labels), [number], clicks=len(pieces))

    def enclose(self, number: int, meant_for: list[int], *, zoomed: bool = False) -> None:
        """Drag a box around an object and correct what comes of it, or without that tool click where it is missed."""
        point, box = self.scene.click(self.scene.truth == number), self.scene.box(number, zoomed=zoomed)
        maps, labels = self.scene.maps, self.scene.labels
        prompt = edits.Prompt.box(box)

        def made(prompt: edits.Prompt) -> edits.Change:
            outline = None if self.network is None else predict_outline(self.network, self.scene.image, prompt)
            return edits.enclose(labels, maps, box, outline=outline)

        if self.boxes:
            self.edit(lambda _: made(prompt).applied(labels), meant_for, drags=1)
            for _ in range(CORRECTIONS if self.network is not None else 0):
                if number in self.scene.right():
                    break
                click = self.scene.worst(number, made(prompt))
                prompt = prompt.also(click) if self.scene.truth[click] == number else prompt.without(click)
                self.edit(lambda _, prompt=prompt: made(prompt).applied(labels), meant_for, clicks=1)
        elif not self.scene.labels[point]:
            self.edit(lambda labels: edits.add(labels, maps, point).applied(labels), [number], clicks=1)
        self.resize(number)

    def draw(self, number: int) -> None:
        """Delete what is there, and draw the object."""
        self.tally.drawn[self.kind] += 1
        self.tally.clicks[self.kind] += DRAW_CLICKS + (1 if self.scene.match(number) else 0)
        self.scene.draw(number)

    def resize(self, number: int) -> None:
        """Grow or shrink an object that is nearly right, until it looks right; all presses together are one edit."""

        def pressed(labels: Labels) -> Labels:
            trial = replace(self.scene, labels=labels)
            label, _, ratio = trial.looks(number)
            shaping = edits.grow_object if ratio < 1 else edits.shrink_object
            for _ in range(MOST_PRESSES):
                trial.labels = shaping(trial.labels, label).applied(trial.labels)
                self.tally.clicks[self.kind] += 1
                if trial.looks(number)[1] >= GOOD:
                    break
            return trial.labels

        label, score, ratio = self.scene.looks(number)
        if label and NEARLY <= score < GOOD and not 1 / OFF_SIZE < ratio < OFF_SIZE:
            self.edit(pressed, [number])

    def delete_false(self) -> None:
        """Click on each object that is mostly background; what came with edits costs a click but is no error."""
        shared, _, areas = self.scene.overlaps()
        for label in range(1, shared.shape[1]):
            if areas[label] and shared[0, label] > 0.5 * areas[label]:
                was_there = label in self.false
                self.tally.errors["false"] += was_there
                self.tally.at_once["false"] += was_there
                self.kind = "false" if was_there else "left over"
                self.edit(lambda labels, label=label: edits.delete(labels, label).applied(labels), [], clicks=1)


def same(one: Labels, other: Labels) -> bool:
    """Tell whether two outlines look the same."""
    return bool((one & other).sum() >= SAME_OUTLINE * (one | other).sum())


def merged(scene: Scene) -> Iterator[tuple[int, list[int]]]:
    """Yield predicted objects that hold most of two or more true ones."""
    shared, true_areas, _ = scene.overlaps()
    right = scene.right()
    for label in range(1, shared.shape[1]):
        inside = [int(n) for n in np.flatnonzero(shared[:, label] > 0.5 * true_areas) if n]
        if len(inside) > 1 and not right.issuperset(inside):
            yield label, inside


def torn(scene: Scene) -> Iterator[tuple[int, list[int]]]:
    """Yield true objects that hold most of two or more predicted ones."""
    shared, _, areas = scene.overlaps()
    wrong = {int(n) for n in np.unique(scene.truth)} - scene.right() - {0}
    for number in sorted(wrong):
        pieces = [int(label) for label in np.flatnonzero(shared[number] > 0.5 * areas) if label]
        if len(pieces) > 1:
            yield number, pieces


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
    parser.add_argument("--without-box", action="store_true", help="see what the box is worth")
    parser.add_argument("--hand-px", type=float, default=1.0, help="how exact boxes are at best; lines are twice that")
    parser.add_argument("--hand-part", type=float, default=0.05, help="the same, as a part of a box's side")
    parser.add_argument("--without-outline", action="store_true", help="see what the outline network is worth")
    given = parser.parse_args()
    found = pairs(given.images, given.labels).pairs
    names = set(getattr(split([pair.name for pair in found]), given.part))
    model = load_model(given.model)
    scenes: list[Scene] = []
    rng = np.random.default_rng(0)
    network = None if given.without_outline else fused(load_outline().network)
    for pair in found:
        if pair.name in names:
            image, truth = load_pair(pair)
            small = np.flatnonzero(np.bincount(truth.ravel()) < given.least_area)
            truth = np.where(np.isin(truth, small), 0, truth)
            result = segment(image, model)
            scenes.append(
                Scene(
                    truth=truth,
                    labels=result.labels.copy(),
                    maps=result.maps,
                    image=image,
                    rng=rng,
                    hand_px=given.hand_px,
                    hand_part=given.hand_part,
                )
            )
    print(f"{len(scenes)} images, {sum(len(np.unique(s.truth)) - 1 for s in scenes)} objects, model {model.name}")
    print(f"a bad object ranks before a good one in {100 * doubt_auc(scenes):.0f} % of pairs")
    tally = Tally()
    for scene in scenes:
        User(scene, tally, network, boxes=not given.without_box).repair()
        assert scene.right().issuperset(set(np.unique(scene.truth).tolist()) - {0}), "an object was left"
    for kind in tally.clicks:
        print(f"  {kind:9} {tally.line(kind)}")
    print(f"  {'all':9} {tally.line()}")
    print(f"without the tools (delete and draw): {DRAW_CLICKS + 1} clicks each at most")


if __name__ == "__main__":
    main()
