"""Write docs/images/leaves.jpg, the real plants with their labelled leaves: ``python scripts/leaves_picture.py``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from rosettes_picture import QUALITY, Picture, coloured, stretched

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "images" / "leaves.jpg"
ROWS, COLUMNS = slice(30, 480), slice(20, 470)
SIDE = 270
N_COLUMNS = 5
BESIDE = 0.55
"""How much of the photograph is seen through the colour of a leaf."""


def tile(path: Path) -> Picture:
    """Return a plant whose leaves are tinted, with their borders drawn."""
    image = stretched(np.asarray(Image.open(path))[ROWS, COLUMNS])
    labels = np.asarray(Image.open(path.parents[1] / "labels" / path.name)).astype(np.int32)[ROWS, COLUMNS]
    borders = np.zeros(labels.shape, bool)
    borders[1:] |= labels[1:] != labels[:-1]
    borders[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    colours = coloured(labels)
    seen = np.where((labels > 0)[..., None], BESIDE * image + (1 - BESIDE) * colours, image)
    seen[borders] = 255
    return np.asarray(Image.fromarray(seen.astype(np.uint8)).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def main() -> None:
    """Write the picture."""
    tiles = [tile(path) for path in sorted((ROOT / "tests" / "data" / "leaves" / "images").glob("*.png"))]
    rows = [np.concatenate(tiles[start : start + N_COLUMNS], axis=1) for start in range(0, len(tiles), N_COLUMNS)]
    Image.fromarray(np.concatenate(rows)).save(PAGE, quality=QUALITY)


if __name__ == "__main__":
    main()
