"""TIFF, OME-TIFF and ImageJ TIFF: pixels, axes and pixel size, in and out."""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image, ImageSequence

from napari_wnet.errors import ImageError, OutputError
from napari_wnet.io.memory import check_room
from napari_wnet.io.tiff_chain import check_chain

Array = npt.NDArray[Any]
PixelSize = tuple[float, float]

UNIT = "um"
"""Pixel sizes are in micrometres inside the package, whatever unit the file used."""
MICROMETRES = MappingProxyType({
    "nm": 1e-3, "nanometer": 1e-3, "nanometre": 1e-3,
    "um": 1.0, "µm": 1.0, "μm": 1.0, "\\u00b5m": 1.0, "micron": 1.0, "microns": 1.0,
    "micrometer": 1.0, "micrometre": 1.0,
    "mm": 1e3, "millimeter": 1e3, "millimetre": 1e3,
    "cm": 1e4, "centimeter": 1e4, "centimetre": 1e4,
    "m": 1e6, "meter": 1e6, "metre": 1e6,
    "in": 25400.0, "inch": 25400.0, "inches": 25400.0,
})  # fmt: skip
CENTIMETRE = 3
"""The TIFF tag's code. Inches are not believed: cameras write 72 or 300 dpi whatever the magnification."""
IMAGEJ_TYPES = frozenset({"uint8", "uint16", "float32"})
LARGEST_RATIO = 2**31
"""Resolutions are noted as ratios of 32-bit numbers; pixel sizes beyond (a kilometre, an atom) are left out."""
LONGEST_JPEG = 2**16 - 1
"""Pixels of a side: what promises more is filled up with whatever is in memory."""
LARGEST_IMAGEJ = 2**32 - 2**25
"""Bytes: ImageJ's own format has 32-bit offsets."""


class _Listener(logging.Handler):
    """Keeps what tifffile says of a file while this thread reads it; otherwise it would go to the terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread = threading.get_ident()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.messages.append(record.getMessage())


@contextlib.contextmanager
def listen() -> Iterator[list[str]]:
    """Collect what tifffile says of a file in this thread; it is kept from the terminal."""
    logger, listener = logging.getLogger("tifffile"), _Listener()
    logger.addHandler(listener)
    try:
        yield listener.messages
    finally:
        logger.removeHandler(listener)


def read_tiff(path: Path) -> tuple[Array, str, PixelSize | None, tuple[str, ...]]:
    """Read the first series of a TIFF file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    array : ndarray
        As stored; colours of a palette are not applied.
    axes : str
        One letter an axis; ``Q`` or ``I`` where the file does not say.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    notes : tuple of str
        What the user should know of the file.

    Raises
    ------
    ImageError
        If the file is truncated, or packed in a way that needs another package.
    Exception
        Whatever tifffile raises for a damaged file.
    """
    check_chain(path)
    with listen() as messages, tifffile.TiffFile(path) as file:
        if not file.series:
            raise ImageError(f"{path} has no image in it; export it again.")
        series = file.series[0]
        check_complete(path, file, series, messages)
        check_room(path, series.shape, series.nbytes)
        array = _pixels(path, series)
        axes = series.axes
        if axes.startswith("S") or "S" in axes[:-1]:
            array, axes = np.moveaxis(array, axes.index("S"), -1), axes.replace("S", "") + "S"
        notes: tuple[str, ...] = ()
        if len(file.series) > 1:
            notes = (f"{path.name} holds {len(file.series)} images of different kinds; the first is used.",)
        return array, axes, _pixel_size(file), notes


def read_palette(path: Path) -> npt.NDArray[np.uint8] | None:
    """Return the (N, 3) palette of a TIFF that stores colours as indices; None for others and for ImageJ's tables."""
    with listen(), tifffile.TiffFile(path) as file:
        page = file.pages.first
        if file.is_imagej or page.photometric != tifffile.PHOTOMETRIC.PALETTE or page.colormap is None:
            return None
        return np.asarray(page.colormap.T >> 8, np.uint8)


def check_complete(
    path: Path, file: tifffile.TiffFile, series: tifffile.TiffPageSeries, messages: Sequence[str]
) -> None:
    """Refuse a series of which strips or tiles are missing: what stands for them would be read as pixels.

    Raises
    ------
    ImageError
    """
    size = file.filehandle.size
    if series.dataoffset is not None:
        complete = series.dataoffset + series.nbytes <= size
    else:
        # Pages that the file refers to but does not hold come as None; rows that it promises may have no strips.
        n_parts, form = math.prod(series.keyframe.chunked), series.keyframe.compression
        is_jpeg = form in (tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.OJPEG)
        complete = not (is_jpeg and max(series.keyframe.chunks) > LONGEST_JPEG) and all(
            page is not None
            and len(page.dataoffsets) >= n_parts
            and all(start + n <= size for start, n in zip(page.dataoffsets, page.databytecounts, strict=False))
            for page in list(series.pages)
        )
    if not complete or any("invalid page offset" in message for message in messages):
        raise _truncated(path)


def _truncated(path: Path) -> ImageError:
    return ImageError(f"{path} is truncated: pixels are missing at its end. Copy or export it again.")


def _pixels(path: Path, series: tifffile.TiffPageSeries) -> Array:
    try:
        return np.asarray(series.asarray())
    except (ImportError, ValueError) as error:
        if isinstance(error, ValueError) and "imagecodecs" not in str(error):
            raise
        array = _pixels_by_pillow(path)
        if array is None or array.size != math.prod(series.shape) or array.dtype != series.dtype:
            packing = tifffile.COMPRESSION(series.keyframe.compression).name
            raise ImageError(
                f"{path} is compressed with {packing}, which needs another package: "
                "run 'pip install imagecodecs', or save the file uncompressed."
            ) from error
        return array.reshape(series.shape)


