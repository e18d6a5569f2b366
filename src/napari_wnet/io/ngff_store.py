"""The files of a zarr folder, each looked at before it is believed: such folders come from other people."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from zarr.abc.store import ByteRequest, RangeByteRequest
from zarr.core.buffer import Buffer, BufferPrototype
from zarr.storage import LocalStore

from napari_wnet.errors import ImageError
from napari_wnet.io.ngff_packing import Packing, ShardIndex, truncated

METADATA = ("zarr.json", ".zgroup", ".zarray", ".zattrs")
MOST_METADATA_BYTES = 64 * 2**20


class GuardedStore(LocalStore):
    """A local folder of which nothing is read that lies elsewhere, is no plain file, or unpacks to far too much.

    Parameters
    ----------
    root : Path
    """

    def __init__(self, root: Path | str, *, read_only: bool = True) -> None:
        super().__init__(root, read_only=read_only)
        self._packing: Packing | None = None

    def expect(self, packing: Packing) -> None:
        """Say how chunks are packed: what unpacks to far more than its pixels is refused from now on."""
        self._packing = packing

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
        self._check_found(found, path, byte_range)
        return found

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Do as `get`, at once."""
        path = self.root / key
        self._check_file(path)
        found = super().get_sync(key, prototype=prototype, byte_range=byte_range)
        self._check_found(found, path, byte_range)
        return found

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Do as `get`, for several."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    def _check_found(self, found: Buffer | None, path: Path, asked: ByteRequest | None) -> None:
        if found is None or self._packing is None or path.name in METADATA:
            return
        data = np.frombuffer(found.as_numpy_array(), np.uint8)
        index = self._packing.index
        if index is None:
            self._packing.check(data, path)
        elif asked is None:
            for offset, length in index.places(_list_of(data, index), len(data), path):
                self._packing.check(data[offset : offset + length], path)
        elif not isinstance(asked, RangeByteRequest) or (index.first and asked.start == 0):
            # No chunk lies upon the list, so that this is the list itself.
            index.places(data, path.stat().st_size, path)
        elif len(data) < asked.end - asked.start:
            raise truncated(path)
        else:
            self._packing.check(data, path)

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


def _list_of(shard: npt.NDArray[np.uint8], index: ShardIndex) -> npt.NDArray[np.uint8]:
    """Return the list of a whole shard."""
    return shard[: index.n_bytes] if index.first else shard[max(len(shard) - index.n_bytes, 0) :]
