"""Zarr folders that other people wrote: nothing is read elsewhere, and a few bytes do not become all of the memory."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from napari_wnet.errors import ImageError
from napari_wnet.io import ngff_packing
from napari_wnet.io.images import read_image
from napari_wnet.io.ngff import open_ngff
from napari_wnet.io.ngff_store import GuardedStore
from napari_wnet.io.sidecar import file_sha256
from napari_wnet.slide.source import open_slide

IMAGE = np.random.default_rng(0).integers(1, 255, (40, 50), np.uint8)
CODECS = [numcodecs.Blosc(), numcodecs.Zstd(), numcodecs.GZip(), numcodecs.Zlib(), numcodecs.BZ2(), numcodecs.LZMA()]
CODECS.append(numcodecs.LZ4())
BOMB = bytes(50_000_000)
"""Zeros: what a few kilobytes unpack to."""


def write(path: Path, codec: object = "auto", version: int = 2) -> tuple[Path, Path]:
    """Write an array of one chunk; return its folder and the chunk's file."""
    array = zarr.create_array(str(path), data=IMAGE, chunks=(40, 50), compressors=codec, zarr_format=version)
    assert array.nchunks == 1
    (chunk,) = (file for file in path.rglob("*") if file.is_file() and file.name[0] in "0123456789")
    return path, chunk


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.codec_id)
def test_what_is_packed_well_is_read(tmp_path, codec, monkeypatch):
    monkeypatch.setattr(ngff_packing, "MUCH_BYTES", 0)  # so that deflate, too, is looked into
    path, _ = write(tmp_path / "a.zarr", codec)
    np.testing.assert_array_equal(read_image(path).array, IMAGE)
    np.testing.assert_array_equal(open_ngff(path).levels[0][3:9, 4:6], IMAGE[3:9, 4:6])


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.codec_id)
def test_a_chunk_that_unpacks_to_far_more_than_its_pixels_is_refused(tmp_path, codec, monkeypatch):
    monkeypatch.setattr(ngff_packing, "MUCH_BYTES", 10_000_000)
    path, chunk = write(tmp_path / "a.zarr", codec)
    chunk.write_bytes(bytes(codec.encode(BOMB)))
    with pytest.raises(ImageError, match="far more than its pixels"):
        read_image(path)
    with pytest.raises(ImageError, match="far more than its pixels"):
        open_ngff(path).levels[0][:2, :2]


def zstd_frame(blocks: list[tuple[int, bytes]]) -> bytes:
    """Return a Zstandard frame that does not state its size, as streams do not: blocks of bytes, or of one repeated."""
    frame = bytearray(b"\x28\xb5\x2f\xfd\x00\x58")
    for number, (times, content) in enumerate(blocks):
        size, last = times or len(content), number == len(blocks) - 1
        frame += (size << 3 | (2 if times else 0) | last).to_bytes(3, "little") + content
    return bytes(frame)


SKIPPED = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"12345"
HALVES = IMAGE.tobytes()[:1000], IMAGE.tobytes()[1000:]


@pytest.mark.parametrize(
    "stored",
    [
        zstd_frame([(0, IMAGE.tobytes())]),
        zstd_frame([(0, half) for half in HALVES]),
        zstd_frame([(0, HALVES[0])]) + SKIPPED + bytes(numcodecs.Zstd().encode(HALVES[1])),
        bytes(numcodecs.Zstd(checksum=True).encode(HALVES[0])) + zstd_frame([(0, HALVES[1]), (0, b"")]),
    ],
    ids=["one block", "two blocks", "two frames", "checksum"],
)
def test_zstd_that_does_not_state_its_size_is_read(tmp_path, stored):
    path, chunk = write(tmp_path / "a.zarr", numcodecs.Zstd())
    chunk.write_bytes(stored)
    np.testing.assert_array_equal(read_image(path).array, IMAGE)


