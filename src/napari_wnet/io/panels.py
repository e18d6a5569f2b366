"""One picture of several images: each as it is, with the true outlines, and with those that were found."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from napari_wnet.atomic import write_bytes
from napari_wnet.core.image import nearest_plane, resize_plane, scaled_shape
from napari_wnet.core.render import RGBImage, overlay

SIDE = 384
"""Longest side of each image in the picture, in px: three of them fit beside one another on any screen."""
GAP, LINE = 8, 22
GROUND, INK = (24, 24, 24), (235, 235, 235)
COLUMNS = ("image", "annotated", "found")


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """An image, (C, Y, X), with the labels that are true and those that were found, (Y, X)."""

    name: str
    image: npt.NDArray[Any]
    true: npt.NDArray[np.int32]
    found: npt.NDArray[np.int32]


def write_panel(path: Path, rows: Sequence[Row], title: str) -> None:
    """Write a PNG picture with a row for each image; one that is there is replaced.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    file = io.BytesIO()
    Image.fromarray(draw_panel(rows, title)).save(file, "PNG")
    write_bytes(path, file.getvalue(), overwrite=True)


def draw_panel(rows: Sequence[Row], title: str) -> RGBImage:
    """Draw a row for each image, under a title.

    Returns
    -------
    (H, W, 3) uint8 array
    """
    drawn = [_tiles(row) for row in rows]
    width = max(tiles[0].shape[1] for tiles in drawn)
    height = 2 * LINE + sum(tiles[0].shape[0] + LINE + GAP for tiles in drawn)
    canvas = Image.new("RGB", (GAP + len(COLUMNS) * (width + GAP), height), GROUND)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(14)
    pen.text((GAP, 4), title, INK, font)
    for place, column in enumerate(COLUMNS):
        pen.text((GAP + place * (width + GAP), LINE + 4), column, INK, font)
    top = 2 * LINE
    for row, tiles in zip(rows, drawn, strict=True):
        for place, tile in enumerate(tiles):
            canvas.paste(Image.fromarray(tile), (GAP + place * (width + GAP), top))
        top += tiles[0].shape[0]
        for place, text in enumerate((row.name, _count(row.true), _count(row.found))):
            pen.text((GAP + place * (width + GAP), top + 2), _shortened(text, width, font), INK, font)
        top += LINE + GAP
    return np.asarray(canvas)


def _tiles(row: Row) -> tuple[RGBImage, RGBImage, RGBImage]:
    """Return the three pictures of an image; labels are resized before outlines are drawn, so that none gets lost."""
    scale = SIDE / max(row.true.shape)
    shape = scaled_shape((row.true.shape[0], row.true.shape[1]), scale)
    image = resize_plane(row.image, shape)
    true, found = (nearest_plane(labels, shape) for labels in (row.true, row.found))
    return overlay(image, np.zeros(shape, np.int32)), overlay(image, true), overlay(image, found)


def _count(labels: npt.NDArray[np.int32]) -> str:
    count = len(np.unique(labels[labels > 0]))
    return f"{count} object" if count == 1 else f"{count} objects"


def _shortened(text: str, width: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont) -> str:
    """Return so much of the beginning of a text as fits."""
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."
