"""One window at a time for a folder: a lock of the system's own, which ends with its process however that ends."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import sys
from pathlib import Path

from napari_wnet.errors import OutputError, ProjectError

LOCK = "project.lock"
IN_USE = "open in another window{0}; close it there, or choose another folder"
TAKEN = frozenset({errno.EACCES, errno.EAGAIN, errno.EDEADLK})
FAR = 2**30
"""Where the lock lies, for Windows: what is locked cannot be read there, and who has the lock should be."""


class FolderLock:
    """The right to change a folder, until :meth:`release` or the end of this process.

    A lock file that a killed process left behind is taken over: the file says who, the system's lock says whether. On a
    disk that has no locks, as some network disks, there is nothing to hold and the folder is used all the same.

    Parameters
    ----------
    folder : Path
        Made if need be.
    name : str
        Of the lock file.
    in_use : str
        What is said of a folder that another process has, ``{0}`` being which.
    shown : Path, optional
        The folder that is named in messages, where the lock file lies in a hidden one within it.

    Raises
    ------
    ProjectError
        If another process has it.
    OutputError
        If the folder cannot be written to.
    """

    def __init__(self, folder: Path, name: str = LOCK, in_use: str = IN_USE, shown: Path | None = None) -> None:
        self._path = folder / name
        shown = folder if shown is None else shown
        while True:
            self._handle: int | None = _opened(self._path, shown)
            try:
                _grab(self._handle)
            except OSError as error:
                if error.errno in TAKEN:
                    os.close(self._handle)
                    raise ProjectError(f"{shown} is {in_use.format(_owner(self._path))}.") from error
            if _is_there(self._path, self._handle):
                break
            os.close(self._handle)  # who had it took the file away meanwhile: others would not see this lock
        self._note(f"{os.getpid()} {platform.node()}\n")

    @property
    def held(self) -> bool:
        """Whether the folder is still this one's to change."""
        return self._handle is not None

    def release(self, *, remove: bool = False) -> None:
        """Let others have the folder, with `remove` without the lock file; a second time does nothing."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        with contextlib.suppress(OSError):
            os.ftruncate(handle, 0)
        if remove and sys.platform != "win32":  # before another one can have it
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(handle)  # and with it the lock
        if remove and sys.platform == "win32":
            with contextlib.suppress(OSError):  # what another one has open cannot be taken away there
                self._path.unlink()

    def _note(self, text: str) -> None:
        assert self._handle is not None
        with contextlib.suppress(OSError):  # a full disk; the lock holds without it
            os.ftruncate(self._handle, 0)
            os.write(self._handle, text.encode())


def _opened(path: Path, shown: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
    except OSError as error:
        raise OutputError(
            f"{shown} cannot be written to ({error.strerror or error}); choose another folder."
        ) from error


def _is_there(path: Path, handle: int) -> bool:
    """Tell whether a name still leads to the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except OSError:
        return False


def _grab(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, FAR, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _owner(path: Path) -> str:
    try:
        with path.open("rb") as file:
            words = file.read(200).decode(errors="replace").split()
    except OSError:
        return ""
    return f" (process {words[0]} on {words[-1]})" if len(words) == 2 else ""
