"""What every peer's script shares: reading and writing folders, and the clock. Runs in each peer's own environment.

Only the standard library, numpy and tifffile are imported, which all of them have.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

Segment = Callable[[np.ndarray], np.ndarray]


def arguments() -> argparse.Namespace:
    """Return what the benchmark asks of a peer."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=("train", "predict"))
    parser.add_argument("--data", type=Path, required=True, help="train/, validation/ and test/ with images and labels")
    parser.add_argument("--part", default="validation")
    parser.add_argument("--model", type=Path, required=True, help="folder of what was trained")
    parser.add_argument("--out", type=Path, help="folder for labels and times")
    parser.add_argument("--minutes", type=float, default=0.0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--recipe", default="", help="which of several recipes or ready models, where a peer has such")
    given = parser.parse_args()
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    return given


def read(data: Path, part: str) -> tuple[list[str], list[np.ndarray], list[np.ndarray]]:
    """Return names, grey images and labels of a part."""
    paths = sorted((data / part / "images").glob("*.tif"))
    images = [tifffile.imread(path) for path in paths]
    labels = [tifffile.imread(data / part / "labels" / path.name).astype(np.int32) for path in paths]
    return [path.stem for path in paths], images, labels


def predict(given: argparse.Namespace, segment: Segment, *, size_bytes: int, about: dict[str, Any]) -> None:
    """Segment each image of a part, by the clock, after one that only warms up; write labels and times."""
    given.out.mkdir(parents=True, exist_ok=True)
    names, images, _ = read(given.data, given.part)
    segment(images[0])
    seconds = []
    for name, image in zip(names, images, strict=True):
        began = time.perf_counter()
        labels = segment(image)
        seconds.append(time.perf_counter() - began)
        tifffile.imwrite(given.out / f"{name}.tif", labels.astype(np.uint16), compression="zlib")
    note = {
        "seconds": sum(seconds),
        "megapixels": sum(image.shape[0] * image.shape[1] for image in images) / 1e6,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "size_bytes": size_bytes,
        **about,
    }
    write(given.out / "times.json", note)


def write(path: Path, note: dict[str, Any]) -> None:
    """Write a note, whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(note, indent=1))
    part.rename(path)


def size_of(path: Path) -> int:
    """Return the bytes of a file."""
    return path.stat().st_size
