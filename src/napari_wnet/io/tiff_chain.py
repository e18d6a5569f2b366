"""The pages of a TIFF file, each of which says where the next one is: whether that ever comes to an end."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from napari_wnet.errors import ImageError

ORDERS = MappingProxyType({b"II": "<", b"MM": ">"})
MOST_TAGS = 4096
"""More is no page; whoever reads it says so."""
LARGEST = 2**32
"""Bytes: beyond, some scanners write 32-bit files whose offsets mean something else."""


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Sizes in bytes and types, as :mod:`struct` writes them: of a page's number of tags, of a tag, of an offset."""

    count: str
    tag: int
    offset: str
    first: int


LAYOUTS = MappingProxyType(
    {42: _Layout(count="H", tag=12, offset="I", first=4), 43: _Layout(count="Q", tag=20, offset="Q", first=8)}
)


def check_chain(path: Path) -> None:
    """Refuse a file whose pages follow one another in a circle: it would be read without an end.

    Raises
    ------
    ImageError
    """
    with path.open("rb") as file:
        head = file.read(4)
        order = ORDERS.get(head[:2])
        layout = LAYOUTS.get(struct.unpack(f"{order}H", head[2:])[0]) if order and len(head) == 4 else None
        if order is None or layout is None or (layout.offset == "I" and path.stat().st_size >= LARGEST):
            return
        seen: set[int] = set()
        offset = _number(file, order + layout.offset, layout.first)
        while offset:
            if offset in seen:
                raise ImageError(f"{path} is damaged: its pages follow one another in a circle. Export it again.")
            seen.add(offset)
            n_tags = _number(file, order + layout.count, offset)
            if n_tags is None or n_tags > MOST_TAGS:
                return
            after = offset + struct.calcsize(order + layout.count) + n_tags * layout.tag
            offset = _number(file, order + layout.offset, after)


def _number(file: BinaryIO, form: str, place: int) -> int | None:
    """Return a number in a file; None where that ends before it."""
    if place >= 2**63:
        return None
    file.seek(place)
    data = file.read(struct.calcsize(form))
    return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else None
