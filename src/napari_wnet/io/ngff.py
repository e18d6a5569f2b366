"""OME-Zarr folders (NGFF 0.1 to 0.5): their arrays, axes and pixel size; no pixel is read here.

The arrays are zarr's, which read a chunk when it is asked for. What the metadata says is checked before it is believed,
and never followed out of the folder: such folders come from other people.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_wnet.errors import ImageError, first_of
from napari_wnet.io.memory import check_room
from napari_wnet.io.ngff_metadata import (
    axis_letter,
    bare_axes,
    is_rgb,
    items,
    pixel_size,
    read_axes,
    read_scale,
    within,
)
from napari_wnet.io.tiff import UNIT, PixelSize

if TYPE_CHECKING:
    import zarr

Result = TypeVar("Result")
ZARR_ENDING = ".zarr"
METADATA = ("zarr.json", ".zgroup", ".zarray")
"""The files of which one lies in each zarr folder: of version 3, of a group and of an array of version 2."""
LARGE_PX = 8192
"""Side of the largest square whose maps fit into the memory of a plain computer, by far."""
UNSAFE_FILTER = "pickle"
"""Unpacking it runs whatever code the file brings; no image needs it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class NgffImage:
    """One image of an OME-Zarr folder.

    Attributes
    ----------
    path : Path
        The image's own folder: that of a series or of labels may lie within the one that was named.
    levels : tuple of zarr.Array
        The same picture, smaller from one to the next; the first has the full resolution.
    axes : str or None
        One letter an axis, such as ``"TCZYX"``; Q for an axis of another name; None for a bare array without names.
    scale, axis_units : tuple of float, tuple of str or None
        Length of a pixel of the first level along each axis, and its unit, as the folder has them; empty where it
        says nothing.
    pixel_size : (float, float) or None
        Height and width of a pixel of the first level in micrometres, where the folder gives a unit.
    unit : str
        ``"um"`` where `pixel_size` is known, else ``"pixel"``.
    rgb : bool
        Whether the channels are shown as red, green and blue.
    version : str
        Of NGFF, such as ``"0.4"``; empty for a bare array.
    notes : tuple of str
        What the user should know, for example that there are other images.
    """

    path: Path
    levels: tuple[zarr.Array[Any], ...]
    axes: str | None
    scale: tuple[float, ...] = ()
    axis_units: tuple[str | None, ...] = ()
    pixel_size: PixelSize | None = None
    unit: str = "pixel"
    rgb: bool = False
    version: str = ""
    notes: tuple[str, ...] = ()


def is_zarr(path: str | Path) -> bool:
    """Tell whether a folder is a zarr group or array; one that is named ``*.zarr`` is meant to be."""
    path = Path(path)
    return path.is_dir() and (path.suffix.lower() == ZARR_ENDING or _has_metadata(path))


def _has_metadata(path: Path) -> bool:
    return any(os.path.isfile(path / name) for name in METADATA)  # noqa: PTH113 - False where that may not be known


def is_large(path: Path) -> bool:
    """Tell whether a zarr folder holds planes that had better not be read as a whole; what is damaged is told later."""
    if not is_zarr(path):
        return False
    try:
        height, width = open_ngff(path).levels[0].shape[-2:]
    except (ImageError, OSError):
        return False
    return int(height) * int(width) > LARGE_PX**2


def open_ngff(path: str | Path) -> NgffImage:
    """Open an image: an OME-Zarr image, the first of several series, or a bare zarr array.

    Parameters
    ----------
    path : str or Path
        A folder.

    Raises
    ------
    ImageError
        If there is no such image, or its metadata is damaged or leads out of the folder.
    """
    return _guarded(Path(path), _open_image)


def open_ngff_labels(path: str | Path) -> NgffImage:
    """Open labels: as :func:`open_ngff`, but of an image that has labels with it, those.

    Raises
    ------
    ImageError
        As :func:`open_ngff`, and if the image has several labels to choose from.
    """
    return _guarded(Path(path), _open_labels)


def label_names(path: str | Path) -> tuple[str, ...]:
    """Return the names of the labels that an image has with it.

    Parameters
    ----------
    path : str or Path
        The image's folder, or the one named ``labels`` in it.

    Raises
    ------
    ImageError
        If this is no zarr folder, or its metadata is damaged.
    """
    return _guarded(Path(path), _label_names)[1]


def _guarded(path: Path, read: Callable[[Path], Result]) -> Result:
    try:
        return read(path)
    except ImageError:
        raise
    except PermissionError as error:
        raise ImageError(f"{path} cannot be opened ({error.strerror}); check its permissions.") from error
    except Exception as error:
        first = first_of(error)
        if isinstance(first, ImageError):
            raise first from error
        # zarr raises anything for damaged metadata, from KeyError to RecursionError; it all means the same.
        reason = " ".join(str(first).split())[:200] or type(first).__name__
        raise ImageError(f"{path} is damaged or no OME-Zarr ({reason}). Copy or export it again.") from error


def _open_image(path: Path) -> NgffImage:
    import zarr

    node = _open_node(path)
    if isinstance(node, zarr.Array):
        return NgffImage(path=path, levels=(_checked_array(node, path),), axes=bare_axes(node))
    attributes, version = _ome(node)
    if "multiscales" in attributes:
        return _open_multiscales(path, attributes, version)
    if "plate" in attributes:
        raise ImageError(f"{path} is a plate of many images; name one of them, such as {path}/A/1/0.")
    if "well" in attributes:
        raise ImageError(f"{path} is a well of several images; name one of them, such as {path}/0.")
    return _open_series(path)


