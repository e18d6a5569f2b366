"""Resampling a window of a plane as :func:`napari_wnet.core.image.resize_plane` resamples the whole, to rounding."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_wnet.core.windows import Window

FloatImage = npt.NDArray[np.float32]
TRUNCATE = 4.0
"""Where scikit-image's smoothing before shrinking ends, in standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Resampling:
    """From one size of a plane to another.

    Attributes
    ----------
    source, target : (int, int)
        Height and width before and after.
    """

    source: tuple[int, int]
    target: tuple[int, int]

    @property
    def sigmas(self) -> tuple[float, float]:
        """Standard deviation of the smoothing along each axis, in pixels of the source; 0 where nothing shrinks."""
        rows, columns = (max(0.0, (n / m - 1) / 2) for n, m in zip(self.source, self.target, strict=True))
        return rows, columns

    def needed(self, window: Window) -> Window:
        """Return what of the source a window of the target is made of."""
        rows, columns = (self._needed(axis, window[axis]) for axis in (0, 1))
        return rows, columns

    def _needed(self, axis: int, side: slice) -> slice:
        reach = int(TRUNCATE * self.sigmas[axis] + 0.5)
        first, last = (self._place(axis, np.array([end])).item() for end in (side.start, side.stop - 1))
        length = self.source[axis]
        start, stop = math.floor(first) - reach, math.floor(last) + 2 + reach
        return slice(min(max(0, start), length - 1), max(1, min(stop, length)))

    def _place(self, axis: int, index: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """Return where pixels of the target have their centre in the source."""
        return np.asarray((index + 0.5) * (self.source[axis] / self.target[axis]) - 0.5)

    def window(self, part: npt.NDArray[Any], window: Window) -> FloatImage:
        """Resample a window.

        Parameters
        ----------
        part : (C, y, x) array
            What :meth:`needed` names.
        window : (slice, slice)
            Of the target.

        Returns
        -------
        (C, h, w) float32 array
        """
        needed = self.needed(window)
        rows, columns = (self._weights(axis, window[axis], needed[axis]) for axis in (0, 1))
        result = np.empty((len(part), len(rows[0]), len(columns[0])), np.float32)
        for channel, plane in enumerate(part):
            smooth = np.asarray(plane, np.float32)
            if any(self.sigmas):
                smooth = ndimage.gaussian_filter(smooth, self.sigmas, mode="nearest", truncate=TRUNCATE)
            result[channel] = _between(_between(smooth, rows).T, columns).T
        return result

    def _weights(
        self, axis: int, side: slice, needed: slice
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return for each row of a window the two rows of the part it lies between, and the weight of the second."""
        places = self._place(axis, np.arange(side.start, side.stop)).clip(0, self.source[axis] - 1)
        low = np.floor(places).astype(np.int64)
        high = np.minimum(low + 1, self.source[axis] - 1)
        return low - needed.start, high - needed.start, places - low


def _between(
    plane: npt.NDArray[Any], rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]
) -> npt.NDArray[np.float64]:
    low, high, weight = rows
    return np.asarray(plane[low] * (1 - weight[:, None]) + plane[high] * weight[:, None])


def resampled(read: Callable[[Window], npt.NDArray[Any]], how: Resampling, window: Window) -> FloatImage:
    """Return a window of the target, of the plane that `read` gives windows of, (C, y, x)."""
    return how.window(read(how.needed(window)), window)
