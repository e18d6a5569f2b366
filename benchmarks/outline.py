"""How often the bundled outline network is right about annotated objects, by a box, a click, and one correction.

python benchmarks/outline.py --images nuclei/images cells/images --labels nuclei/labels cells/labels --part test

Each object is pointed at once, seed 0: by a box whose sides are a pixel or 5 % off (standard deviations), and by a
click in its inner half, its size guessed from its like to a fifth or so; then corrected by one click in the middle of
what is most wrong. At most 600 objects a data set, evenly drawn. Right: IoU .7 or more.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_wnet.datasets.folder import load_pair, pairs
from napari_wnet.datasets.split import split
from napari_wnet.network.dataset import Sample
from napari_wnet.network.outline.training import outline_scores
from napari_wnet.network.registry import load_outline
from napari_wnet.train_params import OutlineParams


def samples(images: Path, labels: Path, part: str) -> list[Sample]:
    """Return the annotated images of a part of a data set."""
    found = pairs(images, labels).pairs
    names = set(getattr(split([pair.name for pair in found]), part))
    return [Sample.checked(pair.name, *load_pair(pair)) for pair in found if pair.name in names]


def main() -> None:
    """Score each data set and print a line for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, nargs="+", required=True)
    parser.add_argument("--labels", type=Path, nargs="+", required=True)
    parser.add_argument("--part", choices=("train", "validation", "test"), default="validation")
    given = parser.parse_args()
    network = load_outline().network
    sets = [samples(images, labels, given.part) for images, labels in zip(given.images, given.labels, strict=True)]
    scores = outline_scores(network, sets, OutlineParams().size_spread)
    for number, images in enumerate(given.images):
        print(f"{images}, {given.part}")
        for kind in ("box", "click"):
            right, mended, iou = (scores[f"{what}_{kind}_{number}"] for what in ("right", "mended", "iou"))
            print(f"  {kind:5}  right {100 * right:.0f} %, after a correction {100 * mended:.0f} %; mean IoU {iou:.2f}")


if __name__ == "__main__":
    main()
