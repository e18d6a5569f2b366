"""What one edit alone does: clicks on missed objects, and ways to part two that were taken for one.

python benchmarks/pointing.py --images nuclei/images --labels nuclei/labels --part validation

Each missed object (IoU below .7, and most of it background) is clicked three times, at random in its inner half. Of
pairs of objects in one prediction whose common outline looks right (IoU .7), both should be right in the end. Lines are
a quarter of a pixel off, boxes half a pixel or 5 % (standard deviations); seed 0.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from mending import GOOD, Labels, Scene
from repair import merged, same

from napari_wnet.core import edits
from napari_wnet.datasets.folder import load_pair, pairs
from napari_wnet.datasets.split import split
from napari_wnet.errors import EditError
from napari_wnet.network.inference import fused
from napari_wnet.network.outline.net import OutlineNet
from napari_wnet.network.outline.predict import predict_outline
from napari_wnet.network.registry import load_model, load_outline
from napari_wnet.pipeline import segment

CLICKS = 3
USUAL_PX = 30.0
Way = Callable[[], edits.Change]


def clicks(scene: Scene, network: OutlineNet) -> Iterator[dict[str, bool]]:
    """Yield for each click on a missed object which ways make it right."""
    usual = edits.usual_length(scene.labels) or USUAL_PX
    wrong = {int(n) for n in np.unique(scene.truth)} - scene.right() - {0}
    for number in sorted(wrong):
        own = scene.truth == number
        if (scene.labels[own] > 0).mean() > 0.5:
            continue
        for point in (scene.click(own) for _ in range(CLICKS)):
            if scene.labels[point]:
                continue

            def outlined(length: float, point: edits.Point = point) -> edits.Change:
                prompt = edits.Prompt.click(point, length)
                return edits.outline_at(scene.labels, predict_outline(network, scene.image, prompt), [point])

            def grown(point: edits.Point = point) -> edits.Change:
                return edits.add(scene.labels, scene.maps, point)

            length = edits.expected_length(scene.labels, scene.maps, point, usual)
            ways: dict[str, Way] = {
                "grown from the embedding": grown,
                "outlined at the usual size": lambda outlined=outlined: outlined(usual),
                "outlined at the size that grows": lambda outlined=outlined, length=length: outlined(length),
            }
            yield {name: right_after(scene, way, [number]) for name, way in ways.items()}


def partings(scene: Scene, network: OutlineNet) -> Iterator[dict[str, bool]]:
    """Yield for each pair that was taken for one which ways part it into two right ones."""
    usual = edits.usual_length(scene.labels) or USUAL_PX
    for label, inside in merged(scene):
        if len(inside) != 2 or not same(scene.labels == label, np.isin(scene.truth, inside)):
            continue
        points = [scene.click(scene.truth == number) for number in inside]
        prompts = [edits.Prompt.click(points[i], usual).without(points[1 - i]) for i in range(2)]
        outlines = [predict_outline(network, scene.image, prompt) for prompt in prompts]
        line, boxes = scene.border(label, inside[0], inside[1:]), [scene.box(number) for number in inside]
        ways: dict[str, Way] = {
            "two clicks, by the maps": lambda points=points: edits.split(scene.labels, scene.maps, points),
            "two clicks, by outlines": lambda points=points, outlines=outlines: edits.split(
                scene.labels, scene.maps, points, outlines
            ),
            "a line across": lambda line=line: edits.cut(scene.labels, line),
        }
        found = {name: right_after(scene, way, inside) for name, way in ways.items()}
        labels, smaller = scene.labels, min((0, 1), key=lambda i: np.count_nonzero(scene.truth == inside[i]))
        one = boxed(labels, scene, network, boxes[smaller])
        found["a box around the smaller"] = set(inside) <= replace(scene, labels=one).right()
        for box in boxes:
            labels = boxed(labels, scene, network, box)
        found["two boxes"] = set(inside) <= replace(scene, labels=labels).right()
        yield found


def boxed(labels: Labels, scene: Scene, network: OutlineNet, box: edits.Box) -> Labels:
    """Return labels with the object that fills a box."""
    outline = predict_outline(network, scene.image, edits.Prompt.box(box))
    return edits.enclose(labels, scene.maps, box, outline=outline).applied(labels)


def right_after(scene: Scene, way: Way, numbers: list[int]) -> bool:
    """Tell whether objects are right after an edit."""
    try:
        labels = way().applied(scene.labels)
    except EditError:
        return False
    return set(numbers) <= replace(scene, labels=labels).right()


def main() -> None:
    """Segment, edit, and print the share of edits that did what was meant."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--labels", type=Path, required=True)
    parser.add_argument("--part", choices=("train", "validation", "test"), default="validation")
    parser.add_argument("--model", default="nuclei")
    given = parser.parse_args()
    found = pairs(given.images, given.labels).pairs
    names = set(getattr(split([pair.name for pair in found]), given.part))
    model, network = load_model(given.model), fused(load_outline().network)
    rng = np.random.default_rng(0)
    tables: dict[str, list[dict[str, bool]]] = {"clicks on missed objects": [], "pairs taken for one": []}
    for pair in found:
        if pair.name not in names:
            continue
        image, truth = load_pair(pair)
        result = segment(image, model)
        scene = Scene(truth=truth, labels=result.labels, maps=result.maps, image=image, rng=rng, hand_px=0.5)
        tables["clicks on missed objects"] += clicks(scene, network)
        tables["pairs taken for one"] += partings(scene, network)
    for title, rows in tables.items():
        print(f"{len(rows)} {title}; right (IoU {GOOD}) after")
        for name in rows[0] if rows else ():
            print(f"  {name:32} {100 * np.mean([row[name] for row in rows]):3.0f} %")


if __name__ == "__main__":
    main()
