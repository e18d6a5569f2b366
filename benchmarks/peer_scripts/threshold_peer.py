"""No learning: Otsu's threshold and a watershed on the distance to its edge; settings chosen on training images."""

from __future__ import annotations

import itertools
import json
import time

import exchange
import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.morphology import remove_small_objects
from skimage.segmentation import watershed

from napari_wnet.core.metrics import evaluate

given = exchange.arguments()

GRID = tuple(itertools.product((0.5, 1.0, 2.0), (1.0, 2.0), (3, 5, 8, 12)))
CHOSEN_ON = 8
"""Every so many-th of the training images."""


def segment(image: np.ndarray, blur: float, smooth: float, apart: int) -> np.ndarray:
    """Return labels."""
    smoothed = gaussian(image.astype(np.float32), blur)
    mask = remove_small_objects(smoothed > threshold_otsu(smoothed), max_size=15)
    distance = gaussian(ndimage.distance_transform_edt(mask), smooth)
    seeds = np.zeros(image.shape, np.int32)
    peaks = peak_local_max(distance, min_distance=apart, labels=mask.astype(np.int32), exclude_border=False)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return np.asarray(watershed(-distance, seeds, mask=mask), np.int32)


def main() -> None:
    """Choose the settings or predict."""
    path = given.model / "settings.json"
    if given.task == "train":
        given.model.mkdir(parents=True, exist_ok=True)
        began = time.monotonic()
        names, images, labels = (one[::CHOSEN_ON] for one in exchange.read(given.data, "train"))
        scores = {}
        for settings in GRID:
            found = evaluate((n, t, segment(i, *settings)) for n, i, t in zip(names, images, labels, strict=True))
            scores[settings] = found.mean["mean_average_precision"]
        exchange.write(path, {"settings": max(scores, key=lambda one: scores[one])})
        exchange.write(given.model / "trained.json", {"seconds": time.monotonic() - began, "steps": len(GRID)})
        return
    settings = json.loads(path.read_text())["settings"]
    exchange.predict(given, lambda image: segment(image, *settings), size_bytes=0, about={"parameters": 0})


if __name__ == "__main__":
    main()
