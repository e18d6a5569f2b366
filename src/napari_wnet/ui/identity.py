"""How an image is known again when it is open another day: by its pixels, or if these are too many, by its file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from napari_wnet.project import pixels_sha256

LARGEST_READ = 2**28
"""Bytes of pixels up to which an image that is not in memory is read as a whole."""
N_SAMPLES = 9
SAMPLE_PX = 32


def image_key(pixels: Any, path: str) -> str:
    """Return a text that only this image has.

    Parameters
    ----------
    pixels : array-like
        A lazy one is read: the whole of it, or if it is huge, a few pixels.
    path : str
        File or folder of the image, where known.
    """
    in_memory = isinstance(pixels, np.ndarray) and not isinstance(pixels, np.memmap)
    if in_memory or pixels.nbytes <= LARGEST_READ:
        return pixels_sha256(pixels)
    digest = hashlib.sha256(f"{tuple(pixels.shape)} {np.dtype(pixels.dtype).str} {path} {_changed(path)}".encode())
    for sample in _samples(tuple(pixels.shape)):  # they tell layers apart that were made of the same file
        digest.update(np.ascontiguousarray(pixels[sample]).data)
    return digest.hexdigest()


def _changed(path: str) -> int:
    """Return when a file was changed; 0 for a folder, which changes with whatever is put beside the image."""
    return Path(path).stat().st_mtime_ns if Path(path).is_file() else 0


def _samples(shape: tuple[int, ...]) -> Iterator[tuple[slice, ...]]:
    """Yield small windows, spread over an image whose two longest axes are its height and width."""
    second, first = np.argsort(shape, kind="stable")[-2:]
    for number in range(N_SAMPLES):
        spread = {first: number, second: number * 4 % N_SAMPLES}
        window = []
        for axis, length in enumerate(shape):
            size = min(length, SAMPLE_PX if axis in spread else 4)
            begin = int((length - size) * spread.get(axis, number) / (N_SAMPLES - 1))
            window.append(slice(begin, begin + size))
        yield tuple(window)
