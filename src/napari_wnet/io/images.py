"""Images and labels in files: TIFF, PNG, JPEG, NPY, OME-Zarr and others; messages say what is wrong and what to do."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from skimage.measure import label

from napari_wnet.atomic import atomic_path
from napari_wnet.core.labels import check_labels
from napari_wnet.errors import ImageError
from napari_wnet.io.foreign import PLUGINS, bioio_reads, read_foreign
from napari_wnet.io.ngff import ZARR_ENDING, is_zarr
from napari_wnet.io.ngff_pixels import read_ngff
from napari_wnet.io.raster import plain_colours, read_npy, read_picture
from napari_wnet.io.tiff import UNIT, PixelSize, read_palette, read_tiff, write_tiff

Array = npt.NDArray[Any]
TIFF_ENDINGS = (".tif", ".tiff")
PICTURE_ENDINGS = (".png", ".jpg", ".jpeg")
ENDINGS = (*TIFF_ENDINGS, *PICTURE_ENDINGS, ".npy", ZARR_ENDING, *PLUGINS)
"""Endings of what can be read, in lower case: files, and the folders of zarr. The last need a plug-in of bioio."""
MOST_LABELS = np.iinfo(np.int32).max


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageFile:
    """What a file holds, as stored.

    Attributes
    ----------
    array : ndarray
        In the machine's byte order; colour, where `rgb`, along the last axis.
    axes : str or None
        One letter an axis, such as ``"TCYX"`` or ``"YXS"`` (S: colour); Q or I for an axis that the file has without
        saying what it is; None where it says nothing at all.
    rgb : bool
        Whether the last axis is colour.
    pixel_size : (float, float) or None
        Height and width of a pixel, where the file says so.
    unit : str
        ``"um"`` where `pixel_size` is known, else ``"pixel"``.
    path : Path
    notes : tuple of str
        What the user should know, for example that a file holds more images than the one read.
    """

    array: Array
    axes: str | None
    rgb: bool
    pixel_size: PixelSize | None
    unit: str
    path: Path
    notes: tuple[str, ...] = ()


def is_image_name(path: str | Path) -> bool:
    """Tell by its name whether a file or a zarr folder can be read; hidden ones, unfinished among them, cannot."""
    path = Path(path)
    return path.suffix.lower() in ENDINGS and not path.name.startswith(".")


def read_image(path: str | Path, *, indices: bool = False) -> ImageFile:
    """Read an image: TIFF (OME, ImageJ), PNG, JPEG, NPY, an OME-Zarr folder, or what a plug-in of bioio reads.

    Parameters
    ----------
    path : str or Path
    indices : bool
        Whether labels are wanted: a palette's indices, else its colours, or grey where all of them are; and of an
        OME-Zarr image the labels that it has with it.

    Raises
    ------
    ImageError
        If the file is missing, empty, damaged, of an unknown kind or without pixels; the message says what to do.
    """
    path = Path(path)
    _check_readable(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large and of slightly odd files; both are read
            array, axes, pixel_size, notes = _decode(path, indices=indices)
    except ImageError:
        raise
    except MemoryError as error:
        raise ImageError(f"{path} needs more memory than there is; crop it or cut it into parts.") from error
    except Exception as error:
        # For damaged files the libraries raise anything, from KeyError to tokenize.TokenError; it all means the same.
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise ImageError(f"{path} is damaged or not what its name says ({reason}). Copy or export it again.") from error
    if array.size == 0:
        raise ImageError(f"{path} has no pixels (shape {array.shape}); export it again.")
    return ImageFile(
        array=array.astype(array.dtype.newbyteorder("="), copy=False),
        axes=axes,
        rgb=axes is not None and axes.endswith("S"),
        pixel_size=pixel_size,
        unit="pixel" if pixel_size is None else UNIT,
        path=path,
        notes=notes,
    )


def _check_readable(path: Path) -> None:
    try:
        if is_zarr(path):
            return
        if path.is_dir():
            raise ImageError(f"{path} is a folder; name a file in it.")
        if not path.exists():
            raise ImageError(f"{path} does not exist; check the name.")
        if path.suffix.lower() == ZARR_ENDING:
            raise ImageError(f"{path} is a file, but OME-Zarr is a folder; unpack or copy it again.")
        if path.suffix.lower() not in ENDINGS and not bioio_reads(path):
            raise ImageError(f"{path} cannot be read: the known endings are {', '.join(ENDINGS)}. Convert it to TIFF.")
        if path.stat().st_size == 0:
            raise ImageError(f"{path} is empty (0 bytes); copy or export it again.")
        with path.open("rb"):
            pass
    except OSError as error:
        raise ImageError(f"{path} cannot be opened ({error.strerror}); check its permissions.") from error


def _decode(path: Path, *, indices: bool) -> tuple[Array, str | None, PixelSize | None, tuple[str, ...]]:
    ending = path.suffix.lower()
    if is_zarr(path):
        return read_ngff(path, labels=indices)
    if ending == ".npy":
        array = read_npy(path)
        if array.ndim < 2:
            raise ImageError(f"{path} has shape {array.shape}; an image needs two axes or more.")
        return array, "YX" if array.ndim == 2 else None, None, ()
    if ending in PICTURE_ENDINGS:
        array, axes, notes = read_picture(path, indices=indices)
        return array, axes, None, notes
    if ending not in TIFF_ENDINGS:
        return read_foreign(path)
    return _decode_tiff(path, indices=indices)


def _decode_tiff(path: Path, *, indices: bool) -> tuple[Array, str, PixelSize | None, tuple[str, ...]]:
    array, axes, pixel_size, notes = read_tiff(path)
    if array.dtype.kind not in "biuf":
        raise ImageError(f"{path} holds {array.dtype} values; save it as whole or floating-point numbers.")
    palette = None if indices or array.dtype.kind not in "bu" else read_palette(path)
    if palette is not None:
        array, colours = plain_colours(palette[array])
        axes += colours[2:]
    if axes.endswith("S") and array.shape[-1] not in (3, 4):
        array, axes = np.moveaxis(array, -1, 0), "C" + axes[:-1]
    return array, axes, pixel_size, notes


def read_labels(path: str | Path) -> npt.NDArray[np.int32]:
    """Read a labels file: one number an object, 0 is background.

    Palette pictures give their indices, and an OME-Zarr image the labels that it has with it. Whole numbers stored as
    floats are accepted, as some programs write nothing else. A bool file (1 bit a pixel) has no numbers: each connected
    region, corners included, becomes an object.

    Returns
    -------
    (..., Y, X) int32 array
        Without leading axes of length 1.

    Raises
    ------
    ImageError
        If the file cannot be read or does not hold labels; the message says how to make it so.
    """
    return labels_of(read_image(path, indices=True))


def labels_of(file: ImageFile) -> npt.NDArray[np.int32]:
    """Return the labels in a file that was read with its indices: see :func:`read_labels`.

    Raises
    ------
    ImageError
        If it does not hold labels.
    """
    path = file.path
    array = _without_colour(file, "labels need a single number a pixel: save them as an integer TIFF or a palette PNG")
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    if array.dtype.kind == "f":
        if not (np.isfinite(array).all() and (array == np.rint(array)).all()):
            raise ImageError(f"{path}: labels must be whole numbers, these are not; is this an image or a map?")
        array = np.clip(array, -1.0, 2.0**40).astype(np.int64)
    if array.dtype == bool:
        planes = array.reshape(-1, *array.shape[-2:])
        regions = [label(plane, connectivity=2) for plane in planes]
        return np.asarray(np.stack(regions).reshape(array.shape), np.int32)
    array = check_labels(array, str(path))
    if int(array.max()) > MOST_LABELS:
        raise ImageError(
            f"{path}: label {array.max()} is beyond {MOST_LABELS}; "
            "renumber the labels with skimage.segmentation.relabel_sequential."
        )
    return array.astype(np.int32)


def read_mask(path: str | Path) -> npt.NDArray[np.bool_]:
    """Read a foreground mask: whatever is not 0 is foreground; in a colour picture, whatever is not black.

    Returns
    -------
    (..., Y, X) bool array

    Raises
    ------
    ImageError
        If the file cannot be read, or holds NaN.
    """
    file = read_image(path)
    array: Array = np.asarray(file.array[..., :3].any(axis=-1)) if file.rgb else file.array
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ImageError(f"{path}: a mask must not hold NaN; replace it with numpy.nan_to_num.")
    while array.ndim > 2 and array.shape[0] == 1:
        array = array[0]
    return np.asarray(array != 0)


def _without_colour(file: ImageFile, remedy: str) -> Array:
    channels = file.array.shape[file.axes.index("C")] if file.axes and "C" in file.axes else 1
    if file.rgb or channels > 1:
        raise ImageError(f"{file.path} is a colour or multichannel picture, shape {file.array.shape}; {remedy}.")
    return file.array


def write_labels(
    path: str | Path,
    labels: npt.ArrayLike,
    pixel_size: PixelSize | None = None,
    *,
    axes: str | None = None,
    overwrite: bool = False,
) -> None:
    """Write labels as a compressed TIFF that ImageJ and napari read: uint16, or uint32 above 65,535.

    Parameters
    ----------
    path : str or Path
    labels : (..., Y, X) integer array
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres.
    axes : str, optional
        One letter an axis, for example ``TYX``.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    ImageError
        If `labels` are not labels.
    OutputError
        If the file exists or cannot be written.
    """
    array = check_labels(labels, str(path))
    if array.max(initial=0) > np.iinfo(np.uint32).max:
        raise ImageError(f"{path}: label {array.max()} is too large for a file; renumber the labels.")
    dtype = np.uint16 if array.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    with atomic_path(path, overwrite=overwrite) as partial:
        write_tiff(partial, array.astype(dtype), axes or "Q" * (array.ndim - 2) + "YX", pixel_size)
