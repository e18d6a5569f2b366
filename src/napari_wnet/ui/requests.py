"""What goes into the dock's work and what comes out: snapshots and results, none of which changes afterwards."""

from __future__ import annotations

import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_wnet.core.keeping import Kept
from napari_wnet.params import SegmentParams
from napari_wnet.ui.foreground import Foreground
from napari_wnet.ui.layers import Index, Source
from napari_wnet.ui.settled import SettledPlane

Array = npt.NDArray[Any]
Labels = npt.NDArray[np.int32]
Columns = Mapping[str, Array]


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """What can be chosen here: models (name and description) and devices."""

    models: tuple[tuple[str, str], ...]
    devices: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class ModelNews:
    """Which models can be chosen from now on.

    Attributes
    ----------
    models : tuple of (str, str)
        Name and description of each.
    renamed : (str, str) or None
        Which one is called otherwise, before and now.
    """

    models: tuple[tuple[str, str], ...]
    renamed: tuple[str, str] | None = None


def checksum(labels: Array) -> int:
    """Return a number that changes when the labels do."""
    return zlib.adler32(np.ascontiguousarray(labels).data)


@dataclass(frozen=True, kw_only=True, eq=False)
class Snapshot:
    """A labels array as this plugin wrote it.

    Attributes
    ----------
    array : (*lead, Y, X) integer array
        The layer's own; whoever edits it in place changes it here as well.
    checksums : mapping of index to int
        Of the planes written, at that time.
    settled : mapping of index to SettledPlane
        What was edited or ticked by hand since.
    """

    array: Array
    checksums: Mapping[Index, int]
    settled: Mapping[Index, SettledPlane] = field(default_factory=dict)

    def if_edited(self) -> Array | None:
        """Return the array if some plane is no longer what was written, and it is not known who did what to it."""
        edited = any(checksum(self.array[index]) != known for index, known in self.checksums.items())
        return self.array if edited else None

    def kept(self, index: Index) -> Kept | None:
        """Return what is to stay of a plane, None if nothing is."""
        return self.settled[index].kept(self.array[index]) if index in self.settled else None


@dataclass(frozen=True, kw_only=True, eq=False)
class Request:
    """One press of Run, complete: nothing the user changes afterwards matters to it.

    Attributes
    ----------
    source : Source
    indices : sequence of index
        Planes to segment.
    model, device : str
    params : SegmentParams or None
        None: those that the model recommends.
    foreground : Foreground or None
    previous : Snapshot or None
        The labels that would be replaced.
    """

    source: Source
    indices: Sequence[Index]
    model: str
    device: str
    params: SegmentParams | None
    foreground: Foreground | None = None
    previous: Snapshot | None = None


@dataclass(frozen=True, kw_only=True)
class FoundSize:
    """How large objects are.

    Attributes
    ----------
    diameter : float
        To be set, in pixels: 0 where the model needs no rescaling.
    text : str
        What was found, for a person to read.
    """

    diameter: float
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class RunResult:
    """What a run gives, ready for layers.

    Attributes
    ----------
    distance : (*lead, Y, X) float32 array
    picture : (*lead, Y, X, 3) uint8 array
    labels : (*lead, Y, X) int32 array
        Planes that were not asked for are zero in all three.
    indices : tuple of index
        Planes that were segmented.
    keys : mapping of index to hashable
        Under which the planes' maps are cached.
    tables : mapping of index to columns
        Measurements of each plane.
    checksums : mapping of index to int
        Of each plane of labels.
    model_name, sha256 : str
    in_channels : int
    edited : array or None
        The previous labels, if they were changed in place.
    notes : tuple of str
        For the user.
    """

    distance: Array
    picture: Array
    labels: Labels
    indices: tuple[Index, ...]
    keys: Mapping[Index, Hashable]
    tables: Mapping[Index, Columns]
    checksums: Mapping[Index, int]
    model_name: str
    sha256: str
    in_channels: int
    edited: Array | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Tuning:
    """One position of the sliders: what is clustered again, and from what.

    Attributes
    ----------
    source : Source
    foreground : Foreground or None
    params : SegmentParams
    in_channels : int
    keys : mapping of index to hashable
        Where the maps are, in the order in which planes are wanted.
    tables : mapping of index to columns
        Measurements so far.
    previous : Snapshot or None
        The labels that would be replaced.
    """

    source: Source
    foreground: Foreground | None
    params: SegmentParams
    in_channels: int
    keys: Mapping[Index, Hashable]
    tables: Mapping[Index, Columns]
    previous: Snapshot | None


@dataclass(frozen=True, kw_only=True, eq=False)
class PlaneLabels:
    """New labels of one plane, from cached maps; `edited` is the array of the old ones, if someone changed them."""

    index: Index
    labels: Labels
    checksum: int
    edited: Array | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Reclustered:
    """The end of a re-clustering: new measurements, and how many planes had no maps left."""

    tables: Mapping[Index, Columns]
    features: Columns
    n_missing: int
