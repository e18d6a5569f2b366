"""Arrays in files named by what is in them: a changed array is a new file, an unchanged one is not written again.

TIFF, because any program for images opens it, should the rest of the folder be lost; and because one array is then one
file, which comes into its place in one step.
"""

from __future__ import annotations

import hashlib
import math
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_wnet.atomic import atomic_path
from napari_wnet.errors import ImageError
from napari_wnet.io.tiff import listen, read_tiff, write_tiff
from napari_wnet.io.tiff_chain import check_chain

Array = npt.NDArray[Any]
FILE_NAME = re.compile(r"(?:labels|cleared)-(?P<project>[0-9a-f]{8})-[0-9a-f]{32}\.tif")
"""A name that fits has no way to lead out of the folder."""
DTYPES = ("uint8", "uint16", "uint32")
MOST_AXES = 8
LARGEST_RATIO = 1040
"""What a byte of a deflate stream can unpack to at most (1032), and something for headers."""
COMPRESSIONS = frozenset({tifffile.COMPRESSION.NONE, tifffile.COMPRESSION.ADOBE_DEFLATE})


@dataclass(frozen=True, kw_only=True)
class ArrayRecord:
    """What is noted of an array: where it is, and what must be found there.

    Attributes
    ----------
    file : str
    sha256 : str
        Of shape, type and values.
    shape : tuple of int
    dtype : str
        ``"uint8"``, ``"uint16"`` or ``"uint32"``.
    size : int
        Of the file, in bytes.
    """

    file: str
    sha256: str
    shape: tuple[int, ...]
    dtype: str
    size: int


def store(folder: Path, prefix: str, array: Array, known: Mapping[str, ArrayRecord]) -> ArrayRecord:
    """Write an array, unless a file that is known is there and holds it.

    Parameters
    ----------
    folder : Path
    prefix : str
        Beginning of the file's name.
    array : integer or bool array of two axes or more
        Not negative. What is written is a copy, so that it fits its hash whatever becomes of the array meanwhile.
    known : mapping of file name to ArrayRecord
        What the last save noted.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    packed = _pack(array)
    digest = _digest(packed)
    name = f"{prefix}-{digest[:32]}.tif"
    if name in known and file_size(folder / name) == known[name].size:
        return known[name]
    with atomic_path(folder / name, overwrite=True) as partial:
        write_tiff(partial, packed, "Q" * (packed.ndim - 2) + "YX")
        size = partial.stat().st_size
    return ArrayRecord(file=name, sha256=digest, shape=packed.shape, dtype=packed.dtype.name, size=size)


def fetch(folder: Path, record: ArrayRecord) -> tuple[Array, bool]:
    """Read an array, and tell whether it is the one that was written.

    Nothing is allocated on the word of the file or the record alone: what they claim is compared with each other and
    with the bytes that are there.

    Raises
    ------
    ImageError
        If the file is missing, damaged or not what the record says.
    """
    path = folder / record.file
    try:
        size = file_size(path)
        if size is None:
            raise ImageError(f"{record.file} is missing; put it back from a copy of the folder")
        if math.prod(record.shape) * np.dtype(record.dtype).itemsize > LARGEST_RATIO * size:
            raise ImageError(f"{record.file} is too short for its pixels; put it back from a copy of the folder")
        _check_layout(path, record)
        array = read_tiff(path)[0].reshape(record.shape)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{record.file} needs more memory than there is; close other programs") from error
    except Exception as error:
        # For damaged files the libraries raise anything; it all means the same.
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        raise ImageError(f"{record.file} is damaged ({reason}); put it back from a copy of the folder") from error
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.max() > np.iinfo(np.int32).max:
        raise ImageError(f"{record.file} has labels up to {array.max()}; renumber them")
    return array, _digest(array) == record.sha256


def file_size(path: Path) -> int | None:
    """Return the size of a plain file in bytes; None if there is none, or a link, which could lead anywhere."""
    try:
        info = path.lstat()
    except OSError:
        return None
    return info.st_size if stat.S_ISREG(info.st_mode) else None


def _check_layout(path: Path, record: ArrayRecord) -> None:
    check_chain(path)
    with listen(), tifffile.TiffFile(path) as file:
        series, page = file.series[0], file.pages.first
        alike = series.dtype == record.dtype and math.prod(series.shape) == math.prod(record.shape)
        # Tiles could be larger than the image, and other compressions than this one could unpack to anything.
        if not alike or page.is_tiled or page.compression not in COMPRESSIONS:
            raise ImageError(f"{record.file} is not the file that was written; put it back from a copy of the folder")


def _pack(array: Array) -> Array:
    if array.dtype == np.bool_:
        return array.astype(np.uint8)
    return array.astype(np.uint16 if array.max() <= np.iinfo(np.uint16).max else np.uint32)


def _digest(array: Array) -> str:
    digest = hashlib.sha256(f"{array.shape} {array.dtype.name}".encode())
    digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()
