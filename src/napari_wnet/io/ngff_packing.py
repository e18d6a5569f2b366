"""How the chunks of a zarr array are packed, and whether what was read of them can be unpacked safely."""

from __future__ import annotations

import bz2
import lzma
import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
from zarr.codecs import BytesCodec, Crc32cCodec, ShardingCodec

from napari_wnet.errors import ImageError

BLOSC_HEADER = 16
"""Bytes; the lengths of what was packed and of the whole chunk are among them."""
SLACK, SPARE_BYTES = 16, 2**20
"""What a chunk may unpack to, in lengths of its pixels and bytes: filters may store pixels in wider types."""
MUCH_BYTES = 2**30
MOST_DEFLATED = 1032
"""Bytes that one byte of deflate can stand for."""
SHARD_ENTRY, CHECKSUM = 16, 4
"""Bytes: where a chunk begins within a shard and how long it is; and what guards a chunk, or the list of these."""
ABSENT = 2**64 - 1
MOST_CHUNKS = 1_000_000
"""In one shard: its list, 16 MB then, is read before any pixel."""
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPED = 0x184D2A5
"""First 28 bits of a frame that is not read."""
ZSTD_LEAST, ZSTD_BLOCK = 8, 2**17
"""Bytes: of the shortest frame, and of the most that a block unpacks to."""
ZSTD_SPLIT = 8
"""Parts into which a block may be split, beside `SLACK`."""
ZSTD_REPEATED, ZSTD_COMPRESSED = 1, 2
ZSTD_COUNTED = 2**10
"""Bytes that a block counts for at least, so that empty ones cannot go on without an end."""
ZSTD_SIZES = MappingProxyType({0: 0, 1: 2, 2: 4, 3: 8})
ZSTD_DICTIONARIES = (0, 1, 2, 4)
PACKINGS = ("blosc", "zstd", "lz4", "gzip", "zlib", "bz2", "lzma", "packbits", "pcodec", "zfpy")


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

    def places(self, listed: npt.NDArray[np.uint8], file_bytes: int, path: Path) -> list[tuple[int, int]]:
        """Return offset and length of each chunk that a shard's list names, each once.

        Raises
        ------
        ImageError
            If the list is cut short, or a chunk lies outside of the file or upon the list.
        """
        if len(listed) < self.n_bytes:
            raise truncated(path)
        entries = listed[: SHARD_ENTRY * self.n_chunks].view("<u8").reshape(-1, 2)
        there = np.unique(entries[(entries != ABSENT).any(axis=1)], axis=0)
        offsets, lengths = there.T
        low, high = (self.n_bytes, file_bytes) if self.first else (0, file_bytes - self.n_bytes)
        # Each alone first, so that no sum runs over.
        outside = (offsets < low) | (offsets > high) | (lengths < 1) | (lengths > high)
        if outside.any() or (offsets + lengths > high).any() or int(lengths.sum(dtype=object)) > file_bytes:
            raise ImageError(f"{path} lists pixels where it has none; it is damaged. Copy or export the image again.")
        return [(int(offset), int(length)) for offset, length in there]


@dataclass(frozen=True, kw_only=True)
class Packing:
    """How the chunks of an array are packed.

    Attributes
    ----------
    name : str
        Of the compression, in lower case, as zarr has it; empty for none.
    n_checksum : int
        Bytes after what is packed.
    most : int
        Bytes that a chunk may unpack to.
    index : ShardIndex or None
        Where shards list their chunks; None where each chunk is a file.
    """

    name: str
    n_checksum: int
    most: int
    index: ShardIndex | None

    def check(self, chunk: npt.NDArray[np.uint8], path: Path) -> None:
        """Refuse a chunk, as stored, that is truncated or unpacks to more than it may.

        Raises
        ------
        ImageError
        """
        if self.name:
            check_packed(chunk[: len(chunk) - self.n_checksum].data, self.name, self.most, path)


def packing_of(array: Any, path: Path) -> Packing:
    """Return how the chunks of a zarr array are packed, those within its shards if it has such.

    Raises
    ------
    ImageError
        If it is packed in a way in which chunks cannot be looked at before they are unpacked.
    """
    codecs = tuple(getattr(array.metadata, "codecs", ()))
    sharding = next((codec for codec in codecs if isinstance(codec, ShardingCodec)), None)
    if sharding is None:
        name, n_checksum = _compression([*array.filters, *array.compressors], path)
        return Packing(name=name, n_checksum=n_checksum, most=_most(array.chunks, array), index=None)
    if codecs[-1] is not sharding:
        raise ImageError(f"{path} has shards that are packed as a whole, which are not read; save it without that.")
    name, n_checksum = _compression(sharding.codecs, path)
    # A count, as axes may be exchanged before an array is cut into shards.
    count = math.prod(array.metadata.chunk_grid.chunk_shape) // math.prod(sharding.chunk_shape)
    return Packing(
        name=name,
        n_checksum=n_checksum,
        most=_most(sharding.chunk_shape, array),
        index=_index(sharding, count, path),
    )


def _most(shape: Sequence[int], array: Any) -> int:
    return SLACK * math.prod(shape) * int(array.dtype.itemsize) + SPARE_BYTES