REPEATED = [(2**17, b"x")] * 400
"""50 MB."""


@pytest.mark.parametrize(
    "stored",
    [
        zstd_frame(REPEATED),
        bytes(numcodecs.Zstd().encode(IMAGE.tobytes())) + zstd_frame(REPEATED),
        SKIPPED + zstd_frame(REPEATED[:1]) * 400,
        zstd_frame([(0, b"")] * 20_000),
        SKIPPED * 20_000,
        bytes(numcodecs.Zstd().encode(IMAGE.tobytes())) * 600,
    ],
    ids=["one frame", "behind another", "many frames", "empty blocks", "nothing", "many that state it"],
)
def test_zstd_that_does_not_state_how_much_it_unpacks_to_is_counted(tmp_path, stored, monkeypatch):
    monkeypatch.setattr(ngff_packing, "MUCH_BYTES", 10_000_000)
    path, chunk = write(tmp_path / "a.zarr", numcodecs.Zstd())
    chunk.write_bytes(stored)
    with pytest.raises(ImageError, match="far more than its pixels"):
        read_image(path)
    with pytest.raises(ImageError, match="far more than its pixels"):
        open_ngff(path).levels[0][:2, :2]


BLOCKS = st.lists(
    st.one_of(
        st.tuples(st.just(0), st.binary(max_size=20)),
        st.tuples(st.integers(1, 2**17), st.binary(min_size=1, max_size=1)),
    ),
    min_size=1,
    max_size=4,
)
FRAMES = st.one_of(
    BLOCKS.map(zstd_frame),
    st.just(SKIPPED),
    st.integers(0, 100_000).map(lambda size: bytes(numcodecs.Zstd().encode(bytes(size)))),
    st.binary(max_size=30),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(FRAMES, max_size=5).map(b"".join))
def test_what_unpacks_to_more_than_it_may_is_refused_whatever_it_is_made_of(stored):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ngff_packing, "MUCH_BYTES", 0)
        try:
            ngff_packing.check_packed(memoryview(stored), "zstd", 4000, Path("a.zarr"))
        except ImageError:
            return
    try:
        unpacked = numcodecs.Zstd().decode(stored)
    except RuntimeError:  # damaged, which is noticed while it is unpacked
        return
    assert len(unpacked) <= ngff_packing.ZSTD_SPLIT * 4000


def test_a_chunk_that_is_larger_than_the_memory_is_not_tried(tmp_path):
    path, _ = write(tmp_path / "a.zarr")
    info = json.loads((path / ".zarray").read_text())
    (path / ".zarray").write_text(json.dumps(info | {"chunks": [10**7, 10**7]}))
    with pytest.raises(ImageError, match="more memory than there is"):
        open_ngff(path)


@pytest.mark.parametrize("version", [2, 3])
def test_nothing_is_read_behind_a_link_that_leads_out(tmp_path, version):
    path, chunk = write(tmp_path / "a.zarr", version=version)
    elsewhere = tmp_path / "secret"
    chunk.rename(elsewhere)
    chunk.symlink_to(elsewhere)
    before = file_sha256(path)
    with pytest.raises(ImageError, match=r"leads out of its folder.*cp -rL"):
        read_image(path)
    with pytest.raises(ImageError, match="leads out"):
        open_ngff(path).levels[0][:2, :2]
    elsewhere.write_bytes(b"other")
    assert file_sha256(path) == before  # not read for the hash either


@pytest.mark.parametrize("name", [".zarray", "zarr.json"])
def test_nor_are_metadata(tmp_path, name):
    path, _ = write(tmp_path / "a.zarr", version=2 if name == ".zarray" else 3)
    (path / name).rename(tmp_path / "secret")
    (path / name).symlink_to(tmp_path / "secret")
    with pytest.raises(ImageError, match="leads out"):
        read_image(path)