def _pixels_by_pillow(path: Path) -> Array | None:
    """Read what tifffile alone cannot unpack (LZW, above all) with the library that Pillow brings."""
    with (
        contextlib.suppress(OSError, ValueError, Image.DecompressionBombError),
        Image.open(path, formats=("TIFF",)) as image,
    ):
        frames: list[Array] = [np.array(frame) for frame in ImageSequence.Iterator(image)]
        return np.stack(frames)
    return None


def _pixel_size(file: tifffile.TiffFile) -> PixelSize | None:
    if file.is_ome and file.ome_metadata:
        return _ome_pixel_size(file.ome_metadata)
    tags = file.pages.first.tags
    sizes = [_inverse(tags[name].value) if name in tags else None for name in ("YResolution", "XResolution")]
    code = tags["ResolutionUnit"].value if "ResolutionUnit" in tags else None
    shaped = dict((file.shaped_metadata or ({},))[0])
    unit = (file.imagej_metadata or shaped).get("unit")
    if unit is not None and file.is_imagej:
        factor = MICROMETRES.get(str(unit).strip().lower())
    else:
        factor = MICROMETRES["cm"] if code == CENTIMETRE else None
    if factor is None or sizes[0] is None or sizes[1] is None:
        return None
    return _checked(sizes[0] * factor, sizes[1] * factor)


def _inverse(ratio: tuple[int, int]) -> float | None:
    numerator, denominator = ratio
    return denominator / numerator if numerator and denominator else None


def _ome_pixel_size(xml: str) -> PixelSize | None:
    pixels = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    first = (pixels[0] if isinstance(pixels, list) else pixels).get("Pixels", {})
    sizes = []
    for axis in "YX":
        factor = MICROMETRES.get(str(first.get(f"PhysicalSize{axis}Unit", "µm")).lower())
        size = first.get(f"PhysicalSize{axis}")
        if factor is None or not isinstance(size, int | float):
            return None
        sizes.append(size * factor)
    return _checked(sizes[0], sizes[1])


def _ratio(value: float) -> tuple[int, int]:
    """Return the nearest ratio of two 32-bit integers: the tag holds one, and tifffile's own is coarser."""
    largest = min(LARGEST_RATIO, int(LARGEST_RATIO / value))
    return Fraction(value).limit_denominator(largest).as_integer_ratio()


def _checked(height: float, width: float) -> PixelSize | None:
    sane = all(math.isfinite(size) and size > 0 for size in (height, width))
    return (float(height), float(width)) if sane else None


def write_tiff(path: Path, array: Array, axes: str, pixel_size: PixelSize | None = None) -> None:
    """Write an array so that ImageJ, napari and :func:`read_tiff` find its axes and pixel size again.

    Parameters
    ----------
    path : Path
        Normally from :func:`napari_wnet.atomic.atomic_path`.
    array : ndarray
    axes : str
        One letter an axis, for example ``TYX``; ``Q`` is unknown.
    pixel_size : (float, float), optional
        Height and width of a pixel in micrometres; must be above 0.

    Raises
    ------
    OutputError
        If `axes` does not fit the array or there is nothing to write.
    OSError
        If the disk does not take it.
    """
    if len(axes) != array.ndim or len(set(axes) - {"Q"}) + axes.count("Q") != array.ndim or array.size == 0:
        raise OutputError(f"Shape {array.shape} cannot be written with the axes {axes}; name each axis once.")
    # ImageJ reads stacks of these types as they are; anything else goes into a plain TIFF with the axes noted.
    imagej = array.dtype.name in IMAGEJ_TYPES and array.nbytes < LARGEST_IMAGEJ and set(axes) <= set("TZCYX")
    imagej = imagej and list(axes) == sorted(axes, key="TZCYX".index)
    options: dict[str, Any] = {"metadata": {"axes": axes}, "imagej": imagej, "photometric": "minisblack"}
    per_unit = 1.0 if imagej else MICROMETRES["cm"]
    if pixel_size is not None and all(1 / LARGEST_RATIO < per_unit / size < LARGEST_RATIO for size in pixel_size):
        options["metadata"]["unit"] = UNIT
        options["resolution"] = (_ratio(per_unit / pixel_size[1]), _ratio(per_unit / pixel_size[0]))
        options["resolutionunit"] = "NONE" if imagej else "CENTIMETER"
    if imagej:
        options["metadata"] |= {"min": 0.0, "max": float(array.max()) or 1.0, "mode": "grayscale"}
    tifffile.imwrite(path, array, compression="zlib", compressionargs={"level": 4}, **options)


@dataclass(frozen=True, kw_only=True)
class LazyTiff:
    """The first image of a TIFF file at full resolution, read where it is sliced; between reads the file is closed.

    Attributes
    ----------
    path : Path
    shape : tuple of int
    dtype : dtype
    axes : str
        One letter an axis.
    pixel_size : (float, float) or None
        Height and width of a pixel in micrometres.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    axes: str
    pixel_size: PixelSize | None

    @classmethod
    def of(cls, path: Path) -> LazyTiff:
        """Open a file; an ImageError where it is cut short, else whatever tifffile raises where it is damaged."""
        check_chain(path)
        with listen() as messages, tifffile.TiffFile(path) as file:
            series = file.series[0]
            check_complete(path, file, series, messages)
            return cls(
                path=path, shape=series.shape, dtype=series.dtype, axes=series.axes, pixel_size=_pixel_size(file)
            )

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __getitem__(self, places: Any) -> Array:
        """Read a part."""
        import zarr

        with listen(), tifffile.TiffFile(self.path) as file:
            return np.asarray(zarr.open_array(file.series[0].aszarr(level=0), mode="r")[places])
