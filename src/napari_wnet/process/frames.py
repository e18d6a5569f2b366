"""Objects through a pipe between two processes of this program: a pickle, and beside it the arrays it speaks of.

Arrays are written from where they lie and read to where they stay: each costs its size once in either process,
without the copy that a pickle of them would be. Pickles run code when they are read, so this is for the pipe between
a program and its own child and for nothing else: no file and no socket.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Sequence
from typing import Any, Protocol

Parts = Sequence[memoryview | bytearray]
PICKLE_PROTOCOL = 5
"""The first that leaves arrays outside the pickle."""


class Readable(Protocol):
    """What frames are read from."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Read at most as many bytes as fit."""


class Writable(Protocol):
    """What frames are written to: a buffered file, which writes all it is given."""

    def write(self, data: bytes | memoryview | bytearray, /) -> object:
        """Write all of the bytes."""

    def flush(self) -> None:
        """Let nothing wait in memory."""


def encode(value: object) -> Parts:
    """Return the parts of a frame: the pickle, then each array's memory, not copied.

    Raises
    ------
    pickle.PicklingError, AttributeError, TypeError
        If the value cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=PICKLE_PROTOCOL, buffer_callback=buffers.append)
    return [memoryview(head), *(buffer.raw() for buffer in buffers)]


def decode(parts: Parts) -> Any:
    """Return the value of a frame; its arrays use the memory of the parts."""
    return pickle.loads(parts[0], buffers=parts[1:])


def write_parts(file: Writable, parts: Parts) -> None:
    """Write a frame: the number of its parts, their sizes in bytes, the parts.

    Raises
    ------
    OSError
        If nobody reads any more.
    """
    sizes = [len(part) for part in parts]
    file.write(struct.pack(f"<{1 + len(sizes)}Q", len(sizes), *sizes))
    for part in parts:
        file.write(part)
    file.flush()


def read_parts(file: Readable) -> Parts:
    """Read a frame.

    Raises
    ------
    EOFError
        If the other side has ended, also in the middle of a frame.
    """
    (count,) = struct.unpack("<Q", _read(file, 8))
    sizes = struct.unpack(f"<{count}Q", _read(file, 8 * count))
    return [_read(file, size) for size in sizes]


def _read(file: Readable, size: int) -> bytearray:
    data = bytearray(size)
    view, done = memoryview(data), 0
    while done < size:
        got = file.readinto(view[done:])
        if not got:
            raise EOFError
        done += got
    return data
