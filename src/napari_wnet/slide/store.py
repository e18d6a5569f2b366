"""What a run keeps on the disk until it ends: arrays in zarr, and a file for each block that is complete."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_wnet.atomic import atomic_path, write_text, writing
from napari_wnet.core.tiling import Window
from napari_wnet.errors import OutputError
from napari_wnet.json_values import differences, read_json
from napari_wnet.slide.grid import Grid

if TYPE_CHECKING:
    import zarr

Array = npt.NDArray[Any]
JOB = "job.json"
ARRAYS = "arrays.zarr"
GONE = ".old"
FORMAT_VERSION = 1
GIGABYTE = 10**9
CHANGED = frozenset(f"{what}.{how}" for what in ("input", "foreground") for how in ("modified", "shape", "dtype"))
"""What is different where the file of a slide or its mask was replaced, as one that was damaged."""


@dataclass(frozen=True)
class Work:
    """The folder of a run that is not finished.

    Attributes
    ----------
    path : Path
    """

    path: Path

    def result(self, stage: str, name: str) -> Path:
        """Return the file whose presence says that a piece of work is complete."""
        return self.path / stage / f"{name}.npz"

    def is_done(self, stage: str, name: str) -> bool:
        """Tell whether a piece of work is complete."""
        return self.result(stage, name).is_file()

    def save(self, stage: str, name: str, arrays: Mapping[str, Any], *, packed: bool = False) -> None:
        """Write the result of a piece of work in one step; what it wrote into arrays counts from now on."""
        with atomic_path(self.result(stage, name), overwrite=True) as partial, partial.open("wb") as file:
            (np.savez_compressed if packed else np.savez)(file, **arrays)

    def load(self, stage: str, name: str) -> dict[str, Array]:
        """Read the result of a piece of work.

        Raises
        ------
        OutputError
            If it is damaged.
        """
        path = self.result(stage, name)
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
                return dict(arrays)
        except Exception as error:
            raise self.damaged(path, error) from error

    def create_array(self, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: str) -> None:
        """Make an array of zeros, unless it is there."""
        import zarr
        from zarr.codecs import BloscCodec, Crc32cCodec

        if (self.path / ARRAYS / name / "zarr.json").is_file():
            return
        with writing(self.path):
            zarr.create_array(
                self.path / ARRAYS / name,
                shape=shape,
                chunks=chunks,
                dtype=dtype,
                fill_value=0,
                # The check sum tells a damaged chunk from labels that would be wrong.
                compressors=[BloscCodec(cname="lz4", clevel=3, shuffle="shuffle"), Crc32cCodec()],
                overwrite=True,
            )

    def read(self, name: str, window: Window) -> Array:
        """Read a window of an array.

        Raises
        ------
        OutputError
            If it is damaged.
        """
        path = self.path / ARRAYS / name
        try:
            return np.asarray(open_array(path)[window])
        except Exception as error:
            raise self.damaged(path, error) from error

    def write(self, name: str, window: Window, values: Array) -> None:
        """Write a window of an array that consists of whole chunks."""
        with writing(self.path):
            open_array(self.path / ARRAYS / name)[window] = values

    def damaged(self, path: Path, error: Exception) -> OutputError:
        """Return what to say of temporary data that cannot be read."""
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return OutputError(
            f"{path}, temporary data of a run that was interrupted, is damaged ({reason}). "
            f"Delete the folder {self.path} and run again."
        )

    def remove(self) -> None:
        """Delete the folder and all that is in it; half deleted, it is never taken for a run."""
        self.sweep()
        if self.path.is_dir():
            with writing(self.path):
                self.path.rename(self.path.with_name(self.path.name + GONE))
            self.sweep()

    def sweep(self) -> None:
        """Delete what a crash while deleting has left."""
        shutil.rmtree(self.path.with_name(self.path.name + GONE), ignore_errors=True)


def written_at(path: Path) -> int:
    """Return when a file was last changed: what is remembered of it holds as long as this does."""
    return path.stat().st_mtime_ns


def open_array(path: Path) -> zarr.Array[Any]:
    """Open a zarr array for reading and writing; the last ones stay open."""
    metadata = next(file for file in (path / "zarr.json", path / ".zarray") if file.is_file())
    return _open(path, written_at(metadata))


@lru_cache(maxsize=16)
def _open(path: Path, _: int) -> zarr.Array[Any]:
    import zarr
    from zarr.storage import LocalStore

    return zarr.open_array(LocalStore(path), mode="r+")


def begin(work: Work, facts: Mapping[str, Any], *, afresh: bool = False) -> bool:
    """Prepare the folder of a run, and tell whether an interrupted one is gone on with.

    One of a file that has changed meanwhile is begun anew.

    Parameters
    ----------
    work : Work
    facts : mapping
        Everything that decides what the labels are; JSON values.
    afresh : bool
        Delete what another run has left, instead of refusing it.

    Raises
    ------
    OutputError
        If a run with other facts was begun there, of a file that has not changed meanwhile; the message says which.
    """
    wanted = json.loads(json.dumps({"format_version": FORMAT_VERSION, **facts}))
    job = work.path / JOB
    if job.is_file():
        try:
            found = read_json(job)
        except (OSError, ValueError):
            found = {}
        if found == wanted:
            return True
        other = differences(found, wanted)
        if not afresh and not CHANGED.issuperset(other):
            raise OutputError(
                f"{work.path} holds a run that was interrupted and differs in: {', '.join(other)}."
                " Run it again as it was begun, or have it replaced (--overwrite), or choose another folder (--out)."
            )
    work.remove()
    write_text(job, json.dumps(wanted, indent=2, sort_keys=True) + "\n")
    return False


def check_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk has no room for.

    Raises
    ------
    OutputError
        If fewer than `needed` bytes are free; the message says how many are missing.
    """
    there = next(parent for parent in (folder, *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise OutputError(
            f"About {_bytes(needed)} are needed on the disk of {folder} and {_bytes(free)} are free: "
            f"{_bytes(needed - free)} are missing. Make room or choose another disk (--out)."
        )


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= GIGABYTE else f"{-(-count // 10**6)} MB"


def create_arrays(work: Work, grid: Grid, embedding_dim: int, *, given: bool) -> None:
    """Make the arrays of a run; `given`: there is a foreground of the user's."""
    chunk = grid.chunk
    work.create_array("distance", grid.shape, chunk, "float16")
    work.create_array("embedding", (*grid.shape, embedding_dim), (*chunk, embedding_dim), "int16")
    for name in ("mask", "given") if given else ("mask",):
        work.create_array(name, grid.shape, chunk, "uint8")
    for name in ("parts", "objects", "pieces"):
        work.create_array(name, grid.shape, chunk, "int32")
