"""Labels with all that makes outlines hard, for the tests of contours and exports."""

from __future__ import annotations

import numpy as np

from napari_wnet.core.contours import Part

LARGE = 70_000
"""More than fits into 16 bits."""


def drawn(*rows: str, factor: int = 1) -> np.ndarray:
    """Return labels drawn with digits and dots."""
    return np.array([[0 if sign == "." else int(sign) * factor for sign in row] for row in rows], np.int32)


ODD = {
    "one pixel": drawn("...", ".1.", "..."),
    "the whole plane": drawn("11", "11"),
    "at the edges": drawn("11..2", "1...2", ".....", "33..4"),
    "hole": drawn("1111", "1..1", "1.11", "1111"),
    "object in a hole": drawn("11111", "1...1", "1.2.1", "1...1", "11111"),
    "hole filled by another": drawn("111", "121", "111"),
    "corners only": drawn("1.1", ".1.", "1.1"),
    "holes that meet at a corner": drawn("11111", "1.111", "11.11", "11111"),
    "ring that meets itself": drawn("11.", "1.1", "111"),
    "several parts": drawn("11..1", "....1", "1...."),
    "touching": drawn("1122", "1222", "3344"),
    "large numbers": drawn("12.", "112", "..2", factor=LARGE),
    "nothing": drawn("...", "..."),
    "one row": drawn("11.2"),
    "noise": np.random.default_rng(3).integers(0, 4, (17, 23)).astype(np.int32) * LARGE,
}


def filled(parts: dict[int, tuple[Part, ...]], shape: tuple[int, int]) -> np.ndarray:
    """Fill polygons again: a pixel is inside where an odd number of edges lie to its left."""
    labels = np.zeros(shape, np.int64)
    for label, pieces in parts.items():
        crossings = np.zeros((shape[0], shape[1] + 1), int)
        for part in pieces:
            for ring in (part.outer, *part.holes):
                for (x, y), (other_x, other_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                    if x == other_x:
                        crossings[min(y, other_y) : max(y, other_y), x] += 1
        labels[crossings.cumsum(axis=1)[:, :-1] % 2 == 1] = label
    return labels
