"""Pages that lead back to themselves: tifffile would go round in them for hours."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_wnet.errors import ImageError
from napari_wnet.io.images import read_image, read_labels
from napari_wnet.io.tiff_chain import check_chain
from napari_wnet.project.arrays import fetch, store
from napari_wnet.slide.source import open_path

STACK = np.arange(3 * 20 * 30, dtype=np.uint16).reshape(3, 20, 30)
KINDS: list[dict[str, Any]] = [
    {"byteorder": order, "bigtiff": big} for order in "<>" for big in (False, True)
]  # fmt: skip


def pages(path: Path, kind: dict[str, Any]) -> list[int]:
    """Return where each page says where the next one is."""
    with tifffile.TiffFile(path) as file:
        size, tag = (8, 20) if kind["bigtiff"] else (2, 12)
        return [page.offset + size + len(page.tags) * tag for page in file.pages]


def lead(path: Path, kind: dict[str, Any], number: int, to: int) -> None:
    """Have a page lead to another one."""
    with tifffile.TiffFile(path) as file:
        target = file.pages[to].offset
    content = bytearray(path.read_bytes())
    form = kind["byteorder"] + ("Q" if kind["bigtiff"] else "I")
    struct.pack_into(form, content, pages(path, kind)[number], target)
    path.write_bytes(content)


@pytest.fixture(params=KINDS, ids=str)
def kind(request) -> dict[str, Any]:
    return dict(request.param)


@pytest.fixture
def path(tmp_path, kind) -> Path:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, **kind) as writer:
        for plane in STACK:
            writer.write(plane, photometric="minisblack", contiguous=False, metadata=None)
    return path


def test_pages_that_come_to_an_end_are_read(path, kind):
    assert len(pages(path, kind)) == 3
    check_chain(path)
    np.testing.assert_array_equal(read_image(path).array, STACK)


@pytest.mark.parametrize(("number", "to"), [(0, 0), (2, 2), (2, 0), (1, 0)])
@pytest.mark.parametrize("read", [read_image, read_labels, open_path])
def test_pages_in_a_circle_are_refused(path, kind, number, to, read):
    lead(path, kind, number, to)
    with pytest.raises(ImageError, match=r"a\.tif is damaged: its pages follow one another in a circle"):
        read(path)


def test_so_are_those_of_a_project(tmp_path):
    record = store(tmp_path, f"labels-{'0' * 8}", STACK[0], {})
    lead(tmp_path / record.file, {"byteorder": "<", "bigtiff": False}, 0, 0)
    with pytest.raises(ImageError, match="circle"):
        fetch(tmp_path, record)


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0", b"MM\0*\0\0\0\x08", b"II*\0\xff\xff\xff\xff", b"no TIFF"])
def test_what_is_no_chain_is_left_to_who_reads_it(tmp_path, content):
    (tmp_path / "a.tif").write_bytes(content)
    check_chain(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=r"a\.tif"):
        read_image(tmp_path / "a.tif")
