"""PNG, JPEG and NPY: what is stored, told apart into grey, colour and palette."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from napari_wnet.errors import ImageError

Array = npt.NDArray[Any]
NPY_MAGIC = b"\x93NUMPY"
KINDS = "biuf"
"""numpy's letters for the types that can be intensities or labels: bool, integers, floats."""


def read_picture(path: Path, *, indices: bool = False) -> tuple[Array, str, tuple[str, ...]]:
    """Read a PNG or JPEG file.

    Parameters
    ----------
    path : Path
    indices : bool
        Whether a palette's indices are wanted (labels) rather than its colours (images).

    Returns
    -------
    array : (Y, X) or (Y, X, 3 or 4) array
        As stored; the transparency of grey pictures is dropped.
    axes : str
        ``YX`` or ``YXS``.
    notes : tuple of str

    Raises
    ------
    ImageError
        If it is no such picture, or larger than Pillow agrees to unpack.
    Exception
        Whatever Pillow raises for a damaged file.
    """
    limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)
    try:
        with Image.open(path, formats=("PNG", "JPEG")) as picture:
            array, axes = _picture_array(picture, indices=indices)
    except Image.DecompressionBombError as error:
        raise ImageError(
            f"{path} has more than {limit / 1e6:.0f} million pixels, the limit for PNG and JPEG; save it as TIFF."
        ) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is no PNG or JPEG picture, whatever its name says; export it again.") from error
    notes = (f"{path.name} has 16 bits a colour; 8 of them are used. Save it as TIFF to keep all.",)
    return array, axes, notes if _is_deep_colour(path) else ()


def _picture_array(picture: Image.Image, *, indices: bool) -> tuple[Array, str]:
    mode = picture.mode
    if mode == "P" and not indices:
        return plain_colours(np.asarray(picture.convert("RGB")))
    if mode in ("LA", "La"):
        return np.asarray(picture.convert("L")), "YX"
    if mode not in ("1", "L", "P", "RGB", "RGBA", "F") and not mode.startswith("I"):
        picture = picture.convert("RGB")  # CMYK and YCbCr
    array = np.asarray(picture)
    return array, "YX" if array.ndim == 2 else "YXS"


def plain_colours(rgb: Array) -> tuple[Array, str]:
    """Return colours, or one grey channel where all are grey: many programs save grey pictures with a palette."""
    grey = bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())
    return (rgb[..., 0], "YX") if grey else (rgb, "YXS")


def _is_deep_colour(path: Path) -> bool:
    """Tell whether a PNG stores 16 bits for each of several colours, which Pillow halves without a word."""
    with path.open("rb") as file:
        header = file.read(26)
    return header[:4] == b"\x89PNG" and header[24] == 16 and header[25] in (2, 6)


def read_npy(path: Path) -> Array:
    """Read a NumPy array file; never runs code that it may carry.

    Raises
    ------
    ImageError
        If it is not an NPY file, or holds Python objects or anything else that is not real numbers.
    Exception
        Whatever numpy raises for a damaged file.
    """
    with path.open("rb") as file:
        if file.read(len(NPY_MAGIC)) != NPY_MAGIC:
            raise ImageError(f"{path} is not an NPY file, whatever its name says; write it with numpy.save.")
    try:
        array = np.load(path, allow_pickle=False)
    except ValueError as error:
        if "Object arrays" not in str(error):
            raise
        raise ImageError(f"{path} holds Python objects, never loaded; save an array of plain numbers.") from error
    if array.dtype.kind not in KINDS:
        raise ImageError(f"{path} holds {array.dtype} values; save an array of plain numbers.")
    return np.asarray(array)
