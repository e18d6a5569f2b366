"""The files of a zarr folder, each looked at before it is believed: such folders come from other people."""

from __future__ import annotations

import bz2
import lzma
import stat
import zlib
from pathlib import Path
from types import MappingProxyType
from typing import Any

from zarr.abc.store import ByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from napari_wnet.errors import ImageError

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
MOST_METADATA_BYTES = 64 * 2**20
BLOSC_HEADER = 16
"""Bytes; the lengths of what was packed and of the whole chunk are among them."""
SLACK, SPARE_BYTES = 16, 2**20
"""What a chunk may unpack to, in lengths of its pixels and bytes: filters may store pixels in wider types."""
MUCH_BYTES = 2**30
MOST_DEFLATED = 1032
"""Bytes that one byte of deflate can stand for."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SIZES = MappingProxyType({0: 0, 1: 2, 2: 4, 3: 8})
ZSTD_DICTIONARIES = (0, 1, 2, 4)


class GuardedStore(LocalStore):
    """A local folder of which nothing is read that lies elsewhere, is no plain file, or unpacks to far too much.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path | str, *, read_only: bool = True) -> None:
        super().__init__(root, read_only=read_only)
        self._packing, self._most = "", 0

    def expect(self, packing: str, chunk_bytes: int) -> None:
        """Say how chunks are packed, and how many bytes of pixels each holds: what unpacks to far more is refused."""
        self._packing, self._most = packing.lower(), SLACK * chunk_bytes + SPARE_BYTES

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a file, or a part of it; None if there is none.

        Raises
        ------
        ImageError
            If it leads out of the folder, is no file, is cut short or unpacks to far more than it should.
        """
        path = self.root / key
        self._check_file(path)
        found = await super().get(key, prototype, byte_range)
        if found is not None and self._packing and path.name not in METADATA:
            check_packed(found.to_bytes(), self._packing, self._most, path)
        return found

    def _check_file(self, path: Path) -> None:
        try:
            link, info = path.is_symlink(), path.stat()
        except FileNotFoundError:
            return
        if (link or path.parent != self.root) and not path.resolve().is_relative_to(self.root.resolve()):
            raise ImageError(
                f"{path} is a link that leads out of its folder. If you trust it, copy the folder with what its links "
                "lead to ('cp -rL')."
            )
        if not stat.S_ISREG(info.st_mode) and not stat.S_ISDIR(info.st_mode):
            raise ImageError(f"{path} is no file; do not trust this folder.")
        if path.name in METADATA and info.st_size > MOST_METADATA_BYTES:
            raise ImageError(f"{path} is much too large for metadata; copy or export the image again.")


def check_packed(data: bytes, packing: str, most: int, path: Path) -> None:
    """Refuse a chunk that is truncated or unpacks to more than it may, where the library would not notice.

    c-blosc, which trusts the length that a chunk states, reads on into whatever lies behind it in memory; others fill
    the memory with what a few bytes stand for.

    Parameters
    ----------
    data : bytes
        The chunk as stored.
    packing : str
        Name of the compression, in lower case, as zarr has it.
    most : int
        Bytes that it may unpack to.
    path : Path
        For the message.

    Raises
    ------
    ImageError
    """
    if "blosc" in packing:
        stated = int.from_bytes(data[12:BLOSC_HEADER], "little")
        if len(data) < BLOSC_HEADER or len(data) < stated:
            raise ImageError(f"{path} is truncated: pixels are missing at its end. Copy or export the image again.")
        unpacked = int.from_bytes(data[4:8], "little")
    elif "zstd" in packing:
        unpacked = _zstd_size(data)
    elif "lz4" in packing:
        unpacked = int.from_bytes(data[:4], "little")
    else:
        unpacked = most + 1 if _swells(data, packing, most) else 0
    if unpacked > most:
        raise ImageError(f"{path} unpacks to far more than its pixels; it is damaged or a trap, do not trust it.")


def packing_of(array: Any) -> str:
    """Return the name of what the chunks of a zarr array are packed with; empty for none, and for shards."""
    if array.shards is not None or not array.compressors:
        return ""
    last = array.compressors[-1]
    return str(getattr(last, "codec_id", "") or type(last).__name__).lower()


def _zstd_size(data: bytes) -> int:
    """Return how many bytes a Zstandard frame says it unpacks to; 0 where it does not say."""
    if len(data) < 6 or data[:4] != ZSTD_MAGIC:
        return 0
    described = data[4]
    single = described >> 5 & 1
    place = 5 + (0 if single else 1) + ZSTD_DICTIONARIES[described & 3]
    length = ZSTD_SIZES[described >> 6] or single
    size = int.from_bytes(data[place : place + length], "little")
    return size + 256 if length == 2 else size


def _swells(data: bytes, packing: str, most: int) -> bool:
    """Tell, by unpacking no more than that, whether a chunk unpacks to more than it may; for those that can at all."""
    try:
        if "gzip" in packing or "zlib" in packing:
            if len(data) * MOST_DEFLATED <= max(MUCH_BYTES, most):
                return False
            return len(zlib.decompressobj(wbits=47).decompress(data, most + 1)) > most
        if "bz2" in packing:
            return len(bz2.BZ2Decompressor().decompress(data, most + 1)) > most
        if "lzma" in packing:
            return len(lzma.LZMADecompressor().decompress(data, most + 1)) > most
    except (zlib.error, OSError, lzma.LZMAError, EOFError):
        pass  # whoever unpacks it says what is wrong
    return False
