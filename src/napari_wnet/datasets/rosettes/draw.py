"""One synthetic picture, from its seed and its number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_wnet.datasets.rosettes.camera import photograph
from napari_wnet.datasets.rosettes.ground import ground
from napari_wnet.datasets.rosettes.look import draw_light, draw_look
from napari_wnet.datasets.rosettes.paint import paint
from napari_wnet.datasets.rosettes.params import RosetteParams
from napari_wnet.datasets.rosettes.scene import plants, visible
from napari_wnet.errors import ParamsError

ALIKE = 0.7
"""Share of the groups whose plants look the same."""


def rosette(
    seed: int, index: int, params: RosetteParams | None = None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Draw plants from above, with exact labels.

    The same arguments give the same picture, in any order and in any process.

    Parameters
    ----------
    seed : int
        Of the series; 0 or more.
    index : int
        Number of the picture in the series; 0 or more.
    params : RosetteParams, optional

    Returns
    -------
    image : (3, Y, X) uint8 array
        Red, green, blue.
    labels : (Y, X) int32 array
        0 is background; each leaf, with its petiole, has a number 1, 2, 3, ... and shows at least ``params.min_area``
        pixels. A pixel belongs to the topmost leaf there. A leaf of which less would show is not in the picture.

    Raises
    ------
    ParamsError
        If `seed` or `index` is negative.
    """
    if seed < 0 or index < 0:
        raise ParamsError(f"Seed and index are {seed} and {index}; give 0 or more.")
    params = params or RosetteParams()
    shape = params.size[0], params.size[1]
    rng = np.random.default_rng([seed, index])
    leaves = plants(params, rng)
    patches, labels = visible(leaves, shape, params.min_area)
    light, look = draw_light(rng), draw_look(rng)
    looks = [look if rng.random() < ALIKE else draw_look(rng) for _ in range(1 + max(leaf.plant for leaf in leaves))]
    canvas = ground(shape, leaves[0].base, rng)
    for patch in patches:
        paint(canvas, patch, looks[patch.leaf.plant], light)
    return photograph(canvas, rng), labels
