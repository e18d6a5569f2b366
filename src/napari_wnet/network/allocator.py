"""Memory for tensors on the processor, taken once and used again from tile to tile.

The C library of Linux asks the system for each block above 32 MB anew and gives it back at once; the system then clears
every page of it again. For the tensors of a tile that costs a quarter to a third of the time.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator
from typing import Any

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX = -1, -3, -4  # of glibc's malloc.h
DEFAULT_MMAP_MAX = 65536
LARGEST_MMAP_THRESHOLD = 32 * 2**20
KEPT_BYTES = 512 * 2**20
"""Free memory kept for the next image; more goes back to the system."""
LARGEST_INT = 2**31 - 1

_lock = threading.Lock()
_users = 0


@contextlib.contextmanager
def reusing_memory() -> Iterator[None]:
    """Let this process keep and reuse freed memory, of any block size, while the block runs.

    Where the C library is not that of Linux, nothing is changed. Blocks may nest and overlap in several threads.
    """
    global _users
    library = _glibc()
    if library is None:
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            library.mallopt(M_MMAP_MAX, 0)
            library.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                library.mallopt(M_MMAP_MAX, DEFAULT_MMAP_MAX)
                # What the library would have come to by itself, had it not been told anything.
                library.mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)
                library.mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _glibc() -> Any:
    """Return the C library if it has glibc's settings."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "gnu_get_libc_version") else None
