"""What the network says of an image: the maps that clustering turns into labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

HalfArray = npt.NDArray[np.float16]
FixedArray = npt.NDArray[np.int16]
FloatArray = npt.NDArray[np.float32]
ResultArray = TypeVar("ResultArray", bound=npt.NDArray[Any])

HALVES: FloatArray = np.nan_to_num(
    np.arange(2**16, dtype=np.uint16).view(np.float16).astype(np.float32), posinf=65504, neginf=-65504
)
"""Every value of float16, in the order of their bits; those that are no numbers as 0 or the largest."""
UNIT = 2048
"""Length of a unit vector in the whole numbers that :class:`Maps` holds.

A product of two components is then below 2**22 and their sum over an embedding fits float32 without rounding, so that
cosines, and labels, do not depend on the order in which anything is added up. The error is that of float16 at 1.
"""


@dataclass(frozen=True, kw_only=True, eq=False)
class Maps:
    """The network's output for one plane, at the image's own size.

    Attributes
    ----------
    distance : (Y, X) float16 array
        Distance to the object's boundary, 1 at each object's innermost pixel, 0 outside.
    embedding : (E, Y, X) int16 array
        Unit vector of each pixel times :data:`UNIT`; stored so that a pixel's components are adjacent.
    foreground : (Y, X) float16 array or None
        Probability of belonging to any object; None where the network has no such head.
    """

    distance: HalfArray
    embedding: FixedArray
    foreground: HalfArray | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.distance.shape[0], self.distance.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory held by the arrays, for caches that keep to a limit."""
        foreground = 0 if self.foreground is None else self.foreground.nbytes
        return self.distance.nbytes + self.embedding.nbytes + foreground

    def vectors(self, window: tuple[slice, slice]) -> FloatArray:
        """Return the embeddings of a window, (h, w, E), in whole numbers of :data:`UNIT`."""
        return np.moveaxis(self.embedding, 0, -1)[window].astype(np.float32)

    @classmethod
    def empty(cls, shape: tuple[int, int], embedding_dim: int, *, foreground: bool) -> Maps:
        """Return maps of zeros for results to be written into, tile by tile."""
        return cls(
            distance=np.zeros(shape, np.float16),
            embedding=np.moveaxis(np.zeros((*shape, embedding_dim), np.int16), -1, 0),
            foreground=np.zeros(shape, np.float16) if foreground else None,
        )

    @classmethod
    def from_floats(
        cls, distance: npt.NDArray[Any], embedding: npt.NDArray[Any], foreground: npt.NDArray[Any] | None = None
    ) -> Maps:
        """Return maps of floating-point arrays, (Y, X), (E, Y, X) and (Y, X); vectors are brought to unit length."""
        vectors = np.moveaxis(np.asarray(embedding, np.float32), 0, -1)
        vectors = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
        return cls(
            distance=np.asarray(distance, np.float16),
            embedding=np.moveaxis(np.ascontiguousarray(to_fixed(vectors)), -1, 0),
            foreground=None if foreground is None else np.asarray(foreground, np.float16),
        )


def apply_by_value(function: Callable[[FloatArray], ResultArray], half: HalfArray) -> ResultArray:
    """Apply a function of single numbers to float16, by a table of all their values: much faster than converting."""
    return function(HALVES)[half.view(np.uint16)]  # type: ignore[return-value]


def to_fixed(unit_vectors: npt.NDArray[Any]) -> FixedArray:
    """Round components of unit vectors to the whole numbers of :data:`UNIT`."""
    fixed: FixedArray = np.rint(np.asarray(unit_vectors, np.float32) * UNIT).astype(np.int16)
    return fixed


def to_float(fixed: FixedArray) -> npt.NDArray[np.float32]:
    """Return components of unit vectors from the whole numbers of :data:`UNIT`."""
    return np.asarray(fixed, np.float32) / np.float32(UNIT)
