"""What goes wrong with one file is that file's alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from napari_wnet.batch.job import FileResult
from napari_wnet.errors import NoRoomError, WNetError

Made = TypeVar("Made")
logger = logging.getLogger("napari_wnet")


def outcome(path: Path, make: Callable[[], Made]) -> Made | FileResult:
    """Return what a function makes of a file, or, whatever goes wrong there, that it failed.

    Raises
    ------
    NoRoomError
        If the disk is full: other files would fare no better.
    """
    try:
        return make()
    except NoRoomError:
        raise
    except Exception as error:  # noqa: BLE001 - hundreds of other files wait behind this one
        return failure(path, error)


def failure(path: Path, error: Exception) -> FileResult:
    """Return what is said of a file that failed."""
    if isinstance(error, WNetError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "There is not enough memory for this image; close other programs, or cut it into parts."
    else:
        logger.error("%s could not be segmented", path, exc_info=error)
        text = f"An unexpected error ({type(error).__name__}: {error}); please report it."
    return FileResult(path=path, state="failed", error=text)
