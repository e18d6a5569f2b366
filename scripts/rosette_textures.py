"""Cut the textures of the synthetic rosettes out of photographs: ``python scripts/rosette_textures.py IMAGES MASKS``.

The photographs are those of the Is-1 plant in pot D3, LTU-1 data set, as named below (Apache 2.0), from
https://github.com/pisyntor/Computer_based_Recognition_of_Arabidopsis_thaliana_Ecotypes. The other plant of it, Zdr-1,
is kept for validation and is never read here.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

OUT = Path(__file__).parents[1] / "src" / "napari_wnet" / "datasets" / "rosettes" / "textures"
BARE = "is1_1000775_2022_08_02_17_01_08-7-1-*.png"
GROWN = ("is1_1000775_2022_08_24_*-7-88-*.png", "is1_1000775_2022_08_25_*-7-92-*.png")
BLADE_SIDE = 38
BLADES_EACH = 4

Picture = npt.NDArray[np.uint8]


def read(folder: Path, pattern: str) -> Picture:
    """Return the one picture of that name."""
    (path,) = folder.glob(pattern)
    if "is1_" not in path.name:
        raise SystemExit(f"{path} is not a picture of the Is-1 plant")
    return np.asarray(Image.open(path).convert("RGB"))


def bare_soil(image: Picture, mask: Picture) -> Picture:
    """Return the soil of a pot, with other soil of it in place of the seedling."""
    soil = image.copy()
    rows, cols = np.nonzero(mask[..., 0] if mask.ndim == 3 else mask)
    box = (slice(rows.min() - 8, rows.max() + 9), slice(cols.min() - 8, cols.max() + 9))
    other = image[box[0], box[1].start + 70 : box[1].stop + 70]
    inside = np.zeros(other.shape[:2], np.float32)
    inside[4:-4, 4:-4] = 1
    weight = ndimage.gaussian_filter(inside, 1.5)[..., None]
    soil[box] = np.round(soil[box] * (1 - weight) + other * weight)
    return soil[50:370, 55:375]


def blades(image: Picture, mask: Picture) -> list[Picture]:
    """Return squares from the inside of the largest blades."""
    inside = ndimage.distance_transform_edt((mask[..., 0] if mask.ndim == 3 else mask) > 0)
    found = []
    for _ in range(BLADES_EACH):
        row, col = np.unravel_index(inside.argmax(), inside.shape)
        half = BLADE_SIDE // 2
        found.append(image[row - half : row + half, col - half : col + half])
        inside[max(0, row - 60) : row + 60, max(0, col - 60) : col + 60] = 0
    return found


def main() -> None:
    """Write the textures."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("images", type=Path)
    arguments.add_argument("masks", type=Path)
    given = arguments.parse_args()
    soil = bare_soil(read(given.images, BARE), read(given.masks, BARE))
    pieces = [piece for name in GROWN for piece in blades(read(given.images, name), read(given.masks, name))]
    for name, array in (("soil", soil), ("blades", np.concatenate(pieces, axis=1))):
        Image.fromarray(array).save(OUT / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
