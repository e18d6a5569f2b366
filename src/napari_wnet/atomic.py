"""Files that are complete or not there at all: written beside their place, then moved into it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from napari_wnet.errors import OutputError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
PARTIAL = ".partial"
"""Ending of unfinished files; their names also start with a dot, so that no folder listing takes them for results."""


@contextlib.contextmanager
def atomic_path(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary file to write, and put it in place when the block ends without an error.

    The temporary file lies in the folder of `path`, which is made if need be, and is flushed to the disk before it
    takes the place of `path` in one step. A crash, a kill or a full disk never leaves half a file under that name.

    Parameters
    ----------
    path : str or Path
        Where the finished file goes.
    overwrite : bool
        Whether a file that is there already may be replaced.

    Yields
    ------
    Path
        The temporary file: empty, to be written under this very name (its ending says nothing of the format).

    Raises
    ------
    OutputError
        If `path` exists and may not be replaced, or cannot be written: the message says why and what to do.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    partial = path.with_name(f".{secrets.token_hex(8)}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not tempfile: its files are readable by their owner alone, and so would the results be.
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        yield partial
        _flush(partial)
        refuse_existing(path, overwrite=overwrite)  # someone else may have written it meanwhile
        partial.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise OutputError(_explain(path, error)) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: str | Path, text: str, *, overwrite: bool = False) -> None:
    """Write text as UTF-8, its line ends as they are: see :func:`write_bytes`."""
    write_bytes(path, text.encode(), overwrite=overwrite)


def write_bytes(path: str | Path, data: bytes, *, overwrite: bool = False) -> None:
    """Write bytes, all of them or nothing.

    Raises
    ------
    OutputError
        As :func:`atomic_path`.
    """
    with atomic_path(path, overwrite=overwrite) as partial:
        partial.write_bytes(data)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse a place where something is that must not be replaced, before any work is done for it.

    Raises
    ------
    OutputError
        If `path` is a folder, or a file while `overwrite` is off.
    """
    # Path.is_dir and Path.exists raise where a folder on the way may not be entered: that too is for the user to read.
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise OutputError(_explain(path, error)) from error
    if is_folder:
        raise OutputError(f"{path} is a folder; give the name of a file in it.")
    if exists and not overwrite:
        raise OutputError(f"{path} exists already; choose another folder (--out) or have it replaced (--overwrite).")


def _flush(partial: Path) -> None:
    # Opened for writing, since Windows flushes no other kind of file.
    with partial.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the new name itself survive a power cut, where the system has a way to."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _explain(path: Path, error: OSError) -> str:
    reason = error.strerror or str(error)
    # numpy and tifffile report a short write without an error number.
    if error.errno in FULL or (error.errno is None and "written" in str(error)):
        room = _free(path.parent)
        return f"{path} could not be written: the disk is full{room}. Make room or choose another disk (--out)."
    if error.errno == errno.EFBIG:
        return f"{path} could not be written: larger than this disk or account allows. Choose another disk (--out)."
    if error.errno in FORBIDDEN:
        return f"{path} could not be written: no permission for {path.parent}. Choose another folder (--out)."
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return f"{path} could not be written: {path.parent} is not a folder. Choose another (--out)."
    if error.errno == errno.ENAMETOOLONG:
        return f"{path} could not be written: its name is too long for this disk. Give the input a shorter name."
    return f"{path} could not be written ({reason}). Choose another folder (--out)."


def _free(folder: Path) -> str:
    try:
        return f", {shutil.disk_usage(folder).free / 1e6:.0f} MB are free"
    except OSError:
        return ""


def unwritten(path: Path, error: OSError) -> OutputError:
    """Return the error for something that the system did not write: why, and what to do about it."""
    return OutputError(_explain(path, error))
