"""Whether an image fits into memory: a few bytes of a header can promise any number of pixels."""

from __future__ import annotations

import os
from pathlib import Path

from napari_wnet.errors import ImageError

MEMINFO = Path("/proc/meminfo")


def check_room(path: Path, shape: tuple[int, ...], needed: int) -> None:
    """Refuse an image that memory has no room for, before any of it is made.

    Parameters
    ----------
    path : Path
        For the message.
    shape : tuple of int
        Of the image, for the message.
    needed : int
        Bytes.

    Raises
    ------
    ImageError
    """
    memory = free_memory()
    if memory is not None and needed > memory:
        raise ImageError(
            f"{path} has shape {shape} and needs {needed / 1e9:.0f} GB, more memory than there is; "
            "crop it, or cut it into parts."
        )


def free_memory() -> int | None:
    """Return the bytes of memory that programs can still have; of all of it where only that is told, or None."""
    try:
        for line in MEMINFO.read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return 1024 * int(line.split()[1])
    except (OSError, ValueError, IndexError):  # not Linux
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
