"""Seeded inputs behind the reference numbers in ``data``: NumPy only, changed by nobody, or the numbers no longer fit.

``sbd_official_synthetic.csv``: the official leaf challenge evaluation (MATLAB, run unmodified in Octave) of
``label_pair(0)`` to ``label_pair(11)`` and of four edge cases. ``average_precision_stardist.csv``: stardist 0.9.2's
``matching`` of the same pairs. ``loss_and_distmap_authors.json``: the method authors' published code, on
``loss_scene()``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[Any]


def label_pair(seed: int) -> tuple[Labels, Labels]:
    """Return two (40, 48) labels images, (true, predicted).

    Even, odd and third seeds shift, merge or split objects; 3 % of the predicted pixels are dropped.
    """
    rng = np.random.default_rng(seed)
    height, width = 40, 48
    y, x = np.mgrid[:height, :width]
    true = np.zeros((height, width), int)
    for label in range(1, rng.integers(3, 9)):
        cy, cx = rng.integers(5, height - 5), rng.integers(5, width - 5)
        ry, rx = rng.integers(3, 9), rng.integers(3, 9)
        true[((y - cy) / ry) ** 2 + ((x - cx) / rx) ** 2 <= 1] = label
    dy, dx = rng.integers(-2, 3, 2)
    predicted = np.roll(true, (dy, dx), (0, 1))
    if seed % 3 == 1:
        predicted[predicted == 1] = 2
    if seed % 3 == 2:
        predicted[(predicted == 2) & (x % 48 > 24)] = predicted.max() + 1
    predicted[rng.random((height, width)) < 0.03] = 0
    return true, predicted


def named_pair(name: str) -> tuple[Labels, Labels]:
    """Return the pair behind a row of the reference tables: "s00" to "s11" or an edge case, "e_...", ".mat" or not."""
    name = name.removesuffix(".mat")
    first, nothing = label_pair(0)[0], np.zeros((40, 48), int)
    no_background = label_pair(3)[0] + 1
    edge_cases = {
        "e_both_empty": (nothing, nothing),
        "e_empty_gt": (nothing, first),
        "e_empty_pred": (first, nothing),
        "e_no_background": (no_background, no_background),
    }
    return edge_cases[name] if name in edge_cases else label_pair(int(name.removeprefix("s")))


def loss_scene() -> tuple[npt.NDArray[np.int32], dict[str, npt.NDArray[np.float32]]]:
    """Return (32, 40) labels and two (32, 40, 8) embeddings.

    "random" is Gaussian noise; "structured" adds one axis an object. Neither is normalised: the loss does that.
    """
    y, x = np.mgrid[:32, :40]
    labels = np.zeros((32, 40), np.int32)
    labels[((y - 9) / 6) ** 2 + ((x - 9) / 7) ** 2 <= 1] = 1
    labels[((y - 9) / 6) ** 2 + ((x - 22) / 6) ** 2 <= 1] = 2
    labels[((y - 23) / 6) ** 2 + ((x - 10) / 5) ** 2 <= 1] = 3
    labels[((y - 24) / 5) ** 2 + ((x - 32) / 6) ** 2 <= 1] = 4
    labels[3:6, 34:38] = 5
    random = np.random.default_rng(42).standard_normal((32, 40, 8)).astype(np.float32)
    structured = random * 0.3 + np.eye(8, dtype=np.float32)[labels % 8]
    return labels, {"random": random, "structured": structured}