def test_links_within_and_to_the_folder_are_followed(tmp_path):
    path, chunk = write(tmp_path / "a.zarr")
    chunk.rename(path / "kept")
    chunk.symlink_to("kept")
    (tmp_path / "link.zarr").symlink_to(path)
    np.testing.assert_array_equal(read_image(tmp_path / "link.zarr").array, IMAGE)


@pytest.mark.parametrize("kind", ["pipe", "device", "loop"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path, chunk = write(tmp_path / "a.zarr")
    chunk.unlink()
    if kind == "pipe":
        os.mkfifo(chunk)
    else:
        chunk.symlink_to("/dev/zero" if kind == "device" else chunk)
    with pytest.raises(ImageError, match=r"a\.zarr"):
        read_image(path)


def test_metadata_of_gigabytes_is_not_parsed(tmp_path):
    path, _ = write(tmp_path / "a.zarr")
    os.truncate(path / ".zarray", 2**32)  # sparse
    with pytest.raises(ImageError, match="much too large"):
        read_image(path)


SHARDED = np.random.default_rng(1).integers(1, 255, (64, 64), np.uint8)


def all_windows(path: Path) -> None:
    """Read chunk by chunk as slides are read, so that no shard is read whole."""
    slide = open_slide(path, 1)
    for row in range(0, 64, 16):
        for column in range(0, 64, 16):
            slide.read_raw((slice(row, row + 2), slice(column, column + 2)))


def write_shards(path: Path, codec: object, place: str = "end") -> tuple[Path, Path]:
    """Write an array of two shards of eight chunks each, one of them empty; return its folder and the first shard."""
    sharded = zarr.codecs.ShardingCodec(
        chunk_shape=(16, 16), codecs=[zarr.codecs.BytesCodec(), codec], index_location=place
    )
    array = zarr.create(
        store=str(path), shape=(64, 64), chunks=(32, 64), dtype="u1", fill_value=0, codecs=[sharded], zarr_format=3
    )
    array[:] = SHARDED
    array[16:32, :16] = 0
    return path, path / "c" / "0" / "0"


def spoil_shard(shard: Path, data: bytes, place: str) -> None:
    """Put other bytes at the end of a shard, and have its list lead to them for the third chunk that is there."""
    whole, length = shard.read_bytes(), 8 * 16
    listed = whole[: length + 4] if place == "start" else whole[-length - 4 :]
    chunks = whole[length + 4 :] if place == "start" else whole[: -length - 4]
    places = np.frombuffer(listed[:length], "<u8").reshape(-1, 2).copy()
    there = np.flatnonzero(places[:, 1] != 2**64 - 1)
    assert len(there) == 7
    before = length + 4 if place == "start" else 0
    places[there[2]] = before + len(chunks), len(data)
    listed = bytes(numcodecs.CRC32C(location="end").encode(places.tobytes()))
    shard.write_bytes(listed + chunks + data if place == "start" else chunks + data + listed)


SHARD_CODECS = [zarr.codecs.ZstdCodec(), zarr.codecs.GzipCodec(), zarr.codecs.BloscCodec()]


@pytest.mark.parametrize("place", ["end", "start"])
@pytest.mark.parametrize("codec", SHARD_CODECS, ids=lambda codec: type(codec).__name__)
def test_shards_are_read_and_their_chunks_are_looked_at_too(tmp_path, codec, place, monkeypatch):
    monkeypatch.setattr(ngff_packing, "MUCH_BYTES", 0)
    path, shard = write_shards(tmp_path / "a.zarr", codec, place)
    expected = SHARDED.copy()
    expected[16:32, :16] = 0
    np.testing.assert_array_equal(read_image(path).array, expected)
    np.testing.assert_array_equal(open_ngff(path).levels[0][3:40, 4:20], expected[3:40, 4:20])
    packed = {"ZstdCodec": numcodecs.Zstd(), "GzipCodec": numcodecs.GZip(), "BloscCodec": numcodecs.Blosc()}
    fine = packed[type(codec).__name__].encode(np.full((16, 16), 7, np.uint8))
    spoil_shard(shard, bytes(fine), place)
    assert (np.asarray(read_image(path).array)[:32] == 7).sum() > 256  # the stand-in's own way of spoiling is sound
    spoil_shard(shard, bytes(packed[type(codec).__name__].encode(BOMB)), place)
    with pytest.raises(ImageError, match="far more than its pixels"):
        read_image(path)
    with pytest.raises(ImageError, match="far more than its pixels"):
        all_windows(path)


@pytest.mark.parametrize("place", ["end", "start"])
@pytest.mark.parametrize("kept", [0, 1, 140])
def test_a_shard_that_is_cut_short_is_refused(tmp_path, place, kept):
    path, shard = write_shards(tmp_path / "a.zarr", zarr.codecs.ZstdCodec(), place)
    shard.write_bytes(shard.read_bytes()[:kept])
    with pytest.raises(ImageError, match=r"truncated|damaged|lists pixels"):
        read_image(path)
    with pytest.raises(ImageError, match=r"truncated|damaged|lists pixels"):
        all_windows(path)


def rewrite_list(shard: Path, entry: tuple[int, int], place: str) -> None:
    """Have a shard's list lead elsewhere for the third chunk that is there."""
    whole, length = bytearray(shard.read_bytes()), 8 * 16
    begin = 0 if place == "start" else len(whole) - length - 4
    places = np.frombuffer(bytes(whole[begin : begin + length]), "<u8").reshape(-1, 2).copy()
    places[np.flatnonzero(places[:, 1] != 2**64 - 1)[2]] = entry
    whole[begin : begin + length + 4] = bytes(numcodecs.CRC32C(location="end").encode(places.tobytes()))
    shard.write_bytes(bytes(whole))


@pytest.mark.parametrize("place", ["end", "start"])
@pytest.mark.parametrize(
    "entry", [(10**6, 20), (2**63, 2**63), (5, 2**64 - 20), (140, 0), "upon the list", (2**64 - 1, 8)], ids=str
)
def test_a_list_that_leads_out_of_the_shard_or_upon_itself_is_refused(tmp_path, place, entry):
    """Upon itself: there, 16 bytes of its own could pose as a chunk that unpacks to anything."""
    path, shard = write_shards(tmp_path / "a.zarr", zarr.codecs.BloscCodec(), place)
    if entry == "upon the list":
        entry = (0, 16) if place == "start" else (shard.stat().st_size - 20, 16)
    rewrite_list(shard, entry, place)
    with pytest.raises(ImageError, match="lists pixels where it has none"):
        read_image(path)
    with pytest.raises(ImageError, match="lists pixels where it has none"):
        all_windows(path)


def test_many_chunks_that_are_one_and_the_same_are_looked_at_once(tmp_path, monkeypatch):
    path, shard = write_shards(tmp_path / "a.zarr", zarr.codecs.ZstdCodec())
    seen = []
    monkeypatch.setattr(ngff_packing, "check_packed", lambda data, *_: seen.append(len(data)))
    whole, length = shard.read_bytes(), 8 * 16
    places = np.frombuffer(whole[-length - 4 : -4], "<u8").reshape(-1, 2).copy()
    places[:] = places[np.flatnonzero(places[:, 1] != 2**64 - 1)[0]]
    shard.write_bytes(whole[: -length - 4] + bytes(numcodecs.CRC32C(location="end").encode(places.tobytes())))
    read_image(path)
    assert len(seen) == 1 + 8  # of this shard, and of the other


def test_chunks_in_a_shard_are_counted_before_their_list_is_read(tmp_path, monkeypatch):
    path, _ = write_shards(tmp_path / "a.zarr", zarr.codecs.ZstdCodec())
    monkeypatch.setattr(ngff_packing, "MOST_CHUNKS", 7)
    with pytest.raises(ImageError, match="8 chunks in a shard"):
        open_ngff(path)


def sharded_array(path: Path, codecs: list[object]) -> Path:
    """Write the picture with any codecs."""
    array = zarr.create(store=str(path), shape=(64, 64), chunks=(32, 64), dtype="u1", codecs=codecs, zarr_format=3)
    array[:] = SHARDED
    return path


@pytest.mark.filterwarnings("ignore:Combining a .sharding_indexed. codec")
def test_axes_may_be_exchanged_before_an_array_is_cut_into_shards(tmp_path):
    sharded = zarr.codecs.ShardingCodec(
        chunk_shape=(16, 16), codecs=[zarr.codecs.BytesCodec(), zarr.codecs.ZstdCodec()]
    )
    path = sharded_array(tmp_path / "a.zarr", [zarr.codecs.TransposeCodec(order=(1, 0)), sharded])
    np.testing.assert_array_equal(read_image(path).array, SHARDED)
    np.testing.assert_array_equal(open_ngff(path).levels[0][3:40, 4:20], SHARDED[3:40, 4:20])


@pytest.mark.filterwarnings("ignore:Combining a .sharding_indexed. codec")
@pytest.mark.parametrize(
    ("codecs", "message"),
    [
        ([zarr.codecs.ShardingCodec(chunk_shape=(16, 16)), zarr.codecs.GzipCodec()], "packed as a whole"),
        (
            [
                zarr.codecs.ShardingCodec(
                    chunk_shape=(16, 16), index_codecs=[zarr.codecs.BytesCodec(endian="big"), zarr.codecs.Crc32cCodec()]
                )
            ],
            "lists of its shards",
        ),
        (
            [zarr.codecs.ShardingCodec(chunk_shape=(16, 16), codecs=[zarr.codecs.ShardingCodec(chunk_shape=(8, 8))])],
            "shards within shards",
        ),
        ([zarr.codecs.BytesCodec(), zarr.codecs.ZstdCodec(), zarr.codecs.GzipCodec()], "packed twice"),
    ],
)
def test_what_cannot_be_looked_into_is_refused(tmp_path, codecs, message):
    with pytest.raises(ImageError, match=message):
        open_ngff(sharded_array(tmp_path / "a.zarr", codecs))


@pytest.mark.parametrize("name", ["Zstd", "Blosc"])
def test_a_checksum_hides_no_packing(tmp_path, name):
    codec = {"Zstd": zarr.codecs.ZstdCodec(), "Blosc": zarr.codecs.BloscCodec()}[name]
    path = sharded_array(tmp_path / "a.zarr", [zarr.codecs.BytesCodec(), codec, zarr.codecs.Crc32cCodec()])
    np.testing.assert_array_equal(read_image(path).array, SHARDED)
    bomb = bytes(getattr(numcodecs, name)().encode(BOMB))
    (path / "c" / "0" / "0").write_bytes(bytes(numcodecs.CRC32C(location="end").encode(bomb)))
    with pytest.raises(ImageError, match="far more than its pixels"):
        read_image(path)


def test_every_way_to_read_a_file_is_guarded(tmp_path):
    path, chunk = write(tmp_path / "a.zarr", version=3)
    chunk.rename(tmp_path / "secret")
    chunk.symlink_to(tmp_path / "secret")
    store, key = GuardedStore(path), str(chunk.relative_to(path))
    prototype = default_buffer_prototype()
    with pytest.raises(ImageError, match="leads out"):
        asyncio.run(store.get(key, prototype))
    with pytest.raises(ImageError, match="leads out"):
        asyncio.run(store.get_partial_values(prototype, [(key, None)]))
    if hasattr(LocalStore, "get_sync"):  # from zarr 3.1 on
        with pytest.raises(ImageError, match="leads out"):
            store.get_sync(key, prototype=prototype)
