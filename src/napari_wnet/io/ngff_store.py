"""The files of a zarr folder, each looked at before it is believed: such folders come from other people."""

from __future__ import annotations

import bz2
import lzma
import math
import stat
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from zarr.abc.store import ByteRequest, RangeByteRequest
from zarr.codecs import Crc32cCodec, ShardingCodec, ShardingCodecIndexLocation
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
SHARD_ENTRY, CHECKSUM = 16, 4
"""Bytes: where a chunk begins within a shard and how long it is; and what guards the list of these."""
ABSENT = 2**64 - 1
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SIZES = MappingProxyType({0: 0, 1: 2, 2: 4, 3: 8})
ZSTD_DICTIONARIES = (0, 1, 2, 4)


@dataclass(frozen=True, kw_only=True)
class ShardIndex:
    """Where, within a shard, the list of its chunks stands.

    Attributes
    ----------
    n_chunks : int
        In each shard.
    n_bytes : int
        Of the list, its checksum included.
    first : bool
        Whether it comes before the chunks, not after them.
    """

    n_chunks: int
    n_bytes: int
    first: bool

    def chunks(self, shard: bytes) -> Iterator[bytes]:
        """Return each chunk that a shard's list says is there, as stored."""
        listed = shard[: self.n_bytes] if self.first else shard[-self.n_bytes :]
        places = np.frombuffer(listed[: SHARD_ENTRY * self.n_chunks].ljust(SHARD_ENTRY * self.n_chunks, b"\xff"), "<u8")
        for offset, length in places.reshape(-1, 2).tolist():
            if (offset, length) != (ABSENT, ABSENT):
                yield shard[offset : offset + length]


class GuardedStore(LocalStore):
    """A local folder of which nothing is read that lies elsewhere, is no plain file, or unpacks to far too much.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path | str, *, read_only: bool = True) -> None:
        super().__init__(root, read_only=read_only)
        self._packing, self._most = "", 0
        self._index: ShardIndex | None = None

    def expect(self, packing: str, chunk_bytes: int, index: ShardIndex | None = None) -> None:
        """Say how chunks are packed, how many bytes of pixels each holds, and where shards list them, if there are any.

        What unpacks to far more is refused.
        """
        self._packing, self._most = packing.lower(), SLACK * chunk_bytes + SPARE_BYTES
        self._index = index

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
            for chunk in self._chunks(found.to_bytes(), byte_range):
                check_packed(chunk, self._packing, self._most, path)
        return found

    def _chunks(self, data: bytes, asked: ByteRequest | None) -> Iterable[bytes]:
        """Return the packed chunks in what was read: all of a file, or of a shard its list or one chunk."""
        if self._index is None:
            return (data,)
        if asked is None:
            return self._index.chunks(data)
        a_list = not isinstance(asked, RangeByteRequest) or (self._index.first and asked.start == 0)
        return () if a_list else (data,)

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
    """Return the name of what the chunks of a zarr array, those within its shards, are packed with; empty for none."""
    if not array.compressors:
        return ""
    last = array.compressors[-1]
    return str(getattr(last, "codec_id", "") or type(last).__name__).lower()


def shard_index_of(array: Any, path: Path) -> ShardIndex | None:
    """Return where the shards of a zarr array list their chunks; None for an array without shards.

    Raises
    ------
    ImageError
        If there are shards within shards.
    """
    sharding = next(
        (codec for codec in getattr(array.metadata, "codecs", ()) if isinstance(codec, ShardingCodec)), None
    )
    if sharding is None:
        return None
    if any(isinstance(codec, ShardingCodec) for codec in sharding.codecs):
        raise ImageError(f"{path} has shards within shards, which are not read; save it with plain chunks.")
    count = math.prod(outer // inner for outer, inner in zip(array.shards, array.chunks, strict=True))
    checksums = sum(isinstance(codec, Crc32cCodec) for codec in sharding.index_codecs)
    first = sharding.index_location == ShardingCodecIndexLocation.start
    return ShardIndex(n_chunks=count, n_bytes=SHARD_ENTRY * count + CHECKSUM * checksums, first=first)


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
