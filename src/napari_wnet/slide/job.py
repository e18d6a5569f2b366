"""What every piece of work on a slide is told: plain values that can be sent to another process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from napari_wnet.core.filling import MAX_CLAIM_STEPS
from napari_wnet.core.tiling import Window
from napari_wnet.network.checkpoint import Model, read_model
from napari_wnet.params import SegmentParams
from napari_wnet.slide.foreground import Mask, SlideForeground
from napari_wnet.slide.grid import Grid
from napari_wnet.slide.source import SlideSource
from napari_wnet.slide.store import Work, written_at

REACH_PX = MAX_CLAIM_STEPS
"""How far around a block must be seen, whatever its size, for leftover foreground to find its object."""
Item = TypeVar("Item")
Result = TypeVar("Result")


class Executor(Protocol):
    """Runs independent pieces of work and yields their results, in any order."""

    def __call__(self, function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
        """Run a function on each item; both can be pickled."""
        ...


def in_process(function: Callable[[Item], Result], items: Iterable[Item], /) -> Iterator[Result]:
    """Run pieces of work one after another in this process."""
    return map(function, items)


@dataclass(frozen=True, kw_only=True, eq=False)
class SlideJob:
    """How a slide is segmented.

    Attributes
    ----------
    source : SlideSource
    work : Work
        Temporary data, on a disk that all workers see.
    labels : Path
        The OME-Zarr folder that is being written.
    model : Path
        A copy of the model's file among the temporary data.
    params : SegmentParams
    grid : Grid
    block : int
        Side of a block as it was asked for, in pixels.
    halo : int
        How far beyond a block, in pixels, a component of the foreground may reach to be clustered with it.
    device : str
    foreground : SlideForeground or None
        The user's mask.
    estimated : bool
        Whether the diameter of the objects was estimated from the slide.
    """

    source: SlideSource
    work: Work
    labels: Path
    model: Path
    params: SegmentParams
    grid: Grid
    block: int
    halo: int
    device: str = "auto"
    foreground: SlideForeground | None = None
    estimated: bool = False

    @property
    def most_pixels(self) -> int:
        """Size of the largest window that is clustered at once: it bounds the memory."""
        rows, columns = self.grid.step
        return max(2 * rows * columns, (rows + 2 * REACH_PX) * (columns + 2 * REACH_PX))

    @property
    def objects_given(self) -> bool:
        """Whether the user's mask says where objects are, and not only where to look for them."""
        return self.foreground is not None and self.params.clustering.foreground_use == "objects"

    @property
    def has_paths(self) -> bool:
        """Whether all that is read lies in files, whose times of change tell whether it is what it was."""
        return self.source.path is not None and (self.foreground is None or self.foreground.path is not None)

    def given(self, window: Window) -> Mask | None:
        """Return the user's mask in a window as it was when the run began, if there is one."""
        return None if self.foreground is None else self.work.read("given", window) > 0

    def load_model(self) -> Model:
        """Return the model; the last one stays loaded."""
        return _load(self.model, written_at(self.model))


@lru_cache(maxsize=1)
def _load(path: Path, _: int) -> Model:
    return read_model(path)


@dataclass(frozen=True, kw_only=True, eq=False)
class BlockItem:
    """A piece of work on one block, or one window.

    Attributes
    ----------
    job : SlideJob
    index : int
        Number of the block, component or level.
    facts : mapping of str to array or number
        What else must be known.
    """

    job: SlideJob
    index: int
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the result's file."""
        return block_name(self.index)


def block_name(index: int) -> str:
    """Return the name of a block's files."""
    return f"{index:06d}"