def _open_series(path: Path) -> NgffImage:
    """Open the first of the images that a conversion by bioformats2raw left side by side."""
    names: Sequence[Any] = [name for name in map(str, range(len(list(path.iterdir())))) if is_zarr(path / name)]
    if is_zarr(path / "OME"):
        names = _ome(_open_node(path / "OME"))[0].get("series", names)
    if not names:
        raise ImageError(f"{path} is a zarr folder without an OME-Zarr image; name an image or an array within it.")
    inner = within(path, names[0])
    attributes, version = _ome(_open_node(inner))
    image = _open_multiscales(inner, attributes, version)
    if len(names) == 1:
        return image
    note = f"{path.name} holds {len(names)} images; the first, {names[0]}, is used. Name another's folder to use that."
    return NgffImage(**{**vars(image), "notes": (note, *image.notes)})


def _open_labels(path: Path) -> NgffImage:
    folder, names = _label_names(path)
    if not names:
        return _open_image(path)
    if len(names) > 1:
        shown = ", ".join(names[:10])
        raise ImageError(f"{path} holds several labels ({shown}); name one of them, such as {folder / names[0]}.")
    return _open_image(within(folder, names[0]))


def _label_names(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder of an image's labels, which may itself be what was named, and what is in it."""
    import zarr

    folder = within(path, "labels") if is_zarr(path / "labels") else path
    node = _open_node(folder)
    listed = [] if isinstance(node, zarr.Array) else _ome(node)[0].get("labels", [])
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise ValueError("the list of labels is wrong")
    return folder, tuple(listed)


def _open_node(path: Path) -> zarr.Group | zarr.Array[Any]:
    import zarr

    from napari_wnet.io.ngff_store import GuardedStore

    if not path.is_dir():
        raise ImageError(f"{path} does not exist or is no folder; check the name.")
    if not _has_metadata(path):
        raise ImageError(f"{path} has neither zarr.json nor .zgroup nor .zarray; copy or export it again.")
    # Consolidated metadata is a copy that may be out of date, and could name what is not there.
    node = zarr.open(GuardedStore(path), mode="r", use_consolidated=False)
    if not isinstance(node, zarr.Group | zarr.Array):
        raise ValueError("neither group nor array")
    return node


def _ome(node: Any) -> tuple[dict[str, Any], str]:
    """Return the OME metadata of a group with the version it is written in."""
    attributes = dict(node.attrs)
    inner = attributes.get("ome")
    if isinstance(inner, dict):
        return inner, str(inner.get("version", "0.5"))
    multiscales = attributes.get("multiscales")
    first = multiscales[0] if isinstance(multiscales, list) and multiscales else {}
    return attributes, str(first.get("version", "0.4")) if isinstance(first, dict) else "0.4"


def _open_multiscales(path: Path, attributes: dict[str, Any], version: str) -> NgffImage:
    multiscales = items(attributes, "multiscales", dict)
    first = multiscales[0]
    datasets = items(first, "datasets", dict)
    levels = tuple(_open_array(within(path, dataset.get("path"))) for dataset in datasets)
    axes = read_axes(first, levels[0].ndim)
    if any(level.ndim != levels[0].ndim for level in levels):
        raise ValueError("the levels differ in their axes")
    letters = "".join(map(axis_letter, axes))
    scale = read_scale(axes, first, datasets[0])
    size = pixel_size(axes, scale)
    notes = (f"{path.name} describes {len(multiscales)} images; the first is used.",) if len(multiscales) > 1 else ()
    return NgffImage(
        path=path,
        levels=levels,
        axes=letters,
        scale=scale,
        axis_units=tuple(str(axis["unit"]) if "unit" in axis else None for axis in axes),
        pixel_size=size,
        unit="pixel" if size is None else UNIT,
        rgb=is_rgb(attributes, levels[0], letters),
        version=version,
        notes=notes,
    )


def _open_array(path: Path) -> zarr.Array[Any]:
    import zarr

    node = _open_node(path)
    if not isinstance(node, zarr.Array):
        raise ValueError(f"{path.name} is no array")
    return _checked_array(node, path)


def _checked_array(array: zarr.Array[Any], path: Path) -> zarr.Array[Any]:
    from napari_wnet.io.ngff_packing import packing_of

    if array.dtype.kind not in "biuf":
        raise ImageError(f"{path} holds {array.dtype} values; save it as whole or floating-point numbers.")
    filters = [*array.filters, *array.compressors]
    if any(UNSAFE_FILTER in str(getattr(item, "codec_id", "")).lower() for item in filters):
        raise ImageError(f"{path} is packed with pickle, which can run code; save it with another compression.")
    if array.ndim < 2:
        raise ImageError(f"{path} has shape {array.shape}; an image needs two axes or more.")
    chunk_bytes = math.prod(array.shards or array.chunks) * array.dtype.itemsize
    check_room(path, array.shards or array.chunks, chunk_bytes)
    array.store.expect(packing_of(array, path))  # type: ignore[attr-defined]
    return array
