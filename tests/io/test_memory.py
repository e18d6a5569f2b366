"""Headers that promise more pixels than the memory or the file itself holds."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_wnet.errors import ImageError
from napari_wnet.io import memory
from napari_wnet.io.images import read_image
from napari_wnet.io.memory import check_room, free_memory
from napari_wnet.slide.source import open_path

WIDTH, HEIGHT = 256, 257
GREY = np.arange(24 * 36, dtype=np.uint16).reshape(24, 36)


def say(path: Path, tag: int, value: int) -> None:
    """Put another number into a tag of the first page."""
    content = bytearray(path.read_bytes())
    (start,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, start)
    places = [start + 2 + 12 * number for number in range(count)]
    (place,) = (place for place in places if struct.unpack_from("<H", content, place)[0] == tag)
    struct.pack_into("<HHII", content, place, tag, 4, 1, value)
    path.write_bytes(content)


PACKINGS: list[dict[str, Any]] = [{}, {"compression": "zlib"}, {"compression": "zlib", "tile": (16, 16)}]


@pytest.mark.parametrize("tag", [WIDTH, HEIGHT])
@pytest.mark.parametrize("value", [70, 20_000, 10**6, 2**31 - 1])
@pytest.mark.parametrize("packing", PACKINGS, ids=["plain", "strips", "tiles"])
def test_rows_and_columns_that_are_promised_and_not_there_are_no_pixels(tmp_path, packing, value, tag):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, photometric="minisblack", metadata=None, **packing)
    np.testing.assert_array_equal(read_image(path).array, GREY)
    np.testing.assert_array_equal(open_path(path).array[:, :], GREY)
    say(path, tag, value)
    for read in (read_image, open_path):
        if read is open_path and packing == {"compression": "zlib"} and tag == WIDTH:
            continue  # told when that strip is read
        with pytest.raises(ImageError, match=r"a\.tif.*(truncated|damaged|more memory)"):
            read(path)


def test_an_image_larger_than_the_memory_is_not_begun(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    monkeypatch.setattr(memory, "free_memory", lambda: GREY.nbytes - 1)
    with pytest.raises(ImageError, match=r"a\.tif has shape \(24, 36\).*crop it"):
        read_image(tmp_path / "a.tif")


def test_the_memory_that_is_free_is_known_from_the_system_or_not_at_all(tmp_path, monkeypatch):
    given = tmp_path / "meminfo"
    monkeypatch.setattr(memory, "MEMINFO", given)
    total = free_memory()
    given.write_text("MemTotal: 9 kB\nMemAvailable:    3 kB\n")
    assert free_memory() == 3 * 1024
    for text in ("MemTotal: 9 kB\n", "MemAvailable:\n", "MemAvailable: much kB\n"):
        given.write_text(text)
        assert free_memory() == total
    monkeypatch.delattr("os.sysconf")
    assert free_memory() is None
    check_room(tmp_path, (1,), 10**30)  # not known: it is tried
