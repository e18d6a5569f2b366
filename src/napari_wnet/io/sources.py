"""Where the files that a sidecar names are now."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_wnet.errors import ImageError
from napari_wnet.io.ngff import is_zarr
from napari_wnet.io.sidecar import file_sha256


def source_path(
    file: Mapping[str, Any], sidecar: Path, *, moved_to: str | Path | None = None, remedy: str = ""
) -> Path:
    """Return where a file that a sidecar names is now: where it was, or beside the sidecar, or from there.

    Parameters
    ----------
    file : mapping
        What the sidecar says of it: ``path``, ``absolute_path`` and ``sha256``.
    sidecar : Path
    moved_to : str or Path, optional
        Where it may be, too.
    remedy : str
        What else can be done where it is not found: a sentence, with the space before it.

    Raises
    ------
    ImageError
        If it is nowhere, or another file now, or was no file at all.
    """
    if file["absolute_path"] is None:
        raise ImageError(f"{sidecar} is of an array that was in no file; segment that again where it is made." + remedy)
    places = [Path(file["absolute_path"]), sidecar.parent / file["path"], sidecar.parent / Path(file["path"]).name]
    places += [] if moved_to is None else [Path(moved_to)]
    there: list[Path] = [path for path in places if path.is_file() or is_zarr(path)]
    if not there:
        raise ImageError(f"{places[0]} is not there any more; put it back, or beside {sidecar.name}." + remedy)
    same = next((path for path in there if file_sha256(path) == str(file["sha256"])), None)
    if same is None:
        raise ImageError(f"{there[0]} has changed since {sidecar.name} was written; segment it anew." + remedy)
    return same