def _index(sharding: ShardingCodec, count: int, path: Path) -> ShardIndex:
    codecs = tuple(sharding.index_codecs)
    plain = isinstance(codecs[0], BytesCodec) and _word(codecs[0].endian) in ("none", "little")
    if not plain or any(not isinstance(codec, Crc32cCodec) for codec in codecs[1:]):
        raise ImageError(f"{path} packs the lists of its shards, which is not read; save it with zarr's own shards.")
    if count > MOST_CHUNKS:
        raise ImageError(f"{path} has {count:,} chunks in a shard; save it with at most {MOST_CHUNKS:,}.")
    first = _word(sharding.index_location) == "start"
    return ShardIndex(n_chunks=count, n_bytes=SHARD_ENTRY * count + CHECKSUM * (len(codecs) - 1), first=first)


def _word(value: Any) -> str:
    """Return a setting of zarr's in lower case; before version 3.4 they are members of enumerations."""
    return str(getattr(value, "value", value)).lower()


def _compression(codecs: Sequence[Any], path: Path) -> tuple[str, int]:
    """Return the name of what packs last, and how many bytes of checksums come after it."""
    if any(isinstance(codec, ShardingCodec) for codec in codecs):
        raise ImageError(f"{path} has shards within shards, which are not read; save it with plain chunks.")
    names = [str(getattr(codec, "codec_id", "") or type(codec).__name__).lower() for codec in codecs]
    n_checksum = 0
    while codecs and isinstance(codecs[-1], Crc32cCodec):
        codecs, names, n_checksum = codecs[:-1], names[:-1], n_checksum + CHECKSUM
    if any(packing in name for name in names[:-1] for packing in PACKINGS):
        raise ImageError(f"{path} is packed twice, or with a checksum that is not known; save it with one compression.")
    last = names[-1] if names else ""
    return (last if any(packing in last for packing in PACKINGS) else ""), n_checksum


def truncated(path: Path) -> ImageError:
    """Return the error that pixels are missing at the end of a file."""
    return ImageError(f"{path} is truncated: pixels are missing at its end. Copy or export the image again.")


def check_packed(data: memoryview, packing: str, most: int, path: Path) -> None:
    """Refuse a chunk that is truncated or unpacks to more than it may, where the library would not notice.

    c-blosc, which trusts the length that a chunk states, reads on into whatever lies behind it in memory; others fill
    the memory with what a few bytes stand for.

    Parameters
    ----------
    data : memoryview
        The bytes of the chunk as stored.
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
            raise truncated(path)
        swells = int.from_bytes(data[4:8], "little") > most
    elif "lz4" in packing:
        swells = int.from_bytes(data[:4], "little") > most
    else:
        swells = (_zstd_swells if "zstd" in packing else partial(_swells, packing=packing))(data, most=most)
    if swells:
        raise ImageError(f"{path} unpacks to far more than its pixels; it is damaged or a trap, do not trust it.")


def _zstd_swells(data: memoryview, most: int) -> bool:
    """Tell whether Zstandard frames unpack to more than they may, by what they state and by how many blocks they have.

    Frames need not state their size, and where one of several does not, nothing is made of what the others state. A
    block unpacks to `ZSTD_BLOCK` bytes at most, but a good packer makes many smaller ones: room is left for these. What
    is damaged ends the count, as whoever unpacks it says what is wrong. Source: RFC 8878.
    """
    limit = max(MUCH_BYTES, ZSTD_SPLIT * most)
    place = stated = possible = 0
    while place + ZSTD_LEAST <= len(data) and stated <= most and possible <= limit:
        if data[place : place + 4] == ZSTD_MAGIC:
            described = data[place + 4]
            single, checked = described >> 5 & 1, described >> 2 & 1
            place += (5 if single else 6) + ZSTD_DICTIONARIES[described & 3]
            length = ZSTD_SIZES[described >> 6] or single
            stated += int.from_bytes(data[place : place + length], "little") + (256 if length == 2 else 0)
            place, unpacked = _zstd_blocks(data, place + length, limit - possible)
            place, possible = place + 4 * checked, possible + unpacked
        elif int.from_bytes(data[place : place + 4], "little") >> 4 == ZSTD_SKIPPED:
            place += 8 + int.from_bytes(data[place + 4 : place + 8], "little")
            possible += ZSTD_COUNTED
        else:
            break
    return stated > most or possible > limit


def _zstd_blocks(data: memoryview, place: int, limit: int) -> tuple[int, int]:
    """Return where the blocks of a frame end that begin there, and the bytes that they can unpack to.

    Counting ends above the limit.
    """
    unpacked = last = 0
    while not last and place + 3 <= len(data):
        head = int.from_bytes(data[place : place + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        unpacked += ZSTD_BLOCK if kind == ZSTD_COMPRESSED else max(size, ZSTD_COUNTED)
        place += 3 + (1 if kind == ZSTD_REPEATED else size)
        if unpacked > limit:
            break
    return place, unpacked


def _swells(data: memoryview, packing: str, most: int) -> bool:
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
