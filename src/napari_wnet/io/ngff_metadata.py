"""What the metadata of an OME-Zarr folder says, checked before it is believed: others wrote it."""

from __future__ import annotations

import math
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, TypeAlias

from napari_wnet.errors import ImageError
from napari_wnet.io.tiff import MICROMETRES, PixelSize

if TYPE_CHECKING:
    import zarr

Axis: TypeAlias = dict[str, Any]
OLD_AXES = ("t", "c", "z", "y", "x")
"""What NGFF 0.1 and 0.2 always have, without saying so."""
TYPE_LETTERS = {"channel": "C", "time": "T"}
RGB = ("FF0000", "00FF00", "0000FF")


def within(folder: Path, name: object) -> Path:
    """Return the path of something in a folder.

    Raises
    ------
    ImageError
        If the name leads elsewhere, also by a link.
    ValueError
        If it is no name.
    """
    if not isinstance(name, str):
        raise ValueError(f"{name!r} is no path")
    parts = PurePosixPath(name).parts
    inner = folder.joinpath(*parts)
    # The backslash and the colon lead elsewhere on Windows only; no writer puts them into names.
    safe = parts and parts[0] != "/" and ".." not in parts and not set("\\:") & set(name)
    if not safe or not inner.resolve().is_relative_to(folder.resolve()):
        raise ImageError(f"{folder}: its metadata leads out of the folder, to {name[:80]!r}; do not trust this file.")
    return inner


def read_axes(multiscale: dict[str, Any], n_axes: int) -> list[Axis]:
    """Return what is said of each axis, its name at least.

    Raises
    ------
    ValueError
        If that does not fit an array of `n_axes` axes, two of the names are the same, or Y or X is missing.
    """
    given = multiscale.get("axes", OLD_AXES)
    if not isinstance(given, list | tuple):
        raise ValueError("the axes are wrong")
    axes = [{"name": axis} if isinstance(axis, str) else axis for axis in given]  # 0.3 has the names alone
    if len(axes) != n_axes or not all(isinstance(axis, dict) and isinstance(axis.get("name"), str) for axis in axes):
        raise ValueError(f"the axes do not fit an array of {n_axes}")
    names = {axis["name"].lower() for axis in axes}
    if len(names) < n_axes or not {"y", "x"} <= names:
        raise ValueError(f"the axes {', '.join(sorted(names))} are not y, x and others, each once")
    return axes


def axis_letter(axis: Axis) -> str:
    """Return the letter of an axis; Q where it has none."""
    name: str = axis["name"]
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name.upper()
    return TYPE_LETTERS.get(str(axis.get("type")), "Q")


def bare_axes(array: Any) -> str | None:
    """Return the axes of an array of zarr 3 that names them, as far as the names are letters."""
    names = [str(name).lower() for name in getattr(array.metadata, "dimension_names", None) or ()]
    if not {"y", "x"} <= set(names) or len(set(names)) < len(names):
        return "YX" if array.ndim == 2 else None
    return "".join(axis_letter({"name": name}) for name in names)


def read_pixel_size(axes: list[Axis], multiscale: dict[str, Any], dataset: dict[str, Any]) -> PixelSize | None:
    """Return height and width of a dataset's pixel in micrometres; None where no known unit is given.

    Raises
    ------
    ValueError
        If a scale does not fit the axes.
    """
    sizes = [1.0] * len(axes)
    for transforms in (dataset.get("coordinateTransformations"), multiscale.get("coordinateTransformations")):
        for transform in transforms if isinstance(transforms, list) else []:
            scale = transform.get("scale") if isinstance(transform, dict) else None
            if scale is None:
                continue  # a translation moves the image, the size of its pixels stays
            if not isinstance(scale, list) or len(scale) != len(axes):
                raise ValueError("a scale does not fit the axes")
            sizes = [size * float(factor) for size, factor in zip(sizes, scale, strict=True)]
    names = [axis["name"].lower() for axis in axes]
    found = []
    for name in "yx":
        place = names.index(name)
        size = sizes[place] * MICROMETRES.get(str(axes[place].get("unit")).lower(), math.nan)
        found.append(size)
    return (found[0], found[1]) if all(math.isfinite(size) and size > 0 for size in found) else None


def is_rgb(attributes: dict[str, Any], array: zarr.Array[Any], letters: str) -> bool:
    """Tell whether the channels are the colours of one picture, as a scan of a stained slide or a photograph has."""
    if "C" not in letters or array.shape[letters.index("C")] != len(RGB) or array.dtype != "uint8":
        return False
    omero = attributes.get("omero")
    channels = omero.get("channels") if isinstance(omero, dict) else None
    if not isinstance(channels, list):
        return False
    colours = tuple(str(channel.get("color")).upper() if isinstance(channel, dict) else "" for channel in channels)
    return colours == RGB


def items(info: dict[str, Any], name: str, kind: type) -> list[Any]:
    """Return a list of the metadata that must have something in it.

    Raises
    ------
    ValueError
        If it is missing, empty or holds something else.
    """
    found = info.get(name)
    if not isinstance(found, list) or not found or not all(isinstance(item, kind) for item in found):
        raise ValueError(f"{name} is missing or wrong")
    return found
