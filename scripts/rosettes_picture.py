"""Write docs/images/rosettes.jpg: ``python scripts/rosettes_picture.py``.

With ``--real FOLDER --out FILE``, photographs of a folder stand among the synthetic plants instead of their labels, all
with their contrast stretched, to judge how alike they are.
"""

from __future__ import annotations

import argparse
import colorsys
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from napari_wnet.datasets.rosettes.draw import rosette

PAGE = Path(__file__).parents[1] / "docs" / "images" / "rosettes.jpg"
SEED, INDICES = 1, (4, 9, 16, 3, 31, 5)
SIDE = 232
QUALITY = 82

Picture = npt.NDArray[np.uint8]


def coloured(labels: npt.NDArray[np.int32]) -> Picture:
    """Return labels in colours that differ between neighbours in number; the ground is black."""
    hues = [colorsys.hsv_to_rgb(number * 0.618 % 1, 0.65, 0.95) for number in range(labels.max() + 1)]
    table = np.round(255 * np.array(hues)).astype(np.uint8)
    table[0] = 0
    return np.asarray(table[labels])


def stretched(image: Picture) -> Picture:
    """Return an image whose darkest pixels are black and whose brightest are white."""
    low, high = np.percentile(image, (0.2, 99.8))
    return np.asarray(np.clip((image - low) / max(high - low, 1) * 255, 0, 255), np.uint8)


def tile(image: Picture, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Picture:
    """Return the middle square of an image at the size it is shown."""
    side = min(image.shape[:2])
    top, left = ((length - side) // 2 for length in image.shape[:2])
    square = Image.fromarray(image[top : top + side, left : left + side])
    return np.asarray(square.resize((SIDE, SIDE), resample))


def main() -> None:
    """Write the picture."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seed", type=int, default=SEED)
    arguments.add_argument("--real", type=Path, help="folder of photographs to stand among the drawings")
    arguments.add_argument("--out", type=Path, default=PAGE)
    given = arguments.parse_args()
    indices = range(10) if given.real else INDICES
    drawn = [rosette(given.seed, index) for index in indices]
    images = [image.transpose(1, 2, 0) for image, _ in drawn]
    if given.real:
        paths = sorted(given.real.glob("*.png"))
        real = [np.asarray(Image.open(path).convert("RGB")) for path in paths[:: max(1, len(paths) // 5)][-5:]]
        tiles = [tile(stretched(image)) for image in [*images[:7], *real, *images[7:]]]
        rows = [tiles[start : start + 5] for start in range(0, 15, 5)]
    else:
        shown = [tile(coloured(labels), Image.Resampling.NEAREST) for _, labels in drawn]
        rows = [[tile(image) for image in images], shown]
    sheet = np.concatenate([np.concatenate(row, axis=1) for row in rows])
    given.out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet).save(given.out, quality=QUALITY)


if __name__ == "__main__":
    main()
