"""Files that are complete or not there at all: written beside their place, then moved into it."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from napari_wnet.errors import NoRoomError, OutputError

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
        raise _explained(path, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary folder to fill, and put it in place when the block ends without an error.

    As :func:`atomic_path`, for results that are folders, such as zarr's. A folder that is replaced is first moved
    aside, so that a crash leaves the old one, the new one or neither, but never a mixture under that name.

    Parameters
    ----------
    path : str or Path
        Where the finished folder goes.
    overwrite : bool
        Whether a folder that is there already may be replaced, with all that is in it.

    Yields
    ------
    Path
        The temporary folder: there, and empty.

    Raises
    ------
    OutputError
        If `path` exists and may not be replaced, is a file, or cannot be written.
    """
    path = Path(path)
    refuse_existing_folder(path, overwrite=overwrite)
    partial, aside = (path.with_name(f".{secrets.token_hex(8)}{PARTIAL}") for _ in range(2))
    try:
        partial.mkdir(parents=True)
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                _flush(file)
        refuse_existing_folder(path, overwrite=overwrite)
        _swap_folder(path, partial, aside)
        _flush_folder(path.parent)
    except OSError as error:
        raise _explained(path, error) from error
    finally:
        for left in (partial, aside):
            shutil.rmtree(left, ignore_errors=True)


def _swap_folder(path: Path, partial: Path, aside: Path) -> None:
    if path.exists():
        path.rename(aside)
    try:
        partial.rename(path)
    except OSError:
        if aside.exists():
            aside.rename(path)
        raise


def refuse_existing_folder(path: Path, *, overwrite: bool) -> None:
    """Do what :func:`refuse_existing` does for results that are folders.

    Raises
    ------
    OutputError
        If `path` is a file, or a folder while `overwrite` is off.
    """
    if path.is_dir() and overwrite:
        return
    if path.is_dir() or path.exists():
        remedy = "have it replaced (--overwrite)" if path.is_dir() else "give the name of a folder"
        raise OutputError(f"{path} exists already; choose another folder (--out) or {remedy}.")


def write_text(path: str | Path, text: str, *, overwrite: bool = False) -> None:
    r"""Write text as UTF-8, its line ends as they are: see :func:`write_bytes`.

    Bytes of a file's name that are no UTF-8, as from older systems, become ``\udcff``, which JSON reads as it was.
    """
    write_bytes(path, text.encode(errors="backslashreplace"), overwrite=overwrite)


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
        raise _explained(path, error) from error
    if is_folder:
        raise OutputError(f"{path} is a folder; give the name of a file in it.")
    if exists and not overwrite:
        raise OutputError(f"{path} exists already; choose another folder (--out) or have it replaced (--overwrite).")


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says of a file that cannot be written into words for the user.

    Raises
    ------
    OutputError
        For an OSError in the block; :class:`NoRoomError` where the disk is full.
    """
    try:
        yield
    except OSError as error:
        raise _explained(path, error) from error


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


def _explained(path: Path, error: OSError) -> OutputError:
    # numpy and tifffile report a short write without an error number.
    full = error.errno in FULL or (error.errno is None and "written" in str(error))
    return (NoRoomError if full else OutputError)(_explain(path, error, full))


def _explain(path: Path, error: OSError, full: bool) -> str:
    reason = error.strerror or str(error)
    if full:
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
