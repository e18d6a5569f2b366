"""The user's foreground of a slide, read window by window."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.tiling import Window
from napari_wnet.errors import ImageError
from napari_wnet.slide.source import SlideSource, open_slide

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, eq=False)
class SlideForeground:
    """A mask of a slide's size: whatever is not 0 is foreground, in a colour picture whatever is not black.

    Attributes
    ----------
    source : SlideSource
    """

    source: SlideSource

    def read(self, window: Window) -> Mask:
        """Return the mask in a window, (y, x).

        Raises
        ------
        ImageError
            If it cannot be read, or holds NaN.
        """
        part = self.source.read_raw(window)[:3]
        if part.dtype.kind == "f" and np.isnan(part).any():
            raise ImageError(f"{self._name}: a mask must not hold NaN; replace it with numpy.nan_to_num.")
        return np.asarray((part != 0).any(axis=0))

    @property
    def path(self) -> Path | None:
        """Where it is read from; None: it is an array."""
        return self.source.path

    @property
    def _name(self) -> str:
        return str(self.path or "The foreground mask")


def open_foreground(given: Any, shape: tuple[int, int]) -> SlideForeground:
    """Open the foreground mask of a slide.

    Parameters
    ----------
    given : str, Path or array-like
        As :func:`napari_wnet.slide.source.open_slide` takes.
    shape : (int, int)
        Of the slide.

    Raises
    ------
    ImageError
        If it cannot be opened, or is not a mask of this size.
    """
    name = f"{given}, the foreground mask," if isinstance(given, str | Path) else "The foreground mask"
    try:
        source = open_slide(given, 1)
    except ImageError as error:
        raise ImageError(f"{name} cannot be used: {error}") from error
    if source.shape != shape:
        raise ImageError(
            f"{name} has {source.shape[0]} x {source.shape[1]} px, the slide {shape[0]} x {shape[1]}; they must agree."
        )
    return SlideForeground(source=source)
