"""The files of an OME-Zarr image: its levels of resolution and what is said of them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import write_text
from napari_wnet.errors import OutputError

Array = npt.NDArray[Any]
Version = Literal["0.4", "0.5"]
CHUNK = 1024
SMALLEST_LEVEL = 256
"""Levels are made, each half of the one before, until the longest side is at most this."""
AXIS_TYPES = {"t": "time", "z": "space", "y": "space", "x": "space"}
ORDER = "tcz"
"""NGFF wants time first, then the channel or an axis of another kind, then space."""


@dataclass(frozen=True)
class LevelAxis:
    """An axis: its name, one lower-case letter, the length of a pixel along it, and that length's unit."""

    name: str
    size: float = 1.0
    unit: str | None = None

    def described(self) -> dict[str, str]:
        """Return the axis as NGFF describes it."""
        found = {"name": self.name, "type": AXIS_TYPES.get(self.name), "unit": self.unit}
        return {key: value for key, value in found.items() if value is not None}


def halves(shape: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the heights and widths of levels, each half of the one before, of labels that have no image to follow."""
    found = [(shape[-2], shape[-1])]
    while max(found[-1]) > SMALLEST_LEVEL:
        height, width = found[-1]
        found.append((-(-height // 2), -(-width // 2)))
    return found


def write_levels(
    folder: Path, array: Array, axes: list[LevelAxis], sizes: list[tuple[int, int]], version: Version
) -> dict[str, Any]:
    """Write labels in several resolutions; a smaller one keeps some of the pixels, since numbers have no mean.

    Parameters
    ----------
    folder : Path
    array : (..., Y, X) integer array
    axes : list of LevelAxis
        One for each axis, Y and X last.
    sizes : list of (int, int)
        Height and width of each level, the first those of `array`.
    version : str
        Of NGFF.

    Returns
    -------
    dict
        The axes and the datasets, as ``multiscales`` has them.

    Raises
    ------
    OutputError
        If more than one axis is neither time nor space.
    """
    order = _order([axis.name for axis in axes])
    axes, array = [axes[i] for i in order], array.transpose(order)
    datasets: list[dict[str, Any]] = []
    for number, (height, width) in enumerate(sizes):
        (rows, down), (columns, along) = _kept(array.shape[-2], height), _kept(array.shape[-1], width)
        level = array if number == 0 else array[..., rows[:, None], columns]
        _write_array(folder / str(number), level, axes, version)
        factors = {"y": down, "x": along}
        scale = [axis.size * factors.get(axis.name, 1) for axis in axes]
        datasets.append({"path": str(number), "coordinateTransformations": [{"type": "scale", "scale": scale}]})
    return {"axes": [axis.described() for axis in axes], "datasets": datasets}


def _kept(n: int, n_kept: int) -> tuple[npt.NDArray[np.int64], float]:
    """Return which of n pixels in a row a smaller level keeps, and how many each stands for."""
    step = max(1, round(n / n_kept))
    if n_kept in (n // step, -(-n // step)):
        return np.arange(n_kept) * step, step
    return np.arange(n_kept) * n // n_kept, n / n_kept


def _order(names: list[str]) -> list[int]:
    lead = names[:-2]
    others = [name for name in lead if name not in ORDER]
    if len(others) > 1:
        raise OutputError(
            f"OME-Zarr has room for one axis besides T, Z, Y and X, not for {', '.join(others).upper()}; "
            "name the axes T and Z with --axes."
        )
    places = sorted(range(len(lead)), key=lambda i: ORDER.find(lead[i] if lead[i] in ORDER else "c"))
    return [*places, len(lead), len(lead) + 1]


def _write_array(path: Path, array: Array, axes: list[LevelAxis], version: Version) -> None:
    import zarr
    from numcodecs import Blosc
    from zarr.codecs import BloscCodec

    # Java's readers of zarr 2 know few ways of packing, and not the one that is the library's own choice.
    old = version == "0.4"
    zarr.create_array(
        str(path),
        shape=array.shape,
        dtype=array.dtype,
        chunks=(*(1,) * (array.ndim - 2), *(min(CHUNK, n) for n in array.shape[-2:])),
        zarr_format=2 if old else 3,
        dimension_names=None if old else [axis.name for axis in axes],
        chunk_key_encoding={"name": "v2" if old else "default", "separator": "/"},
        compressors=Blosc(cname="zstd") if old else BloscCodec(cname="zstd"),
    )[...] = array


def write_attributes(folder: Path, attributes: dict[str, Any], version: Version) -> None:
    """Write what makes a folder a group of zarr, and add to what is said of it.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if version == "0.4":
        write_text(folder / ".zattrs", _json({**_read(folder / ".zattrs"), **attributes}), overwrite=True)
        write_text(folder / ".zgroup", _json({"zarr_format": 2}), overwrite=True)
        return
    known = _read(folder / "zarr.json").get("attributes", {})
    known["ome"] = {**known.get("ome", {}), "version": version, **attributes}
    info = {"zarr_format": 3, "node_type": "group", "attributes": known}
    write_text(folder / "zarr.json", _json(info), overwrite=True)


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _json(info: dict[str, Any]) -> str:
    return json.dumps(info, indent=2, ensure_ascii=False) + "\n"
